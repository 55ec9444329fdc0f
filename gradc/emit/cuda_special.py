"""Convolutions and sums of parts -> the text of their CUDA kernels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from gradc.emit.arguments import CODES
from gradc.emit.convolution import Text, arrays, axis_sizes
from gradc.emit.cuda_tiles import Operand, TiledProduct, TileWriter, read, resident
from gradc.emit.expression import literal
from gradc.emit.kernel import UPDATES, first_value
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.schedule.convolutions import Convolution
from gradc.schedule.frame import Launch
from gradc.schedule.share import Combine


def array(code: str, dims: Sequence[int]) -> str:
    """Return the type of an array in a signature: `f32[64,256]`."""
    return f"{code}[{','.join(map(str, dims or (1,)))}]"


def sum_kernel(work: Combine, facts: str, used: set[str]) -> str:
    """Return the text of the kernel that folds parts, in their order or by all lanes of a group."""
    code, dtype = CODES[work.total.dtype], work.total.dtype
    writer = Writer()
    used.add("kernel")
    kinds = [array(code, (work.count, work.size)), array(code, (work.size,))]
    writer.quote("@kernel", ", ".join(kinds), facts)
    with writer.block("def @(parts, total):"):
        words = {"sum": "the sum", "prod": "the product", "max": "the largest"}
        words |= {"min": "the smallest", "any": "whether any", "all": "whether all"}
        writer.line(f"# total = {words[work.fold]} of the parts, in a fixed order")
        together = work.size < 32
        head = "rows" if together else "grid"
        used.add(head)
        with writer.block(f"for i in {head}({work.size}):"):
            writer.line(f"running = {first_value(work.fold, dtype, used)}")
            inner = f"lanes({work.count})" if together else f"range({work.count})"
            with writer.block(f"for k in {inner}:"):
                _step(writer, work.fold, dtype, used)
            if together:
                used.update(("lanes", "first_lane", f"row_{work.fold}"))
                writer.line(f"running = row_{work.fold}(running)")
                writer.line("if first_lane():")
                writer.depth += 1
            writer.line("total[i] = running")
    return str(writer)


def _step(writer: Writer, fold: str, dtype: DType, used: set[str]) -> None:
    """Write how one part is taken in."""
    if fold in ("max", "min"):
        function = {"max": "maximum", "min": "minimum"}[fold]
        used.add(function)
        writer.line(f"running = {function}(running, parts[k, i])")
    elif fold in ("sum", "prod") and dtype.itemsize < 8 and not dtype.is_floating_point:
        conversion = "int32" if dtype.itemsize == 4 else "uint8"
        used.add(conversion)
        writer.line(f"running = {conversion}(running {UPDATES[fold][0]} parts[k, i])")
    else:
        writer.line(f"running {UPDATES[fold]} parts[k, i]")


def convolution_kernel(
    work: Convolution, dtype: DType, launch: Launch, facts: str, used: set[str]
) -> str:
    """Return the text of a convolution: a tile per block, or one thread per element."""
    writer, text = Writer(), Text(work, {})
    x, w, y = arrays(work)
    code, (left, right, result) = CODES[dtype], work.shapes
    shapes = (left, right, (launch.parts, *result) if launch.own else result)
    used.add("kernel")
    kinds = ", ".join(array(code, dims) for dims in shapes)
    writer.quote("@kernel", kinds, facts + resident(launch.tile))
    with writer.block(f"def @({x}, {w}, {y}):"):
        summed = ", ".join(sorted((work.inner_name, *work.window_names), key="nijkpqrc".index))
        writer.line(f"# {y}[{text.y}] = sum over {summed} of")
        writer.line(f"#     {x}[{text.x}] * {w}[{text.w}]")
        if launch.tile is None:
            _each_element(writer, work, dtype, launch, used)
        else:
            tiles = _as_tiles(work, dtype, launch)
            aligned = "unaligned" not in facts
            TileWriter(replace(tiles, aligned=aligned), writer, used).write()
    return str(writer)


def _as_tiles(work: Convolution, dtype: DType, launch: Launch) -> TiledProduct:
    """Return a convolution as a product in tiles: places by channels.

    Neighbouring rows or terms are neighbours in memory: channels of x, samples last or first.
    """
    x, w, y = arrays(work)
    sizes = axis_sizes(work)
    rows, terms = (work.sample_name, *work.places_names), (*work.window_names, work.inner_name)
    if work.sums_samples:
        rows, terms = (*rows[1:], rows[0]), (terms[-1], *terms[:-1])
    return TiledProduct(
        Operand(x, lambda at: Text(work, dict(at)).x, turned=not work.sums_samples),
        Operand(w, lambda at: Text(work, dict(at)).w),
        Operand(y, lambda at: Text(work, dict(at)).y),
        dtype,
        [("g", work.groups)],
        [(name, sizes[name]) for name in rows],
        [(name, sizes[name]) for name in terms],
        ("o", work.outer),
        launch,
        steps=not work.sums_samples,
    )


def _each_element(
    writer: Writer, work: Convolution, dtype: DType, launch: Launch, used: set[str]
) -> None:
    """Write a loop over the elements of the result, one for each thread."""
    text, sizes, owned = Text(work, {}), axis_sizes(work), bool(launch.own)
    x, w, y = arrays(work)
    used.add("grid")
    outside = [work.sample_name, *work.places_names, *("g",) * work.grouped, "o"]
    window = list(work.window_names)
    inside = [work.inner_name, *window] if work.sums_samples else [*window, work.inner_name]
    if owned:
        used.add("this_part")
        writer.line("part = this_part()")
    with ExitStack() as loops:
        extents = ", ".join(str(sizes[a]) for a in outside)
        loops.enter_context(writer.block(f"for {', '.join(outside)} in grid({extents}):"))
        writer.line(f"total = {literal(0, dtype, used)[0]}")
        with ExitStack() as sums:
            for axis in inside:
                head = f"range({sizes[axis]})"
                if owned and axis == work.inner_name:
                    used.add("block_rows")
                    head = f"block_rows({sizes[axis]}, {launch.together})"
                sums.enter_context(writer.block(f"for {axis} in {head}:"))
            pair = f"{x}[{text.x}]", f"{w}[{text.w}]"
            left, right = (read(element, work.rounds, used) for element in pair)
            writer.assign("total", f"{left} * {right}", "+=")
        writer.line(f"{y}[{'part, ' if owned else ''}{text.y}] = total")
