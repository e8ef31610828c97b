"""The driver of runs: a cancel within a step, maps that are not drawn twice, what a step of a run costs the window."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from napari_unmix.plugin.verbs.jobs import Handlers, RunFailed
from napari_unmix.plugin.verbs.pace import pace
from napari_unmix.plugin.verbs.runners import (
    Control,
    Mailbox,
    Stopped,
    drive,
    run_in_thread,
    run_inline,
)
from napari_unmix.progress import Fit, Preview, Progress, meanwhile
from napari_unmix.wanted import still_wanted


class Ear:
    """Hears what a job says."""

    def __init__(self) -> None:
        self.previews: list[Any] = []
        self.ends: list[Any] = []
        self.handlers = Handlers(
            lambda _: None,
            self.previews.append,
            self.ends.append,
            self.ends.append,
            lambda: self.ends.append("stopped"),
        )


def ended(steps: Any) -> Any:
    """What a driven fit returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_cancel_is_heard_within_a_step() -> None:
    """A step of a search with thirty endmembers takes seconds; it is left in the middle, and its fit closed, its generators too."""
    closed, control = [], Control()

    def fit() -> Fit[str]:
        try:
            yield Progress("finding", 0, 1, 0.0)
            for turn in range(10**9):
                control.cancelled = control.cancelled or turn == 3
                still_wanted()
        finally:
            closed.append(True)
        return "never"

    assert isinstance(ended(drive(fit, control, Mailbox())), Stopped)
    assert closed == [True]
    assert control.finished.is_set()


def test_a_cancel_ends_what_runs_in_a_thread_of_its_own() -> None:
    """The call that can't be divided hears of it as well, and is not left to run on."""
    control, gone = Control(), threading.Event()

    def call() -> None:
        try:
            while True:
                still_wanted()
        finally:
            gone.set()

    def fit() -> Fit[None]:
        for _ in meanwhile(call, Progress("finding", 0, 1, 0.0)):
            control.cancelled = True
            yield Progress("finding", 0, 1, 0.0)

    assert isinstance(ended(drive(fit, control, Mailbox())), Stopped)
    assert gone.wait(5)


def test_a_look_is_left_as_well() -> None:
    """A preview that takes long is no reason to wait for it."""
    control = Control()

    def look() -> Preview:
        control.cancelled = True
        still_wanted()
        raise AssertionError("it went on")

    def fit() -> Fit[None]:
        yield Progress("finding", 0, 1, 0.0, snapshot=look)

    assert isinstance(ended(drive(fit, control, Mailbox())), Stopped)


def test_the_checkpoint_of_a_run_that_is_cancelled_within_a_step_is_taken_away(tmp_path: Any, tools: Any) -> None:
    """As between two steps: who cancels does not want to be asked tomorrow."""
    from napari_unmix.methods.registry import method_specs
    from napari_unmix.plugin.verbs.shelf import Shelf

    control, cube = Control(), tools.make_cube()
    spec = method_specs()["ivae"].model_validate({})
    shelf = Shelf(tmp_path, every=0.0)

    def fit() -> Fit[Any]:
        for _ in range(3):
            yield Progress("finding", 0, 1, 0.0)
        assert list(tmp_path.iterdir())
        control.cancelled = True
        still_wanted()

    assert isinstance(ended(drive(lambda: shelf.kept(cube, spec, None, fit()), control, Mailbox())), Stopped)
    assert not list(tmp_path.iterdir())


def test_the_same_maps_are_not_drawn_again() -> None:
    """A look that changed nothing is the same object: it is not posted."""
    ear = Ear()
    same, other = (Preview(np.zeros((2, 3)), np.full((2, 2, 2), value, np.float32)) for value in (0.2, 0.5))

    mailbox = Mailbox()
    for preview in (same, same, other, other, same):
        mailbox.put(preview)
        mailbox.empty_into(ear.handlers)
    assert ear.previews == [same, other, same]


@pytest.mark.gui
@pytest.mark.usefixtures("qapp")
def test_a_thread_is_gone_soon_after_a_cancel_within_a_step(qtbot: Any) -> None:
    """No step is waited for."""
    ear, begun = Ear(), threading.Event()

    def fit() -> Fit[None]:
        yield Progress("finding", 0, 1, 0.0)
        while True:
            begun.set()
            still_wanted()

    job = run_in_thread(fit, ear.handlers)
    assert begun.wait(5)
    job.cancel()
    assert job.wait(5)
    qtbot.waitUntil(lambda: ear.ends == ["stopped"], timeout=3000)


def test_an_error_within_a_step_is_still_told() -> None:
    """Only what nobody wants is silent."""
    ear = Ear()

    def fit() -> Fit[None]:
        yield Progress("finding", 0, 1, 0.0)
        raise RuntimeError("torch says no")

    run_inline(fit, ear.handlers)
    assert isinstance(ear.ends[0], RunFailed)


@pytest.mark.gui
@pytest.mark.usefixtures("qapp")
def test_threads_take_short_turns_while_something_runs(qtbot: Any) -> None:
    """The window gets Python soon; after the last job it is as it was."""
    before = sys.getswitchinterval()
    first, second = Ear(), Ear()
    go_on = [threading.Event(), threading.Event()]

    def fit(number: int) -> Fit[None]:
        while not go_on[number].wait(0.005):
            yield Progress("finding", 0, 1, 0.0)

    for number, ear in enumerate((first, second)):
        run_in_thread(lambda number=number: fit(number), ear.handlers)  # type: ignore[misc]
    assert sys.getswitchinterval() < before
    go_on[0].set()
    qtbot.waitUntil(lambda: bool(first.ends), timeout=3000)
    assert sys.getswitchinterval() < before
    go_on[1].set()
    qtbot.waitUntil(lambda: bool(second.ends), timeout=3000)
    assert sys.getswitchinterval() == before


def test_maps_that_cannot_be_made_end_no_run() -> None:
    """A singular matrix in a look: the fit goes on, and the next look is shown."""
    ear = Ear()
    maps = Preview(np.zeros((2, 3)), np.zeros((2, 2, 2), np.float32))

    def broken() -> Preview:
        raise np.linalg.LinAlgError("Singular matrix")

    def fit() -> Fit[str]:
        yield Progress("finding", 0, 1, 0.0, snapshot=broken)
        time.sleep(pace.seconds + 0.02)
        yield Progress("finding", 0, 1, 0.1, snapshot=lambda: maps)
        return "result"

    run_inline(fit, ear.handlers)
    assert ear.ends == ["result"]
    assert ear.previews == [maps]
