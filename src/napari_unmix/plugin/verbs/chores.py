"""Small work in the background, beside the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from napari_unmix.answer import Fit
from napari_unmix.plugin.facts.session import Chore, Session
from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner

MOST_CHORES = 32  # finished ones among them; cancelling a finished job does nothing

T = TypeVar("T")


class Chores:
    """Drives small work; ``session.chore`` is the one that the window tells of."""

    def __init__(self, session: Session, runner: Runner) -> None:
        self._session = session
        self._runner = runner
        self._jobs: deque[Job] = deque(maxlen=MOST_CHORES)

    def do(
        self,
        make: Callable[[], Fit[T]],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        chore: Chore | None = None,
    ) -> None:
        """Begin; without a ``chore`` nothing is told of it."""

        def ended() -> None:
            if chore is not None and self._session.chore == chore:
                self._session.chore = None

        def succeeded(value: T) -> None:
            ended()
            done(value)

        def broke(error: Exception) -> None:
            ended()
            failed(error)

        if chore is not None:
            self._session.chore = chore
        self._jobs.append(self._runner(make, Handlers(done=succeeded, failed=broke, stopped=ended)))

    def cancel(self) -> None:
        """Stop all of it."""
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()
