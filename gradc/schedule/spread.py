"""Kernels in order -> the same with their shares, and sums of parts where blocks make them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gradc.ir.dtype import float32, float64
from gradc.ir.graph import TensorType, Value
from gradc.schedule.attention import Attention
from gradc.schedule.convolutions import Convolution
from gradc.schedule.loops import Read, Result, Scope, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import FLOPS_PER_NS, Cost, Kernel, Panels, Product, Repeat
from gradc.schedule.product_tiles import EVEN, Method, ProductTiles
from gradc.schedule.roots import Form
from gradc.schedule.share import Combine, Share, Way
from gradc.schedule.tiles import Cut

# Nanoseconds on one core.
SMALL = 3_000  # a kernel that is done sooner is left whole
WORTH = 40_000  # a program whose bigger kernels are done sooner runs on one thread
BLOCK = 3_000  # what a block should take
MOST_BLOCKS = 32
SAMPLES = 8  # of an attention that threads share without cutting one
MOST_WEIGHTS = 8  # copies of a convolution's weights, one for the samples of each block
LINE = 16  # float32 elements of a cache line
FLAT = 1024  # elements: vectors and their remainders fall alike in every block
BLAS_BLOCK = 64  # rows or columns below which a product packs more than it computes


def spread(kernels: list[Kernel], runs: int = 1) -> list[Kernel]:
    """Return kernels with shares; as they are where one thread is as fast.

    Args:
        kernels: in the order they run in.
        runs: how often they run in a row.
    """
    times = {k: k.nanoseconds for k in kernels}
    shared = sum(t for k, t in times.items() if t >= SMALL and _divisible(k))
    if shared * runs < WORTH:
        return kernels
    spreading = _Spreading(times)
    return [made for k in kernels for made in spreading.kernel(k)]


def _divisible(kernel: Kernel) -> bool:
    """Return whether the positions of the outer axis may go to different threads."""
    if isinstance(kernel.work, Product):
        return True
    if isinstance(kernel.work, Repeat):
        return kernel.work.plan.shared
    if isinstance(kernel.work, Attention):
        return kernel.work.units > 1
    if isinstance(kernel.work, Convolution):
        return _samples(kernel.work) > 1
    if not isinstance(kernel.work, Nest) or kernel.is_scalar or kernel.parallel < 2:
        return False
    if kernel.work.rows == 0 and any(r.form is Form.SCAN for r in kernel.roots):
        return False  # each element needs the one before
    totals = [s for s in _stores(kernel.work) if _is_total(s, kernel.work)]
    return all(_adds(s) and s.root.dtype in (float32, float64) for s in totals)


def _samples(work: Convolution) -> int:
    """Return the number of samples, which a weight's gradient sums over."""
    return work.inner if work.sums_samples else work.samples


def _stores(nest: Nest) -> list[Store]:
    return [a.touched for a in nest.accesses if isinstance(a.touched, Store)]


def _is_total(store: Store, nest: Nest) -> bool:
    """Return whether a store gives what rows of different blocks have in common."""
    after = store.scope is Scope.END or (store.scope is Scope.ROW and nest.rows == 0)
    return after or (store.clear and not _along(store))


def _adds(total: Store) -> bool:
    """Return whether a total is a sum, so that it may be summed in parts."""
    if total.clear:
        return total.fold == "sum"
    return isinstance(total.node, Result) and total.node.fold.name == "sum"


def _summed(nest: Nest) -> list[Value]:
    """Return the values that every block has a part of."""
    return list(dict.fromkeys(s.root for s in _stores(nest) if _is_total(s, nest)))


def _along(touched: Read | Store) -> bool:
    """Return whether the outer axis moves along an array."""
    return any(0 in place.axes for place in touched.index)


def _only_numbers(nest: Nest) -> bool:
    """Return whether each value that it leaves is written once, at its end."""
    return all(_is_total(s, nest) and not s.clear for s in _stores(nest))


def leading(touched: Read | Store, nest: Nest) -> bool:
    """Return whether each position of the outer axis is one row of an array."""
    index, dims = touched.index, touched.dims
    return bool(index) and index[0].axis == 0 and dims[0] == nest.extents[0]


