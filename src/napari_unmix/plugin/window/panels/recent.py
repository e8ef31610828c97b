"""The runs on the disk, as a menu: all of them before a cube is open, later those of the cube that are not open yet."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_unmix.output.run.glance import Glance
from napari_unmix.plugin.facts.kept import glance_text, glance_tip, of_cube
from napari_unmix.plugin.facts.session import Session, runs_of
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import Step, button, row

MOST_LISTED = 12


class RecentPart(QWidget):
    """A part of the cube step: one button with a menu."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._button: QPushButton = button("", "", lambda: None)
        self._menu = RecentMenu(self, self._controller)
        self._button.setMenu(self._menu)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(row(self._button, stretch=-2))
        step.listen(self.refresh, "cube", "cubes", "recent", "known", "runs")
        self._controller.list_recent()
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        listed = listed_runs(session)
        empty = session.cube is None
        self.setVisible(empty or bool(listed and not runs_of(session, session.cube)))  # else step 5 has them
        first = "Recent runs" if listed else "Open a run"
        self._button.setText(first if empty else f"Kept runs of this cube ({len(listed)})")
        self._button.setToolTip(
            "Open a run that was kept, with its cube, painting and settings."
            if empty
            else "Runs of this cube from before: open one beside those that are here."
        )
        self._menu.show_runs(listed, with_cube=empty)


class RecentMenu(QMenu):
    """Runs on the disk, the newest first, and any folder."""

    def __init__(self, parent: QWidget, controller: Controller, title: str = "") -> None:
        super().__init__(title, parent)
        self._controller = controller
        self.setToolTipsVisible(True)

    def show_runs(self, runs: tuple[Glance, ...], *, with_cube: bool) -> None:
        """List them."""
        self.clear()
        now = datetime.now()
        for one in runs[:MOST_LISTED]:
            action = self.addAction(
                glance_text(one, now, with_cube=with_cube).replace("&", "&&"),
                partial(self._controller.open_run, one.folder),
            )
            action.setToolTip(glance_tip(one))
        if runs:
            self.addSeparator()
        any_folder = self.addAction("Open a run's folder…", self._choose)
        any_folder.setToolTip("Choose the folder of a run that was exported, or written by napari-unmix unmix.")

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.parentWidget(), "Choose the folder of a run")
        if folder:
            self._controller.open_run(Path(folder))


def listed_runs(session: Session) -> tuple[Glance, ...]:
    """What can be opened now: any run before a cube is open, then those of the cube."""
    if session.cube is None:
        return session.recent
    if session.known is None:
        return ()
    return of_cube(session.recent, session.known.sha256, runs_of(session, session.cube))
