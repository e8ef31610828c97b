"""What may be claimed of the run that is shown, in one sentence, and the checks behind it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unmix.identifiability.report import Report
from napari_unmix.plugin.facts.following import live_shown
from napari_unmix.plugin.facts.grading import Material, materials_of
from napari_unmix.plugin.facts.reading_checks import tally
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import being_checked, current_report, current_run
from napari_unmix.plugin.window.panels.checks import CheckList
from napari_unmix.plugin.window.panels.materials import MaterialList
from napari_unmix.plugin.window.panels.reveal import edited
from napari_unmix.plugin.window.panels.step import Step, button, more_button, row, say, set_property, text

VERDICTS = {"identified": ("◉", "pass"), "partly": ("◐", "doubtful"), "not identified": ("○", "fail")}

CHECK_TIP = (
    "Find out what may be claimed of this result, in the background; it takes about as long as after a training."
)


class VerdictPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step, self._session = step, step.session
        self._report: Report | None = None  # of the run that is shown
        self._mark = QLabel()
        self._mark.setObjectName("trustMark")
        self._trust = text("trust")
        self._why = button(
            "Why?",
            "Show the checks behind this sentence: each with its number and what to do, and notes on the run.",
            lambda: None,
        )
        self._why.setCheckable(True)
        self._why.toggled.connect(self._unfold)
        self._check = button("Check", CHECK_TIP, step.controller.check_run)
        self._line = row(self._mark, self._trust, stretch=1)
        self._buttons = row(self._why, self._check, stretch=-2)  # below the sentence, which needs the width
        self._materials: tuple[Material, ...] = ()  # of the run that is shown
        self._list = MaterialList()
        self._tally = text("note")
        self._more = more_button("How each check was made, in the words of the theory page.", self._show_checks)
        self._made = CheckList()
        self._notes = text("note")
        self._checks = QWidget()
        checks = QVBoxLayout(self._checks)
        checks.setContentsMargins(0, 0, 0, 0)
        checks.addWidget(self._list)
        checks.addWidget(row(self._tally, self._more, stretch=0))
        checks.addWidget(self._made)
        checks.addWidget(self._notes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(3)
        outer.addWidget(self._line)
        outer.addWidget(self._buttons)
        outer.addWidget(self._checks)
        step.listen(self.refresh, "cube", "run", "state", "training", "theme")
        self.refresh()

    def take_in(self, ask: QPushButton, answer: QWidget) -> None:
        """One more button beside *Why?*, and what it shows: below the two, above the checks, which may be longer than the window is high."""
        line, outer = self._buttons.layout(), self.layout()
        assert isinstance(line, QHBoxLayout)
        assert isinstance(outer, QVBoxLayout)
        line.insertWidget(2, ask)
        outer.insertWidget(outer.indexOf(self._checks), answer)

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        run = current_run(session)
        report = current_report(session)
        self.setVisible(
            run is not None and not live_shown(session)
        )  # what is claimed of a run is not claimed of other maps
        if report is None:
            checking = being_checked(session, run)
            self._mark.setText("…" if checking else "–")
            set_property(self._mark, "status", "")
            say(self._trust, "checking what may be claimed" if checking else "not checked")
        else:
            sign, status = VERDICTS[report.verdict]
            self._mark.setText(sign)
            self._mark.setAccessibleName(report.verdict)
            self._mark.setToolTip(report.verdict)
            set_property(self._mark, "status", status)
            say(self._trust, _summary(run, report))
        self._check.setVisible(run is not None and report is None and not being_checked(session, run))
        self._check.setEnabled(session.state == "idle")
        notes = () if run is None else run.unmixing.notes
        say(self._notes, "\n".join(f"• {in_window(str(note))}" for note in notes))
        self._materials = materials_of(run)
        self._why.setVisible(report is not None or bool(notes) or bool(self._materials))
        before, self._report = self._report, report
        self._show_checks()
        if report is not None and report is not before and edited(self) is None:
            self._step.reveal.bring(
                self._line, self._buttons
            )  # a run's last word is seen, unless the user is writing something

    def _unfold(self, unfolded: bool) -> None:
        self._show_checks()
        if unfolded:
            self._step.reveal.bring(self._line, self._checks)

    def _show_checks(self) -> None:
        """The checks, which are laid out when they are asked for."""
        unfolded, report, theme = self._why.isChecked(), self._report, self._session.theme
        if unfolded:
            self._list.show_materials(self._materials, theme)
            say(self._tally, "" if report is None else tally(report))
            self._more.setVisible(report is not None)
            self._made.show_checks(report, theme, details=self._more.isChecked())
        self._checks.setVisible(unfolded)


def _summary(run: Run | None, report: Report) -> str:
    """By the names that the user gave."""
    told = None if run is None else run.told
    return (report if told is None else told).summary
