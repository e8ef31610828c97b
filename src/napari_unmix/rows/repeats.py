"""Spectra that occur several times: a copy is no new evidence, so noise and counts take each spectrum once."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray

# From here on a spectrum is counted once; below, a few quantised spectra coincide by chance, and everything stays as it is.
REPEATED = 1.25
# So few bands tell nearly all spectra apart, and are hashed in no time.
_A_FEW_BANDS = 6
_CHUNK = 50_000


def distinct_spectra(spectra: FloatArray) -> tuple[FloatArray, float]:
    """The different rows of (N, B) spectra in the order of their first pixels, and how often each occurs on average.

    Rows are the same where they are bit-identical in single precision, as cubes are stored. Rows are compared by a 64-bit hash:
    among a million, two different ones are taken for the same once in 10⁷ cubes.
    """
    first = _first_rows(spectra)
    return (spectra, 1.0) if len(first) == len(spectra) else (spectra[first], len(spectra) / len(first))


def counted_once(spectra: FloatArray) -> FloatArray:
    """The different rows of (N, B) spectra where each occurs ``REPEATED`` times or more on average; else ``spectra`` themselves."""
    if len(spectra) < 2 or len(_first_rows(spectra[:, :: max(1, spectra.shape[1] // _A_FEW_BANDS)])) * REPEATED > len(spectra):
        return spectra
    distinct, times = distinct_spectra(spectra)
    return distinct if times >= REPEATED else spectra


def _first_rows(spectra: FloatArray) -> IntArray:
    """Where each different row stands first, ascending: rows by multilinear hashing of their 32-bit words (Carter & Wegman 1979)."""
    weights = np.random.default_rng(0).integers(0, 2**64, spectra.shape[1], dtype=np.uint64)
    keys = np.empty(len(spectra), dtype=np.uint64)
    for start in range(0, len(spectra), _CHUNK):
        words = np.ascontiguousarray(spectra[start : start + _CHUNK], dtype=np.float32) + np.float32(0)  # −0 is 0
        keys[start : start + _CHUNK] = (words.view(np.uint32) * weights).sum(axis=1)
    return np.sort(np.unique(keys, return_index=True)[1])
