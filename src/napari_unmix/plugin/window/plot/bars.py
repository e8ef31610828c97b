"""The bars of one pixel: what it is made of."""

from __future__ import annotations

import math

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from napari_unmix.plugin.facts.pixel_view import PixelView, share_text
from napari_unmix.plugin.facts.session import Theme

OF_A_PIXEL = (
    "Abundances of this pixel. ± is how sure the model is of this one pixel: the posterior standard deviation, from noise, mixing and"
    " endmembers together. The checks' “noise moves the abundances by …” is less: it is of the noise alone."
)


class AbundanceBars(QWidget):
    """One bar per endmember, with its share and ±; without a pixel, the endmembers' colours and names."""

    ROW, BAR, EDGE, SHORTEST_BAR = 20, 8, 5, 34

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, str, float, float | None]] = []
        self._theme = Theme()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Abundances")
        self.setToolTip(OF_A_PIXEL)

    def set_theme(self, theme: Theme) -> None:
        """Take the viewer's colours."""
        self._theme = theme
        self.update()

    def show_view(self, view: PixelView | None, names: tuple[str, ...], colours: list[str]) -> None:
        """Show a pixel's abundances; without them the names and colours alone."""
        shares = [math.nan] * len(names)
        spread: list[float | None] = [None] * len(names)
        if view is not None and view.abundances is not None and len(view.abundances) == len(names):
            shares = view.abundances.tolist()
            if view.spread is not None:
                spread = view.spread.tolist()
        rows = list(zip(names, colours, shares, spread, strict=True))
        if rows != self._rows:
            self._rows = rows
            self.setMinimumHeight(self.ROW * len(rows))  # within a scroll area: the dock stays as it is
            self.setAccessibleDescription(", ".join(self.texts()))
            self.update()

    def texts(self) -> list[str]:
        """What is written on the bars."""
        return [f"{name} {_number(share, std)}".strip() for name, _, share, std in self._rows]

    def sizeHint(self) -> QSize:
        """Room for the rows."""
        return QSize(200, self.ROW * len(self._rows))

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
        middle = Qt.AlignmentFlag.AlignVCenter
        for k, (name, colour, share, std) in enumerate(self._rows):
            top = k * self.ROW
            if math.isnan(share):
                self._draw_swatch(painter, top, colour, name)
                continue
            painter.setPen(QColor(self._theme.text))
            elided = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, left - edge - 4)
            painter.drawText(QRectF(edge, top, left - edge, self.ROW), int(middle), elided)
            place = QRectF(self.width() - right, top, right, self.ROW)
            painter.drawText(place, int(middle | Qt.AlignmentFlag.AlignRight), numbers[k])
            self._draw_bar(painter, QRectF(left, top + (self.ROW - self.BAR) / 2, room, self.BAR), colour, share, std)
        painter.end()

    def _draw_swatch(self, painter: QPainter, top: int, colour: str, name: str) -> None:
        """Without a pixel there is no share to draw a bar of."""
        side = 12
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(QRectF(self.EDGE, top + (self.ROW - side) / 2, side, side), 3, 3)
        painter.setPen(QColor(self._theme.text))
        left = self.EDGE + side + 6
        room = self.width() - left
        elided = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRectF(left, top, room, self.ROW), int(Qt.AlignmentFlag.AlignVCenter), elided)

    def _draw_bar(self, painter: QPainter, place: QRectF, colour: str, share: float, std: float | None) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.foreground))
        painter.drawRect(place)
        filled = QRectF(place)
        filled.setWidth(place.width() * min(max(share, 0.0), 1.0))
        painter.setBrush(QColor(colour))
        painter.drawRect(filled)
        if std is not None and math.isfinite(std):
            painter.setPen(QColor(self._theme.text))
            low, high = max(share - std, 0.0), min(share + std, 1.0)
            y = place.center().y()
            painter.drawLine(
                int(place.left() + place.width() * low), int(y), int(place.left() + place.width() * high), int(y)
            )


def scrolled(bars: AbundanceBars) -> QScrollArea:
    """The bars in an area of their own height, however many there are."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
    area.setMinimumHeight(AbundanceBars.ROW)
    area.setAccessibleName("Abundances")
    area.setWidget(bars)
    return area


def _number(share: float, std: float | None) -> str:
    return "" if math.isnan(share) else share_text(share, std)
