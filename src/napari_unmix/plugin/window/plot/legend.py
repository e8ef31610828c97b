"""The legend of the plot: a line sample and a name each; pins are buttons, that pick the pin and have its menu."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from qtpy.QtCore import QPoint, QPointF, QRectF, QSize, QSizeF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QLabel, QToolButton, QWidget

from napari_unmix.output.grades import Line, explained, signed
from napari_unmix.plugin.facts.curves import Curve, Drawing, Kind
from napari_unmix.plugin.window.plot.flow import FlowRow
from napari_unmix.plugin.window.plot.items import look_of, pen_of

SAMPLE = QSize(22, 12)
ANY_COLOUR = "#8f8f8f"  # of a line whose endmember does not matter; seen in both themes
BESIDE_THE_PLOT: tuple[Kind, ...] = (
    "endmember",
    "part",
    "beside",
)  # their names stand at the bars, and in the comparison
MOST = 24  # of more, the legend would take the plot's room

OF_THE_LINES = (
    "The line of an endmember says how far it can be believed; solid is steady, given, or not judged. Step 5 says why."
)
OF_THE_RIGHT = (
    "Brightness is free: the model knows each endmember's shape only, so its largest value is set to 1. A pixel's own brightness stands"
    " beside its place."
)


class Entry(NamedTuple):
    """A curve in the legend; ``pin`` is the number of its pin, or None; ``tip`` says where it is from; ``line`` as the curve's."""

    kind: Kind
    colour: str
    name: str
    pin: int | None = None
    tip: str = ""
    line: Line = "solid"


def entries(drawn: Drawing, pins: tuple[tuple[int, int], ...], *, whole: bool = False) -> tuple[Entry, ...]:
    """The legend of what is drawn, in the order of its meaning: the pixel first, then pins, then painted places.

    ``whole``: with the endmembers, whose names stand beside the plot, and however many there are.
    """
    order = ("measured", "reconstruction", "residual", "pin", "region", *BESIDE_THE_PLOT)
    curves = sorted(drawn.curves, key=lambda curve: order.index(curve.kind))
    if not whole:
        curves = [curve for curve in curves if curve.kind not in BESIDE_THE_PLOT][:MOST]
    made = [_entry(curve, pins, drawn.band) for curve in curves]
    if drawn.right and not whole:
        made.append(Entry("endmember", "", "endmembers: right axis", tip=OF_THE_RIGHT))
    if not whole:
        tip = f"{OF_THE_LINES} {drawn.band}".rstrip()
        made += [Entry("endmember", ANY_COLOUR, word, tip=tip, line=line) for word, line in drawn.lines.items()]
    if drawn.of("beside") and not whole:
        made.append(
            Entry("beside", "", "dashed: the run beside", tip="Its endmembers, in the colours of their partners.")
        )
    return tuple(made)


def _entry(curve: Curve, pins: tuple[tuple[int, int], ...], band: str) -> Entry:
    if curve.kind == "endmember":
        name = f"{curve.name} ({signed(curve.grade)})" if curve.grade is not None else curve.name
        tip = f"{explained(curve.grade)} {band}".strip()
        return Entry(curve.kind, curve.colour, name, tip=tip, line=curve.line)
    if curve.kind != "pin":
        tip = "The band around it is ± one standard deviation." if curve.deviation is not None else ""
        return Entry(curve.kind, curve.colour, curve.name, tip=tip)
    row, column = pins[curve.number] if curve.number < len(pins) else (0, 0)
    tip = f"Row {row}, column {column}. A click picks it on the image; Delete removes the one that is picked."
    return Entry("pin", curve.colour, curve.name, curve.number, tip)


class Legend(FlowRow):
    """A row that wraps; ``picked`` is told which pin was clicked, ``asked_menu`` of which a menu is wanted, and where."""

    def __init__(self) -> None:
        super().__init__(gap=12)
        self.picked: Callable[[int], None] = lambda number: None
        self.asked_menu: Callable[[int, QPoint], None] = lambda number, place: None
        self._entries: tuple[Entry, ...] = ()
        self._made: list[QWidget] = []

    def show_entries(self, wanted: tuple[Entry, ...], picked: int | None) -> None:
        """Show a legend; one that stays is not made anew, so that the focus stays where it is."""
        if wanted != self._entries:
            self._entries = wanted
            self._make()
        for entry, made in zip(self._entries, self._made, strict=True):
            if isinstance(made, QToolButton):
                made.setChecked(entry.pin == picked)

    def text(self) -> str:
        """What it says."""
        return "  ".join(entry.name for entry in self._entries)

    def entries(self) -> tuple[Entry, ...]:
        """What it shows."""
        return self._entries

    def buttons(self) -> list[QToolButton]:
        """The pins' buttons."""
        return [made for made in self._made if isinstance(made, QToolButton)]

    def _make(self) -> None:
        self._made = [self._button(entry) if entry.pin is not None else _label(entry) for entry in self._entries]
        self.put(*self._made)

    def _button(self, entry: Entry) -> QToolButton:
        made, number = QToolButton(), entry.pin
        assert number is not None
        made.setObjectName("pin")
        made.setCheckable(True)
        made.setText(entry.name)
        made.setIcon(QIcon(sample(entry)))
        made.setIconSize(SAMPLE)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.setToolTip(entry.tip)
        made.setAccessibleName(f"{entry.name}. {entry.tip}")
        made.clicked.connect(lambda: self.picked(number))
        made.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        made.customContextMenuRequested.connect(lambda place: self.asked_menu(number, made.mapToGlobal(place)))
        return made


def _label(entry: Entry) -> QWidget:
    made = _SampleLabel(entry)
    made.setToolTip(entry.tip)
    return made


class _SampleLabel(QLabel):
    """A name with the sample of its line before it."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name)
        self._entry = entry
        self.setContentsMargins(SAMPLE.width() + 4 if entry.colour else 0, 0, 0, 0)
        self.setMinimumHeight(20)

    def paintEvent(self, event: object) -> None:
        """The name, and the sample."""
        super().paintEvent(event)
        painter = QPainter(self)
        draw_sample(painter, QPointF(0, (self.height() - SAMPLE.height()) / 2), self._entry)
        painter.end()


def sample(entry: Entry) -> QPixmap:
    """A piece of the curve as it is drawn."""
    made = QPixmap(SAMPLE * 2)
    made.setDevicePixelRatio(2.0)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    draw_sample(painter, QPointF(0, 0), entry)
    painter.end()
    return made


def draw_sample(painter: QPainter, corner: QPointF, entry: Entry) -> None:
    """Draw a piece of the curve in the room of a sample."""
    if not entry.colour:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if entry.kind == "part":
        painter.fillRect(QRectF(corner, QSizeF(SAMPLE)).adjusted(4, 1, -4, -1), QColor(entry.colour))
        painter.restore()
        return
    painter.setPen(pen_of(entry.colour, look_of(entry.kind, entry.line)))
    middle = corner.y() + SAMPLE.height() / 2
    painter.drawLine(QPointF(corner.x() + 1, middle), QPointF(corner.x() + SAMPLE.width() - 1, middle))
    painter.restore()
