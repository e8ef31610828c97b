"""The read-out under the pointer: while Shift is held, the pixel that the pointer is over is shown as if it were selected. Part of ``link``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QElapsedTimer, Qt, QTimer
from qtpy.QtGui import QGuiApplication

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller

EVERY_MS = 33  # between two pixels that are read out
ASKED_MS = 100  # how often it is asked whether Shift is still held: its release may go to another widget, or window

PixelAt = Callable[[Any], tuple[int, int] | None]


class Hovering:
    """Hears the pointer on the canvas. ``shift_held`` asks the keyboard; tests put their own in its place."""

    def __init__(self, session: Session, controller: Controller, pixel_at: PixelAt) -> None:
        self._session = session
        self._controller = controller
        self._pixel_at = pixel_at
        self.shift_held = shift_held
        self._position: Any = None  # the last, that is not read out yet
        self._since = QElapsedTimer()
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._read)
        self._held = QTimer()
        self._held.setInterval(ASKED_MS)
        self._held.timeout.connect(self._ask)

    def moved(self, viewer: Any, event: Any) -> None:
        """The pointer moved over the canvas."""
        alone = "Shift" in event.modifiers and len(event.modifiers) == 1
        if not alone or viewer.dims.ndisplay != 2:
            if self._session.hover is not None:
                self.end()
            return
        self._position = event.position
        self._held.start()
        left = EVERY_MS - (self._since.elapsed() if self._since.isValid() else EVERY_MS)
        if left <= 0:
            self._read()
        elif not self._later.isActive():
            self._later.start(left)

    def _read(self) -> None:
        self._since.restart()
        pixel = self._pixel_at(self._position)
        if pixel is not None:
            self._controller.hover(*pixel)

    def _ask(self) -> None:
        if not self.shift_held():
            self.end()

    def end(self) -> None:
        """Shift is released: the selected pixel is shown again."""
        self._later.stop()
        self._held.stop()
        self._controller.leave_hover()

    def close(self) -> None:
        """Hear nothing any more."""
        self._later.stop()
        self._held.stop()


def shift_held() -> bool:
    """Whether Shift is down now, whichever window has the keyboard."""
    return bool(QGuiApplication.queryKeyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)
