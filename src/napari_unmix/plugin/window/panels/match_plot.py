"""The plot of naming: a subject, and a library's spectrum at its brightness."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QMouseEvent, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_unmix.plugin.facts.matching import Pair
from napari_unmix.plugin.facts.session import Theme

ROOM = 0.05  # of the range, above and below the curves


class PairPlot(pg.PlotWidget):
    """Two curves. A double click goes back to where both are seen whole."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(130, 60)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        self.setAccessibleName("Spectrum beside the library's")
        self.setToolTip("Drag to move, wheel to zoom, double click to go back.")
        for side in ("bottom", "left"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.getAxis("left").setWidth(46)  # so that the plot stays where it is
        self.disableAutoRange()
        self._theme = Theme()
        self.mine, self.its = self._curve(), self._curve()
        self._ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
        self.show_pair(None, "", "", "#888888")

    def _curve(self) -> Any:
        curve = pg.PlotDataItem(connect="finite", skipFiniteCheck=False)
        self.addItem(curve)
        return curve

    def set_theme(self, theme: Theme) -> None:
        """Take the viewer's colours."""
        self._theme = theme
        self.setBackground(theme.background)
        for side in ("bottom", "left"):
            self.getAxis(side).setPen(theme.muted)
            self.getAxis(side).setTextPen(theme.text)
        self.its.setPen(pg.mkPen(theme.text, width=1.2, style=Qt.PenStyle.DashLine))

    def show_pair(self, pair: Pair | None, across: str, up: str, colour: str) -> None:
        """Show both curves over ``across`` (the axis' title), or nothing at all."""
        for side in ("bottom", "left"):
            self.showAxis(side, pair is not None)
        if pair is None:
            self._ranges = None
            self.mine.setData([], [])
            self.its.setData([], [])
            return
        self.setLabel("bottom", across)
        self.setLabel("left", up)
        self.mine.setPen(pg.mkPen(colour, width=3))
        self.mine.setData(pair.axis, pair.mine)
        self.its.setData(pair.axis, pair.its)
        both = np.array([pair.mine, pair.its])
        low, high = float(np.nanmin(both)), float(np.nanmax(both))
        room = ROOM * (high - low or 1.0)
        self._ranges = ((float(pair.axis.min()), float(pair.axis.max())), (low - room, high + room))
        self.reset()

    def reset(self) -> None:
        """See both whole."""
        if self._ranges is not None:
            across, up = self._ranges
            self.setRange(xRange=across, yRange=up, padding=0.01)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Back to both."""
        self.reset()


class PairLegend(QLabel):
    """Says which curve is which, in the room that there is; the whole names are in its tooltip."""

    LINE = 22  # pixels of a line and what keeps it apart

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, str, str]] = []
        self.setObjectName("note")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: list[tuple[str, str, str]]) -> None:
        """Show (line, colour, name)."""
        self._parts = parts
        self.setToolTip(", ".join(name for *_, name in parts))
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """More room, or less."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """A short name leaves its room to the others."""
        metrics, left, fitted = self.fontMetrics(), self.width(), dict[int, str]()
        by_width = sorted(range(len(self._parts)), key=lambda k: metrics.horizontalAdvance(self._parts[k][2]))
        for done, k in enumerate(by_width):
            room = max(20, left // (len(by_width) - done) - self.LINE)
            fitted[k] = metrics.elidedText(self._parts[k][2], Qt.TextElideMode.ElideRight, room)
            left -= metrics.horizontalAdvance(fitted[k]) + self.LINE
        self.setText(key([(line, colour, fitted[k]) for k, (line, colour, _) in enumerate(self._parts)]))


def key(parts: list[tuple[str, str, str]]) -> str:
    """Rich text of (line, colour, name)."""
    return "&nbsp;&nbsp; ".join(
        f'<span style="color:{colour}">{line}</span>&nbsp;{html.escape(name).replace(" ", "&nbsp;")}'
        for line, colour, name in parts
    )
