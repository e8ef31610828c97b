"""Pictures of a run for people without a window: the abundance maps and the endmembers' spectra, as PNG.

matplotlib is imported when a picture is drawn, and only its Agg canvas: no display, no global state.
"""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.identifiability.report import Report
from napari_unmix.output.composite import COMPOSITES, composite, has_colours
from napari_unmix.output.palette import endmember_colours

_DPI = 150
_TILE, _NARROWEST, _SPACE, _MARGIN = 2.5, 1.3, 0.15, 0.15  # inches: a map's longer side, the least room for its name
_INK, _FAINT, _NO_DATA = "#222222", "#8a8a8a", "#d8d8d8"
_FONT = {"font.family": "sans-serif", "font.size": 9.0, "text.color": _INK, "axes.labelcolor": _INK}
_GAP = 4.0  # times the usual spacing of bands: a curve is broken there, not drawn across
_LEGEND_ROWS = 24
_FULL_COLOUR = 0.6  # the abundance that is shown in the endmember's pure colour


def draw_run(cube: Cube, result: Unmixing, report: Report, folder: str | Path) -> list[Path]:
    """Write ``abundances.png`` and ``endmembers.png`` into a folder and return their paths."""
    import matplotlib

    folder = Path(folder)
    paths = [folder / "abundances.png", folder / "endmembers.png"]
    with matplotlib.rc_context(_FONT):
        for path, figure in zip(paths, (_abundances(cube, result, report), _endmembers(cube, result)), strict=True):
            figure.savefig(path, dpi=_DPI, facecolor="white", metadata={"Software": "napari-unmix"})
    return paths


