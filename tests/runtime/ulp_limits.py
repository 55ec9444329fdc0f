"""The largest error that each function of compiled code may have, in units of the last place.

Measured over every fourth float32 number and a million float64 numbers of all magnitudes by
`python -m benchmarks.accuracy --every 4 --count 1000000`, rounded up to the next half.
`docs/reference.md` shows this table.
"""

# name: (float32, float64)
LIMITS = {
    "exp": (1.5, 1.5),
    "expm1": (2.0, 2.5),
    "log": (1.0, 1.0),
    "log1p": (1.5, 1.0),
    "sqrt": (0.5, 0.5),
    "rsqrt": (1.5, 1.5),
    "pow": (1.0, 1.5),
    "sin": (1.5, 1.0),
    "cos": (1.5, 1.0),
    "tan": (1.0, 2.5),
    "asin": (1.0, 2.0),
    "acos": (1.0, 1.5),
    "atan": (1.0, 2.0),
    "atan2": (1.0, 2.0),
    "sinh": (1.0, 2.5),
    "cosh": (1.0, 1.5),
    "tanh": (2.5, 2.5),
    "asinh": (1.0, 2.0),
    "acosh": (1.0, 2.5),
    "atanh": (1.0, 2.0),
    "sigmoid": (2.5, 2.5),
    "softplus": (2.0, 2.0),
    "erf": (1.5, 1.5),
    "erfc": (1.0, 2.5),
}
