"""Blocks of self-attention and a feed-forward network, and stacks of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.functional.activation import gelu, relu
from gradc.ir.dtype import DType
from gradc.nn.attention import MultiheadAttention
from gradc.nn.container import ModuleList
from gradc.nn.dropout import Dropout
from gradc.nn.linear import Linear, check_size
from gradc.nn.module import Module
from gradc.nn.normalization import LayerNorm
from gradc.tensor import Tensor

Activation = Callable[[Tensor], Tensor]


class TransformerEncoderLayer(Module):
    """x = norm1(x + attention(x)); x = norm2(x + W2 activation(W1 x)).

    With norm_first: x = x + attention(norm1(x)); x = x + W2 activation(W1 norm2(x)).

    Args:
        d_model: features.
        nhead: heads of the attention.
        dim_feedforward: features inside the feed-forward network.
        dropout: probability of each Dropout, and of the attention's.
        activation: `relu`, `gelu` or a function of a tensor.
        layer_norm_eps: eps of both LayerNorms.
        batch_first: inputs are `[batch, length, features]`, not `[length, batch, features]`.
        norm_first: normalize what goes into a part instead of what comes out of the sum.
        bias: whether the Linear and LayerNorm layers have one.
        device: where the parameters are made.
        dtype: of the parameters.

    Example:
        >>> import gradc
        >>> layer = gradc.nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
        >>> layer(gradc.zeros(2, 5, 8)).shape
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
        self.self_attn = MultiheadAttention(
            d_model,
            nhead,
            dropout,
            bias,
            batch_first=batch_first,
            device=device,
            dtype=dtype,
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of("TransformerEncoderLayer", activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the block's output, of the input's shape.

        Args:
            src: `[length, batch, d_model]`, or as batch_first says, or without a batch.
            src_mask: attn_mask of the attention.
            src_key_padding_mask: key_padding_mask of the attention.
            is_causal: src_mask is the causal one.
        """
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            src = src + self._sa_block(self.norm1(src), *masks)
            return src + self._ff_block(self.norm2(src))
        src = self.norm1(src + self._sa_block(src, *masks))
        return self.norm2(src + self._ff_block(src))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Return what the attention gives."""
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

    def _ff_block(self, x: Tensor) -> Tensor:
        """Return what the feed-forward network gives."""
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))


class TransformerEncoder(Module):
    """Copies of one encoder layer, one after the other.

    Args:
        encoder_layer: the layer that is copied; all copies start with its parameters.
        num_layers: how many.
        norm: applied to the last layer's output, where it is given.
        enable_nested_tensor: taken for PyTorch's sake; padded sequences are always computed whole.
        mask_check: taken for PyTorch's sake; it belongs to nested tensors.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        given = cast("object", encoder_layer)
        if not isinstance(given, Module):
            raise ArgumentTypeError(
                f"TransformerEncoder: encoder_layer must be a Module, got {type(given).__name__}"
            )
        check_size("TransformerEncoder", "num_layers", num_layers)
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the last layer's output, normalized where there is a norm.

        Args:
            src: as for the layers.
            mask: attn_mask of every layer.
            src_key_padding_mask: key_padding_mask of every layer.
            is_causal: mask is the causal one; None and False read the mask itself.
        """
        for layer in self.layers:
            src = layer(
                src,
                src_mask=mask,
                src_key_padding_mask=src_key_padding_mask,
                is_causal=bool(is_causal),
            )
        return src if self.norm is None else self.norm(src)


def activation_of(layer: str, given: str | Activation) -> Activation:
    """Return the function of a name; functions as they are."""
    if not isinstance(given, str):
        return given
    known: dict[str, Activation] = {"relu": relu, "gelu": gelu}
    if given not in known:
        raise ArgumentError(f"{layer}: activation should be relu/gelu, not {given!r}")
    return known[given]
