"""Where the search for endmembers turns, on made-up numbers; and the steps behind it against their definitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import norm

from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry import anchoring, picks, search, supported
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.anchoring import COSTS, LED, accepted, try_anchors
from napari_unmix.geometry.archetypes import brightness_for_sums, fit_archetypes, fit_from_starts
from napari_unmix.geometry.bilinear import bilinear_residual
from napari_unmix.geometry.coordinates import Coordinates, Sphere, affine_coordinates, perspective_coordinates
from napari_unmix.geometry.counting import suggest_endmembers
from napari_unmix.geometry.facets import COLLAPSED, settled
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import Corners, FacetEdges, PlaneArchetypes, SphereArchetypes, SupportedPicks
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.seen import LossOf
from napari_unmix.geometry.strokes import LINEAR, enriched, with_strokes
from napari_unmix.geometry.supported import off_cone, supported_picks
from napari_unmix.geometry.volume import (
    hinge_objective,
    hinge_volume,
    minimum_volume,
    volume_objective,
    volume_weights,
)
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inversion, inversion
from napari_unmix.rows.metrics import angle_table, spectral_angle
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import Excess, linear_subspace, subspace_excess

signal_notes, thinned = search._signal_notes, search._thinned
extremes, furthest = picks._extremes, supported._furthest
RECIPES: dict[str, Corners] = {
    "affine": PlaneArchetypes(space="affine"),
    "perspective": PlaneArchetypes(space="perspective"),
    "sphere": SphereArchetypes(),
    "rare": SupportedPicks(),
}


def way(sum_to_one: bool) -> Inversion:
    return inversion(free_light=not sum_to_one)


def data_of(spectra: np.ndarray, noise: float, excess: Excess, sum_to_one: bool = True) -> search._Data:
    return search._Data(spectra, 3, way(sum_to_one), noise, excess)


def by_geometry(spectra: np.ndarray, sum_to_one: bool, noise: float, excess: Excess) -> Found:
    return drain(search._by_geometry(data_of(spectra, noise, excess, sum_to_one), np.random.default_rng(0)))


def outside_of(
    spectra: np.ndarray, endmembers: np.ndarray, noise: float, affine: bool, excess: Excess
) -> tuple[float, float]:
    return search._outside(data_of(spectra, noise, excess), endmembers, affine)


def looks_bilinear(spectra: np.ndarray, endmembers: np.ndarray, noise: float, excess: Excess, outside: float) -> bool:
    return search._looks_bilinear(data_of(spectra, noise, excess), endmembers, outside)


def rare_materials(spectra: np.ndarray, endmembers: np.ndarray, noise: float, excess: Excess) -> np.ndarray | None:
    return search._rare_materials(data_of(spectra, noise, excess), endmembers)


def extrapolated(coordinates: Coordinates, vertices: np.ndarray, noise: float) -> Found:
    """What the search makes of corners (3, 2) of data without pure pixels."""
    data = data_of(np.zeros((1, 10)), noise, made())
    begun = replace(found(), endmembers=coordinates.to_spectra(vertices), numbers={"outside": 9.0})
    return drain(search._extrapolated(data, coordinates, vertices, begun))


ENDMEMBERS = np.array(
    [
        [0.9, 0.8, 0.6, 0.3, 0.1, 0.1, 0.2, 0.3, 0.3, 0.2],
        [0.1, 0.2, 0.4, 0.8, 1.0, 0.7, 0.3, 0.2, 0.2, 0.1],
        [0.2, 0.1, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.9, 1.0],
    ]
)


def degrees(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.asarray(np.degrees(spectral_angle(found[match_endmembers(found, truth)], truth)))


def mixed(
    *, pixels: int = 500, highest: float = 1.0, pure: bool = True, noise: float = 0.002, light: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (N, 10) and abundances (N, 3): thirty ``pure`` pixels, then mixtures of no more than ``highest`` of one."""
    generator = np.random.default_rng(0)
    abundances = generator.dirichlet(np.ones(3), 40 * pixels)
    abundances = abundances[abundances.max(axis=1) <= highest][:pixels]
    if pure:
        abundances[:30] = np.repeat(np.eye(3), 10, axis=0)
    bright = np.exp(0.3 * generator.normal(size=(pixels, 1))) if light else 1.0
    return bright * (abundances @ ENDMEMBERS) + noise * generator.normal(size=(pixels, 10)), abundances


def made(linear: float = 1.0, affine: float = 1.0, eigenvalue: float = 1e4) -> Excess:
    return Excess(affine, linear, np.full(10, eigenvalue), np.full(10, eigenvalue))


def found(endmembers: np.ndarray = ENDMEMBERS, route: str = "affine", linear: float = 1.0) -> Found:
    return Found(endmembers, RECIPES[route], 0.002, made(linear), (Note(NoteKind.DOUBT, "before"),))


# --- what a search found


@pytest.mark.parametrize(
    ("route", "sum_to_one", "linear", "expected"),
    [
        ("affine", True, 1.25, True),
        ("affine", True, 1.26, False),
        ("affine", False, 1.0, False),
        ("perspective", False, 1.25, True),
        ("perspective", True, 1.0, False),
        ("sphere", True, 1.0, False),
    ],
)
def test_moments_need_the_route_of_the_inversion(route: str, sum_to_one: bool, linear: float, expected: bool) -> None:
    assert found(route=route, linear=linear).linear_to_noise(way(sum_to_one)) is expected


# --- which way


def route_of(excess: Excess, *, sum_to_one: bool = True, **scene: float | bool) -> Found:
    spectra, _ = mixed(**scene)  # type: ignore[arg-type]
    return by_geometry(spectra, sum_to_one, 0.002, excess)


@pytest.mark.parametrize(
    ("linear", "affine", "sum_to_one", "route"),
    [
        (1.25, 1.04, True, "affine"),
        (1.25, 1.041, True, "perspective"),
        (1.25, 1.0, False, "perspective"),
        (2.01, 1.0, True, "sphere"),
        (2.01, 1.0, False, "sphere"),
    ],
)
def test_the_route_follows_the_excess(linear: float, affine: float, sum_to_one: bool, route: str) -> None:
    result = route_of(made(linear, affine), sum_to_one=sum_to_one)
    assert result.route == route
    assert result.pure
    assert degrees(result.endmembers, ENDMEMBERS).max() < (10 if route == "sphere" else 1)
    assert any("not necessarily pure" in str(note) for note in result.notes) is (route == "sphere")


def test_some_variability_takes_the_way_that_leaves_less() -> None:
    spectra, _ = mixed(pixels=100)
    simplex, low, high, sphere = (by_geometry(spectra, True, 0.002, made(x)) for x in (1.0, 1.26, 2.0, 2.01))
    left = [(off_cone(spectra, way.endmembers) ** 2).mean() for way in (simplex, sphere)]
    for result in (low, high):
        assert result.route == (simplex if left[0] < left[1] else sphere).route
        assert any("not necessarily pure" in str(note) for note in result.notes)


@pytest.mark.parametrize(("highest", "pure"), [(1.0, True), (0.75, False)])
@pytest.mark.parametrize("light", [False, True])
def test_a_search_knows_whether_pixels_are_pure(highest: float, pure: bool, light: bool) -> None:
    spectra, _ = mixed(highest=highest, pure=pure, light=light)
    result = drain(find_endmembers(spectra, 3, way(not light), strokes=[], seed=0))
    assert (result.route, result.pure) == ("perspective" if light else "affine", pure)
    assert degrees(result.endmembers, ENDMEMBERS).max() < (0.5 if pure else 2)
    assert any(note.kind is NoteKind.NO_PURE_PIXELS for note in result.notes) is not pure
    assert result.noise == pytest.approx(0.002, rel=0.1)
    assert result.excess.linear == pytest.approx(1, abs=0.1)  # ten bands are few to calibrate on
    eigenvalues = result.excess.linear_eigenvalues[2] if light else result.excess.affine_eigenvalues[1]
    assert result.numbers["weakest_signal"] == pytest.approx(eigenvalues)
    assert result.numbers["chi_linear"] == result.excess.linear
    assert result.numbers["chi_affine"] == result.excess.affine
    assert (result.numbers["outside"] > result.numbers["outside_allowed"]) is not pure
    assert 1 <= result.numbers["starts_agreeing"] <= result.numbers["starts"]


