"""Nested lists of floats as one array, by machine code that is written for their structure.

Models over numbers of Python hold hundreds of floats; to look at each in Python takes longer than
the network that they are the weights of. Like ``front``, this is a function of CPython's C
interface, in LLVM's text, which holds the structure as a constant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from irgrad.runtime.front import TYPE_OFFSET, builtin

LEAST = 16
"""So many floats are worth machine code of their own."""
_NUMBER = -1

_TEXT = f"""\
declare ptr @PyByteArray_FromStringAndSize(ptr, i64)
declare ptr @PyByteArray_AsString(ptr)
declare i64 @PyList_Size(ptr)
declare ptr @PyList_GetItem(ptr, i64)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare double @PyFloat_AsDouble(ptr)
declare void @PyErr_SetNone(ptr)
declare void @Py_DecRef(ptr)

define internal i1 @collect(ptr %object, ptr %plan, ptr %out) {{
  %step_at = load ptr, ptr %plan
  %step = load i64, ptr %step_at
  %next_step = getelementptr i64, ptr %step_at, i64 1
  store ptr %next_step, ptr %plan
  %type_at = getelementptr i8, ptr %object, i64 {TYPE_OFFSET}
  %type = load ptr, ptr %type_at
  %is_number = icmp slt i64 %step, 0
  br i1 %is_number, label %number, label %container
number:
  %is_float = icmp eq ptr %type, inttoptr (i64 {id(float)} to ptr)
  br i1 %is_float, label %float, label %other
float:
  %value = call double @PyFloat_AsDouble(ptr %object)
  %cell = load ptr, ptr %out
  store double %value, ptr %cell
  %next_cell = getelementptr double, ptr %cell, i64 1
  store ptr %next_cell, ptr %out
  ret i1 true
container:
  %count = lshr i64 %step, 1
  %tupled = trunc i64 %step to i1
  br i1 %tupled, label %as_tuple, label %as_list
as_list:
  %is_list = icmp eq ptr %type, inttoptr (i64 {id(list)} to ptr)
  br i1 %is_list, label %list, label %other
list:
  %list_size = call i64 @PyList_Size(ptr %object)
  br label %sized
as_tuple:
  %is_tuple = icmp eq ptr %type, inttoptr (i64 {id(tuple)} to ptr)
  br i1 %is_tuple, label %tuple, label %other
tuple:
  %tuple_size = call i64 @PyTuple_Size(ptr %object)
  br label %sized
sized:
  %size = phi i64 [ %list_size, %list ], [ %tuple_size, %tuple ]
  %as_planned = icmp eq i64 %size, %count
  br i1 %as_planned, label %next, label %other
next:
  %place = phi i64 [ 0, %sized ], [ %following, %item ]
  %at_end = icmp eq i64 %place, %count
  br i1 %at_end, label %done, label %open
open:
  br i1 %tupled, label %tuple_item, label %list_item
list_item:
  %of_list = call ptr @PyList_GetItem(ptr %object, i64 %place)
  br label %item_found
tuple_item:
  %of_tuple = call ptr @PyTuple_GetItem(ptr %object, i64 %place)
  br label %item_found
item_found:
  %child = phi ptr [ %of_list, %list_item ], [ %of_tuple, %tuple_item ]
  %collected = call i1 @collect(ptr %child, ptr %plan, ptr %out)
  br i1 %collected, label %item, label %other
item:
  %following = add i64 %place, 1
  br label %next
done:
  ret i1 true
other:
  ret i1 false
}}

define ptr @call(ptr %self, ptr %object) {{
  %bytes = call ptr @PyByteArray_FromStringAndSize(ptr null, i64 BYTES)
  %made = icmp ne ptr %bytes, null
  br i1 %made, label %fill, label %failed
fill:
  %data = call ptr @PyByteArray_AsString(ptr %bytes)
  %plan = alloca ptr
  store ptr @steps, ptr %plan
  %out = alloca ptr
  store ptr %data, ptr %out
  %collected = call i1 @collect(ptr %object, ptr %plan, ptr %out)
  br i1 %collected, label %done, label %other
done:
  ret ptr %bytes
other:
  call void @Py_DecRef(ptr %bytes)
  call void @PyErr_SetNone(ptr inttoptr (i64 {id(LookupError)} to ptr))
  br label %failed
failed:
  ret ptr null
}}
"""


def collecting(structure: Any) -> Callable[[Any], bytearray] | None:
    """Return a function from nested lists and tuples of floats to the bytes of their numbers.

    ``structure`` is the pytree that they are; the function raises LookupError for others, and for
    leaves that are no floats. None where the pytree has other containers, or this Python has no
    such interface.
    """
    steps = planned(structure) if sys.implementation.name == "cpython" else None
    if steps is None:
        return None
    plan = ", ".join(f"i64 {step}" for step in steps)
    constant = f"@steps = internal constant [{len(steps)} x i64] [{plan}]\n"
    text = constant + _TEXT.replace("BYTES", str(8 * structure.num_leaves))
    return builtin("collect", text)


def planned(structure: Any) -> list[int] | None:
    """Return the steps that take nested lists and tuples apart; None for other containers.

    A negative step is a number; the others are twice the length of a container, one more if it is
    a tuple.
    """
    steps: list[int] = []
    return steps if _planned(structure, steps) else None


def _planned(structure: Any, steps: list[int]) -> bool:
    """Add the steps that take a pytree apart; recursion as deep as the nesting."""
    kind = structure.type
    if kind is None and structure.num_leaves:
        steps.append(_NUMBER)
        return True
    if kind not in (list, tuple):
        return False
    steps.append(2 * structure.num_children + (kind is tuple))
    return all(_planned(child, steps) for child in structure.children())
