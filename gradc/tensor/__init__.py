"""Tensors: eager execution, the tape, and traces; the names that `gradc` offers."""

from __future__ import annotations

import gradc.primitives as primitives  # registers them
from gradc.ir.dtype import DType as dtype
from gradc.ir.dtype import bool_ as bool_
from gradc.ir.dtype import float32 as float32
from gradc.ir.dtype import float64 as float64
from gradc.ir.dtype import int32 as int32
from gradc.ir.dtype import int64 as int64
from gradc.ir.dtype import uint8 as uint8
from gradc.tensor import epoch as epoch
from gradc.tensor.arithmetic import add as add
from gradc.tensor.arithmetic import addcdiv as addcdiv
from gradc.tensor.arithmetic import addcmul as addcmul
from gradc.tensor.arithmetic import atan2 as atan2
from gradc.tensor.arithmetic import div as div
from gradc.tensor.arithmetic import div as divide
from gradc.tensor.arithmetic import div as true_divide
from gradc.tensor.arithmetic import floor_divide as floor_divide
from gradc.tensor.arithmetic import fmod as fmod
from gradc.tensor.arithmetic import lerp as lerp
from gradc.tensor.arithmetic import maximum as maximum
from gradc.tensor.arithmetic import minimum as minimum
from gradc.tensor.arithmetic import mul as mul
from gradc.tensor.arithmetic import mul as multiply
from gradc.tensor.arithmetic import neg as neg
from gradc.tensor.arithmetic import neg as negative
from gradc.tensor.arithmetic import pow as pow
from gradc.tensor.arithmetic import remainder as remainder
from gradc.tensor.arithmetic import rsub as rsub
from gradc.tensor.arithmetic import sub as sub
from gradc.tensor.arithmetic import sub as subtract
from gradc.tensor.conversion import from_dlpack as from_dlpack
from gradc.tensor.copying import clone as clone
from gradc.tensor.copying import detach as detach
from gradc.tensor.creation import arange as arange
from gradc.tensor.creation import as_tensor as as_tensor
from gradc.tensor.creation import empty as empty
from gradc.tensor.creation import empty_like as empty_like
from gradc.tensor.creation import eye as eye
from gradc.tensor.creation import from_numpy_array as from_numpy
from gradc.tensor.creation import full as full
from gradc.tensor.creation import full_like as full_like
from gradc.tensor.creation import linspace as linspace
from gradc.tensor.creation import logspace as logspace
from gradc.tensor.creation import meshgrid as meshgrid
from gradc.tensor.creation import ones as ones
from gradc.tensor.creation import ones_like as ones_like
from gradc.tensor.creation import scalar_tensor as scalar_tensor
from gradc.tensor.creation import tensor as _tensor
from gradc.tensor.creation import zeros as zeros
from gradc.tensor.creation import zeros_like as zeros_like
from gradc.tensor.device import Device as device
from gradc.tensor.einstein import einsum as einsum
from gradc.tensor.elementwise import abs as abs
from gradc.tensor.elementwise import abs as absolute
from gradc.tensor.elementwise import acos as acos
from gradc.tensor.elementwise import acos as arccos
from gradc.tensor.elementwise import acosh as acosh
from gradc.tensor.elementwise import asin as arcsin
from gradc.tensor.elementwise import asin as asin
from gradc.tensor.elementwise import asinh as asinh
from gradc.tensor.elementwise import atan as arctan
from gradc.tensor.elementwise import atan as atan
from gradc.tensor.elementwise import atanh as atanh
from gradc.tensor.elementwise import ceil as ceil
from gradc.tensor.elementwise import clamp as clamp
from gradc.tensor.elementwise import clamp as clip
from gradc.tensor.elementwise import cos as cos
from gradc.tensor.elementwise import cosh as cosh
from gradc.tensor.elementwise import erf as erf
from gradc.tensor.elementwise import erfc as erfc
from gradc.tensor.elementwise import exp as exp
from gradc.tensor.elementwise import exp2 as exp2
from gradc.tensor.elementwise import expm1 as expm1
from gradc.tensor.elementwise import floor as floor
from gradc.tensor.elementwise import frac as frac
from gradc.tensor.elementwise import heaviside as heaviside
from gradc.tensor.elementwise import log as log
from gradc.tensor.elementwise import log1p as log1p
from gradc.tensor.elementwise import log2 as log2
from gradc.tensor.elementwise import log10 as log10
from gradc.tensor.elementwise import logit as logit
from gradc.tensor.elementwise import nan_to_num as nan_to_num
from gradc.tensor.elementwise import reciprocal as reciprocal
from gradc.tensor.elementwise import relu as relu
from gradc.tensor.elementwise import round as round
from gradc.tensor.elementwise import rsqrt as rsqrt
from gradc.tensor.elementwise import sigmoid as sigmoid
from gradc.tensor.elementwise import sign as sign
from gradc.tensor.elementwise import sin as sin
from gradc.tensor.elementwise import sinh as sinh
from gradc.tensor.elementwise import sqrt as sqrt
from gradc.tensor.elementwise import square as square
from gradc.tensor.elementwise import tan as tan
from gradc.tensor.elementwise import tanh as tanh
from gradc.tensor.elementwise import trunc as fix
from gradc.tensor.elementwise import trunc as trunc
from gradc.tensor.generator import Generator as Generator
from gradc.tensor.generator import default_generator as _default_generator
from gradc.tensor.generator import get_rng_state as get_rng_state
from gradc.tensor.generator import initial_seed as initial_seed
from gradc.tensor.generator import manual_seed as manual_seed
from gradc.tensor.generator import seed as seed
from gradc.tensor.generator import set_rng_state as set_rng_state
from gradc.tensor.hits import nonzero as nonzero
from gradc.tensor.index_write import index_put as index_put
from gradc.tensor.joining import cat as cat
from gradc.tensor.joining import cat as concat
from gradc.tensor.joining import cat as concatenate
from gradc.tensor.joining import chunk as chunk
from gradc.tensor.joining import flip as flip
from gradc.tensor.joining import fliplr as fliplr
from gradc.tensor.joining import flipud as flipud
from gradc.tensor.joining import hstack as hstack
from gradc.tensor.joining import repeat_interleave as repeat_interleave
from gradc.tensor.joining import roll as roll
from gradc.tensor.joining import split as split
from gradc.tensor.joining import stack as stack
from gradc.tensor.joining import tensor_split as tensor_split
from gradc.tensor.joining import tile as tile
from gradc.tensor.joining import unbind as unbind
from gradc.tensor.joining import vstack as vstack
from gradc.tensor.logic import allclose as allclose
from gradc.tensor.logic import bitwise_and as bitwise_and
from gradc.tensor.logic import bitwise_not as bitwise_not
from gradc.tensor.logic import bitwise_or as bitwise_or
from gradc.tensor.logic import bitwise_xor as bitwise_xor
from gradc.tensor.logic import eq as eq
from gradc.tensor.logic import equal as equal
from gradc.tensor.logic import ge as ge
from gradc.tensor.logic import ge as greater_equal
from gradc.tensor.logic import gt as greater
from gradc.tensor.logic import gt as gt
from gradc.tensor.logic import isclose as isclose
from gradc.tensor.logic import isfinite as isfinite
from gradc.tensor.logic import isinf as isinf
from gradc.tensor.logic import isnan as isnan
from gradc.tensor.logic import le as le
from gradc.tensor.logic import le as less_equal
from gradc.tensor.logic import logical_and as logical_and
from gradc.tensor.logic import logical_not as logical_not
from gradc.tensor.logic import logical_or as logical_or
from gradc.tensor.logic import logical_xor as logical_xor
from gradc.tensor.logic import lt as less
from gradc.tensor.logic import lt as lt
from gradc.tensor.logic import ne as ne
from gradc.tensor.logic import ne as not_equal
from gradc.tensor.logic import where as where
from gradc.tensor.matrices import diag as diag
from gradc.tensor.matrices import diag_embed as diag_embed
from gradc.tensor.matrices import diagonal as diagonal
from gradc.tensor.matrices import trace as _trace
from gradc.tensor.matrices import tril as tril
from gradc.tensor.matrices import triu as triu
from gradc.tensor.modes import enable_grad as enable_grad
from gradc.tensor.modes import inference_mode as inference_mode
from gradc.tensor.modes import is_grad_enabled as is_grad_enabled
from gradc.tensor.modes import is_inference_mode_enabled as is_inference_mode_enabled
from gradc.tensor.modes import no_grad as no_grad
from gradc.tensor.modes import set_grad_enabled as set_grad_enabled
from gradc.tensor.movement import broadcast_to as broadcast_to
from gradc.tensor.movement import flatten as flatten
from gradc.tensor.movement import movedim as moveaxis
from gradc.tensor.movement import movedim as movedim
from gradc.tensor.movement import narrow as narrow
from gradc.tensor.movement import permute as permute
from gradc.tensor.movement import ravel as ravel
from gradc.tensor.movement import reshape as reshape
from gradc.tensor.movement import select as select
from gradc.tensor.movement import squeeze as squeeze
from gradc.tensor.movement import t as t
from gradc.tensor.movement import transpose as swapaxes
from gradc.tensor.movement import transpose as transpose
from gradc.tensor.movement import unflatten as unflatten
from gradc.tensor.movement import unsqueeze as unsqueeze
from gradc.tensor.mutation import masked_fill as masked_fill
from gradc.tensor.printing import set_printoptions as set_printoptions
from gradc.tensor.products import addmm as addmm
from gradc.tensor.products import addmv as addmv
from gradc.tensor.products import baddbmm as baddbmm
from gradc.tensor.products import bmm as bmm
from gradc.tensor.products import dot as dot
from gradc.tensor.products import inner as inner
from gradc.tensor.products import matmul as matmul
from gradc.tensor.products import mm as mm
from gradc.tensor.products import mv as mv
from gradc.tensor.products import outer as ger
from gradc.tensor.products import outer as outer
from gradc.tensor.products import tensordot as tensordot
from gradc.tensor.promotion import can_cast as can_cast
from gradc.tensor.promotion import get_default_dtype as get_default_dtype
from gradc.tensor.promotion import promote_types as promote_types
from gradc.tensor.promotion import set_default_dtype as set_default_dtype
from gradc.tensor.random import bernoulli as bernoulli
from gradc.tensor.random import multinomial as multinomial
from gradc.tensor.random import normal as normal
from gradc.tensor.random import rand as rand
from gradc.tensor.random import rand_like as rand_like
from gradc.tensor.random import randint as randint
from gradc.tensor.random import randn as randn
from gradc.tensor.random import randn_like as randn_like
from gradc.tensor.random import randperm as randperm
from gradc.tensor.reductions import all as all
from gradc.tensor.reductions import amax as amax
from gradc.tensor.reductions import amin as amin
from gradc.tensor.reductions import aminmax as aminmax
from gradc.tensor.reductions import any as any
from gradc.tensor.reductions import argmax as argmax
from gradc.tensor.reductions import argmin as argmin
from gradc.tensor.reductions import count_nonzero as count_nonzero
from gradc.tensor.reductions import cumsum as cumsum
from gradc.tensor.reductions import logsumexp as logsumexp
from gradc.tensor.reductions import max as max
from gradc.tensor.reductions import mean as mean
from gradc.tensor.reductions import min as min
from gradc.tensor.reductions import nanmean as nanmean
from gradc.tensor.reductions import nansum as nansum
from gradc.tensor.reductions import prod as prod
from gradc.tensor.reductions import sum as sum
from gradc.tensor.selecting import gather as gather
from gradc.tensor.selecting import index_add as index_add
from gradc.tensor.selecting import index_copy as index_copy
from gradc.tensor.selecting import index_fill as index_fill
from gradc.tensor.selecting import index_select as index_select
from gradc.tensor.selecting import masked_scatter as masked_scatter
from gradc.tensor.selecting import masked_select as masked_select
from gradc.tensor.selecting import scatter as scatter
from gradc.tensor.selecting import scatter_add as scatter_add
from gradc.tensor.selecting import take as take
from gradc.tensor.selecting import take_along_dim as take_along_dim
from gradc.tensor.size import Size as Size
from gradc.tensor.sorting import argsort as argsort
from gradc.tensor.sorting import bincount as bincount
from gradc.tensor.sorting import kthvalue as kthvalue
from gradc.tensor.sorting import median as median
from gradc.tensor.sorting import msort as msort
from gradc.tensor.sorting import sort as sort
from gradc.tensor.sorting import topk as topk
from gradc.tensor.sorting import unique as unique
from gradc.tensor.state import active_trace as active_trace
from gradc.tensor.statistics import dist as dist
from gradc.tensor.statistics import log_softmax as log_softmax
from gradc.tensor.statistics import norm as norm
from gradc.tensor.statistics import softmax as softmax
from gradc.tensor.statistics import std as std
from gradc.tensor.statistics import std_mean as std_mean
from gradc.tensor.statistics import var as var
from gradc.tensor.statistics import var_mean as var_mean
from gradc.tensor.tensor import Tensor as Tensor
from gradc.tensor.tensor import is_tensor as is_tensor
from gradc.tensor.trace import Trace as Trace
from gradc.tensor.trace import trace_section as trace_section

