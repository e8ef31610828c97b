"""Pixels whose detector was full: the highest number of a band, repeated."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import BoolArray, IntArray
from napari_unmix.screening.blocks import Extremes, Float32, Unusable

_LEAST = 10  # pixels with exactly the highest number of their band
_PILE = 5.0  # times as many as at the level below
_TAIL = 50  # numbers below the highest, which show how frequent a level is
_LEVELS = 256  # a band with no more of them is told saturated by a converter's ceiling only
_CONVERTERS = tuple(2.0**bits - 1 for bits in (8, 10, 11, 12, 13, 14, 15, 16))


def is_ceiling(high: float, scale: float, ceiling: float | None) -> bool:
    """Whether a stored number, divided by ``scale``, is the header's ceiling or the largest that a converter of 8 to 16 bits gives."""
    stored = high * scale
    full = (*_CONVERTERS, *((ceiling,) if ceiling is not None else ()))
    return any(abs(stored - level) < max(1e-4 * level, 1e-6) for level in full)


def flat_top(count: int, below: float, *, fine: bool, known: bool) -> bool:
    """Whether a band is saturated: ``count`` pixels hold exactly its highest number, and few, ``below``, each of the next lower ones.

    In a band of few levels (not ``fine``) a bright target does the same: there the number must be ``known`` as a ceiling.
    """
    return count >= max(_LEAST, _PILE * max(1.0, below)) and (known or fine)


def saturated_bands(
    spectra: Float32, usable: Unusable, bounds: Extremes, good_bands: BoolArray, *, scale: float, ceiling: float | None
) -> BoolArray:
    """(B,) good bands of (H, W, B) spectra that are saturated; ``bounds`` are their extremes."""
    high = bounds.high
    counts = _highest(spectra, usable, bounds)
    found = np.zeros(high.size, bool)
    for band in np.flatnonzero(good_bands & (counts >= _LEAST)):
        numbers = spectra[..., band][usable.valid_pixels]
        below = numbers[numbers < high[band]]
        if not below.size:
            continue  # constant
        top, some = np.partition(below, max(below.size - _TAIL, 0))[-_TAIL:], numbers[:: max(1, numbers.size // 4000)]
        levels = np.unique(some).size
        found[band] = flat_top(
            int(counts[band]),
            top.size / max(1, np.unique(top).size),
            fine=levels > min(_LEVELS, 0.5 * some.size),
            known=is_ceiling(float(high[band]), scale, ceiling),
        )
    return found


def _highest(spectra: Float32, usable: Unusable, bounds: Extremes) -> IntArray:
    """(B,) how many usable numbers are the highest of their band: only rows that reach it are looked at."""
    high = bounds.high
    counts = np.zeros(high.size, np.int64)
    reaches = bounds.row_high == high
    for row in np.flatnonzero(reaches.any(axis=1)).tolist():
        bands = np.flatnonzero(reaches[row])
        full = spectra[row][:, bands] == high[bands]
        counts[bands] += (full & usable.valid_pixels[row, :, None]).sum(axis=0)
    return counts
