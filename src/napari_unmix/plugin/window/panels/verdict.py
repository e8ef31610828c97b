"""What may be claimed of the run that is shown, in one sentence, and the checks behind it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.session import being_checked, current_report, current_run
from napari_unmix.plugin.window.panels.reveal import edited
from napari_unmix.plugin.window.panels.step import Step, button, row, say, set_property, text

VERDICTS = {"identified": ("◉", "pass"), "partly": ("◐", "doubtful"), "not identified": ("○", "fail")}
STATUSES = {"pass": "✓", "doubtful": "◐", "fail": "✗", "not applicable": "–"}
URGENCY = ("fail", "doubtful", "pass", "not applicable")  # what asks for something to be done comes first


class VerdictPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step, self._session = step, step.session
        self._report: Report | None = None  # whose checks are shown
        self._mark = QLabel()
        self._mark.setObjectName("trustMark")
        self._trust = text("trust")
        self._why = button(
            "Why?", "Show the checks behind this sentence: each with its number and what to do.", lambda: None
        )
        self._why.setCheckable(True)
        self._why.toggled.connect(self._unfold)
        self._line = row(self._mark, self._trust, self._why, stretch=1)
        self._checks = QWidget()
        self._column = QVBoxLayout(self._checks)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._notes = text("note")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        for item in (self._line, self._checks, self._notes):
            outer.addWidget(item)
        step.listen(self.refresh, "cube", "run", "state", "training", "theme")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        run = current_run(session)
        report = current_report(session)
        self.setVisible(run is not None)
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
            say(self._trust, report.summary)
        self._why.setVisible(report is not None)
        notes = () if run is None else run.unmixing.notes
        say(self._notes, "\n".join(f"• {in_window(str(note))}" for note in notes))
        before, self._report = self._report, report
        if report is not before:
            self._fill(report)
        self._checks.setVisible(self._why.isChecked() and report is not None)
        if report is not None and report is not before and edited(self) is None:
            self._step.reveal.bring(self._line)  # a run's last word is seen, unless the user is writing something

    def _unfold(self, unfolded: bool) -> None:
        self._checks.setVisible(unfolded and self._report is not None)
        if unfolded:
            self._step.reveal.bring(self._line, self._checks)

    def _fill(self, report: Report | None) -> None:
        while self._column.count():
            item = self._column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if report is not None:
            self._column.addWidget(text("note", tally(report)))
            for check in sorted(report.checks, key=lambda check: URGENCY.index(check.status)):
                self._column.addWidget(CheckRow(check))


class CheckRow(QWidget):
    """One check: its sign, its sentence, its number against the threshold, what to do."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        sign = QLabel(STATUSES[check.status])
        sign.setObjectName("checkMark")
        sign.setProperty("status", check.status)
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        sign.setIndent(0)
        sign.setFixedWidth(16)
        sign.setToolTip(check.status)
        sign.setAccessibleName(check.status)
        words = QVBoxLayout()
        words.setSpacing(1)
        title = f"{check.name[:1].upper()}{check.name[1:]}{numbers(check)}"
        remedy = f"→ {in_window(check.remedy)}" if check.remedy else ""
        for name, content in (("checkTitle", title), ("note", check.sentence), ("remedy", remedy)):
            if content:
                line = text(name, content)
                line.setAlignment(Qt.AlignmentFlag.AlignTop)  # a label may get a line more than it needs
                line.setIndent(0)
                words.addWidget(line)
        words.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 0, 2)
        layout.setSpacing(4)
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)


def tally(report: Report) -> str:
    """How many checks of the report say what."""
    counts = {status: sum(check.status == status for check in report.checks) for status in URGENCY}
    words = {"fail": "failed", "doubtful": "doubtful", "pass": "passed", "not applicable": "not applicable"}
    said = ", ".join(f"{count} {words[status]}" for status, count in counts.items() if count)
    return f"{len(report.checks)} check{'' if len(report.checks) == 1 else 's'}: {said}."


def numbers(check: Check) -> str:
    """The number of a check and what it was held against."""
    if check.value is None:
        return ""
    held = "" if check.threshold is None else f" (threshold {check.threshold:.3g})"
    return f": {check.value:.3g}{held}"
