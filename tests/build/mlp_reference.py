"""Run the MLP step of mlp_step.py and the same step in NumPy float64; print what differs.

Run as a program it prints one line of JSON about the process; tests start it with other settings.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

B, IN, H, OUT = 32, 20, 24, 5
SOURCE = (Path(__file__).parent / "mlp_step.py").read_text()
SHAPES = [(H, IN), (H,), (H, H), (H,), (OUT, H), (OUT,)]


def initial():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(B, IN)).astype(np.float32)
    y = rng.integers(0, OUT, B)
    parameters = [(rng.normal(size=s) / 4).astype(np.float32) for s in SHAPES]
    return x, y, parameters


def run_compiled(native, steps, use_blas):
    """Return the losses of `steps` steps and the parameters after them."""
    from gradc.runtime.blas import NONE, find_blas

    x, y, parameters = initial()
    blas = find_blas() if use_blas else NONE
    arena, hyper, loss = np.zeros(20480, np.uint8), np.zeros(2), np.zeros(1, np.float32)
    state = [np.zeros_like(p) for p in parameters for _ in range(2)]
    arrays = [arena, x, y, *parameters, *state, hyper, loss]
    addresses = [a.ctypes.data for a in arrays]
    table = np.array([blas.sgemm_address, blas.dgemm_address, *addresses], np.int64)
    losses = []
    with blas.sequential():
        for k in range(1, steps + 1):
            hyper[:] = 1e-2, k
            native.call(table.ctypes.data)
            losses.append(float(loss[0]))
    return losses, parameters


def run_numpy(steps):
    """Return the same in float64."""
    x, y, parameters = initial()
    x, p = x.astype(np.float64), [q.astype(np.float64) for q in parameters]
    m, v, losses = [np.zeros_like(q) for q in p], [np.zeros_like(q) for q in p], []
    for k in range(1, steps + 1):
        h1 = np.maximum(x @ p[0].T + p[1], 0)
        h2 = np.maximum(h1 @ p[2].T + p[3], 0)
        z = h2 @ p[4].T + p[5]
        z = z - z.max(1, keepdims=True)
        z = z - np.log(np.exp(z).sum(1, keepdims=True))
        losses.append(-z[np.arange(B), y].mean())
        z_bar = np.exp(z)
        z_bar[np.arange(B), y] -= 1
        z_bar /= B
        h2_bar = (z_bar @ p[4]) * (h2 > 0)
        h1_bar = (h2_bar @ p[2]) * (h1 > 0)
        grads = [h1_bar.T @ x, h1_bar.sum(0), h2_bar.T @ h1, h2_bar.sum(0)]
        grads += [z_bar.T @ h2, z_bar.sum(0)]
        for i, g in enumerate(grads):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            m_hat, v_hat = m[i] / (1 - 0.9**k), v[i] / (1 - 0.999**k)
            p[i] -= 1e-2 * m_hat / (np.sqrt(v_hat) + 1e-8)
    return losses, p


def main():
    started = time.perf_counter()
    from gradc.build import load

    imported = time.perf_counter()
    native = load(SOURCE, "mlp")
    loaded = time.perf_counter()
    losses, _ = run_compiled(native, 3, use_blas=True)
    report = {
        "losses": losses,
        "cached": native.cached,
        "address": native.address,
        "compile_seconds": native.compile_seconds,
        "import_seconds": imported - started,
        "load_seconds": loaded - imported,
        "numba": "numba" in sys.modules,
        "path": str(native.path),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
