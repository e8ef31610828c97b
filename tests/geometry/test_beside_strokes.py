"""Strokes beside given endmembers: they name what leads them, anchor what was not found where the rest of the scene agrees, and else move nothing."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.anchoring import COSTS_BESIDE, accepted
from napari_unmix.geometry.beside import Beginning, find_beside
from napari_unmix.geometry.beside_strokes import find_beside_painted
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.strokes import ANCHORED, LINEAR, NAMED
from napari_unmix.given import Given
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import FreeLight
from napari_unmix.rows.metrics import angle_table
from napari_unmix.rows.subspace import Excess

BANDS = 30
CORNERS = 0.1 + np.random.default_rng(5).random((4, BANDS))
# What stands between the first three and a little off them: of its pixels no corner has half.
BETWEEN = CORNERS[:3].mean(axis=0) + 0.12 * np.sin(np.linspace(0, 9, BANDS))
GIVEN = Given.known(FreeLight().written(CORNERS[:1]), ["known"])


def scene(between: int, corner: int) -> tuple[FloatArray, IntArray, IntArray]:
    """(N, B) mixtures of the first two corners and the fourth, that many pixels of BETWEEN and of the third corner; where these two are."""
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.full(3, 0.4), 600)
    further = [np.repeat([BETWEEN], between, axis=0), np.repeat(CORNERS[2:3], corner, axis=0)]
    spectra = np.vstack([shares @ CORNERS[[0, 1, 3]], *further])
    spectra += 0.002 * generator.normal(size=spectra.shape)
    return spectra, np.arange(600, 600 + between), np.arange(600 + between, len(spectra))


def begun(spectra: FloatArray, strokes: list[IntArray], *, count: int = 4, variability: float = 1.1) -> Beginning:
    """What the search reads of a scene whose spectra vary so much."""
    excess = Excess(variability, variability, np.zeros(0), np.zeros(0))
    within = (0.0, 1.0)
    return Beginning(
        spectra, count, FreeLight(), "perspective", 0.002, excess, GIVEN, strokes, outside=lambda *_: within
    )


def told(found: Found) -> tuple[str, ...]:
    """What became of each stroke."""
    return tuple(one.how for one in found.strokes)


def off(endmembers: FloatArray, truth: FloatArray) -> float:
    """Degrees between the nearest endmember and a spectrum."""
    return float(np.degrees(angle_table(endmembers, truth[None])).min())


def test_a_stroke_of_a_material_anchors_to_the_bit_as_it_did_unasked() -> None:
    spectra, _, corner = scene(12, 200)
    beginning = begun(spectra, [corner[:20]])
    found = drain(find_beside_painted(beginning))
    np.testing.assert_array_equal(found.endmembers, drain(find_beside(beginning)).endmembers)
    assert off(found.endmembers[1:2], CORNERS[2]) < 1
    assert told(found) == ("confirms",)  # it was found without the stroke
    assert found.numbers[ANCHORED] == 1
    assert str(found.notes[-1]) == "1 painted material anchors its endmember; the others are the purest spectra left."


def test_a_stroke_of_what_lies_between_the_materials_moves_nothing() -> None:
    spectra, between, _ = scene(12, 200)
    found = drain(find_beside_painted(begun(spectra, [between])))
    blind = drain(find_beside_painted(begun(spectra, [])))
    assert told(found) == ("refused",)
    (stroke,) = found.strokes
    assert stroke.cost is not None
    assert stroke.cost > 1.15
    assert sorted(found.endmembers.tolist()) == sorted(blind.endmembers.tolist())
    np.testing.assert_array_equal(found.endmembers[0], GIVEN.spectra[0])
    assert str(found.notes[-1]) == (
        "Painted materials name endmembers and move none: 0 of 1 have an endmember that leads them."
    )
    assert blind.strokes == ()


@pytest.mark.parametrize(("variability", "how"), [(LINEAR, "names"), (LINEAR + 0.01, "confirms")])
def test_where_mixing_is_linear_to_the_noise_strokes_name(variability: float, how: str) -> None:
    spectra, _, corner = scene(12, 200)
    found = drain(find_beside_painted(begun(spectra, [corner[:20]], variability=variability)))
    assert told(found) == (how,)
    assert (NAMED in found.numbers) is (how == "names")
    assert off(found.endmembers[1:2], CORNERS[2]) < 1  # first of those after the given one, either way


def test_a_stroke_of_what_the_search_missed_anchors_it() -> None:
    spectra, _, _ = scene(0, 350)
    missed = off(drain(find_beside(begun(spectra, [], count=3))).endmembers, CORNERS[1])
    assert missed > 20
    stroke = angle_table(spectra, CORNERS[1:2])[:, 0].argsort()[:20]
    found = drain(find_beside_painted(begun(spectra, [stroke], count=3)))
    assert told(found) == ("anchors",)
    assert (
        off(found.endmembers[1:2], CORNERS[1]) < missed - 5
    )  # of four materials three are asked for: it stands for others too


@pytest.mark.parametrize(
    ("cost", "purity", "beside", "full"),
    [
        (1.15, 0.4, True, True),
        (1.16, 0.4, True, False),
        (1.25, 0.4, True, False),
        (1.26, 0.4, False, False),
        (1.0, 0.33, False, False),
    ],
)
def test_beside_given_endmembers_an_anchor_may_cost_more(cost: float, purity: float, beside: bool, full: bool) -> None:
    assert accepted(cost, (purity,), COSTS_BESIDE) is beside
    assert accepted(cost, (purity,)) is full


def test_a_held_endmember_is_no_strokes_own() -> None:
    """Painted where the held one is: the stroke may have another of the endmembers, never that one."""
    spectra, _, _ = scene(0, 100)
    held = angle_table(spectra, CORNERS[:1])[:, 0].argsort()[:20]
    for variability in (1.0, 1.1):
        found = drain(find_beside_painted(begun(spectra, [held], variability=variability)))
        np.testing.assert_array_equal(found.endmembers[0], GIVEN.spectra[0])
        assert found.strokes[0].how in ("names", "refused")
        assert found.strokes[0].background
