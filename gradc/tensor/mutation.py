"""In-place methods: x.add_(y) is x = x + y in the same memory."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentTypeError, ShapeError
from gradc.tensor import arithmetic, bits, elementwise, logic
from gradc.tensor.axes import broadcast_shapes
from gradc.tensor.core import is_tensor, resolve, shape_of
from gradc.tensor.creation import filled_with
from gradc.tensor.inplace import check_converts, check_writable, update, write
from gradc.tensor.movement import broadcast_view, reshape_to
from gradc.tensor.moving import beside, device_of
from gradc.tensor.promotion import Operand, cast, result_type

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def add_(x: Tensor, other: Operand, *, alpha: Operand = 1) -> Tensor:
    """Add alpha * other in place."""
    return update(x, lambda old: arithmetic.add(old, other, alpha=alpha), "add_")


def sub_(x: Tensor, other: Operand, *, alpha: Operand = 1) -> Tensor:
    """Subtract alpha * other in place."""
    return update(x, lambda old: arithmetic.sub(old, other, alpha=alpha), "sub_")


def mul_(x: Tensor, other: Operand) -> Tensor:
    """Multiply in place."""
    return update(x, lambda old: arithmetic.mul(old, other), "mul_")


def div_(x: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Divide in place."""
    return update(x, lambda old: arithmetic.div(old, other, rounding_mode=rounding_mode), "div_")


def floor_divide_(x: Tensor, other: Operand) -> Tensor:
    """Divide and round down in place."""
    return update(x, lambda old: arithmetic.floor_divide(old, other), "floor_divide_")


def remainder_(x: Tensor, other: Operand) -> Tensor:
    """Take the remainder in place."""
    return update(x, lambda old: arithmetic.remainder(old, other), "remainder_")


def pow_(x: Tensor, exponent: Operand) -> Tensor:
    """Raise to a power in place."""
    return update(x, lambda old: arithmetic.pow(old, exponent), "pow_")


def addcmul_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Operand = 1) -> Tensor:
    """Add value * tensor1 * tensor2 in place."""
    return update(x, lambda old: arithmetic.addcmul(old, tensor1, tensor2, value=value), "addcmul_")


def addcdiv_(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Operand = 1) -> Tensor:
    """Add value * tensor1 / tensor2 in place."""
    return update(x, lambda old: arithmetic.addcdiv(old, tensor1, tensor2, value=value), "addcdiv_")


def lerp_(x: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Move towards `end` by the fraction `weight` in place."""
    return update(x, lambda old: arithmetic.lerp(old, end, weight), "lerp_")


def clamp_(x: Tensor, min: Operand = None, max: Operand = None) -> Tensor:
    """Bring into [min, max] in place."""
    return update(x, lambda old: elementwise.clamp(old, min, max), "clamp_")


def masked_fill_(x: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Set elements to `value` where the mask holds."""
    return update(x, lambda old: masked_fill(old, mask, value), "masked_fill_")


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Return `input` with elements set to `value` where the mask holds.

    Args:
        input: `[*]`.
        mask: bool, broadcasts with `input`.
        value: a number or a 0-d tensor.
    """
    if is_tensor(value):
        if shape_of(value):
            raise ShapeError(
                "masked_fill: only supports a 0-dimensional value tensor, but got tensor with "
                f"{len(shape_of(value))} dimension(s)",
                hint="gradc.where(mask, value, x)",
            )
        value = cast(value, input._dtype)
    else:
        check_converts(result_type(value), input._dtype)
    return cast(logic.where(mask, value, input), input._dtype)


def copy_(x: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Copy the elements of `src`, broadcast and converted, into this tensor.

    Args:
        x: the tensor written to.
        src: a tensor.
        non_blocking: accepted for PyTorch's sake: this waits.
    """
    if not is_tensor(src):
        raise ArgumentTypeError(f"copy_: src must be a Tensor, not {type(src).__name__}")
    return assign(x, src, "copy_")


def assign(x: Tensor, src: Tensor, name: str) -> Tensor:
    """Write a tensor, broadcast and converted, into another."""
    into = resolve(x)
    check_writable(into, name)
    shape = shape_of(into)
    given = shape_of(src)
    if broadcast_shapes(given, shape) != shape:
        lead = len(given) - len(shape)
        if (
            lead <= 0
            or given[:lead] != (1,) * lead
            or broadcast_shapes(given[lead:], shape) != shape
        ):
            raise ShapeError(
                f"{name}: the shape {list(given)} doesn't broadcast to the shape {list(shape)} "
                "that it is written into"
            )
        src = reshape_to(src, given[lead:])
    here = cast(beside(src, into), into._dtype)
    shared = here._storage is src._storage
    write(into, resolve(broadcast_view(here, shape)), overwrites=True, shared=shared)
    return x


def fill_(x: Tensor, value: Operand) -> Tensor:
    """Set all elements to one value."""
    if is_tensor(value):
        if shape_of(value):
            raise ShapeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{len(shape_of(value))} dimensions."
            )
        return assign(x, value, "fill_")
    into = resolve(x)
    check_writable(into, "fill_")
    write(
        into,
        filled_with("fill_", value, shape_of(into), into._dtype, device_of(into), False),
        overwrites=True,
    )
    return x


