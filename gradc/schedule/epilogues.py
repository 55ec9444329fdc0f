"""A product, and a kernel that does no more than add a bias to it -> one product with a bias.

The GPU's library adds it while the result is still in registers. ReLU, GELU and the bias's gradient
stay in kernels of their own: the library does not say that NaN outlives its ReLU, its GELU is the
tanh approximation to an unknown accuracy, and a gradient is summed where its terms are made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gradc.ir.dtype import float32
from gradc.ir.graph import Value
from gradc.schedule.loops import Compute, Read, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Product


def with_biases(
    kernels: Sequence[Kernel], results: Collection[Value], states: Collection[Value]
) -> list[Kernel]:
    """Return kernels in which products add what only they are added to.

    Args:
        kernels: in order.
        results: values whose memory is given by the caller.
        states: those that overwrite what the step reads.
    """
    made = {v: i for i, k in enumerate(kernels) for v in k.values}
    readers: dict[Value, list[int]] = {}
    for i, kernel in enumerate(kernels):
        for value in kernel.reads:
            readers.setdefault(value, []).append(i)
    replaced: dict[int, Kernel | None] = {}
    for i, kernel in enumerate(kernels):
        work = kernel.work
        if not isinstance(work, Product) or work.batch or not work.terms:
            continue
        (value,) = kernel.values
        reader = readers.get(value, [])
        if len(reader) != 1 or value in results:
            continue
        found = _bias(kernels[reader[0]], value, work)
        if found is None or made.get(found, -1) >= i or kernels[reader[0]].values[0] in states:
            continue
        choice = replace(work.choice, reason=f"{work.choice.reason}, which adds the bias")
        replaced[i] = replace(
            kernel,
            roots=kernels[reader[0]].roots,
            work=replace(work, bias=found, choice=choice),
            reads=(*kernel.reads, found),
        )
        replaced[reader[0]] = None
    found_all = [replaced.get(i, k) for i, k in enumerate(kernels)]
    return [k for k in found_all if k is not None]


def _bias(kernel: Kernel, product: Value, work: Product) -> Value | None:
    """Return what a kernel adds to each row of a product, if that is all it does."""
    nest = kernel.work
    if not isinstance(nest, Nest) or kernel.is_scalar or len(kernel.roots) != 1 or nest.scratch:
        return None
    stores = [a.touched for a in nest.accesses if isinstance(a.touched, Store)]
    if len(stores) != 1 or len(nest.accesses) != 3:
        return None
    (store,) = stores
    node = store.node
    plain = not store.fold and not store.tests and store.dims[-1:] == (work.columns,)
    if not plain or not isinstance(node, Compute) or node.primitive.name != "add":
        return None
    if node.dtype is not float32 or not all(isinstance(x, Read) for x in node.operands):
        return None
    reads = [x for x in node.operands if isinstance(x, Read)]
    here = [x for x in reads if x.root is product and x.index == store.index]
    there = [x for x in reads if x.dims == (work.columns,) and x.index == store.index[-1:]]
    same = len(here) == len(there) == 1 and here[0].dims == store.dims
    return there[0].root if same and there[0].root is not product else None
