"""Mistakes planted in hand-written PTX, each of which the PTX machine must find and name."""

import re

import numpy as np
import pytest
from ptx.extents import Extents, noted, windows
from ptx.memory import GlobalMemory
from ptx.text import PtxError

ORDERS = ("together", "forwards", "backwards", "shuffled")
OUT = np.zeros(64, np.uint32)
SHARED = ".shared .align 16 .b8 room[256];"
PLACES = """
mov.u32 %r1, %tid.x;
mul.wide.u32 %rd1, %r1, 4;
add.s64 %rd2, %rd90, %rd1;
mov.b64 %rd3, room;
add.s64 %rd4, %rd3, %rd1;
"""
# each thread writes its number to shared memory and reads that of the thread 32 further on
NEIGHBOUR = """
st.shared.b32 [%rd4], %r1;
{barrier}
xor.b32 %r2, %r1, 32;
mul.wide.u32 %rd5, %r2, 4;
add.s64 %rd6, %rd3, %rd5;
ld.shared.b32 %r3, [%rd6];
st.global.b32 [%rd2], %r3;
ret;
"""


def fails(message):
    return pytest.raises(PtxError, match=re.escape(message))


@pytest.mark.parametrize("order", ORDERS)
def test_a_barrier_orders_shared_memory(run, order):
    body = PLACES + NEIGHBOUR.format(barrier="bar.sync 0;")
    (found,) = run(body, OUT, threads=64, order=order, head=SHARED, fresh=[0])
    assert list(found) == [i ^ 32 for i in range(64)]


def test_a_missing_barrier_is_a_race(run):
    with fails(
        "k: race on shared address 0x400: line 16, thread (0, 0, 0) of block (0, 0, 0) writes"
    ):
        run(PLACES + NEIGHBOUR.format(barrier=""), OUT, threads=64, head=SHARED)


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_a_missing_barrier_shows_when_warps_run_ahead(run, order):
    # the other warp has not written yet: initcheck finds it before the races are looked for
    with fails("ld.shared.b32: shared address 0x4"):
        run(PLACES + NEIGHBOUR.format(barrier=""), OUT, threads=64, order=order, head=SHARED)


def test_a_barrier_of_a_warp_does_not_order_a_block(run):
    with fails("race on shared address"):
        run(PLACES + NEIGHBOUR.format(barrier="bar.warp.sync -1;"), OUT, threads=64, head=SHARED)


WITHIN_A_WARP = """
st.shared.b32 [%rd4], %r1;
{barrier}
xor.b32 %r2, %r1, 1;
mul.wide.u32 %rd5, %r2, 4;
add.s64 %rd6, %rd3, %rd5;
ld.shared.b32 %r3, [%rd6];
st.global.b32 [%rd2], %r3;
ret;
"""


@pytest.mark.parametrize("order", ORDERS)
def test_a_barrier_of_a_warp_orders_the_warp(run, order):
    body = PLACES + WITHIN_A_WARP.format(barrier="bar.warp.sync -1;")
    (found,) = run(body, OUT, threads=64, order=order, head=SHARED, fresh=[0])
    assert list(found) == [i ^ 1 for i in range(64)]


def test_lanes_of_a_warp_are_not_in_step(run):
    # lanes do run together here, but no GPU since Volta promises it
    with fails("race on shared address"):
        run(PLACES + WITHIN_A_WARP.format(barrier=""), OUT, threads=64, head=SHARED)


def test_blocks_must_not_write_to_the_same_place(run):
    body = "mov.u32 %r1, %tid.x;\nst.global.b32 [%rd90], %r1;\nret;"
    with fails("race on global address"):
        run(body, OUT, blocks=2, threads=1)
    run(body, OUT, blocks=1, threads=1)


def test_a_barrier_does_not_order_blocks(run):
    body = """
    mov.u32 %r1, %ctaid.x;
    mul.wide.u32 %rd1, %r1, 4;
    add.s64 %rd2, %rd90, %rd1;
    st.global.b32 [%rd2], %r1;
    bar.sync 0;
    ld.global.b32 %r2, [%rd90];
    ret;
    """
    with fails("line 13, thread (0, 0, 0) of block (0, 0, 0) writes; line 15, thread (0, 0, 0) of"):
        run(body, OUT, blocks=2, threads=1)


def test_the_read_only_cache_does_not_see_what_is_written(run):
    body = """
    st.global.b32 [%rd90], 1;
    ld.global.nc.b32 %r2, [%rd90];
    ret;
    """
    with fails("race on global address"):
        run(body, OUT, threads=1)
    run(body.replace(".nc", ""), OUT, threads=1)


