"""The figures of runs: matched endmembers, two runs in columns, all runs of the cube in a window of its own."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QGridLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.identifiability.report import Grade
from napari_unmix.output.grades import SIGNS
from napari_unmix.plugin.facts.comparison import compared, pairs_of
from napari_unmix.plugin.facts.grading import tip_of
from napari_unmix.plugin.facts.likeness import Pair
from napari_unmix.plugin.facts.run_table import FIGURES, NOTHING, as_csv, degrees, figures, percent, subjects
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text

MOST_ROWS = 8  # of the list of pairs before it scrolls
SWATCH = 12
COLUMN, MOST_COLUMN = 70, 92  # pixels at least for a figure of a run, and at most: beside it stands what it is
HEADINGS = (
    ("here", "Endmembers of the run that is shown. The chosen one is subtracted in Difference."),
    ("beside", "The endmember of the other run that is the same material, by its spectrum."),
    ("°", "Spectral angle between the two, in degrees: good below 2, another material from 8."),
    ("Δ %", "Mean absolute difference of their shares, in percentage points."),
)


class PairList(QTreeWidget):
    """Which endmember of one run is which of the other; the chosen row is the material that is subtracted."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._rows: list[tuple[Any, ...]] = []  # as they are shown
        self.setColumnCount(len(HEADINGS))
        self.setHeaderLabels([title for title, _ in HEADINGS])
        for column, (_, tip) in enumerate(HEADINGS):
            self.headerItem().setToolTip(column, tip)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAccessibleName("Matched endmembers")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # "endmember 2" is told from the others by its end
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        for column in range(len(HEADINGS)):
            wide = column < 2
            mode = QHeaderView.ResizeMode.Stretch if wide else QHeaderView.ResizeMode.ResizeToContents
            header.setSectionResizeMode(column, mode)
        self.currentItemChanged.connect(self._chosen)
        step.listen(self.refresh, "cube", "run", "beside", "measured", "comparing")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        both, pairs = compared(self._session), pairs_of(self._session)
        self.setVisible(both is not None and bool(pairs))
        if both is None:
            return
        names, others, colours = both[0].look.names, both[1].look.names, both[0].look.colours
        mine, its = both[0].grades, both[1].grades
        rows = [
            (pair, names[pair.mine], others[pair.its], colours[pair.mine], mine[pair.mine], its[pair.its])
            for pair in sorted(pairs, key=_place)
        ]
        if rows != self._rows:
            self._rows = rows
            self._fill()
        self._choose(self._session.comparing.material)

    def _fill(self) -> None:
        self.clear()
        for pair, name, other, colour, mine, its in self._rows:
            said = [_with_sign(name, mine), _with_sign(other, its)]
            item = QTreeWidgetItem([*said, _or_dash(pair.degrees, degrees), _or_dash(pair.difference, percent)])
            item.setData(0, Qt.ItemDataRole.UserRole, pair.mine)
            item.setIcon(0, _swatch(colour))
            item.setToolTip(0, "\n".join(filter(None, (_in_words(pair, name, other), tip_of(mine)))))
            item.setToolTip(1, tip_of(its))
            for column in (2, 3):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
        shown = min(len(self._rows), MOST_ROWS)
        height = max(self.sizeHintForRow(0), SWATCH + 4) if self._rows else 0
        self.setFixedHeight(self.header().sizeHint().height() + shown * height + 2 * self.frameWidth() + 2)

    def _choose(self, material: int) -> None:
        for place in range(self.topLevelItemCount()):
            item = self.topLevelItem(place)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == material:
                self.setCurrentItem(item)

    def _chosen(self, item: QTreeWidgetItem | None, _: Any) -> None:
        """A row became the chosen one; where the facts chose it, it says what they say."""
        if item is not None:
            self._controller.compare_material(item.data(0, Qt.ItemDataRole.UserRole))


