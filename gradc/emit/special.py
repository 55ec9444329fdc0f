"""Kernels that no loop nest makes -> their texts, and their calls in the step."""

from __future__ import annotations

from collections.abc import Callable

from gradc.emit.arguments import CODES
from gradc.emit.attention import attention_kernel
from gradc.emit.convolution import convolution_kernel
from gradc.emit.naming import Dims, Naming
from gradc.emit.product import product_kernel
from gradc.emit.sorting import sort_kernel
from gradc.emit.strip_product import panels_kernel
from gradc.emit.team import Team
from gradc.emit.writer import Writer
from gradc.schedule.attention import Attention, attention_tiles
from gradc.schedule.convolutions import Convolution
from gradc.schedule.plan import Kernel, Panels, Plan, Product, Sort
from gradc.schedule.product_tiles import Method
from gradc.schedule.products import Matrix
from gradc.schedule.tiles import tiles

Known = dict[str, tuple[str, str]]


class Special:
    """Writes products, convolutions, attention and sorts; those with the same text share it.

    Attributes:
        products: name and text of each product from tiles.
        convolutions: name and text of each convolution.
        attentions: name and text of each attention.
        sorts: name and text of each sort.
        calls: the function that each kernel of the plan calls.
    """

    def __init__(self, plan: Plan, naming: Naming, team: Team, calls: dict[Kernel, str]) -> None:
        """Have written nothing yet."""
        self.plan = plan
        self.naming = naming
        self.team = team
        self.calls = calls
        self.products: Known = {}
        self.convolutions: Known = {}
        self.attentions: Known = {}
        self.sorts: Known = {}

    def texts(self) -> list[str]:
        """Return the texts of the functions that are called."""
        made = (self.products, self.convolutions, self.attentions, self.sorts)
        return [text for known in made for _, text in known.values()]

    def write(self, kernel: Kernel, body: Writer) -> None:
        """Write the call of a kernel."""
        match kernel.work:
            case Panels():
                self._fill(kernel, kernel.work, body)
            case Product():
                self._multiply(kernel, kernel.work, body)
            case Convolution():
                self._convolve(kernel, kernel.work, body)
            case Attention():
                self._attend(kernel, kernel.work, body)
            case Sort():
                self._sort(kernel, kernel.work, body)
            case _:
                raise AssertionError(f"{type(kernel.work).__name__} is not special")

    def _multiply(self, kernel: Kernel, product: Product, body: Writer) -> None:
        (value,) = kernel.values
        lead = (product.batch,) if product.batch else ()
        out = self.naming.view(value, (*lead, product.rows, product.columns))
        left, right = (self._matrix(m, lead) for m in (product.left, product.right))
        if product.panels is not None:
            right = self.naming.view(product.panels, product.panels.shape)
        mine = self._mine(kernel)
        if product.choice.method in (Method.BLAS, Method.LOOPS):
            self.calls[kernel] = product.form
            self.naming.used.add(product.form)
            body.call(product.form, ["buffers", left, right, out, *mine])
            return
        way = kernel.share.way.value if kernel.share is not None and mine else ""
        given = (product, value.dtype, self.naming.used, way)
        kind = "tiles" if product.choice.tiles is not None else "vector"
        word = f"{product.form}_{kind}"
        name = self._function(kernel, self.products, word, lambda n: product_kernel(n, *given))
        body.call(name, [left, right, out, *mine])

    def _fill(self, kernel: Kernel, work: Panels, body: Writer) -> None:
        mine = self._mine(kernel)
        turned, lanes = work.source.transposed, work.panels.shape[-1]
        code, rows = CODES[work.panels.dtype], "rows" if mine else ""
        self.naming.used.update(("kernel", "pack_t" if turned else "pack"))

        def text(name: str) -> str:
            return panels_kernel(name, code, lanes, transposed=turned, mine=rows)

        name = self._function(kernel, self.products, "fill_panels", text)
        panels = self.naming.view(work.panels, work.panels.shape)
        body.call(name, [self._matrix(work.source, ()), panels, *mine])

    def _function(
        self,
        kernel: Kernel,
        known: Known,
        word: str,
        text: Callable[[str], str],
    ) -> str:
        """Return the function that a kernel calls; kernels with the same text share it."""
        key = text("")
        if key not in known:
            name = self.naming.namer(word)
            known[key] = (name, text(name))
        self.calls[kernel] = known[key][0]
        return known[key][0]

    def _mine(self, kernel: Kernel) -> list[str]:
        """Return the last argument of a kernel that threads share: this thread's rows."""
        share = kernel.share
        return [self.team.mine(share)] if share is not None and share.cut else []

    def _matrix(self, matrix: Matrix, lead: Dims) -> str:
        home = self.plan.program.home(matrix.value)
        assert home is not None
        return self.naming.view(home.value, (*lead, matrix.rows, matrix.columns))

    def _convolve(self, kernel: Kernel, work: Convolution, body: Writer) -> None:
        (value,) = kernel.values
        cut = tiles(work, value.dtype, self.plan.registers)
        share = kernel.share if kernel.share is not None and kernel.share.cut else None
        rows = "rows" if share is not None else ""
        about = (work, value.dtype, cut, self.naming.used, rows)
        window = "x".join(map(str, work.window))
        word = "conv_weights" if work.sums_samples else f"conv_{window}"
        self.naming.used.add("kernel")
        homes = [self.plan.program.home(seen.value) for seen in (work.left, work.right)]
        values = [root.value for root in homes if root is not None]
        *given, shape = work.shapes
        views = [self.naming.view(v, dims) for v, dims in zip(values, given, strict=True)]
        made = self.convolutions
        name = self._function(kernel, made, word, lambda n: convolution_kernel(n, *about))
        if share is not None and share.own:
            with body.block(self.team.chunks(share)):
                body.call(name, [*views, self.team.part(value, shape, share), "chunk"])
        else:
            body.call(name, [*views, self.naming.view(value, shape), *self._mine(kernel)])

    def _attend(self, kernel: Kernel, work: Attention, body: Writer) -> None:
        dtype = kernel.values[0].dtype
        cut = attention_tiles(work.queries, dtype, self.plan.registers)
        mine = self._mine(kernel)
        given = [(home, seen.dims) for home, seen in zip(work.homes, work.operands, strict=True)]
        equation = kernel.roots[0].equation
        assert equation is not None
        given += [(v, v.shape) for v in equation.outputs]
        codes = tuple(f"{CODES[v.dtype]}[{','.join(':' * len(dims))}]" for v, dims in given)
        about = (work, dtype, cut, codes, self.naming.used, "rows" if mine else "")
        word = "attention_bar" if work.adjoint else "attention"
        name = self._function(kernel, self.attentions, word, lambda n: attention_kernel(n, *about))
        body.call(name, [*(self.naming.view(v, dims) for v, dims in given), *mine])

    def _sort(self, kernel: Kernel, sort: Sort, body: Writer) -> None:
        equation = kernel.roots[0].equation
        assert equation is not None
        values, index = equation.outputs
        word = "sort_descending" if sort.descending else "sort_ascending"
        self.naming.used.update(("kernel", "minimum"))

        def text(name: str) -> str:
            return sort_kernel(name, values.dtype, descending=sort.descending)

        name = self._function(kernel, self.sorts, word, text)
        dims = (sort.rows, sort.columns)
        views = [self.naming.view(v, dims) for v in (sort.source, values, index)]
        scratch = [self.naming.view(v, (sort.columns,)) for v in sort.scratch]
        body.call(name, [*views, *scratch])
