"""Two runs side by side: which is beside, how the canvas shows both, which endmember is which, the figures of both."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.comparison import comparable, compared, remarks
from napari_unmix.plugin.facts.resting import waking_text
from napari_unmix.plugin.facts.run_table import as_csv
from napari_unmix.plugin.facts.session import Doing, current_run, doing
from napari_unmix.plugin.window.panels.compare_table import FigureGrid, PairList, RunTable, copy_text
from napari_unmix.plugin.window.panels.compare_views import ViewRow
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text

NOTHING, NO_OTHER = "nothing", "no other run yet"
KINDS = "References (*.npz *.sli *.hdr *.csv *.txt *.db);;All files (*)"


class ComparePart(QWidget):
    """A part of the result step. One line, until there is something to compare with."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._offered: list[tuple[str, int | None]] = []  # what stands in the list
        self._beside = self._chooser()
        self._more = self._more_button()
        label = QLabel("Compare with")
        label.setBuddy(self._beside)
        self._views = ViewRow(step)
        self._pairs = PairList(step)
        self._figures = FigureGrid(step)
        self._notes = text("note")
        self._table: RunTable | None = None
        self._step = step
        self._buttons = self._make_buttons()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        outer.addWidget(row(label, self._beside, self._more, stretch=1))
        for item in (self._views, self._pairs, self._figures, self._notes, self._buttons):
            outer.addWidget(item)
        step.listen(
            self.refresh,
            "cube",
            "runs",
            "run",
            "beside",
            "measured",
            "reference",
            "comparing",
            "chore",
            "state",
            "waking",
        )
        self.refresh()

    def _chooser(self) -> QComboBox:
        beside = QComboBox()
        beside.setAccessibleName("Compare with")
        beside.setToolTip(
            "Another run of this cube, to be compared with the one that is shown: maps, spectra and figures."
        )
        beside.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        beside.activated.connect(lambda place: self._controller.compare_with(self._offered[place][1]))
        return beside

    def _more_button(self) -> QToolButton:
        """What is done seldom, or without a run beside."""
        more = QToolButton()
        more.setText("⋯")
        more.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # the dots say so
        more.setAccessibleName("More on comparing")
        more.setToolTip("A reference to hold the runs against; a table of all runs.")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(more)
        menu.setToolTipsVisible(True)
        self._load = menu.addAction("Load reference…", self._choose_reference)
        self._load.setToolTip(
            ".npz with E (P, B), A (H, W, P) or both, or a spectral library: .sli, .csv, a database's file."
        )
        self._folder = menu.addAction("Load a folder of spectra…", self._choose_folder)
        self._folder.setToolTip(
            "A spectral database as it was unpacked (splib07, ECOSTRESS), or the folder of another run."
        )
        self._forget = menu.addAction("Forget reference", self._controller.forget_reference)
        self._forget.setToolTip("Compare the runs with each other alone.")
        menu.addSeparator()
        self._all = menu.addAction("Table of all runs…", self._open_table)
        self._all.setToolTip("All runs of this cube, a row each, in a window of its own.")
        more.setMenu(menu)
        return more

    def _make_buttons(self) -> QWidget:
        self._swap = button(
            "Swap", "Show the run beside, and put the one that is shown beside it.", self._controller.swap_compared
        )
        self._table_button = button(
            "All runs…", "A table of all runs of this cube, in a window of its own.", self._open_table
        )
        copy = button(
            "Copy as CSV",
            "Copy the figures of the runs above as comma-separated values, numbers in full.",
            lambda: copy_text(as_csv(self._session)),
        )
        return row(self._swap, self._table_button, copy, stretch=-2)

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        run, both, others = current_run(session), compared(session), comparable(session)
        self.setVisible(run is not None)
        offered: list[tuple[str, int | None]] = [(NOTHING if others else NO_OTHER, None)]
        offered += [(f"{known.title} · {known.made:%H:%M}", known.number) for known in reversed(others)]
        if offered != self._offered:
            self._offered = offered
            self._beside.clear()
            self._beside.addItems([words for words, _ in offered])
        waking = session.waking
        number = waking.number if waking is not None and waking.beside else None if both is None else both[1].number
        self._beside.setCurrentIndex([known for _, known in offered].index(number))
        self._beside.setEnabled(bool(others))
        reference = session.reference
        self._forget.setVisible(reference is not None)
        self._forget.setText("Forget reference" if reference is None else f"Forget {reference.title}")
        reading = doing(session) is Doing.REFERENCE
        self._load.setEnabled(not reading)
        self._folder.setEnabled(not reading)
        self._views.setVisible(both is not None)
        self._buttons.setVisible(both is not None or (reference is not None and run is not None))
        self._swap.setVisible(both is not None)
        self._all.setVisible(bool(others))
        self._table_button.setVisible(bool(others))
        say(self._notes, self._sentence(reading))

    def _sentence(self, reading: bool) -> str:
        session = self._session
        if reading:
            return f"{session.chore} …"
        if read_again := waking_text(session.waking, beside=True):
            return read_again
        if compared(session) is not None and not session.measured:
            return "comparing …"
        notes = remarks(session)
        if compared(session) is None and session.reference is not None:
            notes = tuple(note for measured in session.measured for note in measured.notes)
        return "\n".join(dict.fromkeys(notes))

    def _choose_reference(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a reference for this cube", "", KINDS)
        if path:
            self._controller.load_reference(path)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of spectra, or of a run")
        if path:
            self._controller.load_reference(path)

    def _open_table(self) -> None:
        if self._table is None:
            self._table = RunTable(self._step, self)
        self._controller.measure_all(True)
        self._table.show()
        self._table.raise_()
        self._table.activateWindow()