class FigureGrid(QWidget):
    """The figures of two runs in two columns, or of one beside a reference."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session = step.session
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(2)
        self._heads = (_value(), _value())
        self._cells: dict[str, tuple[QLabel, ...]] = {}
        self._grid.setColumnStretch(0, 1)
        for column, head in enumerate(self._heads):
            head.setObjectName("checkTitle")
            self._grid.addWidget(head, 0, column + 1)
            self._grid.setColumnMinimumWidth(column + 1, COLUMN)
        for line, figure in enumerate(FIGURES, 1):
            title = QLabel(figure.title)
            title.setObjectName("note")
            title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            title.setToolTip(f"{figure.tip}{f' In {figure.unit}.' if figure.unit else ''}".replace("In in", "In"))
            values = (_value(),) if figure.of_two else (_value(), _value())
            self._grid.addWidget(title, line, 0)
            for column, value in enumerate(values):
                value.setToolTip(title.toolTip())
                self._grid.addWidget(value, line, column + 1, 1, 2 if figure.of_two else 1)
            self._cells[figure.key] = (title, *values)
        step.listen(self.refresh, "cube", "run", "runs", "beside", "measured", "state")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        rows = subjects(session)
        self.setVisible(any(one.measured is not None for one in rows))
        known = {figure.key for figure in figures(session, rows)}
        for column, head in enumerate(self._heads):
            title = rows[column].run.title if column < len(rows) else ""
            say(head, head.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, COLUMN))
            head.setToolTip(title)
        for figure in FIGURES:
            title, *values = self._cells[figure.key]
            stands = figure.key in known and bool(rows) and (len(rows) == 2 or not figure.of_two)
            title.setVisible(stands)
            of = rows[1:] if figure.of_two else rows
            for column, value in enumerate(values):
                value.setVisible(stands and column < len(of))
                words = with_unit(figure.text(of[column]), figure.unit) if column < len(of) else ""
                room = COLUMN + MOST_COLUMN if figure.of_two else MOST_COLUMN
                cut = value.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
                value.setText(cut)
                value.setToolTip(title.toolTip() if cut == words else f"{words}\n{title.toolTip()}")


def with_unit(words: str, unit: str) -> str:
    """A figure with the sign of its unit."""
    sign = {"°": "°", "percentage points": " %"}.get(unit, "")
    return words if words == NOTHING or not sign or words.endswith(")") else f"{words}{sign}"


class RunTable(QWidget):
    """All runs of the cube, a row each, in a window of its own that does not stand in the way."""

    def __init__(self, step: Step, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._session, self._controller = step.session, step.controller
        self.setWindowTitle("Runs of this cube")
        self.resize(980, 280)
        self._table = QTableWidget(0, len(FIGURES) + 1)
        self._table.setAccessibleName("Runs of this cube")
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.verticalHeader().setVisible(False)
        self._table.setTabKeyNavigation(False)
        self._table.itemDoubleClicked.connect(self._show_run)
        self._note = text("note")
        copy = button(
            "Copy as CSV", "Copy this table as comma-separated values, numbers in full.",
            lambda: copy_text(as_csv(self._session, every=True)),
        )  # fmt: skip
        outer = QVBoxLayout(self)
        outer.addWidget(self._table, 1)
        outer.addWidget(self._note)
        outer.addWidget(row(copy, stretch=-2))
        step.listen(self.refresh, "cube", "run", "runs", "measured", "reference", "state")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, table = self._session, self._table
        rows = subjects(session, every=True)
        known = {figure.key for figure in figures(session, rows)}
        table.setHorizontalHeaderLabels(["Run", *(figure.heading.replace(" (", "\n(") for figure in FIGURES)])
        table.setRowCount(len(rows))
        for column, figure in enumerate(FIGURES, 1):
            table.setColumnHidden(column, figure.key not in known)
            head = table.horizontalHeaderItem(column)
            if head is not None:
                head.setToolTip(figure.tip)
        for line, one in enumerate(rows):
            first = QTableWidgetItem(one.run.title)
            first.setData(Qt.ItemDataRole.UserRole, one.run.number)
            table.setItem(line, 0, first)
            for column, figure in enumerate(FIGURES, 1):
                item = QTableWidgetItem(figure.text(one))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                table.setItem(line, column, item)
        table.resizeColumnsToContents()
        here = rows[0].run.title if rows else ""
        say(
            self._note,
            f"Differences, correlations and angles apart are to {here}, the run that is shown. Double-click a run to show it.",
        )

    def _show_run(self, item: QTableWidgetItem) -> None:
        first = self._table.item(item.row(), 0)
        if first is not None:
            self._controller.show_run(first.data(Qt.ItemDataRole.UserRole))

    def closeEvent(self, event: Any) -> None:
        """Nobody looks at the other runs any more."""
        self._controller.measure_all(False)
        super().closeEvent(event)


def copy_text(content: str) -> None:
    """To the clipboard."""
    QApplication.clipboard().setText(content)


def _value() -> QLabel:
    label = QLabel()
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label


def _swatch(colour: str) -> QIcon:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor(colour))
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # a colour means the same in the chosen row
    return icon


def _place(pair: Pair) -> int:
    return pair.mine


def _with_sign(name: str, grade: Grade | None) -> str:
    """The name, before it the sign of its grade: names are cut at their ends."""
    return name if grade is None else f"{SIGNS[grade.word]} {name}"


def _or_dash(value: float | None, words: Any) -> str:
    return NOTHING if value is None or not math.isfinite(value) else str(words(value))


def _in_words(pair: Pair, name: str, other: str) -> str:
    """A pair as a sentence."""
    angle = "by their maps" if pair.degrees is None else f"{degrees(pair.degrees)}° apart"
    maps = (
        "" if not math.isfinite(pair.difference) else f"; shares differ by {percent(pair.difference)} percentage points"
    )
    like = "" if not math.isfinite(pair.correlation) else f", maps correlate by {pair.correlation:.2f}"
    return f"{name} and {other}: {angle}{maps}{like}."
