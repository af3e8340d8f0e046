"""The results as a figure: times over the hand-written one's, problem by problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw(rows: Sequence[dict[str, Any]], caption: str, path: Path) -> None:
    """Draw the outcomes, as ``suite.as_json`` gives them, into an image or PDF.

    A dot is the median ratio over the rounds, a bar from quartile to quartile. Needs matplotlib.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in rows if any("ratio" in figures for figures in _figures(row).values())]
    names = list(dict.fromkeys(name for row in rows for name in _figures(row)))
    figure, axes = pyplot.subplots(figsize=(9.0, 1.5 + 0.42 * len(rows)), layout="constrained")
    colours = pyplot.get_cmap("tab10")
    step = 0.7 / max(len(names), 1)
    for number, name in enumerate(names):
        places, middles, below, above = [], [], [], []
        for place, row in enumerate(rows):
            figures = _figures(row).get(name, {})
            if "ratio" in figures:
                places.append(place + step * (number - (len(names) - 1) / 2))
                middles.append(figures["ratio"])
                below.append(figures["ratio"] - figures["ratio_low"])
                above.append(figures["ratio_high"] - figures["ratio"])
        colour = colours(number % 10)
        face = colour if number < 10 else "white"
        axes.errorbar(
            middles, places, xerr=(below, above), fmt="o", markersize=4, label=name, color=colour,
            markerfacecolor=face,
        )  # fmt: skip
    axes.axvline(1.0, color="0.4", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xlabel("time of value and gradient over hand-written numba's (less is faster)")
    axes.set_yticks(range(len(rows)), [f"{row['problem']} {row['size']:,}" for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title(caption, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _figures(row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the contenders that give value and gradient, the reference itself left out."""
    return {
        name: figures
        for name, figures in row["contenders"].items()
        if not name.endswith(" value") and name != "handwritten"
    }
