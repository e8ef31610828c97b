"""The one drawing of maps and of curves: the report's page and the run's pictures both show these.

matplotlib is imported when something is drawn, and only its object interface: no display, no pyplot, and neither a user's style nor
his settings are read or changed. The same values give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.output.grades import PATTERNS, Line
from napari_unmix.output.palette import endmember_colours, rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

ByteArray = NDArray[np.uint8]

FULL_COLOUR = 0.6  # the abundance that is shown in the endmember's pure colour
GREY = "#999999"  # 0.6 of white: a map in this colour is linear in lightness

_BAND, _BEYOND = 0.18, 1.25  # opacity of a band; how far it may reach, in heights of the highest curve
_GAP = 4.0  # times the usual spacing of bands: a curve is broken there, not drawn across
_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": [
        "system-ui",
        "DejaVu Sans",
        "sans-serif",
    ],  # the page's own; in PNG the second, which comes with matplotlib
    "font.size": 9.0,
    "svg.fonttype": "none",  # words stay words, in the reader's own font
    "svg.hashsalt": "napari-unmix",
    "text.parse_math": False,  # a name may hold dollars
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Ink:
    """Colours of words and of rules, for a paper of one brightness."""

    words: str
    faint: str
    rule: str


LIGHT = Ink("#1c1e21", "#5f646c", "#8a8f97")  # on white
DARK = Ink("#e6e8eb", "#a5abb5", "#6b717a")  # on nearly black


@dataclass(frozen=True, eq=False)
class Curves:
    """Spectra to be drawn.

    Attributes
    ----------
    place : (B,) where the bands lie, in any order; ``place_name`` says in what
    spectra : (P, B), NaN in excluded bands; ``value_name`` says in which units
    colours : (P,) as "#rrggbb"; () for the palette's
    spread : (P, B) half the height of a band around each, NaN where there is none; or None
    lines : (P,) how each is drawn; () for solid
    """

    place: FloatArray
    spectra: FloatArray
    place_name: str
    value_name: str
    colours: tuple[str, ...] = ()
    spread: FloatArray | None = None
    lines: tuple[Line, ...] = ()

    @property
    def highest(self) -> float:
        """Of all curves and bands; of a band no more than ``_BEYOND`` of the highest curve, so that curves can be told where one is wide."""
        known = self.spectra[np.isfinite(self.spectra)]
        top = float(known.max(initial=1e-12))
        if self.spread is None:
            return top
        upper = self.spectra + self.spread
        return min(float(upper[np.isfinite(upper)].max(initial=top)), _BEYOND * top)


@contextmanager
def style() -> Iterator[None]:
    """matplotlib as it comes, with our fonts, whatever the user has set; within, figures are made and written."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


# Maps


def shaded(values: FloatArray, colour: str) -> ByteArray:
    """(H, W) from 0 to 1 -> (H, W, 4): black over the colour to white, transparent where there are no data.

    White at the end, unlike the window's additive layers of the same colours: a dark colour's map reads as well as a bright one's.
    """
    known = np.asarray(np.isfinite(values))
    level = np.clip(np.where(known, values, 0.0), 0.0, 1.0)
    table = _ramp(colour)
    return np.asarray(np.where(known[..., None], table[np.round(255 * level).astype(int)], np.uint8(0)))


def _ramp(colour: str) -> ByteArray:
    """(256, 4) opaque colours of a map's levels."""
    places = [0.0, FULL_COLOUR, 1.0]
    level = np.linspace(0.0, 1.0, 256)
    channels = [np.interp(level, places, [0.0, channel, 1.0]) for channel in rgb(colour)]
    return np.round(255 * np.stack([*channels, np.ones(256)], axis=1)).astype(np.uint8)


def opaque(picture: FloatArray, known: BoolArray) -> ByteArray:
    """(H, W, 3) from 0 to 1 -> (H, W, 4), transparent where ``known`` (H, W) is False."""
    colours = np.concatenate([picture, np.ones((*known.shape, 1))], axis=2)
    return np.round(255 * np.where(known[..., None], colours, 0.0)).astype(np.uint8)


