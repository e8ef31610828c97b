"""The mean spectrum of each painted place: a pure function. No Qt, no viewer."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray

MOST_PIXELS = 8000  # of all places together, evenly spread: the window waits for this


def region_means(cube: Cube, annotation: Annotation | None) -> dict[int, FloatArray]:
    """Label -> (B,) mean spectrum of its valid pixels, NaN in excluded bands; what is to be ignored has none."""
    if annotation is None or annotation.labels.shape != cube.shape[:2]:
        return {}
    labels = annotation.labels.ravel()
    painted = np.flatnonzero(labels.astype(bool) & cube.valid_pixels.ravel())
    painted = painted[np.argsort(labels[painted], kind="stable")]
    painted = painted[:: max(1, -(-painted.size // MOST_PIXELS))]
    ignored = set(annotation.of_kind("ignore"))
    flat = cube.spectra.reshape(-1, cube.shape[2])
    means: dict[int, FloatArray] = {}
    for label in np.unique(labels[painted]).tolist():
        if label not in ignored:
            mean = flat[painted[labels[painted] == label]].mean(axis=0, dtype=np.float64)
            means[label] = np.where(cube.good_bands, mean, np.nan)
    return means
