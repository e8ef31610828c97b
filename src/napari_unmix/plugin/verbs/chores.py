"""Small work in the background, beside the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from napari_unmix.plugin.facts.session import Chore, Session
from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner
from napari_unmix.progress import Fit

T = TypeVar("T")


class Chores:
    """Drives small work; ``session.chore`` is the one that the window tells of.

    What has ended is let go, with the cube that it was done to; what was cancelled is heard no more.
    """

    def __init__(self, session: Session, runner: Runner) -> None:
        self._session = session
        self._runner = runner
        self._number = 0
        self._cancelled = 0  # the number of the last that was
        self._jobs: dict[int, Job | None] = {}  # under way; None while the runner is being asked

    def do(
        self,
        make: Callable[[], Fit[T]],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        chore: Chore | None = None,
    ) -> None:
        """Begin; without a ``chore`` nothing is told of it."""
        self._number += 1
        number = self._number

        def ended() -> None:
            self._jobs.pop(number, None)
            if chore is not None and self._session.chore is chore:
                self._session.chore = None

        def succeeded(value: T) -> None:
            ended()
            if number > self._cancelled:
                done(value)

        def broke(error: Exception) -> None:
            try:
                if number > self._cancelled:
                    failed(error)  # which may ask what was being done
            finally:
                ended()

        if chore is not None:
            self._session.chore = chore
        self._jobs[number] = None
        job = self._runner(make, Handlers(done=succeeded, failed=broke, stopped=ended))
        if number in self._jobs:  # a runner that runs inline has ended it by now
            self._jobs[number] = job

    def cancel(self) -> None:
        """Stop all of it."""
        self._cancelled = self._number
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            if job is not None:
                job.cancel()
