"""Bits of whole numbers: counted, packed and unpacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from irgrad.errors import UnsupportedCallError
from tests.ops.contracts import assert_like_numpy, evaluated

FLAGS = np.random.default_rng(3).integers(0, 3, (3, 11))
BYTES = np.random.default_rng(4).integers(0, 256, (3, 5)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_bits_are_counted_in_the_absolute_value(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    x = np.array([limits.min, limits.max, 0, 1, limits.max // 3], dtype)
    assert_like_numpy(np.bitwise_count, x, derivatives=False)


def test_truth_values_have_one_bit_at_most() -> None:
    assert_like_numpy(np.bitwise_count, FLAGS > 0, derivatives=False)


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_packing(axis: int | None, order: Any) -> None:
    assert_like_numpy(
        lambda x: np.packbits(x, axis=axis, bitorder=order), FLAGS, derivatives=False
    )
    for count in (None, 3, -2, 50):
        assert_like_numpy(
            lambda x, n=count: np.unpackbits(x, axis=axis, count=n, bitorder=order),
            BYTES, derivatives=False,
        )  # fmt: skip


def test_what_is_refused() -> None:
    numbers = np.array([0.5, 2.0])
    for function, words in (
        (np.bitwise_count, "whole numbers"),
        (np.unpackbits, "uint8"),
        (lambda x: np.packbits(x > 1, bitorder="odd"), "'big' or 'little'"),
    ):
        with pytest.raises(UnsupportedCallError, match=words):
            evaluated(function, [numbers], symbolic=False)
