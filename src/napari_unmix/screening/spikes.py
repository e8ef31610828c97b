"""Spikes: numbers far from what their neighbours say, both in the spectrum and in space (cosmic rays, hot pixels), and their mending.

A pixel's difference from its neighbours in space is smooth along the bands, whatever materials they hold. Where it jumps for one to three
bands, by many times the noise and by more than it varies elsewhere, the number is a spike: it is replaced by the neighbours' median plus
that smooth difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.screening.blocks import Float32, row_blocks
from napari_unmix.screening.medians import WINDOW, running_median

_DEVIATIONS = 12.0  # the noisiest band of a real scene reaches 10
_FEWEST_BANDS = 10  # below, one band may hold what no other does
_MOST = 0.02  # of a spectrum's bands: more of them are a feature of the spectrum
_LEAST_BANDS = 3
_WIDEST, _NEARLY = 3, 0.3  # bands of one spike, and what share of it they reach
_LARGE = 0.3  # of the pixel's signal: less does no harm in one band
_SHARPER = 1.5  # times what the spectra of a scene bend by in a band, all but the sharpest twentieth
_LOUDER = 2.0  # times the largest difference of a pixel from its neighbours elsewhere
_CHUNK = 2_000_000  # numbers at a time
_BENT = 100_000  # of a walk that looks for bends: what lies between stays in the cache
_SAMPLE = 1000
_LEAST_PIXELS = 30
_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True, eq=False)
class Spikes:
    """Where the spikes are, three lists of indices (row, column, band), and the numbers that take their place."""

    rows: IntArray
    columns: IntArray
    bands: IntArray
    mended: NDArray[np.float32]

    def mend(self, spectra: Float32) -> Float32:
        """A copy of (H, W, B) spectra without spikes; the spectra themselves where there are none."""
        if not self.rows.size:
            return spectra
        out = spectra.copy()
        out[self.rows, self.columns, self.bands] = self.mended
        return out


_NOWHERE = np.zeros(0, np.int64)
NO_SPIKES = Spikes(_NOWHERE, _NOWHERE, _NOWHERE, np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class Usual:
    """What the numbers of each band usually do: the spread (B,) of their jumps beside their neighbours in band and space, and how sharp (B,)
    spectra are there, whatever the material.
    """

    noise: FloatArray
    sharpness: FloatArray


def steps(sample: FloatArray) -> FloatArray:
    """(B,) the smallest step between two numbers of each band of (N, B) spectra: a quantised band's resolution."""
    ordered = np.ascontiguousarray(sample.T)
    ordered.sort(axis=1)
    differences = np.diff(ordered, axis=1)
    least = np.where(differences > 0, differences, np.inf).min(axis=1, initial=np.inf)
    return np.asarray(np.where(np.isfinite(least), least, 0.0))


