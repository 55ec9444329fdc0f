"""Names of runtime functions -> compiled loops over NumPy arrays."""

import numpy as np

from gradc.build import load

SIZE = 4096
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "u8": np.uint8}
FLOAT = (
    "exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid "
    "softplus erf erfc sqrt rsqrt"
).split()
TO_16_BITS = ["round_bfloat16", "round_float16"]
UNARY = ["floor", "ceil", "trunc", "round_even", "sign"]
BINARY = ["pow", "remainder", "floor_divide", "maximum", "minimum"]
TESTS = ["isnan", "isinf", "isfinite"]


def source_of(code, unary, binary, tests, size):
    """Return one generated file with a kernel for each function and one step that runs all."""
    names = [*unary, *binary, *tests]
    lines = [f"from gradc.runtime.cpu import kernel, step, view_{code}, view_b1"]
    lines += [f"from gradc.runtime.cpu import {name}" for name in names]
    for name in names:
        result = "b1" if name in tests else code
        call = f"{name}(x[i], y[i])" if name in binary else f"{name}(x[i])"
        lines += [
            f'@kernel("{code}[:], {code}[:], {result}[:]")',
            f"def run_{name}(x, y, out):",
            "    for i in range(x.shape[0]):",
            f"        out[i] = {call}",
        ]
    lines += ["@step", "def run(buffers):"]
    for k, name in enumerate(names):
        result = "b1" if name in tests else code
        x, y = (f"view_{code}(buffers, {3 * k + j}, 0, ({size},))" for j in (0, 1))
        lines.append(f"    run_{name}({x}, {y}, view_{result}(buffers, {3 * k + 2}, 0, ({size},)))")
    return "\n".join(lines) + "\n"


class Program:
    """All functions of one element type, compiled together on first use."""

    def __init__(self, code, size=SIZE):
        real = code.startswith("f")
        self.dtype, self.size = DTYPES[code], size
        self.binary = [*BINARY, "atan2"] if real else BINARY
        self.tests = TESTS
        self.unary = FLOAT + TO_16_BITS + UNARY if real else UNARY
        self.names = [*self.unary, *self.binary, *self.tests]
        self.source = source_of(code, self.unary, self.binary, self.tests, size)
        self.native = None

    def __call__(self, name, x, y=None):
        """Return one function of up to `size` numbers."""
        if self.native is None:
            self.native = load(self.source, "elementwise")
        count = len(x)
        assert count <= self.size
        # Other functions run on ones.
        ones = np.ones(self.size, self.dtype)
        first, second = ones.copy(), ones.copy()
        first[:count] = x
        second[:count] = 1 if y is None else y
        scratch = np.empty(self.size, self.dtype)
        out = np.empty(self.size, bool if name in self.tests else self.dtype)
        table = []
        for other in self.names:
            mine = other == name
            table += [first, second, out] if mine else [ones, ones, scratch]
        addresses = np.array([a.ctypes.data for a in table], np.int64)
        self.native.call(addresses.ctypes.data)
        return out[:count].copy()
