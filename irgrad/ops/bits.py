"""The bits of whole numbers: counted, packed into bytes and unpacked. None has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedCallError
from irgrad.ir import dims
from irgrad.ops.axes import dtype_of, normalized_axis, shape_of
from irgrad.ops.registry import spelling

_EVERY_OTHER = np.uint64(0x5555555555555555)
_PAIRS = np.uint64(0x3333333333333333)
_FOURS = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)


@spelling(np.bitwise_count)
def _bitwise_count(x: Any) -> Any:
    """Count the bits of the absolute value, adding neighbours up.

    Reference: Warren, Hacker's Delight, section 5-1.
    """
    if dtype_of(x).kind not in "iub":
        raise UnsupportedCallError(
            f"np.bitwise_count of {dtype_of(x)}", remedy="count the bits of whole numbers"
        )
    size = np.abs(x.astype(np.int64)) if dtype_of(x).kind == "i" else x
    wide = size.astype(np.uint64)
    pairs = wide - ((wide >> np.uint64(1)) & _EVERY_OTHER)
    fours = (pairs & _PAIRS) + ((pairs >> np.uint64(2)) & _PAIRS)
    eights = (fours + (fours >> np.uint64(4))) & _FOURS
    return ((eights * _BYTES) >> np.uint64(56)).astype(np.uint8)


def _places(bitorder: str, call: str) -> np.ndarray:
    if bitorder not in ("big", "little"):
        raise UnsupportedCallError(
            f"{call} with bitorder={bitorder!r}", remedy="use 'big' or 'little'"
        )
    places = np.arange(8, dtype=np.uint8)
    return places[::-1] if bitorder == "big" else places


@spelling(np.packbits)
def _packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Any:
    """Join each eight elements along an axis to a byte, zeros filling up the last one."""
    places = _places(bitorder, "np.packbits")
    flat = np.ravel(a) if axis is None else a
    number = normalized_axis(0 if axis is None else axis, len(shape_of(flat)))
    bits = np.moveaxis(flat, number, -1) != 0
    missing = -dims.concrete(shape_of(bits)[-1]) % 8
    filled: Any = np.pad(bits, [(0, 0)] * (len(shape_of(bits)) - 1) + [(0, missing)])
    grouped: Any = (*shape_of(bits)[:-1], -1, 8)
    groups = np.reshape(filled, grouped).astype(np.uint8)
    packed: Any = np.sum(groups << places, axis=-1, dtype=np.uint8)
    return np.moveaxis(packed, -1, number)


@spelling(np.unpackbits)
def _unpackbits(
    a: Any, /, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Any:
    """Take each byte along an axis apart; ``count`` bits of it, fewer where negative."""
    places = _places(bitorder, "np.unpackbits")
    if dtype_of(a) != np.uint8:
        raise UnsupportedCallError(
            f"np.unpackbits of {dtype_of(a)}", remedy="unpack bytes: x.astype(np.uint8)"
        )
    flat = np.ravel(a) if axis is None else a
    number = normalized_axis(0 if axis is None else axis, len(shape_of(flat)))
    rows = np.moveaxis(flat, number, -1)
    bits = (np.expand_dims(rows, -1) >> places) & np.uint8(1)
    whole: Any = (*shape_of(rows)[:-1], shape_of(rows)[-1] * 8)
    joined = np.reshape(bits, whole)
    if count is not None:
        size = dims.concrete(shape_of(joined)[-1])
        wanted = count if count >= 0 else size + count
        joined = joined[..., :wanted]
        if wanted > size:
            widths = [(0, 0)] * (len(shape_of(rows)) - 1) + [(0, wanted - size)]
            joined = np.pad(joined, widths)
    return np.moveaxis(joined, -1, number)
