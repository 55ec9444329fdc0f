"""What lanes of a group do together: `row_sum`, `row_running`, `first_lane`, `meet_lanes` ...

Every lane of a group must come to each of them, and all lanes get the same result to the last
bit: folds are added up in one fixed order.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from gradc.runtime.cuda_frames import asked
from gradc.runtime.operation import Operation, signature

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_CODES = {types.float32: "f32", types.float64: "f64", types.int64: "i64"}
_WORDS = {"f32": ir.FloatType(), "f64": ir.DoubleType(), "i32": _I32, "i64": _I64}


def _fold(name: str, fold: str) -> Operation:
    """Return the operation that folds one number of each lane."""

    def typing(context: Any, *args: Any) -> Any:
        kind = types.unliteral(args[0]) if len(args) == 1 else None
        fits = isinstance(kind, types.Number | types.Boolean)
        return signature(kind, kind) if fits else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind, (value,) = sig.return_type, args
        code = _CODES.get(kind, "i32")
        word, own = _WORDS[code], value.type
        if own != word:
            value = (builder.sext if _signed(kind) else builder.zext)(value, word)
        result = asked(builder, f"{fold}.{code}", word, value)
        return result if own == word else builder.trunc(result, own)

    return Operation(name, typing, lowering)


def _signed(kind: Any) -> bool:
    return isinstance(kind, types.Integer) and kind.signed


def _search(name: str, fold: str) -> Operation:
    """Return the operation that finds the best element of all lanes, and where it is."""

    def typing(context: Any, *args: Any) -> Any:
        if len(args) != 2 or not isinstance(types.unliteral(args[1]), types.Integer):
            return None
        kind = types.unliteral(args[0])
        fits = isinstance(kind, types.Number | types.Boolean)
        pair = types.Tuple([kind, types.int64])
        return signature(pair, kind, types.int64) if fits else None

    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = sig.args[0]
        code = _CODES.get(kind, "i32")
        word, own, best = _WORDS[code], args[0].type, args[0]
        if own != word:
            best = (builder.sext if _signed(kind) else builder.zext)(best, word)
        best_at = cgutils.alloca_once_value(builder, best)
        place_at = cgutils.alloca_once_value(builder, args[1])
        # The device's function changes both where they lie.
        asked(builder, f"{fold}.{code}", ir.VoidType(), best_at, place_at)
        best, place = builder.load(best_at), builder.load(place_at)
        best = best if own == word else builder.trunc(best, own)
        return context.make_tuple(builder, sig.return_type, [best, place])

    return Operation(name, typing, lowering)


def _running_typing(context: Any, *args: Any) -> Any:
    kind = types.unliteral(args[0]) if len(args) == 2 else None
    if not isinstance(kind, types.Number):
        return None
    return signature(types.UniTuple(kind, 2), kind, kind)


def _running(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return the sum up to this lane, and up to the last one, of what came before and all."""
    kind, (value, before) = sig.args[0], args
    code, own = _CODES.get(kind, "i32"), args[0].type
    word = _WORDS[code]
    widen = builder.sext if _signed(kind) else builder.zext
    value, before = (x if own == word else widen(x, word) for x in (value, before))
    place = cgutils.alloca_once_value(builder, before)
    sums = [asked(builder, f"running.{code}", word, value, place), builder.load(place)]
    sums = [x if own == word else builder.trunc(x, own) for x in sums]
    return context.make_tuple(builder, sig.return_type, sums)


row_running = Operation("row_running", _running_typing, _running)
row_sum = _fold("row_sum", "sum")
row_prod = _fold("row_prod", "prod")
row_max = _fold("row_max", "max")
row_min = _fold("row_min", "min")
row_any = _fold("row_any", "any")
row_all = _fold("row_all", "all")
row_argmax = _search("row_argmax", "argmax")
row_argmin = _search("row_argmin", "argmin")


def _nothing(result: Any) -> Any:
    """Return the typing rule of operations without arguments."""

    def typing(context: Any, *args: Any) -> Any:
        return None if args else signature(result)

    return typing


def _first_lane(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return whether this is lane 0 of its group."""
    return builder.icmp_unsigned("==", asked(builder, "lane"), ir.Constant(_I32, 0))


def _meet_lanes(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Wait for the lanes of the group; what they stored can then be read."""
    asked(builder, "meet", ir.VoidType())
    return context.get_dummy_value()


first_lane = Operation("first_lane", _nothing(types.boolean), _first_lane)
meet_lanes = Operation("meet_lanes", _nothing(types.void), _meet_lanes)
