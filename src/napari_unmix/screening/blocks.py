"""Walks over a cube in blocks of rows, so that no step needs a second cube."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray

Float32 = NDArray[np.float32]
_BLOCK = 2_000_000  # numbers: eight megabytes, which a processor's cache nearly holds
_REDUCED = 250_000  # of a walk that goes over each block several times


def row_blocks(shape: tuple[int, ...], numbers: int = _BLOCK) -> Iterator[slice]:
    """Slices of rows of a cube (H, W, B), of so many numbers."""
    height, width, bands = shape
    step = max(1, numbers // max(1, width * bands))
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


@dataclass(frozen=True, eq=False)
class Unusable:
    """Which numbers of a cube stand for nothing: not finite, in a pixel without data, or one of ``values``."""

    valid_pixels: BoolArray
    values: tuple[np.float32, ...] = ()

    def missing(self, block: Float32) -> BoolArray:
        """Numbers of a block that are not finite, or one of the values."""
        lost = ~np.isfinite(block)
        for value in self.values:
            lost |= block == value
        return lost

    def cleaned(self, block: Float32, rows: slice) -> Float32:
        """The block itself where all of it can be used, else a copy with NaN in place of what can not."""
        valid = self.valid_pixels[rows, :, None]
        if not self.values and valid.all() and np.isfinite(block).all():  # most blocks
            return block
        lost = self.missing(block)
        lost |= ~valid
        return np.where(lost, np.float32(np.nan), block) if lost.any() else block


@dataclass(frozen=True, eq=False)
class Extremes:
    """Lowest and highest usable number of each column (W, B) and of each row (H, B); NaN where there is none.

    ``whole``: all numbers are usable.
    """

    column_low: Float32
    column_high: Float32
    row_low: Float32
    row_high: Float32
    whole: bool = False

    @property
    def low(self) -> Float32:
        """(B,) lowest number of each band."""
        return np.asarray(np.fmin.reduce(self.column_low, axis=0))

    @property
    def high(self) -> Float32:
        """(B,) highest number of each band."""
        return np.asarray(np.fmax.reduce(self.column_high, axis=0))


def extremes(spectra: Float32, unusable: Unusable) -> Extremes:
    """The extremes of (H, W, B) spectra, in one walk."""
    height, width, bands = spectra.shape
    columns = np.full((2, width, bands), np.nan, np.float32)
    rows = np.full((2, height, bands), np.nan, np.float32)
    whole = True
    for part in row_blocks(spectra.shape, _REDUCED):
        seen = spectra[part]
        block = unusable.cleaned(seen, part)
        whole &= block is seen
        for of, (column, row) in zip((np.fmin, np.fmax), zip(columns, rows, strict=True), strict=True):
            of(column, of.reduce(block, axis=0), out=column)
            of.reduce(block, axis=1, out=row[part])
    return Extremes(columns[0], columns[1], rows[0], rows[1], whole)


def sampled(spectra: Float32, valid_pixels: BoolArray, good_bands: BoolArray, count: int) -> NDArray[np.float64]:
    """(≤ count, good bands) spectra of valid pixels, the same ones every time, spread at random."""
    where = np.flatnonzero(valid_pixels)
    if where.size > count:
        where = np.sort(np.random.default_rng(0).choice(where, count, replace=False, shuffle=False))
    rows, columns = np.unravel_index(where, valid_pixels.shape)
    return np.asarray(spectra[rows, columns][:, good_bands], np.float64)
