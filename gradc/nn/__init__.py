"""Modules: layers, containers and losses with PyTorch's names, defaults and state_dict keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.lazy import lazily

if TYPE_CHECKING:
    from gradc.nn import functional, init, utils
    from gradc.nn.activation import (
        CELU,
        ELU,
        GELU,
        GLU,
        SELU,
        LogSigmoid,
        Mish,
        ReLU,
        Sigmoid,
        SiLU,
        Softplus,
        Softsign,
        Tanh,
        Tanhshrink,
    )
    from gradc.nn.adaptive_pooling import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
    )
    from gradc.nn.attention import MultiheadAttention
    from gradc.nn.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
    from gradc.nn.bilinear import Bilinear
    from gradc.nn.container import ModuleDict, ModuleList, Sequential
    from gradc.nn.convolution import Conv1d, Conv2d
    from gradc.nn.ctc import CTCLoss
    from gradc.nn.distance import (
        CosineEmbeddingLoss,
        CosineSimilarity,
        PairwiseDistance,
        TripletMarginLoss,
        TripletMarginWithDistanceLoss,
    )
    from gradc.nn.divergence import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
    from gradc.nn.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d
    from gradc.nn.embedding import Embedding, EmbeddingBag
    from gradc.nn.guard import state_epoch
    from gradc.nn.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
    from gradc.nn.linear import Flatten, Identity, Linear, Unflatten
    from gradc.nn.loss import (
        BCELoss,
        BCEWithLogitsLoss,
        CrossEntropyLoss,
        HuberLoss,
        L1Loss,
        MSELoss,
        NLLLoss,
        SmoothL1Loss,
    )
    from gradc.nn.margin import (
        HingeEmbeddingLoss,
        MarginRankingLoss,
        MultiLabelSoftMarginLoss,
        MultiMarginLoss,
        SoftMarginLoss,
    )
    from gradc.nn.module import Module
    from gradc.nn.normalization import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
    from gradc.nn.pad import (
        CircularPad1d,
        CircularPad2d,
        CircularPad3d,
        ConstantPad1d,
        ConstantPad2d,
        ConstantPad3d,
        ReflectionPad1d,
        ReflectionPad2d,
        ReflectionPad3d,
        ReplicationPad1d,
        ReplicationPad2d,
        ReplicationPad3d,
        ZeroPad1d,
        ZeroPad2d,
        ZeroPad3d,
    )
    from gradc.nn.parameter import Parameter
    from gradc.nn.parameter_container import ParameterDict, ParameterList
    from gradc.nn.piecewise import (
        Hardshrink,
        Hardsigmoid,
        Hardswish,
        Hardtanh,
        LeakyReLU,
        PReLU,
        ReLU6,
        RReLU,
        Softshrink,
        Threshold,
    )
    from gradc.nn.pooling import AvgPool1d, AvgPool2d, LPPool1d, LPPool2d, MaxPool1d, MaxPool2d
    from gradc.nn.rearrangement import ChannelShuffle, Fold, PixelShuffle, PixelUnshuffle, Unfold
    from gradc.nn.recurrent import GRU, LSTM, RNN
    from gradc.nn.recurrent_cell import GRUCell, LSTMCell, RNNCell
    from gradc.nn.resampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
    from gradc.nn.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
    from gradc.nn.transformer import TransformerEncoder, TransformerEncoderLayer
    from gradc.nn.transformer_decoder import TransformerDecoder, TransformerDecoderLayer
    from gradc.nn.transformer_model import Transformer
    from gradc.nn.transposed_convolution import ConvTranspose1d, ConvTranspose2d
    from gradc.nn.volume import Conv3d, ConvTranspose3d
    from gradc.nn.volume_pooling import AdaptiveAvgPool3d, AdaptiveMaxPool3d, AvgPool3d, MaxPool3d


# Where the names above live, for when they are asked for.
_HOMES = {
    "gradc.nn.ctc": "CTCLoss",
    "gradc.nn.volume_pooling": "AdaptiveAvgPool3d AdaptiveMaxPool3d AvgPool3d MaxPool3d",
    "gradc.nn.volume": "Conv3d ConvTranspose3d",
    "gradc.nn.activation": (
        "CELU ELU GELU GLU SELU LogSigmoid Mish ReLU Sigmoid SiLU Softplus Softsign Tanh Tanhshrink"
    ),
    "gradc.nn.adaptive_pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d"
    ),
    "gradc.nn.attention": "MultiheadAttention",
    "gradc.nn.batch_norm": "BatchNorm1d BatchNorm2d BatchNorm3d",
    "gradc.nn.bilinear": "Bilinear",
    "gradc.nn.container": "ModuleDict ModuleList Sequential",
    "gradc.nn.convolution": "Conv1d Conv2d",
    "gradc.nn.distance": (
        "CosineEmbeddingLoss CosineSimilarity PairwiseDistance TripletMarginLoss "
        "TripletMarginWithDistanceLoss"
    ),
    "gradc.nn.divergence": "GaussianNLLLoss KLDivLoss PoissonNLLLoss",
    "gradc.nn.dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d",
    "gradc.nn.embedding": "Embedding EmbeddingBag",
    "gradc.nn.functional": "functional",
    "gradc.nn.guard": "state_epoch",
    "gradc.nn.init": "init",
    "gradc.nn.instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "gradc.nn.linear": "Flatten Identity Linear Unflatten",
    "gradc.nn.loss": (
        "BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss L1Loss MSELoss NLLLoss SmoothL1Loss"
    ),
    "gradc.nn.margin": (
        "HingeEmbeddingLoss MarginRankingLoss MultiLabelSoftMarginLoss MultiMarginLoss "
        "SoftMarginLoss"
    ),
    "gradc.nn.module": "Module",
    "gradc.nn.normalization": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "gradc.nn.pad": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
        "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
    ),
    "gradc.nn.parameter": "Parameter",
    "gradc.nn.parameter_container": "ParameterDict ParameterList",
    "gradc.nn.piecewise": (
        "Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU PReLU ReLU6 RReLU Softshrink Threshold"
    ),
    "gradc.nn.pooling": "AvgPool1d AvgPool2d LPPool1d LPPool2d MaxPool1d MaxPool2d",
    "gradc.nn.rearrangement": "ChannelShuffle Fold PixelShuffle PixelUnshuffle Unfold",
    "gradc.nn.recurrent": "GRU LSTM RNN",
    "gradc.nn.recurrent_cell": "GRUCell LSTMCell RNNCell",
    "gradc.nn.resampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "gradc.nn.softmax": "LogSoftmax Softmax Softmax2d Softmin",
    "gradc.nn.transformer": "TransformerEncoder TransformerEncoderLayer",
    "gradc.nn.transformer_decoder": "TransformerDecoder TransformerDecoderLayer",
    "gradc.nn.transformer_model": "Transformer",
    "gradc.nn.transposed_convolution": "ConvTranspose1d ConvTranspose2d",
    "gradc.nn.utils": "utils",
}

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "CTCLoss",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "Fold",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LPPool1d",
    "LPPool2d",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "RMSNorm",
    "RNNCell",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
    "functional",
    "init",
    "state_epoch",
    "utils",
]

__getattr__, __dir__ = lazily("gradc.nn", _HOMES)
