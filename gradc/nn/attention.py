"""Attention with several heads as a module."""

from __future__ import annotations

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.functional.attention import attended, masked, scores
from gradc.functional.dropout import dropout
from gradc.functional.linear import linear
from gradc.functional.reduction import check_floating
from gradc.functional.softmax import softmax
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import Linear, check_size
from gradc.nn.masks import Masks
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, cat, empty, zeros


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that PyTorch prints for the output map of MultiheadAttention."""


class MultiheadAttention(Module):
    """concat(head_1, ..., head_h) W_o, head_i = attention(Q W_i^Q, K W_i^K, V W_i^V).

    Args:
        embed_dim: features of queries and outputs.
        num_heads: number of heads; each has embed_dim / num_heads features.
        dropout: probability with which an attention weight is set to 0 in training.
        bias: whether the maps of inputs and output add a bias.
        add_bias_kv: whether a learnt key and value join the given ones.
        add_zero_attn: whether a key and value of zeros join the given ones.
        kdim: features of the keys, embed_dim where it is None.
        vdim: features of the values, embed_dim where it is None.
        batch_first: inputs are `[batch, length, features]`, not `[length, batch, features]`.
        device: where the parameters are made.
        dtype: of the parameters.

    Attributes:
        in_proj_weight: `[3 embed_dim, embed_dim]`: the maps of queries, keys and values; None where
            kdim or vdim differ.
        q_proj_weight, k_proj_weight, v_proj_weight: these maps one by one where kdim or vdim
            differ, otherwise None.
        in_proj_bias: `[3 embed_dim]`, or None.
        bias_k, bias_v: `[1, 1, embed_dim]`, or None.
        out_proj: the map of the output.

    Example:
        >>> import gradc
        >>> x = gradc.zeros(2, 5, 8)
        >>> output, weights = gradc.nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
        >>> output.shape, weights.shape
        (gradc.Size([2, 5, 8]), gradc.Size([2, 5, 5]))

    Source: Vaswani, Shazeer, Parmar, et al., "Attention is all you need", 2017, arXiv:1706.03762.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("embed_dim", embed_dim), ("num_heads", num_heads)):
            check_size("MultiheadAttention", name, size)
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim must be a multiple of num_heads, got {embed_dim} "
                f"and {num_heads}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn
        alike = self.kdim == embed_dim == self.vdim
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if alike else None,
            "q_proj_weight": None if alike else (embed_dim, embed_dim),
            "k_proj_weight": None if alike else (embed_dim, self.kdim),
            "v_proj_weight": None if alike else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            made = None if shape is None else Parameter(empty(*shape, device=device, dtype=dtype))
            self.register_parameter(name, made)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the parameters anew."""
        maps = (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for weight in maps:
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for joined in (self.bias_k, self.bias_v):
            if joined is not None:
                init.xavier_normal_(joined)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, and the weights or None.

        Args:
            query: `[queries, batch, embed_dim]`, `[batch, queries, embed_dim]` with batch_first,
                or `[queries, embed_dim]`.
            key: alike, `[keys, batch, kdim]`.
            value: alike, `[keys, batch, vdim]`.
            key_padding_mask: `[batch, keys]` (or `[keys]`), True where a key is left out; or
                floating, added to the scores.
            need_weights: return the weights too.
            attn_mask: `[queries, keys]` or `[batch num_heads, queries, keys]`, True where a key
                is left out; or floating, added to the scores.
            average_attn_weights: return the mean of the heads' weights.
            is_causal: attn_mask is the causal one, and needn't be read.

        Returns:
            The output, of the query's shape; and the weights `[batch, queries, keys]`, or
            `[batch, num_heads, queries, keys]` where they aren't averaged, without the batch where
            there is none.
        """
        batched = self._check(query, key, value)
        if is_causal and attn_mask is None:
            raise ArgumentError(
                "MultiheadAttention: is_causal=True needs the causal attn_mask too",
                hint="attn_mask=gradc.ones(n, n, dtype=gradc.bool).triu(1)",
            )
        q, k, v = self._projected(*self._batch_first(query, key, value, batched))
        lengths = (int(q.shape[0]), self.num_heads, int(q.shape[1]), int(k.shape[1]))
        masks = Masks("MultiheadAttention", attn_mask, key_padding_mask, lengths, batched)
        k, v = self._joined(k, v)
        q, k, v = (self._heads(x) for x in (q, k, v))
        mask, weights = masks.padded(int(k.shape[2])), None
        name, dropped = "MultiheadAttention", self.dropout if self.training else 0.0
        if need_weights:
            shown = scores(q, k) if mask is None else masked(name, scores(q, k), mask)
            weights = dropout(softmax(shown, -1), dropped)
            mixed = weights @ v
        elif is_causal and key_padding_mask is None:
            mixed = attended(name, q, k, v, None, dropped, True)
        else:
            mixed = attended(name, q, k, v, mask, dropped)
        output = self.out_proj(mixed.transpose(1, 2).flatten(2))
        if not batched:
            output = output.squeeze(0)
        elif not self.batch_first:
            output = output.transpose(0, 1)
        if weights is None:
            return output, None
        weights = weights.mean(1) if average_attn_weights else weights
        return output, weights if batched else weights.squeeze(0)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> bool:
        """Refuse inputs that don't fit; return whether they have a batch axis."""
        given = {"query": query, "key": key, "value": value}
        for name, x in given.items():
            check_floating("MultiheadAttention", name, x)
        shapes = ", ".join(f"{name} {list(x.shape)}" for name, x in given.items())
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ShapeError(
                f"MultiheadAttention: expected inputs of 3 axes, or of 2 without a batch, got "
                f"{shapes}"
            )
        for (name, x), size in zip(
            given.items(), (self.embed_dim, self.kdim, self.vdim), strict=True
        ):
            if x.shape[-1] != size:
                raise ShapeError(
                    f"MultiheadAttention: expected {name} [*, {size}], got {list(x.shape)}"
                )
        batch = 0 if self.batch_first else 1
        length = 1 - batch if query.ndim == 3 else 0
        if key.shape[length] != value.shape[length] or (
            query.ndim == 3 and not query.shape[batch] == key.shape[batch] == value.shape[batch]
        ):
            raise ShapeError(
                f"MultiheadAttention: batches and the lengths of key and value differ: {shapes}"
            )
        return query.ndim == 3

    def _batch_first(
        self, query: Tensor, key: Tensor, value: Tensor, batched: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs as `[batch, length, features]`; what was one tensor stays one."""

        def turned(x: Tensor) -> Tensor:
            if not batched:
                return x.unsqueeze(0)
            return x if self.batch_first else x.transpose(0, 1)

        q = turned(query)
        k = q if key is query else turned(key)
        v = q if value is query else k if value is key else turned(value)
        return q, k, v

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Return the mapped inputs, `[batch, length, embed_dim]` each."""
        n, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        if weight is None:
            maps = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            parts = (None, None, None) if bias is None else bias.split(n)
            made: list[Tensor] = []
            for x, w, b in zip((query, key, value), maps, parts, strict=True):
                if w is None:
                    raise ArgumentTypeError(
                        "MultiheadAttention: in_proj_weight and the single maps are all None"
                    )
                made.append(linear(x, w, b))
            return tuple(made)
        if key is value:
            if query is key:
                return linear(query, weight, bias).split(n, -1)
            first, rest = weight.split([n, 2 * n])
            b_first, b_rest = (None, None) if bias is None else bias.split([n, 2 * n])
            return linear(query, first, b_first), *linear(key, rest, b_rest).split(n, -1)
        parts = (None, None, None) if bias is None else bias.split(n)
        pieces = zip((query, key, value), weight.split(n), parts, strict=True)
        return tuple(linear(x, w, b) for x, w, b in pieces)

    def _joined(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values with the learnt ones and the zeros behind them."""
        batch = int(k.shape[0])
        one = (batch, 1, self.embed_dim)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = cat((k, self.bias_k.expand(one)), 1), cat((v, self.bias_v.expand(one)), 1)
        if self.add_zero_attn:
            nothing = zeros(one, dtype=k.dtype, device=k.device)
            k, v = cat((k, nothing), 1), cat((v, nothing), 1)
        return k, v

    def _heads(self, x: Tensor) -> Tensor:
        """Return `[batch, heads, length, features]`."""
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
