"""Likelihoods, priors and the Laplace posterior: gradients, maximum likelihood, and sampling as the judge."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.answer import drain
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model import infer
from napari_unmix.model.learn import first_dirichlet, first_light
from napari_unmix.model.mixing.pixel import BilinearMixing, FanMixing, LinearMixing, VariableMixing
from napari_unmix.model.priors.dirichlet import Moments, RegionDirichlet, fit_dirichlet, helmert
from napari_unmix.model.priors.gaussian import gaussian_posterior
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.spread import abundance_std, endmember_error
from napari_unmix.pipeline import unmix
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.synthetic import blind_scene, region_scene, sample_scene

torch.set_default_dtype(torch.float32)  # the project's code names its own precision


def random_prior(name: str, generator: np.random.Generator, regions: int, size: int):  # type: ignore[no-untyped-def]
    weights = torch.log(torch.full((regions,), 1 / regions, dtype=torch.float64))
    if name == "dirichlet":
        return RegionDirichlet(torch.from_numpy(generator.normal(0.5, 0.5, (regions, size))), weights)
    root = torch.from_numpy(generator.normal(size=(regions, size - 1, size + 2)))
    covariance = root @ root.transpose(1, 2) / (size + 2) * 0.8 + 0.02 * torch.eye(size - 1, dtype=torch.float64)
    mean = torch.from_numpy(generator.normal(size=(regions, size - 1)) * 0.5)
    return RegionLogisticNormal(mean, covariance, weights, torch.zeros_like(mean), torch.zeros(regions).double())


def random_mixing(name: str, corners: torch.Tensor, generator: np.random.Generator):  # type: ignore[no-untyped-def]
    basis = torch.eye(corners.shape[1], dtype=torch.float64)
    if name == "linear":
        return LinearMixing(corners)
    if name == "fan":
        return FanMixing.of(corners, basis)
    if name == "bilinear":
        return BilinearMixing.of(corners, basis)
    directions = torch.from_numpy(0.1 * generator.normal(size=(2, *corners.shape)))
    return VariableMixing(LinearMixing(corners), directions)


def setting(  # type: ignore[no-untyped-def]
    seed: int,
    size: int,
    *,
    lit: bool,
    pixels: int = 30,
    regions: int = 3,
    prior: str = "dirichlet",
    mixing: str = "linear",
):
    """Latents, scores, u and a model: whatever the mixing adds is in the scores' coordinates, as many as endmembers and a few."""
    generator = np.random.default_rng(seed)
    corners = torch.from_numpy(generator.uniform(size=(size, size + 3 * (mixing != "linear"))))
    law = random_prior(prior, generator, regions, size)
    labels = torch.from_numpy(generator.integers(0, regions + 1, pixels))
    light = infer.Light(torch.from_numpy(generator.uniform(4, 12, regions + 1)), 1.2) if lit else None
    model = infer.Model(law, random_mixing(mixing, corners, generator), 0.03**2, light)
    truth = torch.from_numpy(generator.normal(size=(pixels, model.dimension)) * 0.6)
    scores = model.mixed(truth) + 0.03 * torch.from_numpy(generator.normal(size=(pixels, corners.shape[1])))
    latents = torch.from_numpy(generator.normal(size=(pixels, model.dimension)) * 0.7)
    return latents, scores, labels, model


