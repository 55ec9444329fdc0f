"""The native half of a direct call -> a C function that Python calls with arrays and numbers.

Written in LLVM's language and compiled by llvmlite in a few milliseconds, without Numba.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from gradc.runtime.code_model import compiled

# Words of the facts of a program; a record for each argument of the call follows.
STEP, TABLE, COUNT, RANGES, RANGES_AT, HELD, HELD_AT, TEAM = range(8)
HEADER = 8
# Words of a record.
KIND, TYPE, PLACE, DTYPE, RANK, SIZES_AT, BYTES = range(7)
RECORD = 8
# Kinds: an array, a NumPy number, a Python float, an array that the caller just made.
ARRAY, NUMBER, FLOAT, RESULT = range(4)
# Bytes into an ndarray, a NumPy number and a float; `probe` in direct.py checks them.
OBJECT_TYPE, CONTENT, NDIM, SIZES, DESCR, FLAGS = 8, 16, 24, 32, 56, 64
# NumPy's flags: elements in order, and they may be written.
PLAIN = 0x1 | 0x400

_TEXT = """
target triple = "{triple}"

; Put what is given into the table of addresses and run the step. Return 0, or 1 where something
; given is not as the facts say (then nothing has run), or -1 where the step failed.
define ptr @call(ptr %self, ptr %given, i64 %count) {{
  %status = call i64 @bind(ptr %self, ptr %given, i64 %count)
  %f = inttoptr i64 {number} to ptr
  %result = call ptr %f(i64 %status)
  ret ptr %result
}}

