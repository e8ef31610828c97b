"""Whether anybody waits: long loops ask, and what nobody waits for ends."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_unmix.geometry.archetypes import fit_archetypes
from napari_unmix.model import columns
from napari_unmix.model.infer import solve_any
from napari_unmix.progress import meanwhile
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.wanted import Abandoned, still_wanted, wanted, wanted_while


def test_without_a_driver_everything_is_wanted() -> None:
    """The command line and scripts ask nothing."""
    still_wanted()
    assert wanted()


def test_what_is_not_wanted_is_left_and_what_follows_is_not_touched() -> None:
    """The exception closes a generator as ``close()`` does; outside the block nothing is abandoned."""
    with pytest.raises(GeneratorExit), wanted_while(lambda: False):
        still_wanted()
    still_wanted()


def after(turns: int) -> tuple[list[int], object]:
    """Somebody who leaves after so many questions."""
    asked: list[int] = []

    def still() -> bool:
        asked.append(len(asked))
        return len(asked) <= turns

    return asked, still


def test_exact_least_squares_of_many_endmembers_asks_at_every_exchange() -> None:
    """Thirty endmembers take seconds for ten thousand pixels."""
    rng = np.random.default_rng(0)
    endmembers, spectra = rng.random((30, 60)), rng.random((200, 60))
    asked, still = after(2)
    with pytest.raises(Abandoned), wanted_while(still):  # type: ignore[arg-type]
        fully_constrained(spectra, endmembers)
    assert len(asked) == 3


def test_archetypes_ask_at_every_sweep() -> None:
    """Frank–Wolfe steps of many endmembers over many pixels."""
    rng = np.random.default_rng(0)
    scores = rng.random((300, 4))
    _, still = after(2)
    with pytest.raises(Abandoned), wanted_while(still):  # type: ignore[arg-type]
        list(fit_archetypes(scores, scores[:4], np.ones(300), 0.05))


def test_the_posterior_asks_at_every_step() -> None:
    """A batch of five thousand pixels and thirty endmembers takes seconds to its mode."""
    import inspect

    for step in (solve_any, columns._moved):
        assert "still_wanted()" in inspect.getsource(step)


def test_a_call_in_a_thread_of_its_own_ends_when_its_fit_is_closed() -> None:
    """What ran on for seconds after a cancel stops at its next turn."""
    begun, left = threading.Event(), threading.Event()

    def call() -> None:
        try:
            while True:
                begun.set()
                still_wanted()
        except Abandoned:
            left.set()
            raise

    steps = meanwhile(call, "waiting")
    assert next(steps) == "waiting"
    assert begun.wait(5)
    steps.close()
    assert left.wait(5)


def test_a_call_in_a_thread_of_its_own_hears_who_drives_the_fit() -> None:
    """Cancelled while the fit waits for it: the call ends, and the fit with it."""
    cancelled = threading.Event()

    def call() -> None:
        while True:
            still_wanted()

    with wanted_while(lambda: not cancelled.is_set()):
        steps = meanwhile(call, "waiting")
        next(steps)
        cancelled.set()
        with pytest.raises(Abandoned):
            for _ in steps:
                pass


def test_progress_may_be_told_while_a_call_runs() -> None:
    """A function is asked each time."""
    going = threading.Event()
    told = iter(range(3))
    steps = meanwhile(going.wait, lambda: next(told))
    assert [next(steps), next(steps)] == [0, 1]
    going.set()
