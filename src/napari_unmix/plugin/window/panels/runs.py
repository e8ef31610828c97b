"""The run that is shown: its name, the others of its cube, where it is kept, how to say it again. One line."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QActionGroup, QDesktopServices
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from napari_unmix.output.run.recipe import SAME_BITS, as_command, as_python, parts_of
from napari_unmix.plugin.facts.edits import is_edited
from napari_unmix.plugin.facts.grading import grades_text
from napari_unmix.plugin.facts.kept import VERDICT_WORDS, counted, run_line, run_mark, shown_place
from napari_unmix.plugin.facts.resting import waking_text
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, current_run, runs_of
from napari_unmix.plugin.window.panels.recent import RecentMenu, listed_runs
from napari_unmix.plugin.window.panels.step import Step
from napari_unmix.plugin.window.panels.title import TitleEdit

NOT_KEPT = "It is not on the disk yet: wait a moment, or export it."


class RunsPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._mark, self._kept = QLabel(), QLabel()
        self._kept.setObjectName("note")
        self._name = TitleEdit(self._rename)
        self._others = _tool("", "Runs of this cube", "The kept runs of this cube: choose the one to show.")
        self._more = _tool("⋯", "What to do with this run", "Rename, copy, find, repeat or forget this run.")
        self._list = QMenu(self)
        self._list.setToolTipsVisible(True)
        self._list.aboutToShow.connect(
            self._list_runs
        )  # not before: of many runs it takes long, and most are never looked for
        self._choice = QActionGroup(self._list)
        self._others.setMenu(self._list)
        self._recent = RecentMenu(self, self._controller, "Open another")
        self._more.setMenu(self._actions())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget, stretch in ((self._mark, 0), (self._name, 1), (self._kept, 0), (self._others, 0), (self._more, 0)):
            layout.addWidget(widget, stretch)
        step.listen(self.refresh, "cube", "runs", "run", "keeping", "waking", "recent", "known")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, run = self._session, current_run(self._session)
        self.setVisible(run is not None)
        if run is None:
            return
        verdict = VERDICT_WORDS["" if run.report is None else run.report.verdict]
        self._mark.setText(run_mark(run))
        self._mark.setToolTip(f"This run is {verdict}.")
        self._name.show_title(run.title)
        self._name.setToolTip(f"{described(run)}\nDouble-click, or F2, to rename this run.")
        state, place = kept_state(session, run)
        self._kept.setText(state)
        self._kept.setToolTip(place)
        count = len(runs_of(session, session.cube))
        self._others.setVisible(count > 1)
        self._others.setText(f"{count} runs ▾")
        self._recent.show_runs(listed_runs(session), with_cube=False)
        for action, ready in self._need_folder.items():
            action.setEnabled(run.folder is not None)
            action.setToolTip(ready if run.folder is not None else NOT_KEPT)

    def _list_runs(self) -> None:
        session, now = self._session, datetime.now()
        shown = current_run(session)
        self._list.clear()
        for known in reversed(runs_of(session, session.cube)):
            action = self._list.addAction(
                run_line(known, now).replace("&", "&&"), partial(self._controller.show_run, known.number)
            )
            action.setToolTip(described(known))
            action.setCheckable(True)
            action.setChecked(shown is not None and known.number == shown.number)
            self._choice.addAction(action)

    def _actions(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        rename = menu.addAction("Rename", self._name.begin)
        rename.setToolTip("Call this run something else. Also: double-click its name.")
        use = menu.addAction("Back to its settings and painting", lambda: self._do(self._controller.use_run))
        use.setToolTip("Take bands, method, settings and painting of this run again, to change them from there.")
        menu.addSeparator()
        python = menu.addAction("Copy as Python", lambda: self._copy(python_text))
        command = menu.addAction("Copy as command", lambda: self._copy(command_text))
        place = menu.addAction("Show folder", self._show_folder)
        menu.addSeparator()
        menu.addMenu(self._recent)
        forget = menu.addAction("Forget", lambda: self._do(self._controller.forget_run))
        forget.setToolTip("Take this run out of the list. What is kept of it on the disk stays there.")
        self._need_folder = {
            python: f"A script that repeats this run. {SAME_BITS}",
            command: f"A line for a shell that repeats this run. {SAME_BITS}",
            place: "Open the folder where this run is kept.",
        }
        return menu

    def _do(self, verb: Any) -> None:
        run = current_run(self._session)
        if run is not None:
            verb(run.number)

    def _rename(self, title: str) -> None:
        self._do(lambda number: self._controller.rename_run(number, title))

    def _copy(self, text: Any) -> None:
        run = current_run(self._session)
        if run is not None and run.folder is not None:
            QApplication.clipboard().setText(text(run))

    def _show_folder(self) -> None:
        run = current_run(self._session)
        if run is not None and run.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))


EDITED_BY_HAND = "This result was edited by hand, which nothing repeats: train on from it, and copy that."


def python_text(run: Run) -> str:
    """The script that repeats a kept run."""
    assert run.folder is not None
    if is_edited(run.unmixing):
        return f"# {EDITED_BY_HAND}"
    again, given = f"{run.folder.name}-again", run.unmixing.given is not None
    return as_python(run.cube, run.spec, _painted(run), run.folder, run.title, again, given=given)


def command_text(run: Run) -> str:
    """The command that repeats a kept run; where its cube came from no file, what is to be done first."""
    assert run.folder is not None
    if is_edited(run.unmixing):
        return f"# {EDITED_BY_HAND}"
    command = as_command(run.cube, run.spec, _painted(run), run.folder, given=run.unmixing.given is not None)
    if parts_of(run.cube) or run.cube.name == "sample":
        return command
    return (
        f"# {run.cube.name} was not read from a file: save it, and name its file after --cube.\n{command} --cube FILE"
    )


def _painted(run: Run) -> Any:
    return run.annotation if run.annotation is not None and run.annotation.labels.any() else None


def described(run: Run) -> str:
    """Method, endmembers with how far they can be believed, and date of a run."""
    grades = grades_text(run)
    endmembers = f"{counted(len(run.look.names))}{f' ({grades})' if grades else ''}"
    return f"{type(run.spec).title}, {endmembers}, {run.made:%a %d %b %Y, %H:%M}"


def kept_state(session: Session, run: Run) -> tuple[str, str]:
    """Whether a run is on the disk, in a word, and where."""
    if reading := waking_text(session.waking, beside=False):
        return reading, "Its maps are on the disk alone, and are being read; this run is shown until they are there."
    if run.number in session.keeping:
        return "keeping …", "This run is being written to the disk."
    if run.folder is None:
        return "not kept", "This run is in memory alone: export it, so that it is not lost."
    return (
        "kept",
        f"Kept in {shown_place(run.folder)}, names, colours and pins included; it opens again from Recent runs.",
    )


def _tool(sign: str, name: str, tip: str) -> QToolButton:
    made = QToolButton()
    made.setText(sign)
    made.setObjectName("fold")
    made.setAccessibleName(name)
    made.setToolTip(tip)
    made.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # its sign says as much
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return made
