"""Operations whose results have no gradient, for any library: name -> (function, arrays)."""

import numpy as np

rng = np.random.default_rng(11)
F = rng.standard_normal((3, 4))
F[0, 1] = F[2, 3] = np.nan
F[1, 2], F[1, 3] = np.inf, -np.inf
G = np.where(rng.random((3, 4)) < 0.3, F, rng.standard_normal((3, 4)))
D = rng.standard_normal((3, 4)).astype("f")
ENDS = np.array([0.0, 1.0, -2.0, 1e200, np.inf, -np.inf, np.nan])
I64 = rng.integers(-9, 9, (3, 4))
J64 = rng.integers(1, 5, (3, 4))
I32 = rng.integers(-9, 9, (3, 4)).astype("i4")
U8 = rng.integers(0, 200, (3, 4)).astype("u1")
P = rng.random((3, 4)) < 0.5
Q = rng.random((3, 4)) < 0.5

COMPARE = "eq ne lt le gt ge less greater not_equal".split()
LOGIC = "logical_and logical_or logical_xor".split()
BITS = "bitwise_and bitwise_or bitwise_xor".split()
# Both ends of the integers, and shifts below 0, of all bits and of more.
WORDS = {
    k: np.array([-7, -1, 0, 3, 8, np.iinfo(k).max, np.iinfo(k).min]).astype(k)
    for k in ("i4", "i8", "u1")
}
SHIFTS = np.array([1, 2, 31, 0, 63, 7, 30])
FAR = np.array([32, 64, 8, 65, 100, 31, 62])
VALUES = {
    **{n: (lambda L, x, y, n=n: getattr(x, n)(y), F, G) for n in COMPARE},
    **{f"{n} int": (lambda L, x, y, n=n: getattr(L, n)(x, y), I64, I32) for n in COMPARE},
    **{f"{n} number": (lambda L, x, n=n: getattr(x, n)(2), U8) for n in COMPARE},
    **{n: (lambda L, x, y, n=n: getattr(L, n)(x, y), P, Q) for n in LOGIC},
    **{f"{n} of numbers": (lambda L, x, y, n=n: getattr(L, n)(x, y), F, I64) for n in LOGIC},
    **{f"{n} bool": (lambda L, x, y, n=n: getattr(x, n)(y), P, Q) for n in BITS},
    **{f"{n}_": (lambda L, x, y, n=n: getattr(x.clone(), f"{n}_")(y), P, Q) for n in BITS},
    **{
        f"{n} {k}": (lambda L, x, y, n=n: getattr(L, n)(x, y) ^ getattr(x, n)(3), w, w[::-1].copy())
        for n in BITS
        for k, w in WORDS.items()
    },
    **{
        f"{sign} {k} {i}": (function, w, by.astype(k))
        for sign, function in (
            ("<<", lambda L, x, y: (x << y) + (x << 2) + (3 << y)),
            (">>", lambda L, x, y: (x >> y) + (x >> 2) + (99 >> y)),
            ("shifts", lambda L, x, y: L.bitwise_left_shift(x, 3) | x.bitwise_right_shift(y)),
        )
        for k, w in WORDS.items()
        for i, by in enumerate((SHIFTS, FAR, *([] if k == "u1" else [-SHIFTS])))
    },
    "bits in place": (
        lambda L, x, y: x.clone().bitwise_and_(y).bitwise_left_shift_(2).bitwise_not_(),
        I64,
        J64,
    ),
    "shift in place": (lambda L, x: x.clone().bitwise_right_shift_(1), I32),
    "bits of bool and int": (lambda L, p, x: (p & x) | (p ^ 2), P, I64),
    "bitwise_not int": (lambda L, x: ~x, U8),
    "int powers below zero": (
        lambda L, x, y: x**y,
        np.array([0, 1, -1, -1, 2, 5, -3]),
        np.array([-1, -2, -3, -4, -1, 2, 3]),
    ),
    "einsum of one int32": (lambda L, x: L.einsum("ij->i", x * 10**9), I32),
    "einsum of one uint8": (lambda L, x: L.einsum("ij->", x), U8),
    "einsum of bools": (lambda L, p: L.einsum("ij->j", p), P),
    "einsum of two int32": (lambda L, x: L.einsum("ij,ij->i", x, x), I32),
    "einsum of sums": (lambda L, x: L.einsum("ij,k->k", x, x[0]), I32),
    "addmm int": (lambda L, x: L.addmm(x, x[:, :3], x, beta=2.0, alpha=3), I64),
    "addcmul int": (lambda L, x, y: L.addcmul(x, x, y, value=2.0), I64, J64),
    "bitwise_not": (lambda L, p: ~p, P),
    "logical_not": (lambda L, x, p: L.logical_not(x) | p.clone().logical_not_(), I64, P),
    **{n: (lambda L, x, n=n: getattr(L, n)(x), F) for n in ("isnan", "isinf", "isfinite")},
    "isclose": (lambda L, x, y: x.isclose(y + 1e-9, equal_nan=True), F, G),
    "signbit": (lambda L, x: L.signbit(x), np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf])),
    "signbit int": (lambda L, x: x.signbit(), I64),
    "signbit bool": (lambda L, x: x.signbit(), P),
    **{n: (lambda L, x, y, n=n: getattr(L, n)(x, y), F, G) for n in ("fmin", "fmax", "copysign")},
    **{
        n: (lambda L, x, y, n=n: getattr(L, n)(x, y), *(a.ravel() for a in np.meshgrid(ENDS, ENDS)))
        for n in ("hypot", "logaddexp", "xlogy")
    },
    "hypot int": (lambda L, x, y: L.hypot(x.double(), y), I64, J64),
    "sinc ends": (lambda L, x: L.sinc(x), ENDS),
    "fmax int": (lambda L, x, y: L.fmax(x, y), I64, I32),
    "clamp_min int": (lambda L, x: x.clamp_min(2), I64),
    "deg2rad int": (lambda L, x: x.deg2rad() + L.rad2deg(x), I64),
    "cumprod int": (lambda L, x: x.cumprod(1), I32),
    "cumprod dtype": (lambda L, x: L.cumprod(x, 0, dtype=L.float64), I32),
    "diff int": (lambda L, x: x.diff(), I64),
    "diff bool": (lambda L, x: L.diff(x, dim=0), P),
    "greater_equal": (lambda L, x, y: x.greater_equal(y) ^ x.less_equal(y), F, G),
    "quantile with NaN": (lambda L, x: L.quantile(x, 0.5, dim=1), F),
    "cross int": (lambda L, x, y: L.cross(x, y, dim=0), I64, J64),
    "any": (lambda L, p: p.any(1), P),
    "all": (lambda L, p: p.all(), P),
    "all of numbers": (lambda L, x: x.all(0, keepdim=True), I64),
    "count_nonzero": (lambda L, x: x.count_nonzero(1) + L.count_nonzero(x), I64),
    "argmax": (lambda L, x: x.argmax(1), F),
    "argmax of ties": (lambda L, x: x.argmax(0), I32 // 4),
    "argmin": (lambda L, x: x.argmin(1, keepdim=True), F),
    "argmin of all": (lambda L, x: x.argmin(), D),
    "argsort": (lambda L, x: x.argsort(dim=1, descending=True, stable=True), I64 // 3),
    "sort of ints": (lambda L, x: x.sort(0)[0], I32),
    "sort of NaN": (lambda L, x: x.sort(1)[0], F),
    "max of NaN": (lambda L, x: x.max(1)[0], F),
    "max with index": (lambda L, x: x.max(1)[1], D),
    "median of ints": (lambda L, x: x.median(1)[0], I64),
    "mode of casts": (lambda L, x: x.int() + x.long(), D * 5),
    "floor_divide": (lambda L, x, y: x // y, I64, J64),
    "floor_divide int32": (lambda L, x: x // 3 + L.div(x, 2, rounding_mode="trunc"), I32),
    "floor_divide_": (lambda L, x, y: x.clone().floor_divide_(y), I64, J64),
    "floor_divide float": (lambda L, x, y: x.floor_divide(y), F, G),
    "remainder": (lambda L, x, y: x % y, I64, J64),
    "remainder of negatives": (lambda L, x, y: x.remainder(-y) + L.fmod(x, -y), I64, J64),
    "remainder_": (lambda L, x: x.clone().remainder_(3), I32),
    "int arithmetic": (lambda L, x, y: x * y - 3 * x + y**2, I64, J64),
    "int32 arithmetic": (lambda L, x: x * 2 + x * x - abs(-x), I32),
    "uint8 wraps": (lambda L, x: x * 3 + 7, U8),
    "uint8 below zero": (lambda L, x: x - 100, U8),
    "int and float": (lambda L, x, y: x * 0.5 + y, I64, D),
    "int32 and int64": (lambda L, x, y: x + y, I32, I64),
    "bool and int": (lambda L, p, x: p * x + p, P, I32),
    "bool sum": (lambda L, p: p.sum(1), P),
    "int sum": (lambda L, x: x.sum(0), I32),
    "int prod": (lambda L, x: x.prod(1), J64),
    "int mean": (lambda L, x: x.float().mean(), I32),
    "int cumsum": (lambda L, x: x.cumsum(1), I32),
    "int matmul": (lambda L, x, y: x @ y.T, I64, J64),
    "true divide": (lambda L, x, y: x / y, I64, J64),
    "int clamp": (lambda L, x: x.clamp(-2, 3), I64),
    "int where": (lambda L, p, x, y: L.where(p, x, y), P, I32, I64),
    "int maximum": (lambda L, x, y: L.maximum(x, y) - L.minimum(x, y), I64, I32),
    "int gather": (lambda L, x: x.gather(1, L.tensor([[3, 0], [1, 1]])), I32),
    "int scatter_add": (lambda L, x: x.scatter_add(0, L.tensor([[0, 2, 1, 0]]), x[:1]), I64),
    "one_hot by hand": (lambda L, x: (x[:, :1] == L.arange(5)).long(), J64),
    "bool index_select": (lambda L, p: p.index_select(1, L.tensor([3, 0])), P),
    "bool cat": (lambda L, p, q: L.cat([p, q], 1) ^ L.cat([q, p], 1), P, Q),
    "sign of ints": (lambda L, x: x.sign() * x.abs() + L.sgn(x), I64),
    "float to bool": (lambda L, x: x.bool() ^ (x > 0), F),
    "float to uint8": (lambda L, x: (x.abs() * 20).byte(), D),
    "casts there and back": (lambda L, x: x.float().int().double(), I64),
    "round": (lambda L, x: x.round() + L.round(x * 4) / 4, F),
    "half to even": (lambda L, x: (x.double() / 2).round(), I64),
    "nan_to_num": (lambda L, x: L.nan_to_num(x, nan=1.5, posinf=9.0, neginf=-8.0), F),
    "heaviside": (lambda L, x, y: L.heaviside(x, y), D - D[:1], D),
    "fmod": (lambda L, x, y: L.fmod(x, y), F, G),
    "fmod of large and special numbers": (
        lambda L, x, y: L.fmod(x, y),
        np.array([1e10, 5.3, -5.3, 1e300, 7.0, -0.0, np.inf, 3.0, -7.0, np.nan]),
        np.array([0.1, 0.1, -0.1, 3.0, np.inf, 2.0, 2.0, -0.0, 2.0, 1.0]),
    ),
    "maximum of NaN": (lambda L, x, y: L.maximum(x, y), F, G),
    "minimum of NaN": (lambda L, x, y: L.minimum(x, y), F, G),
    "sign of NaN": (lambda L, x: x.sign() + x.relu() * 0, F),
    "arange": (lambda L, x: L.arange(0, 12, 3) + x, I64),
    "masked_scatter_": (lambda L, x, p: x.clone().masked_scatter_(p, x * 2), I32, P),
    "searchsorted": (lambda L, x, y: L.searchsorted(x.sort(1).values, y), D, D[:, ::-1].copy()),
    "searchsorted right": (
        lambda L, x, y: L.searchsorted(x.ravel().sort().values, y, right=True),
        I64,
        J64,
    ),
    "searchsorted of special": (
        lambda L, x: L.searchsorted(L.tensor([-2.0, 0.0, 0.0, 5.0], dtype=L.float64), x),
        ENDS,
    ),
    "bucketize": (lambda L, x: L.bucketize(x, L.tensor([-3, 0, 4]), out_int32=True), I64),
    "isin": (lambda L, x, y: L.isin(x, y[0]) ^ L.isin(x, 3, invert=True), I64, J64),
    "isin of many": (lambda L, x: L.isin(x, L.arange(-20, 20, 3)), I64),
    "cummax index": (lambda L, x: L.cummax(x // 3, 1)[1] + L.cummin(x, 0)[1], I64),
    "cummax of NaN": (lambda L, x: L.cummax(x, 1)[0] + x.cummin(0)[0], F),
    "cummax index of NaN": (lambda L, x: L.cummax(x, 1)[1] + x.cummin(0)[1], F),
    "indices of triangles": (
        lambda L, x: L.cat([L.tril_indices(3, 4, -1), L.triu_indices(4, 3, 1)], 1) + x[0, 0],
        I64,
    ),
    "tril of ints": (lambda L, x: x.tril() + x.triu(1), I32),
    "new tensors": (lambda L, x: x.new_ones(2) + L.ones_like(x)[0, :2] + L.full((2,), 3), I32),
    "set by mask": (lambda L, x: put(x, x > 2, -1), I64),
    "set by number": (lambda L, x: put(x, (slice(None), 1), 7.9), I32),
    "set bool": (lambda L, p: put(p, (0, slice(2)), 1), P),
    "in place across dtypes": (lambda L, x, y: x.clone().add_(y, alpha=2), D, I64),
    "in place int": (lambda L, x: put(x, 0, x[1]).mul_(2), I32),
}


def put(x, index, value):
    y = x.clone()
    y[index] = value
    return y
