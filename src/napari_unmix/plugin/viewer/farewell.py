"""Taking a layer away. A hidden one is drawn once more before, where nobody sees it.

Software OpenGL (Mesa's llvmpipe) under napari 0.9.2 draws out of freed memory after a layer went that was not in the last picture: the program
ends with a segmentation fault. A layer that was in it may go at once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QTimer

DRAWN_MS = 200  # by then a layer that was made visible is in the picture


def take_away(viewer: Any, layer: Any) -> None:
    """Remove a layer, unless it is gone; one that is hidden a moment later."""
    if layer not in viewer.layers:
        return
    if layer.visible:
        viewer.layers.remove(layer)
        return
    layer.opacity = 0.0
    layer.visible = True
    QTimer.singleShot(DRAWN_MS, partial(_remove, viewer, layer))


def _remove(viewer: Any, layer: Any) -> None:
    if layer in viewer.layers:
        viewer.layers.remove(layer)
