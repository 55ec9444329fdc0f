"""SymPy expression -> expression text, in an order that a person would write."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.symbolic.algebra import sp
from gradc.symbolic.read import NATIVE, function, operands_of

NAMES: dict[Any, str] = {f: name for name, f in NATIVE.items() if name != "sqrt"}
NAMES[sp.sign] = "sign"  # the derivative of abs
RELATIONS: dict[Any, str] = {
    sp.Eq: "==",
    sp.Ne: "!=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
}
LONGEST_PRODUCT = 4  # x * x * x * x, then x ** 5


def write(expression: Any, order: tuple[str, ...] = ()) -> str:
    """Return the text of an expression.

    Args:
        expression: SymPy.
        order: names in the order in which they come in products and sums.
    """
    return _Writer(("out", *order)).text(sp.sympify(expression))


class _Writer:
    """Writes one expression; `order` decides between equals, so that the text is deterministic."""

    def __init__(self, order: tuple[str, ...]) -> None:
        self.order = order

    def text(self, e: Any) -> str:
        """Return the text of any node."""
        if e.is_Symbol:
            return e.name
        if e is sp.true or e is sp.false:
            return "True" if e is sp.true else "False"
        if getattr(e, "is_number", False):
            return self.number(e)
        if e.is_Add:
            return self.sum(e)
        if e.is_Mul:
            return self.product(e)
        if e.is_Pow:
            return self.power(e)
        if isinstance(e, sp.Piecewise):
            return self.piecewise(e)
        if isinstance(e, sp.core.relational.Relational):
            return self.relation(e)
        if isinstance(e, sp.And | sp.Or | sp.Xor | sp.Not):
            return self.logic(e)
        if isinstance(e, sp.Heaviside):
            return self.heaviside(e)
        if isinstance(e, sp.Max | sp.Min):
            return self.extreme(e)
        return self.call(e)

    def number(self, e: Any) -> str:
        """Return a real number with all its digits."""
        if e.is_Integer:
            return str(int(e))
        if e in (sp.oo, -sp.oo, sp.nan, sp.zoo) or not e.is_real:
            raise ArgumentError(f"expression: {e} is not a finite real number")
        if e.is_Rational and e.q & (e.q - 1):
            return f"{e.p} / {e.q}"
        return repr(float(e.evalf(20)))

    def sum(self, e: Any) -> str:
        """Return terms, then numbers, then what is subtracted: `x * x + 1`, `1 - out`."""
        plus: list[tuple[Any, str]] = []
        minus: list[tuple[Any, str]] = []
        for term in e.args:
            negative = term.could_extract_minus_sign() and not term.is_Add
            text = self.within(-term if negative else term, negative)
            (minus if negative else plus).append((self.rank(term, text), text))
        terms = [t for _, t in sorted(plus)]
        negatives = [t for _, t in sorted(minus)]
        if not terms:
            return f"-{self.factor_text(negatives[0])}" + "".join(f" - {t}" for t in negatives[1:])
        return " + ".join(terms) + "".join(f" - {t}" for t in negatives)

    def within(self, e: Any, subtracted: bool) -> str:
        """Return a term of a sum, in brackets where it is itself a sum."""
        text = self.text(e)
        return f"({text})" if e.is_Add and subtracted else text

    def rank(self, e: Any, text: str) -> Any:
        """Return the sorting key of a term or factor."""
        if e.is_number:
            return (2, 0, text)
        base, exponent = e.as_base_exp()
        if base.is_Symbol and exponent.is_Integer:
            place = self.order.index(base.name) if base.name in self.order else len(self.order)
            return (0, place, text)
        return (1, 0, text)

    def product(self, e: Any) -> str:
        """Return `c * factors / divisors`."""
        numeric = [a for a in e.args if a.is_number]
        coefficient = sp.Mul(*numeric)
        factors: list[Any] = []
        divisors: list[Any] = []
        for a in e.args:
            if a.is_number:
                continue
            below = a.is_Pow and a.exp.is_number and a.exp.is_negative
            if below and a.exp != -sp.Rational(1, 2):
                divisors.append(a.base ** (-a.exp))
            else:
                factors.append(a)
        coefficient, factors = _spread_minus(coefficient, factors)
        coefficient, divisors = _spread_minus(coefficient, divisors)
        return self.quotient(coefficient, factors, divisors)

    def quotient(self, coefficient: Any, factors: list[Any], divisors: list[Any]) -> str:
        """Return the text of a coefficient, factors and divisors."""
        if coefficient.is_Rational and coefficient.q & (coefficient.q - 1):
            divisors = [sp.Integer(coefficient.q), *divisors]
            coefficient = sp.Integer(coefficient.p)
        sign = "-" if coefficient.is_negative else ""
        size = abs(coefficient)
        top = self.factors(factors)
        if size != 1 or not top:
            top = [self.number(size), *top]
        text = sign + " * ".join(top)
        below = self.factors(divisors)
        if not below:
            return text
        joined = " * ".join(below)
        return f"{text} / {joined}" if len(below) == 1 else f"{text} / ({joined})"

    def factors(self, factors: list[Any]) -> list[str]:
        """Return factors in order, small powers of names written out."""
        ranked: list[tuple[Any, list[str]]] = []
        for f in factors:
            base, exponent = f.as_base_exp()
            if base.is_Symbol and exponent.is_Integer and 1 <= exponent <= LONGEST_PRODUCT:
                texts = [base.name] * int(exponent)
            else:
                texts = [self.factor_of(f)]
            place = (-1, 0, "") if f.is_number else self.rank(f, texts[0])
            ranked.append((place, texts))
        return [t for _, texts in sorted(ranked) for t in texts]

    def factor_of(self, e: Any) -> str:
        """Return a node as a factor, bracketed where needed."""
        text = self.text(e)
        return f"({text})" if e.is_Add or e.is_Mul or (e.is_Rational and e.q != 1) else text

    def factor_text(self, text: str) -> str:
        """Return text after a leading minus: products stay, sums never come here."""
        return text

    def power(self, e: Any) -> str:
        """Return a power: products, roots, quotients or `**`."""
        base, exponent = e.base, e.exp
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self.text(base)})"
        if exponent == -sp.Rational(1, 2):
            return f"rsqrt({self.text(base)})"
        if exponent.is_number and exponent.is_negative:
            return self.quotient(sp.Integer(1), [], [base**-exponent])
        if base.is_Symbol and exponent.is_Integer and exponent <= LONGEST_PRODUCT:
            return " * ".join([base.name] * int(exponent))
        below = self.text(base)
        if not base.is_Symbol and not base.is_Function and not below.isdecimal():
            below = f"({below})"
        above = self.text(exponent)
        bare = above.replace(".", "").isalnum()
        return f"{below} ** {above if bare else f'({above})'}"

    def piecewise(self, e: Any) -> str:
        """Return nested `where`."""
        *cases, (last, condition) = e.args
        if condition is not sp.true:
            raise ArgumentError(
                f"expression: {e} has no value where none of its conditions hold",
                hint="end Piecewise with (value, True)",
            )
        text = self.text(last)
        for value, condition in reversed(cases):
            text = f"where({self.text(condition)}, {self.text(value)}, {text})"
        return text

    def relation(self, e: Any) -> str:
        """Return a comparison."""
        return f"{self.text(e.lhs)} {RELATIONS[e.func]} {self.text(e.rhs)}"

    def logic(self, e: Any) -> str:
        """Return `(a) & (b)`."""
        if isinstance(e, sp.Not):
            return f"(not {self.bracketed(e.args[0])})"
        sign = {sp.And: "&", sp.Or: "|", sp.Xor: "^"}[e.func]
        return f" {sign} ".join(sorted(self.bracketed(a) for a in e.args))

    def bracketed(self, e: Any) -> str:
        """Return a node in brackets, names bare."""
        return self.text(e) if e.is_Symbol else f"({self.text(e)})"

    def heaviside(self, e: Any) -> str:
        """Return the step from 0 to 1 at u = a - b: 1/2 at ties, as SymPy and PyTorch have it."""
        above, below = _difference(e.args[0])
        a, b = self.text(above), self.text(below)
        return f"where({a} == {b}, 0.5, where({a} < {b}, 0, 1))"

    def extreme(self, e: Any) -> str:
        """Return nested `maximum` or `minimum`."""
        name = NAMES[e.func]
        first, *rest = sorted((self.rank(a, self.text(a)), self.text(a)) for a in e.args)
        text = first[1]
        for _, other in rest:
            text = f"{name}({text}, {other})"
        return text

    def call(self, e: Any) -> str:
        """Return the call of a function that is a primitive."""
        name = NAMES.get(e.func, str(e.func.__name__))
        native = e.func in NAMES
        if not native and (operands_of(name) is None or e.func is not function(name)):
            raise ArgumentError(
                f"expression: no primitive for SymPy's {e.func.__name__!r} in {e}",
                hint="write it with primitives: exp, log, tanh, erf, Piecewise, Max ...",
            )
        return f"{name}({', '.join(self.text(a) for a in e.args)})"


def _spread_minus(coefficient: Any, factors: list[Any]) -> tuple[Any, list[Any]]:
    """Turn -(a - b) into (b - a): out * (1 - out) rather than -out * (out - 1)."""
    if not coefficient.is_negative:
        return coefficient, factors
    for i, f in enumerate(factors):
        if f.is_Add and any(t.could_extract_minus_sign() for t in f.args):
            return -coefficient, [*factors[:i], -f, *factors[i + 1 :]]
    return coefficient, factors


def _difference(u: Any) -> tuple[Any, Any]:
    """Return (a, b) with u = a - b, so that a and b are compared and inf - inf can't arise."""
    above = [t for t in sp.Add.make_args(u) if not t.could_extract_minus_sign()]
    below = [-t for t in sp.Add.make_args(u) if t.could_extract_minus_sign()]
    return sp.Add(*above), sp.Add(*below)
