"""u from superpixels. They are made from the cube, so that a pixel's own noise has a say: it is kept small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_SEGMENTS, MOST_SEGMENTS, PIXELS_PER_SEGMENT, numbered
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.rows.subspace import principal

COMPONENTS = 4
COMPACTNESS = 0.1
SMOOTHING = (
    0.7  # pixels: with half of the bands, a pixel's own noise counts for less, and no scene we have lost accuracy
)
# A scene of more pixels is read in strips of about so many, which stay in the cache.
_AT_ONCE, _STRIP = 50_000, 4_096


def superpixels(cube: Cube, pixels: int = PIXELS_PER_SEGMENT) -> IntArray:
    """(H, W) labels of SLIC superpixels (Achanta et al. 2012) of about ``pixels`` pixels.

    They are cut on the first four principal components of every second band, lightly smoothed. A cube of fewer than eight good bands
    gives all of them.
    """
    from skimage.segmentation import slic

    valid = cube.valid_pixels
    if not valid.any():
        return np.zeros(valid.shape, np.int32)
    scores = _leading_scores(cube)
    segments = slic(
        cube.image(scores / max(float(scores[:, 0].std()), 1e-12), fill=0.0),
        n_segments=int(np.clip(len(scores) // pixels, FEWEST_SEGMENTS, MOST_SEGMENTS)),
        compactness=COMPACTNESS,
        sigma=SMOOTHING,
        channel_axis=-1,
        start_label=0,
        mask=None if valid.all() else valid,
    )
    return numbered(segments, valid)


def _leading_scores(cube: Cube) -> FloatArray:
    """(N, K) ``principal_scores`` of every second band of the valid pixels.

    Of a large cube in strips and in single precision, so that no copy of it is made.
    """
    if np.count_nonzero(cube.valid_pixels) <= _AT_ONCE:
        return principal_scores(second_half(cube.pixels(), COMPONENTS), COMPONENTS)
    good = np.flatnonzero(cube.good_bands)
    bands = good[1::2] if len(good) // 2 >= COMPONENTS else good  # as ``second_half`` takes them
    # Moments about some spectrum of the scene, so that what they are off its mean takes no digits: one pass for mean and directions.
    first = np.unravel_index(int(cube.valid_pixels.argmax()), cube.valid_pixels.shape)
    origin = cube.spectra[first][bands].astype(np.float64)
    count, total, moment = 0, np.zeros(len(bands)), np.zeros((len(bands), len(bands)))
    for part in _strips(cube, bands):
        part -= origin
        count, total = count + len(part), total + part.sum(axis=0)
        moment += part.T @ part
    mean = total / count
    directions = np.linalg.eigh(moment - count * np.outer(mean, mean))[1][:, ::-1][:, :COMPONENTS]
    shift, scores, end = (origin + mean) @ directions, np.empty((count, COMPONENTS), np.float32), 0
    for part in _strips(cube, bands):
        begin, end = end, end + len(part)
        scores[begin:end] = part @ directions - shift
    return scores


def _strips(cube: Cube, bands: IntArray) -> Iterator[FloatArray]:
    """(n, B) float64 spectra of the valid pixels, a few lines at a time."""
    lines = max(1, _STRIP // cube.shape[1])
    for first in range(0, cube.shape[0], lines):
        rows = slice(first, first + lines)
        part, valid = cube.spectra[rows], cube.valid_pixels[rows]
        part = part.reshape(-1, cube.shape[2]) if valid.all() else part[valid]
        yield np.ascontiguousarray(np.take(part, bands, axis=1), np.float64)


def second_half(spectra: FloatArray, fewest: int = 1) -> FloatArray:
    """(N, B // 2): every second band, or all of them where that would leave fewer than ``fewest``."""
    return spectra[:, 1::2] if spectra.shape[1] // 2 >= fewest else spectra


def principal_scores(spectra: FloatArray, components: int) -> FloatArray:
    """(N, K) scores of the leading principal components, K at most ``components``."""
    # The signs are LAPACK's: with those of ``affine_subspace`` the superpixels of some scenes are cut otherwise, for SLIC reads the scores' range.
    if not len(spectra):
        return spectra[:, :components]
    centred = spectra - spectra.mean(axis=0)
    return np.asarray(centred @ principal(centred, components)[1].T)