def usual_jumps(spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray) -> Usual | None:
    """What is usual in the good bands of a sample of valid pixels of (H, W, B) spectra; None where there are too few with neighbours."""
    bands = np.flatnonzero(good_bands)
    rows, columns = np.nonzero(valid_pixels)
    some = slice(None, None, max(1, rows.size // _SAMPLE))
    here, around, told = _with_neighbours(spectra, rows[some], columns[some], bands, valid_pixels)
    if told.sum() < _LEAST_PIXELS:
        return None
    apart = (here - around)[told]
    noise = 1.4826 * np.median(np.abs(apart - running_median(apart)), axis=0)
    noise = np.maximum(noise, steps(here) / 2)
    return Usual(noise, np.quantile(np.abs(here - running_median(here)), 0.95, axis=0))


def jumps(here: FloatArray, around: FloatArray, usual: Usual) -> tuple[BoolArray, FloatArray]:
    """(N, B) where spectra jump away from their neighbours in space ``around``, and what would be there without."""
    smooth = running_median(here - around)
    jump = np.abs(here - around - smooth)
    own = 1.4826 * np.median(jump, axis=1, keepdims=True)
    elsewhere = np.quantile(np.abs(smooth), 0.95, axis=1, keepdims=True)
    signal = np.sqrt((around**2).mean(axis=1, keepdims=True))
    found = jump > np.maximum(_DEVIATIONS * np.maximum(own, usual.noise), _SHARPER * usual.sharpness)
    found &= jump > np.maximum(_LOUDER * elsewhere, _LARGE * signal)
    found &= np.abs(here - running_median(here)) > jump / 2  # else it is the neighbours that jump
    few = found.sum(axis=1, keepdims=True) <= max(_LEAST_BANDS, int(_MOST * here.shape[1]))
    return _narrow(found & few, jump), around + smooth


def _narrow(found: BoolArray, jump: FloatArray) -> BoolArray:
    """Those of the found (N, B) in whose window at most three bands jump nearly as far: a peak of a spectrum is wider."""
    pixels, bands = np.nonzero(found)
    half = WINDOW // 2
    padded = np.pad(jump, ((0, 0), (half, half)))
    window = padded[pixels[:, None], bands[:, None] + np.arange(WINDOW)]
    narrow = (window > _NEARLY * jump[pixels, bands, None]).sum(axis=1) <= _WIDEST
    out = np.zeros_like(found)
    out[pixels[narrow], bands[narrow]] = True
    return out


def find_spikes(spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray, usual: Usual) -> Spikes:
    """The spikes of valid pixels in good bands of (H, W, B) spectra."""
    bands = np.flatnonzero(good_bands)
    if bands.size < _FEWEST_BANDS:
        return NO_SPIKES
    suspects = _suspects(spectra, bands, valid_pixels)
    parts = []
    step = max(1, _CHUNK // bands.size)
    for first in range(0, len(suspects), step):
        rows, columns = suspects[first : first + step].T
        here, around, told = _with_neighbours(spectra, rows, columns, bands, valid_pixels)
        found, mended = jumps(here, around, usual)
        pixel, band = np.nonzero(found & told[:, None])
        parts.append((rows[pixel], columns[pixel], bands[band], mended[pixel, band].astype(np.float32)))
    if not parts:
        return NO_SPIKES
    rows, columns, places, mended = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Spikes(rows, columns, places, mended)


def _suspects(spectra: Float32, bands: IntArray, valid_pixels: BoolArray) -> IntArray:
    """(K, 2) row and column of the valid pixels whose spectrum bends in some band as few pixels' do there: where a closer look pays."""
    whole = bands.size == spectra.shape[2]
    rows, columns = np.nonzero(valid_pixels)
    some = slice(None, None, max(1, rows.size // _SAMPLE))
    bends = _bend(spectra[rows[some], columns[some]][:, bands])
    middle = np.median(bends, axis=0)
    limit = np.float32(_DEVIATIONS / 2) * np.float32(1.4826) * np.median(np.abs(bends - middle), axis=0)
    low, high = middle - limit, middle + limit
    suspect = np.zeros(valid_pixels.shape, bool)
    for part in row_blocks(spectra.shape, _BENT):
        bend = _bend(spectra[part] if whole else spectra[part][:, :, bands])
        suspect[part] = ((bend < low) | (bend > high)).any(axis=2)
    return np.argwhere(suspect & valid_pixels)


def _bend(spectra: Float32) -> Float32:
    """Second differences along the last axis; at both ends first differences.

    Of numbers that lie in one piece all at once, as if they were one long spectrum: what that says at the ends is written over.
    """
    out = np.empty(spectra.shape, spectra.dtype)
    long = spectra.reshape(-1) if spectra.flags.c_contiguous else spectra
    into = out.reshape(-1) if long.ndim == 1 else out
    with np.errstate(over="ignore", invalid="ignore"):  # fill values, in pixels that are left out
        inner = into[..., 1:-1]
        np.add(long[..., :-2], long[..., 2:], out=inner)
        np.multiply(inner, np.float32(0.5), out=inner)
        np.subtract(long[..., 1:-1], inner, out=inner)
        out[..., 0] = spectra[..., 0] - spectra[..., 1]
        out[..., -1] = spectra[..., -1] - spectra[..., -2]
    return out


def _with_neighbours(
    spectra: Float32, rows: IntArray, columns: IntArray, bands: IntArray, valid_pixels: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Spectra (K, B) of pixels, the medians of their neighbours (K, B), and whether they have two neighbours or more (K,).

    A neighbour without data is replaced by the pixel two steps away, or counts for nothing.
    """
    height, width = valid_pixels.shape
    here = spectra[rows, columns][:, bands].astype(np.float64)
    near = np.full((len(_AROUND), *here.shape), np.nan)
    for place, (down, right) in enumerate(_AROUND):
        for reach in (2, 1):
            row, column = rows + reach * down, columns + reach * right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            inside[inside] = valid_pixels[row[inside], column[inside]]
            near[place, inside] = spectra[row[inside], column[inside]][:, bands]
    counted = np.isfinite(near[:, :, 0]).sum(axis=0)
    around = (near.sum(axis=0) - near.max(axis=0) - near.min(axis=0)) / 2  # the median of four
    edge = (counted >= 2) & (counted < len(_AROUND))
    if edge.any():
        around[edge] = np.nanmedian(near[:, edge], axis=0)
    alone = counted < 2
    around[alone] = here[alone]
    return here, around, ~alone
