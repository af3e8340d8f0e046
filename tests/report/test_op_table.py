"""The page of ops says what the registry says."""

from __future__ import annotations

from pathlib import Path

import scipy.special

import irgrad
from irgrad.ops import OPS
from irgrad.report.op_table import op_table

PAGE = Path(__file__).parents[2] / "docs" / "ops.md"


def test_the_page_is_the_registry(update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(op_table(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == op_table()


def test_every_op_without_a_derivative_says_why() -> None:
    for op in OPS.values():
        assert op.partials or op.pullback or op.nondifferentiable, op.name


def test_a_call_of_scipy_does_not_change_the_page() -> None:
    before = op_table()
    irgrad.compile(lambda x: scipy.special.gammaln(x), jit=False)(1.5)
    assert op_table() == before
