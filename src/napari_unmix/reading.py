"""How a file is to be read, as a user writes it: one table of options for the command line, the window and the sentences that name them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_unmix.cube import BoolArray, Cube, Reading, SpectralAxis
from napari_unmix.sentences import UnmixError

FEWEST_BANDS = 2
# What may be repaired or left out on reading, beside what a file itself declares.
REPAIRS = ("no-data", "bands", "lines", "spikes", "saturation")
ALL, NONE = "all", "none"
_NUMBER = r"\d+(?:\.\d+)?"
_UNIT = r"\s*(nm|µm|um|cm-1|cm⁻¹|ev|thz)?"
_RANGE = re.compile(rf"({_NUMBER}){_UNIT}(?:\s*(?:-|–|—|to)\s*({_NUMBER}))?{_UNIT}", re.IGNORECASE)
_KINDS = {"nm": "wavelength", "µm": "wavelength", "um": "wavelength", "ev": "energy", "thz": "frequency"}


@dataclass(frozen=True)
class Option:
    """One way to correct how a file is read: a field of ``Reading``, its option, its title in the window, and what it means."""

    field: str
    metavar: str
    title: str
    text: str
    parse: Callable[[str], Any]

    @property
    def name(self) -> str:
        """``bands_axis`` -> ``--bands-axis``."""
        return "--" + self.field.replace("_", "-")


def parse_size(text: str) -> tuple[int, int]:
    """``95x100`` -> (95, 100) rows and columns. Raises UnmixError."""
    found = re.fullmatch(r"\s*(\d+)\s*[x×*,]\s*(\d+)\s*", text, re.IGNORECASE)
    if found is None or min(int(found[1]), int(found[2])) < 1:
        raise UnmixError(f"--size is {text}: give ROWSxCOLUMNS, such as 95x100.")
    return int(found[1]), int(found[2])


def parse_bands_axis(text: str) -> str:
    """First, middle or last. Raises UnmixError."""
    word = {"0": "first", "1": "middle", "2": "last"}.get(text.strip(), text.strip().lower())
    if word not in ("first", "middle", "last"):
        raise UnmixError(f"--bands-axis is {text}: give first, middle or last.")
    return word


def parse_no_data(text: str) -> float | Literal["none"]:
    """A number, ``nan`` among them, or ``none``. Raises UnmixError."""
    word = text.strip().lower()
    if word == NONE:
        return "none"
    try:
        return float(word)
    except ValueError as error:
        raise UnmixError(f"--no-data is {text}: give the stored number that means no data, or none.") from error


def parse_scale(text: str) -> float:
    """A positive number. Raises UnmixError."""
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale > 0):
        raise UnmixError(
            f"--scale is {text}: give the positive number that stored values are divided by, such as 10000."
        )
    return scale


def parse_bands(text: str) -> str:
    """Ranges as they are written, ``all`` among them; the numbers are looked up when the cube is there. Raises UnmixError."""
    parts = _parts(text)
    if not parts:
        raise UnmixError("--bands names no band: give ranges such as 5-80,95-160 or 400-900nm, or all.")
    for part in parts:
        if part.lower() != ALL:
            _range(part)
    return ",".join(ALL if part.lower() == ALL else part for part in parts)


def parse_repair(text: str) -> str:
    """``all``, ``none``, or names of ``REPAIRS``. Raises UnmixError."""
    words: list[str] = [word for word in re.split(r"[,\s]+", text.strip().lower()) if word]
    unknown = [word for word in words if word not in REPAIRS]
    if words in ([ALL], [NONE]):
        return words[0]
    if unknown or not words:
        raise UnmixError(f"--repair is {text}: give all, none, or some of {', '.join(REPAIRS)}.")
    return ",".join(dict.fromkeys(words))


OPTIONS = (
    Option("key", "NAME", "Array", "name of the array, where a file holds several", str),
    Option("size", "ROWSxCOLUMNS", "Image size", "rows and columns of a matrix of pixels × bands", parse_size),
    Option("bands_axis", "first|middle|last", "Bands axis", "which axis of an array holds the bands", parse_bands_axis),
    Option(
        "no_data", "VALUE|none", "No data", "the stored number that means no data, or none: all are data", parse_no_data
    ),
    Option("scale", "NUMBER", "Scale", "what stored numbers are divided by", parse_scale),
    Option(
        "bands",
        "RANGES|all",
        "Bands",
        "the bands that take part: 5-80,95-160 (numbers from 1), 400-900nm; all takes those that look bad as well",
        parse_bands,
    ),
    Option(
        "dark",
        "FILE",
        "Dark reference",
        "reference of raw counts in the dark, subtracted",
        lambda text: Path(text).expanduser(),
    ),
    Option(
        "white",
        "FILE",
        "White reference",
        "reference of raw counts on white, divided by",
        lambda text: Path(text).expanduser(),
    ),
    Option(
        "repair",
        "all|none|NAMES",
        "Repairs",
        f"what may be repaired or left out: all, none, or some of {', '.join(REPAIRS)}",
        parse_repair,
    ),
)


def reading_of(written: Mapping[str, str | None]) -> Reading:
    """What a user wrote, field -> text (None or "": found out), as a ``Reading``. Raises UnmixError with the option to mend."""
    values = {option.field: option.parse(str(written[option.field])) for option in OPTIONS if written.get(option.field)}
    return Reading(**values)


def written_as(reading: Reading) -> dict[str, str]:
    """The reverse: field -> text of everything that a user set."""
    preset = Reading()
    said = {field.name: getattr(reading, field.name) for field in fields(reading)}
    changed = {name: value for name, value in said.items() if value != getattr(preset, name)}
    return {name: _text(value) for name, value in changed.items()}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value!r}" if isinstance(value, float) else str(value)


def takes_all(written: str | None) -> bool:
    """Whether ``all`` is among the ranges: then no list says which bands are bad."""
    return written is not None and ALL in [part.lower() for part in _parts(written)]


def exactly(good: BoolArray) -> str:
    """Ranges by number that take just these (B,) bands, whatever a file says of them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    ranges = [
        f"{low + 1}-{high}" if high > low + 1 else f"{high}" for low, high in zip(edges[::2], edges[1::2], strict=True)
    ]
    return ALL if good.all() else ",".join([ALL, *ranges])


