"""Progress of a fit on stderr: a bar on a terminal, one line per stage in a log."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from napari_unmix.progress import Fit, Progress, drain

T = TypeVar("T")
Show = Callable[[Progress], None]


@contextlib.contextmanager
def shown() -> Iterator[Show]:
    """Give a function that shows progress; what libraries print meanwhile goes to stderr, stdout is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        if sys.stderr.isatty():
            with _bar() as show:
                yield show
        else:
            yield _log()


def run_shown(fit: Fit[T]) -> T:
    """Drive a generator to its end with its progress on stderr; an interrupt closes it."""
    with shown() as show, contextlib.closing(fit):
        return drain(fit, show)


@contextlib.contextmanager
def _bar() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task("starting", total=1.0)

        def show(event: Progress) -> None:
            bar.update(task, description=_sentence(event), completed=event.fraction)

        yield show


def _log() -> Show:
    last: str | None = None

    def show(event: Progress) -> None:
        nonlocal last
        if last is None:  # the input is being checked: a refusal is one sentence, with nothing before it
            last = event.stage
        elif event.stage != last:
            last = event.stage
            with contextlib.suppress(OSError):  # a log that takes no more is no reason to stop
                print(f"napari-unmix: {event.stage}", file=sys.stderr, flush=True)

    return show


def _sentence(event: Progress) -> str:
    return f"{event.stage}, {event.step} of {event.total}" if event.total > 1 else event.stage
