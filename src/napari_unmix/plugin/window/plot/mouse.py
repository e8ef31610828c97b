"""What the mouse does in the plot of spectra beside moving and zooming it: choosing bands, clicks on curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent

from napari_unmix.plugin.facts.session import Theme

if TYPE_CHECKING:
    from napari_unmix.plugin.window.plot.spectrum import SpectrumPlot

CLICK_PIXELS = 4  # a press that moves further is a drag
SPAN_OPACITY, NEW_OPACITY = 0.55, 0.45


class PlotMouse:
    """Asks the plot where things are, and tells it what was done."""

    def __init__(self, plot: SpectrumPlot) -> None:
        self._plot = plot
        self.excluding = False
        self._spans: list[tuple[float, float]] = []
        self._shades: list[Any] = []
        self._new = _shade(NEW_OPACITY)
        self._new.setVisible(False)
        plot.addItem(self._new, ignoreBounds=True)
        self._start: float | None = None
        self._pressed = QPointF()
        self._theme = Theme()

    def set_theme(self, theme: Theme) -> None:
        """Take the viewer's colours."""
        self._theme = theme
        self._paint(self._new, theme.accent, NEW_OPACITY)
        for shade in self._shades:
            self._paint(shade, theme.foreground, SPAN_OPACITY)

    def set_excluding(self, excluding: bool, spans: list[tuple[float, float]]) -> None:
        """Choose bands by dragging, or not; shade those that are left out."""
        self.excluding, self._spans = excluding, spans if excluding else []
        self._plot.viewport().setCursor(Qt.CursorShape.SplitHCursor if excluding else Qt.CursorShape.ArrowCursor)
        while len(self._shades) > len(self._spans):
            self._plot.removeItem(self._shades.pop())
        while len(self._shades) < len(self._spans):
            self._shades.append(_shade(SPAN_OPACITY))
            self._paint(self._shades[-1], self._theme.foreground, SPAN_OPACITY)
            self._plot.addItem(self._shades[-1], ignoreBounds=True)
        for shade, span in zip(self._shades, self._spans, strict=True):
            shade.setRegion(span)
        if not excluding:
            self._end()

    def press(self, event: QMouseEvent) -> bool:
        """Whether it begins a choice of bands."""
        self._pressed = event.position()
        if not self.excluding or event.button() != Qt.MouseButton.LeftButton:
            return False
        self._start = self._plot.place_at(event.position()).x()
        self._new.setRegion((self._start, self._start))
        self._new.setVisible(True)
        return True

    def move(self, event: QMouseEvent) -> bool:
        """Whether it goes on with one."""
        if self._start is None:
            return False
        self._new.setRegion(sorted((self._start, self._plot.place_at(event.position()).x())))
        return True

    def release(self, event: QMouseEvent) -> bool:
        """Whether it ends one."""
        if self._start is None:
            return False
        start, end = self._start, self._plot.place_at(event.position()).x()
        self._end()
        again = any(low <= start <= high for low, high in self._spans)
        if abs(event.position().x() - self._pressed.x()) > CLICK_PIXELS:
            self._plot.dragged_bands(min(start, end), max(start, end), not again)
        return True

    def clicked(self, event: QMouseEvent) -> None:
        """A press without a drag: on a curve, or on none."""
        moved = event.position() - self._pressed
        if max(abs(moved.x()), abs(moved.y())) > CLICK_PIXELS:
            return
        curve = self._plot.curve_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and not self.excluding:
            self._plot.picked_curve(curve)
        elif event.button() == Qt.MouseButton.RightButton:
            self._plot.asked_menu(curve, event.globalPosition().toPoint())

    def _end(self) -> None:
        self._start = None
        self._new.setVisible(False)

    def _paint(self, shade: Any, colour: str, opacity: float) -> None:
        wanted = QColor(colour)
        wanted.setAlphaF(opacity)
        shade.setBrush(wanted)


def _shade(opacity: float) -> Any:
    made = pg.LinearRegionItem(movable=False, pen=pg.mkPen(None))
    made.setZValue(-10)
    return made