def _abundances(cube: Cube, result: Unmixing, report: Report) -> Any:
    """The composite and one map per endmember, black over its colour to white, on one scale from 0 to 1."""
    from matplotlib.figure import Figure

    height, width, _ = cube.shape
    count = len(result.names) + 1
    columns, rows = _grid(count, height / width)
    across, down = max(_TILE * min(1, width / height), _NARROWEST), _TILE * min(1, height / width)
    maps = columns * (across + _SPACE) - _SPACE
    breadth = max(maps + 2 * _MARGIN, 5.2)
    sentence = textwrap.wrap(report.summary, int(breadth * 15), max_lines=3, placeholder=" …")
    head, foot = 0.45 + 0.17 * len(sentence), 0.5  # inches, for the words above and the scale below
    size = (breadth, rows * (down + 0.3) + head + foot)
    figure = Figure(figsize=size)
    grid = figure.add_gridspec(
        rows,
        columns,
        left=_MARGIN / size[0],
        right=(_MARGIN + maps) / size[0],
        top=1 - (head + 0.2) / size[1],
        bottom=foot / size[1],
        wspace=_SPACE / across,
        hspace=0.3 / down,
    )
    axes = [figure.add_subplot(grid[k // columns, k % columns]) for k in range(count)]
    picture, caption = _composite(cube)
    axes[0].imshow(picture, interpolation="nearest")
    _title(axes[0], caption, "")
    for axis, k in zip(axes[1:], range(count - 1), strict=True):
        _map(axis, result, k)
    _heading(figure, cube, result, sentence)
    _scale(figure, foot / size[1])
    return figure


def _grid(count: int, aspect: float) -> tuple[int, int]:
    """Columns and rows: about 3:2 as a whole, with few empty places."""
    columns = max(1, min(count, round(math.sqrt(1.5 * count * max(min(aspect, 3.0), 1 / 3)))))
    rows = math.ceil(count / columns)
    return math.ceil(count / rows), rows


def _map(axis: Any, result: Unmixing, k: int) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colour = endmember_colours(len(result.names))[k]
    # White at the end, unlike the window's additive layers: so a dark colour's map reads as well as a bright one's.
    colours = LinearSegmentedColormap.from_list(result.names[k], [(0, "black"), (_FULL_COLOUR, colour), (1, "white")])
    shares = result.abundances[:, :, k]
    # No data lies under the map: Agg leaves masked pixels open.
    axis.set_facecolor(_NO_DATA)
    axis.imshow(np.ma.masked_invalid(shares), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    _title(axis, result.names[k], f"{100 * float(np.nanmean(shares, dtype=np.float64)):.0f} %", colour)


def _title(axis: Any, name: str, share: str, colour: str | None = None) -> None:
    """Swatch, name and share above a map, as wide as its place in the grid: a narrow map may be narrower than its name."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_anchor("NW")
    for side in axis.spines.values():
        side.set_visible(False)
    place, (width, height) = axis.get_position(original=True), axis.figure.get_size_inches()
    base, start = place.y1 + 0.05 / height, place.x0
    if colour is not None:
        axis.figure.text(start, base, "■", color=colour, fontsize=10)
        start += 0.15 / width
    room = (place.x1 - start) * width - 0.35  # inches, less the share's
    axis.figure.text(start, base, _shortened(name, max(4, int(room / 0.083))), weight="bold")
    axis.figure.text(place.x1, base, share, ha="right")


def _shortened(name: str, characters: int) -> str:
    return name if len(name) <= characters else name[: characters - 1].rstrip() + "…"


def _heading(figure: Any, cube: Cube, result: Unmixing, sentence: list[str]) -> None:
    width, height = figure.get_size_inches()
    left = _MARGIN / width
    facts = f"{cube.name} · {type(result.spec).title} · {len(result.names)} endmembers"
    figure.text(left, 1 - 0.1 / height, facts, va="top", fontsize=11, weight="bold")
    figure.text(left, 1 - 0.33 / height, "\n".join(sentence), va="top", color=_INK, fontsize=8.5, linespacing=1.35)


def _scale(figure: Any, foot: float) -> None:
    """One bar for all maps: they differ in colour, not in scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = figure.get_size_inches()
    axis = figure.add_axes((_MARGIN / width, foot - 0.27 / height, 1.6 / width, 0.1 / height))
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "gray"), cax=axis, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    axis.tick_params(length=2, labelsize=8, color=_FAINT, pad=1.5)
    place = ((_MARGIN + 1.6 + 0.12) / width, foot - 0.22 / height)
    figure.text(*place, "abundance; per cent: its mean", va="center", fontsize=8, color=_INK)


def _composite(cube: Cube) -> tuple[FloatArray, str]:
    """(H, W, 3) from 0 to 1, light where there are no data, and what it shows."""
    picture = composite(cube).astype(float)
    picture[~cube.valid_pixels] = 0.85
    return picture, COMPOSITES[0] if has_colours(cube, COMPOSITES[0]) else "false colour"


def _endmembers(cube: Cube, result: Unmixing) -> Any:
    """The spectra in their colours; excluded and missing bands are gaps."""
    from matplotlib.figure import Figure

    count = len(result.names)
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    axis = figure.add_subplot()
    for name, colour, spectrum in zip(result.names, endmember_colours(count), result.endmembers, strict=True):
        axis.plot(*with_gaps(cube.axis, spectrum), color=colour, linewidth=1.8, label=name, solid_capstyle="round")
    axis.set_xlim(float(cube.axis.min()), float(cube.axis.max()))
    axis.set_ylim(bottom=min(0.0, float(np.nanmin(result.endmembers))))
    axis.set_xlabel("wavelength (nm)" if cube.wavelengths is not None else "band")
    axis.set_ylabel("spectrum, its maximum 1" if result.illumination is not None else "spectrum, as in the cube")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(_FAINT)
    axis.tick_params(color=_FAINT, labelcolor=_INK)
    axis.set_title(f"{cube.name} · endmembers of {type(result.spec).title}", loc="left", weight="bold", fontsize=11)
    figure.legend(loc="outside right upper", frameon=False, ncols=math.ceil(count / _LEGEND_ROWS), handlelength=1.4)
    return figure


def with_gaps(place: FloatArray, spectrum: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wavelengths (B,) ascending and values, with NaN where bands were left out of the file, as water absorption is."""
    order = np.argsort(place, kind="stable")
    place, spectrum = np.asarray(place, float)[order], np.asarray(spectrum, float)[order]
    spacing = np.diff(place)
    wide = np.flatnonzero(spacing > _GAP * np.median(spacing)) + 1 if spacing.size else np.zeros(0, int)
    middle = (place[wide - 1] + place[wide]) / 2
    return np.insert(place, wide, middle), np.insert(spectrum, wide, np.nan)
