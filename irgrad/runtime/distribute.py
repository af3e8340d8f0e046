"""An array of floats as nested lists, by machine code that is written for their structure.

The other way round than ``collect``: the gradient by a model over numbers of Python is hundreds of
floats in lists, which take longer to make in Python than the gradient takes to compute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.runtime.collect import planned
from irgrad.runtime.front import builtin

_DATA_OFFSET = object.__basicsize__
"""Where an array of NumPy holds the address of its elements: PyArrayObject in ndarraytypes.h."""

_TEXT = f"""\
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyFloat_FromDouble(double)
declare void @Py_DecRef(ptr)

define internal ptr @distribute(ptr %plan, ptr %in) {{
  %step_at = load ptr, ptr %plan
  %step = load i64, ptr %step_at
  %next_step = getelementptr i64, ptr %step_at, i64 1
  store ptr %next_step, ptr %plan
  %is_number = icmp slt i64 %step, 0
  br i1 %is_number, label %number, label %container
number:
  %cell = load ptr, ptr %in
  %value = load double, ptr %cell
  %next_cell = getelementptr double, ptr %cell, i64 1
  store ptr %next_cell, ptr %in
  %float = call ptr @PyFloat_FromDouble(double %value)
  ret ptr %float
container:
  %count = lshr i64 %step, 1
  %tupled = trunc i64 %step to i1
  br i1 %tupled, label %as_tuple, label %as_list
as_list:
  %list = call ptr @PyList_New(i64 %count)
  br label %made
as_tuple:
  %tuple = call ptr @PyTuple_New(i64 %count)
  br label %made
made:
  %object = phi ptr [ %list, %as_list ], [ %tuple, %as_tuple ]
  %is_made = icmp ne ptr %object, null
  br i1 %is_made, label %next, label %failed
next:
  %place = phi i64 [ 0, %made ], [ %following, %item ]
  %at_end = icmp eq i64 %place, %count
  br i1 %at_end, label %done, label %open
open:
  %child = call ptr @distribute(ptr %plan, ptr %in)
  %is_whole = icmp ne ptr %child, null
  br i1 %is_whole, label %set, label %broken
set:
  br i1 %tupled, label %set_in_tuple, label %set_in_list
set_in_list:
  call i32 @PyList_SetItem(ptr %object, i64 %place, ptr %child)
  br label %item
set_in_tuple:
  call i32 @PyTuple_SetItem(ptr %object, i64 %place, ptr %child)
  br label %item
item:
  %following = add i64 %place, 1
  br label %next
done:
  ret ptr %object
broken:
  call void @Py_DecRef(ptr %object)
  br label %failed
failed:
  ret ptr null
}}

define ptr @call(ptr %self, ptr %array) {{
  %plan = alloca ptr
  store ptr @steps, ptr %plan
  %data_at = getelementptr i8, ptr %array, i64 {_DATA_OFFSET}
  %data = load ptr, ptr %data_at
  %in = alloca ptr
  store ptr %data, ptr %in
  %whole = call ptr @distribute(ptr %plan, ptr %in)
  ret ptr %whole
}}
"""


def distributing(structure: Any) -> Callable[[np.ndarray], Any] | None:
    """Return a function from an array to nested lists and tuples of its elements as floats.

    ``structure`` is the pytree that they are to be. The array is contiguous, of float64, and has as
    many elements as there are leaves: nothing is checked. None where the pytree has other
    containers, or this Python has no such interface.
    """
    steps = planned(structure) if sys.implementation.name == "cpython" else None
    if steps is None:
        return None
    plan = ", ".join(f"i64 {step}" for step in steps)
    constant = f"@steps = internal constant [{len(steps)} x i64] [{plan}]\n"
    return builtin("distribute", constant + _TEXT)


__all__ = ["distributing"]
