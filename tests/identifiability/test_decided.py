"""Made-up findings in, one sentence out: what decided an answer, on both sides of each line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.answer import Unmixing
from napari_unmix.findings import (
    ContrastFound,
    Findings,
    GivenFound,
    Learned,
    MixingFound,
    MomentsFound,
    Note,
    NoteKind,
    PriorFound,
    VariabilityFound,
)
from napari_unmix.geometry.recipes import Strokes, VertexPicks
from napari_unmix.geometry.strokes import ANCHORED, CONFIRMED, NAMED
from napari_unmix.identifiability.decided import decided, said_by
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.metrics import rmse
from napari_unmix.synthetic import blind_scene

PRIOR = PriorFound(chosen="dirichlet", evidence={"dirichlet": 1.0})
MOVED = "; p(a|u) moved abundances by 0.004 from least squares."


def findings(**changed: Any) -> Findings:
    """The geometry's endmembers of four, abundances by p(a|u)."""
    return Findings(**{"recipe": VertexPicks(), "prior": PRIOR, "abundances_moved": 0.004} | changed)


def sentence(count: int = 4, **changed: Any) -> str:
    said = decided(findings(**changed), count)
    assert said is not None
    return said.sentence


def moments(use: str) -> MomentsFound:
    return MomentsFound.model_validate({"use": use, "relative_error": 0.1, "misfit": 1.0})


def contrast(*, used: bool) -> ContrastFound:
    return ContrastFound(used=used, cross_entropy=1.0, chance=2.0, relative_error=0.1, regions=9)


def law(chosen: str) -> VariabilityFound:
    return VariabilityFound.model_validate({"chosen": chosen, "pairs": 900, "evidence": {"none": 1.0, "pairs": 2.0}})


def held(*which: bool) -> tuple[GivenFound, ...]:
    return tuple(GivenFound(place=k, name=f"given {k}", held=one) for k, one in enumerate(which))


BY_GEOMETRY = f"Decided by geometry: no region or stroke moved an endmember{MOVED}"
BY_REGIONS = f"Decided by painted regions: their means and covariances gave the endmembers{MOVED}"
BY_CONTRAST = f"Decided by painted regions: telling them apart gave the endmembers{MOVED}"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, BY_GEOMETRY),
        ({"moments": moments("refused")}, BY_GEOMETRY),
        ({"moments": moments("refined")}, BY_REGIONS),
        (
            {"moments": moments("averaged")},
            f"Decided by painted regions and geometry: the endmembers are the mean of what both say{MOVED}",
        ),
        ({"contrast": contrast(used=False)}, BY_GEOMETRY),
        ({"contrast": contrast(used=True)}, BY_CONTRAST),
        (
            {"search": {NAMED: 3.0}},
            f"Decided by geometry: strokes name 3 of 4 endmembers, and neither they nor a region moved one{MOVED}",
        ),
        (
            {"search": {NAMED: 3.0, CONFIRMED: 0.0}},
            f"Decided by geometry and strokes: strokes confirm 0 of 4 endmembers (within 3°) and draw these at most half of the way{MOVED}",
        ),
        (
            {"search": {ANCHORED: 3.0}, "recipe": Strokes()},
            f"Decided by strokes and geometry: strokes stand for 3 of 4 endmembers; the others are the purest spectra left{MOVED}",
        ),
        (
            {"search": {ANCHORED: 4.0}, "recipe": Strokes()},
            f"Decided by strokes: strokes stand for 4 of 4 endmembers{MOVED}",
        ),
        ({"search": {NAMED: 3.0}, "moments": moments("refined")}, BY_REGIONS),
        ({"given": held(False)}, BY_GEOMETRY),
        (
            {"given": held(True, False)},
            f"Decided by given spectra and geometry: 1 of 4 endmembers are as given; no region or stroke moved an endmember{MOVED}",
        ),
        ({"given": held(True, True, True, True)}, f"Decided by given spectra: no endmember was searched{MOVED}"),
        (
            {"recipe": Learned(), "prior": None},
            "Decided by training: the endmembers depend on a seed, and another may end at others; abundances are 0.004 from least squares.",
        ),
    ],
)
def test_whose_word_the_endmembers_are(changed: dict[str, Any], said: str) -> None:
    assert sentence(**changed) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"abundances_moved": None}, ""),
        ({"abundances_moved": 0.00049}, "; p(a|u) moved abundances by less than 0.001 from least squares"),
        ({"abundances_moved": 0.00051}, "; p(a|u) moved abundances by 0.001 from least squares"),
        ({"abundances_moved": 0.00049, "prior": None}, "; abundances are least squares"),
        ({"abundances_moved": 0.00051, "prior": None}, "; abundances are 0.001 from least squares"),
        (
            {"mixing": MixingFound(kept="fan"), "abundances_moved": 0.05},
            "; fan mixing and p(a|u) moved abundances by 0.050 from least squares",
        ),
        (
            {"mixing": MixingFound(variability=True), "abundances_moved": 0.05},
            "; the variability of the endmembers and p(a|u) moved abundances by 0.050 from least squares",
        ),
        (
            {"variability": law("none")},
            "; p(a|u) moved abundances by 0.004 from least squares",
        ),
        (
            {"variability": law("pairs")},
            "; the law of variability and p(a|u) moved abundances by 0.004 from least squares",
        ),
        (
            {"mixing": MixingFound(kept="fan", variability=True), "abundances_moved": 0.05},
            "; fan mixing, the variability of the endmembers and p(a|u) moved abundances by 0.050 from least squares",
        ),
    ],
)
def test_what_moved_the_abundances(changed: dict[str, Any], said: str) -> None:
    assert sentence(**changed) == f"Decided by geometry: no region or stroke moved an endmember{said}."


