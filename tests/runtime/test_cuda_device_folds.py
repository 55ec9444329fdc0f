"""What lanes of a GPU do together: their LLVM text, run by threads that meet in every exchange."""

import ctypes
import itertools
import threading

import llvmlite.binding as llvm
import numpy as np
import pytest

from gradc.runtime.cuda_device_folds import gpu_folds

HEAD = """
declare i32 @test.lane()
declare i32 @test.lanes()
declare void @test.barrier(i32)
define i32 @gradc.lane() {
  %x = call i32 @test.lane()
  ret i32 %x
}
define i32 @gradc.lanes() {
  %x = call i32 @test.lanes()
  ret i32 %x
}
"""
DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64}
KINDS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i64": ctypes.c_int64}
WORD = ctypes.c_int32


class Lanes:
    """Threads that stand for the lanes of a block."""

    def __init__(self):
        self.own = threading.local()
        self.count = 0
        self.kept = []
        self.give("lane", lambda: self.own.number)
        self.give("lanes", lambda: self.count)
        self.give("barrier", lambda number: self.block.wait() and None, WORD, result=None)
        for way in ("bfly", "up", "idx"):
            self.give(way, self.shuffle(way), WORD, WORD, WORD, WORD)

    def give(self, name, function, *kinds, result=WORD):
        made = ctypes.CFUNCTYPE(result, *kinds)(function)
        self.kept.append(made)
        llvm.add_symbol(f"test.{name}", ctypes.cast(made, ctypes.c_void_p).value)

    def shuffle(self, way):
        def exchange(mask, value, bits, last):
            """What PTX says of shfl.sync: a lane without a source keeps its own number."""
            assert mask == -1
            lane = self.own.number
            warp, within = divmod(lane, 32)
            self.values[lane] = value
            self.warps[warp].wait()
            source = {"bfly": within ^ bits, "up": within - bits, "idx": bits}[way]
            fits = source >= last if way == "up" else source <= last
            found = self.values[32 * warp + (source if fits else within)]
            self.warps[warp].wait()
            return found

        return exchange

    def run(self, count, work):
        self.count, self.values = count, [0] * count
        self.warps = [threading.Barrier(32) for _ in range(count // 32)]
        self.block = threading.Barrier(count)
        results = [None] * count

        def lane(number):
            self.own.number = number
            results[number] = work(number)

        threads = [threading.Thread(target=lane, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.fixture(scope="module")
def device():
    lanes = Lanes()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = gpu_folds()
    for way in ("bfly", "up", "idx"):
        text = text.replace(f"@llvm.nvvm.shfl.sync.{way}.i32", f"@test.{way}")
    text = text.replace("@llvm.nvvm.barrier.cta.sync.aligned.all", "@test.barrier")
    module = llvm.parse_assembly(HEAD + text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return lanes, engine


def values_of(code, count):
    rng = np.random.default_rng(count)
    whole = rng.integers(-50, 50, count)
    return whole.astype(DTYPES[code])


@pytest.mark.parametrize("count", [32, 96])
@pytest.mark.parametrize("code", DTYPES)
def test_running_sums(device, code, count):
    lanes, engine = device
    kind = KINDS[code]
    function = ctypes.CFUNCTYPE(kind, kind, ctypes.c_void_p)(
        engine.get_function_address(f"gradc.running.{code}")
    )
    x = values_of(code, count)

    def work(number):
        before = kind(7)
        found = function(x[number].item(), ctypes.addressof(before))
        return found, before.value

    found = lanes.run(count, work)
    np.testing.assert_array_equal([f for f, _ in found], 7 + np.cumsum(x))
    assert {b for _, b in found} == {7 + x.sum()}


@pytest.mark.parametrize(("fold", "count"), list(itertools.product(["sum", "max"], [32, 96])))
def test_folds(device, fold, count):
    lanes, engine = device
    kind = ctypes.c_float
    function = ctypes.CFUNCTYPE(kind, kind)(engine.get_function_address(f"gradc.{fold}.f32"))
    x = values_of("f32", count)
    found = lanes.run(count, lambda number: function(x[number].item()))
    assert set(found) == {getattr(np, fold)(x)}


@pytest.mark.parametrize("count", [32, 64])
@pytest.mark.parametrize("nan", [False, True])
def test_searches(device, count, nan):
    lanes, engine = device
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
        engine.get_function_address("gradc.argmin.f32")
    )
    x = values_of("f32", count)
    x[[5, 20]] = np.nan if nan else -60

    def work(number):
        best, place = ctypes.c_float(x[number]), ctypes.c_int64(number)
        function(ctypes.addressof(best), ctypes.addressof(place))
        return place.value

    assert set(lanes.run(count, work)) == {5}
