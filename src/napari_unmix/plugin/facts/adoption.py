"""Image layers that other people made and that are cubes all the same. Pure, but for what is asked of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unmix.answer import Fit, Progress
from napari_unmix.cube import Cube

FEWEST_BANDS = 8
CHUNK_VALUES = 4_000_000  # copied between two steps, so that a cancel is answered soon
OTHER_AXES = frozenset(
    {"z", "t", "c", "plane", "slice", "depth", "time", "channel", "y", "x", "row", "column", "height", "width"}
)


def could_be_cube(layer: Any) -> bool:
    """Whether a layer that says nothing of itself may be (bands, rows, columns): then the user can choose it as a cube."""
    if layer._type_string != "image" or layer.rgb or layer.multiscale:
        return False
    data = layer.data
    if getattr(data, "ndim", 0) != 3 or not hasattr(data, "__array__") or data.shape[0] < FEWEST_BANDS:
        return False
    if min(data.shape[1:]) < 2 or np.dtype(data.dtype).kind not in "iuf":
        return False
    return str(layer.axis_labels[0]).strip().lower() not in OTHER_AXES


def copied(data: Any, name: str) -> Fit[Cube]:
    """Copy (B, H, W) values of any array-like into a cube, pixel-major, a few rows at a time."""
    bands, height, width = data.shape
    spectra = np.empty((height, width, bands), np.float32)
    rows = max(1, CHUNK_VALUES // (bands * width))
    for top in range(0, height, rows):
        yield Progress(f"reading {name}", top, height, top / height)
        spectra[top : top + rows] = np.moveaxis(np.asarray(data[:, top : top + rows]), 0, 2)
    taken = f"Taken from the layer {name}: its first axis holds the {bands} bands."
    return Cube(spectra, name=name, repairs=(taken,))
