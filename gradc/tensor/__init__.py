"""Tensors: eager execution, the tape, and traces; the names that `gradc` offers."""

# A table of names, several on a line.
# fmt: off
# isort: off

from __future__ import annotations

import gradc.primitives as _primitives

from gradc.ir.dtype import DType as dtype, bool_, float32, float64, int32, int64, uint8
from gradc.tensor import epoch
from gradc.tensor.arithmetic import (
    add, addcdiv, addcmul, atan2, div, div as divide, div as true_divide, floor_divide, fmod, lerp,
    maximum, minimum, mul, mul as multiply, neg, neg as negative, pow, remainder, rsub, sub, sub as
    subtract,
)
from gradc.tensor.arranging import (
    atleast_1d, atleast_2d, atleast_3d, block_diag, broadcast_shapes, broadcast_tensors,
    column_stack, dstack, is_floating_point, numel, rot90, tril_indices, triu_indices,
)
from gradc.tensor.bits import (
    bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor,
)
from gradc.tensor.copying import clone, detach
from gradc.tensor.core import is_tensor
from gradc.tensor.creation import (
    arange, empty, empty_like, eye, full, full_like, linspace, logspace, ones, ones_like,
    scalar_tensor, zeros, zeros_like,
)
from gradc.tensor.data import as_tensor, from_numpy_array as from_numpy, tensor as _tensor
from gradc.tensor.device import Device as device
from gradc.tensor.device import get_default_device, set_default_device
from gradc.tensor.einstein import einsum
from gradc.tensor.elementwise import (
    abs, abs as absolute, acos, acos as arccos, acosh, asin as arcsin, asin, asinh, atan as arctan,
    atan, atanh, ceil, clamp, clamp as clip, cos, cosh, erf, erfc, exp, exp2, expm1, floor, frac,
    heaviside, log, log10, log1p, log2, logit, nan_to_num, reciprocal, relu, round, rsqrt, sigmoid,
    sign as sgn, sign, sin, sinh, sqrt, square, tan, tanh, trunc as fix, trunc,
)
from gradc.tensor.generator import (
    Generator, default_generator as _default_generator, get_rng_state, initial_seed, manual_seed,
    seed, set_rng_state,
)
from gradc.tensor.hits import argwhere, nonzero
from gradc.tensor.index_write import index_put
from gradc.tensor.joining import (
    cat, cat as concat, cat as concatenate, chunk, flip, fliplr, flipud, hstack, meshgrid,
    repeat_interleave, roll, split, stack, tensor_split, tile, unbind, vstack,
)
from gradc.tensor.limits import finfo, iinfo
from gradc.tensor.logic import (
    allclose, eq, equal, ge, ge as greater_equal, gt as greater, gt, isclose, isfinite, isinf,
    isnan, le, le as less_equal, logical_and, logical_not, logical_or, logical_xor, lt as less, lt,
    ne, ne as not_equal, where,
)
from gradc.tensor.matrices import diag, diag_embed, diagonal, trace as _trace, tril, triu
from gradc.tensor.modes import (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad,
    set_grad_enabled,
)
from gradc.tensor.movement import (
    broadcast_to, flatten, movedim as moveaxis, movedim, narrow, permute, ravel, reshape, select,
    squeeze, t, transpose as swapaxes, transpose as swapdims, transpose, unflatten, unsqueeze,
)
from gradc.tensor.mutation import masked_fill
from gradc.tensor.pairs import (
    clamp_max, clamp_min, copysign, deg2rad, fmax, fmin, hypot, logaddexp, rad2deg, signbit, sinc,
    xlogy,
)
from gradc.tensor.printing import set_printoptions
from gradc.tensor.products import (
    addmm, addmv, baddbmm, bmm, dot, inner, matmul, mm, mv, outer as ger, outer, tensordot,
)
from gradc.tensor.promotion import can_cast, get_default_dtype, promote_types, set_default_dtype
from gradc.tensor.quantiles import quantile
from gradc.tensor.random import (
    bernoulli, multinomial, normal, rand, rand_like, randint, randn, randn_like, randperm,
)
from gradc.tensor.reductions import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, cumsum, logsumexp, max, mean, min,
    nanmean, nansum, prod, sum,
)
from gradc.tensor.searching import bucketize, cummax, cummin, isin, searchsorted
from gradc.tensor.selecting import (
    gather, index_add, index_copy, index_fill, index_select, masked_scatter, masked_select, scatter,
    scatter_add, take, take_along_dim,
)
from gradc.tensor.size import Size
from gradc.tensor.sharing import from_dlpack
from gradc.tensor.sorting import argsort, bincount, kthvalue, median, msort, sort, topk, unique
from gradc.tensor.state import active_trace
from gradc.tensor.statistics import dist, log_softmax, norm, softmax, std, std_mean, var, var_mean
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace, trace_section
from gradc.tensor.vectors import corrcoef, cov, cross, cumprod, diagflat, diff, kron, vdot

