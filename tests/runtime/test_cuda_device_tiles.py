"""What 256 threads of a GPU hold of a tile: their LLVM text, run for one thread after the other."""

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest

from gradc.runtime.cuda_device_cores import gpu_tiles

LANE = """@lane = global i32 0
define i32 @gradc.lane() {
  %x = load i32, ptr @lane
  ret i32 %x
}
"""
PITCH = 4
SIZES = [(128, 64), (64, 64), (256, 16), (64, 16), (128, 32)]
# of scores, and of features
ATTENTIONS = [
    *((64, 128), (64, 32), (32, 64), (32, 32), (32, 16), (64, 256), (32, 128), (128, 128)),
    *((32, 256), (32, 512), (64, 512), (16, 512), (32, 1024), (512, 32), (16, 16)),
]


def engine(text):
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=0
    )
    made = llvm.create_mcjit_compiler(module, machine)
    made.finalize_object()
    return made


@pytest.mark.parametrize(
    ("size", "code"),
    [
        *((size, code) for size in SIZES for code in ("f32", "f64", "i64", "u8")),
        *((size, code) for size in ATTENTIONS for code in ("f32", "f64")),
    ],
)
def test_threads_hold_all_of_a_tile_once_and_add_up_what_they_hold(size, code):
    rows, columns = size
    terms = 16
    form = f"{code}.{rows}x{columns}"
    sums = f"gradc.multiply_add.{form}.{terms}.{rows + PITCH}.{columns}"
    names = [sums, *(f"gradc.{word}.{form}" for word in ("clear", "held", "row", "column"))]
    made = engine(LANE + gpu_tiles(names))

    def function(name, *kinds):
        return ctypes.CFUNCTYPE(*kinds)(made.get_function_address(name))

    pointer, number = ctypes.c_void_p, ctypes.c_int32
    add = function(sums, None, pointer, pointer, pointer)
    clear = function(names[1], None, pointer)
    held = function(names[2], number)
    row, column = (function(name, number, number) for name in names[3:])
    lane = number.from_address(made.get_global_value_address("lane"))

    dtype = {"f32": "f4", "f64": "f8", "i64": "i8", "u8": "u1"}[code]
    rng = np.random.default_rng(0)
    x, w = (rng.integers(0, 9, (terms, n)).astype(dtype) for n in (rows + PITCH, columns))
    found = np.zeros(size, dtype)
    times = np.zeros(size, int)
    own = np.empty(held() + 1, dtype)
    for thread in range(256):
        lane.value = thread
        own[:] = 99
        clear(own.ctypes.data)
        add(own.ctypes.data, x.ctypes.data, w.ctypes.data)
        assert own[-1] == 99
        for e in range(held()):
            found[row(e), column(e)] = own[e]
            times[row(e), column(e)] += 1
    assert (times == 1).all()
    np.testing.assert_array_equal(found, np.matmul(x.T[:rows], w, dtype=dtype))


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize("size", [*SIZES, *ATTENTIONS])
def test_threads_scale_the_rows_that_they_hold(size, code):
    rows, columns = size
    form = f"{code}.{rows}x{columns}"
    scale = f"gradc.multiply_rows.{form}"
    names = [scale, *(f"gradc.{word}.{form}" for word in ("held", "row", "column"))]
    made = engine(LANE + gpu_tiles(names))
    pointer, number = ctypes.c_void_p, ctypes.c_int32

    def function(name, *kinds):
        return ctypes.CFUNCTYPE(*kinds)(made.get_function_address(name))

    multiply, held = function(scale, None, pointer, pointer), function(names[1], number)
    row, column = (function(name, number, number) for name in names[2:])
    lane = number.from_address(made.get_global_value_address("lane"))
    dtype = {"f32": "f4", "f64": "f8"}[code]
    factors = np.arange(rows, dtype=dtype)
    aligned = np.zeros(rows + 4, dtype)
    aligned = aligned[-aligned.ctypes.data % 16 // aligned.itemsize :][:rows]
    aligned[:] = factors
    times = np.zeros(size, int)
    for thread in range(256):
        lane.value = thread
        own = np.ones(held() + 1, dtype)
        multiply(own.ctypes.data, aligned.ctypes.data)
        assert own[-1] == 1
        for e in range(held()):
            assert own[e] == factors[row(e)]
            times[row(e), column(e)] += 1
    assert (times == 1).all()


def test_a_warp_holds_four_rectangles_by_eight():
    names = [f"gradc.{word}.f32.64x64" for word in ("row", "column")]
    made = engine(LANE + gpu_tiles(names))
    number = ctypes.c_int32
    row, column = (
        ctypes.CFUNCTYPE(number, number)(made.get_function_address(name)) for name in names
    )
    lane = number.from_address(made.get_global_value_address("lane"))
    places = []
    for thread in range(32):
        lane.value = thread
        places.append((row(0), column(0)))
    assert sorted(places) == [(4 * a, 4 * b) for a in range(4) for b in range(8)]
