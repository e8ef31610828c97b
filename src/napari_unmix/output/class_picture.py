"""The picture of a probe: how well classes are told apart, and which materials speak for each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_unmix.output.drawing import LIGHT, style
from napari_unmix.probing.evaluate import Probed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 150
_LONGEST = 28  # characters of a name
_LINE = 0.34  # inches, of a row


def probe_picture(rows: Sequence[Probed], classes: Sequence[str], form: str = "png") -> bytes:
    """Balanced accuracy with its intervals, and below it a field of signs and sizes for each run's abundances; PNG or SVG."""
    from matplotlib.figure import Figure

    spoken = [row for row in rows if row.kind.endswith("abundances")]
    heights = [len(rows) + 2.2, *(len(row.names) + 2.2 for row in spoken)]
    stream = io.BytesIO()
    with style():
        figure = Figure(figsize=(7.2, _LINE * sum(heights)), layout="constrained")
        axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _accuracies(axes[0], rows, len(classes))
        for axis, row in zip(axes[1:], spoken, strict=True):
            _signs(axis, row, classes)
        metadata = {"Software": "napari-unmix"} if form == "png" else {"Date": None, "Creator": None}
        figure.savefig(stream, format=form, dpi=_DPI, facecolor="white", metadata=metadata)
    return stream.getvalue()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1].rstrip() + "…"


def _accuracies(axis: Axes, rows: Sequence[Probed], count: int) -> None:
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        axis.plot([row.low, row.high], [place, place], color=LIGHT.rule, linewidth=2, solid_capstyle="round")
        axis.plot(row.accuracies, [place] * len(row.accuracies), ".", color=LIGHT.faint, markersize=4)
        axis.plot(row.accuracy, place, "o", color=LIGHT.words, markersize=6)
    axis.axvline(1 / count, color=LIGHT.faint, linewidth=1, linestyle=(0, (2, 2)))
    axis.set_yticks(places, [_short(row.kind) for row in rows])
    axis.set_xlim(0, 1.02)
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.set_xlabel(
        "balanced accuracy in other places; dots: folds, bar: interval at 95 %, dashes: chance", color=LIGHT.faint
    )
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(length=0, labelcolor=LIGHT.words)


def _signs(axis: Axes, row: Probed, classes: Sequence[str]) -> None:
    """Blue speaks for a class and red against it; a weight whose sign is not that of all folds is written in brackets."""
    largest = max(float(np.abs(row.weights).max()), 1e-12)
    axis.imshow(row.weights, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    folds = len(row.accuracies)
    for (material, one), weight in np.ndenumerate(row.weights):
        said = f"{weight:+.1f}" if row.agreeing[material, one] == folds else f"({weight:+.1f})"
        dark = abs(weight) > 0.6 * largest
        axis.text(one, material, said, ha="center", va="center", fontsize=8, color="white" if dark else LIGHT.words)
    axis.set_xticks(range(len(classes)), [_short(name) for name in classes])
    axis.set_yticks(range(len(row.names)), [_short(name) for name in row.names])
    axis.xaxis.tick_top()
    axis.set_title(f"{_short(row.kind)}: log-odds of a class for one spread more of a material", loc="left", fontsize=9)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelcolor=LIGHT.words)
