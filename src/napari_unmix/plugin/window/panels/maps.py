"""How much there is of each endmember: in the whole image, in each painted region, in each shape that was drawn; and the way to their names."""

from __future__ import annotations

from typing import Any
from weakref import ref

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.plugin.facts.areas import (
    Amount,
    Areas,
    ZoneAmounts,
    area_of,
    area_unit,
    no_areas,
    number_text,
    table_csv,
)
from napari_unmix.plugin.facts.asking import areas_now
from napari_unmix.plugin.facts.pixel_view import share_text
from napari_unmix.plugin.facts.session import shown
from napari_unmix.plugin.window.panels.icons import colour_icon
from napari_unmix.plugin.window.panels.match_part import MatchPart
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text

AGAIN_MS = 300  # after a change of the painting or of a shape: strokes follow each other
MOST_LINES = 9
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
PLUS_MINUS = "± as if each pixel erred by itself; a share's tooltip says how much it is if all err together."
WITHOUT = "Without ±: this method says nothing of the spread."


class AreasPart(QWidget):
    """A part of the result step; measured while it is unfolded."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller, self._step = step.session, step.controller, step
        self._areas: ref[Areas] | None = None  # that the table shows; it holds no maps
        self._shown: tuple[Any, ...] = ()  # the names and colours in it
        self._open = button(
            "Areas…",
            "Mean share and area of each endmember: in the whole image, in each painted region, and in each polygon, rectangle or ellipse "
            "that you draw in a layer of shapes.",
            lambda: None,
        )
        self._open.setCheckable(True)
        self._open.toggled.connect(self._unfold)
        self._copy = button("Copy table", "Copy it as CSV: shares, their ±, areas in pixels and m².", self._copy_table)
        self._table = _table()
        self._says = text("note")
        self._inside = QWidget()
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._table)
        column.addWidget(self._says)
        column.addWidget(row(self._copy, stretch=-2))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(row(MatchPart(step), self._open, stretch=-2))  # one line for both
        outer.addWidget(self._inside)
        self._table.itemExpanded.connect(self._fit)
        self._table.itemCollapsed.connect(self._fit)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(self._measure)
        QShortcut(
            QKeySequence.StandardKey.Copy, self._table, self._copy_table, context=Qt.ShortcutContext.WidgetShortcut
        )
        step.listen(self.refresh, "cube", "run", "training", "areas", "annotation", "outlines")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        what, areas = shown(self._session), areas_now(self._session)
        self.setVisible(what is not None)
        unfolded = self._open.isChecked() and what is not None
        self._inside.setVisible(unfolded)
        if not unfolded or what is None:
            return
        self._copy.setEnabled(areas is not None)
        if areas is None:
            self._again.start()
            if self._areas is None:
                say(self._says, "measuring …")
            return
        drawn, looks = None if self._areas is None else self._areas(), (what.names, what.colours)
        if areas is not drawn or looks != self._shown:
            self._areas, self._shown = ref(areas), looks
            self._fill(areas, what.names, what.colours)

    def _unfold(self, unfolded: bool) -> None:
        self.refresh()
        if unfolded:
            self._measure()
            self._step.reveal.bring(self, self._inside)

    def _measure(self) -> None:
        if self._open.isChecked():
            self._controller.measure_areas()

    def _copy_table(self) -> None:
        what, areas = shown(self._session), areas_now(self._session)
        if what is not None and areas is not None:
            QApplication.clipboard().setText(table_csv(areas, what.names))

    # --- the table

    def _fill(self, areas: Areas, names: tuple[str, ...], colours: tuple[str, ...]) -> None:
        table, unfolded = self._table, self._unfolded()
        table.clear()
        table.setHeaderLabels(["", "share", area_unit(areas)])
        for zone in areas.zones:
            table.addTopLevelItem(_zone_item(zone, areas, names, colours))
        for k in range(table.topLevelItemCount()):
            item = table.topLevelItem(k)
            if item is not None:
                item.setExpanded(item.text(0) in unfolded)
        spread = areas.zones[0].amounts[0].error is not None
        said = (no_areas(areas), areas.ground.why_not, PLUS_MINUS if spread else WITHOUT)
        say(self._says, "\n".join(line for line in said if line))
        self._fit()

    def _unfolded(self) -> set[str]:
        """The zones that are open; before the first table the whole image."""
        items = [self._table.topLevelItem(k) for k in range(self._table.topLevelItemCount())]
        return {item.text(0) for item in items if item is not None and item.isExpanded()} if items else {"whole image"}

    def _fit(self, *_: Any) -> None:
        """As high as its lines, up to some."""
        table = self._table
        lines = sum(
            1 + item.childCount() * item.isExpanded()
            for item in map(table.topLevelItem, range(table.topLevelItemCount()))
            if item
        )
        header = table.header()
        height = max(18, table.sizeHintForRow(0))
        table.setFixedHeight(
            min(lines, MOST_LINES) * height + (0 if header is None else header.sizeHint().height()) + 4
        )


def _table() -> QTreeWidget:
    table = QTreeWidget()
    table.setObjectName("areas")
    table.setAccessibleName("Shares and areas")
    table.setColumnCount(3)
    table.setIndentation(10)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    header = table.header()
    assert header is not None
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column in (1, 2):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    return table


def _zone_item(zone: ZoneAmounts, areas: Areas, names: tuple[str, ...], colours: tuple[str, ...]) -> QTreeWidgetItem:
    pixels = f"{number_text(zone.pixels)} pixels" if zone.pixels else "no pixel"
    item = QTreeWidgetItem(
        [
            zone.name,
            f"{zone.pixels:,} px".replace(",", "\u202f"),
            number_text(area_of(zone.pixels, areas)) if zone.pixels else "–",
        ]
    )
    item.setToolTip(0, f"{zone.name}: {pixels} with an answer.")
    for column in (1, 2):
        item.setTextAlignment(column, RIGHT)
    for name, colour, amount in zip(names, colours, zone.amounts, strict=True):
        child = QTreeWidgetItem([name, *_texts(amount, zone, areas)])
        child.setIcon(0, colour_icon(colour))
        for column in (1, 2):
            child.setTextAlignment(column, RIGHT)
        child.setToolTip(1, _share_tip(name, amount))
        child.setToolTip(2, no_areas(areas) or f"The mean share of {name} times the {pixels} of {zone.name}.")
        item.addChild(child)
    return item


def _texts(amount: Amount, zone: ZoneAmounts, areas: Areas) -> list[str]:
    if not zone.pixels:
        return ["–", "–"]
    share = share_text(amount.share, amount.error)
    return [share, "–" if areas.asked.composition else number_text(area_of(amount.share * zone.pixels, areas))]


def _share_tip(name: str, amount: Amount) -> str:
    if amount.common is None:
        return f"Mean share of {name}."
    return f"Mean share of {name}. If all pixels erred together it would be {share_text(amount.share, amount.common)}."
