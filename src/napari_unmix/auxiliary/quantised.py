"""u from spectra, cut into a few values: of the pixel itself, of its neighbours, or of a held-out half of its bands."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from napari_unmix.auxiliary.labelling import PIXELS_PER_SEGMENT, numbered
from napari_unmix.auxiliary.segments import principal_scores, second_half
from napari_unmix.cube import Cube, FloatArray, IntArray

COMPONENTS = 8
MOST_VALUES = 24
LEARNT_FROM = 20_000  # pixels; more move the centres by little
ROUNDS = 30


def clusters(cube: Cube) -> IntArray:
    """(H, W) labels of k-means clusters of the pixels' own spectra, on their first eight principal components."""
    return _quantised(cube, principal_scores(cube.pixels(), COMPONENTS), cube.valid_pixels)


def bands(cube: Cube) -> IntArray:
    """(H, W) labels of k-means clusters of every second band: a view of the pixel that shares no band with the other half."""
    return _quantised(cube, principal_scores(second_half(cube.pixels()), COMPONENTS), cube.valid_pixels)


def neighbours(cube: Cube) -> IntArray:
    """(H, W) labels of k-means clusters of the mean spectrum of a pixel's valid neighbours (up to eight), itself left out.

    A pixel without a valid neighbour is unknown (0).
    """
    valid = cube.valid_pixels
    height, width = valid.shape
    scores = principal_scores(cube.pixels(), COMPONENTS)
    padded = np.zeros((height + 2, width + 2, scores.shape[1] + 1))
    padded[1:-1, 1:-1, :-1] = cube.image(scores, fill=0.0)
    padded[1:-1, 1:-1, -1] = valid
    total = -padded[1:-1, 1:-1]
    for down in range(3):
        for right in range(3):
            total = total + padded[down : down + height, right : right + width]
    known = valid & (total[..., -1] > 0.5)
    return _quantised(cube, total[known][:, :-1] / total[known][:, -1:], known)


def _quantised(cube: Cube, values: FloatArray, known: np.ndarray) -> IntArray:
    raw = np.zeros(cube.shape[:2], np.int64)
    raw[known] = quantise(values, int(np.clip(len(values) // PIXELS_PER_SEGMENT, 2, MOST_VALUES)))
    return numbered(raw, known)


def quantise(values: FloatArray, count: int) -> IntArray:
    """(N,) int: the nearest of at most ``count`` k-means centres (Lloyd 1982; starts of Arthur & Vassilvitskii 2007) of (N, K) values."""
    from scipy.cluster.vq import vq

    if not len(values):
        return np.zeros(0, np.int64)
    generator = np.random.default_rng(0)
    sample = values
    if len(values) > LEARNT_FROM:
        sample = values[generator.choice(len(values), LEARNT_FROM, replace=False)]
    return np.asarray(vq(values, _centres(sample, count, generator))[0], np.int64)


def _centres(values: FloatArray, count: int, generator: np.random.Generator) -> FloatArray:
    """At most ``count`` centres; never more than there are different values, and one fewer where one loses all its values."""
    from scipy.cluster.vq import ClusterError, kmeans2

    different = len(np.unique(values, axis=0))
    for centres in range(min(count, different), 1, -1):
        with suppress(ClusterError):
            found = kmeans2(values, centres, iter=ROUNDS, minit="++", missing="raise", rng=generator)
            return np.asarray(found[0])
    return np.asarray(values.mean(axis=0, keepdims=True))
