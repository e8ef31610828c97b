"""Which maps tell the painted classes apart: asked in the result step, answered in a window of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.plugin.facts.probe_table import accuracies, as_csv, best, heading, obstacle, out_of_date, spoken
from napari_unmix.plugin.facts.probing import Probe
from napari_unmix.plugin.facts.session import current_run
from napari_unmix.plugin.window.panels.bar import ShareBar
from napari_unmix.plugin.window.panels.compare_table import copy_text
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text

PROBE, CANCEL = "Probe classes…", "Cancel probe"
TIP = (
    "Which maps tell the painted classes apart? A simple classifier learns them from raw spectra and from each run's abundances and codes, "
    "and is tested in places that it did not learn from."
)
ACCURACIES = (
    ("Features", "What the classifier reads: raw spectra, or what a run of this cube found."),
    ("Numbers", "How many numbers a pixel has."),
    ("Balanced\naccuracy", "Mean over the classes of the share of their pixels that is found; mean over the folds."),
    ("Range\nover folds", "The worst and the best of the parts by place."),
)
SPOKEN = (
    ("Run", "The run whose abundances are read."),
    ("Class", "A painted class."),
    ("Found", "The share of its pixels that is found, over all folds."),
    (
        "Speaks for it",
        "Log-odds that a spread more of the material gives the class, given the others; in brackets where not all folds agree on the sign.",
    ),
    ("Speaks against it", "The same, for materials of which more makes the class less likely."),
)


class ProbePart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller, self._step = step.session, step.controller, step
        self._probe = button(PROBE, TIP, self._probe_or_cancel)
        self._open = button("Table…", "Open the table of the last probe of this cube.", self._show)
        self._bar = ShareBar("Progress of the probe")
        self._said = text("note")
        self._window: ProbeWindow | None = None
        self._asked = False  # by this part, and not answered yet
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        for item in (row(self._probe, self._open, stretch=-2), self._bar, self._said):
            outer.addWidget(item)
        step.listen(self.refresh, "cube", "run", "runs", "annotation", "probing", "probed", "theme")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        probing, probe = session.probing, session.probed
        self.setVisible(probing is not None or current_run(session) is not None)
        reason = "" if probing is not None else obstacle(session)
        self._probe.setText(PROBE if probing is None else CANCEL)
        self._probe.setToolTip(reason or (TIP if probing is None else "Stop; the last table stays."))
        self._probe.setEnabled(not reason)
        self._open.setVisible(probing is None and probe is not None)
        self._bar.setVisible(probing is not None)
        if probing is not None:
            self._bar.show_share(probing.done, session.theme.accent)
            say(self._said, f"{probing.cube.name}: {probing.words} …")
            return
        self._bar.rest()
        say(self._said, "" if probe is None else _line(probe, out_of_date(session)))
        if probe is not None and self._asked:
            self._show()
        self._asked = False

    def _probe_or_cancel(self) -> None:
        if self._session.probing is not None:
            self._asked = False
            self._controller.stop_probing()
        else:
            self._asked = True
            self._controller.probe_classes()

    def _show(self) -> None:
        if self._window is None:
            self._window = ProbeWindow(self._step, self)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()


def _line(probe: Probe, stale: str) -> str:
    said = f"best: {best(probe)}"
    return f"{said} · out of date: {stale}" if stale else said


class ProbeWindow(QWidget):
    """The tables of the last probe of the cube, in a window that does not stand in the way."""

    def __init__(self, step: Step, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._session = step.session
        self.setWindowTitle("Which maps tell the classes apart")
        self.resize(760, 460)
        self._heading, self._stale, self._notes = text("note"), text("outOfDate"), text("note")
        self._accuracies = _table("Balanced accuracy", ACCURACIES, wide=(0,))
        self._spoken = _table("Materials that speak for each class", SPOKEN, wide=(3, 4))
        copy = button("Copy as CSV", "Copy both tables as comma-separated values, numbers in full.", self._copy)
        outer = QVBoxLayout(self)
        for item, stretch in (
            (self._stale, 0), (self._heading, 0), (self._accuracies, 2), (self._spoken, 3), (self._notes, 0), (row(copy, stretch=-2), 0),
        ):  # fmt: skip
            outer.addWidget(item, stretch)
        step.listen(self.refresh, "cube", "runs", "annotation", "probed")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        probe = self._session.probed
        stale = out_of_date(self._session)
        say(self._stale, f"out of date: {stale}" if stale else "")
        say(self._heading, "No probe of this cube yet." if probe is None else heading(probe))
        _fill(self._accuracies, () if probe is None else accuracies(probe), numbers=(1, 2, 3))
        _fill(self._spoken, () if probe is None else spoken(probe), numbers=(2,))
        say(self._notes, "" if probe is None else "\n".join(probe.notes))

    def _copy(self) -> None:
        if self._session.probed is not None:
            copy_text(as_csv(self._session.probed))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape closes it."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


def _table(name: str, columns: Sequence[tuple[str, str]], wide: Sequence[int]) -> QTableWidget:
    """Empty, with these columns, of which the ``wide`` ones share the room that is left."""
    made = QTableWidget(0, len(columns))
    made.setAccessibleName(name)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    made.verticalHeader().setVisible(False)
    made.setTabKeyNavigation(False)
    made.setHorizontalHeaderLabels([title for title, _ in columns])
    for column, (_, tip) in enumerate(columns):
        head = made.horizontalHeaderItem(column)
        if head is not None:
            head.setToolTip(tip)
    made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    for column in wide:
        made.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
    return made


def _fill(table: QTableWidget, rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    table.setRowCount(len(rows))
    for line, cells in enumerate(rows):
        for column, words in enumerate(cells):
            item = QTableWidgetItem(words)
            item.setToolTip(words)
            if column in numbers:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(line, column, item)
