"""The methods of Tensor, each a function of the module that it belongs to."""

from __future__ import annotations

from gradc.tensor import (
    arithmetic,
    arranging,
    bits,
    conversion,
    copying,
    elementwise,
    fresh,
    gradient,
    gradient_hooks,
    hits,
    index_write,
    joining,
    logic,
    matrices,
    movement,
    mutation,
    pairs,
    products,
    quantiles,
    random,
    random_fill,
    reductions,
    searching,
    selecting,
    sorting,
    statistics,
    vectors,
)
from gradc.tensor.core import TensorCore


class TensorMethods(TensorCore):
    """Methods with PyTorch's names; each function documents its own arguments."""

    # ---- arithmetic and comparison ---------------------------------------------------------
    add = arithmetic.add
    sub = arithmetic.sub
    subtract = arithmetic.sub
    mul = arithmetic.mul
    multiply = arithmetic.mul
    div = arithmetic.div
    divide = arithmetic.div
    true_divide = arithmetic.div
    floor_divide = arithmetic.floor_divide
    remainder = arithmetic.remainder
    fmod = arithmetic.fmod
    pow = arithmetic.pow
    maximum = arithmetic.maximum
    minimum = arithmetic.minimum
    atan2 = arithmetic.atan2
    arctan2 = arithmetic.atan2
    neg = arithmetic.neg
    negative = arithmetic.neg
    addcmul = arithmetic.addcmul
    addcdiv = arithmetic.addcdiv
    lerp = arithmetic.lerp
    rsub = arithmetic.rsub
    eq = logic.eq
    ne = logic.ne
    not_equal = logic.ne
    lt = logic.lt
    less = logic.lt
    le = logic.le
    less_equal = logic.le
    gt = logic.gt
    greater = logic.gt
    ge = logic.ge
    greater_equal = logic.ge
    logical_and = logic.logical_and
    logical_or = logic.logical_or
    logical_xor = logic.logical_xor
    logical_not = logic.logical_not
    bitwise_and = bits.bitwise_and
    bitwise_or = bits.bitwise_or
    bitwise_xor = bits.bitwise_xor
    bitwise_not = bits.bitwise_not
    bitwise_left_shift = bits.bitwise_left_shift
    bitwise_right_shift = bits.bitwise_right_shift
    isnan = logic.isnan
    isinf = logic.isinf
    isfinite = logic.isfinite
    isclose = logic.isclose
    allclose = logic.allclose
    equal = logic.equal

    # ---- functions of one operand ----------------------------------------------------------
    exp = elementwise.exp
    expm1 = elementwise.expm1
    exp2 = elementwise.exp2
    log = elementwise.log
    log1p = elementwise.log1p
    log2 = elementwise.log2
    log10 = elementwise.log10
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    reciprocal = elementwise.reciprocal
    square = elementwise.square
    sin = elementwise.sin
    cos = elementwise.cos
    tan = elementwise.tan
    asin = elementwise.asin
    arcsin = elementwise.asin
    acos = elementwise.acos
    arccos = elementwise.acos
    atan = elementwise.atan
    arctan = elementwise.atan
    sinh = elementwise.sinh
    cosh = elementwise.cosh
    tanh = elementwise.tanh
    asinh = elementwise.asinh
    acosh = elementwise.acosh
    atanh = elementwise.atanh
    sigmoid = elementwise.sigmoid
    erf = elementwise.erf
    erfc = elementwise.erfc
    relu = elementwise.relu
    abs = elementwise.abs
    absolute = elementwise.abs
    sign = elementwise.sign
    sgn = elementwise.sign
    floor = elementwise.floor
    ceil = elementwise.ceil
    trunc = elementwise.trunc
    fix = elementwise.trunc
    round = elementwise.round
    frac = elementwise.frac
    logit = elementwise.logit
    clamp = elementwise.clamp
    clip = elementwise.clamp
    heaviside = elementwise.heaviside
    clamp_max = pairs.clamp_max
    clamp_min = pairs.clamp_min
    copysign = pairs.copysign
    deg2rad = pairs.deg2rad
    fmax = pairs.fmax
    fmin = pairs.fmin
    hypot = pairs.hypot
    logaddexp = pairs.logaddexp
    rad2deg = pairs.rad2deg
    signbit = pairs.signbit
    sinc = pairs.sinc
    xlogy = pairs.xlogy
    nan_to_num = elementwise.nan_to_num

    # ---- folds -----------------------------------------------------------------------------
    sum = reductions.sum
    mean = reductions.mean
    prod = reductions.prod
    nansum = reductions.nansum
    nanmean = reductions.nanmean
    any = reductions.any
    all = reductions.all
    count_nonzero = reductions.count_nonzero
    amax = reductions.amax
    amin = reductions.amin
    aminmax = reductions.aminmax
    argmax = reductions.argmax
    argmin = reductions.argmin
    max = reductions.max
    min = reductions.min
    cumsum = reductions.cumsum
    cumprod = vectors.cumprod
    quantile = quantiles.quantile
    logsumexp = reductions.logsumexp
    var = statistics.var
    std = statistics.std
    norm = statistics.norm
    dist = statistics.dist
    softmax = statistics.softmax
    log_softmax = statistics.log_softmax

    # ---- products --------------------------------------------------------------------------
    matmul = products.matmul
    mm = products.mm
    bmm = products.bmm
    mv = products.mv
    dot = products.dot
    inner = products.inner
    outer = products.outer
    ger = products.outer
    addmm = products.addmm
    addmv = products.addmv
    baddbmm = products.baddbmm
    corrcoef = vectors.corrcoef
    cov = vectors.cov
    cross = vectors.cross
    diagflat = vectors.diagflat
    diff = vectors.diff
    kron = vectors.kron
    vdot = vectors.vdot

    # ---- shapes ----------------------------------------------------------------------------
    reshape = movement.reshape
    view = movement.view
    view_as = movement.view_as
    reshape_as = movement.reshape_as
    permute = movement.permute
    transpose = movement.transpose
    swapaxes = movement.transpose
    swapdims = movement.transpose
    movedim = movement.movedim
    moveaxis = movement.movedim
    t = movement.t
    squeeze = movement.squeeze
    unsqueeze = movement.unsqueeze
    flatten = movement.flatten
    unflatten = movement.unflatten
    ravel = movement.ravel
    expand = movement.expand
    expand_as = movement.expand_as
    broadcast_to = movement.broadcast_to
    narrow = movement.narrow
    select = movement.select
    split = joining.split
    chunk = joining.chunk
    tensor_split = joining.tensor_split
    unbind = joining.unbind
    flip = joining.flip
    fliplr = joining.fliplr
    flipud = joining.flipud
    roll = joining.roll
    repeat = joining.repeat
    tile = joining.tile
    repeat_interleave = joining.repeat_interleave

    # ---- picking ---------------------------------------------------------------------------
    index_select = selecting.index_select
    index_add = selecting.index_add
    index_copy = selecting.index_copy
    index_fill = selecting.index_fill
    gather = selecting.gather
    take = selecting.take
    take_along_dim = selecting.take_along_dim
    scatter = selecting.scatter
    scatter_add = selecting.scatter_add
    masked_select = selecting.masked_select
    cummax = searching.cummax
    cummin = searching.cummin
    rot90 = arranging.rot90
    masked_scatter = selecting.masked_scatter
    masked_scatter_ = selecting.masked_scatter_
    tril = matrices.tril
    triu = matrices.triu
    diagonal = matrices.diagonal
    diag = matrices.diag
    diag_embed = matrices.diag_embed
    trace = matrices.trace
    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    median = sorting.median
    unique = sorting.unique
    bincount = sorting.bincount
    nonzero = hits.nonzero
    argwhere = hits.argwhere

    # ---- in place --------------------------------------------------------------------------
    add_ = mutation.add_
    sub_ = mutation.sub_
    subtract_ = mutation.sub_
    mul_ = mutation.mul_
    multiply_ = mutation.mul_
    div_ = mutation.div_
    divide_ = mutation.div_
    floor_divide_ = mutation.floor_divide_
    remainder_ = mutation.remainder_
    pow_ = mutation.pow_
    addcmul_ = mutation.addcmul_
    addcdiv_ = mutation.addcdiv_
    lerp_ = mutation.lerp_
    clamp_ = mutation.clamp_
    clip_ = mutation.clamp_
    masked_fill = mutation.masked_fill
    masked_fill_ = mutation.masked_fill_
    copy_ = mutation.copy_
    fill_ = mutation.fill_
    zero_ = mutation.zero_
    exp_ = mutation.exp_
    expm1_ = mutation.expm1_
    log_ = mutation.log_
    log1p_ = mutation.log1p_
    sqrt_ = mutation.sqrt_
    rsqrt_ = mutation.rsqrt_
    reciprocal_ = mutation.reciprocal_
    square_ = mutation.square_
    sin_ = mutation.sin_
    cos_ = mutation.cos_
    tan_ = mutation.tan_
    asin_ = mutation.asin_
    acos_ = mutation.acos_
    atan_ = mutation.atan_
    sinh_ = mutation.sinh_
    cosh_ = mutation.cosh_
    tanh_ = mutation.tanh_
    log2_ = mutation.log2_
    log10_ = mutation.log10_
    exp2_ = mutation.exp2_
    sigmoid_ = mutation.sigmoid_
    abs_ = mutation.abs_
    sign_ = mutation.sign_
    floor_ = mutation.floor_
    ceil_ = mutation.ceil_
    round_ = mutation.round_
    trunc_ = mutation.trunc_
    relu_ = mutation.relu_
    erf_ = mutation.erf_
    neg_ = mutation.neg_
    logical_not_ = mutation.logical_not_
    bitwise_and_ = mutation.bitwise_and_
    bitwise_or_ = mutation.bitwise_or_
    bitwise_xor_ = mutation.bitwise_xor_
    bitwise_not_ = mutation.bitwise_not_
    bitwise_left_shift_ = mutation.bitwise_left_shift_
    bitwise_right_shift_ = mutation.bitwise_right_shift_
    scatter_ = selecting.scatter_
    scatter_add_ = selecting.scatter_add_
    index_add_ = selecting.index_add_
    index_copy_ = selecting.index_copy_
    index_fill_ = selecting.index_fill_
    index_put = index_write.index_put
    index_put_ = index_write.index_put_

    # ---- random ----------------------------------------------------------------------------
    bernoulli = random.bernoulli
    multinomial = random.multinomial
    uniform_ = random_fill.uniform_
    normal_ = random_fill.normal_
    bernoulli_ = random_fill.bernoulli_
    random_ = random_fill.random_
    exponential_ = random_fill.exponential_

    # ---- new tensors of this dtype ---------------------------------------------------------
    new_tensor = fresh.new_tensor
    new_zeros = fresh.new_zeros
    new_ones = fresh.new_ones
    new_empty = fresh.new_empty
    new_full = fresh.new_full

    # ---- copies and conversion -------------------------------------------------------------
    clone = copying.clone
    detach = copying.detach
    contiguous = copying.contiguous
    item = conversion.item
    tolist = conversion.tolist
    numpy = conversion.numpy
    to = conversion.to
    type_as = conversion.type_as
    float = conversion.to_float
    double = conversion.to_double
    int = conversion.to_int
    long = conversion.to_long
    bool = conversion.to_bool
    byte = conversion.to_byte
    cpu = conversion.cpu
    cuda = conversion.cuda
    data_ptr = conversion.data_ptr
    pin_memory = conversion.pin_memory
    is_pinned = conversion.is_pinned
    type = conversion.type_name

    # ---- gradients -------------------------------------------------------------------------
    register_hook = gradient_hooks.register_hook
    register_post_accumulate_grad_hook = gradient_hooks.register_post_accumulate_grad_hook
    retain_grad = gradient_hooks.retain_grad
    detach_ = gradient.detach_
