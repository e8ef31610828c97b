"""The mean spectrum of each painted place, and how far its pixels are from it: a pure function. No Qt, no viewer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray

MOST_PIXELS = 8000  # of all places together, evenly spread: the window waits for this


class RegionMean(NamedTuple):
    """Mean spectrum (B,) and standard deviation (B,) of a painted place, NaN in excluded bands; of one pixel there is no deviation (None)."""

    mean: FloatArray
    deviation: FloatArray | None


def region_means(cube: Cube, annotation: Annotation | None) -> dict[int, RegionMean]:
    """Label -> mean and deviation of its valid pixels; what is to be ignored has none."""
    if annotation is None or annotation.labels.shape != cube.shape[:2]:
        return {}
    labels = annotation.labels.ravel()
    painted = np.flatnonzero(labels.astype(bool) & cube.valid_pixels.ravel())
    painted = painted[np.argsort(labels[painted], kind="stable")]
    painted = painted[:: max(1, -(-painted.size // MOST_PIXELS))]
    ignored = set(annotation.of_kind("ignore"))
    means: dict[int, RegionMean] = {}
    for label in np.unique(labels[painted]).tolist():
        if label not in ignored:
            spectra = cube.spectra[np.unravel_index(painted[labels[painted] == label], cube.shape[:2])]
            mean = np.where(cube.good_bands, spectra.mean(axis=0, dtype=np.float64), np.nan)
            spread = spectra.std(axis=0, ddof=1, dtype=np.float64) if len(spectra) > 1 else None
            means[label] = RegionMean(mean, None if spread is None else np.where(cube.good_bands, spread, np.nan))
    return means
