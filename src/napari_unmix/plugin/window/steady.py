"""Two clear pixels that every picture of the canvas begins with, so that software OpenGL does not end the program.

Where a picture begins with the program that the last one ended with, and a layer went in between, Mesa's software renderers (llvmpipe and softpipe,
with napari 0.9.2 and vispy 0.17) read freed memory: remove the lower one of two visible layers, and draw. Of two things that are always drawn first,
one at least is another program than the last. They stay with the canvas: taking them away would be such a case.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from qtpy.QtWidgets import QWidget

_FIRST = -1_000_000  # in the order of drawing
_STEADY = "_napari_unmix_steady"  # attribute of a canvas that begins so


def steady(pane: QWidget) -> None:
    """Let the canvas in this pane of a window begin each picture so; once."""
    for native in pane.findChildren(QWidget):
        canvas = getattr(native, "_vispy_canvas", None)
        if canvas is not None and not hasattr(canvas, _STEADY):
            object.__setattr__(canvas, _STEADY, tuple(_clear_pixel(canvas, _FIRST + k) for k in range(2)))


def _clear_pixel(canvas: Any, order: int) -> Any:
    from vispy.scene.visuals import Image

    class ClearPixel(Image):
        """What went wrong before it, on a canvas of no size for one, is not its own to tell: others would be drawn then all the same."""

        def draw(self) -> None:
            """Draw it, if it can be drawn."""
            with suppress(RuntimeError):
                super().draw()

    pixel = ClearPixel(np.zeros((1, 1, 4), np.float32), parent=canvas.scene)
    pixel.order = order
    return pixel
