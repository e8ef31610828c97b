"""The run: one at a time, and a superseded one is not heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner
from napari_unmix.progress import Fit


class OneRun:
    """Numbers the runs: what a run says after it was dropped, or after the next began, reaches nobody."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._number = 0
        self._job: Job | None = None

    def launch(self, make: Callable[[], Fit[Any]], handlers: Handlers) -> None:
        """Begin a run in place of the last one."""
        self._number += 1
        number = self._number
        over = False

        def current(handler: Callable[..., None]) -> Callable[..., None]:
            return lambda *values: handler(*values) if number == self._number else None

        def last(handler: Callable[..., None]) -> Callable[..., None]:
            def ended(*values: Any) -> None:
                nonlocal over
                if number == self._number:
                    over, self._job = True, None  # with the job goes its hold on the cube
                    handler(*values)

            return ended

        numbered = Handlers(
            progress=current(handlers.progress),
            preview=current(handlers.preview),
            done=last(handlers.done),
            failed=last(handlers.failed),
            stopped=last(handlers.stopped),
        )
        job = self._runner(make, numbered)
        if number == self._number and not over:  # a runner that runs inline may have begun the next by now
            self._job = job

    def drop(self) -> Job | None:
        """Cancel the run, if there is one, and hear no more of it; its job, to wait for."""
        self._number += 1
        job, self._job = self._job, None
        if job is not None:
            job.cancel()
        return job

    def pause(self) -> None:
        """Ask for no further step."""
        if self._job is not None:
            self._job.pause()

    def resume(self) -> None:
        """Go on."""
        if self._job is not None:
            self._job.resume()
