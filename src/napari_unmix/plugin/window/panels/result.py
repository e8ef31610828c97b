"""Step 5: the endmembers found, whether they may be trusted, and why."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.output.export import EXPORTS
from napari_unmix.plugin.facts.colours import endmember_palette
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.session import Doing, Session, doing, out_of_date, running, shown, shown_names
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.icons import eye_icon
from napari_unmix.plugin.window.panels.reveal import edited
from napari_unmix.plugin.window.panels.step import Step, button, paint_swatch, row, say, set_property, swatch, text

VERDICTS = {"identified": ("◉", "pass"), "partly": ("◐", "doubtful"), "not identified": ("○", "fail")}
STATUSES = {"pass": "✓", "doubtful": "◐", "fail": "✗", "not applicable": "–"}
URGENCY = ("fail", "doubtful", "pass", "not applicable")  # what asks for something to be done comes first
MEAN_PIXELS = 40_000


class ResultPanel(Step):
    """The result."""

    name = "result"
    title = "Result"
    number = 5

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._state = text("outOfDate")
        self._state.setToolTip("Train again to bring the result up to date.")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(3)
        self._endmembers: list[EndmemberRow] = []
        self._trust_mark = QLabel()
        self._trust_mark.setObjectName("trustMark")
        self._trust = text("trust")
        self._why = button(
            "Why?", "Show the checks behind this sentence: each with its number and what to do.", lambda: None
        )
        self._why.setCheckable(True)
        self._why.toggled.connect(self._unfold_checks)
        self._trust_row = row(self._trust_mark, self._trust, self._why, stretch=1)
        self._checks = QWidget()
        self._checks_layout = QVBoxLayout(self._checks)
        self._checks_layout.setContentsMargins(0, 0, 0, 0)
        self._notes = text("note")
        self._export = button(
            "Export…", "Write the whole run to a new folder, or maps and endmembers for other programs.", lambda: None
        )
        self._export.setMenu(self._formats())
        self._page = button(
            "Open report",
            "Write the checks with their numbers and pictures as a page, and open it in the browser.",
            controller.open_report,
        )
        self._written = text("note")
        self.body.addWidget(self._state)
        self.body.addLayout(self._rows)
        self._export_row = row(self._export, self._page, stretch=-2)
        for item in (self._trust_row, self._checks, self._notes, self._export_row, self._written):
            self.body.addWidget(item)
        self.listen(
            self.refresh, "cube", "preview", "answer", "annotation", "spec", "names", "hidden", "state", "theme"
        )
        self.listen(self._show_report, "report", "answer", "cube")
        self.listen(self._show_verdict, "report")
        self.listen(self._show_export, "report", "answer", "chore", "exported")
        self.listen(self._open_page, "page")
        self.refresh()
        self._show_report()
        self._show_export()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self.session
        what = shown(session)
        self.wait_for("" if what is not None or session.answer is not None else "Train first.")
        self._show_rows(
            () if what is None else shown_names(session), None if what is None else mean_shares(what.abundances)
        )
        stale = out_of_date(session)
        state = f"out of date: {stale}" if stale and not running(session) else ""
        if running(session) and session.preview is not None:
            state = "preview: it still changes"
        say(self._state, state)
        notes = session.answer.unmixing.notes if session.answer is not None else ()
        say(self._notes, "\n".join(f"• {in_window(str(note))}" for note in notes) if session.preview is None else "")
        self.set_mark("empty" if session.answer is None else "half" if stale or session.preview is not None else "done")

    def _show_rows(self, names: tuple[str, ...], shares: FloatArray | None) -> None:
        while len(self._endmembers) > len(names):
            gone = self._endmembers.pop()
            self._rows.removeWidget(gone)
            gone.deleteLater()
        while len(self._endmembers) < len(names):
            made = EndmemberRow(len(self._endmembers), self.controller)
            self._endmembers.append(made)
            self._rows.addWidget(made)
        colours = endmember_palette(len(names)) if names else []
        for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
            share = float("nan") if shares is None else float(shares[k])
            self._endmembers[k].show_fact(name, colour, share, k not in self.session.hidden, self.session.theme.text)

    def _show_report(self, *_: Any) -> None:
        session, report = self.session, self.session.report
        self._trust_row.setVisible(session.answer is not None)
        if report is None:
            self._trust_mark.setText("…" if session.state == "checking" else "–")
            set_property(self._trust_mark, "status", "")
            say(self._trust, "checking what may be claimed" if session.state == "checking" else "not checked")
        else:
            sign, status = VERDICTS[report.verdict]
            self._trust_mark.setText(sign)
            self._trust_mark.setAccessibleName(report.verdict)
            self._trust_mark.setToolTip(report.verdict)
            set_property(self._trust_mark, "status", status)
            say(self._trust, report.summary)
        self._why.setVisible(report is not None)
        self._fill_checks(report)
        self._show_checks()

    def _show_verdict(self, report: Report | None) -> None:
        """A run has ended: its last word is seen, unless the user is writing something."""
        if report is not None and edited(self) is None:
            self.reveal.bring(self._trust_row)

    def _unfold_checks(self, unfolded: bool) -> None:
        self._show_checks()
        if unfolded:
            self.reveal.bring(self._trust_row, self._checks)

    def _show_export(self, *_: Any) -> None:
        session = self.session
        writing = doing(session) in (Doing.WRITING, Doing.PAGING)
        self._export_row.setVisible(session.answer is not None)
        for control in (self._export, self._page):
            control.setEnabled(session.report is not None and not writing)
        done = "" if session.exported is None else f"written to {breakable(str(session.exported))}"
        say(self._written, f"{session.chore} …" if writing else done)

    def _open_page(self, page: Path | None) -> None:
        if page is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))):
            say(self._written, f"no browser was found; the report is {breakable(str(page))}")

    def _formats(self) -> QMenu:
        """The run's folder, and every format that a run is written to."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        whole = menu.addAction("Folder of the run…", self._choose_folder)
        whole.setToolTip("Maps, endmembers, report and pictures in a new folder; nothing is ever replaced.")
        menu.addSeparator()
        for key, form in EXPORTS.items():
            if form.of_runs:
                menu.addAction(
                    f"{form.title[:1].upper()}{form.title[1:]} ({form.suffixes[0]})…", partial(self._choose_file, key)
                )
        return menu

    def _choose_file(self, key: str) -> None:
        answer = self.session.answer
        if answer is None:
            return
        form = EXPORTS[key]
        name = f"{answer.cube.name}-{answer.spec.method}{form.suffixes[0]}"
        path, _ = QFileDialog.getSaveFileName(
            self, f"Save as {form.title}", name, f"{form.title} (*{form.suffixes[0]})"
        )
        if path:
            self.controller.save_as(path, key)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose where to make the folder of this result")
        if folder:
            self.controller.export(folder)

    def _show_checks(self) -> None:
        self._checks.setVisible(self._why.isChecked() and self.session.report is not None)

    def _fill_checks(self, report: Report | None) -> None:
        while self._checks_layout.count():
            item = self._checks_layout.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if report is not None:
            self._checks_layout.addWidget(text("note", tally(report)))
            for check in sorted(report.checks, key=lambda check: URGENCY.index(check.status)):
                self._checks_layout.addWidget(CheckRow(check))


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


