"""A picture of what is looked at: the maps of a run as the window shows them, with their legend and a length, as PNG, SVG or PDF."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.files.whole import write_whole
from napari_unmix.output.drawing import LIGHT, ByteArray, style
from napari_unmix.output.palette import rgb
from napari_unmix.output.scale_bar import scale_bar
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = {".png": "PNG image", ".svg": "SVG drawing", ".pdf": "PDF page"}
_DPI = 200
_LONGER, _LEGEND, _EDGE, _HEAD, _FOOT = 5.0, 1.9, 0.2, 0.55, 0.55  # inches
_NARROWEST_NAME = 22  # letters of a name on a line of the legend
_WIDEST_MEANING = 32  # letters of what its numbers are, which are smaller and have the whole line
_LARGEST = 2000  # pixels of the longer side: larger maps are thinned
_NO_DATA = "#d8d8d8"


@dataclass(frozen=True)
class Entry:
    """A line of the legend: colour, name, and the one number behind it; below the name how far it can be believed, in a word."""

    colour: str
    name: str
    fact: str = ""
    grade: str = ""


@dataclass(frozen=True, eq=False)
class Seen:
    """What is looked at.

    Attributes
    ----------
    title, subtitle : above the map
    image : (H, W, 4), transparent where there are no data; or (H, W) numbers where ``limits`` are given
    entries : the legend
    limits : what the first and the last colour of ``colormap`` (matplotlib's) are, ``quantity`` of what; None where the image has its colours
    metres : how long a pixel's upper side is, None where that is not known
    meaning : what the numbers of the legend are, below it; "" where its title says it
    """

    title: str
    subtitle: str
    image: ByteArray | FloatArray
    entries: tuple[Entry, ...] = ()
    limits: tuple[float, float] | None = None
    colormap: str = "gray"
    quantity: str = ""
    metres: float | None = None
    meaning: str = ""


def added(shares: FloatArray, colours: tuple[str, ...]) -> ByteArray:
    """(H, W, P) shares -> (H, W, 4): black to each endmember's colour, added, as the window shows the maps; transparent where there are no data."""
    known = np.asarray(np.isfinite(shares).all(axis=2))
    mixed = np.zeros((*known.shape, 3), np.float32)
    for k, colour in enumerate(colours):
        mixed += np.clip(np.nan_to_num(shares[..., k]), 0, 1)[..., None] * np.asarray(rgb(colour), np.float32)
    return _opaque(np.clip(mixed, 0, 1), known)


def labelled(labels: np.ndarray, colours: tuple[str, ...]) -> ByteArray:
    """(H, W) numbers from 1 -> (H, W, 4) in their colours, transparent where 0."""
    table = np.array([(0.0, 0.0, 0.0), *map(rgb, colours)], np.float32)
    return _opaque(table[labels], np.asarray(labels > 0))


def _opaque(colours: FloatArray, known: BoolArray) -> ByteArray:
    image = np.concatenate([colours, np.ones((*known.shape, 1), np.float32)], axis=2)
    return np.round(255 * np.where(known[..., None], image, 0)).astype(np.uint8)


def write_picture(path: Path, seen: Seen) -> Path:
    """Write the picture by the suffix of ``path``; a file that is there was the user's to replace. Raises UnmixError, OSError."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UnmixError(f"{path.name} names no format of a picture: end it with {', '.join(FORMATS)}.")
    stream = io.BytesIO()
    metadata = {".png": {"Software": "napari-unmix"}, ".svg": {"Date": None, "Creator": "napari-unmix"}}.get(
        suffix, {"CreationDate": None}
    )
    with style():
        _drawn(seen).savefig(stream, format=suffix[1:], dpi=_DPI, facecolor="white", metadata=metadata)
    write_whole(path, stream.getvalue())
    return path


def _drawn(seen: Seen) -> Figure:
    from matplotlib.figure import Figure

    height, width = seen.image.shape[:2]
    across, down = (_LONGER * min(1, side / other) for side, other in ((width, height), (height, width)))
    legend = _lines(seen)
    meaning = textwrap.wrap(seen.meaning, _WIDEST_MEANING)
    body = max(down, 0.2 * sum(_rows(entry, name) for entry, name in legend) + 0.2 * len(meaning), 1.0)
    size = (max(across, 1.0) + _LEGEND + 3 * _EDGE, body + _HEAD + _FOOT)
    figure = Figure(figsize=size)
    top = 1 - _HEAD / size[1]
    axis = figure.add_axes(
        (_EDGE / size[0], top - down / size[1], across / size[0], down / size[1]), facecolor=_NO_DATA
    )
    step = -(-max(height, width) // _LARGEST)
    limits = seen.limits or (None, None)
    axis.imshow(
        seen.image[::step, ::step],
        interpolation="nearest",
        cmap=seen.colormap,
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto",
    )
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    left = (_EDGE + max(across, 1.0) + _EDGE) / size[0]
    figure.text(
        _EDGE / size[0], 1 - 0.12 / size[1], seen.title, va="top", weight="bold", fontsize=11, color=LIGHT.words
    )
    figure.text(_EDGE / size[0], 1 - 0.34 / size[1], seen.subtitle, va="top", fontsize=8.5, color=LIGHT.faint)
    if seen.limits is not None:
        _bar(figure, axis, seen, left, top, min(down, 2.2))
    else:
        _legend(figure, legend, meaning, left, top)
    _length(figure, seen, across / width, top - down / size[1])
    return figure


def _lines(seen: Seen) -> list[tuple[Entry, list[str]]]:
    """Each entry of the legend with its name on one line or more."""
    return [
        (entry, textwrap.wrap(" ".join(entry.name.split()), _NARROWEST_NAME, max_lines=2, placeholder=" …") or [""])
        for entry in seen.entries
    ]


def _rows(entry: Entry, name: list[str]) -> float:
    """How many lines an entry takes."""
    return len(name) + (1.2 if entry.grade else 0.0)


def _legend(figure: Figure, lines: list[tuple[Entry, list[str]]], meaning: list[str], left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    y = top - 0.02 / height
    for entry, name in lines:
        figure.text(left, y, "■", color=entry.colour, va="top", fontsize=10)
        figure.text(left + 0.17 / width, y, "\n".join(name), va="top", fontsize=8.5, color=LIGHT.words)
        figure.text(1 - _EDGE / width, y, entry.fact, va="top", ha="right", fontsize=8.5, color=LIGHT.faint)
        if entry.grade:
            below = y - 0.17 * len(name) / height
            figure.text(left + 0.17 / width, below, entry.grade, va="top", fontsize=8, color=LIGHT.faint)
        y -= 0.2 * _rows(entry, name) / height
    figure.text(left, y, "\n".join(meaning), va="top", fontsize=7.5, color=LIGHT.faint)


def _bar(figure: Figure, axis: Axes, seen: Seen, left: float, top: float, length: float) -> None:
    """Which colour is how much."""
    width, height = figure.get_size_inches()
    place = figure.add_axes((left, top - (length - 0.25) / height, 0.16 / width, (length - 0.35) / height))
    bar = figure.colorbar(axis.images[0], cax=place, extend="max")
    bar.outline.set_visible(False)
    place.tick_params(labelsize=8, length=2, color=LIGHT.rule, labelcolor=LIGHT.faint)
    figure.text(left, top, seen.quantity, va="top", fontsize=8.5, color=LIGHT.words)


def _length(figure: Figure, seen: Seen, inches: float, bottom: float) -> None:
    """A length below the map, as long as it is in it; a pixel is so many inches wide."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    bar = scale_bar(seen.image.shape[1], seen.metres)
    left, base = _EDGE / width, bottom - 0.16 / height
    figure.add_artist(
        Rectangle(
            (left, base),
            bar.pixels * inches / width,
            0.05 / height,
            transform=figure.transFigure,
            color=LIGHT.words,
            linewidth=0,
        )
    )
    figure.text(left, base - 0.05 / height, bar.label, va="top", fontsize=8.5, color=LIGHT.words)
