"""SciPy's own functions on traced values: an error at the user's line that names the drop-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.special
import scipy.stats

import irgrad
from irgrad.errors import ConcreteValueError, UnsupportedCallError

CALLS: dict[str, Callable[[Any], Any]] = {
    "special's softmax": lambda x: scipy.special.softmax(x)[0],
    "special's logsumexp": lambda x: scipy.special.logsumexp(x),
    "special's polygamma": lambda x: scipy.special.polygamma(1, x)[0],
    "special's comb": lambda x: scipy.special.comb(x[0], 2),
    "stats's logpdf": lambda x: scipy.stats.norm.logpdf(0.3, loc=x[0]),
    "stats's cdf": lambda x: scipy.stats.gamma.cdf(x, 2.0)[0],
    "signal's convolve": lambda x: scipy.signal.convolve(x, x)[0],
    "interpolate's CubicSpline": lambda x: scipy.interpolate.CubicSpline(np.arange(5.0), x)(0.5),
    "ndimage's convolve1d": lambda x: scipy.ndimage.convolve1d(x, [1.0, 2.0, 1.0])[0],
    "linalg's cho_solve": lambda x: scipy.linalg.cho_solve((np.eye(5), True), x)[0],
}


@pytest.mark.parametrize("name", CALLS)
def test_the_drop_in_is_named(name: str) -> None:
    with pytest.raises(ConcreteValueError) as caught:
        irgrad.grad(CALLS[name])(np.arange(1.0, 6.0))
    part, function = name.split("'s ")
    message = str(caught.value)
    assert f"irgrad.scipy.{part}" in message
    assert function in message
    assert caught.value.location is not None
    assert caught.value.location.filename == __file__


def test_a_ufunc_without_a_rule_is_named_as_scipys() -> None:
    with pytest.raises(UnsupportedCallError, match=r"scipy\.special\.hyp0f1 is not supported"):
        irgrad.grad(lambda x: scipy.special.hyp0f1(1.0, x))(0.5)
