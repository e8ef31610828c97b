"""Pixels without data that nobody declared: fill values, spectra that repeat bit by bit, and zero.

A fill value stands far outside of all other numbers. A spectrum that many pixels share bit by bit is a mask's constant, unless the scene
repeats anyway: a quantised one, where its neighbours in value are as frequent, or a noise-free one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray
from napari_unmix.rows.subspace import noise_per_band
from napari_unmix.screening.blocks import Extremes, Float32, Unusable, extremes, row_blocks, sampled

# As GDAL, ENVI, NetCDF, HDF and the missions' products write them; NaN and the infinities are no numbers anyway.
USUAL_FILLS = (
    *(-9999.0, -999.0, -99999.0, -9998.0, -32768.0, -32767.0, -2147483648.0, 65535.0, 32767.0),
    *(
        -1e30,
        1e30,
        -1e32,
        1e20,
        -1e20,
        1e34,
        -1e34,
        1e36,
        9.969209968386869e36,
        -3.4028234663852886e38,
        3.4028234663852886e38,
    ),
)
_GAP = 0.5  # of the span of all other numbers, between them and a fill value
_STEPS = 5.0  # of a scene of few levels, likewise
_MOST_FILLS = 6
_LEAST = 20  # pixels that repeat one spectrum
_SHARE = 0.005
_APART = 10.0  # times more frequent than the next spectrum that repeats
_HASHED = 16  # bands that a first look at repeated spectra reads
_SAMPLE = 4000
_MOST_MASKS = 3
_ROUNDING = 1e-4  # of the signal: a scene with less noise is a simulated one, which may repeat anything


def is_outside(value: float, low: float, high: float, levels: int) -> bool:
    """Whether a number lies far outside of all others: between ``low`` and ``high``, of ``levels`` different ones."""
    span = max(high - low, 1e-6 * max(abs(low), abs(high)))
    gap = max(low - value, value - high)
    return gap > _GAP * span and gap > _STEPS * span / max(1, levels - 1)


def fill_values(
    spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray, scale: float, bounds: Extremes
) -> tuple[np.float32, ...]:
    """The fill values among (H, W, B) spectra, which were divided by ``scale``, outermost first; ``bounds`` are their extremes."""
    with np.errstate(over="ignore"):
        known = np.concatenate([np.array(USUAL_FILLS, np.float32), np.divide(USUAL_FILLS, scale).astype(np.float32)])
    sample = sampled(spectra, valid_pixels, good_bands, _SAMPLE).ravel()
    found: tuple[np.float32, ...] = ()
    while len(found) < _MOST_FILLS:
        outermost = (np.fmin.reduce(bounds.low[good_bands]), np.fmax.reduce(bounds.high[good_bands]))
        others = sample[np.isfinite(sample) & ~np.isin(sample, [*outermost, *found])]
        if others.size == 0:
            return found
        low, high = np.quantile(others, [0.001, 0.999])
        far = [value for value in dict.fromkeys(outermost) if is_outside(float(value), low, high, others.size)]
        levels = np.unique(others).size if far else 0  # at most as many as there are numbers
        new = tuple(
            value
            for value in far
            if is_outside(float(value), float(low), float(high), levels)
            and (np.isin(value, known) or _count(spectra, good_bands, value) >= _LEAST)
        )
        if not new:
            return found
        found += new
        bounds = extremes(spectra, Unusable(valid_pixels, found))
    return found


def zero_pixels(spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray) -> BoolArray:
    """(H, W) valid pixels whose good bands are all exactly zero."""
    first = int(np.flatnonzero(good_bands)[0])
    zero: BoolArray = valid_pixels & (spectra[..., first] == 0)
    zero[zero] = (spectra[zero][:, good_bands] == 0).all(axis=1)
    return zero


@dataclass(frozen=True)
class Repeat:
    """One spectrum that ``count`` pixels share bit by bit; ``flat``: it has the same number in all bands."""

    count: int
    flat: bool


def repeats_without_data(repeats: list[Repeat], pixels: int, noise_free: bool) -> tuple[int, ...]:
    """Which of the spectra that repeat, most frequent first, stand for no data, of ``pixels`` in all.

    They stand apart: ten times as frequent as the next one that repeats. In a scene without noise only a flat spectrum is told from a
    material's.
    """
    counts = [*(repeat.count for repeat in repeats), 1]
    for number in range(1, min(_MOST_MASKS, len(repeats)) + 1):
        if counts[number - 1] < max(_LEAST, _SHARE * pixels):
            return ()
        if counts[number - 1] >= _APART * counts[number]:
            return tuple(place for place, repeat in enumerate(repeats[:number]) if repeat.flat or not noise_free)
    return ()


def repeated_pixels(spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray) -> BoolArray:
    """(H, W) valid pixels of (H, W, B) spectra whose spectrum repeats bit by bit and stands for no data."""
    result = np.zeros(valid_pixels.size, bool)
    chosen = np.flatnonzero(good_bands)
    flat = spectra.reshape(-1, spectra.shape[2])
    where = np.flatnonzero(valid_pixels)
    look = chosen[np.linspace(0, chosen.size - 1, min(_HASHED, chosen.size)).astype(int)]
    where = where[_repeating(_keys(flat, where, look))]  # most scenes end here
    _, first, inverse, counts = np.unique(
        _keys(flat, where, chosen), return_index=True, return_inverse=True, return_counts=True
    )
    if not counts.size or counts.max() < _LEAST:
        return result.reshape(valid_pixels.shape)
    order = np.argsort(-counts, kind="stable")[: _MOST_MASKS + 1]
    order = order[counts[order] > 1]
    repeats = [Repeat(int(counts[k]), bool(np.ptp(flat[where[first[k]]][chosen]) == 0)) for k in order]
    rest = valid_pixels.copy()
    rest.flat[where] = False
    taken = order[list(repeats_without_data(repeats, int(valid_pixels.sum()), _noise_free(spectra, good_bands, rest)))]
    highest = np.fmax.reduce(extremes(spectra, Unusable(rest)).high[chosen]) if taken.size else np.nan
    full = [
        k for k in taken if (flat[where[first[k]]][chosen] == highest).all()
    ]  # others reach it: a full detector, no mask
    result[where[np.isin(inverse, np.setdiff1d(taken, full))]] = True
    return result.reshape(valid_pixels.shape)


def _noise_free(spectra: Float32, good_bands: BoolArray, valid_pixels: BoolArray) -> bool:
    """Whether the other bands tell each band but for rounding; a scene with hardly a pixel that does not repeat was made so, too."""
    sample = sampled(spectra, valid_pixels, good_bands, _SAMPLE)
    sample = sample[np.isfinite(sample).all(axis=1)]
    if len(sample) < 2 * _LEAST:
        return True
    return bool(np.median(noise_per_band(sample)) < _ROUNDING * np.sqrt((sample**2).mean()))


def _repeating(keys: NDArray[np.uint64]) -> BoolArray:
    """Which keys occur more than once."""
    ordered = np.sort(keys)
    return np.asarray(np.isin(keys, ordered[1:][ordered[1:] == ordered[:-1]]))


def _keys(flat: Float32, where: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[np.uint64]:
    """(len(where),) one number for each spectrum's bits: a sum of products with random odd numbers, modulo 2⁶⁴."""
    factors = np.random.default_rng(0).integers(0, 2**63, bands.size, dtype=np.uint64) * 2 + 1
    keys = np.empty(where.size, np.uint64)
    step = max(1, 2_000_000 // bands.size)
    for first in range(0, where.size, step):
        some = flat[np.ix_(where[first : first + step], bands)] + np.float32(0)  # -0.0 becomes 0.0
        keys[first : first + step] = some.view(np.uint32).astype(np.uint64) @ factors
    return keys


def _count(spectra: Float32, good_bands: BoolArray, value: np.float32) -> int:
    per_band = np.zeros(good_bands.size, np.int64)
    for part in row_blocks(spectra.shape):
        per_band += np.count_nonzero(spectra[part] == value, axis=(0, 1))
    return int(per_band[good_bands].sum())
