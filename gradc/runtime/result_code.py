"""Facts of a program -> LLVM text of the functions that make the tensors it returns.

A result is three objects: an ndarray, a storage that holds it, a tensor that holds both. They are
made before anything is placed, because making an object may run a destructor written in Python.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy._core import multiarray

TEXT = """
; Return a tuple of new tensors, or null with Python's error set.
define internal ptr @make_results(ptr %facts, ptr %given) {{
start:
  %count_at = getelementptr i64, ptr %facts, i64 {results}
  %count = load i64, ptr %count_at
  %given_at = getelementptr i64, ptr %facts, i64 {count}
  %first = load i64, ptr %given_at
  %new_tuple = load ptr, ptr {new_tuple}
  %tuple = call ptr %new_tuple(i64 %count)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %failed, label %next

next:
  %i = phi i64 [0, %start], [%i2, %kept]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %made
one:
  %number = add i64 %first, %i
  %offset = mul i64 %number, {record}
  %offset2 = add i64 %offset, {header}
  %record = getelementptr i64, ptr %facts, i64 %offset2
  %from = load i64, ptr %record
  %is_new = icmp eq i64 %from, {new}
  br i1 %is_new, label %fresh, label %taken
fresh:
  %type_at = getelementptr i64, ptr %record, i64 {type}
  %type = load ptr, ptr %type_at
  %descr_at = getelementptr i64, ptr %record, i64 {dtype}
  %descr = load ptr, ptr %descr_at
  %rank_at = getelementptr i64, ptr %record, i64 {rank}
  %rank = load i32, ptr %rank_at
  %sizes_at = getelementptr i64, ptr %record, i64 {sizes_at}
  %sizes = load ptr, ptr %sizes_at
  call void @hold(ptr %descr)
  %new_array = load ptr, ptr {new_array}
  %array1 = call ptr %new_array(
    ptr %type, ptr %descr, i32 %rank, ptr %sizes, ptr null, ptr null, i32 0, ptr null)
  %no_array = icmp eq ptr %array1, null
  br i1 %no_array, label %unmade, label %wrap
taken:
  %array2_at = getelementptr ptr, ptr %given, i64 %from
  %array2 = load ptr, ptr %array2_at
  call void @hold(ptr %array2)
  br label %wrap
wrap:
  %array = phi ptr [%array1, %fresh], [%array2, %taken]
  %name_at = getelementptr i64, ptr %record, i64 {name}
  %dtype = load ptr, ptr %name_at
  %tensor = call ptr @wrap(ptr %array, ptr %dtype)
  %no_tensor = icmp eq ptr %tensor, null
  br i1 %no_tensor, label %unmade, label %kept
kept:
  %entries = getelementptr i8, ptr %tuple, i64 {tuple_entries}
  %entry = getelementptr ptr, ptr %entries, i64 %i
  store ptr %tensor, ptr %entry
  %i2 = add i64 %i, 1
  br label %next

unmade:
  call void @let_go(ptr %tuple)
  br label %failed
made:
  ret ptr %tuple
failed:
  ret ptr null
}}

; Return a new tensor of an array, whose reference it takes over, or null.
define internal ptr @wrap(ptr %array, ptr %dtype) {{
  %new_object = load ptr, ptr {new_object}
  %next = load ptr, ptr {next_of}
  %none = load ptr, ptr {none}
  %zero = load ptr, ptr {zero}
  %storages = load ptr, ptr {storage}
  %storage = call ptr %new_object(ptr %storages, i64 0)
  %no_storage = icmp eq ptr %storage, null
  br i1 %no_storage, label %drop_array, label %fill
fill:
  %content = getelementptr i8, ptr %storage, i64 {storage_content}
  store ptr %array, ptr %content
  %place = getelementptr i8, ptr %storage, i64 {storage_place}
  store ptr %none, ptr %place
  call void @hold(ptr %none)
  %version = getelementptr i8, ptr %storage, i64 {storage_version}
  store ptr %zero, ptr %version
  call void @hold(ptr %zero)
  %changed = getelementptr i8, ptr %storage, i64 {storage_changed}
  store ptr %none, ptr %changed
  call void @hold(ptr %none)
  %numbers = load ptr, ptr {numbers}
  %number_ = call ptr %next(ptr %numbers)
  %number = getelementptr i8, ptr %storage, i64 {storage_number}
  store ptr %number_, ptr %number
  %no_number = icmp eq ptr %number_, null
  br i1 %no_number, label %drop_storage, label %numbered
numbered:
  %tensors = load ptr, ptr {tensor}
  %tensor = call ptr %new_object(ptr %tensors, i64 0)
  %no_tensor = icmp eq ptr %tensor, null
  br i1 %no_tensor, label %drop_storage, label %whole
whole:
  %own_storage = getelementptr i8, ptr %tensor, i64 {tensor_storage}
  store ptr %storage, ptr %own_storage
  %data = getelementptr i8, ptr %tensor, i64 {tensor_data}
  store ptr %array, ptr %data
  call void @hold(ptr %array)
  %own_dtype = getelementptr i8, ptr %tensor, i64 {tensor_dtype}
  store ptr %dtype, ptr %own_dtype
  call void @hold(ptr %dtype)
  ret ptr %tensor
drop_array:
  call void @let_go(ptr %array)
  ret ptr null
drop_storage:
  call void @let_go(ptr %storage)
  ret ptr null
}}

