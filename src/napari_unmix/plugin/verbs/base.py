"""What all verbs stand on: the session that they write, the engine, the run, small work in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.desk import Desk
from napari_unmix.plugin.facts.fault import fault_report
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Chore, Session, Step, Trouble
from napari_unmix.plugin.verbs.chores import Chores
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import RunFailed, Runner
from napari_unmix.plugin.verbs.one_run import OneRun
from napari_unmix.progress import Fit

T = TypeVar("T")


class Verbs:
    """Base of the verbs, which are mixed into one ``Controller``; each module holds those of one topic.

    ``runner`` drives the runs and ``engine`` holds the generators that it drives: the two seams of the tests.
    """

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        self.session = session
        self._engine = engine or Engine()
        self._one_run = OneRun(runner)
        self._chores = Chores(session, runner)
        self._desks: ByImage[Desk] = ByImage()  # of the cubes that are not the current one
        self._numbered = 0  # the number of the last run

    def _chore(
        self, make: Callable[[], Fit[T]], done: Callable[[T], None], step: Step, chore: Chore | None = None
    ) -> None:
        """Small work in the background; what goes wrong is a sentence in a step."""

        def failed(error: Exception) -> None:
            self.session.trouble = self._trouble_of(step, error)

        self._chores.do(make, done, failed, chore)

    def _trouble_of(self, step: Step, error: Exception) -> Trouble:
        """Work in the background failed; what nobody expected comes with a report."""
        unexpected = isinstance(error, RunFailed)
        report = fault_report(error.__cause__ or error, step, self.session) if unexpected else ""
        return Trouble(step, in_window(str(error)), report)

    def _trouble(self, step: Step, sentence: str) -> None:
        self.session.trouble = Trouble(step, in_window(sentence))

    def _settle(self, step: Step) -> None:
        """The user changed a step: what was wrong with it is past."""
        if self.session.trouble is not None and self.session.trouble.step in (step, "train"):
            self.session.trouble = None

    def _next_number(self) -> int:
        self._numbered += 1
        return self._numbered

    def _put_run(self, run: Run) -> None:
        """Keep a run in the place of the one of its number, wherever it is known; what shows it shows it as it is now."""
        session = self.session
        known = tuple(run if kept.number == run.number else kept for kept in session.runs)
        session.runs = known if run in known else (*session.runs, run)
        if session.run is not None and session.run.number == run.number:
            session.run = run
        if session.beside is not None and session.beside.number == run.number:
            session.beside = run
        self._desks.update(lambda desk: desk.with_run(run.number, run))
