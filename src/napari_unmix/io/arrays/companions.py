"""What lies beside a scene in a file of several arrays: wavelengths, good bands, mask, no data, scale, by their names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Georeference
from napari_unmix.io.arrays.choosing import Entry
from napari_unmix.io.axis.units import understood
from napari_unmix.io.axis.wavelengths import implied_unit, names_axis

_LONGEST_LIST = 1_000_000
_GOOD = re.compile(
    r"bbl|(good|valid|used|kept)_?(bands?|wavelengths?|channels?)(_?mask|_?list|_?index)?|band_?mask|bands?_?ok"
)
_BAD = re.compile(r"(bad|excluded|noisy|removed|water)_?(bands?|wavelengths?|channels?)(_?mask|_?list)?")
_CHOSEN = re.compile(r"sl?e?lect(ed)?_?bands?|bands?_?(kept|selected|used)|band_?ind(ex|ices)")
_VALID = re.compile(r"masks?|valid(_?mask|_?pixels|ity)?|good_?pixels|roi_?mask|foreground")
_INVALID = re.compile(r"(no_?data|invalid|bad|nan|missing)_?(mask|pixels)")
_NO_DATA = re.compile(r"(no_?data|data_?ignore|ignore|fill|missing|background)(_?value)?|_?fillvalue|nodatavalue")
_SCALE = re.compile(r"scale|scale_?factor|reflectance_?scale(_?factor)?")
_WIDTH = re.compile(r"fwhms?|band_?widths?")
_UNIT = re.compile(r"(wave(length|number)s?_?)?units?|axis_?units?|wl_?units?")

_TAKEN = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in (_GOOD, _BAD, _CHOSEN, _WIDTH)))
_TRANSFORMS = {"transform": (0, 1, 2, 3, 4, 5), "geotransform": (1, 2, 0, 4, 5, 3)}
_SYSTEMS = ("crs", "crs_wkt", "spatial_ref", "projection")

Load = Callable[[Sequence[str]], dict[str, NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Companions:
    """What was found; as ``Stored`` names it. ``axis`` is that of the bands where the lists tell it and the wavelengths do not."""

    axis: int | None = None
    wavelengths: NDArray[Any] | None = None
    unit: str = "nm"
    fwhm: list[float] | None = None
    scale: float | None = None
    no_data: tuple[float, ...] = ()
    good_bands: BoolArray | None = None
    valid_pixels: BoolArray | None = None
    georeference: Georeference | None = None
    repairs: tuple[str, ...] = ()


def find_companions(
    entries: Sequence[Entry], scene: Entry, array: NDArray[Any], axis: int | None, load: Load
) -> Companions:
    """Read what lies beside ``scene``, whose three-axis array (or image of its matrix) is ``array``; its bands lie along ``axis``, if that is known.

    Of several the one in the scene's own structure.
    """
    own = scene.name.rpartition("/")[0]
    short = [
        entry for entry in entries if entry.name != scene.name and 0 < entry.size <= max(_LONGEST_LIST, array.size)
    ]
    short.sort(key=lambda entry: entry.name.rpartition("/")[0] != own)
    beside = _Beside(short, load)
    places, name = beside.places(array.shape)
    unit = implied_unit(name, places, beside.text(_UNIT)) if places is not None else "nm"
    flags, said_flags = beside.good_bands(0 if places is None else places.size)
    if (
        places is not None
        and flags is not None
        and flags.size == places.size != int(flags.sum()) in array.shape
        and flags.size not in array.shape
    ):
        places, said_flags, flags = (
            places[flags],
            [f"the list of good bands chooses {int(flags.sum())} of {flags.size} wavelengths"],
            None,
        )
    mask, said_mask = beside.mask(array.shape)
    bands = _bands_axis(array.shape, axis, places, flags, mask)
    said = [*said_flags, *said_mask]
    if places is not None and not names_axis(name):
        said.append(f"wavelengths were taken from {name!r}, the only list of {places.size} rising or falling numbers")
    valid = None
    if mask is not None and bands is not None and mask.shape == _without(array.shape, bands):
        valid, more = as_valid(mask, array, bands)
        said += more
    if flags is not None and (bands is None or flags.size != array.shape[bands] or not flags.any()):
        said.append(f"the list of good bands has {flags.size} entries, {int(flags.sum())} of them good: not applied")
        flags = None
    return Companions(
        axis=bands if axis is not None or places is None or array.shape.count(places.size) != 1 else None,
        wavelengths=places,
        unit=unit,
        fwhm=beside.widths(places),
        scale=beside.scalar(_SCALE),
        no_data=tuple(value for value in [beside.scalar(_NO_DATA)] if value is not None),
        good_bands=flags,
        valid_pixels=valid,
        georeference=beside.georeference(),
        repairs=tuple(said),
    )


class _Beside:
    """The small arrays of a file, read when they are asked for."""

    def __init__(self, entries: Sequence[Entry], load: Load) -> None:
        self._entries, self._load = entries, load

    def _read(self, entry: Entry) -> NDArray[Any]:
        return np.asarray(self._load([entry.name])[entry.name])

    def places(self, shape: tuple[int, ...]) -> tuple[NDArray[Any] | None, str]:
        """The list of the bands' places, that of a fitting length first, and its name."""
        lists = [
            e
            for e in self._entries
            if names_axis(e.leaf) and e.kind in "uif" and 1 < e.size < _LONGEST_LIST and _is_list(e)
        ]
        lists.sort(key=lambda entry: entry.size not in shape)
        if not lists:
            return self._only_list(shape)
        chosen = lists[0]
        places = self._read(chosen).ravel()
        numbers = next(
            (self._read(e).ravel() for e in self._entries if _CHOSEN.fullmatch(e.leaf) and e.size in shape), None
        )
        if chosen.size not in shape and numbers is not None and numbers.dtype.kind in "uif":
            index = np.rint(numbers).astype(int) - 1  # MATLAB counts from 1
            if index.min() >= 0 and index.max() < places.size:
                return places[index], chosen.leaf
        return places, chosen.leaf

    def _only_list(self, shape: tuple[int, ...]) -> tuple[NDArray[Any] | None, str]:
        """The one rising or falling list of as many numbers as the last axis has, under a name that says nothing."""
        if shape[2] in (*shape[:2], 1, 2):
            return None, ""
        found = []
        for entry in self._entries:
            if entry.size == shape[2] and entry.kind in "uif" and _is_list(entry) and not _TAKEN.fullmatch(entry.leaf):
                values = self._read(entry).ravel()
                steps = np.diff(values.astype(float))
                if (steps > 0).all() or (steps < 0).all():
                    found.append((values, entry.leaf))
        return found[0] if len(found) == 1 else (None, "")

    def text(self, pattern: re.Pattern[str]) -> str:
        """A text of this name that is a unit, or ""."""
        for entry in self._entries:
            if entry.kind == "U" and pattern.fullmatch(entry.leaf):
                written = str(self._read(entry).ravel()[0])
                if understood(written).kind:
                    return written
        return ""

    def georeference(self) -> Georeference | None:
        """Six numbers ``transform`` (a … f), or GDAL's ``geotransform`` (c, a, b, f, d, e), and a text ``crs``."""
        for entry in self._entries:
            order = _TRANSFORMS.get(entry.leaf.replace("_", ""))
            if order is None or entry.size != 6 or entry.kind not in "uif":
                continue
            numbers = [float(number) for number in self._read(entry).ravel()[list(order)]]
            texts = [one for one in self._entries if one.kind == "U" and one.leaf in _SYSTEMS]
            crs = str(self._read(texts[0]).ravel()[0]) if texts else ""
            a, b, c, d, e, f = numbers
            return Georeference((a, b, c, d, e, f), crs) if np.isfinite(numbers).all() else None
        return None

    def scalar(self, pattern: re.Pattern[str]) -> float | None:
        """A single number of this name."""
        for entry in self._entries:
            if entry.size == 1 and entry.kind in "uif" and pattern.fullmatch(entry.leaf):
                return float(self._read(entry).item())
        return None

    def widths(self, places: NDArray[Any] | None) -> list[float] | None:
        """Full widths, as many as there are places."""
        for entry in self._entries:
            if (
                places is not None
                and entry.size == places.size
                and entry.kind in "uif"
                and _WIDTH.fullmatch(entry.leaf)
            ):
                return [float(width) for width in self._read(entry).ravel()]
        return None

    def good_bands(self, count: int) -> tuple[BoolArray | None, list[str]]:
        """(B,) flags from a list of zeros and ones."""
        for entry in self._entries:
            if names_flags(entry.leaf) and entry.kind in "buif" and _is_list(entry) and entry.size >= 2:
                return band_flags(entry.name, self._read(entry).ravel(), count)
        return None, []

    def mask(self, shape: tuple[int, ...]) -> tuple[BoolArray | None, list[str]]:
        """An image of two values of this name, True where it says that pixels hold data."""
        images = {_without(shape, axis) for axis in range(3)}
        for entry in self._entries:
            if not names_mask(entry.leaf) or entry.kind not in "buif":
                continue
            if entry.shape in images:
                return pixel_mask(entry.name, self._read(entry))
            if entry.size > 1:
                return None, [f"'{entry.name}' is no image of the cube's size: not taken for a mask"]
        return None, []


