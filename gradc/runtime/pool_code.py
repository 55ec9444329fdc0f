"""The native half of the thread pool -> addresses: start a step, take part in it, meet.

Written in LLVM's language; compiled by llvmlite in a few milliseconds, without Numba, and kept.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

from gradc.runtime.own_code import architecture, compiled, places

# Words of the pool, each on a cache line of its own (128 bytes: neighbours are fetched in pairs).
LINE = 16
TURN, ENTRY, TABLE, THREADS, DONE, STATUS, ARRIVED, MEETING, STOP, OPEN, ASLEEP = (
    LINE * i for i in range(11)
)
# A waiting thread spins, then lets others run at each look; one without work goes to sleep.
SPINS, LOOKS = 2_000, 2_000

_PAUSES = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.hint(i32 1)",
    "arm64": "call void @llvm.aarch64.hint(i32 1)",
}
_TEXT = """
{declare}

define internal void @rest(i64 %spins) alwaysinline {{
  %patient = icmp ult i64 %spins, {spins}
  br i1 %patient, label %spin, label %yield
spin:
  {pause}
  ret void
yield:
  %f = load ptr, ptr {give_way}
  call i32 %f()
  ret void
}}

; A member is four words: thread, threads, address of meet, address of the pool.
define void @meet(ptr %member) {{
  %threads_at = getelementptr i64, ptr %member, i64 1
  %threads = load i64, ptr %threads_at
  %pool_at = getelementptr i64, ptr %member, i64 3
  %pool = load ptr, ptr %pool_at
  %arrived = getelementptr i64, ptr %pool, i64 {arrived}
  %meeting = getelementptr i64, ptr %pool, i64 {meeting}
  %now = load atomic i64, ptr %meeting acquire, align 8
  %before = atomicrmw add ptr %arrived, i64 1 acq_rel
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %arrived monotonic, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %meeting release, align 8
  ret void
wait:
  %spins = phi i64 [0, %0], [%more, %again]
  %at = load atomic i64, ptr %meeting acquire, align 8
  %same = icmp eq i64 %at, %now
  br i1 %same, label %again, label %gone
again:
  call void @rest(i64 %spins)
  %more = add i64 %spins, 1
  br label %wait
gone:
  ret void
}}

define internal void @take_part(ptr %pool, ptr %member) {{
  %entry_at = getelementptr i64, ptr %pool, i64 {entry}
  %entry = load ptr, ptr %entry_at
  %table_at = getelementptr i64, ptr %pool, i64 {table}
  %table = load ptr, ptr %table_at
  %status = call i32 %entry(ptr %table, ptr %member)
  %wide = zext i32 %status to i64
  %status_at = getelementptr i64, ptr %pool, i64 {status}
  atomicrmw or ptr %status_at, i64 %wide acq_rel
  ret void
}}

; Publish a step; return how many workers sleep: Python wakes these before it calls @finish.
define i64 @begin(ptr %pool, i64 %entry, i64 %table) {{
  %entry_at = getelementptr i64, ptr %pool, i64 {entry}
  store i64 %entry, ptr %entry_at
  %table_at = getelementptr i64, ptr %pool, i64 {table}
  store i64 %table, ptr %table_at
  %status_at = getelementptr i64, ptr %pool, i64 {status}
  store i64 0, ptr %status_at
  %done = getelementptr i64, ptr %pool, i64 {done}
  store atomic i64 0, ptr %done release, align 8
  %open = getelementptr i64, ptr %pool, i64 {open}
  store i64 1, ptr %open
  %turn = getelementptr i64, ptr %pool, i64 {turn}
  atomicrmw add ptr %turn, i64 1 seq_cst
  %threads_at = getelementptr i64, ptr %pool, i64 {threads}
  %threads = load i64, ptr %threads_at
  br label %look
look:
  %i = phi i64 [1, %0], [%i2, %seen]
  %sleepers = phi i64 [0, %0], [%sleepers2, %seen]
  %inside = icmp ult i64 %i, %threads
  br i1 %inside, label %seen, label %end
seen:
  %offset = mul i64 %i, {line}
  %place = add i64 %offset, {asleep}
  %asleep = getelementptr i64, ptr %pool, i64 %place
  %slept = load atomic i64, ptr %asleep seq_cst, align 8
  %sleepers2 = add i64 %sleepers, %slept
  %i2 = add i64 %i, 1
  br label %look
end:
  ret i64 %sleepers
}}

; Run thread 0's share and wait for the others; return the status of the step.
define i64 @finish(ptr %pool, ptr %member) {{
  call void @take_part(ptr %pool, ptr %member)
  %threads_at = getelementptr i64, ptr %pool, i64 {threads}
  %threads = load i64, ptr %threads_at
  %others = sub i64 %threads, 1
  %done = getelementptr i64, ptr %pool, i64 {done}
  br label %wait
wait:
  %spins = phi i64 [0, %0], [%more, %again]
  %count = load atomic i64, ptr %done acquire, align 8
  %all = icmp eq i64 %count, %others
  br i1 %all, label %end, label %again
again:
  call void @rest(i64 %spins)
  %more = add i64 %spins, 1
  br label %wait
end:
  %status_at = getelementptr i64, ptr %pool, i64 {status}
  %status = load i64, ptr %status_at
  %open = getelementptr i64, ptr %pool, i64 {open}
  store i64 0, ptr %open
  ret i64 %status
}}

