"""Einstein summation written with products, sums and permutations."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, ShapeError
from gradc.ir.dtype import int64, promote
from gradc.ir.primitive import lookup
from gradc.tensor.core import home, is_tensor, shape_of
from gradc.tensor.dispatch import apply
from gradc.tensor.logic import eq, where
from gradc.tensor.movement import permute_to, reshape_to
from gradc.tensor.products import contract
from gradc.tensor.promotion import cast, result_type
from gradc.tensor.reductions import SUM, fold

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

IOTA = lookup("iota")


class _Term:
    """An operand and the letter of each of its axes."""

    def __init__(self, tensor: Tensor, letters: str) -> None:
        self.tensor = tensor
        self.letters = letters


def einsum(equation: str, *operands: Any) -> Tensor:
    """Return sums of products over the axes whose letters are not in the result.

    Args:
        equation: `ij,jk->ik`; without an arrow the result has the letters that occur once, in
            alphabetical order; `...` stands for further axes, which broadcast.
        operands: tensors, as several arguments or one sequence.

    Raises:
        ShapeError: sizes that differ for one letter.

    Example:
        >>> import gradc
        >>> gradc.einsum("ij,ij->i", gradc.ones(2, 3), gradc.ones(2, 3)).tolist()
        [3.0, 3.0]
    """
    given = (
        list(operands[0]) if len(operands) == 1 and not is_tensor(operands[0]) else list(operands)
    )
    inputs, output = _parsed(equation, given)
    dtype = result_type(*given)
    sizes: dict[str, int] = {}
    for letters, x in zip(inputs, given, strict=True):
        own: dict[str, int] = {}
        for letter, n in zip(letters, shape_of(x), strict=True):
            before = sizes.setdefault(letter, n)
            alike = before == n or 1 in (before, n)
            if not alike or own.setdefault(letter, n) != n:  # a diagonal does not broadcast
                raise ShapeError(
                    f"einsum: {equation!r}: the axes named {letter!r} have sizes "
                    f"{before if not alike else own[letter]} and {n}"
                )
            sizes[letter] = n if before == 1 else before
    terms = [
        _single(cast(x, dtype), letters, sizes) for x, letters in zip(given, inputs, strict=True)
    ]
    while len(terms) > 1:
        rest = "".join(t.letters for t in terms[2:]) + output
        terms = [_pair(terms[0], terms[1], rest), *terms[2:]]
    term = _summed(terms[0], output)
    order = tuple([term.letters.index(c) for c in output])
    out = term.tensor
    return out if order == tuple(range(len(order))) else permute_to(out, order)


def _parsed(equation: str, operands: list[Tensor]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result; `...` gets capital letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ArgumentError(
            f"einsum: {equation!r} names {len(parts)} operands, {len(operands)} were given"
        )
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in equation]
    inputs: list[str] = []
    dots = ""
    for part, x in zip(parts, operands, strict=True):
        named = part.replace("...", "")
        more = len(shape_of(x)) - len(named)
        if more < 0 or (more and "..." not in part):
            raise ShapeError(
                f"einsum: {part!r} names {len(named)} axes, the operand has shape "
                f"{list(shape_of(x))}"
            )
        letters = "".join(reversed(spare[:more]))
        dots = letters if len(letters) > len(dots) else dots
        inputs.append(part.replace("...", letters))
    if not arrow:
        once = sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1)
        return inputs, dots + "".join(once)
    output = right.replace("...", dots)
    unknown = [c for c in output if c not in "".join(inputs)]
    if unknown or len(set(output)) != len(output):
        raise ArgumentError(
            f"einsum: {equation!r}: the letters of the result must be different, and those of "
            "operands"
        )
    return inputs, output


def _single(x: Tensor, letters: str, sizes: dict[str, int]) -> _Term:
    """Take diagonals of repeated letters, and drop axes of size 1 that broadcast."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            i, j = letters.index(letter), letters.rindex(letter)
            x = _diagonal(x, i, j)
            letters = letters[:j] + letters[j + 1 :]
    keep = [i for i, c in enumerate(letters) if not (shape_of(x)[i] == 1 and sizes[c] != 1)]
    if len(keep) < len(letters):
        x = reshape_to(x, tuple([shape_of(x)[i] for i in keep]))
        letters = "".join(letters[i] for i in keep)
    return _Term(x, letters)


def _diagonal(x: Tensor, i: int, j: int) -> Tensor:
    """Return the diagonal of axes i < j in the place of i: zeros elsewhere, then a sum over j."""
    shape = shape_of(x)
    on = eq(*[apply(IOTA, shape=shape, dtype=int64, axis=a, device=home(x)) for a in (i, j)])
    return fold(SUM, where(on, x, 0), (j,), False)


def _pair(a: _Term, b: _Term, rest: str) -> _Term:
    """Multiply two operands, summing letters that nothing else needs."""
    a, b = _summed(a, b.letters + rest), _summed(b, a.letters + rest)
    dtype = promote(a.tensor._dtype, b.tensor._dtype)
    a.tensor, b.tensor = cast(a.tensor, dtype), cast(b.tensor, dtype)
    shared = [c for c in a.letters if c in b.letters]
    summed = [c for c in shared if c not in rest]
    batch = [c for c in shared if c in rest]

    def places(term: _Term, letters: list[str]) -> tuple[int, ...]:
        return tuple([term.letters.index(c) for c in letters])

    product = contract(
        a.tensor,
        b.tensor,
        (places(a, summed), places(b, summed)),
        (places(a, batch), places(b, batch)),
    )
    free = [c for c in a.letters + b.letters if c not in shared]
    return _Term(product, "".join(batch + free))


def _summed(term: _Term, needed: str) -> _Term:
    """Sum over the axes whose letters nothing else needs, whole numbers as int64."""
    over = tuple([i for i, c in enumerate(term.letters) if c not in needed])
    if not over:
        return term
    left = "".join(c for c in term.letters if c in needed)
    x = term.tensor if term.tensor._dtype.is_floating_point else cast(term.tensor, int64)
    return _Term(fold(SUM, x, over, False), left)
