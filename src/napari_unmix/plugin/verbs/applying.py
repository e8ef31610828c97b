"""Verbs that apply the run that is shown to other cubes: one at a time, in the background, beside everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_unmix.plugin.facts.applying import AppliedMaps, AppliedTo, Applying
from napari_unmix.plugin.facts.session import Session, current_run
from napari_unmix.plugin.verbs.base import Verbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner
from napari_unmix.progress import Progress


class ApplyVerbs(Verbs):
    """Verbs that apply a run."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._applies = runner
        self._applying: Job | None = None

    def apply_to(self, cubes: Sequence[str | Path], target: str | Path) -> None:
        """Apply the run that is shown to the cubes in these files, and write the maps to ``target``; what is there was the user's to replace."""
        run = current_run(self.session)
        if run is None or self.session.applying is not None or not cubes:
            return
        files, out = tuple(Path(cube) for cube in cubes), Path(target)
        self._settle("result")
        self.session.applied = None
        self.session.applying = Applying(run.title, files)
        handlers = Handlers(
            progress=self._apply_progressed,
            done=self._was_applied,
            failed=self._apply_failed,
            stopped=self._apply_ended,
        )
        job = self._applies(lambda: self._engine.apply(run, files, out), handlers)
        if self.session.applying is not None:  # a runner that runs inline has ended it by now
            self._applying = job

    def stop_applying(self) -> None:
        """Stop at the next tile; what is done stays, and the same choice goes on with it."""
        if self._applying is not None:
            self._applying.cancel()
        self._apply_ended()

    def show_applied(self, index: int = 0) -> None:
        """Read the maps of one of the cubes that the run was applied to, to be looked at."""
        applied = self.session.applied
        if applied is not None and index < len(applied.maps):
            self._chore(lambda: self._engine.applied_maps(applied, index), self._seen_applied, "result")

    def _seen_applied(self, maps: AppliedMaps) -> None:
        self.session.applied_maps = maps

    def _apply_progressed(self, progress: Progress) -> None:
        applying = self.session.applying
        if applying is not None:
            self.session.applying = replace(applying, done=progress.fraction, words=progress.stage)

    def _was_applied(self, applied: AppliedTo) -> None:
        if self.session.applying is not None:
            self._apply_ended()
            self.session.applied = applied

    def _apply_failed(self, error: Exception) -> None:
        if self.session.applying is not None:
            self.session.trouble = self._trouble_of("result", error)
            self._apply_ended()

    def _apply_ended(self) -> None:
        self.session.applying, self._applying = None, None
