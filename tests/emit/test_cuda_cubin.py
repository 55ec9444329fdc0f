"""CUDA text to machine code for real architectures, and the store that keeps it."""

import sys

import emit_convolution
import emit_programs
import pytest
from emit_cuda import cuda_text
from test_cuda_rounded_products import convolution as rounded_convolution
from test_every_primitive import program_of_all

from gradc.build import cuda_compiler
from gradc.build.cuda import load_cuda
from gradc.build.cuda_compiler import assemble
from gradc.errors import BuildError
from gradc.ir.dtype import float32, float64

PROGRAMS = {
    "mlp_step": emit_programs.mlp_step,
    "softmax_cross_entropy": lambda: emit_programs.softmax_cross_entropy(64, 2000),
    "cnn": emit_convolution.cnn,
    "gru_loss": emit_programs.gru_loss,
    "a convolution of rounded operands": rounded_convolution,
    "primitives in float32": lambda: program_of_all(float32, 1)[0],
    "primitives in float64": lambda: program_of_all(float64, 1)[0],
}
ARCHITECTURES = ("sm_80", "sm_90")


@pytest.mark.cuda_compile
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_kind_of_kernel_compiles(name, arch):
    pytest.importorskip("cuda.bindings")
    _, emitted = cuda_text(PROGRAMS[name]())
    native = load_cuda(emitted.source, "test", arch)
    assert native.cubin.startswith(b"\x7fELF")
    for function in native.functions.values():
        assert function.symbol.encode() + b"\0" in native.cubin
        assert function.run is None


@pytest.mark.cuda_compile
@pytest.mark.parametrize("arch", cuda_compiler.ARCHITECTURES)
def test_a_step_compiles_for_every_architecture(arch):
    pytest.importorskip("cuda.bindings")
    _, emitted = cuda_text(emit_programs.mlp_step())
    assert load_cuda(emitted.source, "test", arch).cubin.startswith(b"\x7fELF")


@pytest.mark.cuda_compile
def test_machine_code_is_kept(monkeypatch, tmp_path):
    pytest.importorskip("cuda.bindings")
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "store"))
    _, emitted = cuda_text(emit_programs.neuron())
    first = load_cuda(emitted.source, "neuron", "sm_90")
    again = load_cuda(emitted.source, "neuron", "sm_90")
    other = load_cuda(emitted.source, "neuron", "sm_80")
    assert (first.cached, again.cached, other.cached) == (False, True, False)
    assert first.cubin == again.cubin != other.cubin
    assert again.compile_seconds == 0.0
    assert again.path.read_text() == emitted.source


def test_without_nvidias_packages_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvjitlink", None)
    with pytest.raises(BuildError) as caught:
        assemble(b"", "sm_90")
    expected = "build: compiling for a GPU needs NVIDIA's nvJitLink, which is not installed"
    assert caught.value.message == expected
    assert caught.value.hint == 'pip install "gradc[cuda]"'


@pytest.mark.cuda_compile
def test_what_the_assembler_refuses_is_passed_on():
    pytest.importorskip("cuda.bindings")
    with pytest.raises(BuildError) as caught:
        assemble(b".version 8.0\n.target sm_90\n.address_size 64\nnonsense\n", "sm_90")
    assert caught.value.message.startswith("build: nvJitLink refused the kernels for sm_90: ")
    assert "nonsense" in caught.value.message or "syntax" in caught.value.message


def test_an_unknown_architecture():
    _, emitted = cuda_text(emit_programs.neuron())
    with pytest.raises(BuildError) as caught:
        load_cuda(emitted.source, "neuron", "hopper")
    assert caught.value.message == "build: there is no CUDA architecture 'hopper'"


def test_the_emulated_device_under_the_interpreter(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    _, emitted = cuda_text(emit_programs.neuron())
    native = load_cuda(emitted.source, "neuron", "emulated")
    assert native.cubin == b""
    assert all(callable(f.run) for f in native.functions.values())
