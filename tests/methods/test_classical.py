"""The classical algorithms: by hand, by brute force, against the library's own, and on scenes for which each was made."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Redraw
from napari_unmix.given import Given
from napari_unmix.methods.classical.extraction import minimum_volume_nmf, mvsa, n_findr, ppi, sivm, spa
from napari_unmix.methods.classical.extraction.algorithms import ALGORITHMS, BEYOND
from napari_unmix.methods.classical.spec import ClassicalSpec, Extraction, Solver
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.export.contents import of_result, of_run
from napari_unmix.output.run import read_run, write_run
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import Scene, blind_scene

EXTRACTIONS: tuple[Extraction, ...] = get_args(Extraction)
SOLVERS: tuple[Solver, ...] = get_args(Solver)


@pytest.fixture(scope="module")
def pure() -> Scene:
    return blind_scene(12, materials=3, pure=True, kind="linear", decibels=40, size=24)


def run(cube: Cube, given: Given | None = None, **settings: Any) -> Unmixing:
    return drain(unmix(cube, ClassicalSpec(**{"endmembers": 3, **settings}), None, given))


def angles(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(np.degrees(spectral_angle(found[match_endmembers(found, truth)], truth)))


# --- what all of them do


@pytest.mark.parametrize("extraction", EXTRACTIONS)
def test_each_finds_the_materials_of_a_scene_with_pure_pixels(pure: Scene, extraction: Extraction) -> None:
    for illumination in (False, True):
        found = run(pure.cube, extraction=extraction, illumination=illumination)
        assert angles(found.endmembers, pure.endmembers).max() < 3


@pytest.mark.parametrize("extraction", sorted(set(EXTRACTIONS) - {"mvsa"}))
def test_each_holds_given_endmembers_to_the_bit_and_finds_the_others(pure: Scene, extraction: Extraction) -> None:
    known = Given.known(pure.endmembers[[2]], ["rock"])
    found = run(pure.cube, known, extraction=extraction)
    np.testing.assert_array_equal(found.endmembers[0], pure.endmembers[2])
    assert found.names[0] == "rock"
    assert angles(found.endmembers[1:], pure.endmembers[:2]).max() < 3


@pytest.mark.parametrize("extraction", EXTRACTIONS)
def test_each_recipe_finds_its_endmembers_again(pure: Scene, extraction: Extraction) -> None:
    found = run(pure.cube, extraction=extraction)
    recipe = found.findings.recipe
    assert recipe.extrapolated is (extraction in BEYOND)
    redraw = Redraw(
        pure.cube.pixels(), np.zeros(576, int), found.findings.noise or 0.0, found.inversion, np.random.default_rng(0)
    )
    again = np.maximum(drain(recipe.again(redraw, found.endmembers)), 0.0)
    assert np.degrees(spectral_angle(again, found.endmembers)).max() < 0.1


def test_mvsa_refuses_to_hold_in_one_sentence(pure: Scene) -> None:
    with pytest.raises(UnmixError, match=r"MVSA moves every endmember .* choose sisal or minimum-volume-nmf"):
        run(pure.cube, Given.known(pure.endmembers[[2]], ["rock"]), extraction="mvsa")


def test_all_known_needs_no_algorithm(pure: Scene) -> None:
    found = run(pure.cube, Given.known(pure.endmembers, list("abc")), extraction="mvsa")
    np.testing.assert_array_equal(found.endmembers, pure.endmembers)


def test_vca_and_fcls_are_the_method_of_that_name_to_the_bit(pure: Scene) -> None:
    for illumination in (False, True):
        old = drain(unmix(pure.cube, spec_class("vca-fcls")(endmembers=3, seed=5, illumination=illumination)))
        new = run(pure.cube, seed=5, illumination=illumination)
        np.testing.assert_array_equal(new.endmembers, old.endmembers)
        np.testing.assert_array_equal(new.abundances, old.abundances)


def test_every_choice_has_its_algorithm() -> None:
    assert tuple(ALGORITHMS) == EXTRACTIONS


# --- by hand and by brute force


def test_greedy_picks_by_hand() -> None:
    vectors = np.array([[3.0, 0, 0], [2.9, 0.1, 0], [0, 2.0, 0], [0, 1.9, 1.0], [1.0, 1.0, 1.5]])
    # The longest; what is left beside it has lengths 0, .1, 2, 2.15 and 1.8; then beside (0, 1.9, 1): .93 of the third, .86 of the last.
    assert spa.longest(vectors, 3, np.empty((0, 3))).tolist() == [0, 3, 2]
    assert spa.longest(vectors, 2, vectors[[0]]).tolist() == [3, 2]
    scores = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0], [2.0, 1.0], [3.9, 0.1]])
    assert sivm.furthest(scores, 2, scores[[0]]).tolist() == [1, 2]
    assert sivm.furthest(scores, 1, scores[[0, 1]]).tolist() == [2]


@pytest.mark.parametrize("seed", range(6))
def test_n_findr_ends_at_the_largest_simplex_of_all(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet([0.3] * 3, 25) @ generator.normal(size=(3, 2)) + 0.01 * generator.normal(size=(25, 2))

    def volume(rows: Any) -> float:
        return abs(float(np.linalg.det(np.column_stack([np.ones(3), scores[list(rows)]]))))

    best = max(combinations(range(25), 3), key=volume)
    found = n_findr.largest(scores, np.array([0, 1, 2]))
    assert volume(found) > 0.999 * volume(best)
    held = n_findr.largest(scores, np.array([7, 1, 2]), held=1)
    assert held[0] == 7
    assert volume(held) > 0.999 * max(volume((7, *pair)) for pair in combinations(range(25), 2) if 7 not in pair)


def test_ppi_counts_as_spy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from spectral.algorithms import ppi as spy

    scores = np.random.default_rng(3).normal(size=(80, 3))
    monkeypatch.setattr("numpy.random.rand", np.random.RandomState(7).rand)
    state = np.random.RandomState(7)
    skewers = np.array([state.rand(3) - 0.5 for _ in range(300)])
    theirs = spy(scores.reshape(8, 10, 3), 300, display=0)
    np.testing.assert_array_equal(ppi.extremes(scores - scores.mean(axis=0), skewers), theirs.ravel())


def test_ppi_takes_pixels_of_many_counts_that_are_far_apart() -> None:
    scores = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 0.0], [0.0, 5.0], [2.0, 2.0]])
    assert ppi.apart(scores, np.array([90, 80, 50, 40, 0]), 3, np.empty((0, 2))).tolist() == [0, 2, 3]
    assert ppi.apart(scores, np.array([90, 80, 50, 40, 0]), 1, scores[[0, 2]]).tolist() == [3]


def hidden_corners(seed: int, count: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores (800, P − 1) of pixels none of which has more than 0.8 of a corner, and the corners (P, P − 1)."""
    generator = np.random.default_rng(seed)
    corners = generator.normal(size=(count, count - 1))
    shares = generator.dirichlet(np.ones(count), 4000)
    scores = shares[shares.max(axis=1) < 0.8][:800] @ corners
    return scores + noise * generator.normal(size=scores.shape), corners