assert _primitives  # importing it registers the primitives
default_generator = _default_generator()
# These names are also those of submodules, which importing binds: so they come last.
tensor, trace = _tensor, _trace

__all__ = [
    "Generator", "Size", "Tensor", "Trace", "abs", "absolute", "acos", "acosh", "active_trace",
    "add", "addcdiv", "addcmul", "addmm", "addmv", "all", "allclose", "amax", "amin", "aminmax",
    "any", "arange", "arccos", "arcsin", "arctan", "argmax", "argmin", "argsort", "argwhere",
    "as_tensor", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d",
    "atleast_3d", "baddbmm", "bernoulli", "bincount", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "block_diag", "bmm",
    "bool_", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "can_cast",
    "cat", "ceil", "chunk", "clamp", "clamp_max", "clamp_min", "clip", "clone", "column_stack",
    "concat", "concatenate", "copysign", "corrcoef", "cos", "cosh", "count_nonzero", "cov",
    "cross", "cummax", "cummin", "cumprod", "cumsum", "default_generator", "deg2rad", "detach",
    "device", "diag", "diag_embed", "diagflat", "diagonal", "diff", "dist", "div", "divide",
    "dot", "dstack", "dtype", "einsum", "empty", "empty_like", "enable_grad", "epoch", "eq",
    "equal", "erf", "erfc", "exp", "exp2", "expm1", "eye", "finfo", "fix", "flatten", "flip",
    "fliplr", "flipud", "float32", "float64", "floor", "floor_divide", "fmax", "fmin", "fmod",
    "frac", "from_dlpack", "from_numpy", "full", "full_like", "gather", "ge", "ger",
    "get_default_device", "get_default_dtype", "get_rng_state", "greater", "greater_equal",
    "gt", "heaviside", "hstack", "hypot", "iinfo", "index_add", "index_copy", "index_fill",
    "index_put", "index_select", "inference_mode", "initial_seed", "inner", "int32", "int64",
    "is_floating_point", "is_grad_enabled", "is_inference_mode_enabled", "is_tensor", "isclose",
    "isfinite", "isin", "isinf", "isnan", "kron", "kthvalue", "le", "lerp", "less",
    "less_equal", "linspace", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp",
    "lt", "manual_seed", "masked_fill", "masked_scatter", "masked_select", "matmul", "max",
    "maximum", "mean", "median", "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim",
    "msort", "mul", "multinomial", "multiply", "mv", "nan_to_num", "nanmean", "nansum",
    "narrow", "ne", "neg", "negative", "no_grad", "nonzero", "norm", "normal", "not_equal",
    "numel", "ones", "ones_like", "outer", "permute", "pow", "prod", "promote_types",
    "quantile", "rad2deg", "rand", "rand_like", "randint", "randn", "randn_like", "randperm",
    "ravel", "reciprocal", "relu", "remainder", "repeat_interleave", "reshape", "roll", "rot90",
    "round", "rsqrt", "rsub", "scalar_tensor", "scatter", "scatter_add", "searchsorted", "seed",
    "select", "set_default_device", "set_default_dtype", "set_grad_enabled", "set_printoptions",
    "set_rng_state", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "softmax",
    "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract",
    "sum", "swapaxes", "swapdims", "t", "take", "take_along_dim", "tan", "tanh", "tensor",
    "tensor_split", "tensordot", "tile", "topk", "trace", "trace_section", "transpose", "tril",
    "tril_indices", "triu", "triu_indices", "true_divide", "trunc", "uint8", "unbind",
    "unflatten", "unique", "unsqueeze", "var", "var_mean", "vdot", "vstack", "where", "xlogy",
    "zeros", "zeros_like",
]
