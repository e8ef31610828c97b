"""The search beside given endmembers: what is held never moves, and its recipes find the same again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.findings import Redraw
from napari_unmix.geometry.archetypes import IN_PLANE, fit_archetypes
from napari_unmix.geometry.beside import within_reach
from napari_unmix.geometry.beside_recipes import Beside, ExtrapolatedBeside, placed
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.volume import hinge_volume, minimum_volume
from napari_unmix.given import Given
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import FreeLight, SumToOne
from napari_unmix.rows.metrics import angle_table

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0.1, 0.9, (4, 25))
SHARES = RNG.dirichlet(np.full(4, 0.6), 900)
SPECTRA = SHARES @ TRUE + 0.003 * RNG.normal(size=(900, 25))
HELD = np.array([False, True, False, True])


@pytest.mark.parametrize("space", ["archetypes", "volume", "hinge"])
def test_held_corners_stay_to_the_bit_and_the_others_move(space: str) -> None:
    scores = (SPECTRA - SPECTRA.mean(axis=0)) @ np.linalg.svd(SPECTRA - SPECTRA.mean(axis=0), full_matrices=False)[2][
        :3
    ].T
    start = scores[[3, 50, 200, 700]]
    if space == "archetypes":
        found = drain(fit_archetypes(scores, start, np.ones(900), IN_PLANE, held=HELD)).archetypes
    elif space == "volume":
        found = drain(minimum_volume(scores, 0.003, [start], held=HELD))
    else:
        found = hinge_volume(scores, 4, begun=start, held=HELD)
    np.testing.assert_allclose(found[HELD], start[HELD], rtol=0, atol=1e-12)
    assert (np.abs(found[~HELD] - start[~HELD]).max(axis=1) > 1e-3).all()


def test_vca_begun_from_some_picks_the_others() -> None:
    for seed in range(5):
        picked = vertex_components(SPECTRA, 4, np.random.default_rng(seed), TRUE[[0, 2]])
        assert picked.shape == (2,)
        nearest = angle_table(SPECTRA[picked], TRUE).argmin(axis=1)
        assert sorted(nearest.tolist()) == [1, 3]
    # Without any it picks as it always did.
    none = vertex_components(SPECTRA, 4, np.random.default_rng(1), TRUE[:0])
    np.testing.assert_array_equal(none, vertex_components(SPECTRA, 4, np.random.default_rng(1)))


@pytest.mark.parametrize("light", [False, True])
def test_the_search_beside_held_ones_finds_the_others_and_its_recipe_again(light: bool) -> None:
    inversion = FreeLight() if light else SumToOne()
    brightness = RNG.uniform(0.6, 1.2, (900, 1)) if light else 1.0
    spectra = brightness * (SHARES @ TRUE) + 0.003 * RNG.normal(size=(900, 25))
    given = Given.known(inversion.written(TRUE[[2, 0]]), ["c", "a"])
    found = drain(find_endmembers(spectra, 4, inversion, strokes=[], seed=0, given=given))
    np.testing.assert_array_equal(found.endmembers[:2], given.spectra)
    assert sorted(angle_table(found.endmembers[2:], TRUE).argmin(axis=1).tolist()) == [1, 3]
    assert np.degrees(angle_table(found.endmembers[2:], TRUE).min(axis=1)).max() < 4
    assert isinstance(found.recipe, Beside | ExtrapolatedBeside)
    assert found.recipe.held == (0, 1)
    redraw = Redraw(spectra[::2], np.zeros(450, int), found.noise, inversion, np.random.default_rng(1))
    again = drain(found.recipe.again(redraw, found.endmembers))
    np.testing.assert_array_equal(again[:2], given.spectra)
    assert np.degrees(angle_table(again[2:], found.endmembers[2:]).diagonal()).max() < 4


def test_strokes_anchor_the_endmembers_after_the_given_ones() -> None:
    stroke = np.flatnonzero(SHARES[:, 3] > 0.8)
    given = Given.known(TRUE[[1]], ["b"])
    found = drain(find_endmembers(SPECTRA, 4, SumToOne(), strokes=[stroke], seed=0, given=given))
    assert np.degrees(angle_table(found.endmembers[1:2], TRUE[3:])).item() < 3


def test_what_is_found_takes_the_row_of_the_given_one_most_like_it() -> None:
    reference = TRUE[[0, 1, 2]]
    found = TRUE[[3, 2, 0]] * 1.01
    answer = placed(found, reference, np.array([False, True, False, False]))
    assert angle_table(answer, TRUE).argmin(axis=1).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(answer[1], TRUE[1])


def test_how_far_an_extrapolated_corner_may_be() -> None:
    simplex = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert within_reach(1.5 * simplex, simplex)
    assert not within_reach(simplex * [[1], [1], [4]], simplex)
    assert not within_reach(simplex * np.nan, simplex)
