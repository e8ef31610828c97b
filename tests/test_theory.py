"""The theory pages, evaluated: both sides of every formula, every step of the proofs, and the counterexamples.

``resources/docs/theory.md`` and ``resources/docs/proofs.md`` name this file; the numbers in the names below are the proofs' steps.
"""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import beta, kstest
from scipy.stats import gamma as gamma_distribution

from napari_unmix.methods.distributions import RegionDirichlet, helmert
from napari_unmix.methods.generative import laplace
from napari_unmix.methods.generative.region_gaussian import gaussian_posterior
from napari_unmix.methods.geometry.region_moments import RegionMoments, fit_region_moments, region_moments
from napari_unmix.metrics import mean_correlation, rmse
from napari_unmix.subspace import noise_level, noise_per_band, subspace_excess

Array = np.ndarray


def interior(generator: np.random.Generator, size: int, count: int = 400) -> Array:
    """Points of the open simplex, not near its boundary."""
    return 0.02 + (1 - 0.02 * size) * generator.dirichlet(np.ones(size), count)


def centred(values: Array) -> Array:
    return values - values.mean(axis=0)


def unexplained(target: Array, features: Array) -> float:
    """Largest residual of centred columns after least squares on centred features, relative to the target."""
    target, features = centred(target), centred(features)
    residual = target - features @ np.linalg.lstsq(features, target, rcond=None)[0]
    return float(np.abs(residual).max() / np.abs(target).max())


def log_dirichlet(log_abundances: Array, alpha: Array) -> Array:
    """Log density with respect to Lebesgue measure on the simplex: (N, P), (P,) -> (N,)."""
    return np.asarray(log_abundances @ (alpha - 1) + gammaln(alpha.sum()) - gammaln(alpha).sum())


def simplex_map(generator: np.random.Generator, size: int) -> Array:
    """A matrix that maps the simplex into itself (columns on the simplex), far from a permutation."""
    return np.asarray(0.7 * np.eye(size) + 0.3 * generator.dirichlet(np.ones(size), size).T)


# --- moments of a region


def test_means_and_covariances_of_a_region_against_sampling() -> None:
    generator = np.random.default_rng(0)
    endmembers, alpha, noise = generator.uniform(size=(4, 12)), np.array([2.0, 0.7, 4.0, 1.3]), 0.05
    spectra = generator.dirichlet(alpha, 400_000) @ endmembers + noise * generator.normal(size=(400_000, 12))
    mean, covariance = moments_of(endmembers, alpha)
    np.testing.assert_allclose(spectra.mean(axis=0), mean, atol=2e-3)
    np.testing.assert_allclose(np.cov(spectra.T), covariance + noise**2 * np.eye(12), atol=3e-4)
    found = region_moments(spectra, np.ones(len(spectra), int), 4, noise)
    assert found is not None
    lift = found.spread[:, None] * found.basis
    np.testing.assert_allclose(found.means[0] @ lift + found.origin, mean, atol=2e-3)
    inside = found.basis @ covariance @ found.basis.T / np.outer(found.spread, found.spread) + np.diag(found.noise)
    np.testing.assert_allclose(found.covariances[0], inside, atol=5e-3)


def moments_of(endmembers: Array, alpha: Array) -> tuple[Array, Array]:
    """Mᵀp and Mᵀ(diag p − ppᵀ)M/(c + 1)."""
    share, total = alpha / alpha.sum(), alpha.sum()
    return endmembers.T @ share, endmembers.T @ (np.diag(share) - np.outer(share, share)) @ endmembers / (total + 1)


def exact_moments(vertices: Array, alphas: Array) -> RegionMoments:
    """What the estimator reads, without sampling error and without noise, in coordinates of the vertices' own plane."""
    pairs = [moments_of(vertices, alpha) for alpha in alphas]
    dimension = vertices.shape[1]
    return RegionMoments(
        means=np.array([mean for mean, _ in pairs]),
        covariances=np.array([covariance for _, covariance in pairs]),
        counts=np.full(len(alphas), 1000.0),
        noise=np.zeros(dimension),
        spread=np.ones(dimension),
        basis=np.eye(dimension),
        origin=np.full(dimension, 10.0),
    )


