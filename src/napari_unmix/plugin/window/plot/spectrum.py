"""The plot of spectra. Fixed ranges, gaps for excluded bands, the layers' colours; it draws a ``Drawing`` and tells what the mouse did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtWidgets import QLabel

from napari_unmix.cube import FloatArray
from napari_unmix.plugin.facts.curves import NOTHING, Curve, Drawing, Kind, nearest
from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.window.plot.items import LINES, PICKED, Band, Line, look_of, room_of
from napari_unmix.plugin.window.plot.mouse import PlotMouse

TIP = "Drag to move, wheel to zoom, double click to go back. A click on a pin's curve picks the pin."
EXCLUDING_TIP = (
    "Drag across bands to leave them out; begin on bands that are left out to take them in again. Escape ends it."
)
REACH = 7.0  # pixels from a curve that still are a click on it
SMOOTH_CURVES = 14  # of more, curves are drawn one pixel wide, without antialiasing: they take the time
SMALLER = {"font-size": "8pt"}  # the longest title stands at the right, where the dock is low
AXIS_HEIGHT = 36  # ticks, numbers and title close to each other: the dock is low
LABEL_OPACITY = 0.7


class SpectrumPlot(pg.PlotWidget):
    """Spectra over wavelength, wavenumber, or what else the cube was measured in. A double click goes back to the fixed ranges.

    ``picked_curve``, ``dragged_bands`` (from, to, whether they are to be left out), ``moved_band`` (a place on the axis) and ``asked_menu``
    are told what the user did; the plot itself changes nothing.
    """

    def __init__(self) -> None:
        super().__init__(axisItems={"bottom": _CloseAxis("bottom")})
        self.setMinimumSize(220, 96)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAccessibleName("Spectra")
        self.setToolTip(TIP)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for side in ("bottom", "left", "right"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.disableAutoRange()
        self.picked_curve: Callable[[Curve | None], None] = _nothing
        self.dragged_bands: Callable[[float, float, bool], None] = _nothing
        self.moved_band: Callable[[float], None] = _nothing
        self.asked_menu: Callable[[Curve | None, Any], None] = _nothing
        self.left_excluding: Callable[[], None] = _nothing
        self._theme = Theme()
        self._ranges = ((0.0, 1.0), (0.0, 1.0))
        self._drawn = NOTHING
        self._told: tuple[Any, ...] = ()
        self._lines: dict[Kind, list[Line]] = {kind: [] for kind in LINES}
        self._bands: list[Band] = []
        self._mouse = PlotMouse(self)
        self.getAxis("bottom").setHeight(AXIS_HEIGHT)
        self._zero = pg.InfiniteLine(0, angle=0)
        self._band_line = _band_line(self._line_dragged)
        for item in (self._zero, self._band_line):
            self.addItem(item, ignoreBounds=True)
        self._hint = QLabel(self)
        self._hint.setObjectName("note")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)

    # --- what is drawn, for those who read it

    @property
    def drawn(self) -> Drawing:
        """What is shown."""
        return self._drawn

    @property
    def measured(self) -> Line:
        """The curve of the pixel, or of the image's mean; empty where neither is shown."""
        return self._only("measured")

    @property
    def reconstruction(self) -> Line:
        """The curve of the fit."""
        return self._only("reconstruction")

    @property
    def endmembers(self) -> list[Line]:
        """The curves of the endmembers."""
        return list(self._lines["endmember"])

    @property
    def pins(self) -> list[Line]:
        """The curves of the pins."""
        return list(self._lines["pin"])

    @property
    def regions(self) -> list[Line]:
        """The curves of painted places."""
        return list(self._lines["region"])

    @property
    def hint(self) -> str:
        """What it says where there is nothing to be drawn."""
        return self._drawn.hint

    def _only(self, kind: Kind) -> Line:
        return self._lines[kind][0] if self._lines[kind] else Line()

    # --- showing

    def set_theme(self, theme: Theme) -> None:
        """Take the viewer's colours."""
        self._theme, self._told = theme, ()  # titles are to be told anew, in these colours
        self.setBackground(theme.background)
        for side in ("bottom", "left", "right"):
            self.getAxis(side).setPen(theme.muted)
            self.getAxis(side).setTextPen(theme.text)
        self._zero.setPen(pg.mkPen(theme.primary, width=1))
        self._band_line.setPen(pg.mkPen(theme.muted, width=1, style=Qt.PenStyle.DashLine))
        self._band_line.setHoverPen(pg.mkPen(theme.text, width=2))
        self._band_line.label.setColor(theme.text)
        behind = QColor(theme.background)
        behind.setAlphaF(LABEL_OPACITY)
        self._band_line.label.fill = pg.mkBrush(behind)  # read when it is painted
        self._mouse.set_theme(theme)

    def draw(self, drawn: Drawing, picked: int | None = None) -> None:
        """Show a drawing; ``picked`` is the number of the pin that is told from the others."""
        self._titles(drawn)
        self._drawn = drawn
        smooth = len(drawn.curves) <= SMOOTH_CURVES
        wanted: dict[Kind, list[Curve]] = {kind: drawn.of(kind) for kind in LINES}
        for kind, curves in wanted.items():
            _fit(self, self._lines[kind], len(curves), Line)
            for line, curve in zip(self._lines[kind], curves, strict=True):
                strong = kind == "pin" and curve.number == picked
                look = PICKED if strong else look_of(kind, curve.line, thin=not smooth)
                height = drawn.height(curve)
                values = curve.values if height == 1.0 else curve.values * height
                line.show(drawn.axis.values, values, curve.colour, look, smooth=smooth)
                line.setZValue(_depth(kind, strong))
                line.setVisible(kind != "part")
        self._fill(drawn)
        self._hint.setText(drawn.hint)
        self._hint.setVisible(bool(drawn.hint))

    def _fill(self, drawn: Drawing) -> None:
        rooms = [(curve, room) for curve in drawn.curves if (room := room_of(curve, drawn.height(curve))) is not None]
        _fit(self, self._bands, len(rooms), Band)
        for band, (curve, (low, high, opacity)) in zip(self._bands, rooms, strict=True):
            band.show(drawn.axis.values, low, high, curve.colour, opacity)
            band.setZValue(-5)

    def _titles(self, drawn: Drawing) -> None:
        """Axes with their titles; without curves there is nothing to be measured."""
        told = (bool(drawn.curves), drawn.axis.title, drawn.left, drawn.right, drawn.factor)
        if told == self._told:
            return
        self._told = told
        title = drawn.axis.title
        for side, words in (("bottom", title[:1].upper() + title[1:]), ("left", drawn.left), ("right", drawn.right)):
            look = {"color": self._theme.text, **(SMALLER if side == "right" else {})}
            self.setLabel(side, words, **look)  # which shows the axis
            self.showAxis(side, bool(drawn.curves) and bool(words))
        self.getAxis("right").setScale(1 / drawn.factor)
        self._zero.setVisible(bool(drawn.curves))

    def show_band(self, place: float | None, text: str) -> None:
        """Mark a place on the axis as the band of napari's slider; None: there is none."""
        self._band_line.setVisible(place is not None)
        if place is not None:
            if self._band_line.value() != place:
                self._band_line.setValue(place)
            across = self._ranges[0]
            side = 1.0 if place > (across[0] + across[1]) / 2 else 0.0  # the label stands where there is more room
            self._band_line.label.anchors = [(side, 0.5), (side, 0.5)]
            self._band_line.label.setFormat(text)

    # --- ranges

    def set_ranges(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        """Fix the ranges, with a little room above and below."""
        room = 0.05 * (up[1] - up[0])
        ranges = (across, (up[0] - room, up[1] + room))
        if ranges != self._ranges:
            self._ranges = ranges
            self.reset()

    def include(self, drawn: Drawing) -> None:
        """Widen the fixed range so that all that is drawn shows; it never shrinks while one cube is looked at in one way."""
        finite = np.concatenate([_finite(curve, drawn) for curve in drawn.curves] or [np.zeros(0)])
        if finite.size:
            (left, right), (low, high) = self._ranges
            wider = (min(low, 1.1 * float(finite.min())), max(high, 1.02 * float(finite.max())))
            if wider != (low, high):
                self._ranges = ((left, right), wider)
                self.reset()

    def reset(self) -> None:
        """Go back to the fixed ranges."""
        across, up = self._ranges
        if across[0] < across[1] and up[0] < up[1]:
            self.setRange(xRange=across, yRange=up, padding=0.01)

    # --- the mouse

    def set_excluding(self, excluding: bool, spans: list[tuple[float, float]]) -> None:
        """Whether a drag chooses bands, and the spans of those that are left out, which are shaded then."""
        self.setToolTip(EXCLUDING_TIP if excluding else TIP)
        self._mouse.set_excluding(excluding, spans)

    def _line_dragged(self, line: Any) -> None:
        self.moved_band(float(line.value()))

    def curve_at(self, position: QPointF) -> Curve | None:
        """The curve under a point of the widget."""
        place = self.place_at(position)
        corner = self.place_at(position + QPointF(REACH, -REACH))
        scale = (abs(corner.x() - place.x()) or 1.0, abs(corner.y() - place.y()) or 1.0)
        return nearest(self._drawn, place.x(), place.y(), scale)

    def place_at(self, position: QPointF) -> QPointF:
        """A point of the widget on the axes."""
        found: QPointF = self.plotItem.vb.mapSceneToView(self.mapToScene(position.toPoint()))
        return found

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to choose bands, or hand it to the plot."""
        if event is not None and not self._mouse.press(event):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go on choosing bands, or hand it to the plot."""
        if event is not None and not self._mouse.move(event):
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Bands are chosen, or a curve was clicked."""
        if event is not None and not self._mouse.release(event):
            super().mouseReleaseEvent(event)
            self._mouse.clicked(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Back to the fixed ranges."""
        self.reset()

    def keyPressEvent(self, event: Any) -> None:
        """Escape ends the choosing of bands."""
        if event.key() == Qt.Key.Key_Escape and self._mouse.excluding:
            self.left_excluding()
        else:
            event.ignore()  # pyqtgraph moves the plot by the arrows and takes Delete

    def resizeEvent(self, event: Any) -> None:
        """The hint stands in the middle."""
        super().resizeEvent(event)
        if hasattr(self, "_hint"):
            self._hint.setGeometry(self.rect())


class _CloseAxis(pg.AxisItem):
    """The horizontal axis, with its title close to its numbers and wholly within it."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.setStyle(tickTextOffset=1)

    def resizeEvent(self, event: Any = None) -> None:
        """pyqtgraph puts the title below the edge."""
        super().resizeEvent(event)
        self.label.setY(self.size().height() - self.label.boundingRect().height() + 2)


def _nothing(*_: Any) -> None:
    """Nobody is told."""


def _band_line(dragged: Callable[[Any], None]) -> Any:
    """The line at the band that napari's slider shows; it can be dragged."""
    options = {"position": 0.93, "movable": False}
    made = pg.InfiniteLine(0, angle=90, movable=True, label="", labelOpts=options)
    made.setZValue(40)
    made.setVisible(False)
    made.setToolTip("The band of the slider below the image; drag it to another band.")
    made.sigDragged.connect(dragged)
    return made


def _depth(kind: Kind, strong: bool) -> float:
    """Which curves lie above which."""
    return 30.0 if strong else {"measured": 20.0, "reconstruction": 21.0, "pin": 10.0, "residual": 5.0}.get(kind, 0.0)


def _fit(plot: SpectrumPlot, items: list[Any], count: int, make: Callable[[], Any]) -> None:
    """As many items as are wanted; those that stay keep what they show."""
    while len(items) > count:
        plot.removeItem(items.pop())
    while len(items) < count:
        items.append(make())
        plot.addItem(items[-1], ignoreBounds=True)


def _finite(curve: Curve, drawn: Drawing) -> FloatArray:
    values = curve.values * drawn.height(curve)
    return values[np.isfinite(values)]
