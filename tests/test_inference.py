"""Likelihoods, priors and the Laplace posterior: gradients, maximum likelihood, and sampling as the judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.methods.distributions import RegionDirichlet, fit_dirichlet, helmert
from napari_unmix.methods.generative import laplace
from napari_unmix.methods.generative.region_gaussian import gaussian_posterior

torch.set_default_dtype(torch.float32)  # the project's code names its own precision


def setting(seed: int, size: int, *, lit: bool, pixels: int = 30, regions: int = 3):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    corners = torch.from_numpy(generator.uniform(size=(size, size)))
    prior = RegionDirichlet(
        torch.from_numpy(generator.normal(0.5, 0.5, (regions, size))),
        torch.log(torch.full((regions,), 1 / regions, dtype=torch.float64)),
    )
    likelihood = laplace.Likelihood(corners, 0.03**2, *((8.0, 1.2) if lit else ()))
    labels = torch.from_numpy(generator.integers(0, regions + 1, pixels))
    latents = torch.from_numpy(generator.normal(size=(pixels, size - 1 + lit)) * 0.7)
    abundances = generator.dirichlet(np.ones(size), pixels)
    light = generator.uniform(0.6, 1.6, (pixels, 1)) if lit else 1.0
    scores = torch.from_numpy(light * (abundances @ corners.numpy()) + 0.03 * generator.normal(size=(pixels, size)))
    return latents, scores, labels, prior, likelihood, helmert(size)


def test_helmert_columns_are_orthonormal_and_sum_to_zero() -> None:
    for size in (2, 3, 7):
        basis = helmert(size)
        torch.testing.assert_close(basis.T @ basis, torch.eye(size - 1, dtype=torch.float64))
        torch.testing.assert_close(basis.sum(dim=0), torch.zeros(size - 1, dtype=torch.float64))


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_closed_form_gradients_equal_finite_differences(size: int, lit: bool) -> None:
    latents, scores, labels, prior, likelihood, basis = setting(size, size, lit=lit)
    energy, gradient, hessian = laplace.energy_parts(latents, scores, labels, prior, likelihood, basis)
    torch.testing.assert_close(energy, laplace.energy(latents, scores, labels, prior, likelihood, basis))
    for direction in range(latents.shape[1]):
        nudge = torch.zeros_like(latents)
        nudge[:, direction] = 1e-5
        up, down = (laplace.energy(latents + s * nudge, scores, labels, prior, likelihood, basis) for s in (1, -1))
        torch.testing.assert_close(gradient[:, direction], (up - down) / 2e-5, rtol=1e-4, atol=1e-4)
    assert (torch.linalg.eigvalsh(hessian) > 0).all()


def test_the_prior_integrates_to_one_in_log_ratio_coordinates() -> None:
    # P = 2: one coordinate, so the integral is a sum. The Jacobian's constant is the square root of P.
    prior = RegionDirichlet(
        torch.log(torch.tensor([[2.5, 0.8]], dtype=torch.float64)), torch.zeros(1, dtype=torch.float64)
    )
    z = torch.linspace(-60, 60, 200_001, dtype=torch.float64)[:, None]
    log_abundances = torch.log_softmax(z @ helmert(2).T, dim=1)
    density = prior.log_prob(log_abundances, torch.ones(len(z), dtype=torch.int64))[0].exp()
    np.testing.assert_allclose(float(density.sum() * (z[1, 0] - z[0, 0])) * math.sqrt(2), 1, rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_dirichlet_maximum_likelihood_recovers_its_parameters(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0.5, 12, (3, size))
    means = np.array([np.log(generator.dirichlet(row, 20_000)).mean(axis=0) for row in truth])
    found = fit_dirichlet(
        torch.from_numpy(means),
        torch.full((3,), 20_000.0, dtype=torch.float64),
        torch.zeros(3, size, dtype=torch.float64),
    )
    np.testing.assert_allclose(found.exp().numpy(), truth, rtol=0.08)


def test_unknown_regions_are_a_mixture_and_known_ones_are_not() -> None:
    *_, prior, _, _ = setting(0, 3, lit=False)
    log_abundances = torch.log(torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64))
    each = torch.stack([prior.log_prob(log_abundances, torch.tensor([label]))[0][0] for label in (1, 2, 3)])
    mixed = prior.log_prob(log_abundances, torch.tensor([0]))[0][0]
    torch.testing.assert_close(mixed, torch.logsumexp(each + prior.log_weights, dim=0))
    counts, sums = prior.gather(log_abundances.repeat(2, 1), torch.tensor([0, 2]))
    expected = torch.softmax(each + prior.log_weights, dim=0) + torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(counts, expected)
    torch.testing.assert_close(sums, expected[:, None] * log_abundances)


@pytest.mark.parametrize("lit", [False, True])
def test_the_solver_ends_at_a_mode_from_any_start(lit: bool) -> None:
    latents, scores, labels, prior, likelihood, basis = setting(5, 4, lit=lit)
    first = laplace.solve(latents, scores, labels, prior, likelihood, iterations=60)
    second = laplace.solve(torch.zeros_like(latents), scores, labels, prior, likelihood, iterations=60)
    assert (first.energy <= laplace.energy(latents, scores, labels, prior, likelihood, basis) + 1e-9).all()
    # Known regions have one mode here; both starts find it.
    known = labels > 0
    torch.testing.assert_close(first.energy[known], second.energy[known], atol=1e-4, rtol=1e-4)
    gradient = laplace.energy_parts(first.latents, scores, labels, prior, likelihood, basis)[1]
    assert gradient[known].norm(dim=1).max() < 0.05


def test_laplace_moments_and_evidence_agree_with_sampling() -> None:
    latents, scores, _, prior, likelihood, basis = setting(7, 3, lit=False, pixels=12)
    labels = torch.full((12,), 2)
    posterior = laplace.solve(latents, scores, labels, prior, likelihood, iterations=60)
    std = laplace.abundance_std(posterior, basis)
    mean_log = laplace.mean_log_abundances(posterior, basis)
    draws = torch.from_numpy(np.random.default_rng(0).dirichlet(prior.alpha[1].numpy(), 400_000))
    ratios = []
    for pixel in range(12):
        fit = -((scores[pixel] - draws @ likelihood.endmembers) ** 2).sum(dim=1) / (2 * likelihood.variance)
        weights = torch.softmax(fit, dim=0)
        mean = weights @ draws
        sampled_std = (weights @ (draws - mean) ** 2).sqrt()
        evidence = torch.logsumexp(fit, dim=0) - math.log(len(draws)) - 0.5 * math.log(3)
        np.testing.assert_allclose(float(posterior.evidence[pixel]), float(evidence), atol=0.5)
        ratios.append(std[pixel].numpy() / sampled_std.numpy())
        np.testing.assert_allclose(mean_log[pixel].numpy(), (weights @ draws.clamp_min(1e-30).log()).numpy(), atol=0.7)
    # Near the boundary the Laplace spread is rough; it is right where it matters, and never off by more than two.
    np.testing.assert_allclose(np.median(ratios), 1, atol=0.1)
    assert 0.5 < np.min(ratios) < np.max(ratios) < 2


def test_region_gaussian_beats_least_squares_where_regions_are_homogeneous() -> None:
    generator = np.random.default_rng(8)
    endmembers = generator.uniform(size=(3, 40))
    centres = generator.dirichlet(np.ones(3) * 3, 6)
    regions = np.repeat(np.arange(1, 7), 100)
    truth = centres[regions - 1]
    spectra = truth @ endmembers + 0.1 * generator.normal(size=(600, 40))
    found = gaussian_posterior(spectra, endmembers, regions, 0.1)
    assert found is not None
    from napari_unmix.simplex import fully_constrained

    error, plain = (
        np.sqrt(((a - truth) ** 2).mean()) for a in (found.abundances, fully_constrained(spectra, endmembers))
    )
    assert error < 0.3 * plain
    np.testing.assert_allclose(found.abundances.sum(axis=1), 1, atol=1e-9)
    assert found.abundances.min() >= 0
    shuffled = gaussian_posterior(spectra, endmembers, generator.permutation(regions), 0.1)
    assert shuffled is not None
    assert found.evidence > shuffled.evidence


def test_region_gaussian_infers_unknown_regions() -> None:
    generator = np.random.default_rng(9)
    endmembers = generator.uniform(size=(3, 40))
    truth = np.repeat(np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]), 200, axis=0)
    spectra = truth @ endmembers + 0.1 * generator.normal(size=(400, 40))
    regions = np.repeat([1, 2], 200)
    regions[::2] = 0
    found = gaussian_posterior(spectra, endmembers, regions, 0.1)
    assert found is not None
    assert np.sqrt(((found.abundances - truth) ** 2).mean()) < 0.02


def test_region_gaussian_declines_endmembers_that_are_alike() -> None:
    endmembers = np.random.default_rng(0).uniform(size=(3, 20))
    endmembers[2] = endmembers[1] * (1 + 1e-9)
    assert gaussian_posterior(endmembers.repeat(20, axis=0), endmembers, np.repeat([1, 2, 3], 20), 0.01) is None