def test_helmert_columns_are_orthonormal_and_sum_to_zero() -> None:
    for size in (2, 3, 7):
        basis = helmert(size)
        torch.testing.assert_close(basis.T @ basis, torch.eye(size - 1, dtype=torch.float64))
        torch.testing.assert_close(basis.sum(dim=0), torch.zeros(size - 1, dtype=torch.float64))


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("mixing", ["linear", "bilinear", "variable"])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_closed_form_gradients_equal_finite_differences(size: int, mixing: str, prior: str, lit: bool) -> None:
    latents, scores, labels, model = setting(size, size, lit=lit, prior=prior, mixing=mixing)
    energy, gradient, hessian = infer.energy_parts(latents, scores, labels, model)
    torch.testing.assert_close(energy, infer.energy(latents, scores, labels, model))
    for direction in range(latents.shape[1]):
        nudge = torch.zeros_like(latents)
        nudge[:, direction] = 1e-5
        up, down = (infer.energy(latents + s * nudge, scores, labels, model) for s in (1, -1))
        torch.testing.assert_close(gradient[:, direction], (up - down) / 2e-5, rtol=1e-4, atol=1e-3)
    assert (torch.linalg.eigvalsh(hessian) > 0).all()


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_permuting_the_materials_permutes_the_posterior(prior: str) -> None:
    latents, scores, labels, model = setting(3, 4, lit=False, prior=prior, mixing="fan")
    order = [2, 0, 3, 1]
    turn = model.basis()[order].T @ model.basis()  # z of the permuted abundances is z @ turn
    law = model.prior
    if isinstance(law, RegionDirichlet):
        permuted = RegionDirichlet(law.log_alpha[:, order], law.log_weights)
    else:
        permuted = RegionLogisticNormal(
            law.mean @ turn, turn.T @ law.covariance @ turn, law.log_weights, law.lean @ turn, law.strength
        )
    mixing = FanMixing.of(model.mixing.endmembers[order], torch.eye(scores.shape[1], dtype=torch.float64))
    other = infer.Model(permuted, mixing, model.variance)
    first = infer.solve(latents, scores, labels, model, iterations=60)
    second = infer.solve(latents @ turn, scores, labels, other, iterations=60)
    torch.testing.assert_close(second.evidence, first.evidence, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        other.abundances(second.latents), model.abundances(first.latents)[:, order], atol=1e-5, rtol=1e-4
    )


def test_the_prior_integrates_to_one_in_log_ratio_coordinates() -> None:
    # P = 2: one coordinate, so the integral is a sum.
    prior = RegionDirichlet(
        torch.log(torch.tensor([[2.5, 0.8]], dtype=torch.float64)), torch.zeros(1, dtype=torch.float64)
    )
    z = torch.linspace(-60, 60, 200_001, dtype=torch.float64)[:, None]
    for law in (prior, random_prior("logistic-normal", np.random.default_rng(0), 1, 2)):
        density = law.log_density(z, torch.ones(len(z), dtype=torch.int64)).exp()
        np.testing.assert_allclose(float(density.sum() * (z[1, 0] - z[0, 0])), 1, rtol=1e-5)


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
    prior = random_prior("dirichlet", np.random.default_rng(0), 3, 3)
    log_abundances = torch.log(torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64))
    each = torch.stack([prior.log_prob(log_abundances, torch.tensor([label]))[0][0] for label in (1, 2, 3)])
    mixed = prior.log_prob(log_abundances, torch.tensor([0]))[0][0]
    torch.testing.assert_close(mixed, torch.logsumexp(each + prior.log_weights, dim=0))
    counts, sums = prior.gather(log_abundances.repeat(2, 1), torch.tensor([0, 2]))
    expected = torch.softmax(each + prior.log_weights, dim=0) + torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(counts, expected)
    torch.testing.assert_close(sums, expected[:, None] * log_abundances)