def test_exact_moments_of_three_regions_return_the_simplex() -> None:
    generator = np.random.default_rng(1)
    vertices = generator.normal(size=(3, 2))
    moments = exact_moments(vertices, generator.uniform(1, 8, (3, 3)))
    spectra = vertices + 10.0
    centre = spectra.mean(axis=0)
    fit = fit_region_moments(moments, [centre + growth * (spectra - centre) for growth in (1.2, 1.5)])
    assert min(np.abs(fit.endmembers[list(p)] - spectra).max() for p in permutations(range(3))) < 0.02


@pytest.mark.parametrize("size", [3, 4])
def test_two_regions_leave_a_family_of_simplices(size: int) -> None:
    generator = np.random.default_rng(size)
    vertices, alphas = generator.normal(size=(size, size - 1)), generator.uniform(1, 8, (2, size))
    truth = [moments_of(vertices, alpha) for alpha in alphas]
    for growth in product((0.5, 1.0, 1.7), repeat=2):
        concentrations = alphas.sum(axis=1) * growth
        simplex, shares = jointly_diagonal(truth, concentrations)
        # Exactly the same means and covariances, from admissible regions ...
        assert (shares > 0).all()
        for (mean, covariance), share, concentration in zip(truth, shares, concentrations, strict=True):
            other = moments_of(simplex, concentration * share)
            np.testing.assert_allclose(other[0], mean, atol=1e-9)
            np.testing.assert_allclose(other[1], covariance, atol=1e-9)
        # ... and another simplex, but for the true concentrations.
        moved = min(np.abs(simplex[list(p)] - vertices).max() for p in permutations(range(size)))
        assert (moved < 1e-8) == (growth == (1.0, 1.0))


def jointly_diagonal(truth: list[tuple[Array, Array]], concentrations: Array) -> tuple[Array, Array]:
    """Vertices (P, P−1) and mean abundances (2, P) for chosen concentrations: the page's construction."""
    second = []
    for (mean, covariance), concentration in zip(truth, concentrations, strict=True):
        lifted = np.append(mean, 1.0)
        block = np.outer(lifted, lifted)
        block[:-1, :-1] += (concentration + 1) * covariance
        second.append(block)
    inverse = eigh(second[0], second[1])[1].T  # diagonalises both
    corners = np.linalg.inv(inverse)
    corners = corners / corners[-1]
    shares = [np.diag(np.linalg.solve(corners, np.linalg.solve(corners, block).T)) for block in second]
    return corners[:-1].T, np.array(shares)


def test_two_materials_are_never_identified_by_moments_of_free_concentration() -> None:
    vertices, alphas = np.array([[0.0], [1.0]]), np.array([[2.0, 3.0], [1.0, 5.0], [4.0, 4.0]])
    wider = np.array([[-0.3], [1.4]])
    for alpha in alphas:
        mean, covariance = moments_of(vertices, alpha)
        share = (mean[0] - wider[0, 0]) / (wider[1, 0] - wider[0, 0])
        concentration = share * (1 - share) * (1.7**2) / covariance[0, 0] - 1
        assert concentration > 0
        other = moments_of(wider, concentration * np.array([1 - share, share]))
        np.testing.assert_allclose([other[0][0], other[1][0, 0]], [mean[0], covariance[0, 0]])


# --- coordinates, inference, noise


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_jacobian_of_the_log_ratio_is_root_p_times_the_product(size: int) -> None:
    basis = helmert(size)
    for z in torch.randn(4, size - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(size)):
        jacobian = torch.autograd.functional.jacobian(lambda z: torch.softmax(basis @ z, 0)[:-1], z)  # type: ignore[no-untyped-call]
        product_of_all = torch.softmax(basis @ z, 0).prod()
        torch.testing.assert_close(torch.det(jacobian).abs(), math.sqrt(size) * product_of_all)
        # So the code's density differs from the Dirichlet's, times that Jacobian, by the constant √P.
        alpha = torch.linspace(0.5, 3.0, size, dtype=torch.float64)
        prior = RegionDirichlet(alpha.log()[None], torch.zeros(1, dtype=torch.float64))
        code = prior.log_prob(torch.log_softmax(basis @ z, 0)[None], torch.tensor([1]))[0][0]
        direct = torch.distributions.Dirichlet(alpha).log_prob(torch.softmax(basis @ z, 0)) + product_of_all.log()
        torch.testing.assert_close(code, direct)


