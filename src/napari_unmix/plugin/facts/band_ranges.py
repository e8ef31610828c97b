"""Excluded bands as text, such as ``1350–1450, 1800–1950``, and back. In the unit of the cube's axis, or band numbers from 1. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import BoolArray, Cube
from napari_unmix.sentences import UnmixError

FEWEST_GOOD = 2
_RANGE = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(?:-|–|—|to)\s*(\d+(?:\.\d+)?))?(?:\s*(?:nm|cm-1|cm⁻¹|eV|THz))?", re.IGNORECASE
)
_ROUND = (5.0, 2.0, 1.0)  # times a power of ten: the numbers that people write, the roundest first
_HIGHEST_POWER, _LOWEST_POWER = 2, -5  # ends are written as 100, and down to 0.00001


class BandRange(NamedTuple):
    """Neighbouring excluded bands: from the first to the last on the axis, both as they are written, and how many they are."""

    low: float
    high: float
    text: str
    bands: int


class Preset(NamedTuple):
    """Bands that are often left out: what for, and where (nm)."""

    title: str
    low: float
    high: float


# Where the atmosphere's water vapour leaves a sensor in the air or in space next to no light (Gao & Goetz 1990, doi 10.1029/JD095iD04p03549),
# and where detectors of silicon, and of the short-wave infrared, end.
WATER_VAPOUR = (
    Preset("Water vapour", 1350.0, 1450.0),
    Preset("Water vapour", 1800.0, 1950.0),
    Preset("Beyond 2450 nm: water vapour and little light", 2450.0, np.inf),
    Preset("Below 400 nm: little light", 0.0, 400.0),
)


def good_bands_of(cube: Cube, written: str) -> BoolArray:
    """(B,) bool: the bands outside the written ranges. UnmixError says in one sentence what is wrong with the text."""
    good = np.ones(cube.shape[2], bool)
    low, high = float(cube.axis.min()), float(cube.axis.max())
    for part, start, end in _read(written):
        inside = (cube.axis >= start) & (cube.axis <= end)
        if not inside.any():
            unit = f" {cube.spectral_axis.unit}".rstrip()
            raise UnmixError(f"No band lies in {part}: the cube's bands lie in {low:g}–{high:g}{unit}.")
        good &= ~inside
    if good.sum() < FEWEST_GOOD:
        raise UnmixError(f"That leaves {int(good.sum())} of {good.size} bands: leave at least {FEWEST_GOOD}.")
    return good


def _read(written: str) -> list[tuple[str, float, float]]:
    """Each range as it was written, its lower and its upper end."""
    found: list[tuple[str, float, float]] = []
    for part in (part.strip() for part in re.split(r"[,;\n]", written)):
        if not part:
            continue
        read = _RANGE.fullmatch(part)
        if read is None:
            raise UnmixError(f"“{part}” is no range: write two numbers such as 1350–1450, and commas between ranges.")
        start, end = sorted((float(read[1]), float(read[2] or read[1])))
        found.append((part, start, end))
    return found


def written_bands(cube: Cube, written: str) -> str:
    """The excluded bands as the user wrote them where that still says which, else in the roundest numbers."""
    return written if written and says(written, cube) else excluded_text(cube)


def excluded_text(cube: Cube) -> str:
    """The ranges of the cube's excluded bands, in the roundest numbers that say exactly which."""
    return ", ".join(found.text for found in excluded_ranges(cube))


def says(written: str, cube: Cube) -> bool:
    """Whether a text names exactly the cube's excluded bands."""
    try:
        return np.array_equal(good_bands_of(cube, written), cube.good_bands)
    except UnmixError:
        return False


def excluded_ranges(cube: Cube) -> tuple[BandRange, ...]:
    """The excluded bands, neighbours together, along the axis."""
    return ranges_of(cube, ~cube.good_bands)


def ranges_of(cube: Cube, bands: BoolArray) -> tuple[BandRange, ...]:
    """Some bands (B,), neighbours together, along the axis; each range is written in the roundest numbers that hold it and no other band."""
    order = np.argsort(cube.axis, kind="stable")
    places, chosen = cube.axis[order], bands[order]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(int)))
    found = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        before = float(places[a - 1]) if a else -np.inf
        after = float(places[b]) if b < places.size else np.inf
        low, high = float(places[a]), float(places[b - 1])
        found.append(BandRange(low, high, _range_text(before, low, high, after), int(b - a)))
    return tuple(found)


