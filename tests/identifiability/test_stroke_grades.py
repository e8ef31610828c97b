"""Endmembers that strokes anchored: searched again beside one half of each stroke and then the other, and graded like all that are searched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.findings import Findings, Redraw
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import PlaneArchetypes, Strokes
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.identifiability.again.quadrants import anchored, search_without_quadrants
from napari_unmix.identifiability.again.refits import Refits, angles
from napari_unmix.identifiability.evidence import evidence
from napari_unmix.identifiability.grading import grades
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import SumToOne
from napari_unmix.rows.subspace import Excess

BANDS, SIDE, NOISE, VARIES = 30, 28, 0.002, 1.2
CORNERS = 0.1 + np.random.default_rng(3).random((5, BANDS))
# The second material was not found: an endmember stands between two others instead.
BLIND = np.vstack([CORNERS[:1], CORNERS[[0, 2]].mean(axis=0, keepdims=True), CORNERS[2:]])


def scene() -> tuple[FloatArray, IntArray]:
    """Spectra (N, B) of five materials, pure pixels of each all over, and where the stroke of the second is."""
    generator = np.random.default_rng(3)
    shares = generator.dirichlet(np.full(5, 0.4), 4 * SIDE**2)
    shares = shares[shares.max(axis=1) < 0.85][: SIDE**2]
    places = generator.permutation(SIDE**2)[:100]
    shares[places] = np.repeat(np.eye(5), 20, axis=0)
    spectra = shares @ CORNERS + NOISE * generator.normal(size=(SIDE**2, BANDS))
    return spectra, np.sort(places[20:36])


def anchoring(spectra: FloatArray, stroke: IntArray) -> Found:
    """The search, that had not found the second material, with its stroke."""
    found = Found(BLIND, PlaneArchetypes(space="affine"), NOISE, Excess(VARIES, VARIES, np.zeros(0), np.zeros(0)))
    return drain(with_strokes(spectra, found, [stroke], NOISE, SumToOne(), variability=VARIES))


def assessed(spectra: FloatArray, found: Found) -> Subject:
    """The answer of a search, as a report reads it."""
    shares = SumToOne().invert(spectra, found.endmembers).abundances
    told = tuple(one.model_copy(update={"material": "roof"}) for one in found.strokes)
    result = Unmixing(
        found.endmembers,
        shares.reshape(SIDE, SIDE, -1).astype(np.float32),
        None,
        None,
        np.zeros((SIDE, SIDE)),
        ("roof", *(f"endmember {k}" for k in range(2, len(found.endmembers) + 1))),
        IvaeSpec.model_validate({"endmembers": len(found.endmembers), "illumination": False}),
        findings=Findings(recipe=found.recipe, noise=NOISE, search={"chi_linear": VARIES}, strokes=told),
    )
    return gather(Cube(spectra.reshape(SIDE, SIDE, -1).astype(np.float32), None), result)


@pytest.fixture(scope="module")
def found() -> Found:
    return anchoring(*scene())


def test_the_recipe_holds_both_halves_of_what_counts_of_the_stroke(found: Found) -> None:
    recipe = found.recipe
    assert isinstance(recipe, Strokes)
    assert np.array(recipe.halves).shape == (2, 1, BANDS)
    assert found.strokes[0].how == "anchors"
    for half in np.array(recipe.halves)[:, 0]:
        assert angles(half[None], CORNERS[1:2])[0] < 1
    assert Strokes.model_validate_json(recipe.model_dump_json()) == recipe  # a run's folder keeps it
    assert Strokes.model_validate({"kind": "strokes"}).halves == ()  # and one of an earlier version reads


def test_a_stroke_of_one_pixel_has_no_halves() -> None:
    spectra, stroke = scene()
    recipe = anchoring(spectra, stroke[:1]).recipe
    assert not isinstance(recipe, Strokes) or recipe.halves == ()


@pytest.mark.parametrize("half", [0, 1])
def test_the_rest_of_the_scene_is_found_again_beside_half_of_a_stroke(found: Found, half: int) -> None:
    spectra, _ = scene()
    redraw = Redraw(spectra, np.zeros(len(spectra), int), NOISE, SumToOne(), np.random.default_rng(0))
    recipe = found.recipe
    assert isinstance(recipe, Strokes)
    order = [0, *range(len(CORNERS) - 1, 0, -1)]
    again = drain(recipe.beside_half(redraw, found.endmembers[order], half))
    assert angles(again, found.endmembers[order]).max() < 1


def test_what_strokes_anchored_has_grades_and_the_sentence_says_how(found: Found) -> None:
    spectra, _ = scene()
    subject = assessed(spectra, found)
    assert anchored(subject)
    refits = drain(search_without_quadrants(subject, Refits(), np.random.default_rng(0)))
    assert len(refits.quadrants) == 4
    assert max(one.moved for one in evidence(subject, refits)) < 1
    given = grades(subject, refits)
    assert [grade.word for grade in given] == ["steady"] * 5
    assert all("beside one half of each stroke that anchors" in grade.sentence for grade in given)


def test_an_answer_of_an_earlier_version_has_none(found: Found) -> None:
    spectra, _ = scene()
    subject = assessed(spectra, replace(found, recipe=Strokes()))
    assert not anchored(subject)
    assert drain(search_without_quadrants(subject, Refits(), np.random.default_rng(0))).quadrants == ()