def test_gauss_newton_is_the_formula_and_exact_where_the_residual_is_zero() -> None:
    generator = np.random.default_rng(2)
    corners = torch.from_numpy(generator.uniform(size=(4, 6)))
    alpha = torch.tensor([[2.0, 1.0, 3.0, 0.5]], dtype=torch.float64)
    prior = RegionDirichlet(alpha.log(), torch.zeros(1, dtype=torch.float64))
    likelihood, basis, label = laplace.Likelihood(corners, 0.04**2), helmert(4), torch.tensor([1])
    z = torch.from_numpy(generator.normal(size=(1, 3)))
    abundances = torch.softmax(z @ basis.T, dim=1)
    scores = abundances @ corners
    hessian = laplace.energy_parts(z, scores, label, prior, likelihood, basis)[2][0]
    spread = torch.diag(abundances[0]) - abundances.T @ abundances
    jacobian = basis.T @ spread @ corners
    formula = jacobian @ jacobian.T / 0.04**2 + alpha.sum() * basis.T @ spread @ basis
    torch.testing.assert_close(hessian, formula, rtol=1e-6, atol=1e-5)
    exact = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
        lambda z: laplace.energy(z[None], scores, label, prior, likelihood, basis)[0], z[0]
    )
    torch.testing.assert_close(hessian, exact, rtol=1e-6, atol=1e-5)


def test_the_region_posterior_is_the_gaussian_conditional_in_all_bands() -> None:
    generator = np.random.default_rng(3)
    endmembers, noise = generator.uniform(size=(3, 8)), 0.05
    abundances = generator.dirichlet([40, 30, 30], 3000)  # far from the boundary: no projection
    spectra = abundances @ endmembers + noise * generator.normal(size=(3000, 8))
    found = gaussian_posterior(spectra, endmembers, np.ones(3000, int), noise)
    assert found is not None
    edges = endmembers[:-1] - endmembers[-1]
    free = np.linalg.lstsq(edges.T, (spectra - endmembers[-1]).T, rcond=None)[0].T
    error = noise**2 * np.linalg.inv(edges @ edges.T)
    # The signal's covariance as the code shrinks it, in units of noise.
    whiten = np.linalg.inv(np.linalg.cholesky(error))
    values, vectors = np.linalg.eigh(np.cov((free @ whiten.T).T))
    signal = (vectors * np.maximum(values - 1 - 2 * np.sqrt(2 / 3000), 0)) @ vectors.T
    prior = np.linalg.inv(whiten) @ signal @ np.linalg.inv(whiten).T
    # Conditioning on the spectrum in all bands, without any reduction to P − 1 numbers.
    mean = free.mean(axis=0)
    gain = prior @ edges @ np.linalg.inv(edges.T @ prior @ edges + noise**2 * np.eye(8))
    expected = mean + (spectra - endmembers[-1] - mean @ edges) @ gain.T
    np.testing.assert_allclose(found.abundances[:, :2], expected, atol=1e-7)
    kept = prior - gain @ edges.T @ prior
    # What the uncertain mean adds: (I − K)(S + I)/n (I − K)ᵀ = (I − K)/n.
    shrink = np.linalg.inv(signal + np.eye(2))
    np.testing.assert_allclose(shrink @ (signal + np.eye(2)) @ shrink.T, shrink, atol=1e-12)
    added = np.linalg.inv(whiten) @ shrink @ np.linalg.inv(whiten).T / 3000
    np.testing.assert_allclose(found.std[:, :2], np.sqrt(np.diag(kept + added)) * np.ones((3000, 1)), rtol=1e-6)


@pytest.mark.parametrize(("size", "bands"), [(3, 30), (6, 60), (6, 120)])
def test_the_noise_factor_makes_exact_models_fit_to_one(size: int, bands: int) -> None:
    generator = np.random.default_rng(size + bands)
    endmembers = generator.uniform(size=(size, bands))
    spectra = generator.dirichlet(np.ones(size), 6000) @ endmembers + 0.01 * generator.normal(size=(6000, bands))
    # What a band leaves is σ²/(1 − leverage); leverages have the mean P/B, and the factor is their first order.
    leverage = (np.linalg.qr(endmembers.T)[0] ** 2).sum(axis=1)
    np.testing.assert_allclose(leverage.mean(), size / bands)
    left = noise_per_band(spectra) ** 2 / 0.01**2
    np.testing.assert_allclose(left.mean(), (1 / (1 - leverage)).mean(), rtol=0.01)
    found = noise_level(spectra, size)
    np.testing.assert_allclose(found, 0.01, rtol=0.015)
    assert np.sqrt(left.mean()) > 1.02  # without the factor it would not be
    excess = subspace_excess(spectra, size, found)
    np.testing.assert_allclose([excess.affine, excess.linear], 1, atol=0.015)


