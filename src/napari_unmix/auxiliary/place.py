"""u from where, or in which acquisition, a pixel lies: it reads no spectrum, so it is independent of the noise."""

from __future__ import annotations

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_SEGMENTS, MOST_SEGMENTS, PIXELS_PER_SEGMENT, numbered
from napari_unmix.cube import Cube, IntArray
from napari_unmix.sentences import UnmixError

STRATA = 4  # of each axis
SHORTEST_STRATUM = 4  # pixels


def blocks(cube: Cube, pixels: int = PIXELS_PER_SEGMENT) -> IntArray:
    """(H, W) labels of square tiles of about ``pixels`` pixels."""
    height, width, _ = cube.shape
    area = max(min(pixels, height * width / FEWEST_SEGMENTS), 4, height * width / MOST_SEGMENTS)
    side = max(2, round(np.sqrt(area)))
    rows, columns = np.arange(height) // side, np.arange(width) // side
    return numbered(rows[:, None] * (columns[-1] + 1) + columns[None, :], cube.valid_pixels)


def position(cube: Cube) -> IntArray:
    """(H, W) labels of coarse strata of row and column: at most four by four, fewer and larger than blocks."""
    rows, columns = (_strata(length) for length in cube.shape[:2])
    return numbered(rows[:, None] * STRATA + columns[None, :], cube.valid_pixels)


def _strata(length: int) -> IntArray:
    count = int(np.clip(length // SHORTEST_STRATUM, 1, STRATA))
    return np.arange(length) * count // length


def acquisition(cube: Cube) -> IntArray:
    """(H, W) labels: which of the joined cubes a pixel comes from. Raises UnmixError for a cube of one acquisition."""
    if cube.acquisitions is None:
        raise UnmixError(
            f"{cube.name} is one acquisition, so acquisitions can't be side information: join cubes of the same bands, or choose another."
        )
    return numbered(cube.acquisitions, cube.valid_pixels & (cube.acquisitions > 0))


def everywhere(cube: Cube) -> IntArray:
    """(H, W) labels: one value for all valid pixels, no side information."""
    return cube.valid_pixels.astype(np.int32)
