"""u from superpixels. They are made from the cube, so that a pixel's own noise has a say: it is kept small."""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_SEGMENTS, MOST_SEGMENTS, PIXELS_PER_SEGMENT, numbered
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.rows.subspace import principal

COMPONENTS = 4
COMPACTNESS = 0.1
SMOOTHING = (
    0.7  # pixels: with half of the bands, a pixel's own noise counts for less, and no scene we have lost accuracy
)


def superpixels(cube: Cube, pixels: int = PIXELS_PER_SEGMENT) -> IntArray:
    """(H, W) labels of SLIC superpixels (Achanta et al. 2012) of about ``pixels`` pixels.

    They are cut on the first four principal components of every second band, lightly smoothed. A cube of fewer than eight good bands
    gives all of them.
    """
    from skimage.segmentation import slic

    valid = cube.valid_pixels
    if not valid.any():
        return np.zeros(valid.shape, np.int32)
    spectra = cube.pixels()
    scores = principal_scores(second_half(spectra, COMPONENTS), COMPONENTS)
    segments = slic(
        cube.image(scores / max(float(scores[:, 0].std()), 1e-12), fill=0.0),
        n_segments=int(np.clip(len(spectra) // pixels, FEWEST_SEGMENTS, MOST_SEGMENTS)),
        compactness=COMPACTNESS,
        sigma=SMOOTHING,
        channel_axis=-1,
        start_label=0,
        mask=None if valid.all() else valid,
    )
    return numbered(segments, valid)


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
