"""Pictures of a run for people without a window: the abundance maps and the endmembers' spectra, as PNG.

What is drawn comes from ``drawing``; here are the layout and the words.
"""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.files.whole import placed_whole
from napari_unmix.identifiability.report import Report
from napari_unmix.output.drawing import GREY, LIGHT, draw_curves, shaded, style
from napari_unmix.output.grades import signed
from napari_unmix.output.page.contents import Map, Page, graded, page_of, scene_maps
from napari_unmix.output.scale_bar import ScaleBar, scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150
_TILE, _NARROWEST, _SPACE, _MARGIN = 2.5, 1.3, 0.15, 0.15  # inches: a map's longer side, the least room for its name
_NO_DATA = "#d8d8d8"
_LEGEND_ROWS = 24
_WORD = 0.15  # inches, of a line with a grade
_LONGEST_NAME = 40  # characters in the legend
_LEGEND_LINE = 115  # characters of the lines below the curves


def draw_run(
    cube: Cube, result: Unmixing, report: Report, folder: str | Path, colours: tuple[str, ...] = ()
) -> list[Path]:
    """Write ``abundances.png`` and ``endmembers.png`` into a folder and return their paths; endmembers in ``colours``, () for the palette's."""
    (page, report), folder = graded(page_of(cube, result, colours), report), Path(folder)
    names = ["abundances.png", "endmembers.png"]
    with style(), placed_whole(folder) as room:
        for name, figure in zip(names, (_abundances(page, report), _endmembers(page)), strict=True):
            figure.savefig(room / name, dpi=_DPI, facecolor="white", metadata={"Software": "napari-unmix"})
    return [folder / name for name in names]


