"""Calls without a frame of Python's: functions in machine code in front of compiled ones.

Between the user and a compiled function something must see whether these are arguments for it, and
give the results the user's structure and NumPy's types. As a function of Python that takes as long
as a small gradient. Here it is a function of CPython's C interface, assembled as LLVM's text for
each form of call: how many arguments, and how the results are put together. What it meets (types,
the compiled function, what to call instead) it finds in the tuple that it is bound to, so all
calls of one form share one function.

Reference: The Python/C API Reference Manual, "Call Protocol" and "Common Object Structures".
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_POINTER = ctypes.sizeof(ctypes.c_void_p)
TYPE_OFFSET = object.__basicsize__ - _POINTER
"""Where an object holds its type: last in the head that all objects begin with."""
_ITEMS_OFFSET = tuple.__basicsize__
"""Where a tuple holds its items: behind the fields that all tuples have."""
_KEYWORDS = 0x0001 | 0x0002
"""METH_VARARGS | METH_KEYWORDS"""
_ONE = 0x0008
"""METH_O"""

REFUSALS = (TypeError, ValueError, LookupError)
"""What says that arguments are not those that a function was compiled for."""

_DECLARATIONS = """\
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_New(i64)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare ptr @PyDict_New()
declare i64 @PyDict_Size(ptr)
declare ptr @PyDict_GetItem(ptr, ptr)
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyObject_Call(ptr, ptr, ptr)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare i32 @PyErr_ExceptionMatches(ptr)
declare void @PyErr_Clear()
"""


_FLOAT64 = np.dtype(np.float64)
_SCALAR = 60
"""Where NumPy's C interface has PyArray_Scalar: numpy/__multiarray_api.h."""


