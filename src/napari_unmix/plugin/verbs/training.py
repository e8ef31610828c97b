"""Verbs on the run under way: train, cancel, pause; what it says becomes facts, and in the end a run that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.identifiability.report import Report
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.locks import held_endmembers, why_not_held
from napari_unmix.plugin.facts.runs import Look, Run, Training, carried_look, kept_title
from napari_unmix.plugin.facts.session import Session, Stage, Step, running, runs_of
from napari_unmix.plugin.verbs.jobs import Handlers, Job
from napari_unmix.plugin.verbs.painting import PaintVerbs
from napari_unmix.progress import Fit, Preview, Progress

CLOSE_SECONDS = 10.0

T = TypeVar("T")


class TrainVerbs(PaintVerbs):
    """Verbs on the run under way: one at a time, of whichever cube."""

    def start(self) -> None:
        """Train in the background; endmembers of the run shown that are locked are held."""
        session = self.session
        if session.cube is None:
            self._trouble("train", "There is no cube to unmix: open one first.")
        elif trouble := why_not_held(session):
            self._trouble("train", trouble)
        else:
            self._train(session.cube, held_endmembers(session))

    def _train(self, cube: Cube, given: Given | None) -> None:
        """Train on a cube, from endmembers that are given where there are any."""
        session = self.session
        self._one_run.drop()
        spec, painted = session.spec, session.annotation
        annotation = painted if painted is not None and painted.labels.any() else None
        session.trouble = session.unfinished = None
        known, before = known_look(session), _left_off(session)
        made = Training(self._next_number(), cube, spec, painted, known, held=session.held)
        session.training = (
            made if before is None else replace(made, preview=before.preview, look=before.look)
        )  # its maps stay until there are newer ones
        session.progress = Progress(Stage.STARTING, 0, 1, 0.0)
        session.state = "training"
        held = () if given is None else (given,)
        self._launch(lambda: self._engine.unmix(cube, spec, annotation, *held), self._trained)

    def take_up(self) -> None:
        """Go on with the interrupted training of the cube, with the settings and the painting that it had."""
        unfinished = self.session.unfinished
        if unfinished is not None and unfinished.cube is self.session.cube:
            self.session.spec = unfinished.spec
            self.set_annotation(unfinished.annotation)
            self._train(unfinished.cube, unfinished.given)

    def _launch(self, make: Callable[[], Fit[T]], done: Callable[[T], None]) -> None:
        self._one_run.launch(make, Handlers(self._progressed, self._previewed, done, self._failed, self._stopped))

    def _progressed(self, progress: Progress) -> None:
        self.session.progress = progress

    def _previewed(self, preview: Preview) -> None:
        training = self.session.training
        if training is not None:
            self.session.training = training.previewed(preview)

    def _trained(self, unmixing: Unmixing) -> None:
        session, training = self.session, self.session.training
        assert training is not None  # one that was dropped is not heard
        run = Run(
            number=training.number,
            title=kept_title(session.runs, training.cube, training.spec.method),
            made=datetime.now(),
            cube=training.cube,
            spec=training.spec,
            annotation=training.annotation,
            home=training.cube,
            unmixing=unmixing,
            look=_look_of(unmixing, training),
            held=training.held,
        )
        self._keep(run)
        session.training = None
        self._check(run)

    def _check(self, run: Run) -> None:
        """Find out what may be claimed of a run."""
        self.session.checking = run.number
        self.session.state = "checking"
        endmembers = run.unmixing.endmembers
        self._launch(
            lambda: self._engine.assess(run.cube, run.unmixing),
            lambda report: self._assessed(run.number, endmembers, report),
        )

    def _keep(self, run: Run) -> None:
        """A new run is the one that is shown of its cube."""
        session = self.session
        session.runs = (*session.runs, run)
        if same_image(run.home, session.cube):
            session.exported = session.page = None
            session.run = run
        else:
            self._desks.change(run.home, lambda desk: replace(desk, run=run))

    def _assessed(self, number: int, endmembers: FloatArray, report: Report) -> None:
        now = next((kept for kept in self.session.runs if kept.number == number), None)
        if now is not None:  # it may have been renamed since, put in another order, or forgotten
            self._put_run(now.judged(report, endmembers))
        self._finish(Progress(Stage.DONE, 1, 1, 1.0))

    def _failed(self, error: Exception) -> None:
        step: Step = "result" if self.session.state == "checking" else "train"
        trouble = self._trouble_of(step, error)
        self._finish(None)
        self._give_back()
        self.session.trouble = trouble

    def _stopped(self) -> None:
        self._finish(None)

    def _finish(self, progress: Progress | None) -> None:
        self.session.progress = progress  # first: how it ended is known where the end is told
        self.session.state = "idle"

    def cancel(self) -> Job | None:
        """Stop the run; the last run of the cube stays, and where there is none, the last preview. Its job, to wait for."""
        session = self.session
        if session.state == "idle":
            return None
        job = self._one_run.drop()
        at, under_way = session.progress or Progress("", 0, 1, 0.0), running(session)
        self._finish(Progress(Stage.CANCELLED, at.step, at.total, at.fraction))
        if under_way:
            self._give_back()
        return job

    def _give_back(self) -> None:
        training = self.session.training
        stays = training is None or training.live
        if training is not None and not stays and (training.preview is None or runs_of(self.session, training.cube)):
            self.session.training = None

    def pause(self) -> None:
        """Do not go on until ``resume``."""
        if self.session.state == "training":
            self._one_run.pause()
            self.session.state = "paused"

    def resume(self) -> None:
        """Go on after ``pause``."""
        if self.session.state == "paused":
            self._one_run.resume()
            self.session.state = "training"

    def stop(self) -> None:
        """Cancel the run, and wait for the training thread itself."""
        job = self.cancel()
        if job is not None:
            job.wait(CLOSE_SECONDS)


def known_look(session: Session) -> Look | None:
    """How what is shown of the cube looks, which a new run is matched to."""
    live = session.training
    if live is not None and live.live and live.known is not None and same_image(live.cube, session.cube):
        return live.known
    if session.run is not None and same_image(session.run.home, session.cube):
        return session.run.look
    before = _left_off(session)
    return None if before is None else before.look


def _left_off(session: Session) -> Training | None:
    """The training of the current cube that was stopped, where the cube has no run; or the maps that follow its painting."""
    before, cube = session.training, session.cube
    if before is None or not same_image(before.cube, cube):
        return None
    return before if before.live or not runs_of(session, cube) else None


def _look_of(unmixing: Unmixing, training: Training) -> Look:
    """How a new result looks; a first one, of which nobody named anything, is numbered in its own order, in the colours of its previews."""
    look = carried_look(unmixing.endmembers, unmixing.names, training.known, training.look)
    return look if training.known is not None else replace(look, names=tuple(unmixing.names))