def _abundances(page: Page, report: Report) -> Figure:
    """The composite and one map per endmember, on one scale from 0 to 1."""
    from matplotlib.figure import Figure

    maps = scene_maps(page)
    height, width, _ = page.abundances.shape
    columns, rows = _grid(len(maps), height / width)
    across, down = max(_TILE * min(1, width / height), _NARROWEST), _TILE * min(1, height / width)
    breadth = columns * (across + _SPACE) - _SPACE
    size_x = max(breadth + 2 * _MARGIN, 5.2)
    sentence = textwrap.wrap(report.summary, int(size_x * 15), max_lines=3, placeholder=" …")
    head, foot = 0.45 + 0.17 * len(sentence), 0.5  # inches, for the words above and the scale below
    above = 0.3 + (_WORD if page.grades else 0.0)  # inches, of a map's name and its grade
    size = (size_x, rows * (down + above) + head + foot)
    figure = Figure(figsize=size)
    grid = figure.add_gridspec(
        rows,
        columns,
        left=_MARGIN / size[0],
        right=(_MARGIN + breadth) / size[0],
        top=1 - (head + above - 0.1) / size[1],
        bottom=foot / size[1],
        wspace=_SPACE / across,
        hspace=above / down,
    )
    for k, shown in enumerate(maps):
        _tile(figure, figure.add_subplot(grid[k // columns, k % columns], facecolor=_NO_DATA), shown)
    _heading(figure, page, sentence)
    _scale(figure, foot / size[1])
    _length(figure, scale_bar(width, page.metres), min(across / width, down / height), foot / size[1])
    return figure


def _grid(count: int, aspect: float) -> tuple[int, int]:
    """Columns and rows: about 3:2 as a whole, with few empty places."""
    columns = max(1, min(count, round(math.sqrt(1.5 * count * max(min(aspect, 3.0), 1 / 3)))))
    rows = math.ceil(count / columns)
    return math.ceil(count / rows), rows


def _tile(figure: Figure, axis: Axes, shown: Map) -> None:
    """The map, and above it swatch, name and fact, as wide as its place in the grid: a narrow map may be narrower than its name."""
    axis.imshow(shown.image, interpolation="nearest")
    axis.set(xticks=[], yticks=[], anchor="NW")
    axis.spines[:].set_visible(False)
    place, (width, height) = axis.get_position(original=True), figure.get_size_inches()
    base, start = place.y1 + 0.05 / height, place.x0
    if shown.colour is not None:
        raised = _WORD / height if shown.grade is not None else 0.0  # the grade stands below the name
        figure.text(start, base + raised, "■", color=shown.colour, fontsize=10)
        start += 0.15 / width
    room = (place.x1 - start) * width - 0.1 - 0.07 * len(shown.fact)  # inches
    name = _shortened(shown.name, max(4, int(room / 0.083)))
    if shown.grade is not None:
        figure.text(start, base, signed(shown.grade), color=LIGHT.faint, fontsize=8)
        base += _WORD / height
    figure.text(start, base, name, color=LIGHT.words, weight="bold")
    figure.text(place.x1, base, shown.fact, ha="right", color=LIGHT.faint)


def _shortened(name: str, characters: int) -> str:
    """The name on one line of at most so many characters."""
    name = " ".join(name.split())
    return name if len(name) <= characters else name[: characters - 1].rstrip() + "…"


def _heading(figure: Figure, page: Page, sentence: list[str]) -> None:
    width, height = figure.get_size_inches()
    left = _MARGIN / width
    facts = f"{_shortened(page.name, int(width * 7))} · {page.spec.title} · {len(page.names)} endmembers"
    figure.text(left, 1 - 0.1 / height, facts, va="top", fontsize=11, weight="bold", color=LIGHT.words)
    figure.text(
        left, 1 - 0.33 / height, "\n".join(sentence), va="top", color=LIGHT.words, fontsize=8.5, linespacing=1.35
    )


def _scale(figure: Figure, foot: float) -> None:
    """One bar for all maps: they differ in colour, not in scale."""
    width, height = figure.get_size_inches()
    axis = figure.add_axes((_MARGIN / width, foot - 0.27 / height, 1.6 / width, 0.1 / height))
    axis.imshow(shaded(np.linspace(0, 1, 256)[None], GREY), aspect="auto", extent=(0, 1, 0, 1))
    axis.set(xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"], yticks=[])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=2, labelsize=8, color=LIGHT.rule, labelcolor=LIGHT.faint, pad=1.5)
    place = ((_MARGIN + 1.6 + 0.12) / width, foot - 0.22 / height)
    figure.text(*place, "abundance; per cent: its mean", va="center", fontsize=8, color=LIGHT.faint)


def _length(figure: Figure, bar: ScaleBar, inches: float, foot: float) -> None:
    """A length at the right of the foot, as long as it is in the maps, of which a pixel is so many ``inches`` wide."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    right, base = 1 - _MARGIN / width, foot - 0.27 / height
    left = right - bar.pixels * inches / width
    figure.add_artist(
        Rectangle(
            (left, base), right - left, 0.05 / height, transform=figure.transFigure, color=LIGHT.words, linewidth=0
        )
    )
    figure.text(right, base + 0.07 / height, bar.label, ha="right", va="bottom", fontsize=8, color=LIGHT.words)


def _endmembers(page: Page) -> Figure:
    """The spectra in their colours, with their names at the side, and below what lines and bands mean."""
    from matplotlib.figure import Figure

    said = textwrap.wrap(page.lines_said, _LEGEND_LINE)
    figure = Figure(figsize=(7.6, 4.2 + _WORD * len(said)), layout="constrained")
    axis = figure.add_subplot()
    lines = draw_curves(axis, page.curves, LIGHT)
    title = f"{_shortened(page.name, 40)} · endmembers of {page.spec.title}"
    axis.set_title(title, loc="left", weight="bold", fontsize=11, color=LIGHT.words)
    figure.legend(
        lines,
        [_legend_name(page, k) for k in range(len(page.names))],
        loc="outside right upper",
        frameon=False,
        ncols=math.ceil(len(page.names) / _LEGEND_ROWS),
        handlelength=2.2 if page.grades else 1.4,
        labelcolor=LIGHT.words,
    )
    if said:
        figure.supxlabel("\n".join(said), x=0.01, ha="left", fontsize=8, color=LIGHT.faint)
    return figure


def _legend_name(page: Page, index: int) -> str:
    """An endmember's name, and below it how far it can be believed."""
    name, grade = _shortened(page.names[index], _LONGEST_NAME), page.grade(index)
    return name if grade is None else f"{name}\n{signed(grade)}"