@functools.cache
def _as_float64() -> str:
    """Return the function that makes a np.float64 of a number: of a float from its bits, at once.

    A Python float holds them behind the head of all objects.
    """
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer: Any = prototype(("PyCapsule_GetPointer", ctypes.pythonapi))
    # As import_array() in NumPy's C interface finds it.
    module: Any = importlib.import_module("numpy._core._multiarray_umath")
    table = ctypes.cast(pointer(module._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    return f"""\
define internal ptr @as_float64(ptr %kind, ptr %float, ptr %dtype, ptr %number) {{
  %type_at = getelementptr i8, ptr %number, i64 {TYPE_OFFSET}
  %type = load ptr, ptr %type_at
  %is_float = icmp eq ptr %type, %float
  br i1 %is_float, label %bits, label %other
bits:
  %double = getelementptr i8, ptr %number, i64 {object.__basicsize__}
  %scalar_of = inttoptr i64 {table[_SCALAR]} to ptr
  %scalar = call ptr %scalar_of(ptr %double, ptr %dtype, ptr null)
  ret ptr %scalar
other:
  %converted = call ptr @PyObject_CallOneArg(ptr %kind, ptr %number)
  ret ptr %converted
}}
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One result of the compiled function, or the only one, which ``kind``, if any, is given."""

    place: int | None
    kind: type | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A tuple, list or dict of results; ``keys`` are a dict's."""

    kind: type
    children: tuple[Container | Part, ...]
    keys: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """What an array is that compiled code takes as it is: contiguous, aligned and writeable too."""

    dtype: np.dtype
    rank: int


# Where an array holds what it is: PyArrayObject_fields in NumPy's ndarraytypes.h.
_RANK_OFFSET = object.__basicsize__ + _POINTER
_DTYPE_OFFSET = object.__basicsize__ + 5 * _POINTER
_FLAGS_OFFSET = object.__basicsize__ + 6 * _POINTER
_FLAGS = 0x0001 | 0x0100 | 0x0400
"""NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE"""


@functools.cache
def layouts_are_known() -> bool:
    """Tell whether arrays hold what they are where it is looked for, by one that is known."""
    if sys.implementation.name != "cpython":
        return False
    for array in (np.zeros((2, 3, 1)), np.zeros((2, 3), np.float32).T):
        flags = ctypes.c_int.from_address(id(array) + _FLAGS_OFFSET).value
        whole = flags & _FLAGS == _FLAGS
        if (
            ctypes.c_int.from_address(id(array) + _RANK_OFFSET).value != array.ndim
            or ctypes.c_void_p.from_address(id(array) + _DTYPE_OFFSET).value != id(array.dtype)
            or whole != array.flags.c_contiguous
        ):
            return False
    return True


Results = Container | Part | None
"""How results are put together from a tuple; None: as they come."""


def front(
    name: str,
    doc: str | None,
    types: Sequence[type],
    run: Callable[..., Any],
    results: Results,
    others: Callable[..., Any],
    refused: Callable[..., Any],
    layouts: Sequence[Layout | None] = (),
    entries: Sequence[tuple[dict[str, Any], str, Any]] = (),
) -> Callable[..., Any] | None:
    """Return a function that runs ``run`` on arguments of exactly these ``types``.

    ``name`` and ``doc`` are what it is called, and its docstring. It calls ``others`` with
    arguments of other types and with keywords, and ``refused`` where ``run`` raises one of
    ``REFUSALS``. ``layouts``, one for each argument if any, are what arrays among them must be
    besides; with others it calls ``others`` too, and where one of the ``entries`` of dicts (a dict,
    a key, an object) is another object by now. None where this Python has no such interface.
    """
    if sys.implementation.name != "cpython":
        return None
    bound: list[Any] = [run, others, refused, REFUSALS, *types]
    assembly = _Assembly(len(types), bound, layouts, entries)
    code = _machine_code(assembly.function(results))
    text = f"{name}($self, /, *args, **kwargs)\n--\n\n{doc or ''}"
    return _function(name, text, code, _KEYWORDS, bound)


def builtin(name: str, text: str) -> Callable[[Any], Any]:
    """Return the function of one argument that ``call`` in LLVM's ``text`` is: METH_O."""
    return _function(name, "", _machine_code(text), _ONE, [])


def _function(name: str, doc: str, code: _Code, flags: int, bound: list[Any]) -> Callable[..., Any]:
    keep = (code, _Definition(name.encode(), code.address, flags, doc.encode()))
    prototype = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    )
    new: Any = prototype(("PyCFunction_NewEx", ctypes.pythonapi))
    made: Callable[..., Any] = new(ctypes.addressof(keep[1]), (*bound, keep), None)
    return made


class _Definition(ctypes.Structure):
    """The structure PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Assembly:
    """Write the function of one form of call; ``bound`` gains the objects that it meets."""

    def __init__(
        self,
        arguments: int,
        bound: list[Any],
        layouts: Sequence[Layout | None],
        entries: Sequence[tuple[dict[str, Any], str, Any]],
    ) -> None:
        self._arguments = arguments
        self._bound = bound
        self._layouts = layouts
        self._entries = entries
        self._lines: list[str] = []
        self._count = 0

    def function(self, results: Results) -> str:
        """Return the whole text."""
        self._check_arguments()
        run = self._object(0)
        result = self._value(f"call ptr @PyObject_Call(ptr {run}, ptr %arguments, ptr null)")
        self._branch(f"icmp ne ptr {result}, null", otherwise="%failed")
        if results is None:
            self._add(f"ret ptr {result}")
        else:
            self._put_together(results, result)
            self._add(f"call void @Py_DecRef(ptr {result})")
            self._add("ret ptr %made")
            self._give_up(result)
        self._fail()
        self._turn_to("others", 1)
        self._turn_to("refused", 2)
        head = "define ptr @call(ptr %self, ptr %arguments, ptr %keywords) {\n"
        return _DECLARATIONS + _as_float64() + head + "\n".join(self._lines) + "\n}\n"

    def _check_arguments(self) -> None:
        self._branch("icmp eq ptr %keywords, null", otherwise="%named")
        self._add("br label %unnamed")
        self._label("named")
        number = self._value("call i64 @PyDict_Size(ptr %keywords)")
        self._branch(f"icmp eq i64 {number}, 0", otherwise="%others")
        self._add("br label %unnamed")
        self._label("unnamed")
        count = self._value("call i64 @PyTuple_Size(ptr %arguments)")
        self._branch(f"icmp eq i64 {count}, {self._arguments}", otherwise="%others")
        for place in range(self._arguments):
            argument = self._item("%arguments", place)
            type = self._load(argument, TYPE_OFFSET)
            wanted = self._object(4 + place)
            self._branch(f"icmp eq ptr {type}, {wanted}", otherwise="%others")
        for place, layout in enumerate(self._layouts):
            if layout is not None:
                self._check_array(self._item("%arguments", place), layout)
        for entry in self._entries:
            scope, key, value = (self._object(self._bind(part)) for part in entry)
            now = self._value(f"call ptr @PyDict_GetItem(ptr {scope}, ptr {key})")
            self._branch(f"icmp eq ptr {now}, {value}", otherwise="%others")

    def _check_array(self, array: str, layout: Layout) -> None:
        rank = self._value(f"load i32, ptr {self._at(array, _RANK_OFFSET)}")
        self._branch(f"icmp eq i32 {rank}, {layout.rank}", otherwise="%others")
        dtype = self._object(self._bind(layout.dtype))
        own = self._load(array, _DTYPE_OFFSET)
        self._branch(f"icmp eq ptr {own}, {dtype}", otherwise="%others")
        flags = self._value(f"load i32, ptr {self._at(array, _FLAGS_OFFSET)}")
        set = self._value(f"and i32 {flags}, {_FLAGS}")
        self._branch(f"icmp eq i32 {set}, {_FLAGS}", otherwise="%others")

    def _put_together(self, results: Container | Part, result: str) -> None:
        """Make the results; whatever is made is at once put into ``%made``, which owns it."""
        self._add(f"%made = {self._begun(results, result)}")
        self._branch("icmp ne ptr %made, null", otherwise="%none")
        if isinstance(results, Container):
            self._fill("%made", results, result)

    def _fill(self, container: str, results: Container, result: str) -> None:
        """Fill a container; recursion as deep as the user's nesting."""
        for place, child in enumerate(results.children):
            value = self._value(self._begun(child, result))
            self._branch(f"icmp ne ptr {value}, null", otherwise="%broken")
            if results.kind is dict:
                key = self._object(self._bind(results.keys[place]))
                put = f"call i32 @PyDict_SetItem(ptr {container}, ptr {key}, ptr {value})"
                status = self._value(put)
                self._add(f"call void @Py_DecRef(ptr {value})")  # the dict has its own reference
                self._branch(f"icmp eq i32 {status}, 0", otherwise="%broken")
            elif results.kind is list:  # takes the reference
                self._value(f"call i32 @PyList_SetItem(ptr {container}, i64 {place}, ptr {value})")
            else:
                where = self._at(container, _ITEMS_OFFSET + place * _POINTER)
                self._add(f"store ptr {value}, ptr {where}")
            if isinstance(child, Container):
                self._fill(value, child, result)

    def _begun(self, part: Container | Part, result: str) -> str:
        """Return the instruction that makes a new reference: an empty container, a part."""
        if isinstance(part, Container):
            if part.kind is dict:
                return "call ptr @PyDict_New()"
            kind = "List" if part.kind is list else "Tuple"
            return f"call ptr @Py{kind}_New(i64 {len(part.children)})"
        item = result if part.place is None else self._item(result, part.place)
        if part.kind is None:
            self._add(f"call void @Py_IncRef(ptr {item})")
            return f"getelementptr i8, ptr {item}, i64 0"
        conversion = self._object(self._bind(part.kind))
        if part.kind is np.float64:
            kinds = [self._object(self._bind(kind)) for kind in (float, _FLOAT64)]
            operands = ", ".join(f"ptr {operand}" for operand in (conversion, *kinds, item))
            return f"call ptr @as_float64({operands})"
        return f"call ptr @PyObject_CallOneArg(ptr {conversion}, ptr {item})"

    def _give_up(self, result: str) -> None:
        """Add what happens where a part can't be made, for want of memory."""
        self._label("broken")
        self._add("call void @Py_DecRef(ptr %made)")
        self._add("br label %none")
        self._label("none")
        self._add(f"call void @Py_DecRef(ptr {result})")
        self._add("ret ptr null")

    def _fail(self) -> None:
        """Add what happens where ``run`` raises."""
        self._label("failed")
        errors = self._object(3)
        matches = self._value(f"call i32 @PyErr_ExceptionMatches(ptr {errors})")
        self._branch(f"icmp ne i32 {matches}, 0", otherwise="%raised")
        self._add("call void @PyErr_Clear()")
        self._add("br label %refused")
        self._label("raised")
        self._add("ret ptr null")

    def _turn_to(self, label: str, place: int) -> None:
        self._label(label)
        other = self._object(place)
        call = f"call ptr @PyObject_Call(ptr {other}, ptr %arguments, ptr %keywords)"
        self._add(f"ret ptr {self._value(call)}")

    def _bind(self, value: Any) -> int:
        self._bound.append(value)
        return len(self._bound) - 1

    def _object(self, place: int) -> str:
        return self._item("%self", place)

    def _item(self, items: str, place: int) -> str:
        return self._load(items, _ITEMS_OFFSET + place * _POINTER)

    def _load(self, pointer: str, offset: int) -> str:
        return self._value(f"load ptr, ptr {self._at(pointer, offset)}")

    def _at(self, pointer: str, offset: int) -> str:
        return self._value(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def _value(self, instruction: str) -> str:
        self._count += 1
        self._add(f"%v{self._count} = {instruction}")
        return f"%v{self._count}"

    def _branch(self, condition: str, *, otherwise: str) -> None:
        """Go on where a condition holds."""
        truth = self._value(condition)
        self._count += 1
        label = f"on{self._count}"
        self._add(f"br i1 {truth}, label %{label}, label {otherwise}")
        self._label(label)

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:")

    def _add(self, line: str) -> None:
        self._lines.append(f"  {line}")


@dataclass(frozen=True, eq=False)
class _Code:
    """Machine code and what owns it."""

    engine: Any
    address: int


_known: dict[str, _Code] = {}
_assembling = threading.Lock()


def _machine_code(text: str) -> _Code:
    """Return the machine code of a function of LLVM's; the same text is assembled once."""
    from llvmlite import binding

    with _assembling:
        code = _known.get(text)
        if code is None:
            binding.initialize_native_target()
            binding.initialize_native_asmprinter()
            target: Any = binding.Target.from_default_triple()
            machine = target.create_target_machine(opt=1, codemodel="jitdefault", jit=True)
            module = binding.parse_assembly(text)
            engine: Any = binding.create_mcjit_compiler(module, machine)
            engine.finalize_object()
            code = _known[text] = _Code(engine, engine.get_function_address("call"))
        return code
