"""The plot of spectra and the bars of one pixel. Fixed ranges, gaps for excluded bands, the layers' colours."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.plugin.facts.pixel_view import PixelView, share_text
from napari_unmix.plugin.facts.session import Survey, Theme

RECONSTRUCTION = {True: "#ff5fa8", False: "#c2185b"}  # by theme, dark or light; no endmember has it


class SpectrumPlot(pg.PlotWidget):
    """Spectra over wavelength, wavenumber, or what else the cube was measured in. A double click goes back to the fixed ranges."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(300, 130)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        self.setAccessibleName("Spectra")
        self.setToolTip("Drag to move, wheel to zoom, double click to go back.")
        for side in ("bottom", "left"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.disableAutoRange()
        self._theme = Theme()
        self._ranges = ((0.0, 1.0), (0.0, 1.0))
        self._zero = pg.InfiniteLine(0, angle=0)
        self.addItem(self._zero)
        self.measured = self._curve()
        self.reconstruction = self._curve()
        self.residual = self._curve()
        self.endmembers: list[Any] = []
        self.pins: list[Any] = []
        self.regions: list[Any] = []

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
        self._zero.setPen(pg.mkPen(theme.primary, width=1))
        self.measured.setPen(pg.mkPen(theme.text, width=2))
        self.reconstruction.setPen(pg.mkPen(RECONSTRUCTION[theme.dark], width=2, style=Qt.PenStyle.DashLine))
        self.residual.setPen(pg.mkPen(theme.muted, width=1))

    def set_cube(self, cube: Cube, survey: Survey | None) -> None:
        """Fix the ranges by a cube."""
        title = cube.spectral_axis.title
        self.setLabel("bottom", title[:1].upper() + title[1:])
        self.setLabel("left", "Value" if cube.scale == 1 else "Reflectance")
        low, high = (0.0, 1.0) if survey is None else (survey.low, survey.high)
        axis = cube.axis
        self._ranges = ((float(axis.min()), float(axis.max())), (low - 0.05 * (high - low), high + 0.05 * (high - low)))
        self.reset()

    def include(self, values: FloatArray) -> None:
        """Widen the fixed range so that these values show; it never shrinks while one cube is open."""
        finite = values[np.isfinite(values)]
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

    def show_pixel(self, axis: FloatArray, view: PixelView | None, mean: FloatArray | None) -> None:
        """Show a pixel with its fit, or the mean of the image."""
        if view is None:
            _set(self.measured, axis, mean)
            _set(self.reconstruction, axis, None)
            _set(self.residual, axis, None)
            return
        _set(self.measured, axis, view.measured)
        _set(self.reconstruction, axis, view.reconstruction)
        _set(self.residual, axis, view.residual)
        self.include(view.measured)
        if view.residual is not None:
            self.include(view.residual)

    def show_endmembers(self, axis: FloatArray, endmembers: FloatArray | None, colours: list[str]) -> None:
        """Show endmembers (P, B), each in its colour."""
        if endmembers is None:
            self._show_family(self.endmembers, axis, [], [])
        else:
            self._show_family(self.endmembers, axis, list(endmembers), colours)

    def show_pins(self, axis: FloatArray, spectra: list[FloatArray], colours: list[str]) -> None:
        """Show the measured spectra of the pins, dotted, each in its pin's colour."""
        self._show_family(self.pins, axis, spectra, colours, Qt.PenStyle.DotLine, 2.0)

    def show_regions(self, axis: FloatArray, spectra: list[FloatArray], colours: list[str]) -> None:
        """Show the mean spectra of painted regions, each in its label's colour."""
        self._show_family(self.regions, axis, spectra, colours, width=2.0)

    def _show_family(
        self,
        curves: list[Any],
        axis: FloatArray,
        spectra: list[FloatArray],
        colours: list[str],
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
        width: float = 1.5,
    ) -> None:
        while len(curves) > len(spectra):
            self.removeItem(curves.pop())
        while len(curves) < len(spectra):
            curves.append(self._curve())
        for curve, spectrum, colour in zip(curves, spectra, colours, strict=True):
            curve.setPen(pg.mkPen(colour, width=width, style=style))
            curve.setData(axis, spectrum)
            self.include(spectrum)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Back to the fixed ranges."""
        self.reset()


def _set(curve: Any, axis: FloatArray, values: FloatArray | None) -> None:
    if values is None:
        curve.setData([], [])
    else:
        curve.setData(axis, values)


def legend(theme: Theme, view: PixelView | None, has_mean: bool, pins: list[str]) -> str:
    """The legend of the pixels' curves as one line of rich text; the endmembers' names stand beside the plot."""
    parts: list[tuple[str, str, str]] = []
    if view is not None:
        parts.append(("━", theme.text, "measured"))
        if view.reconstruction is not None:
            parts.append(("╍", RECONSTRUCTION[theme.dark], "reconstruction"))
            parts.append(("─", theme.muted, "residual"))
    elif has_mean:
        parts.append(("━", theme.text, "mean of the image"))
    parts += [("┅", colour, f"pin {number + 1}") for number, colour in enumerate(pins)]
    return key(parts)


def key(parts: list[tuple[str, str, str]]) -> str:
    """Rich text of (line, colour, name)."""
    return "&nbsp;&nbsp; ".join(
        f'<span style="color:{colour}">{line}</span>&nbsp;{html.escape(name).replace(" ", "&nbsp;")}'
        for line, colour, name in parts
    )


class AbundanceBars(QWidget):
    """What this pixel is made of: one bar per endmember, with its share and spread."""

    ROW, BAR, EDGE, SHORTEST_BAR = 20, 8, 5, 48

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, str, float, float | None]] = []
        self._theme = Theme()
        self.setMinimumWidth(150)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setToolTip("Abundances of this pixel, with their posterior standard deviation where the method has one.")

    def set_theme(self, theme: Theme) -> None:
        """Take the viewer's colours."""
        self._theme = theme
        self.update()

    def show_view(self, view: PixelView | None, names: tuple[str, ...], colours: list[str]) -> None:
        """Show a pixel's abundances; without them the names and colours alone."""
        shares = [math.nan] * len(names)
        spread: list[float | None] = [None] * len(names)
        if view is not None and view.abundances is not None:
            shares = view.abundances.tolist()
            if view.spread is not None:
                spread = view.spread.tolist()
        self._rows = list(zip(names, colours, shares, spread, strict=True))
        self.setMinimumHeight(self.ROW * len(self._rows))
        self.setAccessibleDescription(", ".join(self.texts()))
        self.update()

    def texts(self) -> list[str]:
        """What is written on the bars."""
        return [f"{name} {_number(share, std)}".strip() for name, _, share, std in self._rows]

    def sizeHint(self) -> QSize:
        """Room for the rows."""
        return QSize(200, max(60, self.ROW * len(self._rows)))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        numbers = [_number(share, std) for _, _, share, std in self._rows]
        right = max((metrics.horizontalAdvance(number) for number in numbers), default=0) + 2
        edge = self.EDGE
        longest = max((metrics.horizontalAdvance(row[0]) for row in self._rows), default=0)
        left = edge + min(longest + 6, self.width() - right - self.SHORTEST_BAR)
        room = max(10, self.width() - left - right - 8)
        for k, (name, colour, share, std) in enumerate(self._rows):
            top = k * self.ROW
            painter.setPen(QColor(self._theme.text))
            elided = metrics.elidedText(name, Qt.TextElideMode.ElideRight, left - edge - 4)
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(edge, top, left - edge, self.ROW), middle, elided)
            painter.drawText(
                QRectF(self.width() - right, top, right, self.ROW),
                middle | int(Qt.AlignmentFlag.AlignRight),
                numbers[k],
            )
            self._draw_bar(painter, QRectF(left, top + (self.ROW - self.BAR) / 2, room, self.BAR), colour, share, std)
        painter.end()

    def _draw_bar(self, painter: QPainter, place: QRectF, colour: str, share: float, std: float | None) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.foreground))
        painter.drawRect(place)
        filled = QRectF(place)
        filled.setWidth(2.0 * self.BAR if math.isnan(share) else place.width() * min(max(share, 0.0), 1.0))
        painter.setBrush(QColor(colour))
        painter.drawRect(filled)
        if std is not None and math.isfinite(std):
            painter.setPen(QColor(self._theme.text))
            low, high = max(share - std, 0.0), min(share + std, 1.0)
            y = place.center().y()
            painter.drawLine(
                int(place.left() + place.width() * low), int(y), int(place.left() + place.width() * high), int(y)
            )


def _number(share: float, std: float | None) -> str:
    return "" if math.isnan(share) else share_text(share, std)