def png(image: ByteArray, largest: int) -> bytes:
    """(H, W, 4) as a PNG, thinned to ``largest`` pixels of its longer side; exact, and with a palette where 256 colours suffice."""
    from PIL import Image

    step = -(-max(image.shape[:2]) // largest)
    thinned = np.ascontiguousarray(image[::step, ::step])
    colours, index = np.unique(thinned.view(np.uint32)[..., 0], return_inverse=True)
    if len(colours) <= 256:
        picture = Image.fromarray(index.reshape(thinned.shape[:2]).astype(np.uint8), "P")
        picture.putpalette(colours.tobytes(), "RGBA")
    else:
        picture = Image.fromarray(thinned, "RGBA")
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


# Curves


def draw_curves(axis: Axes, curves: Curves, ink: Ink) -> list[Line2D]:
    """Draw each spectrum in its endmember's colour and return the lines; excluded and missing bands are gaps, a band alone is a dot."""
    lines: list[Line2D] = []
    colours = curves.colours or endmember_colours(len(curves.spectra))
    for k, (colour, spectrum) in enumerate(zip(colours, curves.spectra, strict=True)):
        place, values = with_gaps(curves.place, spectrum)
        alone = _alone(values)
        axis.plot(place[alone], values[alone], ".", color=colour, markersize=5)
        if curves.spread is not None:
            _, reach = with_gaps(curves.place, curves.spread[k])
            axis.fill_between(place, values - reach, values + reach, color=colour, alpha=_BAND, linewidth=0)
        lines += axis.plot(place, values, color=colour, linewidth=1.6, solid_capstyle="round")
        if curves.lines and PATTERNS[curves.lines[k]]:
            lines[-1].set_linestyle((0, PATTERNS[curves.lines[k]]))
    known = curves.spectra[np.isfinite(curves.spectra)]
    axis.set_xlim(*_wide(float(curves.place.min()), float(curves.place.max())))
    axis.set_ylim(*_wide(min(0.0, float(known.min(initial=0.0))), 1.04 * curves.highest))
    axis.set_xlabel(curves.place_name, color=ink.faint)
    axis.set_ylabel(curves.value_name, color=ink.faint)
    axis.locator_params(nbins=6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(ink.rule)
    axis.tick_params(color=ink.rule, labelcolor=ink.faint, length=3)
    return lines


def curves_svg(curves: Curves, ink: Ink, width: float, height: float) -> bytes:
    """The curves on no ground, ``width`` × ``height`` inches, as SVG; its fonts are 9 points where it is shown at that size."""
    from matplotlib.figure import Figure

    stream = io.StringIO()
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        draw_curves(figure.add_subplot(facecolor="none"), curves, ink)
        figure.savefig(stream, format="svg", transparent=True, metadata=_NO_METADATA)
    return re.sub(r' d="[^"]*"', lambda found: _compact(found[0]), stream.getvalue()).encode()


def _compact(path: str) -> str:
    """The path to a hundredth of a point, less than a screen or a printer shows, and without blanks: half of its size."""
    return re.sub(r"\s*([MLz])\s*", r"\1", re.sub(r"(\.\d\d)\d+", r"\1", path))


def with_gaps(place: FloatArray, spectrum: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wavelengths (B,) ascending and values, with NaN where bands were left out of the file, as water absorption is."""
    order = np.argsort(place, kind="stable")
    place, spectrum = np.asarray(place, float)[order], np.asarray(spectrum, float)[order]
    spacing = np.diff(place)
    wide = np.flatnonzero(spacing > _GAP * np.median(spacing)) + 1 if spacing.size else np.zeros(0, int)
    middle = (place[wide - 1] + place[wide]) / 2
    return np.insert(place, wide, middle), np.insert(spectrum, wide, np.nan)


def _alone(values: FloatArray) -> NDArray[np.intp]:
    """Where a value has no neighbour to be joined with."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])


def _wide(low: float, high: float) -> tuple[float, float]:
    """Limits that differ: a single band, or spectra of zeros, have a place too."""
    return (low, high) if high > low else (low - 0.5, low + 0.5)
