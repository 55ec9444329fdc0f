"""Functions of one example to map: written once for gradc and torch (`m`), with float64 inputs."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(11)


def normal(*shape):
    return RNG.standard_normal(shape)


def whole(*shape):
    return RNG.integers(0, 3, shape)


def in_place(m, x):
    y = x * 2
    y[1:] *= x[:1]
    y += 1
    return y * x


def overwrite(m, x):
    y = m.zeros_like(x)
    y[0] = x.sum()
    y[1:] = x[:2] * x[1:3]
    return y


def several(m, x, y):
    return {"sum": x + y, "parts": (x.mean(), [y * 2])}


def tree(m, p, x):
    return m.tanh(x @ p["w"].t() + p["b"][0])


def gradient(m, x, y):
    return m.func.grad(lambda x: (m.sin(x) * y).sum())(x)


def both(m, x):
    return m.func.vmap(lambda a: m.func.vmap(lambda b: a * b.sum())(x))(x)


def hessian(m, x):
    return m.func.hessian(lambda x: (x**3).sum() * x[0])(x)


def rows_of(m, x):
    return m.func.jacrev(lambda x: m.sin(x) * x.sum())(x)


def columns_of(m, x):
    return m.func.jacfwd(lambda x: m.sin(x) * x.sum())(x)


def tangents(m, x, v):
    return m.func.jvp(lambda x: m.exp(x) * x[0], (x,), (v,))


def cotangents(m, x, v):
    y, pull = m.func.vjp(lambda x: m.exp(x) * x[0], x)
    return y, pull(v)[0]


def convolved(m, x, w):
    return m.nn.functional.conv2d(x, w, stride=2, padding=1)


def pooled(m, x):
    return m.nn.functional.max_pool2d(x, 2), m.nn.functional.avg_pool2d(x, 2)


def loss(m, x, t):
    return m.nn.functional.cross_entropy(x, t)


def embedded(m, at, table):
    return m.nn.functional.embedding(at, table)


def attention(m, q, k, v):
    return m.nn.functional.scaled_dot_product_attention(q, k, v)


def normed(m, x, w):
    return m.nn.functional.layer_norm(x, (4,), w)


def scattered(m, x, at, v):
    return m.scatter_add(x, 0, at, v)


def read_at(m, x, at):
    return x[at]


def written_at(m, x, at, v):
    return m.index_put(x, (at,), v, accumulate=True)


# name -> (function, arguments, in_dims, out_dims)
FUNCTIONS = {
    "scalar": (lambda m, x: m.sin(x) * x, (normal(5),), 0, 0),
    "broadcast": (lambda m, x, y: x * y + y, (normal(5, 3, 1), normal(5, 4)), 0, 0),
    "one_mapped": (lambda m, x, y: x * y + y, (normal(5, 3), normal(3)), (0, None), 0),
    "other_mapped": (lambda m, x, y: x * y + y.exp(), (normal(3), normal(5, 3)), (None, 0), 0),
    "last_axis": (lambda m, x: x.sum(0), (normal(3, 4, 5),), -1, -1),
    "middle_axes": (lambda m, x, y: x @ y, (normal(3, 5, 4), normal(4, 2, 5)), (1, 2), 1),
    "reduce": (lambda m, x: x.sum(0) / x.exp().mean(1), (normal(5, 3, 3),), 0, 0),
    "extremes": (lambda m, x: (m.amax(x, 1), x.argmax(), x.prod(0)), (normal(5, 3, 3),), 0, 0),
    "max_index": (lambda m, x: tuple(m.max(x, 1)), (normal(5, 3, 4),), 0, (0, 1)),
    "matmul": (lambda m, x, y: x @ y, (normal(5, 2, 3), normal(5, 3, 4)), 0, 0),
    "matmul_left": (lambda m, x, y: x @ y, (normal(5, 2, 3), normal(3, 4)), (0, None), 0),
    "matmul_right": (lambda m, x, y: x @ y, (normal(2, 3), normal(5, 3, 4)), (None, 0), 0),
    "matrix_vector": (lambda m, x, y: x @ y, (normal(2, 3), normal(5, 3)), (None, 0), 0),
    "vector_matrix": (lambda m, x, y: x @ y, (normal(5, 3), normal(3, 2)), (0, None), 0),
    "einsum": (
        lambda m, x, y: m.einsum("bij,bjk->bik", x, y),
        (normal(4, 2, 2, 3), normal(2, 3, 2)),
        (0, None),
        0,
    ),
    "einsum_right": (
        lambda m, x, y: m.einsum("bij,bjk->bik", x, y),
        (normal(2, 2, 3), normal(4, 2, 3, 2)),
        (None, 0),
        0,
    ),
    "views": (lambda m, x: x.t().reshape(6)[1:5:2] * x[0, 0], (normal(5, 2, 3),), 0, 0),
    "expand": (lambda m, x: x.unsqueeze(0).expand(4, 3), (normal(5, 3),), 0, 0),
    "flip_roll": (lambda m, x: m.flip(x, (0,)) + m.roll(x, 1, 0), (normal(5, 4),), 0, 0),
    "pad": (lambda m, x: m.nn.functional.pad(x, (1, 2), value=3.0), (normal(5, 4),), 0, 0),
    "concatenate": (
        lambda m, x, y: m.cat([x, y.exp(), x]),
        (normal(5, 2), normal(3)),
        (0, None),
        0,
    ),
    "stack": (lambda m, x, y: m.stack([x, y], 1), (normal(5, 2), normal(2)), (0, None), 0),
    "tril": (lambda m, x: m.tril(x), (normal(5, 3, 3),), 0, 0),
    "cumsum": (lambda m, x: m.cumsum(x, 0) * x, (normal(5, 4),), 0, 0),
    "sort": (lambda m, x: tuple(m.sort(x)), (normal(5, 4),), 0, 0),
    "softmax": (lambda m, x: m.log_softmax(x, 1), (normal(5, 2, 4),), 0, 0),
    "where": (lambda m, x, y: m.where(x > 0, x * x, y), (normal(5, 3), normal(3)), (0, None), 0),
    "in_place": (in_place, (normal(5, 3),), 0, 0),
    "overwrite": (overwrite, (normal(5, 3),), 0, 0),
    "identity": (lambda m, x: x, (normal(5, 3),), 1, 0),
    "twice": (lambda m, x: (x, x), (normal(5, 3),), 0, (1, 0)),
    "constant": (lambda m, x: m.ones(2, dtype=m.float64), (normal(5, 3),), 0, 0),
    "not_mapped": (lambda m, x, y: (x, y * 2), (normal(5, 3), normal(2)), (0, None), (0, None)),
    "several": (several, (normal(5, 3), normal(5, 3)), 0, {"sum": 1, "parts": (0, [0])}),
    "tree": (tree, ({"w": normal(5, 3, 2), "b": [normal(3)]}, normal(2)),
             ({"w": 0, "b": [None]}, None), 0),
    "tree_by_one": (tree, ({"w": normal(5, 3, 2), "b": [normal(5, 3)]}, normal(4, 2)), (0, None),
                    2),
    "select_index": (read_at, (normal(3, 2), whole(5, 4)), (None, 0), 0),
    "select_both": (read_at, (normal(5, 3, 2), whole(5, 4)), 0, 0),
    "select_source": (read_at, (normal(5, 3, 2), whole(4)), (0, None), 0),
    "take_scalar": (read_at, (normal(5, 3, 2), whole(5)), 0, 0),
    "gather": (
        lambda m, x, i: m.gather(x, 1, i), (normal(5, 3, 3), whole(5, 3, 2)), 0, 0),
    "gather_index": (
        lambda m, x, i: m.gather(x, 1, i), (normal(3, 3), whole(5, 3, 2)), (None, 0), 0),
    "scatter": (scattered, (normal(3), whole(5, 4), normal(5, 4)), (None, 0, 0), 0),
    "scatter_source": (scattered, (normal(5, 3), whole(4), normal(4)), (0, None, None), 0),
    "index_add": (
        lambda m, x, i, v: m.index_add(x, 0, i, v),
        (normal(5, 3, 2), whole(5, 4), normal(4, 2)), (0, 0, None), 0),
    "embedding": (embedded, (whole(5, 4), normal(3, 2)), (0, None), 0),
    "embedding_both": (embedded, (whole(5, 4), normal(5, 3, 2)), 0, 0),
    "conv_samples": (convolved, (normal(4, 2, 2, 5, 5), normal(3, 2, 3, 3)), (0, None), 0),
    "conv_weights": (convolved, (normal(2, 2, 5, 5), normal(4, 3, 2, 3, 3)), (None, 0), 0),
    "conv_both": (convolved, (normal(4, 2, 5, 5), normal(4, 3, 2, 3, 3)), 0, 0),
    "pool": (pooled, (normal(4, 2, 4, 4),), 0, 0),
    "cross_entropy": (loss, (normal(5, 3), whole(5)), 0, 0),
    "attention": (attention, (normal(4, 3, 2), normal(5, 2), normal(4, 5, 2)), (0, None, 0), 0),
    "layer_norm": (normed, (normal(5, 3, 4), normal(4)), (0, None), 0),
    "gradient": (gradient, (normal(5, 3), normal(3)), (0, None), 0),
    "jacrev": (rows_of, (normal(4, 3),), 0, 0),
    "jacfwd": (columns_of, (normal(4, 3),), 0, 0),
    "hessian": (hessian, (normal(4, 3),), 0, 0),
    "jvp": (tangents, (normal(3), normal(5, 3)), (None, 0), 0),
    "vjp": (cotangents, (normal(5, 3), normal(5, 3)), 0, 0),
    "nested": (both, (normal(4, 3),), 0, 0),
    "single_example": (lambda m, x: x.sum(), (normal(1, 3),), 0, 0),
}  # fmt: skip
