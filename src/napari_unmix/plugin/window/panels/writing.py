"""Taking the run that is shown along: its folder, files for other programs, the report as a page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from napari_unmix.output.export import EXPORTS
from napari_unmix.plugin.facts.following import live_shown
from napari_unmix.plugin.facts.guiding import next_step
from napari_unmix.plugin.facts.session import Doing, being_checked, current_report, current_run, doing
from napari_unmix.plugin.window.panels.step import Step, button, row, say, set_property, text

WHOLE_TIP = "Maps, endmembers, report and pictures in a new folder; nothing is ever replaced."


class WritingPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._export = button(
            "Export…", "Write the whole run to a new folder, or maps and endmembers for other programs.", lambda: None
        )
        self._export.setMenu(self._formats())
        self._page = button(
            "Open report",
            "Write the checks with their numbers and pictures as a page, and open it in the browser.",
            self._controller.open_report,
        )
        self._written = text("note")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        outer.addWidget(row(self._export, self._page, stretch=-2))
        outer.addWidget(self._written)
        step.listen(self.refresh, "cube", "run", "training", "state", "spec", "annotation", "chore", "exported")
        step.listen(self._open_page, "page")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        run = current_run(session)
        writing = doing(session) in (Doing.WRITING, Doing.PAGING)
        self.setVisible(
            run is not None and not live_shown(session)
        )  # what is written is the run, which is not what is seen
        set_property(self._export, "emphasised", next_step(session) == "export")
        checked = current_report(session) is not None
        self._page.setEnabled(checked and not writing)
        self._export.setEnabled(run is not None and not writing and not being_checked(session, run))
        self._whole.setEnabled(checked)
        self._whole.setToolTip(WHOLE_TIP if checked else "The run is not checked: press Check first, or train on.")
        done = "" if session.exported is None else f"written to {breakable(str(session.exported))}"
        say(self._written, f"{session.chore} …" if writing else done)

    def _open_page(self, page: Path | None) -> None:
        if page is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))):
            say(self._written, f"no browser was found; the report is {breakable(str(page))}")

    def _formats(self) -> QMenu:
        """The run's folder, and every format that a run is written to."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._whole = menu.addAction("Folder of the run…", self._choose_folder)
        self._whole.setToolTip(WHOLE_TIP)
        menu.addSeparator()
        for key, form in EXPORTS.items():
            if form.of_runs:
                menu.addAction(
                    f"{form.title[:1].upper()}{form.title[1:]} ({form.suffixes[0]})…", partial(self._choose_file, key)
                )
        return menu

    def _choose_file(self, key: str) -> None:
        run = current_run(self._session)
        if run is None:
            return
        form = EXPORTS[key]
        name = f"{run.cube.name}-{run.spec.method}{form.suffixes[0]}"
        path, _ = QFileDialog.getSaveFileName(
            self, f"Save as {form.title}", name, f"{form.title} (*{form.suffixes[0]})"
        )
        if path:
            self._controller.save_as(path, key)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose where to make the folder of this result")
        if folder:
            self._controller.export(folder)


def breakable(path: str) -> str:
    """A path that may be wrapped after each of its folders, so that a long one does not widen the dock."""
    return path.replace("/", "/\u200b").replace("\\", "\\\u200b")
