"""Hints -> names: unique, legal Python, never hiding keywords, builtins or imported names."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from functools import cache

from gradc.ir.graph import Equation, Graph, Role, Section, Value
from gradc.ir.primitive import Kind
from gradc.origin import Origin
from gradc.primitives.sixteen_bits import ROUNDS

WORDS = {
    "sum": "total",
    "max": "largest",
    "min": "smallest",
    "prod": "product",
    "argmax": "place",
    "argmin": "place",
    "any": "found",
    "all": "holds",
    "exp": "e",
    "random_bits": "bits",
    "cumsum": "running",
    "sort": "ordered",
    "eq": "same",
    "ne": "differs",
    "lt": "less",
    "le": "below",
    "gt": "above",
    "ge": "reached",
    "rsqrt": "scale",
}
RUNTIME = frozenset(
    """
    kernel step loop_body
    view_f32 view_f64 view_i32 view_i64 view_u8 view_b1 matmul matmul_t t_matmul
    t_matmul_t matmul_add matmul_t_add t_matmul_add t_matmul_t_add batch_matmul batch_matmul_t
    batch_t_matmul batch_t_matmul_t exp expm1 log log1p sin cos tan asin acos atan atan2 sinh
    cosh tanh asinh acosh atanh sigmoid softplus erf erfc sqrt rsqrt pow floor ceil trunc
    round_even round_bfloat16 round_float16 sign remainder floor_divide isnan isinf isfinite
    maximum minimum philox f
    tile_f32 tile_f64 multiply_add load_tile store_tile
    tile_matmul tile_t_matmul panel_f32 panel_f64 pack pack_t tiled
    float64 int32 int64 uint8 buffers INF NAN INF64 NAN64
    team share share_columns chunks elements chunk part_of meet is_first rows
    gpu segment grid quads sweep lanes block_rows this_group this_part first_lane meet_lanes row_sum
    row_prod row_max row_min row_any row_all row_argmax row_argmin
    dealt unravel held steps row_running shared_f32 shared_f64 shared_i32 shared_i64 shared_u8
    shared_b1 tile_i32 tile_i64 tile_u8 multiply_rows dealt_fours
    tile_tf32 round_tf32 add_matmul add_matmul_t add_t_matmul add_t_matmul_t
    """.split()
)
RESERVED = RUNTIME | frozenset(dir(builtins)) | frozenset(keyword.kwlist) | {"match", "case", "_"}


class Namer:
    """Gives out names that are unique within one scope."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def __call__(self, hint: str) -> str:
        """Return `hint` made legal, with the first free number where it is taken."""
        base = legal(hint)
        name, n = base, 0
        while name in self.taken or name in RESERVED:
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name


@cache
def legal(hint: str) -> str:
    """Return `hint` as a Python identifier."""
    name = re.sub(r"\W+", "_", hint).strip("_") or "t"
    return f"v{name}" if name[0].isdigit() else name


ROLES = {
    Role.RANDOM: "random",
    Role.STATE: "state",
    Role.HYPER: "hyper",
    Role.BUFFER: "buffer",
    Role.GRADIENT: "gradient",
    Role.PARAMETER: "parameter",
}
TRANSPARENT = ("cast", "stop_gradient")


class Values:
    """The hint for each value of a graph.

    The user's names come first; the adjoint of v is v_bar; a value without a name is called
    after what it computes, the module that makes it, or the named value of its statement.
    """

    def __init__(self, graph: Graph) -> None:
        self.hints: dict[Value, str] = {}
        self.made_by: dict[Value, Equation] = {v: e for e in graph.equations for v in e.outputs}
        self.targets: dict[tuple[str, int, int], str] = {}
        self.random = {v for v, role in graph.roles.items() if role is Role.RANDOM}
        for e in graph.equations:
            for v in e.outputs:
                if v.name and e.origin is not None:
                    self.targets[_line(e.origin)] = v.name
        for e in reversed(graph.equations):  # what is only moved or converted has the name already
            source = e.inputs[0] if e.inputs else None
            if _transparent(e) and source in self.made_by and not source.hint and e.outputs[0].hint:
                self.hints[source] = e.outputs[0].hint
        for number, value in enumerate(graph.inputs):
            role = ROLES.get(graph.roles.get(value, Role.ARGUMENT), f"x{number}")
            self.hints[value] = value.hint or role
        for old, new in graph.updates:
            if not new.hint:
                self.hints[new] = f"{self.hints[old]}_new"

    def hint(self, value: Value) -> str:
        """Return what a value should be called."""
        if value not in self.hints:
            self.hints[value] = "t"  # for adjoints that lead back to themselves
            self.hints[value] = value.name or self._derived(value)
        return self.hints[value]

    def _derived(self, value: Value) -> str:
        if value.adjoint_of is not None:
            return f"{self.hint(value.adjoint_of)}_bar"
        equation = self.made_by.get(value)
        if equation is None:
            return value.hint or "t"
        primitive = equation.primitive
        if _transparent(equation):
            return self.hint(equation.inputs[0])
        if primitive.name in ROUNDS:
            return f"{self.hint(equation.inputs[0])}_16"
        if primitive.name == "add" and equation.inputs[0] in self.random:
            self.random.add(value)
            return self.hint(equation.inputs[0])
        word = WORDS.get(primitive.name, "")
        if not value.dtype.is_floating_point:
            return word or self._counter(equation)
        if equation.section is Section.UPDATE:
            return word or ("t" if primitive.precedence < 100 else primitive.name)
        place = self._place(equation.origin)
        if equation.section is Section.BACKWARD:
            # no adjoint of anything: `loss_bar` would be wrong here
            return word or "t"
        return word or place or ("t" if primitive.precedence < 100 else primitive.name)

    def _counter(self, equation: Equation) -> str:
        """Return a name for an index, a counter or a flag: that of the one thing it is made of."""
        made_of = [v for v in equation.inputs if not self._is_constant(v)]
        if len(made_of) == 1 and not made_of[0].dtype.is_floating_point:
            return self.hint(made_of[0])
        return "flag" if equation.outputs[0].dtype.is_bool else "index"

    def _is_constant(self, value: Value) -> bool:
        return value in self.made_by and self.made_by[value].primitive.name == "full"

    def _place(self, origin: Origin | None) -> str:
        """Return the module that was being called, or what the statement assigns to."""
        if origin is None:
            return ""
        scope = origin.scope
        if not scope:
            return self.targets.get(_line(origin), "")
        return legal(f"layer{scope}" if scope[0].isdigit() else scope)


def _transparent(e: Equation) -> bool:
    """Return whether an equation leaves its operand's values as they are."""
    return e.primitive.kind is Kind.MOVEMENT or e.primitive.name in TRANSPARENT


def _line(origin: Origin) -> tuple[str, int, int]:
    return origin.file, origin.line, origin.visit
