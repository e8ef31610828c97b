"""The E-step and the Laplace posterior: modes from any start, evidence and moments against integration and sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model import infer, law
from napari_unmix.model.columns import is_solved_in_columns
from napari_unmix.model.logratio import helmert
from napari_unmix.model.mixing.products import FanMixing
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.spread import abundance_std

Made = Callable[..., Any]


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_permuting_the_materials_permutes_the_posterior(prior: str, setting: Made) -> None:
    made = setting(3, 4, prior=prior, mixing="fan")
    (latents, scores, labels), model = made.pixels, made.model
    order = [2, 0, 3, 1]
    turn = model.basis()[order].T @ model.basis()  # z of the permuted abundances is z @ turn
    if isinstance(model.prior, RegionDirichlet):
        permuted = replace(model.prior, log_alpha=model.prior.log_alpha[:, order])
    else:
        covariance = turn.T @ model.prior.covariance @ turn
        permuted = replace(model.prior, mean=model.prior.mean @ turn, covariance=covariance)
    mixing = FanMixing.of(model.mixing.endmembers[order], torch.eye(scores.shape[1], dtype=torch.float64))
    other = law.Model(permuted, mixing, model.variance)
    first = infer.solve(latents, scores, labels, model, iterations=60)
    second = infer.solve(latents @ turn, scores, labels, other, iterations=60)
    torch.testing.assert_close(second.evidence, first.evidence, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        other.abundances(second.latents), model.abundances(first.latents)[:, order], atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_the_solver_ends_at_a_mode_from_any_start(prior: str, lit: bool, setting: Made) -> None:
    made = setting(5, 4, lit=lit, prior=prior)
    (latents, scores, labels), model = made.pixels, made.model
    first = infer.solve(latents, scores, labels, model, iterations=60)
    second = infer.solve(torch.zeros_like(latents), scores, labels, model, iterations=60)
    assert (first.energy <= law.energy(latents, scores, labels, model) + 1e-9).all()
    torch.testing.assert_close(first.energy, law.energy(first.latents, scores, labels, model))
    # Known regions have one mode here; both starts find it.
    known = labels > 0
    torch.testing.assert_close(first.energy[known], second.energy[known], atol=1e-4, rtol=1e-4)
    here = law.quadratic(first.latents, scores, labels, model)
    assert here.gradient[known].norm(dim=1).max() < 0.05
    torch.testing.assert_close(first.hessian, here.hessian)


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_pixels_in_columns_end_where_pixels_in_rows_do(
    prior: str, hidden: bool, lit: bool, size: int, setting: Made
) -> None:
    made = setting(8, size, lit=lit, prior=prior, hidden=hidden, pixels=200)
    assert is_solved_in_columns(made.model)
    before = made.state.latents.clone()
    columns, rows = infer.solve(*made.pixels, made.model), infer.solve_any(*made.pixels, made.model)
    torch.testing.assert_close(made.state.latents, before, rtol=0, atol=0)
    torch.testing.assert_close(
        made.model.abundances(columns.latents), made.model.abundances(rows.latents), atol=1e-9, rtol=0
    )
    torch.testing.assert_close(columns.energy, rows.energy, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(columns.hessian, rows.hessian, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("mixing", "varied"), [("fan", 0.0), ("linear", 0.1)])
def test_other_laws_are_solved_in_rows(mixing: str, varied: float, setting: Made) -> None:
    made = setting(8, 3, mixing=mixing, varied=varied)
    assert not is_solved_in_columns(made.model)
    rows = infer.solve_any(*made.pixels, made.model)
    torch.testing.assert_close(infer.solve(*made.pixels, made.model).latents, rows.latents, rtol=0, atol=0)


def test_where_no_step_helps_a_pixel_stays_and_the_others_go_on(setting: Made) -> None:
    made = setting(9, 3, pixels=20, hidden=False)
    latents, scores, labels = made.pixels
    done = infer.solve(latents, scores, labels, made.model, iterations=60)
    mixed = torch.cat([done.latents[:10], latents[10:]])
    again = infer.solve(mixed, scores, labels, made.model, iterations=60)
    torch.testing.assert_close(again.latents, done.latents, atol=1e-3, rtol=0)
    nowhere = scores.clone()
    nowhere[0] = math.nan
    others = infer.solve(latents, nowhere, labels, made.model, iterations=60)
    torch.testing.assert_close(others.latents[1:], done.latents[1:], atol=1e-9, rtol=0)


def test_a_step_is_never_longer_than_its_limit_and_latents_stay_finite(setting: Made) -> None:
    made = setting(6, 3, noise=1e-4)
    latents, scores, labels = made.pixels
    far = torch.full_like(latents, 24.0)
    once = infer.solve(far, scores, labels, made.model, iterations=1)
    assert ((once.latents - far).norm(dim=1) <= 2 + 1e-12).all()
    done = infer.solve(far, 100 * scores, labels, made.model, iterations=40)  # scores that no abundances give
    assert torch.isfinite(done.latents).all()
    assert (done.latents.abs() <= 25).all()


def test_the_e_step_is_of_the_rows_asked_for_and_changes_nothing(setting: Made) -> None:
    made = setting(7, 3)
    before, rows = made.state.latents.clone(), torch.tensor([4, 1, 9])
    found = infer.e_step(made.model, made.state.latents, made.data, rows)
    everything = infer.solve(*made.pixels, made.model)
    torch.testing.assert_close(found.latents, everything.latents[rows])
    torch.testing.assert_close(found.evidence, everything.evidence[rows])
    torch.testing.assert_close(made.state.latents, before, rtol=0, atol=0)
    halves = [infer.e_step(made.model, before, made.data, part) for part in (rows[:1], rows[1:])]
    torch.testing.assert_close(infer.joined(halves).hessian, found.hessian)


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize(("noise", "allowed"), [(0.001, 0.01), (0.03, 0.3)])
def test_the_evidence_is_the_integral_over_abundances_of_two_materials(
    prior: str, noise: float, allowed: float, setting: Made
) -> None:
    """One latent: the integral is a sum, and Laplace is as good as the noise is small. Known and unknown u."""
    made = setting(8, 2, prior=prior, noise=noise, pixels=20)
    errors = []
    latents, scores, labels = made.pixels
    found = infer.solve(latents, scores, labels, made.model, iterations=60)
    grid = torch.linspace(-12, 12, 40_001, dtype=torch.float64)[:, None]
    for pixel in range(20):
        copies = scores[[pixel]].expand(len(grid), -1), labels[[pixel]].expand(len(grid))
        total = torch.logsumexp(-law.energy(grid, *copies, made.model), dim=0) + math.log(float(grid[1] - grid[0]))
        errors.append(float(found.evidence[pixel] - total))
    assert np.abs(errors).max() < allowed
    assert np.abs(np.median(errors)) < allowed / 3


def test_the_evidence_is_the_integral_over_two_latents_light_and_abundance(setting: Made) -> None:
    made = setting(9, 2, lit=True, noise=0.005, pixels=8, hidden=False)
    found = infer.solve(*made.pixels, made.model, iterations=60)
    std = found.covariance().diagonal(dim1=1, dim2=2).sqrt()
    for pixel in range(8):
        axes = [torch.linspace(-8, 8, 401, dtype=torch.float64) * s for s in std[pixel]]
        grid = found.latents[pixel] + torch.cartesian_prod(*axes)
        copies = made.data.scores[[pixel]].expand(len(grid), -1), made.data.regions[[pixel]].expand(len(grid))
        cell = math.prod(float(axis[1] - axis[0]) for axis in axes)
        total = torch.logsumexp(-law.energy(grid, *copies, made.model), dim=0) + math.log(cell)
        np.testing.assert_allclose(float(found.evidence[pixel]), float(total), atol=0.02)


def prior_draws(prior: RegionDirichlet | RegionLogisticNormal, count: int) -> torch.Tensor:
    """(count, P) abundances from region 2 of a prior."""
    generator = np.random.default_rng(0)
    if isinstance(prior, RegionDirichlet):
        return torch.from_numpy(generator.dirichlet(prior.alpha[1].numpy(), count))
    z = generator.multivariate_normal(prior.mean[1].numpy(), prior.covariance[1].numpy(), count)
    return torch.softmax(torch.from_numpy(z) @ helmert(z.shape[1] + 1).T, dim=1)


@pytest.mark.parametrize(
    ("prior", "mixing"), [("dirichlet", "linear"), ("logistic-normal", "linear"), ("dirichlet", "bilinear")]
)
def test_laplace_moments_and_evidence_agree_with_sampling(prior: str, mixing: str, setting: Made) -> None:
    made = setting(7, 3, pixels=12, prior=prior, mixing=mixing)
    scores, model, labels = made.data.scores, made.model, torch.full((12,), 2)
    posterior = infer.solve(made.state.latents, scores, labels, model, iterations=60)
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
