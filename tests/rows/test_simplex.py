"""Properties of exact constrained least squares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from napari_unmix.rows.simplex import fully_constrained, non_negative, project_to_simplex, scaled


def problem(seed: int, size: int, pixels: int = 200, bands: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(size=(size, bands))
    abundances = generator.dirichlet(np.full(size, 0.4), pixels)
    return abundances @ endmembers + 0.05 * generator.normal(size=(pixels, bands)), endmembers, abundances


sizes = st.integers(2, 9)  # with a guess where the search begins, and without
seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(seeds, sizes)
def test_fcls_satisfies_the_optimality_conditions(seed: int, size: int) -> None:
    spectra, endmembers, _ = problem(seed, size)
    abundances = fully_constrained(spectra, endmembers)
    np.testing.assert_allclose(abundances.sum(axis=1), 1, atol=1e-12)
    assert abundances.min() >= 0
    gradient = abundances @ endmembers @ endmembers.T - spectra @ endmembers.T
    # On the support the gradient is constant; off it, it is not lower.
    on = abundances > 1e-9
    level = np.where(on, gradient, -np.inf).max(axis=1)
    assert (gradient.min(axis=1) >= level - 1e-7).all()


@settings(max_examples=25, deadline=None)
@given(seeds, sizes)
def test_nnls_equals_the_reference_solver(seed: int, size: int) -> None:
    spectra, endmembers, _ = problem(seed, size, pixels=20)
    expected = np.array([nnls(endmembers.T, spectrum)[0] for spectrum in spectra])
    np.testing.assert_allclose(non_negative(spectra, endmembers), expected, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(seeds, sizes)
def test_order_of_endmembers_only_permutes_the_answer(seed: int, size: int) -> None:
    spectra, endmembers, _ = problem(seed, size)
    order = np.random.default_rng(seed).permutation(size)
    np.testing.assert_allclose(
        fully_constrained(spectra, endmembers[order]), fully_constrained(spectra, endmembers)[:, order], atol=1e-7
    )


@pytest.mark.parametrize("size", [2, 4, 9])
def test_a_vertex_is_one_hot_and_a_mixture_is_recovered(size: int) -> None:
    _, endmembers, abundances = problem(1, size)
    np.testing.assert_allclose(fully_constrained(endmembers, endmembers), np.eye(size), atol=1e-6)
    np.testing.assert_allclose(fully_constrained(abundances @ endmembers, endmembers), abundances, atol=1e-6)


def test_scaled_inversion_does_not_see_brightness() -> None:
    _, endmembers, abundances = problem(2, 4)
    light = np.random.default_rng(0).uniform(0.2, 3, len(abundances))
    found, brightness = scaled(light[:, None] * (abundances @ endmembers), endmembers)
    np.testing.assert_allclose(found, abundances, atol=1e-6)
    np.testing.assert_allclose(brightness, light, atol=1e-6)


def test_zero_spectra_and_duplicate_endmembers_stay_finite() -> None:
    _, endmembers, _ = problem(3, 4)
    dark = np.zeros((3, endmembers.shape[1]))
    abundances, light = scaled(dark, endmembers)
    np.testing.assert_allclose(abundances, 0.25)
    np.testing.assert_array_equal(light, 0)
    twins = np.vstack([endmembers, endmembers[:1]])
    for answer in (fully_constrained(endmembers[:1], twins), non_negative(endmembers[:1], twins)):
        assert np.isfinite(answer).all()
        np.testing.assert_allclose(answer @ twins, endmembers[:1], atol=1e-4)


def test_projection_on_the_simplex_is_the_nearest_point() -> None:
    generator = np.random.default_rng(4)
    points = generator.normal(size=(50, 4))
    metric = np.eye(4)
    nearest = project_to_simplex(points, metric)
    others = generator.dirichlet(np.ones(4), 2000)
    for point, projected in zip(points, nearest, strict=True):
        assert ((projected - point) ** 2).sum() <= ((others - point) ** 2).sum(axis=1).min() + 1e-9
