"""The theory page, ``resources/docs/theory.md``, evaluated: both sides of its formulas, against the program's code."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

from napari_unmix.model import law
from napari_unmix.model.logratio import helmert
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.gaussian import gaussian_posterior
from napari_unmix.regions.moments import RegionMoments, fit_region_moments, region_moments
from napari_unmix.rows.metrics import mean_correlation, rmse
from napari_unmix.rows.subspace import noise_level, noise_per_band, subspace_excess

Array = np.ndarray


def interior(generator: np.random.Generator, size: int, count: int = 400) -> Array:
    """Points of the open simplex, not near its boundary."""
    return 0.02 + (1 - 0.02 * size) * generator.dirichlet(np.ones(size), count)


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
    alphas = generator.uniform(1, 8, (3, 3))
    moments = exact_moments(vertices, alphas)
    spectra = vertices + 10.0
    centre = spectra.mean(axis=0)
    fit = fit_region_moments(moments, [centre + growth * (spectra - centre) for growth in (1.2, 1.5)])
    assert min(np.abs(fit.endmembers[list(p)] - spectra).max() for p in permutations(range(3))) < 0.02
    np.testing.assert_allclose(fit.concentrations, alphas.sum(axis=1), rtol=0.02)


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
        # So the code's density with respect to z is the Dirichlet's, times that Jacobian.
        alpha = torch.linspace(0.5, 3.0, size, dtype=torch.float64)
        prior = RegionDirichlet(alpha.log()[None], torch.zeros(1, dtype=torch.float64))
        code = prior.log_prob(z[None], torch.tensor([1]))[0]
        direct = torch.distributions.Dirichlet(alpha).log_prob(torch.softmax(basis @ z, 0)) + product_of_all.log()
        direct = direct + 0.5 * math.log(size)
        torch.testing.assert_close(code, direct)


def test_gauss_newton_is_the_formula_and_exact_where_the_residual_is_zero() -> None:
    generator = np.random.default_rng(2)
    corners = torch.from_numpy(generator.uniform(size=(4, 6)))
    alpha = torch.tensor([[2.0, 1.0, 3.0, 0.5]], dtype=torch.float64)
    prior = RegionDirichlet(alpha.log(), torch.zeros(1, dtype=torch.float64))
    model = law.Model(prior, LinearMixing(corners), 0.04**2)
    basis, label = helmert(4), torch.tensor([1])
    z = torch.from_numpy(generator.normal(size=(1, 3)))
    abundances = torch.softmax(z @ basis.T, dim=1)
    scores = abundances @ corners
    hessian = law.quadratic(z, scores, label, model)[2][0]
    spread = torch.diag(abundances[0]) - abundances.T @ abundances
    jacobian = basis.T @ spread @ corners
    formula = jacobian @ jacobian.T / 0.04**2 + alpha.sum() * basis.T @ spread @ basis
    torch.testing.assert_close(hessian, formula, rtol=1e-6, atol=1e-5)
    exact = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
        lambda z: law.energy(z[None], scores, label, model)[0], z[0]
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
    density = torch.stack([prior.weighed(log_abundances, torch.full((50,), u)).log_prob for u in range(1, 6)], dim=1)
    marginal = prior.weighed(log_abundances, torch.zeros(50, dtype=torch.int64)).log_prob
    form = log_abundances @ prior.alpha.T - prior.log_normaliser()
    expected = form - torch.logsumexp(form - math.log(5), dim=1)[:, None]
    torch.testing.assert_close(density - marginal[:, None], expected, atol=1e-12, rtol=0)


# --- metrics


def test_correlation_is_blind_to_affine_errors_and_rmse_is_not() -> None:
    abundances = np.random.default_rng(20).dirichlet(np.ones(4), 200)
    np.testing.assert_allclose(mean_correlation(0.5 * abundances + 0.1, abundances), 1)
    expected = np.sqrt(np.mean((0.5 * abundances - 0.1) ** 2))
    np.testing.assert_allclose(rmse(0.5 * abundances + 0.1, abundances), expected)
