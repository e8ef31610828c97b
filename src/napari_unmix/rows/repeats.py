"""Spectra that occur several times: a copy is no new evidence, so noise and counts take each spectrum once."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray

# A spectrum is counted once where each occurs this often on average, which an image enlarged 1.1 times reaches.
REPEATED = 1.2
# Copies stand beside each other, or a line apart: a few distances hold most of them. Coarse values that coincide by chance are anywhere.
_DISTANCES, _IN_THESE = 4, 0.4
# So few bands tell nearly all spectra apart, and are hashed in no time.
_A_FEW_BANDS = 6
_CHUNK = 50_000


def distinct_spectra(spectra: FloatArray) -> tuple[FloatArray, float]:
    """The different rows of (N, B) spectra in the order of their first pixels, and how often each occurs on average.

    Rows are the same where they are bit-identical in single precision, as cubes are stored. They are compared by a 64-bit hash: among
    a million, two different ones are taken for the same in one of 10⁷ cubes.
    """
    first = _first(_hashes(spectra))
    return (spectra, 1.0) if len(first) == len(spectra) else (spectra[first], len(spectra) / max(len(first), 1))


def counted_once(spectra: FloatArray) -> FloatArray:
    """The different rows of (N, B) spectra in raster order where they are copies, ``REPEATED`` or more on average; else ``spectra`` themselves."""
    few = spectra[:, :: max(1, spectra.shape[1] // _A_FEW_BANDS)]
    if len(spectra) < 2 or len(_first(_hashes(few))) * REPEATED > len(spectra):
        return spectra
    hashes = _hashes(spectra)
    first = _first(hashes)
    return spectra[first] if len(first) * REPEATED <= len(spectra) and _are_copies(hashes) else spectra


def _are_copies(hashes: IntArray) -> bool:
    """Whether rows of the same hash stand at a few distances of each other."""
    order = np.argsort(hashes, kind="stable")
    apart = np.diff(order)[np.diff(hashes[order]) == 0]
    often = np.sort(np.unique(apart, return_counts=True)[1])[-_DISTANCES:]
    return bool(often.sum() > _IN_THESE * len(apart))


def _first(hashes: IntArray) -> IntArray:
    """Where each different hash stands first, ascending."""
    return np.sort(np.unique(hashes, return_index=True)[1])


def _hashes(spectra: FloatArray) -> IntArray:
    """(N,) 64-bit hash of each row in single precision: multilinear hashing of its 32-bit words (Carter & Wegman 1979)."""
    weights = np.random.default_rng(0).integers(0, 2**64, spectra.shape[1], dtype=np.uint64)
    hashes = np.empty(len(spectra), dtype=np.uint64)
    for start in range(0, len(spectra), _CHUNK):
        words = np.ascontiguousarray(spectra[start : start + _CHUNK], dtype=np.float32) + np.float32(0)  # −0 is 0
        hashes[start : start + _CHUNK] = (words.view(np.uint32) * weights).sum(axis=1)
    return hashes
