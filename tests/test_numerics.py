"""Awkward cubes by the default and by the baseline: a short form of ``resources/numerics``, and that it sees what it looks for."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resource")
sys.path.insert(0, str(Path(__file__).parents[1] / "resources" / "numerics"))

import cases
import numerics

from napari_unmix import Cube, Progress, Unmixing, drain, method_specs, unmix

CASES = cases.cases()
# One of each kind; all of them by all methods take half an hour.
REFUSED = (
    *(
        "half of the pixels zero",
        "most pixels zero",
        "all zero",
        "one pixel is not zero",
        "strokes on zero",
        "all not a number",
    ),
    *(
        "all masked",
        "no good band",
        "one pixel",
        "times 1e30",
        "times 1e-30",
        "half negative",
        "more endmembers than bands",
    ),
)
ANSWERED = (
    *(
        "three rows of zero",
        "more than half nearly zero",
        "bands of one number",
        "3000 bands, 64 pixels",
        "3000 bands, 12 pixels",
    ),
    *(
        "one row",
        "every pixel sixteen times",
        "four spectra",
        "no noise",
        "times 1e10",
        "one value of 1e6",
        "five levels",
    ),
    *("label 2³¹ − 1", "every pixel its region", "a stroke of one pixel, lit", "three strokes on one material"),
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_cube_that_cannot_be_unmixed_is_refused_with_a_remedy(name: str) -> None:
    for method in ("ivae", "vca-fcls"):
        ended = numerics.outcome(CASES[name], method, {})
        assert (ended.kind, ended.faults) == ("refused", ()), ended


@pytest.mark.parametrize("name", ANSWERED)
def test_an_awkward_cube_has_an_answer_on_the_simplex(name: str) -> None:
    for method, fields, judged in (("ivae", {"epochs": 1}, False), ("vca-fcls", {}, True)):
        ended = numerics.outcome(CASES[name], method, fields, judged=judged)
        slow = {
            fault for fault in ended.faults if "between two steps" in fault
        }  # a busy machine's, on first use of a library
        assert (ended.kind, set(ended.faults) - slow) == ("finite", set()), ended


@pytest.fixture(scope="module")
def answer() -> tuple[Cube, Unmixing]:
    cube = Cube(cases.scene())
    return cube, drain(unmix(cube, method_specs()["vca-fcls"](endmembers=3)))


def test_what_is_off_the_simplex_is_seen(answer: tuple[Cube, Unmixing]) -> None:
    cube, result = answer
    assert numerics.off_the_simplex(cube, result) == []
    moved = result.abundances.copy()
    moved[3, 3] += (1e-5, 0, 0)
    negative = result.abundances.copy()
    negative[3, 3] = (-0.5, 0.5, 1)
    for doctored in (
        replace(result, abundances=moved),
        replace(result, abundances=negative),
        replace(result, abundances=np.full_like(moved, np.nan)),
        replace(result, endmembers=np.full_like(result.endmembers, np.inf)),
        replace(result, reconstruction_error=-np.ones_like(result.reconstruction_error)),
    ):
        assert numerics.off_the_simplex(cube, doctored)


def test_a_long_step_is_seen_with_its_stage() -> None:
    def steps() -> Iterator[Progress]:
        yield Progress("short", 0, 1, 0.0)
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        yield Progress("after", 0, 1, 0.0)

    watch = numerics.Stopwatch()
    watch.drain(steps())
    assert watch.gap >= 0.2
    assert watch.stage == "short … after"


def test_a_warning_is_a_fault() -> None:
    def make() -> Cube:
        warnings.warn("divided by zero", RuntimeWarning, stacklevel=1)
        return Cube(cases.scene())

    ended = numerics.outcome(cases.Case(make), "vca-fcls", {}, judged=False)
    assert any("divided by zero" in fault for fault in ended.faults)
