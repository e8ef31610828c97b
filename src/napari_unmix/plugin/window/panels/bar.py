"""A bar that shows the share that is done, or that something is done of which nobody knows the share."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QTimer
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QProgressBar

STEPS = 400  # more are not to be seen in a dock, and each is a repaint
# Qt's own busy bar is drawn at 60 frames a second, each with the canvas below it: in software that halves the pace of the whole window.
BUSY_MS = 250
_PLACES = 12
_CHUNK = 0.25  # of the width


def set_value(bar: QProgressBar, value: int) -> None:
    """Set a bar's value, to be drawn with the next turn. Qt's own ``setValue`` draws at once, and with the bar the canvas: 20 to 160 ms."""
    if value != bar.value():
        bar.setUpdatesEnabled(False)
        bar.setValue(value)
        bar.setUpdatesEnabled(True)


class ShareBar(QProgressBar):
    """Share or busy."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(0, STEPS)
        self.setTextVisible(False)
        self.setFixedHeight(8)
        self.setAccessibleName(name)
        self._colour = "#007acc"
        self._place = 0
        self._timer = QTimer(self)
        self._timer.setInterval(BUSY_MS)
        self._timer.timeout.connect(self._move)

    @property
    def busy(self) -> bool:
        """Whether nobody knows the share."""
        return self._timer.isActive()

    def show_share(self, share: float | None, colour: str) -> None:
        """The share that is done, 0–1; None where it is not known. ``colour`` is the busy chunk's."""
        self._colour = colour
        if share is None:
            if not self.busy:
                self._timer.start()
                set_value(self, 0)
                self.setAccessibleDescription("The share that is done is not known yet.")
            return
        if self.busy:
            self._timer.stop()
            self.setAccessibleDescription("")
            self.update()
        set_value(self, round(STEPS * share))

    def rest(self) -> None:
        """Move no more."""
        self._timer.stop()

    def _move(self) -> None:
        self._place = (self._place + 1) % (2 * _PLACES)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw; a chunk that goes to and fro where the share is not known."""
        super().paintEvent(event)
        if not self.busy:
            return
        at = min(self._place, 2 * _PLACES - self._place) / _PLACES
        inside = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        chunk = QRectF(
            inside.left() + (1 - _CHUNK) * at * inside.width(), inside.top(), _CHUNK * inside.width(), inside.height()
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(QColor(self._colour))
        painter.drawRoundedRect(chunk, 3, 3)
        painter.end()