def test_light_under_abundances_that_sum_to_one_keeps_the_pure_pixels_brightness() -> None:
    spectra, _ = mixed(light=True)
    result = drain(find_endmembers(spectra, 3, way(True), strokes=[], seed=0))
    assert result.route == "perspective"
    lengths = (
        np.linalg.norm(result.endmembers, axis=1)
        / np.linalg.norm(ENDMEMBERS, axis=1)[match_endmembers(ENDMEMBERS, result.endmembers)]
    )
    assert (np.abs(lengths - 1) < 0.35).all()


@pytest.mark.parametrize(
    ("weakest", "linear", "words"),
    [
        (12.0, 1.003, []),
        (11.9, 1.0, ["The weakest signal is only 12× the noise variance"]),
        (12.0, 1.25, ["Spectral variability is present (25.0 % over the noise)"]),
        (12.0, 1.004, ["Spectral variability is present (0.4 % over the noise)"]),
        (12.0, 1.26, []),
        (1.0, 1.1, ["The weakest signal is only 1×", "Spectral variability is present (10.0 %"]),
    ],
)
def test_weak_signals_and_variability_are_said(weakest: float, linear: float, words: list[str]) -> None:
    notes = signal_notes(data_of(np.zeros((1, 10)), 0.002, made(linear, eigenvalue=weakest)))
    assert len(notes) == len(words)
    assert all(str(note).startswith(word) for note, word in zip(notes, words, strict=True))


def test_beyond_the_data_facets_stand_where_the_pixels_end() -> None:
    spectra, _ = mixed(highest=0.75, pure=False)
    coordinates = affine_coordinates(spectra, 3, 0.002)
    vertices = coordinates.scores[picks.simplex_volume(coordinates.scores, 3)]
    result = extrapolated(coordinates, vertices, 0.002)
    smallest = drain(minimum_volume(coordinates.scores, coordinates.noise, [vertices], 1.0))
    expected = coordinates.to_spectra(drain(settled(coordinates.scores, coordinates.noise, smallest)))
    np.testing.assert_allclose(
        result.endmembers[match_endmembers(result.endmembers, expected)], expected, rtol=0, atol=1e-3
    )
    assert degrees(result.endmembers, ENDMEMBERS).max() < 1
    assert result.recipe == FacetEdges(space="affine", weight=1.0)
    assert not result.pure
    assert len(result.numbers["facet_tails"]) == len(result.numbers["extrapolation_degrees"]) == 3
    assert result.numbers["outside"] == 9.0
    assert [note.kind for note in result.notes][-1] == NoteKind.NO_PURE_PIXELS


@pytest.mark.parametrize(("linear", "asked"), [(1.003, True), (1.0031, False)])
def test_tails_are_asked_where_residuals_are_noise(linear: float, asked: bool) -> None:
    spectra, _ = mixed(highest=0.75, pure=False, noise=0.05)
    coordinates = affine_coordinates(spectra, 3, 0.05)
    inside = coordinates.vertices(ENDMEMBERS.mean(axis=0) + 0.5 * (ENDMEMBERS - ENDMEMBERS.mean(axis=0)))
    assert drain(search._blurred(data_of(spectra, 0.05, made(linear)), coordinates, inside)) is asked


def test_where_noise_fills_the_simplex_nothing_is_extrapolated() -> None:
    spectra, _ = mixed(highest=0.75, pure=False, noise=1.0)
    coordinates = affine_coordinates(spectra, 3, 1.0)
    # Told that noise is a thousand times what it is, any simplex is lower than that.
    louder = replace(coordinates, noise=1000 * coordinates.noise)
    vertices = coordinates.scores[picks.simplex_volume(coordinates.scores, 3)]
    result = extrapolated(louder, vertices, 1.0)
    np.testing.assert_array_equal(result.endmembers, coordinates.to_spectra(vertices))
    assert result.pure
    assert [str(note) for note in result.notes][-1] == COLLAPSED


# --- outside the hull, and bilinear


def far_out(
    *, affine: bool = True, noise: float = 0.002, shrink: float = 1.0, chi: float | None = None
) -> tuple[float, float]:
    spectra, _ = mixed(noise=noise)
    centre = ENDMEMBERS.mean(axis=0)
    excess = subspace_excess(spectra, 3, noise)
    if chi is not None:
        excess = made(chi, chi)
    return outside_of(spectra, centre + shrink * (ENDMEMBERS - centre), noise, affine, excess)


@pytest.mark.parametrize("affine", [True, False])
def test_true_endmembers_leave_within_the_subspace_what_their_twin_does(affine: bool) -> None:
    measured, allowed = far_out(affine=affine)
    inside = 0.001 * (mixed()[0] ** 2).mean() / 0.002**2
    assert measured < allowed
    assert abs(measured - (allowed - 0.5 - inside) / 1.3) < 0.15  # both are means over noise beyond the facets
    measured, allowed = far_out(affine=affine, shrink=0.8)
    assert measured > allowed


@pytest.mark.parametrize(("affine", "freedom"), [(True, 8), (False, 7)])
def test_error_of_the_model_is_allowed_for(affine: bool, freedom: int) -> None:
    exact, wrong, low = (far_out(affine=affine, chi=chi) for chi in (1.0, 1.5, 0.9))
    assert wrong[1] - exact[1] == pytest.approx(3.25 * 1.25 * freedom)
    assert wrong[0] - exact[0] == pytest.approx(-1.25 * freedom)
    assert low[1] == pytest.approx(exact[1])
    assert low[0] - exact[0] == pytest.approx(0.19 * freedom)


def test_a_share_of_the_signal_is_allowed_for_whatever_the_noise() -> None:
    spectra, _ = mixed()
    once, twice = (outside_of(spectra, ENDMEMBERS, noise, True, made())[1] for noise in (0.002, 0.001))
    # The twin's own share scales with its noise, which is measured in it.
    assert twice - once == pytest.approx(3 * 0.001 * (spectra**2).mean() / 0.002**2, rel=0.05)


def scattered(strength: float, noise: float = 0.0) -> np.ndarray:
    _, abundances = mixed(noise=0)
    spectra = abundances @ ENDMEMBERS
    for i, j in combinations(range(3), 2):
        spectra = spectra + strength * np.outer(abundances[:, i] * abundances[:, j], ENDMEMBERS[i] * ENDMEMBERS[j])
    return spectra + noise * np.random.default_rng(1).normal(size=spectra.shape)


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.9])
def test_one_strength_for_each_pair_explains_bilinear_mixing(strength: float) -> None:
    assert bilinear_residual(scattered(strength), ENDMEMBERS) < 1e-6
    # Of ten bands, the subspace of three endmembers, their three products and what they take of the noise is explained.
    noisy = bilinear_residual(scattered(strength, 0.01), ENDMEMBERS) / 0.01**2
    assert 7 < noisy < 9


def test_scattering_of_more_than_once_or_less_than_nothing_is_not_explained() -> None:
    assert bilinear_residual(scattered(1.5), ENDMEMBERS) > 1e-5
    assert bilinear_residual(scattered(-0.5), ENDMEMBERS) > 1e-5


def test_what_lies_outside_all_directions_is_left() -> None:
    generator = np.random.default_rng(2)
    endmembers = generator.uniform(size=(3, 30))
    spectra = generator.dirichlet(np.ones(3), 400) @ endmembers + 0.01 * generator.normal(size=(400, 30))
    assert bilinear_residual(spectra, endmembers) == pytest.approx(0.01**2 * 28, rel=0.05)


