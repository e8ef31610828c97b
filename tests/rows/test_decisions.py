"""Formulas and decisions on rows, each against made-up numbers or the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import angle_table, mean_correlation, rmse, spectral_angle
from napari_unmix.rows.pivoting import one_by_one, pivoted
from napari_unmix.rows.quadratic import quadratic_of
from napari_unmix.rows.simplex import fully_constrained, non_negative, project_to_simplex, scaled
from napari_unmix.rows.subspace import (
    ROUNDING,
    Subspace,
    affine_subspace,
    directions,
    linear_subspace,
    noise_level,
    noise_per_band,
    subspace_excess,
)
from napari_unmix.rows.supports import Supports, values_by_size


def random_problem(size: int, pixels: int = 60, bands: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, bands))
    return generator.dirichlet(np.ones(size), pixels) @ endmembers + generator.normal(
        0, 0.3, (pixels, bands)
    ), endmembers


# --- least squares


@pytest.mark.parametrize("size", [3, 8])
@pytest.mark.parametrize("invert", [fully_constrained, non_negative])
def test_no_start_changes_the_answer(size: int, invert) -> None:
    spectra, endmembers = random_problem(size)
    expected = invert(spectra, endmembers)
    generator = np.random.default_rng(0)
    for start in (np.zeros((60, size)), np.eye(size)[generator.integers(size, size=60)], expected):
        np.testing.assert_allclose(invert(spectra, endmembers, start), expected, atol=1e-8)


@pytest.mark.parametrize("size", [3, 8])
@pytest.mark.parametrize("invert", [fully_constrained, non_negative])
def test_many_pixels_are_solved_in_blocks_as_each_alone(size: int, invert) -> None:
    spectra, endmembers = random_problem(size, pixels=9000)
    whole = invert(spectra, endmembers)
    for rows in ([0], [4095], [4096, 4097], [8191], [8999]):
        np.testing.assert_allclose(whole[rows], invert(spectra[rows], endmembers), atol=1e-9)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_spectrum_that_nothing_explains_has_no_amounts(size: int) -> None:
    _, endmembers = random_problem(size)
    np.testing.assert_array_equal(non_negative(-endmembers.sum(axis=0)[None], endmembers), 0)
    np.testing.assert_allclose(non_negative(endmembers[:1], endmembers)[0], np.eye(size)[0], atol=1e-8)


@pytest.mark.parametrize("sum_to_one", [False, True])
@pytest.mark.parametrize("size", [2, 5, 9])
def test_what_pivoting_does_not_end_is_solved_one_by_one(size: int, sum_to_one: bool) -> None:
    spectra, endmembers = random_problem(size, pixels=20)
    problem = quadratic_of(endmembers, sum_to_one=sum_to_one)
    sides, _ = problem.sides(problem.correlations(spectra))
    expected = pivoted(problem, Supports(problem), sides, sides[:size] > 0)
    found = np.column_stack([one_by_one(problem, side) for side in sides.T])
    np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize("size", [6, 14])
def test_pixels_of_one_support_and_systems_of_one_size_are_solved_alike(size: int) -> None:
    spectra, endmembers = random_problem(size, pixels=300, bands=30)
    for sum_to_one in (False, True):
        problem = quadratic_of(endmembers, sum_to_one=sum_to_one)
        sides, _ = problem.sides(problem.correlations(np.repeat(spectra, 20, axis=0)))
        on = sides[:size] > np.median(sides[:size], axis=0)
        supports = Supports(problem)
        np.testing.assert_allclose(supports.values(sides, on), values_by_size(problem, sides, on), atol=1e-11)
        assert len(supports) == len(np.unique(on, axis=1).T)


@pytest.mark.parametrize(("pixels", "made"), [(6, 0), (7, 1)])
def test_a_map_is_made_where_it_has_pixels_enough(pixels: int, made: int) -> None:
    _, endmembers = random_problem(3)
    problem = quadratic_of(endmembers, sum_to_one=True)
    sides, _ = problem.sides(problem.correlations(np.repeat(endmembers[:1], pixels, axis=0)))
    supports = Supports(problem)
    supports.values(sides, np.ones((3, pixels), bool))
    assert len(supports) == made


def test_the_nearest_point_of_the_simplex_depends_on_the_metric() -> None:
    metric = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
    points = np.random.default_rng(1).normal(size=(5, 3))
    sums = {"type": "eq", "fun": lambda a: a.sum() - 1}
    for point, nearest in zip(points, project_to_simplex(points, metric), strict=True):
        expected = minimize(
            lambda a, x=point: (a - x) @ metric @ (a - x),
            np.full(3, 1 / 3),
            bounds=[(0, 1)] * 3,
            constraints=sums,
            options={"ftol": 1e-14},
        )
        np.testing.assert_allclose(nearest, expected.x, atol=1e-4)


def test_light_below_rounding_is_no_light() -> None:
    abundances, light = scaled(np.array([[2.0, 6.0], [0.0, 0.0], [-1.0, -1.0]]), np.eye(2))
    np.testing.assert_allclose(abundances, [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(light, [8, 0, 0])


def test_equal_endmembers_share_the_amount() -> None:
    endmembers = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(fully_constrained(endmembers[:1], endmembers), [[0.5, 0.5, 0]], atol=1e-3)
    np.testing.assert_allclose(non_negative(2 * endmembers[:1], endmembers), [[1, 1, 0]], atol=1e-3)


# --- noise and subspaces


def residual_of_regressions(spectra: np.ndarray) -> np.ndarray:
    """(B,) squared norm of what the other bands leave of each, by ridge regressions one after another."""
    bands = spectra.shape[1]
    ridge = 1e-8 * (spectra**2).sum() / bands
    left = []
    for band in range(bands):
        others = np.delete(spectra, band, axis=1)
        slopes = np.linalg.solve(others.T @ others + ridge * np.eye(bands - 1), others.T @ spectra[:, band])
        left.append(((spectra[:, band] - others @ slopes) ** 2).sum())
    return np.array(left)


@pytest.mark.parametrize(("count", "bands", "freedom"), [(300, 6, 295), (20, 10, 11), (40, 19, 22)])
def test_noise_of_a_band_is_what_the_others_leave_over_the_degrees_of_freedom(
    count: int, bands: int, freedom: float
) -> None:
    spectra = np.random.default_rng(0).normal(1, 0.2, (count, bands))
    expected = np.sqrt(residual_of_regressions(spectra) / freedom)
    np.testing.assert_allclose(noise_per_band(spectra), expected, rtol=1e-3)


def test_noise_of_many_pixels_is_that_of_some_of_them() -> None:
    spectra = np.random.default_rng(0).normal(0, 0.3, (6500, 5))
    np.testing.assert_allclose(noise_per_band(spectra), 0.3, rtol=0.05)


def test_noise_level_takes_off_what_the_endmembers_leave_and_is_never_below_rounding() -> None:
    spectra = np.random.default_rng(0).normal(1, 0.2, (300, 6))
    variance = np.mean(noise_per_band(spectra) ** 2)
    np.testing.assert_allclose(noise_level(spectra), np.sqrt(variance))
    np.testing.assert_allclose(noise_level(spectra, 3), np.sqrt(variance / 1.5))
    exact = np.full((30, 6), 2.0)
    np.testing.assert_allclose(noise_level(exact), 2 * ROUNDING, rtol=0.01)
    np.testing.assert_allclose(noise_level(100 * exact), 200 * ROUNDING, rtol=0.01)
    assert noise_level(np.zeros((30, 6))) == 1e-12


def test_scores_are_coordinates_from_the_origin() -> None:
    subspace = Subspace(np.array([1.0, 2.0, 3.0]), np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(subspace.scores(np.array([[5.0, 4.0, 9.0]])), [[2, 6]])
    np.testing.assert_allclose(subspace.spectra(np.array([[2.0, 6.0]])), [[1, 4, 9]])


def test_subspaces_are_those_of_the_singular_vectors() -> None:
    spectra = np.random.default_rng(2).normal(1, 1, (40, 5)) * [3, 1, 0.5, 2, 0.1]
    affine, linear = affine_subspace(spectra, 2), linear_subspace(spectra, 2)
    for subspace, data in ((affine, spectra - spectra.mean(axis=0)), (linear, spectra)):
        expected = np.linalg.svd(data)[2][:2]
        np.testing.assert_allclose(np.abs(subspace.basis @ expected.T), np.eye(2), atol=1e-9)
        # The sign is a convention: the largest entry is positive.
        assert (subspace.basis[np.arange(2), np.abs(subspace.basis).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(affine.origin, spectra.mean(axis=0))
    np.testing.assert_array_equal(linear.origin, 0)


def test_a_pixel_of_weight_three_counts_as_three() -> None:
    spectra = np.random.default_rng(3).normal(size=(30, 4))
    weights = np.random.default_rng(4).integers(0, 4, 30)
    repeated = np.repeat(spectra, weights, axis=0)
    np.testing.assert_allclose(
        linear_subspace(spectra, 2, weights.astype(float)).basis, linear_subspace(repeated, 2).basis, atol=1e-9
    )


@pytest.mark.parametrize(
    ("third", "expected"), [(0.0, (1, 2)), (1e-6, (1, 2)), (1e-3, (2, 3))], ids=["line", "below rounding", "plane"]
)
def test_directions_are_those_over_rounding(third: float, expected: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    along, across = generator.uniform(size=200), generator.uniform(size=200)
    spectra = np.column_stack([1 + along, np.ones(200), third * across])
    assert directions(spectra) == expected
    assert directions(np.repeat(spectra, 101, axis=0)) == expected  # more pixels than are read
    assert directions(np.zeros((5, 3))) == (0, 0)


def test_excess_is_the_residual_to_the_subspaces_over_the_noise() -> None:
    spectra = np.random.default_rng(5).normal(1, 0.5, (50, 7))
    excess = subspace_excess(spectra, 3, 0.1)
    for found, values, data, rank in (
        (excess.affine, excess.affine_eigenvalues, spectra - spectra.mean(axis=0), 2),
        (excess.linear, excess.linear_eigenvalues, spectra, 3),
    ):
        squares = np.linalg.svd(data)[1] ** 2 / 50 / 0.1**2
        np.testing.assert_allclose(values, squares)
        np.testing.assert_allclose(found, np.sqrt(squares[rank:].sum() / (7 - rank)))
    assert subspace_excess(spectra[:, :3], 3, 0.1).linear == 0


# --- metrics and matching


def test_angles_along_the_last_axis() -> None:
    first = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 0]])
    second = np.array([[2.0, 2, 0], [0, 0, 0]])
    expected = np.array([[np.pi / 4, np.pi / 2], [0, np.pi / 2], [np.pi / 2, 0]])
    np.testing.assert_allclose(spectral_angle(first[:, None], second), expected, atol=1e-7)
    np.testing.assert_allclose(angle_table(first, second), expected, atol=1e-7)


@pytest.mark.parametrize(("row", "which"), [(0, "first"), (1, "first"), (0, "second"), (1, "second")])
def test_a_band_that_is_missing_anywhere_counts_nowhere(row: int, which: str) -> None:
    tables = {"first": np.array([[1.0, 0, 5], [1, 1, 5]]), "second": np.array([[1.0, 0, -5], [0, 1, 5]])}
    tables[which][row, 2] = np.nan
    expected = [[0, np.pi / 2], [np.pi / 4, np.pi / 4]]
    np.testing.assert_allclose(angle_table(tables["first"], tables["second"]), expected, atol=1e-7)


def test_root_mean_square_of_what_is_finite_in_both() -> None:
    assert rmse(np.array([1.0, 2, np.nan, 7]), np.array([1.0, 6, 3, 7 + 2])) == pytest.approx(np.sqrt(20 / 3))


def test_mean_correlation_is_pearsons_over_the_rows_that_are_finite() -> None:
    generator = np.random.default_rng(6)
    first, second = generator.uniform(size=(20, 2)), generator.uniform(size=(20, 2))
    expected = np.mean([abs(np.corrcoef(first[2:, k], second[2:, k])[0, 1]) for k in range(2)])
    first[0, 1], second[1, 0] = np.nan, np.nan
    assert mean_correlation(first, second) == pytest.approx(expected)
    first[:, 0] = 0.5
    assert mean_correlation(first, second) == pytest.approx(
        abs(np.corrcoef(first[2:, 1], second[2:, 1])[0, 1]) / 2, abs=1e-9
    )


def test_what_has_no_partner_is_minus_one() -> None:
    reference = np.eye(4)
    np.testing.assert_array_equal(match_endmembers(reference[[3, 1]] + 0.1, reference), [-1, 1, -1, 0])
