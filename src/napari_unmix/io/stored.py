"""What a reader finds in a file, and how stored numbers become spectra: block by block of lines, whatever the format."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, FloatArray, Georeference

_READ = 1_000_000  # numbers read at a time, which a processor's cache nearly holds
_UNPACKED = 8_000_000  # the same of an array in chunks, which are unpacked whole
_CONVERTED = 250_000  # numbers converted at a time: what lies between in double precision stays in the cache
_SINGLE_BITS = 24  # of the whole numbers that single precision holds


class ArrayLike(Protocol):
    """An array of a file, in memory, mapped, or read when it is sliced (HDF5, Zarr)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, index: Any) -> Any: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """A cube as its file has it. Nothing is applied yet: ``assemble.build_cube`` does, by the same rules for every format.

    Attributes
    ----------
    array : three axes, in any order; further axes of length 1 are dropped
    bands_axis : which axis (0, 1 or 2, of the three) holds the bands where the format or its names say so, None where it is to be found out
    wavelengths : the list of the file, of any length and type, in ``unit`` (as the file spells it), or None
    fwhm : (B,) widths in the same unit, or None
    scale : what stored numbers are divided by, after ``gains`` and ``offsets``: (stored · gain + offset) / scale
    gains, offsets : (B,) or one for all bands, or None
    no_data : stored numbers that mean no data
    valid_range : the lowest and highest stored number that is data, or None
    ceiling : the stored number at which the instrument saturates, or None
    good_bands : (B,) the file's own list, or None
    valid_pixels : (rows, columns) the file's own mask, or None
    georeference : where it lies, or None
    repairs : sentences on what was repaired or assumed
    close : called when the array was read, where a file stays open until then
    """

    array: ArrayLike
    bands_axis: int | None = None
    wavelengths: object = None
    unit: str = "nm"
    fwhm: Sequence[float] | None = None
    scale: float = 1.0
    gains: Sequence[float] | float | None = None
    offsets: Sequence[float] | float | None = None
    no_data: tuple[float, ...] = ()
    valid_range: tuple[float, float] | None = None
    ceiling: float | None = None
    good_bands: BoolArray | None = None
    valid_pixels: BoolArray | None = None
    georeference: Georeference | None = None
    repairs: tuple[str, ...] = ()
    close: Callable[[], object] | None = None


def three_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes that count: those longer than 1, and of those of length 1 the first ones as far as three need them."""
    excess = len(shape) - 3
    ones = [axis for axis, length in enumerate(shape) if length == 1]
    dropped = set(ones[: max(excess, 0)])
    return tuple(axis for axis in range(len(shape)) if axis not in dropped)


def to_spectra(stored: Stored, axis: int) -> tuple[NDArray[np.float32], BoolArray | None]:
    """(H, W, B) spectra of an array whose bands lie along ``axis``, and where the stored number is no data (None: nowhere can be).

    What float32 can't hold becomes infinite, which is no data as well. Raises what reading the array raises.
    """
    height, width, bands = sizes(stored, axis)
    spectra = np.empty((height, width, bands), np.float32)
    checked = bool(stored.no_data) or stored.valid_range is not None
    missing = np.empty(spectra.shape, bool) if checked else None
    for lines, block in blocks(stored, axis):
        if missing is not None:
            missing[lines] = no_data(block, stored)
        scaled(block, stored, out=spectra[lines])
    return spectra, missing


def sizes(stored: Stored, axis: int) -> tuple[int, int, int]:
    """(H, W, B) of an array whose bands lie along ``axis``."""
    lengths = [stored.array.shape[kept] for kept in three_axes(stored.array.shape)]
    bands = lengths.pop(axis)
    return lengths[0], lengths[1], bands


def blocks(stored: Stored, axis: int) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Some lines at a time of the stored numbers, as (lines, samples, bands)."""
    kept = three_axes(stored.array.shape)
    height, width, bands = sizes(stored, axis)
    rows = next(place for place in range(3) if place != axis)
    step = max(1, _CONVERTED // (width * bands))
    chunks: Sequence[int] | None = getattr(stored.array, "chunks", None)
    slab = max(1, (_UNPACKED if chunks else _READ) // (width * bands))
    slab = slab if chunks is None else max(slab // int(chunks[kept[rows]]), 1) * int(chunks[kept[rows]])
    for top in range(0, height, slab):
        bottom = min(top + slab, height)
        index: list[Any] = [0] * len(stored.array.shape)
        for place, real in enumerate(kept):
            index[real] = slice(top, bottom) if place == rows else slice(None)
        read = np.moveaxis(np.asarray(stored.array[tuple(index)]), axis, 2)
        for first in range(top, bottom, step):
            last = min(first + step, bottom)
            yield slice(first, last), read[first - top : last - top]


def scaled(block: NDArray[Any], stored: Stored, out: NDArray[np.float32]) -> None:
    """(block · gain + offset) / scale in double precision, rounded to single; what float32 can't hold becomes infinite.

    A quotient of two numbers that single precision holds is rounded once or twice to the same number (Figueroa, "When is double rounding
    innocuous?", SIGNUM 30, 1995: 53 bits are more than twice 24 and two), so such are divided in single precision.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _scale(block, stored, out)


def _scale(block: NDArray[Any], stored: Stored, out: NDArray[np.float32]) -> None:
    plain = stored.gains is None and stored.offsets is None
    if plain and (stored.scale == 1 or _is_single(block.dtype, stored.scale)):
        np.copyto(out, block, casting="unsafe")
        if stored.scale != 1:
            np.divide(out, np.float32(stored.scale), out=out)
        return
    if stored.gains is None and stored.offsets is None:
        np.divide(block, stored.scale, out=out, casting="unsafe", dtype=np.float64)
        return
    gain, offset = (
        np.asarray(default if given is None else given)
        for given, default in ((stored.gains, 1.0), (stored.offsets, 0.0))
    )
    out[...] = (block.astype(np.float64) * gain + offset) / stored.scale


def _is_single(kind: np.dtype[Any], scale: float) -> bool:
    """Whether single precision holds all stored numbers of a type, and the scale."""
    held = kind.itemsize * 8 <= _SINGLE_BITS if kind.kind in "ui" else kind.itemsize <= np.dtype(np.float32).itemsize
    return held and float(np.float32(scale)) == scale


def no_data(block: NDArray[Any], stored: Stored) -> BoolArray:
    found = np.zeros(block.shape, bool)
    for value in stored.no_data:
        found |= equals(block, value)
    if stored.valid_range is not None:
        lowest, highest = stored.valid_range
        found |= (block < lowest) | (block > highest)
    return found


def equals(block: NDArray[Any], value: float) -> BoolArray:
    """Compared as the file stores it: -3.4028235e38 in a header is the float32 next to it."""
    if math.isnan(value):
        return np.asarray(np.isnan(block), bool)
    with np.errstate(over="ignore"):
        return cast(
            BoolArray, np.asarray(block == (block.dtype.type(value) if block.dtype.kind == "f" else value), bool)
        )


def per_band(values: FloatArray | Sequence[float] | None) -> tuple[float, ...] | None:
    """A list of numbers as it is kept."""
    return None if values is None else tuple(float(value) for value in values)