def names_flags(leaf: str) -> bool:
    """Whether this is what a list of good or bad bands is called."""
    return bool(_GOOD.fullmatch(leaf) or _BAD.fullmatch(leaf))


def names_mask(leaf: str) -> bool:
    """Whether this is what an image of valid or of invalid pixels is called."""
    return bool(_VALID.fullmatch(leaf) or _INVALID.fullmatch(leaf))


def band_flags(name: str, values: NDArray[Any], count: int) -> tuple[BoolArray | None, list[str]]:
    """(B,) True for good bands, of a list of zeros and ones, or of the numbers of bad bands from 1 where there are ``count`` bands."""
    bad = bool(_BAD.fullmatch(name.rpartition("/")[2].lower()))
    if np.isin(values, (0, 1)).all():
        return (values == 0) if bad else (values != 0), []
    if bad and count and (values == np.rint(values)).all() and values.min() >= 1 and values.max() <= count:
        flags = np.ones(count, bool)
        flags[values.astype(int) - 1] = False
        return flags, [f"'{name}' numbers {values.size} bands from 1: left out (--bands all takes them)"]
    return None, [f"'{name}' holds other numbers than 0 and 1: not applied (--bands chooses bands)"]


def pixel_mask(name: str, values: NDArray[Any]) -> tuple[BoolArray | None, list[str]]:
    """(rows, columns) True where an image of two values says that pixels hold data."""
    if np.unique(values).size > 2:
        return None, [f"'{name}' holds more than two values: not taken for a mask"]
    return (values == 0) if _INVALID.fullmatch(name.rpartition("/")[2].lower()) else (values > 0), []


