"""What the plot is made of: lines and bands that keep what they show, so that only what changes is drawn anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen

from napari_unmix.cube import FloatArray
from napari_unmix.output.grades import PATTERNS
from napari_unmix.output.grades import Line as LineStyle
from napari_unmix.plugin.facts.curves import Curve, Kind

# kind -> (width, style) of its line
LINES: dict[Kind, tuple[float, Qt.PenStyle]] = {
    "measured": (2.0, Qt.PenStyle.SolidLine),
    "reconstruction": (2.0, Qt.PenStyle.DashLine),
    "residual": (1.0, Qt.PenStyle.SolidLine),
    "endmember": (1.5, Qt.PenStyle.SolidLine),
    "beside": (1.5, Qt.PenStyle.DashLine),
    "pin": (2.0, Qt.PenStyle.DotLine),
    "region": (2.0, Qt.PenStyle.SolidLine),
    "part": (0.0, Qt.PenStyle.SolidLine),
}
Look = tuple[
    float, Qt.PenStyle, tuple[float, ...]
]  # width, style, and strokes and gaps of a pattern, () for the style's own
PICKED: Look = (3.5, Qt.PenStyle.SolidLine, ())
SPREAD_OPACITY, PART_OPACITY = 0.22, 0.75


class Line(pg.PlotCurveItem):
    """One curve, with gaps where there are no values."""

    def __init__(self) -> None:
        super().__init__(connect="finite", skipFiniteCheck=False)
        self._shown: tuple[FloatArray, FloatArray] | None = None
        self._look: tuple[Any, ...] | None = None

    def show(self, axis: FloatArray, values: FloatArray, colour: str, line: Look, *, smooth: bool) -> None:
        """Show these values; what is shown already is left as it is."""
        look = (colour, *line, smooth)
        if look != self._look:
            self._look = look
            self.opts["antialias"] = smooth
            self.setPen(pen_of(colour, line))
        if self._shown is None or not (_same(self._shown[0], axis) and _same(self._shown[1], values)):
            self._shown = (axis, values)
            self.setData(axis, values)


def look_of(kind: Kind, line: LineStyle, *, thin: bool = False) -> Look:
    """How a curve of this kind is drawn: an endmember's line says how far it can be believed; ``thin``: one pixel wide."""
    width, style = LINES[kind]
    pattern = PATTERNS[line]
    return (1.0 if thin else width, Qt.PenStyle.CustomDashLine if pattern else style, pattern)


def pen_of(colour: str, look: Look) -> QPen:
    """The pen of a curve, as wide at every zoom."""
    width, style, pattern = look
    pen: QPen = pg.mkPen(colour, width=width)
    if pattern:
        pen.setDashPattern(list(pattern))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    else:
        pen.setStyle(style)
    return pen


class Band(pg.GraphicsObject):
    """The room between two curves, filled, with gaps where either has no value."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._path = QPainterPath()
        self._colour = QColor()

    def show(self, axis: FloatArray, low: FloatArray, high: FloatArray, colour: str, opacity: float) -> None:
        """Fill from ``low`` (B,) to ``high`` (B,)."""
        wanted = QColor(colour)
        wanted.setAlphaF(opacity)
        if wanted != self._colour:
            self._colour = wanted
            self.update()
        now = (axis, low, high)
        if self._shown is None or not all(_same(known, new) for known, new in zip(self._shown, now, strict=True)):
            self._shown = now
            self.prepareGeometryChange()
            self._path = filled(axis, low, high)
            self.update()

    def boundingRect(self) -> QRectF:
        """Where it is."""
        return self._path.boundingRect()

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw."""
        painter.fillPath(self._path, self._colour)


def filled(axis: FloatArray, low: FloatArray, high: FloatArray) -> QPainterPath:
    """The outline of the room between two curves, a piece for each run of bands that both have."""
    path = QPainterPath()
    order = np.argsort(axis, kind="stable")
    known = np.isfinite(low[order]) & np.isfinite(high[order])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        run = order[start:end]
        across = np.concatenate([axis[run], axis[run][::-1]])
        up = np.concatenate([high[run], low[run][::-1]])
        path.moveTo(QPointF(float(across[0]), float(up[0])))
        for x, y in zip(across[1:].tolist(), up[1:].tolist(), strict=True):
            path.lineTo(x, y)
        path.closeSubpath()
    return path


def room_of(curve: Curve, height: float) -> tuple[FloatArray, FloatArray, float] | None:
    """Lower and upper edge (B,) of what is filled for a curve, and how opaque; None where nothing is."""
    if curve.base is not None:
        return curve.base, curve.values, PART_OPACITY
    if curve.deviation is None:
        return None
    return (curve.values - curve.deviation) * height, (curve.values + curve.deviation) * height, SPREAD_OPACITY


def _same(one: FloatArray, other: FloatArray) -> bool:
    return one is other or np.array_equal(one, other, equal_nan=True)