def zero_(x: Tensor) -> Tensor:
    """Set all elements to 0."""
    return fill_(x, 0)


def _unary(name: str) -> Callable[[Tensor], Tensor]:
    function = getattr(elementwise, name)

    def in_place(x: Tensor) -> Tensor:
        return update(x, function, f"{name}_")

    in_place.__name__ = f"{name}_"
    in_place.__doc__ = f"Apply `{name}` in place."
    return in_place


exp_, expm1_, log_, log1p_ = map(_unary, ("exp", "expm1", "log", "log1p"))
sqrt_, rsqrt_, reciprocal_, square_ = map(_unary, ("sqrt", "rsqrt", "reciprocal", "square"))
sin_, cos_, tanh_, sigmoid_ = map(_unary, ("sin", "cos", "tanh", "sigmoid"))
abs_, sign_, floor_, ceil_ = map(_unary, ("abs", "sign", "floor", "ceil"))
tan_, asin_, acos_, atan_ = map(_unary, ("tan", "asin", "acos", "atan"))
sinh_, cosh_, log2_, log10_, exp2_ = map(_unary, ("sinh", "cosh", "log2", "log10", "exp2"))
round_, trunc_, relu_, erf_ = map(_unary, ("round", "trunc", "relu", "erf"))


def neg_(x: Tensor) -> Tensor:
    """Change the sign in place."""
    return update(x, arithmetic.neg, "neg_")


def logical_not_(x: Tensor) -> Tensor:
    """Negate in place."""
    return update(x, lambda old: cast(logic.logical_not(old), old._dtype), "logical_not_")


def bitwise_and_(x: Tensor, other: Operand) -> Tensor:
    """Apply `&` in place."""
    return update(x, lambda old: bits.bitwise_and(old, other), "bitwise_and_")


def bitwise_or_(x: Tensor, other: Operand) -> Tensor:
    """Apply `|` in place."""
    return update(x, lambda old: bits.bitwise_or(old, other), "bitwise_or_")


def bitwise_xor_(x: Tensor, other: Operand) -> Tensor:
    """Apply `^` in place."""
    return update(x, lambda old: bits.bitwise_xor(old, other), "bitwise_xor_")


def bitwise_not_(x: Tensor) -> Tensor:
    """Apply `~` in place."""
    return update(x, bits.bitwise_not, "bitwise_not_")


def bitwise_left_shift_(x: Tensor, other: Operand) -> Tensor:
    """Apply `<<` in place."""
    return update(x, lambda old: bits.bitwise_left_shift(old, other), "bitwise_left_shift_")


def bitwise_right_shift_(x: Tensor, other: Operand) -> Tensor:
    """Apply `>>` in place."""
    return update(x, lambda old: bits.bitwise_right_shift(old, other), "bitwise_right_shift_")
