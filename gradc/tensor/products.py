"""Products of matrices and tensors: matmul, bmm, dot, outer, einsum and their kin."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import DTypeError, ShapeError
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, factor, mul
from gradc.tensor.axes import Ints, axis, broadcast_shapes
from gradc.tensor.core import shape_of
from gradc.tensor.expressions import operand_names
from gradc.tensor.lowered import product
from gradc.tensor.movement import broadcast_view, reshape_to
from gradc.tensor.moving import gathered
from gradc.tensor.promotion import Operand

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

DOT = lookup("dot")


def contract(
    x: Tensor, y: Tensor, axes: tuple[Ints, Ints], batch: tuple[Ints, Ints] = ((), ())
) -> Tensor:
    """Return the sum of products over paired axes; axes: batch, x's free ones, y's free ones."""
    if x._dtype.is_bool:
        raise DTypeError("products take numbers, got bool", hint="convert with .to(gradc.int64)")
    return product(DOT, x, y, contract=axes, batch=batch)


def check_same(name: str, x: Tensor, y: Tensor) -> None:
    """Raise unless both have one dtype and are on one device."""
    if x._storage.place is not y._storage.place:
        gathered(name, (x, y))
    if x._dtype is not y._dtype:
        a, b = operand_names(name, 2)
        raise DTypeError(
            f"{name}: expected both operands to have the same dtype, but got: {a} {x._dtype} and "
            f"{b} {y._dtype}",
            hint=f"{b}.to(gradc.{x._dtype})",
        )


def inner_sizes(name: str, x: Tensor, y: Tensor, sizes: tuple[int, int]) -> None:
    """Raise unless the axes that are summed have one size."""
    if sizes[0] == sizes[1]:
        return
    a, b = operand_names(name, 2)
    p, q = shape_of(x), shape_of(y)
    swapped = len(q) >= 2 and q[-1] == sizes[0]
    raise ShapeError(
        f"{name}: inner sizes differ: {a} {list(p)} @ {b} {list(q)}",
        hint=f"{a} @ {b}.{'T' if len(q) == 2 else 'mT'}" if swapped else "",
    )


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product.

    Vectors are rows on the left and columns on the right, and give up that axis in the result;
    axes before the last two are batches and broadcast.

    Args:
        input: `[*, n, k]` or `[k]`.
        other: `[*, k, m]` or `[k]`.

    Raises:
        ShapeError: inner sizes that differ.
        DTypeError: dtypes that differ.

    Example:
        >>> import gradc
        >>> (gradc.ones(2, 3) @ gradc.ones(3)).tolist()
        [3.0, 3.0]
    """
    x, y = input, other
    p, q = shape_of(x), shape_of(y)
    if not p or not q:
        raise ShapeError(
            f"matmul: both arguments need to be at least 1D, but they are {len(p)}D and {len(q)}D",
            hint="x * y",
        )
    check_same("matmul", x, y)
    inner_sizes("matmul", x, y, (p[-1], q[0] if len(q) == 1 else q[-2]))
    if len(q) <= 2:
        return contract(x, y, ((len(p) - 1,), (0,)))
    if len(p) == 1:
        return contract(x, y, ((0,), (len(q) - 2,)))
    lead = broadcast_shapes(p[:-2], q[:-2])
    if lead is None:
        a, b = operand_names("matmul", 2)
        raise ShapeError(f"matmul: batch sizes don't broadcast: {a} {list(p)} @ {b} {list(q)}")
    x, y = broadcast_view(x, (*lead, *p[-2:])), broadcast_view(y, (*lead, *q[-2:]))
    n = len(lead)
    batch = tuple(range(n))
    return contract(x, y, ((n + 1,), (n,)), (batch, batch))


def _need(name: str, x: Tensor, ndim: int, which: str) -> None:
    if len(shape_of(x)) != ndim:
        raise ShapeError(f"{name}: {which} must be {ndim}D, got {list(shape_of(x))}")


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices."""
    _need("mm", input, 2, "input")
    _need("mm", mat2, 2, "mat2")
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two stacks of matrices, `[b, n, k]` and `[b, k, m]`."""
    _need("bmm", input, 3, "input")
    _need("bmm", mat2, 3, "mat2")
    if shape_of(input)[0] != shape_of(mat2)[0]:
        raise ShapeError(
            f"bmm: batch sizes differ: {list(shape_of(input))} and {list(shape_of(mat2))}"
        )
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix and a vector."""
    _need("mv", input, 2, "input")
    _need("mv", vec, 1, "vec")
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the sum of products of two vectors."""
    _need("dot", input, 1, "input")
    _need("dot", tensor, 1, "tensor")
    return matmul(input, tensor)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the sums of products over the last axes."""
    p, q = shape_of(input), shape_of(other)
    if not p or not q:
        return mul(input, other)
    check_same("inner", input, other)
    inner_sizes("inner", input, other, (p[-1], q[-1]))
    return contract(input, other, ((len(p) - 1,), (len(q) - 1,)))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return x_i y_j for two vectors."""
    _need("outer", input, 1, "input")
    _need("outer", vec2, 1, "vec2")
    n, m = shape_of(input)[0], shape_of(vec2)[0]
    return mul(reshape_to(input, (n, 1)), reshape_to(vec2, (1, m)))


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Operand = 1, alpha: Operand = 1
) -> Tensor:
    """Return beta * input + alpha * (mat1 @ mat2)."""
    return _scaled_sum("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Operand = 1, alpha: Operand = 1
) -> Tensor:
    """Return beta * input + alpha * (mat @ vec)."""
    return _scaled_sum("addmv", input, mv(mat, vec), beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Operand = 1, alpha: Operand = 1
) -> Tensor:
    """Return beta * input + alpha * (batch1 @ batch2)."""
    return _scaled_sum("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def _scaled_sum(name: str, input: Tensor, product: Tensor, beta: Operand, alpha: Operand) -> Tensor:
    """Return beta * input + alpha * product."""
    alpha = factor(name, "alpha", alpha, input, product)
    beta = factor(name, "beta", beta, input, product)
    scaled = product if alpha == 1 else mul(product, alpha)
    return add(input if beta == 1 else mul(input, beta), scaled)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Return the sum of products over paired axes.

    Args:
        a: `[*]`.
        b: `[*]`.
        dims: how many of a's last and b's first axes are paired, or (axes of a, axes of b).
    """
    n, m = len(shape_of(a)), len(shape_of(b))
    if isinstance(dims, int):
        left, right = tuple(range(n - dims, n)), tuple(range(dims))
    else:
        left = tuple([axis("tensordot", d, n) for d in dims[0]])
        right = tuple([axis("tensordot", d, m) for d in dims[1]])
    check_same("tensordot", a, b)
    if [shape_of(a)[i] for i in left] != [shape_of(b)[i] for i in right]:
        raise ShapeError(
            f"tensordot: paired sizes differ: a {list(shape_of(a))} axes {list(left)}, "
            f"b {list(shape_of(b))} axes {list(right)}"
        )
    return contract(a, b, (left, right))
