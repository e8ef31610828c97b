"""Region priors: densities that integrate to one, slopes against finite differences, M-steps that climb, and the closed-form Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_unmix.model.logratio import helmert
from napari_unmix.model.priors.base import Moments, RegionPrior, reweighted, sums_by_region
from napari_unmix.model.priors.dirichlet import RegionDirichlet, fit_dirichlet
from napari_unmix.model.priors.gaussian import GaussianLaw, gaussian_posterior
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.rows.simplex import fully_constrained

PriorOf = Callable[[str, np.random.Generator, int, int], RegionPrior]
NAMES = ("dirichlet", "logistic-normal")


@pytest.mark.parametrize("name", NAMES)
def test_the_prior_integrates_to_one_in_log_ratio_coordinates(name: str, prior_of: PriorOf) -> None:
    # P = 2: one coordinate, so the integral is a sum.
    law = prior_of(name, np.random.default_rng(0), 2, 2)
    z = torch.linspace(-60, 60, 200_001, dtype=torch.float64)[:, None]
    for region in (0, 1, 2):
        density = law.log_prob(z, torch.full((len(z),), region)).exp()
        np.testing.assert_allclose(float(density.sum() * (z[1, 0] - z[0, 0])), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_region_is_the_mixture_of_all(name: str, prior_of: PriorOf) -> None:
    law = prior_of(name, np.random.default_rng(1), 3, 4)
    z = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 3)))
    each = torch.stack([law.log_prob(z, torch.full((5,), label)) for label in (1, 2, 3)], dim=1)
    mixed = torch.logsumexp(each - math.log(3), dim=1)
    torch.testing.assert_close(law.log_prob(z, torch.zeros(5, dtype=torch.int64)), mixed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [2, 4])
def test_the_quadratic_is_the_density_to_second_order(name: str, size: int, prior_of: PriorOf) -> None:
    law = prior_of(name, np.random.default_rng(3), 3, size)
    z = torch.from_numpy(np.random.default_rng(4).normal(size=(9, size - 1)))
    regions = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, 0])
    energy, gradient, hessian = law.quadratic(z, regions)
    torch.testing.assert_close(energy, -law.log_prob(z, regions))
    for pixel in range(9):

        def at(z: torch.Tensor, one: torch.Tensor = regions[pixel : pixel + 1]) -> torch.Tensor:
            return -law.log_prob(z[None], one)[0]

        slope = torch.autograd.functional.jacobian(at, z[pixel])  # type: ignore[no-untyped-call]
        torch.testing.assert_close(gradient[pixel], slope)
        if regions[pixel] > 0:  # elsewhere only the part that is positive
            exact = torch.autograd.functional.hessian(at, z[pixel])  # type: ignore[no-untyped-call]
            torch.testing.assert_close(hessian[pixel], exact)
    assert (torch.linalg.eigvalsh(hessian) >= -1e-12).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_m_step_has_the_highest_expected_density(name: str, prior_of: PriorOf) -> None:
    """For many pixels at known latents the M-step is maximum likelihood: any nudge of a parameter lowers the likelihood."""
    generator = np.random.default_rng(5)
    z = torch.from_numpy(generator.normal(size=(60_000, 2)) * 0.7 + 0.3)
    regions = torch.from_numpy(generator.integers(1, 3, len(z)))
    moments = Moments(z, torch.zeros(len(z), 2, 2, dtype=torch.float64))
    found = prior_of(name, generator, 2, 3)
    for _ in range(3):
        found = found.m_step(moments, regions)
    best = float(found.log_prob(z, regions).mean())
    for saved in found.saved().values():
        if saved.ndim > 1:  # log weights say nothing of pixels with known u
            for nudge in (0.02, -0.02):
                saved += nudge  # in place: a tensor of the law itself
                assert float(found.log_prob(z, regions).mean()) < best
                saved -= nudge


def test_posterior_moments_of_the_logarithm_against_sampling() -> None:
    generator = np.random.default_rng(6)
    mean, root = np.array([0.4, -0.3]), 0.25 * np.array([[1.0, 0.0], [0.6, 0.8]])
    draws = mean + generator.normal(size=(400_000, 2)) @ root.T
    sampled = torch.log_softmax(torch.from_numpy(draws) @ helmert(3).T, dim=1).mean(dim=0)
    moments = Moments(torch.from_numpy(mean)[None], torch.from_numpy(root @ root.T)[None])
    torch.testing.assert_close(moments.mean_log()[0], sampled, atol=2e-3, rtol=0)


@pytest.mark.parametrize(("seed", "size"), [(0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)])
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


def test_a_region_without_pixels_has_the_alpha_that_it_is_drawn_to() -> None:
    means = torch.log(torch.full((2, 3), 1 / 3, dtype=torch.float64))
    counts = torch.tensor([1e-9, 1e-9], dtype=torch.float64)
    centre = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]], dtype=torch.float64)
    start = torch.zeros(2, 3, dtype=torch.float64)
    torch.testing.assert_close(fit_dirichlet(means, counts, start, centre), centre, atol=1e-6, rtol=0)
    np.testing.assert_allclose(fit_dirichlet(means, counts, start).exp().numpy(), 3.0, rtol=1e-6)
    # A stronger pull leaves a region of ten pixels nearer to where it is drawn.
    ten, strong = torch.full((2,), 10.0).double(), torch.tensor([[1.0], [20.0]]).double()
    same = torch.ones(2, 3, dtype=torch.float64)
    apart = (fit_dirichlet(means, ten, start, same, strong) - same).abs().sum(dim=1)
    assert apart[1] < 0.7 * apart[0]


def test_pixels_of_unknown_u_are_shared_by_how_likely_each_region_is(prior_of: PriorOf) -> None:
    prior = prior_of("dirichlet", np.random.default_rng(0), 3, 3)
    assert isinstance(prior, RegionDirichlet)
    log_abundances = torch.log(torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64))
    each = torch.stack([prior.weighed(log_abundances, torch.tensor([label])).log_prob[0] for label in (1, 2, 3)])
    mixed = prior.weighed(log_abundances, torch.tensor([0])).log_prob[0]
    torch.testing.assert_close(mixed, torch.logsumexp(each + prior.log_weights, dim=0))
    counts, sums = prior.gather(log_abundances.repeat(2, 1), torch.tensor([0, 2]))
    expected = torch.softmax(each + prior.log_weights, dim=0) + torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(counts, expected)
    torch.testing.assert_close(sums, expected[:, None] * log_abundances)


def test_sums_and_weights_by_region() -> None:
    values = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)
    counts, sums = sums_by_region(values, torch.tensor([3, 1, 3]), 3)
    np.testing.assert_array_equal(counts.numpy(), [1, 0, 2])
    np.testing.assert_array_equal(sums.numpy(), [[2], [0], [5]])
    closed = reweighted(torch.tensor([0.0, -math.inf, 0.0]).double(), torch.tensor([1.0, 5.0, 3.0]).double())
    np.testing.assert_allclose(closed.exp().numpy(), [0.25, 0, 0.75])


# Logistic-normal


@pytest.mark.parametrize(("seed", "size"), [(0, 2), (1, 3), (2, 5)])
def test_logistic_normal_recovers_its_parameters_through_noise(seed: int, size: int) -> None:
    generator, noise = np.random.default_rng(seed), 0.3
    root = torch.from_numpy(generator.normal(size=(2, size - 1, size + 2)))
    covariance = root @ root.transpose(1, 2) / (size + 2) * 0.8 + 0.02 * torch.eye(size - 1, dtype=torch.float64)
    mean = torch.from_numpy(generator.normal(size=(2, size - 1)) * 0.5)
    truth = RegionLogisticNormal(mean, covariance, torch.zeros(2).double(), 0 * mean, torch.zeros(2).double())
    labels = torch.from_numpy(np.repeat([1, 2], 20_000))
    drawn = torch.from_numpy(generator.normal(size=(40_000, size - 1)))
    z = mean[labels - 1] + torch.einsum("nde,ne->nd", torch.linalg.cholesky(covariance)[labels - 1], drawn)
    seen = z + noise * torch.from_numpy(generator.normal(size=z.shape))
    law = truth
    for _ in range(40):
        # The exact posterior of z under a Gaussian law and Gaussian noise: EM must climb to the truth.
        gain = law.covariance @ torch.linalg.inv(law.covariance + noise**2 * torch.eye(size - 1).double())
        centre = law.mean[labels - 1] + torch.einsum("nde,ne->nd", gain[labels - 1], seen - law.mean[labels - 1])
        law = law.m_step(Moments(centre, (law.covariance - gain @ law.covariance)[labels - 1]), labels)
    np.testing.assert_allclose(law.mean.numpy(), mean.numpy(), atol=0.06)
    np.testing.assert_allclose(law.covariance.numpy(), covariance.numpy(), atol=0.08)


def test_regions_of_one_pixel_borrow_from_the_others(prior_of: PriorOf) -> None:
    generator = np.random.default_rng(3)
    labels = torch.from_numpy(np.concatenate([np.repeat([1, 2], 300), [3, 4]]))
    z = torch.from_numpy(generator.normal(size=(602, 2)))
    found = prior_of("logistic-normal", generator, 4, 3).m_step(
        Moments(z, torch.zeros(602, 2, 2, dtype=torch.float64)), labels
    )
    assert isinstance(found, RegionLogisticNormal)
    assert (torch.linalg.eigvalsh(found.covariance) > 0.3).all()
    # A mean of one pixel is halfway to the overall mean.
    torch.testing.assert_close(found.mean[2:], 0.5 * (z[600:] + z.mean(dim=0)))


def test_a_region_that_leans_is_drawn_to_its_lean() -> None:
    z, labels = torch.zeros(4, 2, dtype=torch.float64), torch.tensor([1, 1, 1, 2])
    lean = torch.tensor([[0.0, 0.0], [1.0, -2.0]], dtype=torch.float64)
    moments = Moments(z, torch.eye(2, dtype=torch.float64).expand(4, 2, 2))
    law = RegionLogisticNormal.from_moments(moments, labels, torch.zeros(2).double(), lean, torch.tensor([0.0, 3.0]))
    torch.testing.assert_close(law.mean, torch.tensor([[0.0, 0.0], [0.75, -1.5]], dtype=torch.float64))


def test_moment_matched_concentrations_are_those_of_a_dirichlet() -> None:
    # A Dirichlet with large α is nearly logistic-normal: its own α must come back.
    alpha = np.array([[40.0, 25.0, 60.0]])
    z = torch.from_numpy(np.log(np.random.default_rng(0).dirichlet(alpha[0], 200_000))) @ helmert(3)
    none = torch.zeros(1).double()
    law = RegionLogisticNormal(z.mean(dim=0)[None], torch.cov(z.T)[None], none, torch.zeros(1, 2).double(), none)
    np.testing.assert_allclose(law.concentrations().numpy(), alpha, rtol=0.15)


def test_a_dirichlet_becomes_the_logistic_normal_of_the_posteriors_moments() -> None:
    generator = np.random.default_rng(7)
    z = torch.from_numpy(generator.normal(size=(4000, 2)) * [0.5, 1.5] + [1.0, -1.0])
    regions = torch.from_numpy(np.repeat([1, 2], [3990, 10]))
    log_alpha = torch.zeros(2, 3, dtype=torch.float64)
    centre = torch.log(torch.tensor([[3.0, 3.0, 3.0], [8.0, 0.5, 0.5]], dtype=torch.float64))
    strength = torch.tensor([[1.0], [5.0]], dtype=torch.float64)
    weights = torch.tensor([0.0, -math.inf], dtype=torch.float64)
    prior = RegionDirichlet(log_alpha, weights, centre, strength)
    law = prior.logistic_normal(Moments(z, torch.zeros(4000, 2, 2, dtype=torch.float64)), regions)
    np.testing.assert_allclose(law.mean[0].numpy(), [1, -1], atol=0.1)
    np.testing.assert_allclose(law.covariance[0].diagonal().numpy(), [0.25, 2.25], rtol=0.1)
    # The stroke leans to E[z] of the Dirichlet that it leaned to: of material 0, whose log ratio to the others is high.
    draws = np.log(generator.dirichlet([8.0, 0.5, 0.5], 100_000)) @ helmert(3).numpy()
    np.testing.assert_allclose(law.lean[1].numpy(), draws.mean(axis=0), atol=0.05)
    np.testing.assert_array_equal(law.strength.numpy(), [0, 5])
    assert law.log_weights[1] == -math.inf
    # Asked once more, it leans where it leaned.
    again = law.logistic_normal(Moments(z, torch.zeros(4000, 2, 2, dtype=torch.float64)), regions)
    torch.testing.assert_close(again.lean, law.lean)
    torch.testing.assert_close(again.covariance, law.covariance)


# The closed-form Gaussian


def mixed(
    generator: np.random.Generator, noise: float, centres: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Spectra, endmembers, abundances and u of homogeneous regions with these abundances (R, P)."""
    endmembers = generator.uniform(size=(centres.shape[1], 40))
    regions = np.repeat(np.arange(1, len(centres) + 1), count)
    truth = centres[regions - 1]
    return truth @ endmembers + noise * generator.normal(size=(len(regions), 40)), endmembers, truth, regions


