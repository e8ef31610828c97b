"""What the controller needs of a runner. No Qt: the runners themselves are in ``runners.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from napari_unmix.progress import Fit, Preview, Progress


def _nothing(*_: Any) -> None:
    """The default of every handler."""


@dataclass(frozen=True)
class Handlers:
    """Whom to tell. All are called in the thread that started the job; exactly one of the last three ends a job."""

    progress: Callable[[Progress], None] = _nothing
    preview: Callable[[Preview], None] = _nothing
    done: Callable[[Any], None] = _nothing
    failed: Callable[[Exception], None] = _nothing
    stopped: Callable[[], None] = _nothing


class Job(Protocol):
    """A generator being driven somewhere."""

    def cancel(self) -> None:
        """Close the generator at its next step; returns at once."""

    def pause(self) -> None:
        """Do not ask for the next step until ``resume``."""

    def resume(self) -> None:
        """Go on after ``pause``."""

    def wait(self, seconds: float) -> bool:
        """Wait until the thread that drives the generator has left it; whether it has."""


Runner = Callable[[Callable[[], Fit[Any]], Handlers], Job]


class RunFailed(Exception):
    """An unexpected error, for the user; no RuntimeError, which Qt workers swallow. ``__cause__`` is the original."""
