"""How far an answer is from a reference. Match endmembers first (``alignment``)."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray


def spectral_angle(first: FloatArray, second: FloatArray) -> FloatArray:
    """Angle in radians between spectra along the last axis (Kruse et al. 1993); broadcast over the others.

    Two zero spectra have the angle 0, a zero spectrum and another π/2.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    length = np.linalg.norm(first, axis=-1), np.linalg.norm(second, axis=-1)
    product = length[0] * length[1]
    cosine = (first * second).sum(axis=-1) / np.where(product > 0, product, 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    both_zero = (length[0] == 0) & (length[1] == 0)
    return np.asarray(np.where(product > 0, angle, np.where(both_zero, 0.0, np.pi / 2)))


def angle_table(first: FloatArray, second: FloatArray) -> FloatArray:
    """(P, B), (Q, B) -> (P, Q) spectral angles in radians, over the bands that are finite in both."""
    good = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    return spectral_angle(first[:, None, good], second[None, :, good])


def rmse(first: FloatArray, second: FloatArray) -> float:
    """Root mean square difference over all entries that are finite in both."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return float(np.sqrt(np.nanmean(difference**2)))


def mean_correlation(estimated: FloatArray, reference: FloatArray) -> float:
    """Mean |Pearson correlation| of matched columns (N, P). 1 under permutation and scaling: never quote it alone."""
    estimated, reference = np.asarray(estimated, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    finite = np.isfinite(estimated).all(axis=1) & np.isfinite(reference).all(axis=1)
    first, second = (
        estimated[finite] - estimated[finite].mean(axis=0),
        reference[finite] - reference[finite].mean(axis=0),
    )
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return float(np.mean(np.abs((first * second).sum(axis=0)) / np.where(spread > 0, spread, 1.0)))