class EndmemberRow(QWidget):
    """One endmember: colour, name (double-click renames), mean share, eye."""

    def __init__(self, index: int, controller: Controller) -> None:
        super().__init__()
        self._swatch = swatch("#888888")
        self._name = NameEdit()
        self._name.renamed.append(lambda name: controller.rename_endmember(index, name))
        self._share = QLabel()
        self._share.setToolTip("Mean share of this endmember over all pixels.")
        self._eye = QToolButton()
        self._eye.setCheckable(True)
        self._eye.setObjectName("eye")
        self._eye.clicked.connect(lambda visible: controller.set_visible(index, visible))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._swatch)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._share)
        layout.addWidget(self._eye)

    def show_fact(self, name: str, colour: str, share: float, visible: bool, text_colour: str) -> None:
        """Show what the session says of this endmember."""
        paint_swatch(self._swatch, colour)
        self._name.show_name(name)
        self._share.setText("" if np.isnan(share) else f"{100 * share:.0f} %")
        self._eye.setChecked(visible)
        self._eye.setIcon(eye_icon(visible, text_colour))
        self._eye.setToolTip("Hide this map." if visible else "Show this map.")
        self._eye.setAccessibleName(f"Map of {name}")


class NameEdit(QLineEdit):
    """A name that a double click, Enter or F2 makes editable."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: list[Any] = []
        self._shown = ""
        self.setObjectName("nameEdit")
        self.setReadOnly(True)
        self.setFrame(False)
        self.setToolTip("Double-click to rename; the name changes in layers, curves and bars.")
        self.editingFinished.connect(self._finish)

    def show_name(self, name: str) -> None:
        """Show a name, unless the user is just writing one."""
        self._shown = name
        if self.isReadOnly():
            self.setText(name)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Begin to rename."""
        self._begin()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter or F2 begins, Escape gives up."""
        if event is None:
            return
        if self.isReadOnly() and event.key() in (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._begin()
        elif not self.isReadOnly() and event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self.setReadOnly(True)
        else:
            super().keyPressEvent(event)

    def _begin(self) -> None:
        self.setReadOnly(False)
        self.selectAll()
        self.setFocus()

    def _finish(self) -> None:
        if self.isReadOnly():
            return
        self.setReadOnly(True)
        for renamed in self.renamed:
            renamed(self.text())
        self.setText(self._shown)
        self.deselect()


def breakable(path: str) -> str:
    """A path that may be wrapped after each of its folders, so that a long one does not widen the dock."""
    return path.replace("/", "/\u200b").replace("\\", "\\\u200b")


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


def mean_shares(abundances: FloatArray) -> FloatArray:
    """(P,) mean share over evenly spread pixels; NaN where there is none."""
    height, width, count = abundances.shape
    step = max(1, int(np.ceil(np.sqrt(height * width / MEAN_PIXELS))))
    values = abundances[::step, ::step].reshape(-1, count)
    values = values[np.isfinite(values).all(axis=1)]
    return values.mean(axis=0) if len(values) else np.full(count, np.nan)