default_generator = _default_generator()
# These names are also those of submodules, which importing binds: so they come last.
tensor, trace = _tensor, _trace

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "Trace",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "active_trace",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "all",
    "allclose",
    "amax",
    "amin",
    "aminmax",
    "any",
    "arange",
    "arccos",
    "arcsin",
    "arctan",
    "argmax",
    "argmin",
    "argsort",
    "as_tensor",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "baddbmm",
    "bernoulli",
    "bincount",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "bmm",
    "bool_",
    "broadcast_to",
    "can_cast",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clip",
    "clone",
    "concat",
    "concatenate",
    "cos",
    "cosh",
    "count_nonzero",
    "cumsum",
    "default_generator",
    "detach",
    "device",
    "diag",
    "diag_embed",
    "diagonal",
    "dist",
    "div",
    "divide",
    "dot",
    "dtype",
    "einsum",
    "empty",
    "empty_like",
    "enable_grad",
    "epoch",
    "eq",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "eye",
    "fix",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "ge",
    "ger",
    "get_default_dtype",
    "get_rng_state",
    "greater",
    "greater_equal",
    "gt",
    "heaviside",
    "hstack",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inference_mode",
    "initial_seed",
    "inner",
    "int32",
    "int64",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "kthvalue",
    "le",
    "lerp",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "nan_to_num",
    "nanmean",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "ones",
    "ones_like",
    "outer",
    "permute",
    "pow",
    "prod",
    "promote_types",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "repeat_interleave",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "rsub",
    "scalar_tensor",
    "scatter",
    "scatter_add",
    "seed",
    "select",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "set_rng_state",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "tile",
    "topk",
    "trace",
    "trace_section",
    "transpose",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unique",
    "unsqueeze",
    "var",
    "var_mean",
    "vstack",
    "where",
    "zeros",
    "zeros_like",
]