def _is_list(entry: Entry) -> bool:
    return sum(length > 1 for length in entry.shape) <= 1


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _bands_axis(
    shape: tuple[int, ...],
    axis: int | None,
    places: NDArray[Any] | None,
    flags: BoolArray | None,
    mask: BoolArray | None,
) -> int | None:
    """The axis that the lists and the mask fit; of several the last, None where nothing fits."""
    if axis is not None:
        return axis
    votes = [
        sum(one is not None and one.size == shape[place] for one in (places, flags))
        + (mask is not None and mask.shape == _without(shape, place))
        for place in range(3)
    ]
    best = max(votes)
    return None if not best else max(place for place in range(3) if votes[place] == best)


def as_valid(mask: BoolArray, array: NDArray[Any], axis: int) -> tuple[BoolArray | None, list[str]]:
    """The mask as valid pixels: where those that it marks are empty and the others are not, it marks what is to be left out."""
    if mask.all():
        return mask, []
    step = max(1, math.ceil(array.shape[axis] / 16))
    part = tuple(slice(None, None, step if place == axis else None) for place in range(3))
    some = np.moveaxis(np.asarray(array[part]), axis, 2)
    empty = ((some == 0) | ~np.isfinite(some)).all(axis=2)
    if not mask.any() or empty[mask].mean() > 0.5 > empty[~mask].mean():
        mask = ~mask
    lost = int((~mask).sum())
    return mask, [f"the file's mask leaves out {lost} of {mask.size} pixels (--no-data none keeps them)"]
