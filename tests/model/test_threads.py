"""Nothing of the process is held between two steps of a fit: threads and random states are the caller's, whatever is interleaved or closed."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_unmix.cube import Cube
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.model.threads import one_thread, seeded, steps_on_one_thread
from napari_unmix.pipeline import unmix
from napari_unmix.progress import Fit, Progress
from napari_unmix.progress import Preview as PreviewOf
from napari_unmix.spec import MethodSpec
from napari_unmix.synthetic import blind_scene

METHODS = sorted(method_specs())


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """A number that no code of ours would choose."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cube() -> Cube:
    return blind_scene(8, materials=3, pure=False, kind="linear", decibels=30, size=12).cube


def spec(method: str) -> MethodSpec:
    quick = {"epochs": 1, "batch": 100}
    return spec_class(method)(endmembers=3, **{k: v for k, v in quick.items() if k in spec_class(method).model_fields})  # type: ignore[arg-type]


def process() -> tuple[object, ...]:
    """What a fit must leave as it was."""
    state = np.random.get_state()  # noqa: NPY002
    return (torch.get_num_threads(), torch.get_rng_state().tolist(), state[1].tolist(), state[2], random.getstate())


@pytest.mark.parametrize("first", METHODS)
def test_two_fits_interleaved_leave_the_process_as_it_was(first: str, cube: Cube) -> None:
    """Stepped in turn, then closed in the order they were opened; and while both are paused the process has the caller's threads."""
    torch.manual_seed(11)
    before = process()
    second = METHODS[(METHODS.index(first) + 1) % len(METHODS)]
    fits = [unmix(cube, spec(first)), unmix(cube, spec(second))]
    for _ in range(6):
        for fit in fits:
            next(fit, None)
            assert process() == before
    for fit in fits:
        fit.close()
        assert process() == before


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_fit_may_be_closed_at_any_step_and_leaves_nothing(method: str, cube: Cube) -> None:
    before, total = process(), 0
    for event in unmix(cube, spec(method)):
        total += 1
        if event.snapshot is not None and total % 4 == 0:
            event.snapshot()
        assert process() == before
    assert process() == before
    for stop in {1, total // 3}:
        fit = unmix(cube, spec(method))
        for _ in range(max(1, stop)):
            next(fit)
        fit.close()
        assert process() == before


@pytest.mark.parametrize("methods", [("mae", "vae"), pytest.param(("region-contrast", "ivae"), marks=pytest.mark.slow)])
def test_interleaving_changes_no_answer(methods: tuple[str, str]) -> None:
    """Two fits that take turns find what each finds alone."""
    cube = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=9).cube

    def together() -> list[object]:
        fits, answers = [unmix(cube, spec(method)) for method in methods], [None, None]
        while None in answers:
            for place, fit in enumerate(fits):
                try:
                    next(fit)
                except StopIteration as end:
                    answers[place] = answers[place] or end.value
        return answers

    alone = []
    for method in methods:
        fit = unmix(cube, spec(method))
        try:
            while True:
                next(fit)
        except StopIteration as end:
            alone.append(end.value)
    for one, other in zip(alone, together(), strict=True):
        np.testing.assert_array_equal(one.abundances, other.abundances)
        np.testing.assert_array_equal(one.endmembers, other.endmembers)


def counting(seen: list[int], snapshot: bool = False) -> Fit[str]:
    def look() -> PreviewOf:
        seen.append(torch.get_num_threads())
        return PreviewOf(np.zeros((1, 1)), np.zeros((1, 1, 1)))

    try:
        for step in (1, 2):
            seen.append(torch.get_num_threads())
            yield Progress("counting", step, 2, step / 2, snapshot=look if snapshot else None)
        seen.append(torch.get_num_threads())
        return "done"
    finally:
        seen.append(0)


def test_steps_and_previews_run_on_one_thread_and_the_result_comes_through() -> None:
    seen: list[int] = []
    fit = steps_on_one_thread(counting)(seen, snapshot=True)
    event = next(fit)
    assert event.stage == "counting"
    assert torch.get_num_threads() == 3
    assert event.snapshot is not None
    event.snapshot()
    torch.set_num_threads(2)  # the user changes it while the fit is paused
    next(fit)
    assert torch.get_num_threads() == 2
    with pytest.raises(StopIteration) as end:
        next(fit)
    assert end.value.value == "done"
    assert seen == [1, 1, 1, 1, 0]
    assert torch.get_num_threads() == 2


def test_closing_closes_the_fit_inside() -> None:
    seen: list[int] = []
    fit = steps_on_one_thread(counting)(seen)
    next(fit)
    fit.close()
    assert seen == [1, 0]


def test_an_error_gives_the_threads_back() -> None:
    def failing() -> Fit[None]:
        yield Progress("failing", 1, 2, 0.5)
        raise ValueError("made up")

    fit = steps_on_one_thread(failing)()
    next(fit)
    with pytest.raises(ValueError, match="made up"):
        next(fit)
    assert torch.get_num_threads() == 3
    with contextlib.suppress(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 3


def test_seeded_draws_are_those_of_manual_seed_and_the_callers_go_on() -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(9)
    after = torch.rand(3)
    torch.manual_seed(9)
    with seeded(4):
        torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    torch.testing.assert_close(torch.rand(3), after, rtol=0, atol=0)