@pytest.mark.parametrize(("strength", "bilinear"), [(0.8, True), (0.0, False)])
def test_mixing_looks_bilinear_where_that_explains_more_than_half_of_what_is_outside(
    strength: float, bilinear: bool
) -> None:
    spectra = scattered(strength, 0.002)
    centre = ENDMEMBERS.mean(axis=0)
    inner = ENDMEMBERS if strength else centre + 0.8 * (ENDMEMBERS - centre)
    left = bilinear_residual(spectra, inner) / 0.002**2 - 8
    assert looks_bilinear(spectra, inner, 0.002, made(), left / 0.39) is True
    assert looks_bilinear(spectra, inner, 0.002, made(), left / 0.41) is False
    for share, expected in ((0.39, True), (0.41, False)):  # an excess that the bilinear term need not explain
        assert looks_bilinear(spectra, inner, 0.002, made(affine=0.5), (left + 0.75 * 8) / share) is expected
    outside, _ = outside_of(spectra, inner, 0.002, True, made())
    assert looks_bilinear(spectra, inner, 0.002, made(), outside) is bilinear


# --- brightness


def test_brightness_is_that_of_the_sums_unless_pure_pixels_contradict_it() -> None:
    spectra, _ = mixed()
    unit = ENDMEMBERS / np.linalg.norm(ENDMEMBERS, axis=1, keepdims=True)
    np.testing.assert_allclose(brightness_for_sums(spectra, unit, True), ENDMEMBERS, rtol=0.02)
    # Intimate mixing: mixtures are darker than their parts, so the sums make the endmembers too dark, but not the pure pixels.
    dark = spectra * np.where(np.arange(500) < 30, 1.0, 0.5)[:, None]
    assert np.linalg.norm(brightness_for_sums(dark, unit, True), axis=1) == pytest.approx(
        np.linalg.norm(ENDMEMBERS, axis=1), rel=0.55
    )
    sums = np.linalg.norm(brightness_for_sums(dark, unit, False), axis=1)
    np.testing.assert_allclose(sums, np.linalg.norm(ENDMEMBERS, axis=1) / 2, rtol=0.1)


def test_brightness_by_sums_is_exact_and_refuses_what_would_be_negative() -> None:
    spectra, _ = mixed(noise=0)
    np.testing.assert_allclose(arch.brightness_by_sum(spectra, 7 * ENDMEMBERS), ENDMEMBERS, rtol=1e-6)
    spectra[::20] *= 3  # a few that do not sum to one count less and less
    np.testing.assert_allclose(arch.brightness_by_sum(spectra, ENDMEMBERS), ENDMEMBERS, rtol=0.02)
    amounts = np.array([[1.0, 0.2, 0], [0.4, 3, 0], [0, 0.3, 1], [0.1, 0, 1]])
    weights = np.linalg.lstsq(amounts, np.ones(4), rcond=None)[0]
    assert (weights > 0).all() == (arch.brightness_by_sum(amounts, np.eye(3)) is not None)
    assert arch.brightness_by_sum(np.array([[1.0, 1], [2, 1], [1, 0.5], [4, 2], [2, 1.5]]), np.eye(2)) is None


def test_brightness_of_the_closest_is_their_median_length() -> None:
    angles = np.radians([0, 1, 2, 3, 4, 5, 6, 80, 90, 90])
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    lengths = np.array([1.0, 2, 3, 4, 50, 60, 70, 8, 9, 10])
    abundances = np.column_stack([np.full(10, 0.7), np.full(10, 0.3)])

    def scales(share: float) -> list[float]:
        found = arch.brightness_of_closest(unit, lengths, np.array([[2.0, 0], [0, 3.0]]), abundances, share)
        return [float(length) for length in np.linalg.norm(found, axis=1)]

    assert scales(0.2) == [3, 10]  # five pixels at the least: 1 2 3 4 50, and 70 8 9 10 60
    assert scales(1.0)[0] == 4  # seven
    assert scales(5.0) == [8.5, 8.5]  # all
    many = np.repeat(lengths, 10)
    many[:10], many[10:20] = np.arange(10), 100
    found = arch.brightness_of_closest(np.repeat(unit, 10, axis=0), many, np.eye(2), np.repeat(abundances, 10, axis=0))
    assert np.linalg.norm(found[0]) == 6.5  # a fifth of seventy: 0 … 9 and four times 100


# --- archetypes


def corners(scores: list[float], share: float, weight: float = 1.0, **more: object) -> arch.Archetypes:
    rows = np.array(scores)[:, None]
    start = np.array([[0.0], [1.0]])
    return drain(fit_archetypes(rows, start, np.full(len(rows), weight), share, **more))  # type: ignore[arg-type]


ONE_FAR_OUT = [0.0] * 50 + [1.0] * 50 + [2.0]


@pytest.mark.parametrize(("share", "corner"), [(0.1, 5 / 4), (1e-6, 4 / 3), (9.0, 51 / 50)])
def test_an_archetype_is_the_mean_of_a_share_of_its_mass_three_pixels_to_half_of_all(
    share: float, corner: float
) -> None:
    result = corners(ONE_FAR_OUT, share)
    np.testing.assert_allclose(np.sort(result.archetypes.ravel()), [0, corner], atol=1e-9)
    np.testing.assert_allclose(result.abundances.sum(axis=1), 1)
    assert result.loss == pytest.approx((2 - corner) ** 2)
    assert corners(ONE_FAR_OUT, share, 2.0).loss == pytest.approx(2 * (2 - corner) ** 2)


def test_an_anchor_pulls_its_own_archetype_by_its_weight() -> None:
    rows, start = np.array([[0.0], [1.0]] * 20), np.array([[5.0]])
    weights = np.ones(40)
    free = drain(fit_archetypes(rows, start, weights, 0.1))
    assert free.archetypes[0, 0] == pytest.approx(0.5)
    for weight, expected in ((1.0, 1.25), (3.0, 1.625), (0.0, 0.5)):
        anchors = arch.Strokes(np.array([[2.0]]), weight)
        pulled = drain(fit_archetypes(rows, start, weights, 0.1, strokes=anchors))
        assert pulled.archetypes[0, 0] == pytest.approx(expected)
        assert pulled.loss == pytest.approx(((rows - expected) ** 2).sum())
    both = corners(ONE_FAR_OUT, 0.1, strokes=arch.Strokes(np.array([[0.5]]), 1.0))
    assert both.archetypes[0, 0] > 0.05
    assert both.archetypes[1, 0] == pytest.approx(1.25, abs=0.1)


def test_a_fit_stops_once_the_loss_stands_and_returns_the_best() -> None:
    rows = np.array([[0.0]] * 5 + [[1.0]] * 5 + [[0.5], [2.0]])
    losses = []
    fit = fit_archetypes(rows, np.array([[0.0], [4 / 3]]), np.ones(12), 1e-6)
    result = drain(_noting(fit, losses))
    assert len(losses) == 7  # it looks from the seventh sweep on
    assert result.loss == pytest.approx(min(losses))
    none = drain(fit_archetypes(rows, np.array([[0.0], [1.0]]), np.ones(12), 0.1, sweeps=0))
    np.testing.assert_array_equal(none.archetypes, [[0], [1]])
    assert none.loss == pytest.approx(1.0)
    assert none.abundances.shape == (12, 2)


def _noting(fit, losses):
    """The same generator, its yields noted."""
    while True:
        try:
            losses.append(next(fit))
        except StopIteration as end:
            return end.value
        yield losses[-1]


def test_a_cone_does_not_see_brightness() -> None:
    spectra, _ = mixed(noise=0, light=True)
    scores = linear_subspace(spectra, 3).scores(spectra)
    start, weights = scores[:30:10], np.ones(500)
    cone = drain(fit_archetypes(scores, start, weights, 0.01, cone=True, sweeps=20))
    assert cone.loss < 1e-12
    assert drain(fit_archetypes(scores, start, weights, 0.01, sweeps=20)).loss > 0.1