@pytest.mark.parametrize(("seed", "count"), [(0, 3), (1, 4), (2, 6)])
def test_mvsa_has_all_pixels_inside_and_no_more_volume_than_the_truth(seed: int, count: int) -> None:
    scores, corners = hidden_corners(seed, count)
    start = scores[sivm.furthest(scores, count - 1, scores[[0]])]
    found = mvsa.smallest(scores, np.vstack([scores[[0]], start]), np.random.default_rng(0))
    inverse = mvsa.inverse_of(found)
    inside = np.column_stack([scores, np.ones(len(scores))]) @ inverse.T
    assert inside.min() > -1e-5
    np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-8)
    size = [abs(np.linalg.det(np.column_stack([vertices, np.ones(count)]))) for vertices in (found, corners)]
    assert size[0] <= size[1] * (1 + 1e-6)
    order = match_endmembers(found - scores.mean(axis=0), corners - scores.mean(axis=0))
    assert np.linalg.norm(found[order] - corners, axis=1).max() < 0.25 * np.linalg.norm(corners, axis=1).max()


def test_a_smallest_simplex_finds_what_no_pixel_is() -> None:
    scene = blind_scene(3, materials=3, pure=False, kind="linear", decibels=60, size=40)
    by_pixels = angles(run(scene.cube, extraction="n-findr").endmembers, scene.endmembers).mean()
    assert angles(run(scene.cube, extraction="mvsa").endmembers, scene.endmembers).mean() < 0.5 * by_pixels


