"""Icons drawn by ourselves, so that they have the theme's colour and need no font."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

SIZE = 32


def eye_icon(open_eye: bool, colour: str) -> QIcon:
    """An eye, or a struck-out one."""
    pixmap = QPixmap(SIZE, SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    tint = QColor(colour)
    tint.setAlphaF(1.0 if open_eye else 0.45)
    painter.setPen(QPen(tint, 2.5))
    lids = QPainterPath(QPointF(3, 16))
    lids.quadTo(QPointF(16, 2), QPointF(29, 16))
    lids.quadTo(QPointF(16, 30), QPointF(3, 16))
    painter.drawPath(lids)
    if open_eye:
        painter.setBrush(tint)
        painter.drawEllipse(QRectF(12, 12, 8, 8))
    else:
        painter.drawLine(5, 27, 27, 5)
    painter.end()
    return QIcon(pixmap)


def colour_icon(colour: str) -> QIcon:
    """A square of a colour."""
    return many_colours_icon([colour])


def many_colours_icon(colours: Sequence[str]) -> QIcon:
    """A square of several colours side by side."""
    pixmap = QPixmap(SIZE, SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    square = QPainterPath()
    square.addRoundedRect(QRectF(2, 2, SIZE - 4, SIZE - 4), 6, 6)
    painter.setClipPath(square)
    width = SIZE / max(1, len(colours))
    for k, colour in enumerate(colours):
        painter.fillRect(QRectF(k * width, 0, width + 1, SIZE), QColor(colour))
    painter.end()
    return QIcon(pixmap)