def test_all_starts_are_tried_up_to_twelve_endmembers_and_the_best_comes_first() -> None:
    scores = np.random.default_rng(0).normal(size=(60, 3))
    for size, tried in ((3, 4), (12, 4), (13, 3)):
        starts = [np.arange(k, k + size) for k in (0, 15, 30, 45)]
        found = drain(fit_from_starts(scores, starts, np.ones(60), 0.05, sweeps=3))
        assert len(found) == tried
        assert [one.loss for one in found] == sorted(one.loss for one in found)


def test_a_strokes_mean_is_of_the_pixels_closest_to_its_centre() -> None:
    scores = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 9, 8, -7])[:, None]
    centre, kept = arch.stroke_mean(scores)
    assert centre[0] == pytest.approx(0.3)
    np.testing.assert_array_equal(np.sort(kept), np.arange(7))
    assert len(arch.stroke_mean(scores, keep=0.5)[1]) == 5
    assert len(arch.stroke_mean(scores[:4], keep=0.1)[1]) == 3
    assert arch.stroke_mean(scores[[0, 4]])[0][0] == pytest.approx(0.2)


def test_the_purest_are_those_over_nine_tenths_or_the_three_purest() -> None:
    unit = np.arange(6.0)[:, None]
    abundances = np.array([[1, 0], [0.95, 0.05], [0.91, 0.09], [0.9, 0.1], [0.2, 0.8], [0.05, 0.95]])
    np.testing.assert_allclose(arch.purest_mean(unit, abundances), [[1], [4]])
    np.testing.assert_allclose(arch.purest_mean(unit, abundances, purity=0.7), [[1.5], [4]])


# --- coordinates


def test_affine_coordinates_are_those_of_a_simplex() -> None:
    spectra, abundances = mixed(noise=0)
    made_of = affine_coordinates(spectra, 3, 0.1)
    assert made_of.affine
    assert made_of.kept.all()
    np.testing.assert_array_equal(made_of.weights, 1)
    np.testing.assert_array_equal(made_of.noise, 0.1)
    assert made_of.scores.shape == (500, 2)
    np.testing.assert_allclose(made_of.to_spectra(made_of.scores), spectra, atol=1e-9)
    np.testing.assert_allclose(fully_constrained(made_of.scores, made_of.scores[:30:10]), abundances, atol=1e-3)


def test_perspective_coordinates_divide_the_light_out() -> None:
    _, abundances = mixed(noise=0)
    light = np.random.default_rng(1).uniform(0.5, 2, 500)
    light[[7, 8]] = 1e-3, 0.12
    spectra = light[:, None] * (abundances @ ENDMEMBERS)
    forward = spectra.mean(axis=0) / np.linalg.norm(spectra.mean(axis=0))
    depth = spectra @ forward
    made_of = perspective_coordinates(spectra, 3, 0.1)
    bright = depth > 0.1 * np.median(depth)
    assert not made_of.affine
    np.testing.assert_array_equal(made_of.kept, bright)
    assert not made_of.kept[7]
    floor = np.maximum(depth, 0.1 * np.median(depth))
    np.testing.assert_allclose(made_of.noise, 0.1 / floor)
    np.testing.assert_allclose(made_of.weights, (floor / floor.mean()) ** 2 * bright)
    np.testing.assert_allclose(floor @ made_of.scores / floor.sum(), 0, atol=1e-3)  # centred where the light is
    assert spectral_angle(made_of.to_spectra(made_of.scores)[bright], spectra[bright]).max() < 1e-3
    assert made_of.scores.shape == (500, 2)
    hull = fully_constrained(made_of.scores, made_of.scores[:30:10])
    np.testing.assert_allclose((hull @ made_of.scores[:30:10])[bright], made_of.scores[bright], atol=1e-3)


# --- picks


def test_lengths_are_two_per_cent_of_the_median_at_the_least() -> None:
    unit, lengths = picks.unit_length(np.array([[3.0, 4], [6, 8], [0.06, 0.08], [0, 0.3]]))
    np.testing.assert_allclose(lengths, [5, 10, 0.1, 0.3])
    np.testing.assert_allclose(picks.unit_length(np.array([[3.0, 4], [6, 8], [0.03, 0.04]]))[1], [5, 10, 0.1])
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0.6, 0.8], [0.6, 0.8], [0, 1]])
    assert (picks.unit_length(np.zeros((2, 2)))[1] == 1e-12).all()


def test_successive_projection_takes_the_longest_of_what_is_left() -> None:
    scores = np.array([[1.0, 1, 0], [4, 3, 0], [6, 0, 0], [0, 2, 0], [5, 0, 1]])
    np.testing.assert_array_equal(picks.successive_projection(scores, 3), [2, 1, 4])


def test_simplex_volume_takes_the_furthest_from_the_span() -> None:
    scores = np.array([[0.0, 0], [10, 0], [5, 4], [5, -6], [4, 3], [9, 1]])
    # From the mean (5.5, 0.33): (5, −6). From there (10, 0) is at 7.8, (0, 0) at 7.8 …: the longer one, then the highest triangle.
    first = int(((scores - scores.mean(axis=0)) ** 2).sum(axis=1).argmax())
    second = int(((scores - scores[first]) ** 2).sum(axis=1).argmax())
    along = scores[second] - scores[first]
    heights = np.abs((scores - scores[first]) @ np.array([-along[1], along[0]]))
    np.testing.assert_array_equal(picks.simplex_volume(scores, 3), [first, second, heights.argmax()])


def test_exchanging_pixels_reaches_the_largest_triangle() -> None:
    scores = np.random.default_rng(3).normal(size=(14, 2))
    areas = {
        three: abs(np.linalg.det(np.column_stack([np.ones(3), scores[list(three)]])))
        for three in combinations(range(14), 3)
    }
    best = max(areas, key=areas.__getitem__)
    assert tuple(sorted(picks.largest_volume(scores, np.array([0, 1, 2])))) == best
    np.testing.assert_array_equal(picks.largest_volume(scores, np.array(best)), best)


def test_perspective_is_a_division_by_the_depth_along_the_mean() -> None:
    scores = np.array([[1.0, 2], [3, 4], [2, 0]])
    np.testing.assert_allclose(picks.perspective(scores), scores / np.array([[6], [14], [4]]))
    assert np.isfinite(picks.perspective(np.array([[1.0, 0], [-1, 0]]))).all()


@pytest.mark.parametrize(("noise", "decibels"), [(0.02, 27), (0.1, 13)])
def test_vertex_components_project_affinely_where_the_signal_is_weak(noise: float, decibels: float) -> None:
    # Between 15 + 10 log₁₀ 3 = 19.8 dB on both sides.
    spectra, _ = mixed(noise=noise)
    power = ((spectra**2).sum() - 10 * 500 * noise**2) / (10 * 500 * noise**2)
    assert 10 * np.log10(power) == pytest.approx(decibels, abs=1.5)
    centred = spectra - spectra.mean(axis=0)
    if decibels > 19.8:
        lifted = picks.perspective(linear_subspace(spectra, 3).scores(spectra))
    else:
        scores = centred @ np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
        lifted = np.column_stack([scores, np.full(500, np.linalg.norm(scores, axis=1).max())])
    expected = extremes(lifted, 3, np.random.default_rng(5))
    np.testing.assert_array_equal(picks.vertex_components(spectra, 3, np.random.default_rng(5)), expected)


def test_extremes_are_of_directions_off_the_span_so_far() -> None:
    lifted = np.vstack([np.eye(3) * [[5], [5], [1]], np.full((4, 3), [1.0, 1.0, 1.0])])
    picked = extremes(lifted, 3, np.random.default_rng(0))
    assert len(set(picked.tolist())) == 3
    assert {0, 1} <= set(picked.tolist())