@given(moved=st.floats(0.0, 1.0))
def test_one_endmember_is_decided_by_nothing(moved: float) -> None:
    assert decided(findings(abundances_moved=moved), 1) is None
    assert decided(findings(abundances_moved=moved), 2) is not None


def test_it_is_found_among_the_notes_wherever_it_stands() -> None:
    other, first = Note(NoteKind.METHOD, "Other."), Note(NoteKind.DECIDED, "Decided by geometry.")
    assert said_by([first, other]) == said_by([other, first]) == "Decided by geometry."
    assert said_by([other]) == said_by([]) == ""


@pytest.fixture(scope="module")
def results() -> dict[str, Unmixing]:
    """Two methods on one scene without paint."""
    cube = blind_scene(31, materials=3, pure=True, kind="linear", decibels=30, size=32).cube
    specs = method_specs()
    return {
        name: drain(unmix(cube, specs[name](method=name, endmembers=3, **options)))
        for name, options in (("vca-fcls", {}), ("ivae", {"epochs": 2}))
    }


def test_a_run_says_it_first_and_measures_how_far_the_prior_moved_the_abundances(results: dict[str, Unmixing]) -> None:
    for result in results.values():
        said = decided(result.findings, 3)
        assert said is not None
        assert (result.notes[0].kind, result.notes[0].sentence) == (NoteKind.DECIDED, said.sentence)
    assert results["vca-fcls"].findings.abundances_moved == 0.0
    moved = results["ivae"].findings.abundances_moved
    assert moved is not None
    assert moved > 1e-4


def test_the_distance_is_that_of_the_abundances_from_least_squares(results: dict[str, Unmixing]) -> None:
    """All 1024 pixels are read, so nothing is sampled."""
    cube = blind_scene(31, materials=3, pure=True, kind="linear", decibels=30, size=32).cube
    result = results["ivae"]
    plain = result.inversion.invert(cube.pixels(), result.endmembers).abundances
    expected = rmse(result.abundances.reshape(-1, 3), plain)
    np.testing.assert_allclose(result.findings.abundances_moved, expected, rtol=1e-4)
