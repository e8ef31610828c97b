"""Which run of the cube is shown."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import current_run, runs_of
from napari_unmix.plugin.window.panels.step import Step


class RunsPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._runs = QComboBox()
        self._runs.setAccessibleName("Run")
        self._runs.setToolTip(
            "The kept runs of this cube. Maps, curves, names and verdict are those of the one chosen."
        )
        self._runs.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._runs.activated.connect(lambda place: self._controller.show_run(self._runs.itemData(place)))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._runs)
        step.listen(self.refresh, "cube", "runs", "run")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        runs, run = runs_of(self._session, self._session.cube), current_run(self._session)
        self.setVisible(len(runs) > 1)
        self._runs.clear()
        for known in reversed(runs):
            self._runs.addItem(run_text(known), known.number)
        self._runs.setCurrentIndex(-1 if run is None else self._runs.findData(run.number))


def run_text(run: Run) -> str:
    """What stands in the list: title, endmembers, time."""
    return f"{run.title} · {len(run.look.names)} endmembers · {run.made:%H:%M}"