@pytest.mark.parametrize("seed", range(4))
def test_the_first_extreme_does_not_look_along_the_lifted_axis(seed: int) -> None:
    lifted = np.array([[1.0, 0, 1], [0, 1, 1], [0.01, 0.01, 100]])
    picked = extremes(lifted, 3, np.random.default_rng(seed))
    assert picked[0] != 2
    assert set(picked.tolist()) == {0, 1, 2}


def test_starts_are_distinct_sets_in_both_scalings() -> None:
    spectra, _ = mixed(light=True)
    starts = picks.starting_picks(spectra, 3, np.random.default_rng(0), random_picks=2)
    assert len({tuple(sorted(start)) for start in starts}) == len(starts) > 2
    assert all(len(start) == 3 for start in starts)
    sets = {frozenset(start.tolist()) for start in starts}
    unit, _ = picks.unit_length(spectra)
    for data in (unit, spectra):
        for dimension in (3, 5):
            scores = linear_subspace(data, dimension).scores(data)
            assert frozenset(picks.successive_projection(scores, 3).tolist()) in sets
            assert frozenset(picks.simplex_volume(scores, 3).tolist()) in sets


def test_large_scenes_are_thinned_but_not_their_strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_PIXELS", 20)
    spectra = np.arange(100.0)[:, None]
    painted = [np.array([50, 3]), np.array([99])]
    kept, moved = thinned(spectra, painted, np.random.default_rng(0))
    assert len(np.unique(kept)) == len(kept) == 20
    assert [kept[stroke].ravel().tolist() for stroke in moved] == [[50, 3], [99]]
    assert (np.diff(kept[3:].ravel()) > 0).all()
    few, same = thinned(spectra[:20], painted[:0], np.random.default_rng(0))
    assert (len(few), same) == (20, [])
    assert len(thinned(spectra, [np.arange(30)], np.random.default_rng(0))[0]) == 31
    assert len(thinned(spectra, [], np.random.default_rng(0))[0]) == 20


# --- volume


def test_the_volumes_weights_grow_with_the_endmembers() -> None:
    assert volume_weights(2) == (0.5, 0.25)
    assert volume_weights(5) == (2.0, 1.0)


TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def test_the_objectives_are_volume_and_what_lies_outside() -> None:
    points, noise = np.array([[0.2, 0.3], [-0.1, 0.5], [0.5, 0.6]]), np.array([0.1, 0.2, 0.05])
    data = np.column_stack([points, np.ones(3)])
    amounts = np.column_stack([1 - points.sum(axis=1), points])  # of the triangle 2 × TRIANGLE they are halved
    halved = np.column_stack([1 - points.sum(axis=1) / 2, points / 2])
    gains = np.array([np.sqrt(2), 1, 1]) / 2
    expected = 0.7 * np.log(4) - norm.logcdf(halved / (noise[:, None] * gains)).sum() / 3
    assert volume_objective(2 * TRIANGLE.ravel(), data, noise, 0.7)[0] == pytest.approx(expected)
    hinge = 0.005 * np.logaddexp(0, -amounts / 0.005).sum() / 3
    assert hinge_objective(TRIANGLE.ravel(), data, 20.0)[0] == pytest.approx(20 * hinge)
    for objective in (lambda x: volume_objective(x, data, noise, 0.7), lambda x: hinge_objective(x, data, 20.0)):
        value, gradient = objective(np.zeros(6))
        assert (value, gradient.tolist()) == (1e10, [0] * 6)
        slope = np.linalg.norm(objective(TRIANGLE.ravel())[1])
        for start in (TRIANGLE, 1.1 * TRIANGLE[::-1] - 0.05):
            error = check_grad(lambda x, f=objective: f(x)[0], lambda x, f=objective: f(x)[1], start.ravel())
            assert error < 1e-4 * slope


