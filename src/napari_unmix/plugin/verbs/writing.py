"""Verbs that write the run that is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unmix.plugin.facts.kept import pins_of
from napari_unmix.plugin.facts.session import Chore, Doing
from napari_unmix.plugin.verbs.base import Verbs
from napari_unmix.progress import Fit


class WriteVerbs(Verbs):
    """Verbs that write the run that is shown."""

    def export(self, parent: str | Path) -> None:
        """Write the run with its report, pictures and pins to a new folder in ``parent``; nothing is ever replaced."""
        pins = pins_of(self.session.pins, self.session.pin_names)
        self._write(lambda run: self._engine.export(Path(parent), run, pins), self._exported, Doing.WRITING)

    def save_as(self, path: str | Path, form: str) -> None:
        """Write the maps and endmembers of the run, checked or not, in a format (a key of ``output.export.EXPORTS``)."""
        save = self._engine.save
        self._write(lambda *what: save(Path(path), form, *what), self._exported, Doing.WRITING, checked=False)

    def open_report(self) -> None:
        """Write the report page of the run to a temporary folder; whoever shows pages opens it."""
        self._write(lambda *what: self._engine.page(*what), self._paged, Doing.PAGING)

    def _write(
        self, make: Callable[..., Fit[Path]], done: Callable[[Path], None], doing: Doing, *, checked: bool = True
    ) -> None:
        run = self.session.run
        if run is None or (checked and run.report is None):
            self._trouble("result", "There is no checked result yet: train first, and wait for the checks.")
            return
        self._chore(lambda: make(run), done, "result", Chore(doing))

    def _exported(self, folder: Path) -> None:
        self._settle("result")
        self.session.exported = folder

    def _paged(self, page: Path) -> None:
        self._settle("result")
        self.session.page = page