; End the workers that are awake; the others end when they are woken.
define i64 @halt(ptr %pool) {{
  %stop = getelementptr i64, ptr %pool, i64 {stop}
  store atomic i64 1, ptr %stop release, align 8
  %turn = getelementptr i64, ptr %pool, i64 {turn}
  %old = atomicrmw add ptr %turn, i64 1 seq_cst
  ret i64 %old
}}

; Both at once where nobody sleeps; -1 asks Python to wake the sleepers and call @finish.
define i64 @run(ptr %pool, ptr %member, i64 %entry, i64 %table) {{
  %sleepers = call i64 @begin(ptr %pool, i64 %entry, i64 %table)
  %none = icmp eq i64 %sleepers, 0
  br i1 %none, label %go, label %wake
go:
  %status = call i64 @finish(ptr %pool, ptr %member)
  ret i64 %status
wake:
  ret i64 -1
}}

; A worker: take part in each step; return the last turn seen to go to sleep, -1 to end.
define i64 @work(ptr %pool, ptr %member, i64 %first) {{
  %turn_at = getelementptr i64, ptr %pool, i64 {turn}
  %stop_at = getelementptr i64, ptr %pool, i64 {stop}
  %done = getelementptr i64, ptr %pool, i64 {done}
  %thread = load i64, ptr %member
  %offset = mul i64 %thread, {line}
  %place = add i64 %offset, {asleep}
  %asleep = getelementptr i64, ptr %pool, i64 %place
  br label %start
start:
  %seen = phi i64 [%first, %0], [%turn, %step]
  br label %wait
wait:
  %spins = phi i64 [0, %start], [%more, %again]
  %turn = load atomic i64, ptr %turn_at seq_cst, align 8
  %same = icmp eq i64 %turn, %seen
  br i1 %same, label %look, label %woken
look:
  %tired = icmp ugt i64 %spins, {tired}
  br i1 %tired, label %nod, label %again
again:
  call void @rest(i64 %spins)
  %more = add i64 %spins, 1
  br label %wait
nod:
  store atomic i64 1, ptr %asleep seq_cst, align 8
  %late = load atomic i64, ptr %turn_at seq_cst, align 8
  %missed = icmp ne i64 %late, %seen
  br i1 %missed, label %rise, label %sleep
rise:
  ; whoever swaps the 1 for 0 decides: this thread goes on, or Python's wake-up is on its way
  %mine = cmpxchg ptr %asleep, i64 1, i64 0 seq_cst seq_cst
  %up = extractvalue {{i64, i1}} %mine, 1
  br i1 %up, label %again, label %sleep
sleep:
  ret i64 %seen
woken:
  %stopped = load atomic i64, ptr %stop_at acquire, align 8
  %ends = icmp ne i64 %stopped, 0
  br i1 %ends, label %end, label %step
step:
  call void @take_part(ptr %pool, ptr %member)
  atomicrmw add ptr %done, i64 1 acq_rel
  br label %start
end:
  ret i64 -1
}}

; Swap a worker's 1 for 0; return what was there.
define i64 @wake(ptr %pool, i64 %thread) {{
  %offset = mul i64 %thread, {line}
  %place = add i64 %offset, {asleep}
  %asleep = getelementptr i64, ptr %pool, i64 %place
  %old = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  ret i64 %old
}}
"""
_WORD, _ADDRESS = ctypes.c_int64, ctypes.c_int64
_FUNCTIONS = {"begin": 3, "finish": 2, "run": 4, "work": 3, "wake": 2, "halt": 1}


class PoolCode:
    """The compiled functions; calling one lets other Python threads run."""

    def __init__(self) -> None:
        """Compile them for this processor, or load them."""
        addresses = {"give_way": _give_way()}
        self._address = compiled(_text(architecture(), places(addresses)), 0, addresses)
        self.meet = self._address("meet")
        made = {name: self._function(name, count) for name, count in _FUNCTIONS.items()}
        self.begin, self.finish = made["begin"], made["finish"]
        self.run, self.work = made["run"], made["work"]
        self.wake, self.halt = made["wake"], made["halt"]

    def _function(self, name: str, count: int) -> Any:
        """Return one function; ctypes drops the interpreter's lock while it runs."""
        kind = ctypes.CFUNCTYPE(_WORD, *[_ADDRESS] * count)
        return kind(self._address(name))


@cache
def pool_code() -> PoolCode:
    """Return the functions, compiled once per process."""
    return PoolCode()


def _text(processor: str, where: dict[str, str]) -> str:
    """Return the functions for a kind of processor."""
    pause = _PAUSES.get(processor, "")
    name = pause.partition("@")[2].partition("(")[0]
    kind = "i32" if "i32" in pause else ""
    return _TEXT.format(
        pause=pause,
        declare=f"declare void @{name}({kind})" if pause else "",
        **where,
        spins=SPINS,
        tired=SPINS + LOOKS,
        line=LINE,
        turn=TURN,
        entry=ENTRY,
        table=TABLE,
        threads=THREADS,
        done=DONE,
        status=STATUS,
        arrived=ARRIVED,
        meeting=MEETING,
        stop=STOP,
        open=OPEN,
        asleep=ASLEEP - LINE,  # workers count from 1
    )


def _give_way() -> int:
    """Return the address of the system's function that lets another thread run."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0
