"""Functions whose results are as long as the numbers will have it: refused, with what to write."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ops.registry import refuse

_REMEDIES: dict[Any, str] = {
    np.unique: "sort instead, x = np.sort(x), and compare neighbours: x[1:] != x[:-1]",
    np.unique_all: "sort instead, and compare neighbours: x[1:] != x[:-1]",
    np.unique_counts: "count by np.bincount(x, minlength=n), or by np.histogram",
    np.unique_inverse: "sort instead, and compare neighbours: x[1:] != x[:-1]",
    np.unique_values: "sort instead, and compare neighbours: x[1:] != x[:-1]",
    np.union1d: "keep both, np.concatenate([x, y]), and ask np.isin(y, x) which are there twice",
    np.intersect1d: "ask np.isin(x, y), which has the shape of x",
    np.setdiff1d: "ask ~np.isin(x, y), which has the shape of x",
    np.setxor1d: "ask np.isin(x, y) and np.isin(y, x)",
    np.trim_zeros: "slice by known sizes",
}


for _function, _remedy in _REMEDIES.items():
    refuse(
        _function,
        "the number of results is only known when the compiled function runs",
        f"keep the shape: {_remedy}",
    )
