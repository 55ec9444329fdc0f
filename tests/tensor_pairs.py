"""Functions of pairs, vectors and quantiles, for any library: name -> (function, arrays)."""

import numpy as np

rng = np.random.default_rng(4)
A = rng.standard_normal((3, 4))
B = rng.standard_normal((3, 4))
ROW = rng.standard_normal((4,))
POS = np.abs(rng.standard_normal((3, 4))) + 0.5
M = rng.standard_normal((4, 5))
CUBE = rng.standard_normal((2, 3, 4))
ZEROS = np.array([0.0, 0.0, -1.5])

CASES = {
    "clamp_min and max": (lambda L, x: x.clamp_min(0.1) + L.clamp_min(x, 0.5), A),
    "clamp_max": (lambda L, x, y: x.clamp_max(0.1) + L.clamp_max(x, y), A, B),
    "clamp_min of equals": (lambda L, x: L.clamp_min(x, 0.0), np.array([0.0, -0.0, 1.0])),
    "copysign": (lambda L, x, y: L.copysign(x, y.detach()), A, B),
    "copysign of zeros": (
        lambda L, x: L.copysign(x, L.tensor([-0.0, 0.0, -2.0])),
        ZEROS,
    ),
    "copysign number": (lambda L, x: x.copysign(-1), A),
    "fmin": (lambda L, x, y: L.fmin(x, y) * x.fmax(y * 2), A, ROW),
    "fmax of equals": (lambda L, x, y: L.fmax(x, y) + L.fmin(x, y) * 2, A, A),
    "hypot": (lambda L, x, y: L.hypot(x, y) + x.hypot(y * 3), A, B),
    "logaddexp": (lambda L, x, y: L.logaddexp(x, y) * x.logaddexp(x), A, ROW),
    "xlogy": (lambda L, x, y: L.xlogy(x, y) + y.xlogy(y), A, POS),
    "xlogy at zero": (lambda L, x, y: L.xlogy(x, y), np.array([0.0, 0.0, 2.0]), POS[0, :3]),
    "xlogy numbers": (lambda L, x: L.xlogy(2.0, x) + x.xlogy(3), POS),
    "sinc": (lambda L, x: L.sinc(x) * x.sinc(), np.array([0.0, 0.3, -1.7, 2.0])),
    "deg2rad": (lambda L, x: L.deg2rad(x) * x.rad2deg() + L.rad2deg(x), A),
    "cumprod": (lambda L, x: L.cumprod(x, 1) + x.cumprod(0), A),
    "cumprod with zeros": (lambda L, x: x.cumprod(-1), np.where(A > 0.5, 0.0, A)),
    "cumprod of one": (lambda L, x: L.cumprod(x, 0), np.array([2.0])),
    "diff": (lambda L, x: L.diff(x) * x.diff(dim=1), A),
    "diff twice": (lambda L, x, y: x.diff(n=2, dim=0, prepend=y, append=y * 2), A, B[:2]),
    "diff to nothing": (lambda L, x: x.diff(n=9), A),
    "quantile": (lambda L, x: L.quantile(x, 0.3) + x.quantile(0.9, 1), A),
    "quantile of several": (
        lambda L, x: L.quantile(x, L.tensor([0.2, 1.0, 0.75], dtype=x.dtype), 0),
        A,
    ),
    "quantile keepdim": (
        lambda L, x: (
            x.quantile(0.41, dim=1, keepdim=True)
            + x.quantile(L.tensor(0.5, dtype=x.dtype), keepdim=True)
        ),
        A,
    ),
    **{
        f"quantile {way}": (lambda L, x, way=way: L.quantile(x, 0.4, 1, interpolation=way), A)
        for way in ("lower", "higher", "midpoint", "nearest")
    },
    "cov": (lambda L, x: L.cov(x) + x.cov(correction=0), A),
    "cov of one": (lambda L, x: L.cov(x), ROW),
    "corrcoef": (lambda L, x: L.corrcoef(x) * x.corrcoef(), A),
    "cross": (lambda L, x, y: L.cross(x, y, dim=0) * x.cross(y, 0), A, B),
    "cross of rows": (lambda L, x, y: L.cross(x, y, dim=-1), A[:, :3], B[:1, :3]),
    "kron": (lambda L, x, y: L.kron(x, y), A, M),
    "kron of ranks": (lambda L, x, y: x.kron(y) - 1, ROW, CUBE),
    "diagflat": (lambda L, x: L.diagflat(x[:2]) + x[:2].diagflat(), A),
    "diagflat offset": (lambda L, x: L.diagflat(x, -2), ROW),
    "vdot": (lambda L, x, y: L.vdot(x, y) * x.vdot(x), ROW, ROW * 2),
}
