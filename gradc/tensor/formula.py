"""A formula, as text or as a SymPy expression -> a function of tensors."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from gradc.errors import ArgumentTypeError
from gradc.ir.derivative import Partials
from gradc.ir.dtype import DType
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Primitive, lookup, registered
from gradc.primitives.user import define, formula
from gradc.symbolic.lower import apply_expression
from gradc.tensor.core import is_tensor
from gradc.tensor.dispatch import TENSORS, apply
from gradc.tensor.movement import broadcast_view
from gradc.tensor.promotion import brought, common_shape, on_one_device, operand, result_type
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


class Elementwise:
    """An elementwise primitive that a user defined, as a function of tensors.

    Attributes:
        primitive: the record.
    """

    def __init__(self, primitive: Primitive) -> None:
        self.primitive = primitive

    @property
    def name(self) -> str:
        """Name of the primitive."""
        return self.primitive.name

    @property
    def operands(self) -> tuple[str, ...]:
        """Names of the operands, in order."""
        return self.primitive.operands

    @property
    def expression(self) -> str:
        """What is computed, in numerically stable functions."""
        return self.primitive.expansion

    @property
    def derivatives(self) -> dict[str, str]:
        """The partial derivative by each operand; `out` is the result."""
        facts = self.primitive.derivative
        assert isinstance(facts, Partials)
        return {n: e or "0" for n, e in zip(facts.operands, facts.expressions, strict=True)}

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the result on tensors and numbers, brought to one floating dtype and shape."""
        return apply(self.primitive, *_operands(self.name, self.operands, args, kwargs))

    def __repr__(self) -> str:
        return f"<elementwise {self.name}({', '.join(self.operands)}) = {self.expression}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.name, self.expression, self.operands)


class Formula:
    """A SymPy expression as a function of tensors, made of gradc's own primitives.

    Attributes:
        operands: names of the operands, in order.
        expression: what is computed, in numerically stable functions.
    """

    def __init__(self, expression: str, operands: tuple[str, ...]) -> None:
        self.expression = expression
        self.operands = operands

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the result on tensors and numbers, brought to one floating dtype and shape."""
        tensors = _operands("from_sympy", self.operands, args, kwargs)
        like = TensorType(common_shape("from_sympy", tensors), tensors[0]._dtype)
        named = dict(zip(self.operands, tensors, strict=True))
        return broadcast_view(apply_expression(TENSORS, self.expression, named, like), like.shape)

    def __repr__(self) -> str:
        return f"<formula ({', '.join(self.operands)}) -> {self.expression}>"


def elementwise(name: str, expression: Any, operands: Sequence[Any] | None = None) -> Elementwise:
    """Add an elementwise operation that is given by one expression.

    SymPy differentiates the expression, having put stable functions where it knows them:
    log(1 + e^u) -> softplus(u), 1 / (1 + e^-u) -> sigmoid(u), log(1 + u) -> log1p(u),
    e^u - 1 -> expm1(u), 1 - erf(u) -> erfc(u). Eager values, forward and reverse mode of any
    order and generated code all follow from it.

    Args:
        name: of the operation, a Python identifier that no primitive has.
        expression: a SymPy expression, or text in Python syntax: operand names, numbers,
            operators, comparisons and names of primitives (`exp`, `where`, `maximum` ...).
        operands: names (or SymPy symbols) of the operands in order. By default a text's names
            in order of appearance; a SymPy expression of several symbols needs them.

    Returns:
        A function of tensors and numbers, at least one of them a tensor. They are broadcast
        and promoted as by PyTorch; integers and bool become the default floating dtype.

    Raises:
        ArgumentError: if the name is taken by something else, an operand is unknown or unused,
            or a function has no primitive.
        ArgumentTypeError: if the expression is neither text nor SymPy.
        GradientError: if SymPy finds no derivative.

    Example:
        >>> import gradc
        >>> swish = gradc.elementwise("swish", "x / (1 + exp(-beta * x))")
        >>> swish
        <elementwise swish(x, beta) = x * sigmoid(x * beta)>
        >>> x = gradc.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        >>> y = swish(x, beta=1.0)
        >>> y.sum().backward()
        >>> x.grad
        tensor([0.0723, 0.5000, 1.0908])
    """
    if operands is not None and not isinstance(operands, str):
        operands = tuple(str(o) for o in operands)
    return Elementwise(define(name, expression, cast("tuple[str, ...] | None", operands)))


def from_sympy(expression: Any, symbols: Any) -> Formula:
    """Return a SymPy expression as a function of tensors.

    It is built from gradc's primitives, so it runs eagerly, differentiates and compiles like
    code written by hand. Nothing is registered; `gradc.elementwise` adds a named operation.

    Args:
        expression: a SymPy expression.
        symbols: the symbols (or their names) that become arguments, in order; one or several.
            An argument that the expression doesn't use still takes part in broadcasting.

    Returns:
        A function of tensors and numbers, at least one of them a tensor.

    Raises:
        ArgumentError: for a symbol that is not among `symbols`, or a function without primitive.
        ArgumentTypeError: if the expression is not SymPy's.

    Example:
        >>> import gradc, sympy
        >>> x, a = sympy.symbols("x a")
        >>> f = gradc.from_sympy(sympy.log(1 + sympy.exp(a * x)), (x, a))
        >>> f
        <formula (x, a) -> softplus(x * a)>
        >>> f(gradc.tensor([0.0, 800.0]), 1.0)
        tensor([6.9315e-01, 8.0000e+02])
    """
    several = cast("Sequence[Any]", symbols if isinstance(symbols, tuple | list) else (symbols,))
    names = tuple(str(s) for s in several)
    return Formula(formula(expression, names), names)


def _operands(
    name: str, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, ...]:
    """Return the arguments of a call as tensors of one floating dtype and one shape."""
    listed = ", ".join(names)
    given = dict(zip(names, args, strict=False))
    wrong = [k for k in kwargs if k in given or k not in names]
    if wrong:
        why = "twice" if wrong[0] in given else "which it does not take"
        raise ArgumentTypeError(f"{name}: takes {listed}; got {wrong[0]!r}, {why}")
    given |= kwargs
    if len(args) > len(names) or len(given) != len(names):
        count = f"{len(names)} operand{'s' if len(names) != 1 else ''}"
        raise ArgumentTypeError(f"{name}: takes {count} ({listed}), got {len(args) + len(kwargs)}")
    values = tuple(operand(name, given[n]) for n in names)
    if not any(is_tensor(v) for v in values):
        raise ArgumentTypeError(
            f"{name}: at least one operand must be a Tensor", hint="gradc.tensor(...)"
        )
    dtype = _floating(result_type(*values))
    shape = common_shape(name, values)
    values, device = on_one_device(name, values)
    return tuple(brought(v, dtype, shape, device) for v in values)


def _floating(dtype: DType) -> DType:
    """Return a floating dtype as it is, others as the default one."""
    return dtype if dtype.is_floating_point else STATE.default_dtype


def _restore(name: str, expression: str, operands: tuple[str, ...]) -> Elementwise:
    """Return a pickled or copied operation: the registered one where there is one."""
    if name in registered():
        known = lookup(name)
        if known.expansion == expression and known.operands == operands:
            return Elementwise(known)
    return elementwise(name, expression, operands)
