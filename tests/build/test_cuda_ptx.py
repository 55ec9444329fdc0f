"""What LLVM makes of CUDA kernels: facts of their PTX. No NVIDIA package is needed."""

import re

import pytest

from gradc.build.cuda import ptx_of
from gradc.errors import BuildError

HEAD = """from numpy import float32 as f
from gradc.runtime.cuda import *

"""
STEP = """

@step
def nothing(gpu, buffers):
    pass
"""
CHAIN = """@kernel("f32[4096], f32[4096], f32[4096]")
def chain(x, y, z):
    for i in quads(4096):
        z[i] = tanh(x[i]) * exp(-x[i] * x[i]) + erf(y[i]) / sqrt(y[i])
"""
ROWS = """@kernel("f32[64,100], f32[64,100]")
def softmax(z, y):
    for i in rows(64):
        largest = f(-1e30)
        for j in lanes(100):
            largest = maximum(largest, z[i, j])
        largest = row_max(largest)
        total = f(0)
        for j in lanes(100):
            total += exp(z[i, j] - largest)
        total = row_sum(total)
        for j in lanes(100):
            y[i, j] = exp(z[i, j] - largest) / total
"""
PLACES = """@kernel("f32[60,784], f32[784], f32[60,784]")
def add(x, b, y):
    for i, j in grid(60, 784):
        y[i, j] = x[i, j] + b[j]
"""
DROPOUT = """@kernel("f32[4096], f32[4096], i64[1], i64[1]")
def dropout(x, y, seed, offset):
    for i in quads(4096):
        uniform = f(philox(seed[0], offset[0], i) // 256) * f(2**-24)
        y[i] = x[i] * f(uniform >= f(0.5))
"""
SEVERAL = """@kernel("f32[:], f32[:], f32[1], segment", sizes=(4096, 10, 512))
def sgd(p, p_bar, rate, segment):
    for i in segment:
        p[i] -= rate[0] * p_bar[i]
"""


def ptx(kernel, arch="sm_90"):
    return ptx_of(HEAD + kernel + STEP, "test", arch)


def test_single_precision_stays_single():
    for kernel in (CHAIN, ROWS, PLACES, DROPOUT, SEVERAL):
        assert ".f64" not in ptx(kernel)


def test_nothing_lies_in_local_memory_and_nothing_is_called():
    for kernel in (CHAIN, ROWS, PLACES, DROPOUT, SEVERAL):
        text = ptx(kernel)
        assert ".local" not in text
        assert "call" not in text.replace("callseq", "")
        assert ".extern" not in text


def test_no_kernel_needs_atomic_operations():
    for kernel in (CHAIN, ROWS, PLACES, SEVERAL):
        assert not re.search(r"\b(atom|red)\.", ptx(kernel))


@pytest.mark.parametrize("kernel", [CHAIN, DROPOUT, SEVERAL], ids=["chain", "dropout", "several"])
def test_neighbours_are_read_and_written_at_once(kernel):
    text = ptx(kernel)
    assert "ld.global.nc.v4.b32" in text
    assert "st.global.v4.b32" in text


def test_arrays_that_may_begin_anywhere_are_read_one_by_one():
    text = ptx(CHAIN.replace('f32[4096]")', 'f32[4096]", unaligned=True)'))
    assert ".v4" not in text


def test_arrays_that_overlap_are_not_read_through_the_read_only_cache():
    assert "ld.global.nc" in ptx(PLACES)
    text = ptx(PLACES.replace('f32[60,784]")', 'f32[60,784]", overlap=True)'))
    assert "ld.global.nc" not in text


def test_neighbours_share_their_random_block():
    # ten rounds of two products: four numbers come out of one block
    assert ptx(DROPOUT).count("mul.wide.u32") + ptx(DROPOUT).count("mul.hi.u32") < 2 * 2 * 10


def test_indices_have_32_bits():
    text = ptx(PLACES)
    assert "div.s64" not in text
    assert "div.u64" not in text
    assert "rem." not in text


def test_rows_are_folded_by_shuffles():
    text = ptx(ROWS)
    assert text.count("shfl.sync.bfly.b32") >= 10
    assert "bar.sync" in text or "barrier" in text


def test_remainders_are_exact():
    kernel = """@kernel("f32[64], f32[64], f32[64]")
def rest(x, y, z):
    for i in grid(64):
        z[i] = remainder(x[i], y[i])
"""
    text = ptx(kernel)
    assert "div" not in text  # x - y trunc(x / y) would be wrong for large quotients


def test_the_text_is_for_every_driver_since_cuda_12():
    assert ".version 8.0" in ptx(CHAIN)
    assert ".target sm_80" in ptx(CHAIN, "sm_80")


def test_later_architectures_get_the_version_that_knows_them():
    # LLVM ends the process where it is asked for an earlier one
    for arch, version in {
        "sm_100": "8.6",
        "sm_120": "8.7",
        "sm_103": "8.8",
        "sm_110": "9.0",
    }.items():
        text = ptx(CHAIN, arch)
        assert f".version {version}" in text
        assert f".target {arch}" in text


def test_an_unknown_architecture_names_the_known_ones():
    with pytest.raises(BuildError) as caught:
        ptx(CHAIN, "sm_91")
    assert caught.value.message == "build: there is no CUDA architecture 'sm_91'"
    assert caught.value.hint.startswith("sm_75, sm_80, sm_86")


def test_a_kernel_names_as_many_arguments_as_it_takes():
    with pytest.raises(BuildError) as caught:
        ptx(CHAIN.replace("def chain(x, y, z)", "def chain(x, y)"))
    expected = "kernel: chain takes 2 arguments, its signature names 3"
    assert expected in str(caught.value)


def test_a_signature_that_cannot_be_read():
    with pytest.raises(BuildError) as caught:
        ptx(CHAIN.replace("f32[4096], f32[4096], f32[4096]", "f16[4096], f32[4096], f32[4096]"))
    assert "kernel: can't read 'f16[4096]' in the signature" in str(caught.value)