def cut_triangle(noise: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(4)
    abundances = generator.dirichlet(np.ones(3), 4000)
    abundances = abundances[abundances.max(axis=1) < 0.8]
    scores = abundances @ (10 * TRIANGLE)
    return scores + noise * generator.normal(size=scores.shape)


def nearest(vertices: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(((vertices[:, None] - truth) ** 2).sum(axis=2)).min(axis=0).max())


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_the_smallest_simplex_is_found_beyond_the_data_in_any_unit(scale: float) -> None:
    scores, truth = scale * cut_triangle(0.05), 10 * scale * TRIANGLE
    centre = scores.mean(axis=0)
    starts = [centre + growth * (truth - centre) for growth in (0.8, 1.5)]
    values = []
    fit = minimum_volume(scores, 0.05 * scale, starts, 0.5)
    found = drain(_noting(fit, values))
    values = [value for value in values if isinstance(value, LossOf)]  # on a busy machine it waits in between
    assert nearest(found, truth) < 0.4 * scale
    assert len(values) == 2
    assert values[1] <= values[0]
    each = drain(minimum_volume(scores, np.full(len(scores), 0.05 * scale), starts, 0.5))
    np.testing.assert_allclose(each, found, atol=1e-3 * scale)
    assert nearest(hinge_volume(scores, 3), truth) < 1.2 * scale


def test_a_start_that_is_no_simplex_loses_against_any_other() -> None:
    scores = cut_triangle(0.05)
    flat, whole = np.zeros((3, 2)), 9 * TRIANGLE
    found = drain(minimum_volume(scores, 0.05, [flat, whole], 0.5))
    np.testing.assert_allclose(found, drain(minimum_volume(scores, 0.05, [whole], 0.5)))


# --- rare materials


def test_the_sine_of_the_angle_to_the_cone() -> None:
    spectra = np.array([[1.0, 1, 0], [0, 0, 2], [3, 0, 4], [0, -1, 0], [0, 0, 0]])
    np.testing.assert_allclose(off_cone(spectra, np.eye(3)[:2]), [0, 1, 0.8, 1, 0], atol=1e-6)


def meadow(rare: int = 6, off: float = 1.0) -> np.ndarray:
    """Two common materials, and a few pixels of a third, ``off`` away from their plane."""
    generator = np.random.default_rng(6)
    abundances = np.column_stack([generator.uniform(size=1000), np.zeros(1000)])
    spectra = abundances[:, :1] * ENDMEMBERS[0] + (1 - abundances[:, :1]) * ENDMEMBERS[1]
    spectra[:rare] = (1 - off) * 0.5 * (ENDMEMBERS[0] + ENDMEMBERS[1]) + off * ENDMEMBERS[2]
    return spectra + 0.003 * generator.normal(size=spectra.shape)


def test_a_rare_material_is_picked_with_its_backers_and_its_rise() -> None:
    spectra = meadow()
    chosen = supported_picks(spectra, 0.003, 3)
    assert {0, 1, 2, 3, 4, 5} in [set(group.tolist()) for group in chosen.groups]
    assert (chosen.rises > 4.4).all()
    assert degrees(chosen.means(spectra), ENDMEMBERS).max() < 2
    lowest = float(chosen.rises.min())
    assert len(supported_picks(spectra, 0.003, 3, rises=0.99 * lowest).groups) == 3
    assert len(supported_picks(spectra, 0.003, 3, rises=1.01 * lowest).groups) == 2
    assert len(supported_picks(spectra, 0.003, 2).groups) == 2
    few = meadow(rare=2)
    assert not any({0, 1} & set(group.tolist()) for group in supported_picks(few, 0.003, 3).groups)


def test_the_first_pick_is_the_furthest_from_the_mean_and_given_groups_have_no_rise() -> None:
    spectra = meadow()
    unit, lengths = picks.unit_length(spectra)
    away = np.linalg.norm(unit - unit.mean(axis=0), axis=1)
    chosen = supported_picks(spectra, 0.003, 1)
    furthest_one = int(away.argmax())
    assert furthest_one in chosen.groups[0]
    angular = 0.003 * np.sqrt(10) / lengths[furthest_one]
    assert chosen.rises[0] == pytest.approx(away[furthest_one] / angular)
    given = supported_picks(spectra, 0.003, 2, first=[np.arange(6)])
    assert given.rises[0] == np.inf
    assert len(given.groups) == 2


@pytest.mark.parametrize(
    ("noise", "alike", "found_one"),
    [(0.05, 2, True), (0.05, 1, False), (0.46, 2, True), (0.48, 2, False)],
    ids=["three alike", "two alike", "three deviations", "placed by noise"],
)
def test_a_pick_needs_two_pixels_beside_it_and_a_place_over_its_noise(
    noise: float, alike: int, found_one: bool
) -> None:
    angles = np.radians([90.0, *[89.5] * alike, 0, 0, 0, 1])
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    result = furthest(unit, unit - unit[-2], np.full(len(unit), noise))
    assert (result is not None and 0 in result[0]) is found_one
    if result is not None and found_one:
        np.testing.assert_array_equal(result[0], [0, 1, 2])
        assert result[1] == pytest.approx(np.sqrt(2) / noise, rel=0.01)


def test_backers_are_alike_within_a_degree_or_their_noise_and_leave_the_hull_the_same_way() -> None:
    angles = np.radians([90.0, 89.5, 89.1, 88.9, 88.9, 0.0])
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    residual = unit - unit[5]
    quiet = furthest(unit, residual, np.full(6, 1e-4))
    assert quiet is not None
    np.testing.assert_array_equal(quiet[0], [0, 1, 2])
    # 2 √2 noise is 1.6° for 0.01.
    noisy = furthest(unit, residual, np.full(6, 0.01))
    assert noisy is not None
    np.testing.assert_array_equal(noisy[0], [0, 1, 2, 3, 4])
    residual[1] = -residual[0]
    residual[2] *= 0.49
    half = furthest(unit, residual, np.full(6, 0.01))
    assert half is not None
    np.testing.assert_array_equal(half[0], [0, 3, 4])


@pytest.mark.parametrize(("linear", "looked_for"), [(1.04, False), (1.041, True), (2.0, True), (2.01, False)])
def test_rare_materials_are_looked_for_where_there_is_some_variability(linear: float, looked_for: bool) -> None:
    spectra = meadow()
    wrong = np.vstack([ENDMEMBERS[:2], 0.5 * (ENDMEMBERS[:1] + ENDMEMBERS[1:2])])
    result = rare_materials(spectra, wrong, 0.003, made(linear))
    assert (result is not None) is looked_for
    if result is not None:
        assert degrees(result, ENDMEMBERS).max() < 2
        assert rare_materials(spectra, ENDMEMBERS, 0.003, made(linear)) is None  # nothing is missing
        # Fewer picks than endmembers: it can't be told.
        assert rare_materials(meadow(rare=2), wrong, 0.003, made(linear)) is None


def test_a_rare_material_takes_the_place_of_what_least_squares_found() -> None:
    spectra = meadow()
    result = by_geometry(spectra, True, 0.003, made(1.2))
    other = by_geometry(spectra, True, 0.003, made(1.0))
    if degrees(other.endmembers, ENDMEMBERS).max() > 5:
        assert result.route == "rare"
        assert "gave up a rare material" in str(result.notes[0])
    assert degrees(result.endmembers, ENDMEMBERS).max() < 3


# --- how many


def spectra_of(count: int, *, bands: int, noise: float = 0.01, pixels: int = 1500, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    endmembers = np.cumsum(generator.normal(size=(count, bands)), axis=1) / np.sqrt(bands)
    spectra = generator.dirichlet(np.ones(count), pixels) @ endmembers
    return np.asarray(spectra + noise * generator.normal(size=(pixels, bands)))


@pytest.mark.parametrize("bands", [20, 41, 80])
@pytest.mark.parametrize("count", [2, 4, 7])
def test_the_number_is_that_of_the_directions_over_the_noise(count: int, bands: int) -> None:
    spectra = spectra_of(count, bands=bands)
    assert suggest_endmembers(spectra) == count
    assert suggest_endmembers(1000 * spectra) == count


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("pixels", "bands"), [(150, 60), (400, 60), (400, 30), (3000, 45)])
def test_noise_has_no_directions(pixels: int, bands: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    spectra = 1 + 0.02 * generator.normal(size=(pixels, bands))
    assert suggest_endmembers(spectra) == 1


@pytest.mark.parametrize(("strength", "count"), [(0.4, 2), (1.6, 3)])
def test_a_direction_counts_where_it_rises_over_the_edge_of_the_noise(strength: float, count: int) -> None:
    generator = np.random.default_rng(0)
    third = np.linalg.qr(generator.normal(size=(50, 3)))[0].T
    amounts = generator.normal(size=(2000, 3)) * [40, 30, np.sqrt(strength)] + [100, 0, 0]
    spectra = amounts @ third + generator.normal(size=(2000, 50))
    assert suggest_endmembers(spectra) == count


@pytest.mark.parametrize(
    ("pixels", "bands", "most", "expected"), [(1500, 80, 3, 3), (11, 40, 12, 3), (1500, 5, 12, 4), (1500, 80, 1, 2)]
)
def test_the_number_is_bounded_by_what_is_asked_bands_and_pixels(
    pixels: int, bands: int, most: int, expected: int
) -> None:
    assert suggest_endmembers(spectra_of(7, bands=bands, pixels=pixels), most) <= expected


# --- strokes


def stroke_scene(shares: list[float], *, light: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Spectra whose last twenty pixels are one mixture, and the indices of these."""
    spectra, _ = mixed(light=light)
    generator = np.random.default_rng(8)
    spectra[-20:] = np.array(shares) @ ENDMEMBERS + 0.002 * generator.normal(size=(20, 10))
    return spectra, np.arange(480, 500)


EXACT, SLIGHT, VARIES = 1.0, 1.1, 1.5


def painted(
    shares: list[float], *, variability: float = EXACT, sum_to_one: bool = True, route: str = "affine"
) -> Found:
    spectra, stroke = stroke_scene(shares)
    start = found(route=route)
    return drain(with_strokes(spectra, start, [stroke], 0.002, way(sum_to_one), variability=variability))


@pytest.mark.parametrize("sum_to_one", [True, False])
@pytest.mark.parametrize(("share", "leads"), [(0.52, 1.0), (0.48, 0.0)])
def test_a_stroke_is_led_by_the_endmember_that_has_half_of_it(share: float, leads: float, sum_to_one: bool) -> None:
    result = painted([0.45 * (1 - share), share, 0.55 * (1 - share)], sum_to_one=sum_to_one)
    assert result.numbers["strokes_named"] == leads
    np.testing.assert_array_equal(result.endmembers[0], ENDMEMBERS[1])
    assert [one.how for one in result.strokes] == ["names"]
    assert result.strokes[0].purity == pytest.approx(share, abs=0.02)


def test_the_share_of_a_stroke_is_of_endmembers_of_peak_one_where_light_is_free() -> None:
    spectra, stroke = stroke_scene([0.2, 0.6, 0.2])
    dim = found(ENDMEMBERS * [[1.0], [100.0], [1.0]])  # its amount in the stroke is a hundredth
    result = drain(with_strokes(spectra, dim, [stroke], 0.002, way(False), variability=EXACT))
    assert result.numbers["strokes_named"] == 1


@pytest.mark.parametrize(("shares", "route"), [([0.3, 0.36, 0.34], "affine"), ([0.0, 0.0, 1.0], "affine")])
def test_on_varying_spectra_a_third_is_enough_to_lead(shares: list[float], route: str) -> None:
    result = painted(shares, variability=VARIES)
    assert result.route == route
    assert spectral_angle(result.endmembers[0], ENDMEMBERS[int(np.argmax(shares))]) < np.radians(3)
    assert "Painted materials name the endmembers that lead them, and confirm" in str(result.notes[-1])


@pytest.mark.parametrize("variability", [EXACT, SLIGHT, VARIES])
def test_two_strokes_of_one_material_can_not_both_lead_it(variability: float) -> None:
    spectra, stroke = stroke_scene([0.0, 1.0, 0.0])
    both = [stroke[:10], stroke[10:]]
    result = drain(with_strokes(spectra, found(), both, 0.002, way(True), variability=variability))
    # One is called what both are, the other what is left, and it is told; an endmember for each would take one from a material that is there.
    np.testing.assert_array_equal(np.sort(result.endmembers, axis=0), np.sort(ENDMEMBERS, axis=0))
    assert sorted(one.purity > 0.9 for one in result.strokes) == [False, True]
    assert {one.how for one in result.strokes} == ({"names"} if variability == EXACT else {"names", "refused"})


def test_named_endmembers_come_first_in_the_order_of_the_strokes_and_stay_as_they_are() -> None:
    spectra, abundances = mixed()
    order = [np.argsort(-abundances[:, material])[:10] for material in (2, 0)]
    result = drain(with_strokes(spectra, found(), order, 0.002, way(True), variability=SLIGHT))
    np.testing.assert_array_equal(result.endmembers, ENDMEMBERS[[2, 0, 1]])
    assert tuple(map(str, result.notes)) == ("before", "Painted materials name the endmembers that lead them.")


@pytest.mark.parametrize(("turn", "confirmed"), [(2.0, 1), (4.0, 0)])
def test_on_varying_spectra_a_stroke_confirms_within_three_degrees(turn: float, confirmed: int) -> None:
    spectra, abundances = mixed(highest=0.7)
    stroke = np.flatnonzero(abundances[:, 1] == 1)
    across = np.eye(10)[9] - 0.1 * ENDMEMBERS[1]
    across = across - (across @ ENDMEMBERS[1]) / (ENDMEMBERS[1] @ ENDMEMBERS[1]) * ENDMEMBERS[1]
    off = ENDMEMBERS.copy()
    off[1] = ENDMEMBERS[1] + np.tan(np.radians(turn)) * np.linalg.norm(ENDMEMBERS[1]) * across / np.linalg.norm(across)
    result = drain(with_strokes(spectra, found(off), [stroke], 0.002, way(True), variability=VARIES))
    assert str(result.notes[-1]).endswith(f"and confirm {confirmed} of 1 (within 3°).")
    angle = np.degrees(spectral_angle(result.endmembers[0], ENDMEMBERS[1]))
    assert angle == pytest.approx(turn / 2 if confirmed else turn, abs=0.3)


@pytest.mark.parametrize(
    ("times", "expected"), [(1.2, 1.2 ** (2 / 3)), (1.3, 1.3), (1 / 1.2, 1.2 ** (-2 / 3)), (1 / 1.3, 1 / 1.3)]
)
def test_brightness_is_shared_within_a_quarter(times: float, expected: float) -> None:
    spectra, abundances = mixed()
    stroke = np.flatnonzero(abundances[:, 1] == 1)
    result = drain(with_strokes(spectra, found(times * ENDMEMBERS), [stroke], 0.002, way(True), variability=VARIES))
    lengths = np.linalg.norm(result.endmembers, axis=1) / np.linalg.norm(ENDMEMBERS[[1, 0, 2]], axis=1)
    np.testing.assert_allclose(lengths, [expected, times, times], rtol=0.01)
    free = drain(with_strokes(spectra, found(times * ENDMEMBERS), [stroke], 0.002, way(False), variability=VARIES))
    np.testing.assert_allclose(np.linalg.norm(free.endmembers, axis=1), 1)


def background_scene(seed: int, sharpness: float = 0.1) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Spectra (N, 10), abundances (N, 3), and a stroke for each material: two of mostly it, and one of mostly the others with a little of it."""
    generator = np.random.default_rng(seed)
    abundances = generator.dirichlet(np.full(3, sharpness), 600)
    abundances[:, 2] *= 0.25  # rare
    abundances[:20, 2] = 20.0  # and pure in few places
    abundances /= abundances.sum(axis=1, keepdims=True)
    strokes = [np.argsort(-abundances[:, material])[:15] for material in (0, 1)]
    rough = generator.choice(np.flatnonzero((abundances[:, 2] > 0.02) & (abundances[:, 2] < 0.3)), 30, replace=False)
    spectra = abundances @ ENDMEMBERS + 0.002 * generator.normal(size=(600, 10))
    return spectra, abundances, [*strokes, np.setdiff1d(rough, np.concatenate(strokes))]


@pytest.mark.parametrize("variability", [EXACT, SLIGHT, VARIES])
@pytest.mark.parametrize("seed", range(4))
def test_a_stroke_of_background_names_and_never_anchors(variability: float, seed: int) -> None:
    spectra, _, strokes = background_scene(seed)
    result = drain(with_strokes(spectra, found(), strokes, 0.002, way(True), variability=variability))
    np.testing.assert_array_equal(result.endmembers, ENDMEMBERS)
    assert result.strokes[2].background
    assert result.strokes[2].how == ("names" if variability == EXACT else "refused")
    assert [one.background for one in result.strokes[:2]] == [False, False]


@pytest.mark.parametrize(("variability", "how"), [(LINEAR, "names"), (LINEAR + 1e-6, "refused")])
def test_where_mixing_is_linear_to_the_noise_no_stroke_is_asked_to_anchor(variability: float, how: str) -> None:
    spectra, _, strokes = background_scene(0)
    result = drain(with_strokes(spectra, found(), strokes, 0.002, way(True), variability=variability))
    assert (result.strokes[2].how, result.strokes[2].cost is None) == (how, how == "names")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_naming_does_not_depend_on_the_order_of_the_strokes(order: tuple[int, ...]) -> None:
    spectra, abundances, strokes = background_scene(1)
    naming = enriched(abundances, [strokes[k] for k in order])
    np.testing.assert_array_equal(naming.endmembers, order)
    result = drain(with_strokes(spectra, found(), [strokes[k] for k in order], 0.002, way(True), variability=VARIES))
    np.testing.assert_array_equal(result.endmembers, ENDMEMBERS[list(order)])


def test_a_rough_stroke_names_what_it_has_more_of_than_the_scene_though_its_median_has_none() -> None:
    generator = np.random.default_rng(0)
    rare = np.where(generator.random(1000) < 0.02, 0.9, 0.0)
    rare[:40] = np.where(np.arange(40) < 12, 0.5, 0.0)  # in less than a third of the stroke
    other = generator.random(1000) * (1 - rare)
    naming = enriched(np.column_stack([rare, other, 1 - rare - other]), [np.arange(40)])
    assert naming.endmembers.tolist() == [0]
    assert naming.purities.tolist() == [0.0]


def test_equal_shares_tell_nothing_whatever_the_order_of_the_pixels() -> None:
    shares = np.tile([0.0, 1.0], (50, 1))
    shares[10:20, 0] = 0.3
    stroke = [np.arange(10, 20)]
    assert [enriched(shares[turn], [np.flatnonzero(turn >= 0)[10:20]]).endmembers[0] for turn in (np.arange(50),)] == [
        0
    ]
    assert enriched(shares[::-1], [49 - stroke[0]]).endmembers[0] == 0


# --- anchors


@pytest.mark.parametrize(("anchors", "cost"), [(1, COSTS), (4, COSTS**4), (6, COSTS**6)])
def test_each_anchor_may_cost_as_much_as_the_others(anchors: int, cost: float) -> None:
    pure = [0.9] * anchors
    assert accepted(cost - 1e-9, pure)
    assert not accepted(cost + 1e-9, pure)


@pytest.mark.parametrize(("purity", "taken"), [(LED, True), (LED - 1e-9, False)])
def test_an_endmember_leads_the_stroke_that_anchors_it(purity: float, taken: bool) -> None:
    assert accepted(1.0, [0.9, purity, 0.9]) is taken


def test_no_strokes_anchor_nothing() -> None:
    assert not accepted(0.0, [])


def test_strokes_anchor_what_the_search_did_not_find() -> None:
    spectra, abundances = mixed(highest=0.7)
    pure = [np.flatnonzero(abundances[:, material] == 1) for material in range(3)]
    wrong = found(np.vstack([ENDMEMBERS[:2], ENDMEMBERS[:2].mean(axis=0, keepdims=True)]))
    result = drain(with_strokes(spectra, wrong, pure, 0.002, way(True), variability=SLIGHT))
    assert (result.route, result.pure) == ("strokes", True)
    assert tuple(map(str, result.notes)) == ("3 painted materials anchor their endmembers.",)
    np.testing.assert_array_equal(match_endmembers(result.endmembers, ENDMEMBERS), [0, 1, 2])
    assert degrees(result.endmembers, ENDMEMBERS).max() < 10
    assert result.numbers["stroke_pixels_believed"] == (7, 7, 7)  # seven tenths are a stroke's core
    assert {one.how for one in result.strokes} == {"anchors"}
    assert all(one.cost < 1 and one.purity > 0.8 for one in result.strokes if one.cost is not None)


@pytest.mark.parametrize("sum_to_one", [True, False])
def test_one_stroke_of_a_material_that_was_not_found_anchors_it_and_the_rest_is_the_purest_left(
    sum_to_one: bool,
) -> None:
    spectra, abundances = mixed(highest=0.7)
    wrong = found(np.vstack([ENDMEMBERS[:2], ENDMEMBERS[:2].mean(axis=0, keepdims=True)]))
    stroke = np.flatnonzero(abundances[:, 2] == 1)
    result = drain(with_strokes(spectra, wrong, [stroke], 0.002, way(sum_to_one), variability=SLIGHT))
    assert result.route == "strokes"
    assert str(result.notes[-1]) == "1 painted material anchors its endmember; the others are the purest spectra left."
    assert np.degrees(spectral_angle(result.endmembers[0], ENDMEMBERS[2])) < 5


def five_materials() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Five endmembers (5, 30), spectra (N, 30) with twelve pure pixels of each, and strokes of these; the last one is of a mixture instead."""
    generator = np.random.default_rng(3)
    endmembers = 0.1 + generator.random((5, 30))
    abundances = generator.dirichlet(np.full(5, 0.4), 1500)
    abundances = abundances[abundances.max(axis=1) < 0.85][:800]
    abundances[:60] = np.repeat(np.eye(5), 12, axis=0)
    abundances[60:72] = 0.2
    spectra = abundances @ endmembers + 0.002 * generator.normal(size=(800, 30))
    return endmembers, spectra, [np.arange(12 * k, 12 * k + 12) for k in (0, 1, 2, 3, 5)]


def test_one_bad_stroke_of_five_does_not_undo_the_good_ones() -> None:
    endmembers, spectra, strokes = five_materials()
    blind = endmembers.copy()
    blind[1] = 0.5 * (endmembers[0] + endmembers[2])  # not found
    tried = drain(try_anchors(spectra, blind, strokes))
    assert tried.anchors == (0, 1, 2, 3)
    assert tried.costs[4] > max(tried.costs[k] for k in tried.anchors)
    result = drain(with_strokes(spectra, found(blind), strokes, 0.002, way(True), variability=SLIGHT))
    assert [one.how for one in result.strokes] == ["anchors"] * 4 + ["refused"]
    assert degrees(result.endmembers[:4], endmembers[:4]).max() < 5
    assert "4 painted materials anchor their endmembers" in str(result.notes[-1])
    assert "of which 1 painted one names one" in str(result.notes[-1])
    assert match_endmembers(result.endmembers, endmembers).tolist() == [0, 1, 2, 3, 4]


def test_two_bad_strokes_of_five_are_too_many_to_tell() -> None:
    endmembers, spectra, strokes = five_materials()
    strokes[3] = np.arange(66, 72)
    strokes[4] = np.arange(60, 66)
    blind = endmembers.copy()
    blind[1] = 0.5 * (endmembers[0] + endmembers[2])
    assert drain(try_anchors(spectra, blind, strokes)).anchors == ()


@pytest.mark.parametrize("variability", [SLIGHT, VARIES])
@pytest.mark.parametrize("seed", range(6))
def test_pure_strokes_are_never_put_to_the_test(seed: int, variability: float) -> None:
    generator = np.random.default_rng(seed)
    abundances = generator.dirichlet(np.ones(3), 400)
    abundances[:45] = np.repeat(np.eye(3), 15, axis=0)
    spectra = abundances @ ENDMEMBERS + 0.003 * generator.normal(size=(400, 10))
    order = generator.permutation(3)
    pure = [np.arange(15 * k, 15 * k + 15) for k in order]
    result = drain(with_strokes(spectra, found(), pure, 0.003, way(True), variability=variability))
    assert all(one.cost is None and one.how in ("names", "confirms") for one in result.strokes)
    assert degrees(result.endmembers, ENDMEMBERS[order]).max() < (1e-4 if variability == SLIGHT else 2)


def test_rare_materials_are_not_given_up_for_a_stroke() -> None:
    spectra = meadow(rare=12)
    start = found(np.vstack([ENDMEMBERS[:2], spectra[:12].mean(axis=0, keepdims=True)]), route="rare")
    two = [np.arange(4), np.arange(4, 8)]  # both of the rare material
    result = drain(with_strokes(spectra, start, two, 0.003, way(True), variability=VARIES))
    assert result.route == "rare"
    assert {one.how for one in result.strokes} == {"names"}


def test_a_free_endmember_starts_where_least_is_explained() -> None:
    spectra, abundances = mixed()
    sphere = Sphere.of(spectra, 3)
    cores = [np.flatnonzero(abundances[:, material] == 1) for material in (0, 1)]
    fit = drain(anchoring.fit_anchored(sphere, anchoring.means_of(sphere.scores, cores), 3))
    assert fit.archetypes.shape == (3, 5)
    assert np.degrees(spectral_angle(fit.archetypes[2], sphere.scores[abundances[:, 2] == 1].mean(axis=0))) < 10


def test_strokes_beside_rare_materials_join_their_picks() -> None:
    spectra = meadow(rare=12)
    start = found(np.vstack([ENDMEMBERS[:2], spectra[:12].mean(axis=0, keepdims=True)]), route="rare")
    stroke = np.arange(4)
    result = drain(with_strokes(spectra, start, [stroke], 0.003, way(True), variability=VARIES))
    assert str(result.notes[-1]).endswith("confirm 1 of 1 (within 3°).")
    assert degrees(result.endmembers[:1], ENDMEMBERS[2:])[0] < 1
    np.testing.assert_allclose(result.endmembers[0], spectra[:12].mean(axis=0), atol=2e-3)
    assert angle_table(result.endmembers, ENDMEMBERS).shape == (3, 3)
    assert degrees(result.endmembers, ENDMEMBERS).max() < 2


@pytest.mark.parametrize(("off", "beside"), [(0.02, True), (0.0, False)], ids=["four times the noise", "noise"])
def test_beside_a_stroke_three_times_the_noise_is_enough_for_a_material(off: float, beside: bool) -> None:
    spectra = meadow(rare=12, off=off)
    fourth = np.full((1, 10), 0.4)
    start = found(np.vstack([ENDMEMBERS[0], ENDMEMBERS[1], (ENDMEMBERS[0] + ENDMEMBERS[1]) / 2, fourth]), route="rare")
    result = drain(with_strokes(spectra, start, [np.arange(12, 16)], 0.003, way(True), variability=VARIES))
    assert np.array_equal(result.endmembers[3:], fourth) is not beside