define internal i64 @bind(ptr %self, ptr %given, i64 %count) {{
start:
  %facts_at = getelementptr i8, ptr %self, i64 {content}
  %facts = load ptr, ptr %facts_at
  %count_at = getelementptr i64, ptr %facts, i64 {count}
  %expected = load i64, ptr %count_at
  %complete = icmp eq i64 %count, %expected
  br i1 %complete, label %next, label %miss

next:
  %i = phi i64 [0, %start], [%i2, %done]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %holders
one:
  %object_at = getelementptr ptr, ptr %given, i64 %i
  %object = load ptr, ptr %object_at
  %offset = mul i64 %i, {record}
  %offset2 = add i64 %offset, {header}
  %record = getelementptr i64, ptr %facts, i64 %offset2
  %type_at = getelementptr i64, ptr %record, i64 {type}
  %type = load ptr, ptr %type_at
  %own_at = getelementptr i8, ptr %object, i64 {object_type}
  %own = load ptr, ptr %own_at
  %typed = icmp eq ptr %type, %own
  %place_at = getelementptr i64, ptr %record, i64 {place}
  %place = load ptr, ptr %place_at
  %inside = getelementptr i8, ptr %object, i64 {content}
  %kind = load i64, ptr %record
  br i1 %typed, label %choose, label %other
other:
  ; another number in place of a float
  %convertible = icmp eq i64 %kind, {a_float}
  br i1 %convertible, label %convert, label %miss
convert:
  %to_double = inttoptr i64 {to_double} to ptr
  %converted = call double %to_double(ptr %object)
  store double %converted, ptr %place
  %occurred = inttoptr i64 {error_occurred} to ptr
  %error = call ptr %occurred()
  %fine = icmp eq ptr %error, null
  br i1 %fine, label %done, label %refused
refused:
  %clear_error = inttoptr i64 {error_clear} to ptr
  call void %clear_error()
  br label %miss
choose:
  switch i64 %kind, label %miss [ i64 {array} , label %array
                                  i64 {a_number}, label %number
                                  i64 {a_float}, label %float
                                  i64 {result}, label %result ]
number:
  store ptr %inside, ptr %place
  br label %done
float:
  %double = load double, ptr %inside
  store double %double, ptr %place
  br label %done
result:
  %fresh = load ptr, ptr %inside
  store ptr %fresh, ptr %place
  br label %done
array:
  %dtype_at = getelementptr i64, ptr %record, i64 {dtype}
  %dtype = load ptr, ptr %dtype_at
  %descr_at = getelementptr i8, ptr %object, i64 {descr}
  %descr = load ptr, ptr %descr_at
  %same_dtype = icmp eq ptr %dtype, %descr
  br i1 %same_dtype, label %flagged, label %miss
flagged:
  %flags_at = getelementptr i8, ptr %object, i64 {flags}
  %flags = load i32, ptr %flags_at
  %set = and i32 %flags, {plain}
  %plain = icmp eq i32 %set, {plain}
  br i1 %plain, label %ranked, label %miss
ranked:
  %rank_at = getelementptr i64, ptr %record, i64 {rank}
  %rank = load i64, ptr %rank_at
  %ndim_at = getelementptr i8, ptr %object, i64 {ndim}
  %ndim = load i32, ptr %ndim_at
  %wide = zext i32 %ndim to i64
  %same_rank = icmp eq i64 %rank, %wide
  br i1 %same_rank, label %shaped, label %miss
shaped:
  %sizes_at = getelementptr i64, ptr %record, i64 {sizes_at}
  %sizes = load ptr, ptr %sizes_at
  %shape_at = getelementptr i8, ptr %object, i64 {sizes}
  %shape = load ptr, ptr %shape_at
  br label %axis
axis:
  %axis_ = phi i64 [0, %shaped], [%axis2, %measured]
  %axes = icmp ult i64 %axis_, %rank
  br i1 %axes, label %measure, label %address
measure:
  %size_at = getelementptr i64, ptr %sizes, i64 %axis_
  %size = load i64, ptr %size_at
  %length_at = getelementptr i64, ptr %shape, i64 %axis_
  %length = load i64, ptr %length_at
  %same_size = icmp eq i64 %size, %length
  br i1 %same_size, label %measured, label %miss
measured:
  %axis2 = add i64 %axis_, 1
  br label %axis
address:
  %begin = load i64, ptr %inside
  %before = load i64, ptr %place
  %again = icmp eq i64 %begin, %before
  br i1 %again, label %done, label %apart
apart:
  ; memory that the program changes: none of an argument may lie in it
  %bytes_at = getelementptr i64, ptr %record, i64 {bytes}
  %bytes = load i64, ptr %bytes_at
  %end = add i64 %begin, %bytes
  %ranges_n = getelementptr i64, ptr %facts, i64 {ranges}
  %ranges = load i64, ptr %ranges_n
  %ranges_p = getelementptr i64, ptr %facts, i64 {ranges_at}
  %ranges_at = load ptr, ptr %ranges_p
  br label %range
range:
  %r = phi i64 [0, %apart], [%r2, %clear]
  %ranges_left = icmp ult i64 %r, %ranges
  br i1 %ranges_left, label %compare, label %placed
compare:
  %r_low = mul i64 %r, 2
  %low_at = getelementptr i64, ptr %ranges_at, i64 %r_low
  %low = load i64, ptr %low_at
  %high_at = getelementptr i64, ptr %low_at, i64 1
  %high = load i64, ptr %high_at
  %under = icmp ult i64 %begin, %high
  %over = icmp ugt i64 %end, %low
  %overlap = and i1 %under, %over
  br i1 %overlap, label %miss, label %clear
clear:
  %r2 = add i64 %r, 1
  br label %range
placed:
  store i64 %begin, ptr %place
  br label %done
done:
  %i2 = add i64 %i, 1
  br label %next

holders:
  ; what the step writes over: nobody else may hold it
  %held_n = getelementptr i64, ptr %facts, i64 {held}
  %held = load i64, ptr %held_n
  %held_p = getelementptr i64, ptr %facts, i64 {held_at}
  %held_at = load ptr, ptr %held_p
  br label %holder
holder:
  %h = phi i64 [0, %holders], [%h2, %free]
  %held_left = icmp ult i64 %h, %held
  br i1 %held_left, label %counted, label %run
counted:
  %h_low = mul i64 %h, 2
  %mine_at = getelementptr i64, ptr %held_at, i64 %h_low
  %mine = load ptr, ptr %mine_at
  %owners_at = getelementptr i64, ptr %mine_at, i64 1
  %owners = load i64, ptr %owners_at
  %counted_ = load i32, ptr %mine
  %references = zext i32 %counted_ to i64
  %alone = icmp eq i64 %owners, %references
  br i1 %alone, label %free, label %miss
free:
  %h2 = add i64 %h, 1
  br label %holder

run:
  %step = load ptr, ptr %facts
  %bound_only = icmp eq ptr %step, null
  br i1 %bound_only, label %well, label %go
go:
  %table_at = getelementptr i64, ptr %facts, i64 {table}
  %table = load ptr, ptr %table_at
  %team_at = getelementptr i64, ptr %facts, i64 {team}
  %team = load ptr, ptr %team_at
  %returned = call i32 %step(ptr %table, ptr %team)
  %good = icmp eq i32 %returned, 0
  br i1 %good, label %well, label %failed
well:
  ret i64 0
failed:
  ret i64 -1
miss:
  ret i64 1
}}
"""


@cache
def call_address() -> int:
    """Return the address of the function, compiled once per process; it is never freed."""
    return compiled(_text, opt=2).get_function_address("call")


def _text(triple: str) -> str:
    """Return the function for a kind of processor."""
    python = ctypes.pythonapi
    return _TEXT.format(
        triple=triple,
        number=_address(python.PyLong_FromLongLong),
        to_double=_address(python.PyFloat_AsDouble),
        error_occurred=_address(python.PyErr_Occurred),
        error_clear=_address(python.PyErr_Clear),
        content=CONTENT,
        count=COUNT,
        record=RECORD,
        header=HEADER,
        type=TYPE,
        object_type=OBJECT_TYPE,
        place=PLACE,
        array=ARRAY,
        a_number=NUMBER,
        a_float=FLOAT,
        result=RESULT,
        dtype=DTYPE,
        descr=DESCR,
        flags=FLAGS,
        plain=PLAIN,
        rank=RANK,
        ndim=NDIM,
        sizes_at=SIZES_AT,
        sizes=SIZES,
        bytes=BYTES,
        ranges=RANGES,
        ranges_at=RANGES_AT,
        held=HELD,
        held_at=HELD_AT,
        table=TABLE,
        team=TEAM,
    )


def _address(function: Any) -> int:
    """Return the address of one of CPython's functions."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