# --- the link


@pytest.mark.parametrize(("size", "regions"), [(4, 3), (4, 9), (3, 3)])
def test_score_and_prior_share_one_bilinear_form_of_rank_min_r_minus_1_p(size: int, regions: int) -> None:
    generator = np.random.default_rng(size * regions)
    alpha, weights = generator.uniform(0.5, 9, (regions, size)), generator.dirichlet(np.ones(regions) * 5)
    log_abundances = np.log(interior(generator, size, 500))
    log_base = generator.normal(size=500)  # any base measure, any Jacobian of f: the same for all regions
    density = log_abundances @ alpha.T + log_base[:, None] - generator.normal(size=regions)
    density = density - np.log(np.exp(density).mean(axis=0))  # normalised on this support: −log Z(u)
    log_normaliser = (density - log_abundances @ alpha.T - log_base[:, None])[0]
    marginal = np.log(np.exp(density) @ weights)
    score = density - marginal[:, None]
    form = log_abundances @ alpha.T + log_normaliser
    expected = form - np.log(np.exp(form) @ weights)[:, None]
    np.testing.assert_allclose(score, expected, atol=1e-11)
    both = score - score.mean(axis=0) - score.mean(axis=1, keepdims=True) + score.mean()
    values = np.linalg.svd(both, compute_uv=False)
    rank = min(regions - 1, size)
    assert values[rank - 1] > 1e-6 * values[0]
    assert (values[rank:] < 1e-12 * values[0]).all()
    posterior = np.exp(form + np.log(weights))
    np.testing.assert_allclose(
        posterior / posterior.sum(axis=1, keepdims=True), np.exp(score) * weights, rtol=1e-10
    )  # the softmax classifier


def test_the_codes_prior_is_that_form() -> None:
    generator = np.random.default_rng(5)
    log_alpha = torch.from_numpy(generator.normal(1, 0.5, (5, 4)))
    prior = RegionDirichlet(log_alpha, torch.full((5,), -math.log(5), dtype=torch.float64))
    log_abundances = torch.from_numpy(np.log(interior(generator, 4, 50)))
    density = torch.stack([prior.log_prob(log_abundances, torch.full((50,), u))[0] for u in range(1, 6)], dim=1)
    marginal = prior.log_prob(log_abundances, torch.zeros(50, dtype=torch.int64))[0]
    form = log_abundances @ prior.alpha.T - prior.log_normaliser()
    expected = form - torch.logsumexp(form - math.log(5), dim=1)[:, None]
    torch.testing.assert_close(density - marginal[:, None], expected, atol=1e-12, rtol=0)


# --- common steps and Theorem B