@dataclass(slots=True)
class _Spreading:
    """Deals out blocks; where it can, those that a thread has written already.

    Args:
        times: of each kernel.
        owned: bytes of the blocks in which each value was written.
    """

    times: dict[Kernel, float]
    owned: dict[Value, int] = field(default_factory=dict[Value, int])

    def kernel(self, kernel: Kernel) -> list[Kernel]:
        """Return a kernel with its share, and the sums of its parts."""
        match kernel.work:
            case Nest() if kernel.is_scalar:
                return [replace(kernel, share=Share(Way.EACH))]
            case Product():
                return [replace(kernel, share=self._product(kernel, kernel.work))]
            case Panels() if self.times[kernel] >= SMALL:
                block = -(-kernel.parallel // MOST_BLOCKS)
                return [replace(kernel, share=Share(Way.ROWS, kernel.parallel, block))]
            case Repeat() if _divisible(kernel):
                return [replace(kernel, share=Share(Way.STEPS))]
            case Attention() if _divisible(kernel):
                return [replace(kernel, share=self._attention(kernel, kernel.work))]
            case Convolution() if _divisible(kernel):
                return self._convolution(kernel, kernel.work)
            case Nest() if _divisible(kernel):
                return self._nest(kernel, kernel.work)
            case _:
                return [replace(kernel, share=Share(Way.FIRST))]

    def _product(self, kernel: Kernel, product: Product) -> Share:
        time, tiles = self.times[kernel], product.choice.tiles
        known = self._rows_before(product)
        wide = _columns_share(product, tiles) if tiles is not None and time >= SMALL else None
        if wide is not None:
            share = wide
        elif known is not None:
            share = Share(Way.ROWS, product.rows, known)
        elif time < SMALL:
            return Share(Way.FIRST)
        elif product.batch:
            share = Share(Way.ROWS, product.batch, -(-product.batch // MOST_BLOCKS))
        elif product.choice.method is Method.THIN:
            share = _thin_share(product)
        elif tiles is not None:
            share = _tiles_share(tiles, time)
        else:
            share = _product_share(product, time)
        if share.way is Way.ROWS:
            (value,) = kernel.values
            self.owned[value] = value.type.nbytes // share.extent * share.block
        return share

    def _rows_before(self, product: Product) -> int | None:
        """Return the block of rows that threads have of the left operand, if tiles fit in."""
        tiles, (home, _) = product.choice.tiles, product.homes
        known = self.owned.get(home)
        if tiles is None or product.batch or product.left.transposed or known is None:
            return None
        block, rest = divmod(known, home.type.nbytes // product.rows)
        fits = not rest and block < product.rows and _fit(tiles.rows, block)
        return block if fits else None

    def _convolution(self, kernel: Kernel, work: Convolution) -> list[Kernel]:
        if self.times[kernel] < SMALL:
            return [replace(kernel, share=Share(Way.FIRST))]
        (value,) = kernel.values
        samples = _samples(work)
        if not work.sums_samples:
            share = Share(Way.ROWS, samples, -(-samples // MOST_BLOCKS))
            self.owned[value] = value.type.nbytes // share.extent * share.block
            return [replace(kernel, share=share)]
        share = Share(Way.ROWS, samples, -(-samples // MOST_WEIGHTS))
        parts = _rows_of(value, share.blocks)
        share = replace(share, own={value: parts})
        return [replace(kernel, share=share), self._combine(kernel, value, parts, share.blocks)]

    def _attention(self, kernel: Kernel, work: Attention) -> Share:
        """Return whole samples where there are several: they lie side by side."""
        if self.times[kernel] < SMALL:
            return Share(Way.FIRST)
        block = -(-work.units // MOST_BLOCKS)
        if work.samples >= SAMPLES:
            block = work.heads * -(-work.samples // MOST_BLOCKS)
            row = work.homes[0].type.nbytes // work.samples if work.by_samples(0) else 0
            known = self.owned.get(work.homes[0], 0)
            if row and known % row == 0 and 0 < known // row <= work.samples // 2:
                block = work.heads * (known // row)
            for value in kernel.values:
                self.owned[value] = value.type.nbytes // work.units * block
        return Share(Way.ROWS, work.units, block)

    def _nest(self, kernel: Kernel, nest: Nest) -> list[Kernel]:
        totals = _summed(nest)
        if self.times[kernel] < SMALL / 3 and _only_numbers(nest):
            return [replace(kernel, share=Share(Way.EACH))]
        block = self._block(kernel, nest)
        share = Share(Way.ROWS, nest.extents[0], block)
        if share.blocks == 1 and (totals or nest.scratch):
            return [replace(kernel, share=Share(Way.FIRST))]
        own = {v: _rows_of(v, share.blocks) for v in (*totals, *nest.scratch)}
        share = replace(share, own=own)
        for access in nest.accesses:
            touched = access.touched
            if isinstance(touched, Store) and leading(touched, nest):
                self.owned[touched.root] = touched.root.type.nbytes // share.extent * block
        return [
            replace(kernel, share=share),
            *(self._combine(kernel, v, own[v], share.blocks) for v in totals),
        ]

    def _block(self, kernel: Kernel, nest: Nest) -> int:
        """Return how many positions stay together."""
        extent, time = nest.extents[0], self.times[kernel]
        flat = len(nest.extents) == 1
        reads = [a.touched for a in nest.accesses if isinstance(a.touched, Read)]
        for read in sorted(reads, key=lambda r: -r.root.type.nbytes):
            if read.root in self.owned and leading(read, nest):
                row = read.root.type.nbytes // extent
                block, rest = divmod(self.owned[read.root], max(row, 1))
                whole = not flat or block % 64 == 0 or block >= extent
                if not rest and whole and (block < extent or time < SMALL):
                    return block
        if time < SMALL:
            return extent
        count = min(max(int(time / BLOCK), 2), MOST_BLOCKS, extent)
        if _summed(nest):
            count = min(count, max(extent // 8, 1))
        count = 1 << (count.bit_length() - 1)
        block = -(-extent // count)
        return -(-block // FLAT) * FLAT if flat else block

    def _combine(self, kernel: Kernel, total: Value, parts: Value, count: int) -> Kernel:
        size = total.type.size
        cost = Cost(count * size, count * size * total.dtype.itemsize)
        way = Share(Way.EACH)
        if cost.flops / FLOPS_PER_NS > SMALL:
            way = Share(Way.ROWS, size, -(-size // 8 // FLAT) * FLAT or FLAT)
        work = Combine(parts, total, count, size)
        return Kernel((), work, kernel.section, (parts,), cost, size, (), way)


def _rows_of(value: Value, count: int) -> Value:
    """Return what holds one of an array for each block, on cache lines of its own."""
    size = -(-value.type.size // LINE) * LINE
    return Value(TensorType((count, size), value.dtype))


def _fit(rows: Cut, block: int) -> bool:
    """Return whether blocks of rows are cut into tiles, and no last one is smaller than a tile."""
    rest = rows.extent % block
    return block % rows.size == 0 and (rest == 0 or rest >= rows.size)


def _thin_share(product: Product) -> Share:
    """Return the cut of a thin matrix times a vector; sums over its rows are left whole."""
    if product.left.transposed or product.rows <= FLAT:
        return Share(Way.FIRST)
    count = min(MOST_BLOCKS, -(-product.rows // FLAT))
    block = -(-product.rows // (count * FLAT)) * FLAT
    return Share(Way.ROWS, product.rows, block)


def _tiles_share(tiles: ProductTiles, time: float) -> Share:
    """Return the cut of a product from tiles: rows, which cost nothing but a panel per thread."""
    rows = tiles.block
    count = min(max(int(time / BLOCK), 2), MOST_BLOCKS)
    count = 1 << (count.bit_length() - 1)
    block = -(-rows.extent // (count * rows.size)) * rows.size
    while block < rows.extent and not _fit(rows, block):
        block += rows.size
    if block >= rows.extent:
        return Share(Way.FIRST)
    return Share(Way.ROWS, rows.extent, block)


def _columns_share(product: Product, tiles: ProductTiles) -> Share | None:
    """Return a cut by columns where each thread better packs a part of the right operand only.

    It then reads just that part, of a weight those rows that it may update itself.
    """
    smaller = product.rows * (product.columns + product.terms)
    if product.batch or not tiles.packs or tiles.strips:
        return None
    if product.columns * product.terms < smaller or product.columns % tiles.width:
        return None
    if product.columns < EVEN * tiles.width:
        return None
    return Share(Way.COLUMNS, product.columns, tiles.width)


def _product_share(product: Product, time: float) -> Share:
    """Return the cut of a product that is even for 2, 4 and 8 threads and costs little packing.

    Cutting rows packs the right operand once per block, cutting columns the left one.
    """
    most = max(int(time / BLOCK), 2)
    packing = {Way.ROWS: 11 if product.right.transposed else 4, Way.COLUMNS: 4}
    options: list[tuple[float, Share]] = []
    for way, extent in ((Way.ROWS, product.rows), (Way.COLUMNS, product.columns)):
        for count in (2, 4, 8, 16, 32):
            block = -(-extent // count // LINE) * LINE
            if count <= most and (block >= BLAS_BLOCK or count == 2):
                blocks = -(-extent // block)
                two, four, eight = (-(-blocks // t) * block / extent for t in (2, 4, 8))
                cost = (1 + packing[way] / block) * (two + four + eight / 2)
                options.append((cost, Share(way, extent, block)))
    return min(options, key=lambda option: option[0])[1]
