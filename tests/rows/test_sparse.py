"""Sparse amounts, signed fractions and smooth maps: optimality conditions, other solvers' answers, and what the prices do."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from napari_unmix.progress import drain
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.signed import sum_to_one
from napari_unmix.rows.simplex import fully_constrained, non_negative
from napari_unmix.rows.sparse import price_of, sparse_amounts
from napari_unmix.rows.total_variation import Task, differences, smooth_amounts

seeds = st.integers(0, 10_000)


def problem(seed: int, size: int, pixels: int = 60, bands: int = 20) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(size=(size, bands))
    return generator.dirichlet(np.full(size, 0.4), pixels) @ endmembers + 0.05 * generator.normal(
        size=(pixels, bands)
    ), endmembers


@settings(max_examples=25)
@given(seeds, st.integers(2, 30), st.floats(0, 3))
def test_sparse_amounts_satisfy_the_optimality_conditions(seed: int, size: int, sparsity: float) -> None:
    """More endmembers than bands among them: then the price says which."""
    spectra, endmembers = problem(seed, size)
    amounts = sparse_amounts(spectra, endmembers, sparsity)
    assert amounts.min() >= 0
    gradient = amounts @ endmembers @ endmembers.T - spectra @ endmembers.T + price_of(endmembers, sparsity)
    scale = np.abs(spectra @ endmembers.T).max()
    assert gradient.min() > -1e-7 * scale
    assert np.abs(np.where(amounts > 1e-6, gradient, 0.0)).max() < 1e-7 * scale


def test_without_a_price_they_are_non_negative_least_squares_and_a_high_price_leaves_nothing() -> None:
    spectra, endmembers = problem(1, 8)
    np.testing.assert_allclose(sparse_amounts(spectra, endmembers, 0.0), non_negative(spectra, endmembers), atol=1e-10)
    sums = [sparse_amounts(spectra, endmembers, price).sum() for price in (0.0, 0.1, 1.0, 10.0)]
    assert sums == sorted(sums, reverse=True)
    assert not sparse_amounts(spectra, endmembers, 1e4).any()


@settings(max_examples=10)
@given(seeds, st.floats(1e-4, 1e4))
def test_a_price_means_the_same_in_any_units(seed: int, unit: float) -> None:
    spectra, endmembers = problem(seed, 6)
    plain = sparse_amounts(spectra, endmembers, 0.5)
    np.testing.assert_allclose(sparse_amounts(unit * spectra, unit * endmembers, 0.5), plain, atol=1e-9)


@settings(max_examples=15)
@given(seeds, st.integers(2, 9))
def test_signed_fractions_sum_to_one_and_no_other_such_fit_better(seed: int, size: int) -> None:
    spectra, endmembers = problem(seed, size)
    fractions = sum_to_one(spectra, endmembers)
    np.testing.assert_allclose(fractions.sum(axis=1), 1, atol=1e-10)
    # The last endmember taken off, the rest is free: NumPy's least squares.
    free = np.linalg.lstsq((endmembers[:-1] - endmembers[-1]).T, (spectra - endmembers[-1]).T, rcond=None)[0].T
    np.testing.assert_allclose(fractions[:, :-1], free, atol=1e-8)
    inside = (fractions >= 0).all(axis=1)
    np.testing.assert_allclose(fractions[inside], fully_constrained(spectra[inside], endmembers), atol=1e-8)


def test_each_kind_of_map_has_its_inversion_and_says_what_it_is() -> None:
    spectra, endmembers = problem(3, 4)
    spectra = np.vstack([spectra, 3 * spectra[:5] - endmembers.mean(axis=0)])
    found = {maps: inversion(free_light=False, maps=maps) for maps in ("fractions", "signed fractions", "amounts")}
    shares = {maps: way.invert(spectra, endmembers).abundances for maps, way in found.items()}
    sums = {maps: np.allclose(values.sum(axis=1), 1) for maps, values in shares.items()}
    assert sums == {"fractions": True, "signed fractions": True, "amounts": False}
    assert {maps for maps, values in shares.items() if values.min() < -1e-3} == {"signed fractions"}
    assert len({way.meaning for way in found.values()}) == 3
    # Brightness that is free divides the sum out, whatever maps are without.
    assert inversion(free_light=True, maps="amounts") == inversion(free_light=True)


@pytest.mark.skipif("NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: dc1 is NOT tested")
@pytest.mark.parametrize(("price", "decibels"), [(0.01, 7.59), (0.1, 9.40)])
def test_on_dc1_with_its_library_of_240_the_papers_alternating_directions_end_there(
    price: float, decibels: float
) -> None:
    """SUnSAL as published (Bioucas-Dias & Figueiredo 2010, algorithm 1), written here again; the signal-to-reconstruction error of both."""
    folder = Path(os.environ["NAPARI_UNMIX_DATA"]) / "dc1"
    reference = np.load(folder / "reference.npz")
    library = reference["library"].astype(float)
    spectra = np.load(folder / "dc1_snr30.npz")["cube"].reshape(-1, library.shape[1])[::25].astype(float)
    truth = np.zeros((len(spectra), len(library)))
    truth[:, reference["selected"]] = reference["A"].reshape(-1, 5)[::25]
    exact = sparse_amounts(spectra, library, price / float(np.mean(library**2)))
    # The splitting's penalty is one, and the price is the paper's λ.
    solve, pull = np.linalg.inv(library @ library.T + np.eye(len(library))), spectra @ library.T
    amounts, multiplier = np.zeros_like(truth), np.zeros_like(truth)
    for _ in range(500):
        fitted = (pull + amounts + multiplier) @ solve
        amounts = np.maximum(fitted - multiplier - price, 0.0)
        multiplier += amounts - fitted
    np.testing.assert_allclose(exact, amounts, atol=3e-3)
    for found in (exact, amounts):
        over = 10 * np.log10((truth**2).sum() / ((found - truth) ** 2).sum())
        assert over == pytest.approx(decibels, abs=0.02)


# --- smooth maps


def image(seed: int, shape: tuple[int, int] = (12, 14)) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Spectra (N, B) of two flat halves of three materials, noisy, their endmembers, the valid pixels (H, W), and the true amounts."""
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(size=(3, 10))
    amounts = np.zeros((*shape, 3))
    amounts[:, : shape[1] // 2] = (0.7, 0.3, 0.0)
    amounts[:, shape[1] // 2 :] = (0.0, 0.4, 0.6)
    valid = np.ones(shape, bool)
    valid[3, 4] = valid[0, 0] = False
    spectra = amounts[valid] @ endmembers
    return spectra + 0.15 * generator.normal(size=spectra.shape), endmembers, valid, amounts[valid]


def solved(spectra: np.ndarray, endmembers: np.ndarray, valid: np.ndarray, sparsity: float, smoothness: float) -> tuple:
    task = Task.of(spectra, endmembers, valid, sparsity, smoothness)
    start = sparse_amounts(spectra, endmembers, sparsity)
    return task, start, drain(smooth_amounts(task, start))


def test_without_smoothness_the_alternating_directions_end_at_the_exact_sparse_amounts() -> None:
    spectra, endmembers, valid, _ = image(0)
    task = Task.of(spectra, endmembers, valid, 0.05, 0.0)
    exact = sparse_amounts(spectra, endmembers, 0.05)
    found = drain(smooth_amounts(task, np.full_like(exact, 0.3)))
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_smooth_maps_are_nearer_the_truth_and_no_small_change_is_better() -> None:
    spectra, endmembers, valid, truth = image(1)
    task, start, found = solved(spectra, endmembers, valid, 1e-3, 0.3)
    assert found.min() >= 0
    assert task.objective(found) < task.objective(start)
    errors = [float(np.sqrt(np.mean((amounts - truth) ** 2))) for amounts in (start, found)]
    assert errors[1] < 0.5 * errors[0]
    generator = np.random.default_rng(0)
    for size in (1e-2, 1e-3):
        for _ in range(20):
            other = np.maximum(found + size * generator.normal(size=found.shape), 0.0)
            assert task.objective(other) > task.objective(found) - 1e-5 * abs(task.objective(found))


def test_a_tiny_image_ends_where_a_general_solver_ends() -> None:
    """The edges' absolute values as further unknowns t ≥ ±Hg make it a quadratic program, which SLSQP solves."""
    generator = np.random.default_rng(4)
    endmembers, valid = generator.uniform(size=(2, 6)), np.ones((2, 2), bool)
    spectra = generator.dirichlet([1, 1], 4) @ endmembers + 0.05 * generator.normal(size=(4, 6))
    task, _, found = solved(spectra, endmembers, valid, 0.02, 0.2)
    along = np.kron(task.along.toarray(), np.eye(2))
    edges = len(along)

    def value(unknowns: np.ndarray) -> float:
        amounts = unknowns[:8].reshape(4, 2)
        fit = 0.5 * np.sum((amounts @ task.gram) * amounts) - np.sum(amounts * task.pull)
        return float(fit + task.sparsity * amounts.sum() + task.smoothness * unknowns[8:].sum())

    both = {"type": "ineq", "fun": lambda u: np.concatenate([u[8:] - along @ u[:8], u[8:] + along @ u[:8]])}
    bounds = [(0, None)] * (8 + edges)
    other = minimize(value, np.full(8 + edges, 0.5), bounds=bounds, constraints=[both], method="SLSQP", tol=1e-12)
    assert task.objective(found) == pytest.approx(other.fun, abs=1e-5 * abs(other.fun))
    np.testing.assert_allclose(found, other.x[:8].reshape(4, 2), atol=2e-3)


def test_nothing_crosses_pixels_that_are_left_out() -> None:
    spectra, endmembers, _, _ = image(2)
    valid = np.ones((12, 14), bool)
    valid[:, 7] = False
    spectra = np.random.default_rng(5).dirichlet(np.ones(3), int(valid.sum())) @ endmembers
    together = solved(spectra, endmembers, valid, 1e-3, 0.2)[2]
    left = np.zeros_like(valid)
    left[:, :7] = True
    alone = solved(spectra[left[valid]], endmembers, np.ones((12, 7), bool), 1e-3, 0.2)[2]
    np.testing.assert_allclose(together[left[valid]], alone, atol=3e-3)
    assert differences(valid).shape == (12 * 6 + 12 * 5 + 11 * 13, 12 * 13)


def test_a_high_price_of_differences_makes_maps_flat() -> None:
    spectra, endmembers, valid, _ = image(3)
    found = solved(spectra, endmembers, valid, 0.0, 100.0)[2]
    mean = non_negative(spectra.mean(axis=0, keepdims=True), endmembers)
    np.testing.assert_allclose(found, np.broadcast_to(mean, found.shape), atol=0.02)
