"""The linear probe of every method that reads abundances off a network's codes, and the light that is left over then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray

# A ridge of this share of the features' variance: codes of a trained network are nearly collinear.
_RIDGE = 1e-6


class AffineMap(NamedTuple):
    """Features are centred, divided by their spread (K,), and multiplied by ``weights`` (K + 1, P), whose first row is the constant."""

    centre: FloatArray
    spread: FloatArray
    weights: FloatArray


def affine_map(features: FloatArray, targets: FloatArray) -> AffineMap:
    """Least squares of (N, P) targets on (N, K) features, with a little ridge."""
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-12)
    columns = np.column_stack([np.ones(len(features)), (features - centre) / spread])
    gram = columns.T @ columns + _RIDGE * len(features) * np.eye(columns.shape[1])
    return AffineMap(centre, spread, np.linalg.solve(gram, columns.T @ targets))


def probed(features: FloatArray, read: AffineMap) -> FloatArray:
    """(N, K) -> (N, P)."""
    return np.asarray((features - read.centre) / read.spread @ read.weights[1:] + read.weights[0])


def best_light(spectra: FloatArray, mixed: FloatArray) -> FloatArray:
    """(N,) the scale of ``mixed`` (N, B) that fits the spectra best."""
    return np.asarray(np.maximum((spectra * mixed).sum(axis=1), 0.0) / np.maximum((mixed**2).sum(axis=1), 1e-300))
