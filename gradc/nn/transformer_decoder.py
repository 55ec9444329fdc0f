"""Blocks of attention to oneself and to a memory, and stacks of them."""

from __future__ import annotations

import copy
from typing import cast

from gradc.errors import ArgumentTypeError
from gradc.functional.activation import relu
from gradc.ir.dtype import DType
from gradc.nn.attention import MultiheadAttention
from gradc.nn.container import ModuleList
from gradc.nn.dropout import Dropout
from gradc.nn.linear import Linear, check_size
from gradc.nn.module import Module
from gradc.nn.normalization import LayerNorm
from gradc.nn.transformer import Activation, activation_of
from gradc.tensor import Tensor


class TransformerDecoderLayer(Module):
    """x = norm1(x + self-attention(x)); x = norm2(x + attention(x, memory)); x = norm3(x + F(x)).

    F(x) = W2 activation(W1 x). With norm_first the norms stand before what is added:
    x + self-attention(norm1(x)), and so on.

    Args:
        d_model: features.
        nhead: heads of both attentions.
        dim_feedforward: features inside the feed-forward network.
        dropout: probability of each Dropout, and of the attentions'.
        activation: `relu`, `gelu` or a function of a tensor.
        layer_norm_eps: eps of all LayerNorms.
        batch_first: inputs are `[batch, length, features]`, not `[length, batch, features]`.
        norm_first: normalize what goes into a part instead of what comes out of the sum.
        bias: whether the Linear and LayerNorm layers have one.
        device: where the parameters are made.
        dtype: of the parameters.

    Example:
        >>> import gradc
        >>> layer = gradc.nn.TransformerDecoderLayer(d_model=8, nhead=2, batch_first=True)
        >>> layer(gradc.zeros(2, 5, 8), gradc.zeros(2, 7, 8)).shape
        gradc.Size([2, 5, 8])

    Source: Vaswani, Shazeer, Parmar, et al., "Attention is all you need", 2017, arXiv:1706.03762.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()

        def attention() -> MultiheadAttention:
            return MultiheadAttention(
                d_model,
                nhead,
                dropout,
                bias,
                batch_first=batch_first,
                device=device,
                dtype=dtype,
            )

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.self_attn = attention()
        self.multihead_attn = attention()
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1, self.norm2, self.norm3 = norm(), norm(), norm()
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout) for _ in range(3))
        self.activation = activation_of("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the block's output, of tgt's shape.

        Args:
            tgt: `[length, batch, d_model]`, or as batch_first says, or without a batch.
            memory: what the encoder gave, of any length.
            tgt_mask: attn_mask of the attention to tgt.
            memory_mask: attn_mask of the attention to the memory.
            tgt_key_padding_mask: key_padding_mask of the attention to tgt.
            memory_key_padding_mask: key_padding_mask of the attention to the memory.
            tgt_is_causal: tgt_mask is the causal one.
            memory_is_causal: memory_mask is the causal one.
        """
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        far = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *far)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *far))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Return what the attention to the sequence itself gives."""
        mixed, _ = self.self_attn(
            x,
            x,
            x,
            attn_mask=attn_mask,
            key_padding_mask=padding,
            need_weights=False,
            is_causal=is_causal,
        )
        return self.dropout1(mixed)

    def _mha_block(
        self,
        x: Tensor,
        memory: Tensor,
        attn_mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        """Return what the attention to the memory gives."""
        mixed, _ = self.multihead_attn(
            x,
            memory,
            memory,
            attn_mask=attn_mask,
            key_padding_mask=padding,
            need_weights=False,
            is_causal=is_causal,
        )
        return self.dropout2(mixed)

    def _ff_block(self, x: Tensor) -> Tensor:
        """Return what the feed-forward network gives."""
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout3(self.linear2(hidden))


class TransformerDecoder(Module):
    """Copies of one decoder layer, one after the other.

    Args:
        decoder_layer: the layer that is copied; all copies start with its parameters.
        num_layers: how many.
        norm: applied to the last layer's output, where it is given.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        given = cast("object", decoder_layer)
        if not isinstance(given, Module):
            raise ArgumentTypeError(
                f"TransformerDecoder: decoder_layer must be a Module, got {type(given).__name__}"
            )
        check_size("TransformerDecoder", "num_layers", num_layers)
        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the last layer's output, normalized where there is a norm.

        Args: as for the layers; tgt_is_causal None and False read the mask itself.
        """
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)