def test_region_gaussian_beats_least_squares_where_regions_are_homogeneous() -> None:
    generator = np.random.default_rng(8)
    spectra, endmembers, truth, regions = mixed(generator, 0.1, generator.dirichlet(np.ones(3) * 3, 6), 100)
    found = gaussian_posterior(spectra, endmembers, regions, 0.1)
    assert found is not None
    plain = fully_constrained(spectra, endmembers)
    assert np.sqrt(((found.abundances - truth) ** 2).mean()) < 0.3 * np.sqrt(((plain - truth) ** 2).mean())
    np.testing.assert_allclose(found.abundances.sum(axis=1), 1, atol=1e-9)
    assert found.abundances.min() >= 0
    shuffled = gaussian_posterior(spectra, endmembers, generator.permutation(regions), 0.1)
    assert shuffled is not None
    assert found.evidence > shuffled.evidence


def test_the_gaussians_evidence_is_the_marginal_likelihood_in_the_endmembers_plane_less_bic() -> None:
    """Against scipy's normal density in orthonormal coordinates, the covariance estimated as the module says."""
    from scipy.stats import multivariate_normal

    generator, noise, count = np.random.default_rng(12), 0.03, 400
    endmembers = generator.uniform(size=(3, 20))
    regions = np.repeat([1, 2], count)
    truth = np.where(regions[:, None] == 1, *(generator.dirichlet(a, 2 * count) for a in ([9, 5, 4], [3, 8, 6])))
    spectra = truth @ endmembers + noise * generator.normal(size=(2 * count, 20))
    found = gaussian_posterior(spectra, endmembers, regions, noise)
    assert found is not None
    plane = np.linalg.qr((endmembers[:-1] - endmembers[-1]).T)[0]
    scores = (spectra - endmembers[-1]) @ plane
    total = cost = 0.0
    for region in (1, 2):
        here = scores[regions == region]
        values, vectors = np.linalg.eigh(np.cov(here.T))
        signal = np.maximum(values - noise**2 * (1 + 2 * np.sqrt(2 / count)), 0)
        assert (signal > 0).all()
        covariance = (vectors * (signal + noise**2)) @ vectors.T
        total += multivariate_normal(here.mean(axis=0), covariance).logpdf(here).sum()
        cost += 0.5 * 5 * np.log(count)  # two of the mean, three of a full covariance
    np.testing.assert_allclose(found.evidence, (total - cost) / (2 * count), rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-3, 100.0])
