"""What is seen while a method runs: maps early, better ones at each step, and an answer that none of it changes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.contract import Problem, QuickLook
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import make_problem, unmix
from napari_unmix.progress import Preview, Progress, drain, forward
from napari_unmix.synthetic import Scene, blind_scene

METHODS = list(method_specs())
SCENES = ("pure", "not pure", "gains", "eight materials", "strokes")


@cache
def scene(name: str) -> tuple[Cube, Annotation | None, dict[str, Any]]:
    """A small scene, what is painted on it, and settings."""
    count = 8 if name == "eight materials" else 3
    kind = "gains" if name == "gains" else "linear"
    made: Scene = blind_scene(4, materials=count, pure=name != "not pure", kind=kind, decibels=30, size=24)
    cube = Cube(np.ascontiguousarray(made.cube.spectra[..., ::4]), made.cube.wavelengths[::4])
    annotation = None
    if name == "strokes":
        labels = np.zeros(cube.shape[:2], np.int32)
        for material in (0, 1):
            labels.ravel()[np.argsort(-made.abundances[..., material].ravel())[:9]] = material + 1
        annotation = Annotation(labels, {1: Meaning("material", "one"), 2: Meaning("material", "two")})
    return cube, annotation, {"endmembers": count, "illumination": name == "gains"}


def steps_of(method: str, name: str, see: Callable[[Progress], None]) -> Unmixing:
    """Run a method over a scene to its end, a few epochs only."""
    cube, annotation, settings = scene(name)
    spec = method_specs()[method]
    few = {"epochs": 2} if "epochs" in spec.model_fields else {}
    return drain(unmix(cube, spec.model_validate({**settings, **few}), annotation), see)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("method", METHODS)
def test_looking_changes_nothing_and_progress_never_falls(method: str, name: str) -> None:
    """Maps asked for at every second step: the answer is the same to the bit. What is said to be done only grows, up to one."""
    fractions: list[float] = []
    looks: list[Preview] = []

    def look(event: Progress) -> None:
        fractions.append(event.fraction)
        if event.snapshot is not None and (len(fractions) % 2 or not looks):
            looks.append(event.snapshot())

    seen = steps_of(method, name, look)
    unseen = steps_of(method, name, lambda _: None)
    assert looks
    assert (np.diff(fractions) >= 0).all()
    assert fractions[0] >= 0
    assert fractions[-1] <= 1
    for one, other in ((seen.endmembers, unseen.endmembers), (seen.abundances, unseen.abundances)):
        np.testing.assert_array_equal(one, other)
    assert seen.history == unseen.history
    assert seen.findings == unseen.findings
    for preview in looks:
        assert preview.endmembers.shape == seen.endmembers.shape
        sums = preview.abundances.sum(axis=2)[np.isfinite(preview.abundances[..., 0])]
        np.testing.assert_allclose(sums, 1, atol=1e-4)
        assert preview.misfit is not None
        assert np.isfinite(preview.misfit)


@pytest.mark.parametrize("method", METHODS)
def test_there_are_maps_before_the_image_is_divided_and_the_search_begins(method: str) -> None:
    """The first maps need neither u nor the noise of the whole scene: of any method, they come before its own first step."""
    stages: list[tuple[str, bool]] = []
    steps_of(method, "pure", lambda event: stages.append((event.stage, event.snapshot is not None)))
    first = next(stage for stage, maps in stages if maps)
    own = {"finding endmembers", "finding a start", "hiding bands"}
    assert first.startswith("making the side information") or first in own
    if method == "ivae":
        assert first.startswith("making the side information")


def test_each_better_step_of_the_search_gives_other_maps_that_fit_better() -> None:
    """From VCA's picks to the last archetypes: many different previews, and the last leaves less than the first."""
    shown: list[Preview] = []

    def look(event: Progress) -> None:
        if event.stage == "finding endmembers" and event.snapshot is not None:
            preview = event.snapshot()
            if not shown or not np.array_equal(preview.endmembers, shown[-1].endmembers, equal_nan=True):
                shown.append(preview)

    steps_of("ivae", "eight materials", look)
    assert len(shown) > 10
    assert shown[-1].misfit < shown[0].misfit


def test_what_a_worse_start_tries_is_not_shown() -> None:
    """Archetypes are shown where their loss is the lowest so far: the misfit hardly rises on the way."""
    misfits: list[float] = []

    def look(event: Progress) -> None:
        if event.stage == "finding endmembers" and event.snapshot is not None:
            misfits.append(event.snapshot().misfit or 0.0)

    steps_of("region-contrast", "pure", look)
    searched = np.array(misfits[misfits.index(max(misfits)) :])
    assert (searched <= 1.2 * np.minimum.accumulate(searched)).all()


