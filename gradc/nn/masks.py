"""The masks that attention layers take -> one mask over `[batch, heads, queries, keys]`."""

from __future__ import annotations

import math

from gradc.errors import DTypeError, ShapeError
from gradc.functional.pad import pad
from gradc.functional.reduction import check_tensor
from gradc.tensor import Tensor, where


class Masks:
    """attn_mask and key_padding_mask as one: bool, True where a key takes part; or added numbers.

    Args:
        layer: whose masks these are, for messages.
        attn_mask: `[queries, keys]` or `[batch heads, queries, keys]`; True leaves a key out.
        key_padding_mask: `[batch, keys]`; True leaves a key out.
        sizes: batch, heads, queries, keys.
        batched: whether the user's inputs have a batch axis; if not, key_padding_mask is `[keys]`.
    """

    def __init__(
        self,
        layer: str,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        sizes: tuple[int, int, int, int],
        batched: bool,
    ) -> None:
        batch, heads, queries, keys = sizes
        found: list[Tensor] = []
        if attn_mask is not None:
            expected = [[queries, keys], [batch * heads, queries, keys]]
            _check(layer, "attn_mask", attn_mask, expected)
            shape = (batch, heads, queries, keys) if attn_mask.ndim == 3 else (1, 1, queries, keys)
            found.append(attn_mask.reshape(shape))
        if key_padding_mask is not None:
            expected = [[batch, keys] if batched else [keys]]
            _check(layer, "key_padding_mask", key_padding_mask, expected)
            found.append(key_padding_mask.reshape(batch, 1, 1, keys))
        self.mask = _merged(found)

    def padded(self, keys: int) -> Tensor | None:
        """Return the mask with further keys, which all take part, behind the given ones."""
        if self.mask is None or self.mask.shape[-1] == keys:
            return self.mask
        more = (0, keys - int(self.mask.shape[-1]))
        if self.mask.dtype.is_bool:
            return ~pad((~self.mask).int(), more).bool()
        return pad(self.mask, more)


def _check(layer: str, name: str, mask: Tensor, expected: list[list[int]]) -> None:
    """Refuse masks of other shapes and kinds."""
    check_tensor(layer, name, mask)
    if list(mask.shape) not in expected:
        shapes = " or ".join(map(str, expected))
        raise ShapeError(f"{layer}: expected {name} {shapes}, got {list(mask.shape)}")
    if not (mask.dtype.is_bool or mask.dtype.is_floating_point):
        raise DTypeError(
            f"{layer}: {name} must be bool or floating, got {mask.dtype}", hint=f"{name}.bool()"
        )


def _merged(masks: list[Tensor]) -> Tensor | None:
    """Return one mask: bool (True takes part) where all are bool, else numbers to be added."""
    if all(m.dtype.is_bool for m in masks):
        kept = [~m for m in masks]
        return kept[0] & kept[1] if len(kept) == 2 else kept[0] if kept else None
    added = [where(m, -math.inf, 0.0) if m.dtype.is_bool else m for m in masks]
    return added[0] + added[1] if len(added) == 2 else added[0]
