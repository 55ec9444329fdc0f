"""The native half of a direct call -> a C function that Python calls with arrays and numbers.

Written in LLVM's language; compiled by llvmlite in a few milliseconds, without Numba, and kept.
"""

from __future__ import annotations

import ctypes
from dataclasses import asdict
from functools import cache

from gradc.runtime import direct_facts as facts
from gradc.runtime import result_code
from gradc.runtime.own_code import compiled, places

_TEXT = """
; Make the results, put what is given into the table of addresses, run the step. Return the results,
; or what the facts say where something given is not as they say (then nothing has run) or the step
; failed, or null with Python's error set.
define ptr @call(ptr %self, ptr %given, i64 %count) {{
  %facts_at = getelementptr i8, ptr %self, i64 {content}
  %facts = load ptr, ptr %facts_at
  %count_at = getelementptr i64, ptr %facts, i64 {count}
  %expected = load i64, ptr %count_at
  %complete = icmp eq i64 %count, %expected
  br i1 %complete, label %make, label %otherwise
make:
  %results = call ptr @make_results(ptr %facts, ptr %given)
  %failed = icmp eq ptr %results, null
  br i1 %failed, label %done, label %bind
bind:
  %bound = call i1 @bind(ptr %facts, ptr %given, i64 %count)
  br i1 %bound, label %place, label %drop
place:
  call void @place_results(ptr %facts, ptr %results)
  %step = load ptr, ptr %facts
  %bound_only = icmp eq ptr %step, null
  br i1 %bound_only, label %ran, label %run
run:
  %table_at = getelementptr i64, ptr %facts, i64 {table}
  %table = load ptr, ptr %table_at
  %team_at = getelementptr i64, ptr %facts, i64 {team}
  %team = load ptr, ptr %team_at
  %returned = call i32 %step(ptr %table, ptr %team)
  %good = icmp eq i32 %returned, 0
  br i1 %good, label %ran, label %drop
ran:
  call void @count_changes(ptr %facts)
  br label %done
drop:
  call void @let_go(ptr %results)
  br label %otherwise
otherwise:
  %otherwise_at = getelementptr i64, ptr %facts, i64 {otherwise}
  %other = load ptr, ptr %otherwise_at
  call void @hold(ptr %other)
  br label %done
done:
  %answer = phi ptr [%results, %make], [%results, %ran], [%other, %otherwise]
  ret ptr %answer
}}

; Return whether everything is as the facts say; put addresses and numbers into their places.
define internal i1 @bind(ptr %facts, ptr %given, i64 %count) {{
start:
  br label %next

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
  %convertible = icmp eq i64 %kind, {float}
  br i1 %convertible, label %convert, label %miss
convert:
  %to_double = load ptr, ptr {to_double}
  %converted = call double %to_double(ptr %object)
  store double %converted, ptr %place
  %occurred = load ptr, ptr {error_occurred}
  %error = call ptr %occurred()
  %fine = icmp eq ptr %error, null
  br i1 %fine, label %done, label %refused
refused:
  %clear_error = load ptr, ptr {error_clear}
  call void %clear_error()
  br label %miss
choose:
  switch i64 %kind, label %miss [ i64 {array} , label %array
                                  i64 {number}, label %number
                                  i64 {float}, label %float
                                  i64 {result}, label %done ]
number:
  store ptr %inside, ptr %place
  br label %done
float:
  %double = load double, ptr %inside
  store double %double, ptr %place
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
  br i1 %held_left, label %counted, label %well
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

well:
  ret i1 true
miss:
  ret i1 false
}}
"""


@cache
def call_address(layout: facts.Layout) -> int:
    """Return the address of the function, compiled once per process; it is never freed."""
    names = {name.lower(): value for name, value in vars(facts).items() if name.isupper()}
    where = asdict(layout)
    addresses = _functions() | {name: where.pop(name) for name in ("tensor", "storage", "numbers")}
    text = (_TEXT + result_code.TEXT).format(**names, **where, **places(addresses))
    return compiled(text, 2, addresses)("call")


def _functions() -> dict[str, int]:
    """Return the addresses of CPython's functions and objects that the text names."""
    python = ctypes.pythonapi
    functions = {
        "to_double": python.PyFloat_AsDouble,
        "error_occurred": python.PyErr_Occurred,
        "error_clear": python.PyErr_Clear,
        "new_tuple": python.PyTuple_New,
        "new_object": python.PyType_GenericAlloc,
        "next_of": python.PyIter_Next,
        "to_int": python.PyLong_AsLongLong,
        "from_int": python.PyLong_FromLongLong,
        "hold": python.Py_IncRef,
        "let_go": python.Py_DecRef,
    }
    found = {name: ctypes.cast(f, ctypes.c_void_p).value or 0 for name, f in functions.items()}
    return {**found, "new_array": result_code.new_array(), "none": id(None), "zero": id(0)}
