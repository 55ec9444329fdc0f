"""The whole transformer: an encoder of the source and a decoder of the target."""

from __future__ import annotations

from typing import Any

from gradc.errors import ShapeError
from gradc.functional.activation import relu
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.module import Module
from gradc.nn.normalization import LayerNorm
from gradc.nn.transformer import Activation, TransformerEncoder, TransformerEncoderLayer
from gradc.nn.transformer_decoder import TransformerDecoder, TransformerDecoderLayer
from gradc.tensor import Tensor, full


class Transformer(Module):
    """An encoder of a source, and a decoder of a target that attends to what the encoder gives.

    Args:
        d_model: features.
        nhead: heads of the attentions.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: features inside the feed-forward networks.
        dropout: probability of each Dropout.
        activation: `relu`, `gelu` or a function of a tensor.
        custom_encoder: used instead of the encoder.
        custom_decoder: used instead of the decoder.
        layer_norm_eps: eps of all LayerNorms.
        batch_first: inputs are `[batch, length, features]`, not `[length, batch, features]`.
        norm_first: normalize what goes into a part instead of what comes out of the sum.
        bias: whether the Linear and LayerNorm layers have one.
        device: where the parameters are made.
        dtype: of the parameters.

    Source: Vaswani, Shazeer, Parmar, et al., "Attention is all you need", 2017, arXiv:1706.03762.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        shared: tuple[Any, ...] = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*shared)
            self.encoder: Module = TransformerEncoder(layer, num_encoder_layers, norm())
        else:
            self.encoder = custom_encoder
        if custom_decoder is None:
            part = TransformerDecoderLayer(*shared)
            self.decoder: Module = TransformerDecoder(part, num_decoder_layers, norm())
        else:
            self.decoder = custom_decoder
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoder's output, of tgt's shape.

        Args:
            src: what the encoder reads.
            tgt: what the decoder reads.
            src_mask: attn_mask of the encoder.
            tgt_mask: attn_mask of the decoder's attention to tgt.
            memory_mask: attn_mask of its attention to the encoder's output.
            src_key_padding_mask: key_padding_mask of the encoder.
            tgt_key_padding_mask: key_padding_mask of the decoder's attention to tgt.
            memory_key_padding_mask: key_padding_mask of its attention to the encoder's output.
            src_is_causal: src_mask is the causal one.
            tgt_is_causal: tgt_mask is the causal one.
            memory_is_causal: memory_mask is the causal one.

        Raises:
            ShapeError: batches of different sizes, or features that aren't d_model.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"Transformer: src and tgt must have one batch size, got {list(src.shape)} and "
                f"{list(tgt.shape)}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: src and tgt must have d_model={self.d_model} features, got "
                f"{list(src.shape)} and {list(tgt.shape)}"
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: str | None = None, dtype: DType | None = None
    ) -> Tensor:
        """Return the causal mask `[sz, sz]`: -inf above the diagonal, 0 elsewhere."""
        return full((sz, sz), float("-inf"), device=device, dtype=dtype).triu(1)
