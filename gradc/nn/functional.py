"""PyTorch's name for the functions behind layers and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.lazy import lazily

if TYPE_CHECKING:
    from gradc.functional.activation import (
        celu,
        elu,
        gelu,
        glu,
        logsigmoid,
        mish,
        relu,
        selu,
        sigmoid,
        silu,
        softplus,
        softsign,
        tanh,
        tanhshrink,
    )
    from gradc.functional.adaptive_max_pooling import adaptive_max_pool1d, adaptive_max_pool2d
    from gradc.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d
    from gradc.functional.attention import scaled_dot_product_attention
    from gradc.functional.binary import binary_cross_entropy, binary_cross_entropy_with_logits
    from gradc.functional.classification import cross_entropy, nll_loss
    from gradc.functional.convolution import conv1d, conv2d
    from gradc.functional.ctc import ctc_loss
    from gradc.functional.distance import (
        cosine_embedding_loss,
        cosine_similarity,
        pairwise_distance,
        triplet_margin_loss,
        triplet_margin_with_distance_loss,
    )
    from gradc.functional.divergence import gaussian_nll_loss, kl_div, poisson_nll_loss
    from gradc.functional.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d
    from gradc.functional.embedding import embedding
    from gradc.functional.embedding_bag import embedding_bag
    from gradc.functional.grid import affine_grid, grid_sample
    from gradc.functional.linear import bilinear, linear, one_hot
    from gradc.functional.margin import (
        hinge_embedding_loss,
        margin_ranking_loss,
        multi_margin_loss,
        multilabel_soft_margin_loss,
        soft_margin_loss,
    )
    from gradc.functional.norm_pooling import lp_pool1d, lp_pool2d
    from gradc.functional.normalization import batch_norm, layer_norm, normalize
    from gradc.functional.pad import pad
    from gradc.functional.piecewise import (
        hardshrink,
        hardsigmoid,
        hardswish,
        hardtanh,
        leaky_relu,
        prelu,
        relu6,
        rrelu,
        softshrink,
        threshold,
    )
    from gradc.functional.pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
    from gradc.functional.rearrangement import (
        channel_shuffle,
        fold,
        pixel_shuffle,
        pixel_unshuffle,
        unfold,
    )
    from gradc.functional.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
    from gradc.functional.resampling import interpolate
    from gradc.functional.sample_norm import (
        group_norm,
        instance_norm,
        local_response_norm,
        rms_norm,
    )
    from gradc.functional.softmax import gumbel_softmax, log_softmax, softmax, softmin
    from gradc.functional.transposed_convolution import conv_transpose1d, conv_transpose2d
    from gradc.functional.volume import conv3d, conv_transpose3d
    from gradc.functional.volume_pooling import (
        adaptive_avg_pool3d,
        adaptive_max_pool3d,
        avg_pool3d,
        max_pool3d,
    )


# Where the names above live, for when they are asked for.
_HOMES = {
    "gradc.functional.grid": "affine_grid grid_sample",
    "gradc.functional.ctc": "ctc_loss",
    "gradc.functional.volume_pooling": (
        "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d max_pool3d"
    ),
    "gradc.functional.volume": "conv3d conv_transpose3d",
    "gradc.functional.activation": (
        "celu elu gelu glu logsigmoid mish relu selu sigmoid silu softplus softsign tanh tanhshrink"
    ),
    "gradc.functional.adaptive_max_pooling": "adaptive_max_pool1d adaptive_max_pool2d",
    "gradc.functional.adaptive_pooling": "adaptive_avg_pool1d adaptive_avg_pool2d",
    "gradc.functional.attention": "scaled_dot_product_attention",
    "gradc.functional.binary": "binary_cross_entropy binary_cross_entropy_with_logits",
    "gradc.functional.classification": "cross_entropy nll_loss",
    "gradc.functional.convolution": "conv1d conv2d",
    "gradc.functional.distance": (
        "cosine_embedding_loss cosine_similarity pairwise_distance triplet_margin_loss "
        "triplet_margin_with_distance_loss"
    ),
    "gradc.functional.divergence": "gaussian_nll_loss kl_div poisson_nll_loss",
    "gradc.functional.dropout": "alpha_dropout dropout dropout1d dropout2d dropout3d",
    "gradc.functional.embedding": "embedding",
    "gradc.functional.embedding_bag": "embedding_bag",
    "gradc.functional.linear": "bilinear linear one_hot",
    "gradc.functional.margin": (
        "hinge_embedding_loss margin_ranking_loss multi_margin_loss "
        "multilabel_soft_margin_loss soft_margin_loss"
    ),
    "gradc.functional.norm_pooling": "lp_pool1d lp_pool2d",
    "gradc.functional.normalization": "batch_norm layer_norm normalize",
    "gradc.functional.pad": "pad",
    "gradc.functional.piecewise": (
        "hardshrink hardsigmoid hardswish hardtanh leaky_relu prelu relu6 rrelu "
        "softshrink threshold"
    ),
    "gradc.functional.pooling": "avg_pool1d avg_pool2d max_pool1d max_pool2d",
    "gradc.functional.rearrangement": "channel_shuffle fold pixel_shuffle pixel_unshuffle unfold",
    "gradc.functional.regression": "huber_loss l1_loss mse_loss smooth_l1_loss",
    "gradc.functional.resampling": "interpolate",
    "gradc.functional.sample_norm": "group_norm instance_norm local_response_norm rms_norm",
    "gradc.functional.softmax": "gumbel_softmax log_softmax softmax softmin",
    "gradc.functional.transposed_convolution": "conv_transpose1d conv_transpose2d",
}

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
]

__getattr__, __dir__ = lazily("gradc.nn.functional", _HOMES)