def test_the_objective_of_the_factorisation_falls_and_held_rows_stay() -> None:
    generator = np.random.default_rng(2)
    truth = generator.uniform(0.1, 1, size=(3, 30))
    spectra = generator.dirichlet(np.ones(3), 400) @ truth + 0.005 * generator.normal(size=(400, 30))
    start = np.maximum(spectra[:3], 0.0)
    found, losses = minimum_volume_nmf.factorised(spectra, start, 0.1)
    assert losses == sorted(losses, reverse=True)
    assert found.min() >= 0
    left = [np.linalg.norm(spectra - fully_constrained(spectra, rows) @ rows) for rows in (start, found)]
    assert left[1] < 0.5 * left[0]
    held, _ = minimum_volume_nmf.factorised(spectra, np.vstack([truth[0], start[1:]]), 0.1, held=1)
    np.testing.assert_allclose(held[0], truth[0], rtol=1e-12)


# --- abundances, and what is said of them


@pytest.mark.parametrize("solver", SOLVERS)
def test_maps_keep_what_they_are_through_folder_export_and_report(pure: Scene, solver: Solver, tmp_path: Path) -> None:
    found = run(pure.cube, abundances=solver)
    report = drain(assess(pure.cube, found))
    folder = write_run(tmp_path / "run", pure.cube, found, report)
    back = read_run(folder)
    np.testing.assert_array_equal(back.abundances, found.abundances)
    expected = {"fcls": "area fractions", "scls": "fractions that sum to one and may be negative"}.get(
        solver, "amounts, not negative, whose sum is free"
    )
    assert found.inversion.meaning == back.meta["abundances"] == expected
    assert of_run(back).meaning == of_result(pure.cube, found).meaning == expected
    told = [str(note) for note in found.notes if "Abundances" in str(note)]
    assert bool(told) is (solver != "fcls")
    assert back.unmixing(pure.cube).findings.recipe == found.findings.recipe
    sums = found.abundances.sum(axis=2)
    assert bool(np.allclose(sums, 1, atol=1e-5)) is (solver in ("fcls", "scls"))
    assert bool(found.abundances.min() < 0) is (solver == "scls")


@pytest.mark.parametrize("solver", sorted(set(SOLVERS) - {"scls"}))
def test_with_free_brightness_maps_are_composition_and_the_sum_is_the_light(pure: Scene, solver: Solver) -> None:
    found = run(pure.cube, abundances=solver, illumination=True)
    np.testing.assert_allclose(found.abundances.sum(axis=2), 1, atol=1e-5)
    assert found.illumination is not None
    assert found.illumination.min() > 0


def test_signed_fractions_and_free_brightness_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="choose fcls or nnls, or leave the illumination out"):
        ClassicalSpec(abundances="scls", illumination=True)


def test_settings_are_shown_where_they_mean_something() -> None:
    spec = ClassicalSpec(extraction="ppi", abundances="sunsal")
    shown = {name for name in ("skewers", "penalty", "volume", "sparsity", "smoothness") if spec.applies(name)}
    assert shown == {"skewers", "sparsity"}