; Put the addresses of results into the table; runs no Python.
define internal void @place_results(ptr %facts, ptr %tuple) {{
start:
  %count_at = getelementptr i64, ptr %facts, i64 {results}
  %count = load i64, ptr %count_at
  %given_at = getelementptr i64, ptr %facts, i64 {count}
  %first = load i64, ptr %given_at
  %entries = getelementptr i8, ptr %tuple, i64 {tuple_entries}
  br label %next
next:
  %i = phi i64 [0, %start], [%i2, %one]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %placed
one:
  %entry = getelementptr ptr, ptr %entries, i64 %i
  %tensor = load ptr, ptr %entry
  %data = getelementptr i8, ptr %tensor, i64 {tensor_data}
  %array = load ptr, ptr %data
  %inside = getelementptr i8, ptr %array, i64 {content}
  %address = load ptr, ptr %inside
  %number = add i64 %first, %i
  %offset = mul i64 %number, {record}
  %offset2 = add i64 %offset, {header}
  %record = getelementptr i64, ptr %facts, i64 %offset2
  %place_at = getelementptr i64, ptr %record, i64 {place}
  %place = load ptr, ptr %place_at
  store ptr %address, ptr %place
  %i2 = add i64 %i, 1
  br label %next
placed:
  ret void
}}

; Count a change of each storage that the step writes into.
define internal void @count_changes(ptr %facts) {{
start:
  %count_at = getelementptr i64, ptr %facts, i64 {changed}
  %count = load i64, ptr %count_at
  %storages_p = getelementptr i64, ptr %facts, i64 {changed_at}
  %storages = load ptr, ptr %storages_p
  %to_int = load ptr, ptr {to_int}
  %from_int = load ptr, ptr {from_int}
  br label %next
next:
  %i = phi i64 [0, %start], [%i2, %one]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %counted
one:
  %storage_at = getelementptr ptr, ptr %storages, i64 %i
  %storage = load ptr, ptr %storage_at
  %version = getelementptr i8, ptr %storage, i64 {storage_version}
  %before = load ptr, ptr %version
  %number = call i64 %to_int(ptr %before)
  %number2 = add i64 %number, 1
  %after = call ptr %from_int(i64 %number2)
  store ptr %after, ptr %version
  call void @let_go(ptr %before)
  %i2 = add i64 %i, 1
  br label %next
counted:
  ret void
}}

define internal void @hold(ptr %object) {{
  %f = load ptr, ptr {hold}
  call void %f(ptr %object)
  ret void
}}

define internal void @let_go(ptr %object) {{
  %f = load ptr, ptr {let_go}
  call void %f(ptr %object)
  ret void
}}
"""

_NEW_ARRAY = 94  # PyArray_NewFromDescr in NumPy's table of functions, whose order is fixed
_ARRAY_CLASS = 2  # PyArray_Type in the same


def _array_functions() -> ctypes.Array[ctypes.c_int64]:
    """Return the beginning of NumPy's table of functions."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = pointer(multiarray._ARRAY_API, None)
    return (ctypes.c_int64 * (_NEW_ARRAY + 1)).from_address(table)


def makes_arrays() -> bool:
    """Return whether NumPy's table of functions is where and what it should be."""
    return _array_functions()[_ARRAY_CLASS] == id(np.ndarray)


def new_array() -> int:
    """Return the address of NumPy's function that makes an array."""
    return _array_functions()[_NEW_ARRAY]