# --- a quick look


def problem(name: str = "pure", **more: Any) -> Problem[Any]:
    """What a method is given."""
    cube, annotation, settings = scene(name)
    return drain(make_problem(cube, method_specs()["region-contrast"].model_validate({**settings, **more}), annotation))


def test_a_quick_look_at_many_endmembers_takes_few_pixels_then_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pixel of each square; the same endmembers again on a finer grid, until all are done, then the same object."""
    from napari_unmix.rows import quick

    monkeypatch.setattr(quick, "_WORK", 2_000.0)
    asked = problem("eight materials")
    look = QuickLook(asked)
    different = [len(np.unique(look().abundances.reshape(-1, 8), axis=0)) for _ in range(6)]
    assert different[0] < 100
    assert different[-1] > 400
    assert all(later >= earlier for earlier, later in itertools.pairwise(different))
    assert look() is look()
    other = asked.spectra[:8]
    look.show(lambda: other)
    assert len(np.unique(look().abundances.reshape(-1, 8), axis=0)) < 100


def test_endmembers_are_made_only_where_somebody_looks() -> None:
    """A search tells each better step; only the one that is looked at costs anything, and once."""
    asked = problem()
    calls: list[int] = []

    def made(number: int) -> Callable[[], Any]:
        def make() -> Any:
            calls.append(number)
            return asked.spectra[number : number + 3]

        return make

    look = QuickLook(asked)
    for number in range(5):
        look.show(made(number))
    look()
    look()
    assert calls == [4]


def test_a_fit_never_says_that_less_is_done() -> None:
    """Whatever its stages claim: not less than before, not more than all, and no step is lost."""

    def fit() -> Iterator[Progress]:
        for share in (0.0, 0.3, 0.2, float("nan"), 0.5, 1.4, 0.1):
            yield Progress("fitting", 0, 1, share)

    assert [event.fraction for event in forward(fit())] == [0.0, 0.3, 0.3, 0.3, 0.5, 1.0, 1.0]  # type: ignore[arg-type]


def test_a_cube_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window asks for the suggestion when a cube is opened; Train does not measure it again. Another cube is another question."""
    from napari_unmix import pipeline

    counted: list[int] = []
    monkeypatch.setattr(pipeline, "suggest_endmembers", lambda spectra: counted.append(len(spectra)) or 3)
    cube, _, _ = scene("pure")
    one, other = (Cube(cube.spectra, cube.wavelengths) for _ in range(2))
    assert pipeline.suggested(one) == 3
    made = drain(make_problem(one, method_specs()["region-contrast"].model_validate({})))
    assert made.endmember_count == 3
    assert len(counted) == 1
    pipeline.suggested(other)
    assert len(counted) == 2


def test_what_is_looked_at_in_a_search_costs_nothing_where_nobody_looks() -> None:
    """Losses carry how their corners are made, not the corners."""
    from napari_unmix.geometry.seen import LossOf, lifted, unseen

    made: list[str] = []

    def corners() -> Any:
        made.append("corners")
        return np.eye(2)

    def search() -> Iterator[float]:
        yield float("nan")
        yield LossOf(2.0, corners)
        yield LossOf(0.5, corners)

    seen = list(lifted(search(), lambda rows: 3 * rows))  # type: ignore[arg-type]
    assert made == []
    assert [isinstance(loss, LossOf) for loss in seen] == [False, True, True]
    np.testing.assert_array_equal(seen[2].corners(), 3 * np.eye(2))  # type: ignore[attr-defined]
    hidden = list(unseen(search(), least=1.0))  # type: ignore[arg-type]
    assert [isinstance(loss, LossOf) for loss in hidden] == [False, False, True]
    assert [isinstance(loss, LossOf) for loss in unseen(search())] == [False, False, False]  # type: ignore[arg-type]


@pytest.mark.parametrize("values", ["constant", "zero", "one pixel"])
def test_a_quick_look_at_odd_numbers_is_on_the_simplex_or_none(values: str) -> None:
    """Scenes that a fit refuses, or makes little of: a look raises nothing that ends the run."""
    rng = np.random.default_rng(0)
    spectra = {"constant": np.ones((6, 6, 9)), "zero": np.zeros((6, 6, 9)), "one pixel": rng.random((6, 6, 9))}[values]
    asked = problem()
    odd = replace(asked, cube=Cube(spectra), spectra=spectra.reshape(-1, 9), endmember_count=8)
    with np.errstate(all="ignore"), contextlib.suppress(ValueError, ArithmeticError):
        preview = QuickLook(odd)()
        assert np.isfinite(preview.abundances).all()