def repairs_wanted(reading: Reading) -> frozenset[str]:
    """The names of ``REPAIRS`` that may be done. Who declares no data himself, or asks for all bands, decides that himself."""
    wanted = {ALL: frozenset(REPAIRS), NONE: frozenset[str]()}.get(reading.repair, frozenset(reading.repair.split(",")))
    decided = {"no-data"} if reading.no_data is not None else set()
    return wanted - decided - ({"bands"} if takes_all(reading.bands) else set())


def bands_within(axis: SpectralAxis, count: int, written: str) -> BoolArray:
    """(B,) bool: the bands inside the written ranges, each in a unit of the spectral axis, or without one by number from 1.

    Raises UnmixError where a range is none, or holds no band.
    """
    inside = np.zeros(count, bool)
    for part in _parts(written):
        if part.lower() == ALL:
            continue
        low, high, unit = _range(part)
        places = _places(axis, count, unit, part)
        found = (places >= low) & (places <= high)
        if not found.any():
            raise UnmixError(
                f"No band lies in {part}: the cube's bands lie in {places.min():g}–{places.max():g} {unit}.".replace(
                    " .", "."
                )
            )
        inside |= found
    return inside


def chosen_bands(cube: Cube, written: str | None) -> BoolArray:
    """(B,) bool: the cube's good bands, of them those inside the written ranges. Raises UnmixError where fewer than two are left."""
    if written is None or not [part for part in _parts(written) if part.lower() != ALL]:
        return cube.good_bands
    good = cube.good_bands & bands_within(cube.spectral_axis, cube.shape[2], written)
    if good.sum() < FEWEST_BANDS:
        raise UnmixError(
            f"--bands {written} leaves {int(good.sum())} of {good.size} bands: leave at least {FEWEST_BANDS}."
        )
    return good


def _parts(written: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", written) if part.strip()]


def _range(part: str) -> tuple[float, float, str]:
    """Low, high and unit ("" for numbers of bands)."""
    found = _RANGE.fullmatch(part)
    if found is None:
        raise UnmixError(
            f"“{part}” is no range of bands: write 5-80 for numbers from 1, or 400-900nm, and commas between ranges."
        )
    first = float(found[1])
    last = float(found[3]) if found[3] else first
    unit = (found[4] or found[2] or "").lower()
    factor = 1e3 if unit in ("um", "µm") else 1.0
    low, high = sorted((first * factor, last * factor))
    return low, high, "nm" if factor > 1 else unit


def _places(axis: SpectralAxis, count: int, unit: str, part: str) -> np.ndarray:
    if not unit:
        return np.arange(1.0, count + 1)
    if unit in ("cm-1", "cm⁻¹") and axis.unit == "cm⁻¹":
        return axis.values
    if _KINDS.get(unit) == axis.kind:
        return axis.values
    raise UnmixError(
        f"{part} is in {unit}, the cube's bands lie by {axis.title}: write ranges in that, or numbers from 1."
    )