def test_other_units_shift_the_gaussians_evidence_as_a_density_must(unit: float) -> None:
    generator = np.random.default_rng(13)
    spectra, endmembers, _, regions = mixed(generator, 0.05, generator.dirichlet(np.ones(3) * 3, 4), 50)
    first = gaussian_posterior(spectra, endmembers, regions, 0.05)
    other = gaussian_posterior(unit * spectra, unit * endmembers, regions, unit * 0.05)
    assert first is not None
    assert other is not None
    np.testing.assert_allclose(other.evidence, first.evidence - 2 * np.log(unit), atol=1e-6)
    np.testing.assert_allclose(other.abundances, first.abundances, atol=1e-7)


def test_region_gaussian_infers_unknown_regions() -> None:
    generator = np.random.default_rng(9)
    spectra, endmembers, truth, regions = mixed(generator, 0.1, np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]), 200)
    regions[::2] = 0
    found = gaussian_posterior(spectra, endmembers, regions, 0.1)
    assert found is not None
    assert np.sqrt(((found.abundances - truth) ** 2).mean()) < 0.02


def test_errors_of_the_endmembers_widen_the_gaussians_spread_where_no_prior_holds_it() -> None:
    generator = np.random.default_rng(14)
    endmembers = generator.uniform(size=(3, 20))
    truth = generator.dirichlet([20.0, 20.0, 20.0], 2000)
    noise = 1e-3
    spectra = truth @ endmembers + noise * generator.normal(size=(2000, 20))
    found = gaussian_posterior(spectra, endmembers, np.ones(2000, int), noise)
    assert found is not None
    np.testing.assert_allclose(found.std_with(np.zeros(3)), found.std)
    # With next to no noise the prior says nothing, and abundances follow the endmembers' errors: δa = −a_k β_k (ξ − its mean).
    added = found.std_with(np.array([0.1, 0.0, 0.0])) ** 2 - found.std**2
    np.testing.assert_allclose(added, (truth[:, [0]] * 0.1) ** 2 * np.full(3, 2 / 3), rtol=0.1)


def test_region_gaussian_declines_endmembers_that_are_alike() -> None:
    endmembers = np.random.default_rng(0).uniform(size=(3, 20))
    endmembers[2] = endmembers[1] * (1 + 1e-9)
    assert gaussian_posterior(endmembers.repeat(20, axis=0), endmembers, np.repeat([1, 2, 3], 20), 0.01) is None


def test_the_gaussian_takes_a_step_for_every_region() -> None:
    generator = np.random.default_rng(0)
    endmembers, regions = generator.uniform(0.1, 1, (3, 20)), np.repeat(np.arange(1, 8), 30)
    spectra = generator.dirichlet(np.ones(3), 210) @ endmembers + generator.normal(0, 0.01, (210, 20))
    law = GaussianLaw.of(spectra, endmembers, regions, 0.01)
    assert law is not None
    assert sum(1 for _ in law.posterior_steps()) == 7