OUTSIDE = {
    "past the end": ("ld.global.b32 %r1, [%rd90+256];", "is outside of the arrays of this launch"),
    "before": ("st.global.b32 [%rd90+-4], 0;", "is outside of the arrays of this launch"),
    "in part": ("ld.global.v2.b64 {%rd1, %rd2}, [%rd90+248];", "is not aligned to 16 bytes"),
    "nowhere": ("ld.global.b32 %r1, [64];", "is outside of all memory"),
    "a vector": ("ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd90+4];", "is not aligned to 16"),
    "a number": ("ld.global.b32 %r1, [%rd90+2];", "is not aligned to 4 bytes"),
    "shared, aligned": ("ld.shared.v2.b32 {%r1, %r2}, [room+4];", "is not aligned to 8 bytes"),
    "shared, past": ("st.shared.b32 [room+256], 0;", "is memory that nobody has allocated"),
    "shared, far": ("st.shared.b32 [room+9999], 0;", "is outside of shared memory"),
    "shared, unwritten": ("ld.shared.b32 %r1, [room];", "is memory never written"),
    "local": ("st.local.b32 [16], 0;", "is outside of local memory"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_accesses_that_may_not_be(run, name):
    text, message = OUTSIDE[name]
    with fails("k: line 10, thread (0, 0, 0) of block (0, 0, 0): ") as caught:
        run(text + "\nret;", OUT, threads=1, head=SHARED)
    assert message in str(caught.value)


def test_memory_never_written_must_not_be_read(run):
    with fails("is memory never written"):
        run("ld.global.b32 %r1, [%rd90];\nret;", OUT, threads=1, fresh=[0])


def test_a_part_of_a_word_that_was_never_written(run):
    with fails("is memory never written"):
        run(
            "st.shared.b8 [room], 1;\nld.shared.b32 %r1, [room];\nret;", OUT, head=SHARED, threads=1
        )


def test_a_barrier_that_some_never_reach(run):
    body = "mov.u32 %r1, %tid.x;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 ret;\nbar.sync 0;\nret;"
    with fails("bar.sync is never reached by all: 32 at line 13 wait; 32 threads of this block"):
        run(body, OUT, threads=64)


def test_a_barrier_that_a_warp_reaches_in_two_places(run):
    body = """
    mov.u32 %r1, %tid.x;
    setp.lt.u32 %p1, %r1, 16;
    @%p1 bra $other;
    bar.sync 0;
    ret;
    $other:
    bar.sync 0;
    ret;
    """
    with fails("the threads of a warp are at different barriers"):
        run(body, OUT, threads=64)
    (_,) = run(body.replace("16", "32"), OUT, threads=64)


def test_a_loop_without_an_end(run, monkeypatch):
    monkeypatch.setattr("ptx.chunk.MOST_STEPS", 1000)
    with fails("does not come to an end"):
        run("$again:\nbra $again;", OUT)


def test_a_register_that_nobody_wrote(run):
    with fails("register '%r7' is read before it is written"):
        run("add.s32 %r1, %r7, 1;\nret;", OUT)


def test_a_launch_must_fit_its_kernel(run):
    with fails("k: (1, 1, 1) blocks of (2048, 1, 1) threads"):
        run("ret;", OUT, threads=2048)
    with fails("bytes of shared memory are more than 48 KiB"):
        run("ret;", OUT, head=".shared .align 4 .b8 large[50000];")


def test_the_arrays_of_a_signature():
    memory = GlobalMemory(1 << 20)
    address = memory.allocate(256)
    notes = noted([Extents((64, -1), True).note("k")[3:].strip()])
    assert windows(notes["k"], [address, address + 64], memory, "k") == [
        (address, 64),
        (address + 64, 192),
    ]
    with fails("k: argument 1 has 64 bytes, 32 are allocated there"):
        windows(Extents((64, 64), True), [address, address + 224], memory, "k")


def test_freed_memory_is_gone():
    memory = GlobalMemory(1 << 20)
    address = memory.upload(OUT)
    memory.free(address)
    with fails(f"no allocation holds the address {address:#x}"):
        memory.read(address, 4)


def test_what_a_vector_reads_behind_an_array_is_rubbish(run):
    body = "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd90];\nst.global.b32 [%rd91], %r{n};\nret;"
    three, out = np.array([1, 2, 3], np.uint32), np.zeros(1, np.uint32)
    assert run(body.replace("{n}", "3"), three, out, threads=1)[1] == 3
    assert run(body.replace("{n}", "4"), three, out, threads=1)[1] == 0xCDCDCDCD
    with fails("is outside of the arrays of this launch"):
        run(
            "mov.b32 %r1, 0;\nst.global.v4.b32 [%rd90], {%r1, %r1, %r1, %r1};\nret;",
            three,
            threads=1,
        )
