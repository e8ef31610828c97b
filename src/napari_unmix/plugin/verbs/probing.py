"""Verbs that probe the painted classes of the current cube: one probe at a time, in the background, beside everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.probe_table import obstacle
from napari_unmix.plugin.facts.probing import Probe, Probing
from napari_unmix.plugin.facts.session import Session, runs_of
from napari_unmix.plugin.verbs.base import Verbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner
from napari_unmix.progress import Progress


class ProbeVerbs(Verbs):
    """Verbs that probe."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._probes = runner
        self._probing: Job | None = None
        session.events.cubes.connect(self._stop_of_closed)

    def probe_classes(self) -> None:
        """Train a simple classifier of the painted classes on raw spectra and on what each run of the cube found."""
        session = self.session
        cube, annotation = session.cube, session.annotation
        if cube is None or annotation is None or session.probing is not None or obstacle(session):
            return
        runs = runs_of(session, cube)
        self._settle("result")
        session.probing = Probing(cube)
        handlers = Handlers(
            progress=self._probe_progressed,
            done=lambda found: self._was_probed(cube, found),
            failed=self._probe_failed,
            stopped=self._probe_ended,
        )
        job = self._probes(lambda: self._engine.probe(cube, annotation, runs), handlers)
        if session.probing is not None:  # a runner that runs inline has ended it by now
            self._probing = job

    def stop_probing(self) -> None:
        """Stop, and hear no more of it; the last table stays."""
        if self._probing is not None:
            self._probing.cancel()
        self._probe_ended()

    def _stop_of_closed(self, *_: Any) -> None:
        probing = self.session.probing
        if probing is not None and not any(same_image(probing.cube, cube) for cube in self.session.cubes):
            self.stop_probing()

    def _probe_progressed(self, progress: Progress) -> None:
        probing = self.session.probing
        if probing is not None:
            self.session.probing = replace(probing, done=progress.fraction, words=progress.stage)

    def _was_probed(self, cube: Cube, found: Probe) -> None:
        if self.session.probing is None:
            return
        if same_image(cube, self.session.cube):
            self.session.probed = found
        else:
            self._desks.change(cube, lambda desk: replace(desk, probed=found))
        self._probe_ended()

    def _probe_failed(self, error: Exception) -> None:
        if self.session.probing is not None:
            self.session.trouble = self._trouble_of("result", error)
            self._probe_ended()

    def _probe_ended(self) -> None:
        self.session.probing, self._probing = None, None
