"""Shuffles, votes, divergence and address spaces of the PTX machine, as PTX's manual has them."""

import numpy as np
import pytest
from ptx.meetings import source_lane
from ptx.text import PtxError

LANES = np.zeros(32, np.uint32)
STORE = """
mul.wide.u32 %rd1, %r1, 4;
add.s64 %rd2, %rd90, %rd1;
st.global.b32 [%rd2], %r3;
ret;
"""
MODES = {
    # mode, b, c -> what lane i gets of lane numbers
    ("bfly", 16, 31): [i ^ 16 for i in range(32)],
    ("bfly", 3, 31): [i ^ 3 for i in range(32)],
    ("up", 1, 0): [max(i - 1, 0) for i in range(32)],
    ("up", 4, 0): [i - 4 if i >= 4 else i for i in range(32)],
    ("down", 8, 31): [i + 8 if i < 24 else i for i in range(32)],
    ("idx", 5, 31): [5] * 32,
    # segments of eight lanes: the mask of the segment is in bits 8 to 12
    ("idx", 3, 0x181F): [i // 8 * 8 + 3 for i in range(32)],
    ("down", 1, 0x181F): [i + 1 if i % 8 != 7 else i for i in range(32)],
    ("up", 1, 0x1800): [i - 1 if i % 8 else i for i in range(32)],
}


@pytest.mark.parametrize(("way", "b", "c"), MODES)
def test_shuffles(run, way, b, c):
    body = f"mov.u32 %r1, %tid.x;\nshfl.sync.{way}.b32 %r3|%p1, %r1, {b}, {c}, -1;" + STORE
    (found,) = run(body, LANES)
    assert list(found) == MODES[way, b, c]


def test_which_lanes_are_in_range():
    lane = np.arange(32)
    _, valid = source_lane("down", lane, np.uint32(1), np.uint32(0x181F))
    assert list(valid) == [i % 8 != 7 for i in range(32)]


PART = """
mov.u32 %r1, %tid.x;
mov.b32 %r3, 99;
setp.ge.u32 %p1, %r1, 8;
@%p1 bra $rest;
shfl.sync.{how}, {mask};
$rest:
"""


def test_a_shuffle_of_some_lanes(run):
    body = PART.format(how="bfly.b32 %r3, %r1, 4, 31", mask=0xFF) + STORE
    (found,) = run(body, LANES)
    assert list(found) == [*(i ^ 4 for i in range(8)), *[99] * 24]


def test_a_shuffle_that_waits_for_lanes_that_never_come(run):
    # the others end first: then they can't be read
    body = PART.format(how="bfly.b32 %r3, %r1, 16, 31", mask=-1) + STORE
    with pytest.raises(PtxError, match="reads lane 16, which is not active"):
        run(body, LANES)


def test_a_shuffle_by_a_lane_outside_of_its_mask(run):
    body = PART.format(how="bfly.b32 %r3, %r1, 1, 31", mask=0x7F) + STORE
    with pytest.raises(PtxError, match="by a thread that its mask does not name"):
        run(body, LANES)


def test_lanes_wait_for_each_other_at_a_shuffle(run):
    # lanes go round a loop as often as their number says, and meet after it
    body = """
    mov.u32 %r1, %tid.x;
    mov.b32 %r2, 0;
    $again:
    add.s32 %r2, %r2, 1;
    setp.le.u32 %p1, %r2, %r1;
    @%p1 bra $again;
    shfl.sync.bfly.b32 %r3, %r2, 31, 31, -1;
    """
    for order in ("together", "forwards", "backwards", "shuffled"):
        (found,) = run(body + STORE, LANES, order=order)
        assert list(found) == [32 - i for i in range(32)]


@pytest.mark.parametrize(
    ("how", "expected"), [("sync.ballot.b32 %r3", 0xFF0), ("sync.any.pred %p2", 1)]
)
def test_votes(run, how, expected):
    body = f"""
    mov.u32 %r1, %tid.x;
    sub.s32 %r2, %r1, 4;
    setp.lt.u32 %p1, %r2, 8;
    vote.{how}, %p1, -1;
    {"selp.b32 %r3, 1, 0, %p2;" if "pred" in how else ""}
    """
    (found,) = run(body + STORE, LANES)
    assert set(found) == {expected}


def test_a_predicate_before_an_instruction(run):
    body = """
    mov.u32 %r1, %tid.x;
    mov.b32 %r3, 7;
    setp.lt.u32 %p1, %r1, 4;
    @!%p1 add.s32 %r3, %r3, 1;
    """
    (found,) = run(body + STORE, LANES)
    assert list(found) == [7] * 4 + [8] * 28


def test_generic_addresses(run):
    body = """
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd1, %r1, 4;
    mov.b64 %rd3, room;
    cvta.shared.u64 %rd4, %rd3;
    add.s64 %rd5, %rd4, %rd1;
    st.b32 [%rd5], %r1;
    ld.b32 %r3, [%rd5];
    mov.b64 %rd6, depot;
    cvta.local.u64 %rd7, %rd6;
    st.b32 [%rd7], %r3;
    ld.local.b32 %r3, [depot];
    """
    head = ".shared .align 4 .b8 room[128];\n.global .align 4 .b8 table[4] = {1, 2, 3, 4};"
    (found,) = run(".local .align 4 .b8 depot[4];\n" + body + STORE, LANES, head=head)
    assert list(found) == list(range(32))


def test_a_table(run):
    head = ".global .align 4 .b32 table[3] = {1, 2, 0x30};"
    body = "mov.u32 %r1, %tid.x;\nld.global.b32 %r3, [table+8];" + STORE
    (found,) = run(body, LANES, head=head)
    assert set(found) == {0x30}


def test_where_a_thread_is(run):
    body = """
    mov.u32 %r4, %tid.x;
    mov.u32 %r5, %tid.y;
    mov.u32 %r6, %ntid.x;
    mov.u32 %r7, %ctaid.y;
    mov.u32 %r8, %nctaid.x;
    mov.u32 %r9, %ctaid.x;
    mad.lo.s32 %r1, %r5, %r6, %r4;
    mad.lo.s32 %r10, %r7, %r8, %r9;
    mul.lo.s32 %r11, %r10, 8;
    add.s32 %r1, %r1, %r11;
    mov.b32 %r3, %r10;
    """
    (found,) = run(body + STORE, LANES, blocks=(2, 2, 1), threads=(4, 2, 1))
    assert list(found) == [i // 8 for i in range(32)]


def test_a_jump_by_a_table(run):
    body = """
    mov.u32 %r1, %tid.x;
    and.b32 %r2, %r1, 3;
    mov.b32 %r3, 9;
    $table: .branchtargets $none, $one, $two, $none;
    brx.idx %r2, $table;
    $one:
    mov.b32 %r3, 1;
    bra.uni $none;
    $two:
    mov.b32 %r3, 2;
    $none:
    """
    for order in ("together", "backwards"):
        (found,) = run(body + STORE, LANES, order=order)
        assert list(found) == [9, 1, 2, 9] * 8
