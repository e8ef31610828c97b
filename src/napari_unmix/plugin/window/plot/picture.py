"""What the plot shows, to be taken along: a picture in pixels or as a drawing, and its numbers. Exactly what is seen."""

from __future__ import annotations

import csv
import io

from qtpy.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtSvg import QSvgGenerator

from napari_unmix.plugin.facts.curves import Drawing, table
from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.window.plot.legend import SAMPLE, Entry, draw_sample
from napari_unmix.plugin.window.plot.spectrum import SpectrumPlot

SHARPER = 3  # pixels of a picture for each on the screen: 3 × 96 per inch print well
ROW, GAP, EDGE = 20, 14, 8


def numbers(drawn: Drawing, separator: str = ",") -> str:
    """A table of what is drawn: a column for each curve."""
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(table(drawn))
    return stream.getvalue()


def picture(plot: SpectrumPlot, legend: tuple[Entry, ...], theme: Theme) -> QImage:
    """The plot with its legend, sharper than the screen."""
    size = _size(plot, legend)
    image = QImage(size * SHARPER, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(SHARPER)
    image.fill(QColor(theme.background))
    painter = QPainter(image)
    _draw(painter, plot, legend, theme)
    painter.end()
    image.setDevicePixelRatio(1.0)
    return image


def png(plot: SpectrumPlot, legend: tuple[Entry, ...], theme: Theme) -> bytes:
    """The picture as a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture(plot, legend, theme).save(buffer, "PNG")
    return bytes(buffer.data().data())


def svg(plot: SpectrumPlot, legend: tuple[Entry, ...], theme: Theme) -> bytes:
    """The plot with its legend as a drawing of lines and words."""
    content, size = QByteArray(), _size(plot, legend)
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(plot.logicalDpiX())  # or what pyqtgraph keeps as a picture, its axes, has another size
    generator.setSize(size)
    generator.setViewBox(QRect(0, 0, size.width(), size.height()))
    generator.setTitle("Spectra")
    painter = QPainter(generator)
    painter.fillRect(QRect(0, 0, size.width(), size.height()), QColor(theme.background))
    _draw(painter, plot, legend, theme)
    painter.end()
    buffer.close()
    return bytes(content.data())


def _draw(painter: QPainter, plot: SpectrumPlot, legend: tuple[Entry, ...], theme: Theme) -> None:
    painter.setFont(plot.font())
    for entry, corner in _places(plot, legend):
        draw_sample(painter, corner + QPointF(0, (ROW - SAMPLE.height()) / 2), entry)
        painter.setPen(QColor(theme.text))
        place = QRectF(corner.x() + SAMPLE.width() + 4, corner.y(), 1000, ROW)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), entry.name)
    top = _legend_height(plot, legend)
    seen = plot.viewport().rect()
    plot.render(painter, QRectF(0, top, seen.width(), seen.height()), seen)


def _size(plot: SpectrumPlot, legend: tuple[Entry, ...]) -> QSize:
    seen = plot.viewport().size()
    return QSize(seen.width(), seen.height() + _legend_height(plot, legend))


def _legend_height(plot: SpectrumPlot, legend: tuple[Entry, ...]) -> int:
    places = _places(plot, legend)
    return int(places[-1][1].y()) + ROW + 2 if places else 0


def _places(plot: SpectrumPlot, legend: tuple[Entry, ...]) -> list[tuple[Entry, QPointF]]:
    """Where each entry stands, in rows as wide as the plot."""
    metrics, found = plot.fontMetrics(), []
    across, down = float(EDGE), 2.0
    for entry in legend:
        width = SAMPLE.width() + 4 + metrics.horizontalAdvance(entry.name)
        if across > EDGE and across + width > plot.viewport().width() - EDGE:
            across, down = float(EDGE), down + ROW
        found.append((entry, QPointF(across, down)))
        across += width + GAP
    return found
