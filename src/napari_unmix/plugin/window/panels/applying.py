"""Applying the run that is shown to other cubes: which, where to, how far it is, where the maps are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_unmix.plugin.facts.session import current_run
from napari_unmix.plugin.window.panels.bar import ShareBar
from napari_unmix.plugin.window.panels.step import Step, button, row, say, text
from napari_unmix.plugin.window.panels.writing import breakable

TIP = (
    "Infer the abundances of other cubes of this sensor by this run: its endmembers and its law stay as they are, nothing is trained. "
    "What is interrupted goes on when the same files are chosen again."
)
FORMATS = "Zarr (*.zarr);;GeoTIFF (*.tif);;ENVI (*.hdr);;NetCDF (*.nc);;NumPy (*.npz)"


class ApplyPart(QWidget):
    """A part of the result step."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._session, self._controller = step.session, step.controller
        self._apply = button("Apply to…", TIP, self._choose_or_cancel)
        self._show = button(
            "Show maps", "Add the abundances as layers, to be looked at.", self._controller.show_applied
        )
        self._bar = ShareBar("Progress of applying the run")
        self._said = text("note")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        for item in (row(self._apply, self._show, stretch=-2), self._bar, self._said):
            outer.addWidget(item)
        step.listen(self.refresh, "cube", "run", "applying", "applied", "theme")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        applying, applied = session.applying, session.applied
        self.setVisible(applying is not None or current_run(session) is not None)
        self._apply.setText("Apply to…" if applying is None else "Cancel")
        self._apply.setToolTip(
            TIP if applying is None else "Stop; what is done stays, and the same choice goes on with it."
        )
        self._show.setVisible(applying is None and applied is not None)
        self._bar.setVisible(applying is not None)
        if applying is not None:
            self._bar.show_share(applying.done, session.theme.accent)
            say(self._said, f"{applying.words} …")
            return
        self._bar.rest()
        lines = [] if applied is None else [line for _, file, said in applied.maps for line in _lines(file, said)]
        say(self._said, "\n".join(lines))

    def _choose_or_cancel(self) -> None:
        if self._session.applying is not None:
            self._controller.stop_applying()
            return
        cubes, _ = QFileDialog.getOpenFileNames(self, "Choose the cubes to apply this run to")
        if not cubes:
            return
        name = f"{Path(cubes[0]).stem}-abundances.zarr" if len(cubes) == 1 else "abundances.zarr"
        place = str(Path(cubes[0]).with_name(name))
        target, _ = QFileDialog.getSaveFileName(self, "Where to write the maps", place, FORMATS)
        if target:
            self._controller.apply_to(cubes, target)


def _lines(file: Path, said: tuple[str, ...]) -> list[str]:
    """Where the maps of a cube are, and how they came about."""
    return [f"maps written to {breakable(str(file))}", *said]
