"""What a fit yields while it runs, and how its steps are driven: small frozen values and generators, torch-free."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any, TypeVar

from napari_unmix.cube import FloatArray
from napari_unmix.wanted import wanted, wanted_while

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True, eq=False)
class Preview:
    """The answer so far: endmembers (P, B) with NaN in excluded bands, abundances (H, W, P) float32 with NaN in invalid pixels.

    ``misfit`` is how many times the noise what they leave of the spectra is (root mean square), None where it is not known.
    """

    endmembers: FloatArray
    abundances: FloatArray
    misfit: float | None = None


@dataclass(frozen=True)
class Progress:
    """One step of a fit.

    ``stage`` says what happens now, in the user's words ("finding endmembers"). ``fraction`` is the share of the whole run that is
    done, 0–1. ``loss`` is the objective per pixel where the stage has one. ``snapshot`` makes a preview on demand: call it from the
    thread that drives the generator, between two steps, and only as often as you show it.
    """

    stage: str
    step: int
    total: int
    fraction: float
    loss: float | None = None
    snapshot: Callable[[], Preview] | None = field(default=None, compare=False, repr=False)


Fit = Generator[Progress, None, T]


def drain(steps: Generator[Any, None, T], on_progress: Callable[[Any], None] | None = None) -> T:
    """Run a generator to its end and return its result; the command line and the tests drive fits with this."""
    try:
        while True:
            event = next(steps)
            if on_progress is not None:
                on_progress(event)
    except StopIteration as end:
        result: T = end.value
        return result


def staged(
    stage: str,
    steps: Generator[Any, None, T],
    share: tuple[float, float],
    *,
    halfway: int = 60,
    show: Callable[[Any], tuple[float | None, Callable[[], Preview] | None]] = lambda _: (None, None),
) -> Fit[T]:
    """The steps of a search as progress of one stage: nobody knows how many there will be, so the bar approaches the end of its ``share``.

    After ``halfway`` steps half of the share is done. ``show`` makes loss and snapshot of what a step yields.
    """
    start, end = share
    step = 0
    while True:
        try:
            loss, snapshot = show(next(steps))
        except StopIteration as last:
            result: T = last.value
            return result
        step += 1
        yield Progress(stage, step, 0, start + (end - start) * step / (step + halfway), loss, snapshot)


def forward(steps: Fit[T]) -> Fit[T]:
    """The steps of a fit, none of which says that less is done than one before."""
    done = 0.0
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            fraction = min(event.fraction, 1.0)
            done = fraction if fraction > done else done  # NaN is not
            yield event if event.fraction == done else replace(event, fraction=done)
    finally:
        steps.close()


def looking(steps: Fit[T], look: Callable[[], Preview]) -> Fit[T]:
    """The steps of a fit, with the preview ``look`` until they have one of their own."""
    own = False
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            own = own or event.snapshot is not None
            yield event if own else replace(event, snapshot=look)
    finally:
        steps.close()


_EVERY = 0.1  # seconds between two steps that only wait
_FEW_PIXELS = 2_000


def meanwhile(
    call: Callable[[], T], progress: E | Callable[[], E], *, pixels: int | None = None
) -> Generator[E, None, T]:
    """What ``call`` returns, or raises: a call that can't be divided, in a thread of its own; yields ``progress`` ten times a second until then.

    ``progress`` may be a function that tells how far it is. A fit that is closed does not wait for it: the call comes to its own end (at
    once, where its loops ask ``still_wanted``), and nobody reads what it returns. On few ``pixels`` it is no matter of waiting: no thread is made.
    """
    if pixels is not None and pixels <= _FEW_PIXELS:
        return call()
    made: Future[T] = Future()
    closed = False
    around = contextvars.copy_context()

    def run() -> None:
        try:
            with wanted_while(lambda: not closed and around.run(wanted)):
                made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            made.set_exception(error)

    Thread(target=run, name=getattr(progress, "stage", "meanwhile"), daemon=True).start()
    try:
        while not wait([made], _EVERY).done:
            yield progress() if callable(progress) else progress
    finally:
        closed = True
    return made.result()
