"""Excluded bands as text, such as ``1350–1450, 1800–1950``, and back. In the unit of the cube's axis, or band numbers from 1. Pure."""

from __future__ import annotations

import re

import numpy as np

from napari_unmix.cube import BoolArray, Cube
from napari_unmix.sentences import UnmixError

FEWEST_GOOD = 2
_RANGE = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(?:-|–|—|to)\s*(\d+(?:\.\d+)?))?(?:\s*(?:nm|cm-1|cm⁻¹|eV|THz))?", re.IGNORECASE
)


def good_bands_of(cube: Cube, written: str) -> BoolArray:
    """(B,) bool: the bands outside the written ranges. UnmixError says in one sentence what is wrong with the text."""
    good = np.ones(cube.shape[2], bool)
    low, high = float(cube.axis.min()), float(cube.axis.max())
    for part in (part.strip() for part in re.split(r"[,;\n]", written)):
        if not part:
            continue
        found = _RANGE.fullmatch(part)
        if found is None:
            raise UnmixError(f"“{part}” is no range: write two numbers such as 1350–1450, and commas between ranges.")
        start, end = sorted((float(found[1]), float(found[2] or found[1])))
        inside = (cube.axis >= start) & (cube.axis <= end)
        if not inside.any():
            unit = f" {cube.spectral_axis.unit}".rstrip()
            raise UnmixError(f"No band lies in {part}: the cube's bands lie in {low:g}–{high:g}{unit}.")
        good &= ~inside
    if good.sum() < FEWEST_GOOD:
        raise UnmixError(f"That leaves {int(good.sum())} of {good.size} bands: leave at least {FEWEST_GOOD}.")
    return good


def excluded_text(cube: Cube) -> str:
    """The ranges of the cube's excluded bands, with as few digits as say exactly which."""
    written = ""
    for digits in range(5):
        written = ", ".join(_range_text(start, end, digits) for start, end in _excluded_ranges(cube))
        if says(written, cube):
            break
    return written


def says(written: str, cube: Cube) -> bool:
    """Whether a text names exactly the cube's excluded bands."""
    try:
        return np.array_equal(good_bands_of(cube, written), cube.good_bands)
    except UnmixError:
        return False


def _excluded_ranges(cube: Cube) -> list[tuple[float, float]]:
    order = np.argsort(cube.axis, kind="stable")
    places, excluded = cube.axis[order], ~cube.good_bands[order]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], excluded, [False]]).astype(int)))
    return [(float(places[a]), float(places[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _range_text(start: float, end: float, digits: int) -> str:
    power = 10**digits
    low, high = np.floor(start * power) / power, np.ceil(end * power) / power
    return f"{low:.{digits}f}" if low == high else f"{low:.{digits}f}–{high:.{digits}f}"