@pytest.mark.parametrize("size", [2, 3, 5])
def test_step_2_logarithms_are_independent_with_the_constant_even_on_a_small_ball(size: int) -> None:
    generator = np.random.default_rng(size)
    near = np.full(size, 1 / size) + 0.1 / size * centred(generator.uniform(-1, 1, (600, size)).T).T
    np.testing.assert_allclose(near.sum(axis=1), 1)
    columns = np.column_stack([np.ones(600), np.log(near)])
    values = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    assert values[-1] > 1e-6
    # Abundances themselves are not: they sum to one.
    assert np.linalg.svd(np.column_stack([np.ones(600), near]), compute_uv=False)[-1] < 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_steps_3_to_5_only_permutations_satisfy_the_ratio_equation(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    abundances = interior(generator, size)
    change = np.where(generator.uniform(size=size) < 0.5, -1, 1) * generator.uniform(0.3, 5, size)  # every α_j varies
    target = np.log(abundances) @ change[:, None]
    mixed = abundances @ simplex_map(generator, size).T
    assert unexplained(target, np.log(mixed)) > 1e-5
    reordered = abundances[:, generator.permutation(size)]
    assert unexplained(target, np.log(reordered)) < 1e-9


def test_step_4_residues() -> None:
    # On the hyperplane, −log distance to {a_j = 0} is the only thing that grows there, at the rate of its residue.
    generator = np.random.default_rng(6)
    change, matrix = np.array([1.5, -0.7, 2.0]), simplex_map(generator, 3)
    ends = [np.array([depth, 0.6 - depth, 0.4]) for depth in (1e-9, 1e-10)]
    rate = np.diff([np.log(end) @ change for end in ends])[0] / np.log(0.1)
    np.testing.assert_allclose(rate, change[0], atol=1e-6)
    elsewhere = np.diff([np.log(matrix @ end) @ change for end in ends])[0] / np.log(0.1)
    np.testing.assert_allclose(elsewhere, 0, atol=1e-6)


@pytest.mark.parametrize("outward", [True, False])
def test_one_constant_evidence_lets_the_others_slide(outward: bool) -> None:
    generator = np.random.default_rng(7)
    size, fixed = 4, 2
    endmembers = generator.uniform(size=(size, 10))
    alphas = generator.uniform(1, 6, (3, size))
    alphas[:, fixed] = 2.5
    factors = np.array([0.8, 0.6, 1.0, 0.9]) if outward else np.array([1.1, 1.0, 1.0, 1.2])
    change = np.diag(factors)
    change[fixed] = 1 - factors
    change[fixed, fixed] = 1
    abundances = generator.dirichlet(np.ones(size) * 3, 4000)
    if not outward:  # no pixel in the way: truncation
        abundances = abundances[abundances[:, fixed] > 0.25]
    other = abundances @ change.T
    assert (other > 0).all()
    np.testing.assert_allclose(other.sum(axis=1), 1)
    slid = endmembers[fixed] + (endmembers - endmembers[fixed]) / factors[:, None]
    np.testing.assert_allclose(other @ slid, abundances @ endmembers, atol=1e-12)  # the same spectra
    # Their law in the other model: a base measure that does not depend on u, times exp(α(u)ᵀ log ã).
    bases = np.array(
        [log_dirichlet(np.log(abundances), alpha) - np.log(other) @ alpha for alpha in alphas]
    )  # log Q̃ − log Z̃(u)
    spread = bases - bases[:1]
    np.testing.assert_allclose(spread, spread[:, :1] * np.ones_like(spread), atol=1e-10)
    # With every α_j varying that fails.
    alphas[:, fixed] = [1.0, 2.5, 4.0]
    bases = np.array([log_dirichlet(np.log(abundances), alpha) - np.log(other) @ alpha for alpha in alphas])
    assert np.ptp(bases[1] - bases[0]) > 0.1


# --- Theorem A


def monomial_sum(parameters: Array, logs: Array) -> float:
    """Mean square of Σ_i w_i ∏_j a_j^E_ij − 1 over points of the simplex."""
    size = logs.shape[1]
    exponents, log_weights = parameters[size:].reshape(size, size), parameters[:size]
    return float(np.mean((np.exp(logs @ exponents.T + log_weights).sum(axis=1) - 1) ** 2))


def test_step_6_is_solved_by_transposes() -> None:
    generator = np.random.default_rng(8)
    change, order = generator.normal(size=(4, 4)), np.array([2, 0, 3, 1])  # columns δ_r; h = a in another order
    other = change[order]
    abundances = interior(generator, 4)
    np.testing.assert_allclose(np.log(abundances) @ change, np.log(abundances[:, order]) @ other)
    exponents = np.linalg.inv(np.linalg.inv(change).T @ other.T)
    np.testing.assert_allclose(exponents, np.eye(4)[order], atol=1e-12)


def test_step_7_a_negative_exponent_makes_a_term_unbounded() -> None:
    exponents = np.array([0.5, -0.01, 2.0])
    depths = 10.0 ** -np.array([1.0, 100.0, 300.0])
    path = np.column_stack([(1 - depths) / 2, depths, (1 - depths) / 2])
    terms = np.exp(np.log(path) @ exponents)
    assert (np.diff(terms) > 0).all()
    np.testing.assert_allclose(terms[2] / terms[1], depths[2] ** -0.01 / depths[1] ** -0.01)


@pytest.mark.parametrize("size", [2, 3])
def test_steps_7_to_9_only_permutations_sum_to_one_everywhere(size: int) -> None:
    generator = np.random.default_rng(size)
    logs = np.log(np.vstack([generator.dirichlet(np.ones(size), 200), generator.dirichlet(np.full(size, 0.2), 200)]))
    logs = np.maximum(logs, -200.0)
    exact = 0
    for _ in range(12):
        start = np.concatenate([0.1 * generator.normal(size=size), generator.uniform(0, 1.5, size * size)])
        found = minimize(monomial_sum, start, args=(logs,), method="BFGS", options={"gtol": 1e-12, "maxiter": 400})
        exponents = found.x[size:].reshape(size, size)
        invertible = abs(np.linalg.det(exponents)) > 1e-3
        if found.fun < 1e-12 and invertible:
            exact += 1
            assert min(np.abs(exponents[list(p)] - np.eye(size)).max() for p in permutations(range(size))) < 1e-3
            np.testing.assert_allclose(found.x[:size], 0, atol=1e-3)
    assert exact > 0


def test_step_9_the_edge_forces_both_powers_to_one() -> None:
    t = np.linspace(0.001, 0.999, 999)
    for first, second in product((0.5, 1.0, 2.0, 3.0), repeat=2):
        gap = np.abs(t**first + (1 - t) ** second - 1).max()
        assert (gap < 1e-12) == (first == second == 1.0)


# --- noise


def test_a_smaller_noise_level_has_no_curve_to_live_on() -> None:
    # Deconvolving too little noise leaves full rank; the law of f(a) has the rank of its P − 1 dimensions.
    generator = np.random.default_rng(9)
    spectra = generator.dirichlet(np.ones(3), 100_000) @ generator.uniform(size=(3, 5)) + 0.05 * generator.normal(
        size=(100_000, 5)
    )
    for level, rank in ((0.05, 2), (0.03, 5)):
        left = np.linalg.eigvalsh(np.cov(spectra.T) - level**2 * np.eye(5))
        assert (left > 5e-4).sum() == rank


# --- sharpness


def test_too_few_regions_leave_a_flow() -> None:
    generator = np.random.default_rng(10)
    size, change = 4, generator.normal(size=(2, 4))  # R = 3 = P − 1 regions
    kernel = np.linalg.svd(change)[2][2:].T  # (P, 2)

    def along(logs: Array) -> Array:
        weights = np.exp(logs) @ kernel
        return np.column_stack([-weights[:, 1], weights[:, 0]]) @ kernel.T

    def flow(logs: Array, time: float, steps: int = 200) -> Array:
        for _ in range(steps):
            h = time / steps
            first = along(logs)
            second = along(logs + h / 2 * first)
            third = along(logs + h / 2 * second)
            logs = logs + h / 6 * (first + 2 * second + 2 * third + along(logs + h * third))
        return logs

    logs = np.log(interior(generator, size))
    moved = flow(logs, 1.5)
    np.testing.assert_allclose(np.exp(moved).sum(axis=1), 1, atol=1e-9)  # stays on the simplex
    np.testing.assert_allclose(moved @ change.T, logs @ change.T, atol=1e-10)  # and on its fibre: (∗) holds
    np.testing.assert_allclose(flow(moved, -1.5), logs, atol=1e-7)  # injective
    assert min(np.abs(np.exp(moved) - np.exp(logs)[:, list(p)]).max() for p in permutations(range(size))) > 0.05


def test_equal_concentrations_leave_a_perturbation() -> None:
    generator = np.random.default_rng(11)
    size, shift = 3, np.array([0.8, -0.3, 0.2])
    alphas = 9.0 * generator.dirichlet(np.full(size, 3.0), size)  # R = P regions
    abundances = interior(generator, size)
    moved = abundances * np.exp(shift)
    moved = moved / moved.sum(axis=1, keepdims=True)
    # Change of variables: |dh/da| = ∏h/∏a on the simplex, because perturbation translates log-ratios.
    slope = np.log(moved).sum(axis=1) - np.log(abundances).sum(axis=1)
    bases = [log_dirichlet(np.log(abundances), alpha) - slope - np.log(moved) @ alpha for alpha in alphas]
    for base in bases[1:]:
        assert np.ptp(base - bases[0]) < 1e-10  # one base measure serves all regions
    different = log_dirichlet(np.log(abundances), 2 * alphas[0]) - slope - np.log(moved) @ (2 * alphas[0])
    assert np.ptp(different - bases[0]) > 0.1


def test_a_kernel_of_one_sign_leaves_another_map() -> None:
    generator = np.random.default_rng(12)
    direction, shift = np.array([1.0, 2.0, 0.5]), np.array([0.5, -0.4, 0.1])
    change = np.linalg.svd(direction[None])[2][1:]
    abundances = interior(generator, 3)
    low, high = np.full(len(abundances), -20.0), np.full(len(abundances), 20.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = (abundances * np.exp(shift + middle[:, None] * direction)).sum(axis=1) > 1
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    moved = abundances * np.exp(shift + low[:, None] * direction)
    np.testing.assert_allclose(moved.sum(axis=1), 1, atol=1e-9)
    assert np.ptp((np.log(moved) - np.log(abundances)) @ change.T, axis=0).max() < 1e-9
    assert np.abs(np.sort(moved, axis=1) - np.sort(abundances, axis=1)).max() > 0.05


def test_concentration_one_half_is_the_exception_for_two_dirichlet_materials() -> None:
    h = np.linspace(0.01, 0.99, 99)
    a, slope = 4 * h / (1 + h) ** 2, 4 * (1 - h) / (1 + h) ** 3
    for total, same in ((0.5, True), (0.6, False), (2.0, False)):
        for first in (0.1 * total, 0.4 * total, 0.8 * total):
            pushed = beta.pdf(a, first, total - first) * slope
            equal = np.allclose(pushed, beta.pdf(h, first, 2 * (total - first)), rtol=1e-9)
            assert equal is same
    # The identity behind it, and that no other whole power has a single term left.
    for power in (2, 4, 6):
        odd = np.polynomial.Polynomial([1, 1]) ** power - np.polynomial.Polynomial([1, -1]) ** power
        assert (np.count_nonzero(odd.coef) == 1) == (power == 2)


# --- M2, M3, mixtures, no side information


def gamma_dirichlet(amounts: Array, alpha: Array, shape: float) -> Array:
    """The page's log density of g = s·a, up to its constant."""
    total = amounts.sum(axis=1)
    return np.asarray(np.log(amounts) @ (alpha - 1) + (shape - alpha.sum()) * np.log(total) - shape * total)


def test_the_density_of_illuminated_amounts() -> None:
    generator = np.random.default_rng(13)
    alpha, shape = np.array([2.0, 0.8, 3.0]), 7.0
    amounts = generator.uniform(0.1, 1, (300, 3))
    total = amounts.sum(axis=1)
    product_of_both = (
        log_dirichlet(np.log(amounts / total[:, None]), alpha)
        + gamma_distribution.logpdf(total, shape, scale=1 / shape)
        - 2 * np.log(total)  # dg = s^{P−1} da ds
    )
    assert np.ptp(product_of_both - gamma_dirichlet(amounts, alpha, shape)) < 1e-10


def test_illumination_adds_one_statistic_and_equal_rates_one_direction() -> None:
    generator = np.random.default_rng(14)
    size, regions = 4, 12
    alphas, shapes = generator.uniform(1, 8, (regions, size)), generator.uniform(3, 30, regions)
    amounts = generator.uniform(0.05, 1, (400, size))
    logs = np.array([gamma_dirichlet(amounts, a, k) for a, k in zip(alphas, shapes, strict=True)]).T
    assert np.linalg.matrix_rank(centred(logs) - centred(logs)[:, :1], tol=1e-8) == size + 1
    # Independent Gammas with one rate: T = (log g, g) has 2P entries, its parameters span P + 1.
    rates = generator.uniform(1, 5, (regions, 1))
    assert np.linalg.matrix_rank(np.hstack([alphas, np.repeat(-rates, size, axis=1)])[1:]) == size + 1


@pytest.mark.parametrize("varies", ["concentration", "shape", "neither"])
def test_two_lit_regions_fix_brightness_only_if_concentration_or_shape_varies(varies: str) -> None:
    generator = np.random.default_rng(15)
    first, second = np.array([2.0, 3.0, 4.0]), np.array([4.0, 1.0, 4.5 if varies == "concentration" else 4.0])
    if varies != "concentration":
        second = second * first.sum() / second.sum()
    shapes = (6.0, 11.0) if varies == "shape" else (6.0, 6.0)
    amounts = generator.uniform(0.05, 1, (500, 3))
    target = (gamma_dirichlet(amounts, second, shapes[1]) - gamma_dirichlet(amounts, first, shapes[0]))[:, None]

    def misfit(matrix: Array) -> float:
        other = amounts @ matrix.T
        return unexplained(target, np.column_stack([np.log(other), np.log(other.sum(axis=1)), other.sum(axis=1)]))

    assert misfit(np.eye(3)[[2, 0, 1]]) < 1e-9
    assert (misfit(np.diag([1.0, 0.7, 1.4])) < 1e-9) == (varies == "neither")
    assert misfit(simplex_map(generator, 3)) > 1e-4


def test_the_statistic_of_illumination_takes_every_value_twice() -> None:
    darker = np.linspace(0.05, 0.9, 30)
    value = np.log(darker) - darker
    low, high = np.ones(30), np.full(30, 50.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = np.log(middle) - middle > value
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    np.testing.assert_allclose(np.log(low) - low, value, atol=1e-9)
    assert (low > 1).all()


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_logistic_normal_needs_one_region_more_than_it_has_statistics(dimension: int) -> None:
    generator = np.random.default_rng(16)
    count = dimension * (dimension + 3) // 2
    z = generator.normal(size=(500, dimension))
    pairs = [(i, j) for i in range(dimension) for j in range(i, dimension)]
    columns = np.column_stack([np.ones(500), z, *(z[:, i] * z[:, j] for i, j in pairs)])
    assert np.linalg.matrix_rank(columns) == count + 1
    for regions in (count, count + 1, count + 3):
        logs = []
        for _ in range(regions):
            root = np.eye(dimension) + 0.4 * generator.normal(size=(dimension, dimension))
            moved = (z - generator.normal(size=dimension)) @ root
            logs.append(-0.5 * (moved**2).sum(axis=1))
        rank = np.linalg.matrix_rank((centred(np.array(logs).T).T - centred(np.array(logs).T)[:, 0]), tol=1e-8)
        assert rank == min(regions - 1, count)


def test_diagonal_covariances_do_not_survive_another_order_of_the_materials() -> None:
    basis = helmert(3).numpy()
    turn = basis.T @ np.eye(3)[[2, 0, 1]] @ basis
    np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-12)
    assert abs((turn @ np.diag([1.0, 3.0]) @ turn.T)[0, 1]) > 0.5


def test_linear_mixing_removes_the_affine_map_of_the_logistic_normal() -> None:
    generator = np.random.default_rng(17)
    basis, abundances = helmert(4).numpy(), interior(generator, 4)
    coordinates = np.log(abundances) @ basis
    assert unexplained(np.log(abundances[:, [3, 1, 0, 2]]) @ basis, coordinates) < 1e-10
    for _ in range(10):
        assert unexplained(np.log(abundances @ simplex_map(generator, 4).T) @ basis, coordinates) > 1e-3


def test_a_dirichlet_is_a_mixture_of_other_dirichlets() -> None:
    alpha, logs = np.array([2.0, 0.6, 3.5]), np.log(interior(np.random.default_rng(18), 3))
    parts = [alpha[j] / alpha.sum() * np.exp(log_dirichlet(logs, alpha + np.eye(3)[j])) for j in range(3)]
    np.testing.assert_allclose(np.sum(parts, axis=0), np.exp(log_dirichlet(logs, alpha)), rtol=1e-12)


def test_one_flat_prior_is_preserved_by_maps_that_are_no_permutation() -> None:
    generator = np.random.default_rng(19)
    abundances = generator.dirichlet(np.ones(3), 20_000)
    share = abundances[:, 1] / (1 - abundances[:, 0])  # uniform on (0, 1), independent of the first abundance
    turned = (share + 0.3) % 1
    moved = np.column_stack([abundances[:, 0], (1 - abundances[:, 0]) * turned, (1 - abundances[:, 0]) * (1 - turned)])
    for column in moved.T:
        assert kstest(column, beta(1, 2).cdf).pvalue > 1e-3
    assert kstest(moved[:, 1] / (moved[:, 1] + moved[:, 0]), "uniform").pvalue > 1e-3
    assert np.abs(np.sort(moved, axis=1) - np.sort(abundances, axis=1)).max() > 0.2


# --- metrics


def test_correlation_is_blind_to_affine_errors_and_rmse_is_not() -> None:
    abundances = np.random.default_rng(20).dirichlet(np.ones(4), 200)
    np.testing.assert_allclose(mean_correlation(0.5 * abundances + 0.1, abundances), 1)
    expected = np.sqrt(np.mean((0.5 * abundances - 0.1) ** 2))
    np.testing.assert_allclose(rmse(0.5 * abundances + 0.1, abundances), expected)
