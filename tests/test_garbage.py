"""Full collections are put off while a function is derived, and only then."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest

import irgrad
from irgrad.garbage import full_collections_put_off


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def full_collections() -> int:
    return int(gc.get_stats()[2]["collections"])


def test_no_full_collection_begins_inside_and_the_young_are_collected() -> None:
    gc.set_threshold(10, 1, 1)
    with full_collections_put_off():
        full, young = full_collections(), gc.get_stats()[0]["collections"]
        kept = [[] for _ in range(250_000)]
        assert full_collections() == full
        assert gc.get_stats()[0]["collections"] > young
    assert gc.get_threshold() == (10, 1, 1)
    assert len(kept) == 250_000


def test_none_is_due_with_the_first_objects_afterwards() -> None:
    gc.set_threshold(700, 10, 10)
    with full_collections_put_off():
        kept = [[] for _ in range(250_000)]
        assert any(gc.get_count()[1:])
    assert gc.get_count()[1:] == (0, 0)
    assert len(kept) == 250_000


def test_what_others_have_frozen_stays_so() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with full_collections_put_off():
            kept = [[] for _ in range(100)]
        assert gc.get_freeze_count() > frozen / 2  # but for some that are gone
        assert len(kept) == 100
    finally:
        gc.unfreeze()


def test_who_collects_nothing_at_all_goes_on_so() -> None:
    gc.set_threshold(0, 10, 10)
    with full_collections_put_off():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold() == (0, 10, 10)


def test_blocks_that_overlap_leave_what_was_set_before_the_first() -> None:
    gc.set_threshold(700, 10, 9)
    first, second = full_collections_put_off(), full_collections_put_off()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[2] > 9
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 9)


def test_what_is_set_inside_stays() -> None:
    with full_collections_put_off():
        gc.set_threshold(300, 5, 4)
    assert gc.get_threshold() == (300, 5, 4)


def test_an_error_while_tracing_gives_collections_back() -> None:
    before = gc.get_threshold()

    def broken(x: np.ndarray) -> np.ndarray:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        irgrad.compile(broken).lower(np.ones(3))
    assert gc.get_threshold() == before
