"""Image layers that other people made and that are cubes all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

FEWEST_BANDS = 8
OTHER_AXES = frozenset(
    {"z", "t", "c", "plane", "slice", "depth", "time", "channel", "y", "x", "row", "column", "height", "width"}
)


def could_be_cube(layer: Any) -> bool:
    """Whether a layer that says nothing of itself may be (bands, rows, columns): then the user can choose it as a cube."""
    if not isinstance(layer, Image) or layer.rgb or layer.multiscale:
        return False
    data = layer.data
    if getattr(data, "ndim", 0) != 3 or not hasattr(data, "__array__") or data.shape[0] < FEWEST_BANDS:
        return False
    if min(data.shape[1:]) < 2 or np.dtype(data.dtype).kind not in "iuf":
        return False
    return str(layer.axis_labels[0]).strip().lower() not in OTHER_AXES
