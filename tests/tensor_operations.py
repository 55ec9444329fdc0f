"""Operations on tensors, for any library: name -> (function of (library, tensors), arrays)."""

import numpy as np
from tensor_pairs import CASES as PAIRS

rng = np.random.default_rng(3)
A = rng.standard_normal((3, 4))
B = rng.standard_normal((3, 4))
ROW = rng.standard_normal((4,))
POS = np.abs(rng.standard_normal((3, 4))) + 0.5
UNIT = rng.uniform(-0.9, 0.9, (3, 4))
M = rng.standard_normal((4, 5))
CUBE = rng.standard_normal((2, 3, 4))
CUBE2 = rng.standard_normal((2, 4, 5))
VEC = rng.standard_normal(6)
S = np.array(0.7)

IDX = [2, 0, 2]


def long(lib, values):
    return lib.tensor(values)


# name -> (function of (lib, tensors...), arrays)
CASES = {
    "add": (lambda L, x, y: x + y, A, ROW),
    "add_alpha": (lambda L, x, y: L.add(x, y, alpha=2.5), A, B),
    "radd": (lambda L, x: 3 + x, A),
    "cummax": (lambda L, x: L.cummax(x, 0)[0], A),
    "cummin": (lambda L, x: x.cummin(1).values, A),
    "rot90": (lambda L, x: x.rot90() + L.rot90(x, 3), A),
    "rot90 of other axes": (lambda L, x: L.rot90(x, 2, [0, 2]), CUBE),
    "broadcast_tensors": (lambda L, x, y: L.mul(*L.broadcast_tensors(x, y)), A, ROW),
    "atleast": (lambda L, x, y: L.atleast_3d(x) * sum(L.atleast_2d(y, y[0])), A, VEC[:3]),
    "block_diag": (lambda L, x, y, z: L.block_diag(x, y, z), A, ROW, S),
    "column_stack": (
        lambda L, x, y: L.column_stack([x[0], y]) - L.dstack([x, x])[:1, :, 0].T,
        A,
        ROW,
    ),
    "in place": (
        lambda L, x: sum(
            getattr(x.clone(), f"{n}_")() for n in "tan asin acos atan sinh cosh exp2".split()
        ),
        UNIT,
    ),
    "sub": (lambda L, x, y: x - y, A, S),
    "rsub": (lambda L, x: 1.5 - x, A),
    "mul": (lambda L, x, y: x * y, ROW, A),
    "mul_self": (lambda L, x: x * x * x, A),
    "div": (lambda L, x, y: x / y, A, POS),
    "rdiv": (lambda L, x: 2 / x, POS),
    "div_trunc": (lambda L, x, y: L.div(x, y, rounding_mode="trunc"), A * 5, POS),
    "div_floor": (lambda L, x, y: L.div(x, y, rounding_mode="floor"), A * 5, POS),
    "mod": (lambda L, x, y: x % y, A * 5, POS),
    "fmod": (lambda L, x, y: L.fmod(x, y), A * 5, POS),
    "pow_tensor": (lambda L, x, y: x**y, POS, A),
    "pow_2": (lambda L, x: x**2, A),
    "pow_3": (lambda L, x: x**3, A),
    "pow_half": (lambda L, x: x**0.5, POS),
    "pow_neg": (lambda L, x: x**-1.5, POS),
    "pow_0": (lambda L, x: x**0, A),
    "rpow": (lambda L, x: 2.0**x, A),
    "neg": (lambda L, x: -x, A),
    "maximum": (lambda L, x, y: L.maximum(x, y), A, B),
    "minimum": (lambda L, x, y: L.minimum(x, y), A, B),
    "atan2": (lambda L, x, y: L.atan2(x, y), A, B),
    "lerp": (lambda L, x, y: L.lerp(x, y, 0.3), A, B),
    "lerp to the end": (lambda L, x, y: L.lerp(x * 1e8, y, 1.0) + L.lerp(x, y, -2.5), A, B),
    "addcmul": (lambda L, x, y, z: L.addcmul(x, y, z, value=0.5), A, B, ROW),
    "addcdiv": (lambda L, x, y, z: L.addcdiv(x, y, z, value=0.5), A, B, POS),
    **{
        name: (lambda L, x, name=name: getattr(L, name)(x), A)
        for name in "exp expm1 exp2 sin cos tan atan sinh cosh tanh asinh sigmoid erf erfc relu "
        "abs square floor ceil round trunc frac sign".split()
    },
    **{
        name: (lambda L, x, name=name: getattr(x, name)(), POS)
        for name in "log log1p log2 log10 sqrt rsqrt reciprocal".split()
    },
    **{
        name: (lambda L, x, name=name: getattr(x, name)(), UNIT)
        for name in "asin acos atanh".split()
    },
    "acosh": (lambda L, x: (x + 1).acosh(), POS),
    "logit": (lambda L, x: L.logit(x, eps=1e-6), (UNIT + 1) / 2),
    "round_decimals": (lambda L, x: L.round(x, decimals=2), A),
    "clamp": (lambda L, x: x.clamp(-0.5, 0.5), A),
    "clamp_min": (lambda L, x: x.clamp(min=0.1), A),
    "clamp_tensor": (lambda L, x, y: L.clamp(x, max=y), A, B),
    "nan_to_num": (lambda L, x: L.nan_to_num(x / x.relu()), A),
    "where": (lambda L, x, y: L.where(x > 0, x, y), A, ROW),
    "where_number": (lambda L, x: L.where(x > 0, x, 0.0), A),
    "masked_fill": (lambda L, x: x.masked_fill(x > 0.3, -2.0), A),
    "sum": (lambda L, x: x.sum(), CUBE),
    "sum_dim": (lambda L, x: x.sum(1), CUBE),
    "sum_dims": (lambda L, x: x.sum((0, -1), keepdim=True), CUBE),
    "sum_scalar": (lambda L, x: x.sum(), S),
    "mean": (lambda L, x: x.mean(-1), CUBE),
    "mean_all": (lambda L, x: x.mean(), CUBE),
    "prod": (lambda L, x: x.prod(), A),
    "prod_dim": (lambda L, x: x.prod(1, keepdim=True), A),
    "var": (lambda L, x: x.var(), A),
    "var_dim": (lambda L, x: x.var(1, unbiased=False), A),
    "std": (lambda L, x: x.std((0, 1), keepdim=True), A),
    "std of equal elements": (lambda L, x: (x * 0 + 2).std(1) + x.std(1), A),
    "std_correction": (lambda L, x: L.std(x, 1, correction=2), A),
    "amax": (lambda L, x: x.amax(1), A),
    "amin": (lambda L, x: x.amin((0, 1)), A),
    "max": (lambda L, x: x.max(), A),
    "min": (lambda L, x: x.min(), A),
    "max_dim": (lambda L, x: x.max(1)[0], A),
    "min_dim": (lambda L, x: x.min(dim=0, keepdim=True).values, A),
    "max_other": (lambda L, x, y: L.max(x, y), A, B),
    "nansum": (lambda L, x: L.nansum(L.where(x > 0, x, float("nan")), 1), A),
    "cumsum": (lambda L, x: x.cumsum(1), A),
    "logsumexp": (lambda L, x: x.logsumexp(1), A),
    "logsumexp_keep": (lambda L, x: L.logsumexp(x, (0, 1), keepdim=True), A * 100),
    "softmax": (lambda L, x: x.softmax(-1), A * 10),
    "log_softmax": (lambda L, x: L.log_softmax(x, 0), A * 10),
    "norm": (lambda L, x: x.norm(), A),
    "norm_1": (lambda L, x: x.norm(p=1, dim=1), A),
    "norm_3": (lambda L, x: L.norm(x, 3, dim=1, keepdim=True), A),
    "norm_inf": (lambda L, x: L.norm(x, float("inf")), A),
    "norm_3 of zeros": (lambda L, x: L.norm(x.relu(), 3, dim=0) + L.norm(x * 0, 3, dim=0), A),
    "norm_1.5 of zeros": (lambda L, x: L.norm(x * 0, 1.5, dim=1), A),
    "norm_half of zeros": (lambda L, x: L.norm(x.relu(), 0.5, dim=1, keepdim=True), A),
    "norm of a negative power": (lambda L, x: L.norm(x, -1.5, dim=1), A),
    "triangles of bools": (
        lambda L, x: (x > 0).tril() & ~(x < 0).triu(1) | L.diag_embed(x[:, 0] > 0)[:, :1],
        A,
    ),
    "norm_zero": (lambda L, x: (x * 0).norm(), A),
    "dist": (lambda L, x, y: L.dist(x, y), A, B),
    "matmul": (lambda L, x, y: x @ y, A, M),
    "matmul_vec": (lambda L, x, y: x @ y, A, ROW),
    "vec_matmul": (lambda L, x, y: x @ y, ROW, M),
    "vec_vec": (lambda L, x: x @ x, ROW),
    "matmul_batch": (lambda L, x, y: x @ y, CUBE, CUBE2),
    "matmul_batch_mat": (lambda L, x, y: x @ y, CUBE, M),
    "mat_matmul_batch": (lambda L, x, y: x @ y, A, CUBE2),
    "vec_matmul_batch": (lambda L, x, y: x @ y, ROW, CUBE2),
    "matmul_broadcast": (lambda L, x, y: x.unsqueeze(1) @ y, CUBE, CUBE2),
    "matmul_t": (lambda L, x, y: x @ y.T, A, B),
    "mm": (lambda L, x, y: L.mm(x, y), A, M),
    "bmm": (lambda L, x, y: L.bmm(x, y), CUBE, CUBE2),
    "mv": (lambda L, x, y: L.mv(x, y), A, ROW),
    "dot": (lambda L, x, y: L.dot(x, y), ROW, A[0]),
    "inner": (lambda L, x, y: L.inner(x, y), A, B),
    "outer": (lambda L, x, y: L.outer(x, y), ROW, VEC),
    "addmm": (
        lambda L, x, y, z: L.addmm(x, y, z, beta=0.5, alpha=2.0),
        rng.standard_normal(5),
        A,
        M,
    ),
    "baddbmm": (lambda L, x, y, z: L.baddbmm(x, y, z), np.ones((2, 1, 5)), CUBE, CUBE2),
    "tensordot": (lambda L, x, y: L.tensordot(x, y, dims=([2], [0])), CUBE, M),
    "tensordot_n": (
        lambda L, x, y: L.tensordot(x, y, dims=2),
        CUBE,
        rng.standard_normal((3, 4, 2)),
    ),
    "einsum_mm": (lambda L, x, y: L.einsum("ij,jk->ik", x, y), A, M),
    "einsum_t": (lambda L, x: L.einsum("ij->ji", x), A),
    "einsum_trace": (lambda L, x: L.einsum("ii", x @ x.T), A),
    "einsum_diag": (lambda L, x: L.einsum("ii->i", x @ x.T), A),
    "einsum_batch": (lambda L, x, y: L.einsum("bij,bjk->bik", x, y), CUBE, CUBE2),
    "einsum_dots": (lambda L, x, y: L.einsum("...ij,jk->...ik", x, y), CUBE, M),
    "einsum_three": (lambda L, x, y, z: L.einsum("bij,bjk,i->kb", x, y, z), CUBE, CUBE2, VEC[:3]),
    "einsum_outer": (lambda L, x, y: L.einsum("i,j", x, y), ROW, VEC),
    "einsum_nothing": (lambda L, x: L.einsum("ij,ij->i", x[:, :0], x[:, :1]), A),
    "einsum_no_rows": (lambda L, x: L.einsum("ij,ij->ij", x[:0], x[:1]), A),
    "einsum_sum": (lambda L, x: L.einsum("ijk->j", x), CUBE),
    "reshape": (lambda L, x: x.reshape(2, -1), A),
    "reshape_copy": (lambda L, x: x.T.reshape(-1), A),
    "view": (lambda L, x: x.view(-1, 2), A),
    "permute": (lambda L, x: x.permute(2, 0, 1), CUBE),
    "transpose": (lambda L, x: x.transpose(0, -1), CUBE),
    "t": (lambda L, x: x.t(), A),
    "T": (lambda L, x: x.T, A),
    "mT": (lambda L, x: x.mT, CUBE),
    "movedim": (lambda L, x: L.movedim(x, 0, 2), CUBE),
    "movedims": (lambda L, x: x.movedim((0, 1), (-1, 0)), CUBE),
    "squeeze": (lambda L, x: x[:1].squeeze(), A),
    "squeeze_dim": (lambda L, x: x[:1].squeeze(1), A),
    "unsqueeze": (lambda L, x: x.unsqueeze(-1), A),
    "flatten": (lambda L, x: x.flatten(1), CUBE),
    "flatten_0d": (lambda L, x: x.flatten(), S),
    "unflatten": (lambda L, x: x.unflatten(1, (2, -1)), A),
    "expand": (lambda L, x: x.expand(2, 3, -1), ROW),
    "expand_as": (lambda L, x, y: x.expand_as(y), ROW, A),
    "broadcast_to": (lambda L, x: L.broadcast_to(x, (3, 4)), ROW),
    "narrow": (lambda L, x: x.narrow(1, 1, 2), A),
    "select": (lambda L, x: x.select(0, -1), A),
    "cat": (lambda L, x, y: L.cat([x, y], 0), A, B),
    "cat_1": (lambda L, x, y: L.cat((x, y, x), dim=-1), A, B),
    "stack": (lambda L, x, y: L.stack([x, y], 1), A, B),
    "hstack": (lambda L, x, y: L.hstack([x, y]), A, B),
    "vstack": (lambda L, x, y: L.vstack([x, y]), ROW, A),
    "split": (lambda L, x: x.split(2, 1)[1] * 2, A),
    "split_sizes": (lambda L, x: L.split(x, [1, 2], 0)[1], A),
    "chunk": (lambda L, x: x.chunk(3, 1)[1], A),
    "tensor_split": (lambda L, x: L.tensor_split(x, 3, 1)[0], A),
    "unbind": (lambda L, x: x.unbind(1)[2] * x.unbind(0)[0][0], A),
    "flip": (lambda L, x: x.flip(0, 1), A),
    "roll": (lambda L, x: L.roll(x, (1, -2), (0, 1)), A),
    "roll_flat": (lambda L, x: x.roll(5), A),
    "repeat": (lambda L, x: x.repeat(2, 1, 3), A),
    "tile": (lambda L, x: L.tile(x, (2,)), A),
    "repeat_interleave": (lambda L, x: x.repeat_interleave(2, 1), A),
    "tril": (lambda L, x: x.tril(), A),
    "tril_1": (lambda L, x: L.tril(x, 1), CUBE),
    "triu": (lambda L, x: L.triu(x, -1), A),
    "diagonal": (lambda L, x: x.diagonal(), A),
    "diagonal_offset": (lambda L, x: L.diagonal(x, 1, 1, 2), CUBE),
    "diag": (lambda L, x: L.diag(x), ROW),
    "diag above": (lambda L, x: L.diag(x, diagonal=1) + x.diag(diagonal=-1)[0], ROW),
    "diag_matrix": (lambda L, x: L.diag(x), A),
    "diag_embed": (lambda L, x: L.diag_embed(x, -1), A),
    "trace": (lambda L, x: L.trace(x), A),
    "index_select": (lambda L, x: x.index_select(1, L.tensor(IDX)), A),
    "index_add": (lambda L, x, y: x.index_add(1, L.tensor(IDX), y[:, :3], alpha=2.0), A, B),
    "index_copy": (lambda L, x, y: x.index_copy(1, L.tensor([2, 0]), y[:, :2]), A, B),
    "index_fill": (lambda L, x: x.index_fill(1, L.tensor(IDX), 7.0), A),
    "gather": (lambda L, x: x.gather(1, L.tensor([[0, 3], [2, 2], [1, 0]])), A),
    "gather_0": (lambda L, x: L.gather(x, 0, L.tensor([[0, 2, 1, 1]])), A),
    "take": (lambda L, x: L.take(x, L.tensor([[0, 11], [5, 5]])), A),
    "take_along_dim": (lambda L, x: L.take_along_dim(x, L.tensor([[1], [0], [3]]), 1), A),
    "scatter_add": (
        lambda L, x, y: x.scatter_add(1, L.tensor([[0, 0], [2, 3], [1, 1]]), y),
        A,
        B[:, :2],
    ),
    "scatter": (lambda L, x, y: x.scatter(1, L.tensor([[0, 1], [2, 3], [3, 1]]), y), A, B[:, :2]),
    "scatter_value": (lambda L, x: x.scatter(0, L.tensor([[0, 1], [2, 0]]), 5.0), A),
    "sort": (lambda L, x: x.sort(1)[0], A),
    "sort_desc": (lambda L, x: L.sort(x, 0, descending=True).values, A),
    "topk": (lambda L, x: x.topk(2, 1).values, A),
    "topk_small": (lambda L, x: L.topk(x, 2, dim=0, largest=False)[0], A),
    "median": (lambda L, x: x.median(), A),
    "median_dim": (lambda L, x: x.median(1).values, A),
    "kthvalue": (lambda L, x: x.kthvalue(2, 1).values, A),
    "get_int": (lambda L, x: x[1], A),
    "get_slice": (lambda L, x: x[1:, ::2], A),
    "get_none": (lambda L, x: x[:, None, -1], A),
    "get_dots": (lambda L, x: x[..., 1], CUBE),
    "get_list": (lambda L, x: x[[2, 0, 2]], A),
    "get_pair": (lambda L, x: x[L.tensor([0, 1, 1]), L.tensor([3, -1, 3])], A),
    "get_apart": (lambda L, x: x[L.tensor([0, 1]), :, L.tensor([3, 2])], CUBE),
    "get_mixed": (lambda L, x: x[0, L.tensor([[2, 1]]), 1:3], CUBE),
    "get_middle": (lambda L, x: x[:, L.tensor([[2, 1], [0, 0]])], CUBE),
    "clone": (lambda L, x: x.clone() * 2, A),
    "to_float32": (lambda L, x: x.float() * 2, A),
    "detach": (lambda L, x: x * x.detach(), A),
    "linspace": (lambda L, x: x * L.linspace(-1, 2, 4), A),
    "arange": (lambda L, x: x + L.arange(4), A),
    "meshgrid": (lambda L, x, y: L.meshgrid(x, y, indexing="xy")[0], ROW, VEC),
    "eye": (lambda L, x: x @ L.eye(4, 3, dtype=x.dtype), A),
    "masked_scatter": (
        lambda L, x, y: x.masked_scatter(L.tensor([True, False, True, False]), y),
        A,
        B,
    ),
    "heaviside": (lambda L, x: x * L.heaviside(x.detach(), x.detach()), A),
    # in place
    "add_": (lambda L, x, y: (x * 1).add_(y, alpha=3), A, ROW),
    "mul_": (lambda L, x, y: (x * 1).mul_(y), A, B),
    "mul_self_": (lambda L, x: (x * 1).mul_(2).div_(3).sub_(x), A),
    "iops": (lambda L, x, y: chain(x * 1, y), A, POS),
    "exp_": (lambda L, x: (x * 2).exp_(), A),
    "tanh_": (lambda L, x: (x * 2).tanh_() * 3, A),
    "pow_": (lambda L, x: (x * 2).pow_(2), A),
    "relu_": (lambda L, x: (x * 2).relu_(), A),
    "clamp_": (lambda L, x: (x * 2).clamp_(-1, 1), A),
    "zero_": (lambda L, x: (x * 2).zero_() + x, A),
    "fill_": (lambda L, x: filled(x * 2), A),
    "copy_": (lambda L, x, y: (x * 2).copy_(y), A, ROW),
    "masked_fill_": (lambda L, x: (x * 2).masked_fill_(x > 0, 3.0), A),
    "addcdiv_": (lambda L, x, y: (x * 2).addcdiv_(y, y + 1, value=0.1), A, POS),
    "index_add_": (lambda L, x, y: (x * 2).index_add_(0, L.tensor([1, 1]), y[:2]), A, B),
    "view_write": (lambda L, x, y: view_write(L, x, y), A, ROW),
    "view_read_after": (lambda L, x, y: view_read_after(L, x, y), A, ROW),
    "view_of_view": (lambda L, x, y: view_of_view(L, x, y), CUBE, ROW),
    "set_slice": (lambda L, x, y: put(x, (slice(None), slice(1, None, 2)), y), A, S),
    "set_row": (lambda L, x, y: put(x, 1, y), A, ROW),
    "set_number": (lambda L, x: put(x, (0, slice(2)), 3.0), A),
    "set_mask": (lambda L, x: put(x, L.tensor([True, False, True]), 2.0), A),
    "set_mask_2d": (lambda L, x, y: put(x, x.detach() > 0, y), A, S),
    "set_index": (lambda L, x, y: put(x, L.tensor([2, 0]), y[:2]), A, B),
    "set_index_number": (lambda L, x: put(x, L.tensor([2, 0]), 1.5), A),
    "set_pair": (lambda L, x, y: put(x, (L.tensor([2, 0]), L.tensor([1, -1])), y[:2]), A, ROW),
    "set_apart": (
        lambda L, x, y: put(x, (L.tensor([1, 0]), slice(None), L.tensor([3, 1])), y[:2, :3]),
        CUBE,
        B,
    ),
    "set_add": (lambda L, x, y: set_add(L, x, y), A, ROW),
    "index_put_acc": (
        lambda L, x, y: (x * 1).index_put_((L.tensor([1, 1, 0]),), y, accumulate=True),
        A,
        B,
    ),
    # other names and in-place forms of the same
    **{
        f"{name}_": (lambda L, x, name=name: getattr(x * 1, f"{name}_")() * x, A)
        for name in "abs ceil cos erf expm1 floor neg round sigmoid sign sin square trunc".split()
    },
    **{
        f"{name}_": (lambda L, x, name=name: getattr(x * 1, f"{name}_")() * x, POS)
        for name in "log log1p reciprocal rsqrt sqrt".split()
    },
    **{
        name: (lambda L, x, y, name=name: getattr(x, name)(y), A, POS)
        for name in "subtract multiply divide true_divide remainder arctan2".split()
    },
    **{
        name: (lambda L, x, y, name=name: getattr(x * 1, name)(y) * x, A, POS)
        for name in "subtract_ multiply_ divide_ remainder_".split()
    },
    **{
        name: (lambda L, x, name=name: getattr(x, name)(), UNIT)
        for name in "absolute arccos arcsin arctan fix negative ravel msort".split()
    },
    "abs of a negative view": (lambda L, x: (x * 2)[1].abs_() * x[0], A),
    "addcmul_": (lambda L, x, y: (x * 1).addcmul_(x, y, value=0.3), A, B),
    "addmv": (lambda L, x, y, z: L.addmv(z, x, y, beta=0.3), A, ROW, A[:, 0]),
    "aminmax": (lambda L, x: L.aminmax(x, dim=1)[1] - x.aminmax(dim=1).min, A),
    "clip": (lambda L, x: x.clip(-0.2, 0.5) + (x * 1).clip_(max=0.3), A),
    "detach_": (lambda L, x: (x * 2).detach_() * x, A),
    "double": (lambda L, x: x.float().double() * x, A),
    "fliplr": (lambda L, x: x.fliplr() * x.flipud(), A),
    "ger": (lambda L, x, y: x.ger(y), ROW, VEC),
    "index_copy_": (lambda L, x, y: (x * 1).index_copy_(1, L.tensor([2, 0]), y[:, :2]) * x, A, B),
    "index_fill_": (lambda L, x: (x * 1).index_fill_(0, L.tensor([1]), 0.5) * x, A),
    "index_put": (lambda L, x, y: x.index_put((L.tensor([2, 0]),), y[:2]), A, B),
    "lerp_": (lambda L, x, y: (x * 1).lerp_(y, 0.7), A, B),
    "lerp_weights": (lambda L, x, y: L.lerp(x, y, x.detach().sigmoid()), A, B),
    "moveaxis": (lambda L, x: x.moveaxis(0, -1) * 2, CUBE),
    "nanmean": (lambda L, x: L.nanmean(L.where(x > 0, x, float("nan")), 1), A),
    "pow_tensors": (lambda L, x, y: x.pow(y) * x.pow(2.5), POS, A),
    "reshape_as": (lambda L, x, y: x.reshape_as(y.t()) * x.view_as(y.T.reshape(4, 3)), A, B),
    "scatter_": (lambda L, x, y: (x * 1).scatter_(1, L.tensor([[0, 1], [2, 3]]), y), A, B[:2, :2]),
    "scatter_add_": (lambda L, x, y: (x * 1).scatter_add_(1, L.tensor([[0, 0]]), y), A, B[:1, :2]),
    "swapaxes": (lambda L, x: x.swapaxes(0, 1) @ x.swapdims(0, 1).T, A),
    "std_mean": (lambda L, x: sum(L.std_mean(x, 1)), A),
    "var_mean": (lambda L, x: sum(L.var_mean(x, dim=0, keepdim=True)), A),
    "type_as": (lambda L, x, y: x.float().type_as(y) + x.to(y.dtype), A, B),
    "new_ones": (lambda L, x: x * x.new_ones(3, 4) + x.new_full((4,), 2.0) - x.new_zeros(4), A),
    "ones_like": (lambda L, x: x * L.full_like(x, 3.0) + L.zeros_like(x) + L.ones_like(x), A),
    "logspace": (lambda L, x: x * L.logspace(0, 1, 4), A),
    **PAIRS,
    "concat": (lambda L, x, y: L.concat([x, y], 1) * L.concatenate([y, x], 1), A, B),
}


def chain(x, y):
    x += y
    x -= 2
    x *= y
    x /= 3
    return x


def filled(x):
    x[0].fill_(5.0)
    return x


def view_write(L, x, y):
    b = x * 2
    b[1].mul_(y)
    b.t()[0].add_(1)
    return b * b


def view_read_after(L, x, y):
    b = x * 2
    row = b[1]
    b.mul_(y)
    return row * row


def view_of_view(L, x, y):
    b = x * 2
    v = b.permute(1, 0, 2)[1:].reshape(2, 2, 4)
    w = v[..., 1:3]
    w += 1
    v.mul_(y)
    return (b * b).sum() + (w**3).sum()


def put(x, index, value):
    b = x * 2
    b[index] = value
    return b * b


def set_add(L, x, y):
    b = x * 2
    b[1] += y
    b[:, 0] *= 3
    return b * b
