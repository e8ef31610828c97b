"""Cubes that stay in their file: how parts of it become spectra, and what is found out from a thinned copy when they are opened.

Nothing here walks over the whole file. What no data and bad bands are is decided on every k-th pixel of every k-th line, by the rules that
screen a cube in memory (``assemble``), and what was decided holds for whatever is read later. Repairs of single numbers (stripes, spikes,
saturation) would need the whole, and are not done.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Cube, FloatArray, Reading
from napari_unmix.io.assemble import Calibration, Reference, Taken, as_wanted, bands_axis, calibration_of, screened
from napari_unmix.io.budget import available, readable_size, run_bytes, stays_on_disk, told_to_stay
from napari_unmix.io.stored import ArrayLike, Stored, no_data, scaled, sizes, three_axes, to_spectra
from napari_unmix.lazy import LazySpectra, Overview
from napari_unmix.sentences import UnmixError

Float32 = NDArray[np.float32]
Places = NDArray[np.intp]

_NUMBERS = 24_000_000  # of the thinned copy: 0.1 GB, which is screened within two seconds
_READ = 1_500_000_000  # bytes of the file that are read for it: three seconds of a slow disk
_LEAST_SIDE = 48  # pixels of its longer side, whatever that costs to read
_SPARED = frozenset({"lines", "spikes", "saturation"})  # repairs that need the whole cube


def stays(stored: Stored) -> bool:
    """Whether a cube stays in its file: its format can, and a run of it would not fit into memory."""
    return bool(getattr(stored.array, "can_stay", False)) and stays_on_disk(math.prod(stored.array.shape))


def cube_on_disk(stored: Stored, path: Path, reading: Reading, reference: Reference | None) -> Cube:
    """The cube of an open file that stays open. Raises UnmixError where nothing usable is seen in it, OSError."""
    stored = as_wanted(stored, reading)
    axis, turned = bands_axis(_told(stored, path), reading, path)
    source = StoredSource(stored, axis)
    step = thinning(source, stored.array.dtype.itemsize)
    rows, columns = (np.arange(step // 2, length, step) for length in source.shape[:2])
    taken = _thinned(source, rows, columns, turned)
    calibration = calibration_of(taken, reading, reference, path)
    seen, found = screened(taken, path, reading, calibration, _SPARED)
    power = seen.scale / stored.scale  # of ten, where its numbers were too small or too large
    source.apply(
        Rules(calibration, found.fills, power, _empty(source, stored, found.empty, calibration) / np.float32(power))
    )
    for value in source.rules.fills:
        seen.spectra[seen.spectra == value / np.float32(power)] = np.nan
    lazy = LazySpectra(
        source,
        available,
        run_bytes(math.prod(source.shape)),
        Overview(step, rows, columns, cast(Float32, seen.spectra)),
    )
    return replace(
        seen,
        spectra=cast(FloatArray, lazy),
        valid_pixels=np.ones(source.shape[:2], bool) if stored.valid_pixels is None else stored.valid_pixels,
        repairs=(*_said(stored, source, step, path), *seen.repairs),
    )


@dataclass(frozen=True, eq=False)
class Rules:
    """What was decided when a file was opened, and is done to whatever is read of it.

    Attributes
    ----------
    calibration : by dark and white references, or None
    fills : numbers that were found to be no data, as they are after ``calibration``
    power : what numbers are divided by at last, a power of ten
    empty : (K, B) spectra that stand for no data, as they are at last
    """

    calibration: Calibration | None = None
    fills: tuple[np.float32, ...] = ()
    power: float = 1.0
    empty: Float32 | None = None


class StoredSource:
    """Spectra of what a file stores, read when they are asked for; for several threads, one at a time. ``lazy.Source``."""

    def __init__(self, stored: Stored, axis: int) -> None:
        self._stored, self._lock, self.rules = stored, threading.Lock(), Rules()
        self._kept = three_axes(stored.array.shape)
        self._axis = axis
        self.shape = sizes(stored, axis)
        self.cell = self._cell()
        self.empty: Float32 = np.zeros((0, self.shape[2]), np.float32)

    @property
    def stored(self) -> Stored:
        """What the file holds."""
        return self._stored

    def apply(self, rules: Rules) -> None:
        """Do so to whatever is read from now on."""
        self.rules = rules
        if rules.empty is not None:
            self.empty = rules.empty

    def numbers(self, rows: Places, columns: Places, bands: Places) -> NDArray[Any]:
        """(len(rows), len(columns), len(bands)) numbers as they are stored."""
        wanted = [rows, columns]
        wanted.insert(self._axis, bands)
        with self._lock:
            found = picked(self._stored.array, self._kept, wanted)
        return np.moveaxis(found, self._axis, 2)

    def window(self, rows: Places, columns: Places, bands: Places) -> Float32:
        """(len(rows), len(columns), len(bands)) spectra, NaN where there is no data. Raises UnmixError, OSError."""
        block = self.numbers(rows, columns, bands)
        stored = of_bands(self._stored, bands)
        out = np.empty(block.shape, np.float32)
        scaled(block, stored, out)
        if (stored.no_data and not _only_whole(stored)) or stored.valid_range is not None:
            out[no_data(block, stored)] = np.nan
        rules = self.rules
        if rules.calibration is not None:
            out = rules.calibration.applied(out, columns, bands)
        for value in rules.fills:
            out[out == value] = np.nan
        return out if rules.power == 1 else (out.astype(np.float64) / rules.power).astype(np.float32)

    def _cell(self) -> tuple[int, int]:
        array = self._stored.array
        own = getattr(array, "cell", None)
        if own is not None and self._axis == 2:
            return cast(tuple[int, int], own)
        chunks = getattr(array, "chunks", None)
        if not chunks:
            return 1, self.shape[1]
        across = [int(chunks[axis]) for place, axis in enumerate(self._kept) if place != self._axis]
        return min(across[0], self.shape[0]), min(across[1], self.shape[1])


def picked(array: ArrayLike, kept: tuple[int, ...], wanted: list[Places]) -> NDArray[Any]:
    """Numbers of an array at places of its three axes that count (``kept``), each axis by itself."""
    own = getattr(array, "picked", None)
    if own is not None and len(array.shape) == len(kept):
        return np.asarray(own(*wanted))
    index: list[Any] = [0] * len(array.shape)
    inside: list[Any] = []
    for axis, places in zip(kept, wanted, strict=True):
        low, high = (int(places.min()), int(places.max())) if places.size else (0, -1)
        step = int(places[1] - places[0]) if places.size > 1 else 1
        even = step > 0 and bool((np.diff(places) == step).all())
        index[axis] = slice(low, high + 1, step if even else 1)
        inside.append(slice(None) if even else places - low)
    found = np.asarray(array[tuple(index)])
    for axis, places in enumerate(inside):
        found = found if isinstance(places, slice) else np.take(found, places, axis=axis)
    return found


def of_bands(stored: Stored, bands: Places) -> Stored:
    """The same with the gains and offsets of these bands."""
    if isinstance(stored.gains, int | float | None) and isinstance(stored.offsets, int | float | None):
        return stored
    return replace(stored, gains=_of_bands(stored.gains, bands), offsets=_of_bands(stored.offsets, bands))


def _of_bands(given: Sequence[float] | float | None, bands: Places) -> Sequence[float] | float | None:
    return given if isinstance(given, int | float | None) else [given[band] for band in bands.tolist()]


def thinning(source: StoredSource, itemsize: int) -> int:
    """Pixels from one of the thinned copy to the next: the fewest that keep it, and what is read for it, within bounds."""
    height, width, bands = source.shape
    tall, wide = source.cell
    wide = width if tall == 1 else wide  # a line is read as one
    for step in range(1, max(2, max(height, width) // _LEAST_SIDE)):
        numbers = -(-height // step) * -(-width // step) * bands
        read = height * width * bands * itemsize * min(1.0, tall / step) * min(1.0, wide / step)
        if numbers <= _NUMBERS and read <= _READ:
            return step
    return max(1, max(height, width) // _LEAST_SIDE)


def _thinned(source: StoredSource, rows: Places, columns: Places, turned: tuple[str, ...]) -> Taken:
    """Some lines and columns as ``assemble.take`` takes the whole."""
    numbers = np.ascontiguousarray(source.numbers(rows, columns, np.arange(source.shape[2])))
    valid = source.stored.valid_pixels
    few = replace(
        source.stored, array=numbers, bands_axis=2, valid_pixels=None if valid is None else valid[np.ix_(rows, columns)]
    )
    spectra, missing = to_spectra(few, 2)
    return Taken(spectra, missing, turned, replace(few, array=np.empty(0)), columns, source.shape[1])


def _empty(
    source: StoredSource, stored: Stored, found: tuple[Float32, ...], calibration: Calibration | None
) -> Float32:
    """(K, B) spectra that stand for no data: those that were found, and zero where the file declares that."""
    every = [np.asarray(one, np.float32) for one in found]
    if _only_whole(stored) and calibration is None:
        zero = np.empty((1, 1, source.shape[2]), np.float32)
        scaled(np.zeros(zero.shape, stored.array.dtype), stored, zero)
        every.append(zero[0, 0])
    return np.array(every, np.float32).reshape(len(every), source.shape[2])


def _only_whole(stored: Stored) -> bool:
    """Whether a zero is no data only where all of a pixel is: dark bands really reach it."""
    return stored.no_data == (0.0,) and stored.valid_range is None


def _said(stored: Stored, source: StoredSource, step: int, path: Path) -> tuple[str, ...]:
    """That the cube stays in its file, and what follows from that."""
    height, width, bands = source.shape
    size = readable_size(height * width * bands * 4)
    seen = "" if step == 1 else f"; pictures show, and these notes count, every {step}th pixel of every {step}th line"
    reason = (
        ""
        if told_to_stay()
        else f", for unmixing it at once would take {readable_size(run_bytes(height * width * bands))}"
    )
    said = [
        f"{size}: read from disk as needed{reason}{seen}",
        "stripes, spikes and saturated pixels are not looked for in a cube that is read from disk",
    ]
    if getattr(stored.array, "scattered", False):
        said.append(
            f"a spectrum lies in {bands} places of a bsq file, so spectra are slow: napari-unmix convert {path.name} {path.stem}-lines.bil"
            " writes one in which they are quick"
        )
    return tuple(said)


class _Unlooked:
    """In the place of an array in chunks, of which no thinned copy is read to find out which axis holds the bands."""

    def __init__(self, array: ArrayLike, path: Path) -> None:
        self.shape, self.dtype, self._name = array.shape, array.dtype, path.name

    def __getitem__(self, index: Any) -> Any:
        raise UnmixError(
            f"{self._name} is too large to find out which of its axes holds the bands: say so by --bands-axis first, middle or last."
        )


def _told(stored: Stored, path: Path) -> Stored:
    return replace(stored, array=_Unlooked(stored.array, path)) if getattr(stored.array, "chunks", None) else stored
