"""Finding endmembers: gradients, each route on scenes made for it, and what painted regions may do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import check_grad

from napari_unmix.findings import NoteKind
from napari_unmix.geometry.archetypes import IN_PLANE, fit_from_starts
from napari_unmix.geometry.coordinates import perspective_coordinates
from napari_unmix.geometry.picks import (
    largest_volume,
    simplex_volume,
    starting_picks,
    successive_projection,
    vertex_components,
)
from napari_unmix.geometry.search import Found, find_endmembers
from napari_unmix.geometry.volume import volume_objective
from napari_unmix.progress import drain
from napari_unmix.regions.acceptance import MOST_MISFIT, most_misfit, refine_by_regions, spatial_redundancy
from napari_unmix.regions.moments import fit_region_moments, region_moments
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import FreeLight, SumToOne, inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import affine_subspace
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import Scene, blind_scene, region_scene, sample_scene, smooth_field


def degrees(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(np.degrees(spectral_angle(found[match_endmembers(found, truth)], truth)))


def search(scene: Scene, **changes: object) -> Found:
    arguments: dict[str, object] = {"strokes": [], "seed": 0, **changes}
    way = inversion(free_light=scene.scaled)
    return drain(find_endmembers(scene.cube.pixels(), len(scene.endmembers), way, **arguments))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def painted() -> Scene:
    return region_scene(11)


def test_every_pick_finds_the_pure_pixels_of_a_clean_scene() -> None:
    generator = np.random.default_rng(0)
    endmembers = generator.uniform(size=(4, 50))
    abundances = np.vstack([generator.dirichlet(np.ones(4), 500) * 0.8 + 0.05, np.eye(4)])
    spectra = abundances @ endmembers
    scores = affine_subspace(spectra, 3).scores(spectra)
    pure = {500, 501, 502, 503}
    assert set(vertex_components(spectra, 4, generator)) == pure
    assert set(successive_projection(spectra, 4)) == pure
    assert set(simplex_volume(scores, 4)) == pure
    assert set(largest_volume(scores, np.array([0, 1, 2, 3]))) == pure
    assert any(set(picks) == pure for picks in starting_picks(spectra, 4, generator))


def test_gradient_of_the_volume_equals_finite_differences() -> None:
    generator = np.random.default_rng(1)
    data = np.column_stack([generator.dirichlet(np.ones(4), 60)[:, :3], np.ones(60)])
    noise = generator.uniform(0.02, 0.1, 60)
    for _ in range(5):
        corners = (np.eye(4)[:, :3] * 1.2 + 0.1 * generator.normal(size=(4, 3))).ravel()
        error = check_grad(
            lambda x: volume_objective(x, data, noise, 0.7)[0],
            lambda x: volume_objective(x, data, noise, 0.7)[1],
            corners,
        )
        assert error < 1e-4 * np.linalg.norm(volume_objective(corners, data, noise, 0.7)[1])


@pytest.mark.parametrize(
    ("kind", "pure", "route", "most"),
    [("linear", True, "affine", 1.0), ("linear", False, "affine", 1.5), ("illumination", True, "perspective", 1.0)],
)
def test_the_rule_takes_the_route_that_the_data_allow(kind: str, pure: bool, route: str, most: float) -> None:
    scene = blind_scene(21, materials=3, pure=pure, kind=kind, decibels=30)  # type: ignore[arg-type]
    found = search(scene)
    assert found.route == route
    assert found.pure is pure
    assert degrees(found.endmembers, scene.endmembers).mean() < most
    assert any(note.kind is NoteKind.NO_PURE_PIXELS for note in found.notes) is not pure
    np.testing.assert_allclose(found.excess.linear, 1, atol=0.02)


@pytest.mark.slow
def test_variability_takes_what_leaves_less_and_says_that_spectra_may_not_be_pure() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=40)
    found = search(scene)
    assert found.excess.linear > 1.25
    assert found.route in ("sphere", "cone", "perspective")
    assert any("not necessarily pure" in str(note) for note in found.notes)
    assert degrees(found.endmembers, scene.endmembers).mean() < 2.5


def test_bilinear_mixing_with_pure_pixels_is_not_extrapolated() -> None:
    scene = blind_scene(4, materials=3, pure=True, kind="bilinear", decibels=40)
    found = search(scene)
    assert degrees(found.endmembers, scene.endmembers).mean() < 1.5


def test_strokes_anchor_the_first_endmembers_in_order_and_survive_wrong_pixels() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="illumination", decibels=30)
    abundances = scene.abundances.reshape(-1, 3)
    generator = np.random.default_rng(0)
    strokes = []
    for material in (2, 0):
        stroke = np.argsort(-abundances[:, material])[:40]
        stroke[:4] = generator.integers(len(abundances), size=4)  # a tenth painted by mistake
        strokes.append(stroke)
    found = search(scene, strokes=strokes)
    for position, material in enumerate((2, 0)):
        assert np.degrees(spectral_angle(found.endmembers[position], scene.endmembers[material])) < 4
    assert degrees(found.endmembers, scene.endmembers).max() < 6


def test_more_pixels_than_are_searched_give_the_same_endmembers(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = blind_scene(6, materials=3, pure=True, kind="linear", decibels=40)
    everything = search(scene).endmembers
    monkeypatch.setattr("napari_unmix.geometry.search.MOST_PIXELS", 2500)
    assert degrees(search(scene).endmembers, everything).max() < 1


def test_region_moments_identify_what_pure_pixels_do_not(painted: Scene) -> None:
    spectra, labels = painted.cube.pixels(), painted.annotation.labels.ravel()
    picked = spectra[vertex_components(spectra, 4, np.random.default_rng(0))]
    moments = region_moments(spectra, labels, 4, 0.01)
    assert moments is not None
    assert moments.regions == 40
    fit = fit_region_moments(moments, [picked])
    assert degrees(fit.endmembers, painted.endmembers).mean() < degrees(picked, painted.endmembers).mean() / 2
    assert 0.5 < fit.misfit < 1.3
    assert fit.relative_error < 0.1
    np.testing.assert_allclose(fit.means.sum(axis=1), 1, atol=1e-8)


@pytest.mark.slow
def test_two_regions_leave_the_simplex_undetermined_and_are_not_used(painted: Scene) -> None:
    labels = np.where(painted.annotation.labels <= 2, painted.annotation.labels, 0).ravel()
    found = search(painted)
    refined = refine_by_regions(painted.cube.pixels(), labels, painted.cube.valid_pixels, found, SumToOne())
    assert not refined.accepted
    told = "2 painted regions have enough pixels: from three on, regions can refine the endmembers."
    assert [str(note) for note in refined.notes] == [told]
    np.testing.assert_array_equal(refined.endmembers, found.endmembers)


@pytest.mark.slow
def test_accepted_regions_bring_the_endmembers_closer(painted: Scene) -> None:
    found = search(painted)
    refined = refine_by_regions(
        painted.cube.pixels(), painted.annotation.labels.ravel(), painted.cube.valid_pixels, found, SumToOne()
    )
    assert refined.accepted
    assert (refined.vertex_std > 0).all()
    vertex = painted.cube.pixels()[vertex_components(painted.cube.pixels(), 4, np.random.default_rng(0))]
    assert degrees(refined.endmembers, painted.endmembers).mean() < degrees(vertex, painted.endmembers).mean() / 3


@pytest.mark.parametrize("freedom", [1, 8, 40, 400])
def test_true_dirichlet_regions_are_refused_once_in_a_thousand_at_most(freedom: int) -> None:
    misfits = np.random.default_rng(freedom).chisquare(freedom, 20_000) / freedom
    assert (misfits > most_misfit(freedom)).mean() < 0.003
    assert most_misfit(freedom) == MOST_MISFIT or (misfits > 0.7 * most_misfit(freedom)).mean() > 0.003


@pytest.mark.slow
def test_shuffled_regions_are_refused(painted: Scene) -> None:
    labels = np.random.default_rng(0).permutation(painted.annotation.labels.ravel())
    refined = refine_by_regions(painted.cube.pixels(), labels, painted.cube.valid_pixels, search(painted), SumToOne())
    assert not refined.accepted
    assert refined.notes[0].sentence.startswith("Painted regions did not refine the endmembers: ")


@pytest.mark.slow
def test_regions_of_a_bilinear_scene_do_not_make_the_endmembers_explode(painted: Scene) -> None:
    abundances, endmembers = painted.abundances, painted.endmembers
    spectra = abundances @ endmembers
    for i in range(4):
        for j in range(i):
            spectra = spectra + (abundances[..., i] * abundances[..., j])[..., None] * (endmembers[i] * endmembers[j])
    spectra = spectra + 0.01 * np.random.default_rng(0).normal(size=spectra.shape)
    scene = replace(painted, cube=replace(painted.cube, spectra=spectra))
    found = search(scene)
    refined = refine_by_regions(
        scene.cube.pixels(), scene.annotation.labels.ravel(), scene.cube.valid_pixels, found, SumToOne()
    )
    assert refined.endmembers.min() >= -1e-9 or not refined.accepted
    assert refined.endmembers.max() < 2 * endmembers.max()


@pytest.mark.slow
def test_abundances_of_found_endmembers_are_close(painted: Scene) -> None:
    found = search(painted)
    order = match_endmembers(found.endmembers, painted.endmembers)
    error = fully_constrained(painted.cube.pixels(), found.endmembers)[:, order] - painted.abundances.reshape(-1, 4)
    assert np.sqrt((error**2).mean()) < 0.04


@pytest.mark.slow
def test_strokes_on_a_linear_scene_name_the_corners_and_do_not_move_them(painted: Scene) -> None:
    abundances = painted.abundances.reshape(-1, 4)
    strokes = [np.argsort(-abundances[:, material])[:40] for material in (3, 1)]
    free, anchored = search(painted), search(painted, strokes=strokes)
    assert anchored.route == free.route == "affine"
    assert degrees(anchored.endmembers, free.endmembers).max() < 1e-4
    for position, material in enumerate((3, 1)):
        assert match_endmembers(anchored.endmembers, painted.endmembers)[material] == position


@pytest.mark.slow
def test_a_stroke_that_no_corner_leads_moves_none_on_a_linear_scene(painted: Scene) -> None:
    middle = np.argsort(painted.abundances.reshape(-1, 4).max(axis=1))[:40]
    free, named = search(painted), search(painted, strokes=[middle])
    assert named.route == free.route
    assert degrees(named.endmembers, free.endmembers).max() < 1e-4
    assert named.strokes[0].how == "names"


def test_neighbours_that_are_alike_count_less() -> None:
    generator = np.random.default_rng(0)
    regions, valid = np.repeat([1, 2], 5000), np.ones((100, 100), bool)
    direction = np.linspace(0.1, 1, 20)

    def redundancy(smoothness: float) -> float:
        field = smooth_field((100, 100), smoothness, generator) if smoothness else generator.normal(size=(100, 100))
        return spatial_redundancy(field.reshape(-1, 1) * direction, regions, valid)

    np.testing.assert_allclose(redundancy(0), 1, atol=0.3)
    # Σ ρ(k)² of a Gaussian-smoothed field is √(2π) σ along each axis.
    for smoothness in (1.5, 3.0):
        np.testing.assert_allclose(redundancy(smoothness), 2 * np.pi * smoothness**2, rtol=0.2)


@pytest.mark.slow
def test_regions_refine_under_free_illumination_and_smooth_scenes_fit_once_neighbours_are_counted() -> None:
    scene = sample_scene()
    found = search(scene)
    refined = refine_by_regions(
        scene.cube.pixels(), scene.annotation.labels.ravel(), scene.cube.valid_pixels, found, FreeLight()
    )
    assert refined.moments is not None
    assert 0.6 < refined.moments.misfit < 1.3  # 13 if every pixel counted as independent
    assert refined.accepted
    vertex = scene.cube.pixels()[vertex_components(scene.cube.pixels(), 5, np.random.default_rng(0))]
    assert degrees(refined.endmembers, scene.endmembers).mean() < degrees(vertex, scene.endmembers).mean() / 2


def test_a_search_that_ends_in_no_finite_number_is_refused() -> None:
    scores = np.full((30, 2), np.nan)
    with pytest.raises(UnmixError, match=r"search for 3 endmembers ended in no finite numbers from any of 2 starts"):
        drain(fit_from_starts(scores, [np.arange(3), np.arange(3, 6)], np.ones(30), IN_PLANE))


def test_half_of_the_pixels_without_brightness_is_refused() -> None:
    spectra = np.random.default_rng(0).uniform(0.2, 1, (20, 8))
    spectra[:12] = 0
    with pytest.raises(UnmixError, match="Half of the pixels have no brightness"):
        perspective_coordinates(spectra, 3, 0.01)