def with_range(cube: Cube, low: float, high: float, *, excluded: bool, written: str = "") -> str:
    """The excluded bands as text along the axis, with those from ``low`` to ``high`` left out as well, or taken in again.

    Ranges of ``written`` that this does not touch keep their words. A range without a band changes nothing.
    """
    inside = (cube.axis >= min(low, high)) & (cube.axis <= max(low, high))
    bad = (~cube.good_bands | inside) if excluded else (~cube.good_bands & ~inside)
    touched = _with_neighbours(cube, inside) if excluded else inside
    parts: list[tuple[float, str]] = []
    left = bad.copy()
    for part, start, end in _read(written_bands(cube, written)):
        own = (cube.axis >= start) & (cube.axis <= end)
        if not (own & touched).any():
            parts.append((start, part))
            left &= ~own
    parts += [(found.low, found.text) for found in ranges_of(cube, left)]
    return ", ".join(part for _, part in sorted(parts))


def _with_neighbours(cube: Cube, bands: BoolArray) -> BoolArray:
    """Some bands (B,) with those beside them on the axis."""
    order = np.argsort(cube.axis, kind="stable")
    along = bands[order]
    wide = along.copy()
    wide[1:] |= along[:-1]
    wide[:-1] |= along[1:]
    found = np.zeros_like(bands)
    found[order] = wide
    return found


def presets_of(cube: Cube) -> tuple[Preset, ...]:
    """The presets that lie among the cube's bands; none where its axis is no wavelength."""
    if cube.spectral_axis.kind != "wavelength":
        return ()
    return tuple(preset for preset in WATER_VAPOUR if ((cube.axis >= preset.low) & (cube.axis <= preset.high)).any())


def _range_text(before: float, low: float, high: float, after: float) -> str:
    """A range that holds the bands from ``low`` to ``high`` and neither neighbour; of a single band its place, where that is short."""
    if low == high and low == round(low):
        return f"{low:.0f}"
    first, last = _roundest(before, low, up=False), _roundest(high, after, up=True)
    return first if first == last else f"{first}–{last}"


def _roundest(low: float, high: float, *, up: bool) -> str:
    """The roundest number that is not below ``low`` nor above ``high``, the far one of both not counted in: ``low`` where ``up`` is false."""
    near, far = (low, high) if up else (high, low)
    for power in range(_HIGHEST_POWER, _LOWEST_POWER - 1, -1):
        for step in (size * 10.0**power for size in _ROUND):
            number = (np.ceil(near / step - 1e-9) if up else np.floor(near / step + 1e-9)) * step
            holds = number >= near if up else number <= near
            if number >= 0 and holds and abs(number - near) < (abs(far - near) if np.isfinite(far) else step):
                text = f"{number:.{max(0, -power)}f}"
                if float(text) >= near if up else float(text) <= near:
                    return text
    return f"{near!r}"


def preset_text(preset: Preset) -> str:
    """A preset for a menu: Water vapour, 1350–1450 nm."""
    if np.isinf(preset.high) or preset.low == 0:
        return preset.title
    return f"{preset.title}, {preset.low:.0f}–{preset.high:.0f} nm"


def with_presets(cube: Cube, presets: Iterable[Preset], written: str = "") -> str:
    """The excluded bands as text, with those of the presets left out as well."""
    parts = [written_bands(cube, written)]
    for preset in presets:
        inside = (cube.axis >= preset.low) & (cube.axis <= preset.high)
        if (inside & cube.good_bands).any():
            low, high = (
                max(preset.low, float(np.floor(cube.axis.min()))),
                min(preset.high, float(np.ceil(cube.axis.max()))),
            )
            parts.append(f"{low:.0f}–{high:.0f}")
    return ", ".join(part for part in parts if part)


def noisy_text(cube: Cube, noisy: Iterable[int]) -> str:
    """What was found of noisy bands (from 0), for people."""
    bands = np.zeros(cube.shape[2], bool)
    bands[list(noisy)] = True
    bands &= cube.good_bands
    if not bands.any():
        return "No band among those that take part stands out by its noise."
    count, unit = int(bands.sum()), cube.spectral_axis.unit
    where = ", ".join(found.text for found in ranges_of(cube, bands))
    return (
        f"{count} band{'s' * (count > 1)} {'is' if count == 1 else 'are'} mostly noise: {where} {unit}".rstrip() + "."
    )