def test_an_unknown_region_is_a_mixture_of_logistic_normals() -> None:
    law = random_prior("logistic-normal", np.random.default_rng(1), 3, 4)
    z = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 3)))
    each = torch.stack([law.log_density(z, torch.full((5,), label)) for label in (1, 2, 3)], dim=1)
    mixed = torch.logsumexp(each + law.log_weights, dim=1)
    torch.testing.assert_close(law.log_density(z, torch.zeros(5, dtype=torch.int64)), mixed)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_logistic_normal_recovers_its_parameters_through_noise(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    truth = random_prior("logistic-normal", generator, 2, size)
    labels = torch.from_numpy(np.repeat([1, 2], 20_000))
    noise = 0.3
    z = truth.mean[labels - 1] + torch.einsum(
        "nde,ne->nd",
        torch.linalg.cholesky(truth.covariance)[labels - 1],
        torch.from_numpy(generator.normal(size=(40_000, size - 1))),
    )
    seen = z + noise * torch.from_numpy(generator.normal(size=z.shape))
    law = truth
    for _ in range(60):
        # The exact posterior of z under a Gaussian law and Gaussian noise: EM must climb to the truth.
        gain = law.covariance @ torch.linalg.inv(law.covariance + noise**2 * torch.eye(size - 1).double())
        mean = law.mean[labels - 1] + torch.einsum("nde,ne->nd", gain[labels - 1], seen - law.mean[labels - 1])
        law = law.updated(Moments(mean, (law.covariance - gain @ law.covariance)[labels - 1]), labels)
    np.testing.assert_allclose(law.mean.numpy(), truth.mean.numpy(), atol=0.06)
    np.testing.assert_allclose(law.covariance.numpy(), truth.covariance.numpy(), atol=0.08)


def test_regions_of_one_pixel_borrow_from_the_others() -> None:
    generator = np.random.default_rng(3)
    labels = torch.from_numpy(np.concatenate([np.repeat([1, 2], 300), [3, 4]]))
    z = torch.from_numpy(generator.normal(size=(602, 2)))
    law = random_prior("logistic-normal", generator, 4, 3)
    found = law.updated(Moments(z, torch.zeros(602, 2, 2, dtype=torch.float64)), labels)
    assert (torch.linalg.eigvalsh(found.covariance) > 0.3).all()
    assert torch.isfinite(found.mean).all()


def test_moment_matched_concentrations_are_those_of_a_dirichlet() -> None:
    # A Dirichlet with large α is nearly logistic-normal: its own α must come back.
    alpha = np.array([[40.0, 25.0, 60.0]])
    z = torch.from_numpy(np.log(np.random.default_rng(0).dirichlet(alpha[0], 200_000))) @ helmert(3)
    law = RegionLogisticNormal(
        z.mean(dim=0)[None],
        torch.cov(z.T)[None],
        torch.zeros(1).double(),
        torch.zeros(1, 2).double(),
        torch.zeros(1).double(),
    )
    np.testing.assert_allclose(law.concentrations().numpy(), alpha, rtol=0.15)


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_the_solver_ends_at_a_mode_from_any_start(prior: str, lit: bool) -> None:
    latents, scores, labels, model = setting(5, 4, lit=lit, prior=prior)
    first = infer.solve(latents, scores, labels, model, iterations=60)
    second = infer.solve(torch.zeros_like(latents), scores, labels, model, iterations=60)
    assert (first.energy <= infer.energy(latents, scores, labels, model) + 1e-9).all()
    # Known regions have one mode here; both starts find it.
    known = labels > 0
    torch.testing.assert_close(first.energy[known], second.energy[known], atol=1e-4, rtol=1e-4)
    gradient = infer.energy_parts(first.latents, scores, labels, model)[1]
    assert gradient[known].norm(dim=1).max() < 0.05


def prior_draws(law, count: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """(count, P) abundances from region 2 of a prior."""
    generator = np.random.default_rng(0)
    if isinstance(law, RegionDirichlet):
        return torch.from_numpy(generator.dirichlet(law.alpha[1].numpy(), count))
    z = generator.multivariate_normal(law.mean[1].numpy(), law.covariance[1].numpy(), count)
    return torch.softmax(torch.from_numpy(z) @ helmert(z.shape[1] + 1).T, dim=1)


@pytest.mark.parametrize(
    ("prior", "mixing"), [("dirichlet", "linear"), ("logistic-normal", "linear"), ("dirichlet", "bilinear")]
)
def test_laplace_moments_and_evidence_agree_with_sampling(prior: str, mixing: str) -> None:
    latents, scores, _, model = setting(7, 3, lit=False, pixels=12, prior=prior, mixing=mixing)
    labels = torch.full((12,), 2)
    posterior = infer.solve(latents, scores, labels, model, iterations=60)
    std = abundance_std(posterior, model)
    mean_log = posterior.moments(2).mean_log()
    draws = prior_draws(model.prior, 400_000)
    extras = torch.from_numpy(np.random.default_rng(1).normal(size=(len(draws), model.mixing.extras)))
    mixed = model.mixing.value(draws, extras)
    ratios = []
    for pixel in range(12):
        fit = -((scores[pixel] - mixed) ** 2).sum(dim=1) / (2 * model.variance)
        weights = torch.softmax(fit, dim=0)
        mean = weights @ draws
        sampled_std = (weights @ (draws - mean) ** 2).sqrt()
        evidence = torch.logsumexp(fit, dim=0) - math.log(len(draws))
        np.testing.assert_allclose(float(posterior.evidence[pixel]), float(evidence), atol=0.5)
        ratios.append(std[pixel].numpy() / sampled_std.numpy())
        sampled_log = (weights @ draws.clamp_min(1e-30).log()).numpy()
        np.testing.assert_allclose(mean_log[pixel].numpy(), sampled_log, atol=0.7)
    # Near the boundary the Laplace spread is rough; it is right where it matters, and never off by more than two.
    np.testing.assert_allclose(np.median(ratios), 1, atol=0.1)
    assert 0.5 < np.min(ratios) < np.max(ratios) < 2


def test_errors_of_the_endmembers_widen_the_spread_as_a_refit_would() -> None:
    latents, scores, labels, model = setting(11, 3, lit=False, pixels=40)
    labels = labels.clamp_min(1)
    posterior = infer.solve(latents, scores, labels, model, iterations=60)
    error = torch.tensor([0.02, 0.04, 0.01], dtype=torch.float64)
    corners, generator = model.mixing.endmembers, torch.Generator().manual_seed(0)
    refits = []
    for _ in range(200):
        shares = torch.randn(3, 3, generator=generator, dtype=torch.float64)
        moved = corners + error[:, None] * (shares @ (corners - corners.mean(dim=0)))
        law = infer.Model(model.prior, LinearMixing(moved), model.variance)
        refits.append(law.abundances(infer.solve(posterior.latents, scores, labels, law, iterations=30).latents))
    added = abundance_std(posterior, model, error) ** 2 - abundance_std(posterior, model) ** 2
    sampled = torch.stack(refits).var(dim=0)
    inside = model.abundances(posterior.latents).amin(dim=1) > 0.1  # where the linearisation is meant to hold
    assert bool(inside.any())
    np.testing.assert_allclose(float((added[inside] / sampled[inside]).median()), 1, atol=0.25)


def test_standard_errors_of_the_endmembers_are_the_size_of_their_errors() -> None:
    """The log of real over stated error, over scenes: none far off, and on average none. In shares of the simplex, m̄ the mean endmember."""
    ratios = []
    for seed in range(8):
        scene = region_scene(520 + seed, materials=3 + seed % 2, regions=14, size=40)
        spectra, valid, count = scene.cube.pixels(), scene.cube.valid_pixels, len(scene.endmembers)
        found = drain(find_endmembers(spectra, count, sum_to_one=True, strokes=[], seed=0))  # type: ignore[arg-type]
        refined = refine_by_regions(spectra, scene.annotation.labels.ravel(), valid, found, sum_to_one=True)
        moved = refined.endmembers[match_endmembers(refined.endmembers, scene.endmembers)] - scene.endmembers
        shares = moved @ np.linalg.pinv(scene.endmembers - scene.endmembers.mean(axis=0))
        real = np.sqrt((shares**2).sum() / (count * (count - 1)))
        ratios.append(real / np.sqrt((endmember_error(refined, found) ** 2).mean()))
    assert 0.6 < np.exp(np.mean(np.log(ratios))) < 1.6
    assert 0.2 < min(ratios) < max(ratios) < 4


def test_the_endmembers_errors_do_not_depend_on_the_geometrys_brightness() -> None:
    scene = sample_scene()
    spectra, valid = scene.cube.pixels(), scene.cube.valid_pixels
    found = drain(find_endmembers(spectra, 5, sum_to_one=False, strokes=[], seed=0))  # type: ignore[arg-type]
    dimmed = replace(found, endmembers=found.endmembers * np.array([[0.2], [3.0], [11.0], [1.0], [0.01]]))
    errors = []
    for each in (found, dimmed):
        refined = refine_by_regions(spectra, scene.annotation.labels.ravel(), valid, each, sum_to_one=False)
        assert refined.accepted
        errors.append(endmember_error(refined, each))
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-6)
    # Regions that were refused leave more open, and so does extrapolation.
    refused = replace(refined, accepted=False, averaged=False)
    assert endmember_error(refused, found).mean() > errors[0].mean()
    held = Refined(refined.endmembers, np.zeros(5))
    assert (endmember_error(held, replace(found, pure=False)) > endmember_error(held, replace(found, pure=True))).all()


def test_the_region_prior_is_chosen_by_evidence_and_said() -> None:
    made = region_scene(3, materials=3, regions=8, size=24)
    results = {
        prior: drain(unmix(made.cube, IvaeSpec(endmembers=3, epochs=1, prior=prior), made.annotation))  # type: ignore[arg-type]
        for prior in ("auto", "dirichlet", "logistic-normal")
    }
    details = results["auto"].details
    assert set(details["evidence_by_prior"]) == {"dirichlet", "logistic-normal", "gaussian"}
    assert details["evidence_by_prior"][details["prior"]] == max(details["evidence_by_prior"].values())
    assert any(str(note).startswith("Region prior:") for note in results["auto"].notes)
    for prior in ("dirichlet", "logistic-normal"):
        assert results[prior].details["prior"] == prior
        assert results[prior].details["alpha"].shape == (8, 3)
        assert f"prior.{'log_alpha' if prior == 'dirichlet' else 'covariance'}" in results[prior].model
    # The moment-matched α of the logistic-normal says of the regions what the Dirichlet's own says.
    means = [r.details["alpha"] / r.details["alpha"].sum(axis=1, keepdims=True) for r in results.values()]
    np.testing.assert_allclose(means[2], means[1], atol=0.06)


def test_restarts_are_recorded_and_agree_on_an_easy_scene() -> None:
    made = region_scene(3, materials=3, regions=8, size=24)
    restarts = drain(unmix(made.cube, IvaeSpec(endmembers=3, epochs=1), made.annotation)).details["restarts"]
    assert len(restarts["evidence"]) == len(restarts["starts"]) == 3
    assert restarts["chosen"] == restarts["starts"][int(np.argmax(restarts["evidence"]))]
    assert max(restarts["abundance_rms_to_chosen"]) < 0.02


def test_intervals_cover_nine_in_ten_on_average_over_linear_scenes() -> None:
    covered = []
    for seed in range(4):
        painted = seed < 2
        made = (
            region_scene(500 + seed, materials=4, regions=16, size=48)
            if painted
            else blind_scene(500 + seed, materials=4, pure=seed == 2, kind="linear", decibels=30, size=40)
        )
        result = drain(unmix(made.cube, IvaeSpec(endmembers=4, epochs=1), made.annotation if painted else None))
        order = match_endmembers(result.endmembers, made.endmembers)
        assert result.abundance_std is not None
        mode, reach = result.abundances[..., order], 1.645 * result.abundance_std[..., order]
        inside = (made.abundances >= mode - reach - 1e-6) & (made.abundances <= mode + reach + 1e-6)
        covered.append(float(inside.mean()))
    # Errors of the endmembers are common to all pixels of a scene: single scenes scatter, their mean should not.
    assert 0.8 < np.mean(covered) < 0.99
    assert min(covered) > 0.5


def test_a_painted_material_leans_to_its_vertex() -> None:
    log_abundances = torch.log(torch.full((40, 3), 1 / 3, dtype=torch.float64))
    regions = torch.cat([torch.full((37,), 1), torch.full((2,), 2), torch.full((1,), 3)])
    prior = first_dirichlet(log_abundances, regions, strokes=(2, 3))
    means = prior.alpha / prior.alpha.sum(dim=1, keepdim=True)
    assert means[1].argmax() == 0  # material 0
    assert means[2].argmax() == 1  # material 1
    np.testing.assert_allclose(means[0].numpy(), 1 / 3, atol=0.02)
    # Strokes follow the amount of a material: an unknown pixel may not belong to them.
    np.testing.assert_array_equal(prior.log_weights.exp().numpy(), [1, 0, 0])
    after = prior.updated(Moments(torch.zeros(40, 2).double(), torch.zeros(40, 2, 2).double()), 0 * regions)
    np.testing.assert_array_equal(after.log_weights.exp().numpy(), [1, 0, 0])
    assert torch.isfinite(after.log_alpha).all()


def test_the_light_of_painted_regions_has_its_own_spread() -> None:
    generator = np.random.default_rng(0)
    regions = np.repeat([0, 1, 2], 4000)
    light = generator.gamma(np.array([6.0, 40.0, 4.0])[regions]) / np.array([6.0, 40.0, 4.0])[regions]
    law = first_light(light, regions, 2, torch.device("cpu"))
    np.testing.assert_allclose(law.shape[1:].numpy(), [40, 4], rtol=0.15)
    np.testing.assert_allclose(first_light(light, regions, 0, torch.device("cpu")).shape.numpy().std(), 0, atol=1e-9)


def test_region_gaussian_beats_least_squares_where_regions_are_homogeneous() -> None:
    generator = np.random.default_rng(8)
    endmembers = generator.uniform(size=(3, 40))
    centres = generator.dirichlet(np.ones(3) * 3, 6)
    regions = np.repeat(np.arange(1, 7), 100)
    truth = centres[regions - 1]
    spectra = truth @ endmembers + 0.1 * generator.normal(size=(600, 40))
    found = gaussian_posterior(spectra, endmembers, regions, 0.1)
    assert found is not None
    from napari_unmix.rows.simplex import fully_constrained

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
