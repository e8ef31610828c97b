"""Materials that vary: the law's derivatives, evidence and symmetry, and what inference gains on pixels drawn from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model import infer, law
from napari_unmix.model.learn import endmembers_m_step, variation_m_step
from napari_unmix.model.variation import Variation

Made = Callable[..., Any]


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("mixing", ["linear", "bilinear", "variable"])
def test_the_gradient_is_that_of_the_energy(mixing: str, prior: str, lit: bool, setting: Made) -> None:
    made = setting(1, 4, lit=lit, prior=prior, mixing=mixing, varied=0.1, pixels=12)
    (latents, scores, labels), model = made.pixels, made.model
    latents = latents.requires_grad_(True)
    energy = law.energy(latents, scores, labels, model)
    found = law.quadratic(latents.detach(), scores, labels, model)
    torch.testing.assert_close(found.energy, energy)
    torch.testing.assert_close(found.gradient, torch.autograd.grad(energy.sum(), latents)[0])
    assert (torch.linalg.eigvalsh(found.hessian) > 0).all()


@pytest.mark.parametrize("lit", [False, True])
def test_the_hessian_is_the_expected_one(lit: bool, setting: Made) -> None:
    """Fisher's information is the mean outer product of the gradients of spectra drawn from the law."""
    made = setting(2, 3, lit=lit, varied=0.15, pixels=1, hidden=False)
    model, count = made.model, 100_000
    latents, labels = made.truth.expand(count, -1), made.data.regions.expand(count)
    generator = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(model.variation.covariance(model.amounts(made.truth), model.variance))[0]
    drawn = torch.randn(count, len(root), generator=generator, dtype=root.dtype) @ root.T
    of_prior = model.prior.quadratic(made.truth[:, : model.size], made.data.regions)
    hessian = law.quadratic(made.truth, model.mixed(made.truth), made.data.regions, model).hessian[0]
    gradient = law.quadratic(latents, model.mixed(latents) + drawn, labels, model).gradient
    held = torch.zeros_like(hessian)
    held[: model.size, : model.size] = of_prior.hessian[0]
    if lit:
        held[model.size, model.size] = float(
            model.light.shape[made.data.regions] * made.truth[0, model.size].exp() / model.light.mean
        )
    expected = torch.cov(gradient.T)
    torch.testing.assert_close(hessian - held, expected, rtol=0.03, atol=0.01 * float(expected.abs().max()))


@pytest.mark.parametrize("mixing", ["linear", "bilinear"])
def test_without_spread_it_is_the_plain_law(mixing: str, setting: Made) -> None:
    made = setting(3, 4, lit=True, mixing=mixing, varied=0.1)
    plain = replace(made.model, variation=None)
    expected = law.quadratic(*made.pixels, plain)
    apart = []
    for share in (1e-3, 1e-5, 0.0):
        vanishing = replace(made.model, variation=Variation(share * made.model.variation.covariances))
        found = law.quadratic(*made.pixels, vanishing)
        apart.append(max(float(((a - b) / (1 + b.abs())).abs().max()) for a, b in zip(found, expected, strict=True)))
    assert apart[2] < 1e-9
    assert apart[1] < 0.1 * apart[0]


def test_permuting_the_materials_permutes_the_posterior(setting: Made) -> None:
    made = setting(4, 4, varied=0.1)
    (latents, scores, labels), model, order = made.pixels, made.model, [2, 0, 3, 1]
    turn = model.basis()[order].T @ model.basis()
    other = replace(
        model,
        prior=replace(model.prior, log_alpha=model.prior.log_alpha[:, order]),
        mixing=model.mixing.with_endmembers(model.mixing.endmembers[order]),
        variation=Variation(model.variation.covariances[order]),
    )
    first = infer.solve(latents, scores, labels, model, iterations=60)
    second = infer.solve(latents @ turn, scores, labels, other, iterations=60)
    torch.testing.assert_close(second.evidence, first.evidence, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        other.abundances(second.latents), model.abundances(first.latents)[:, order], atol=1e-5, rtol=1e-4
    )


def test_the_evidence_is_the_integral_over_abundances_of_two_materials(setting: Made) -> None:
    """Laplace with the expected Hessian is not exact: on average it is, pixel by pixel within a third of a nat."""
    made = setting(8, 2, varied=0.03, noise=0.01, pixels=40)
    latents, scores, labels = made.pixels
    found = infer.solve(latents, scores, labels, made.model, iterations=60)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    errors = []
    for pixel in range(40):
        copies = scores[[pixel]].expand(len(grid), -1), labels[[pixel]].expand(len(grid))
        total = torch.logsumexp(-law.energy(grid, *copies, made.model), dim=0) + math.log(float(grid[1] - grid[0]))
        errors.append(float(found.evidence[pixel] - total))
    assert np.abs(errors).max() < 0.35
    assert abs(np.mean(errors)) < 0.1


def certain(latents: torch.Tensor) -> infer.Posterior:
    """A posterior that knows the latents (N, D)."""
    count, dimension = latents.shape
    hessian = 1e8 * torch.eye(dimension, dtype=latents.dtype).expand(count, -1, -1)
    return infer.Posterior(latents, hessian, torch.zeros(count))


def test_the_endmembers_move_to_the_means_of_what_was_drawn(setting: Made) -> None:
    """From where they were off by as much as materials vary by, nearer than with white noise; a held one stays."""
    errors, without, before = [], [], []
    for seed in range(8):
        made = setting(seed, 3, varied=0.1, noise=0.01, pixels=400, hidden=False)
        planted = made.model.mixing.endmembers
        generator = torch.Generator().manual_seed(seed)
        off = planted + 0.1 * torch.randn(planted.shape, generator=generator, dtype=planted.dtype)
        off[2] = planted[2]
        data = replace(made.data, anchor=off, anchor_std=torch.tensor([0.3, 0.3, 0.0], dtype=torch.float64))
        model = replace(made.model, mixing=made.model.mixing.with_endmembers(off))
        plain, posterior = replace(model, variation=None), certain(made.truth)
        found, white = (
            endmembers_m_step(each, posterior, data, data.everything()).mixing.endmembers for each in (model, plain)
        )
        torch.testing.assert_close(found[2], planted[2], rtol=1e-7, atol=1e-7)
        for errors_of, endmembers in ((errors, found), (without, white), (before, off)):
            errors_of.append(float((endmembers - planted).square().sum()))
    assert sum(errors) < 0.8 * sum(without)
    assert sum(errors) < 0.05 * sum(before)


def test_covariances_come_back_from_pixels_drawn_from_them(setting: Made) -> None:
    """Started at a third of what they are, with the amounts known; the likelihood rises in every step."""
    made = setting(6, 3, varied=0.1, noise=0.02, pixels=3_000, hidden=False)
    planted = made.model.variation.covariances
    model, rows = replace(made.model, variation=Variation(planted / 9)), made.data.everything()
    energies, apart = [], []
    for _ in range(12):
        energies.append(float(law.energy(made.truth, made.data.scores, made.data.regions, model).mean()))
        apart.append(float((model.variation.covariances - planted).norm() / planted.norm()))
        model = variation_m_step(model, certain(made.truth), made.data, rows)
    assert (np.diff(energies) < 0).all()
    assert apart[-1] < 0.15 < 0.8 < apart[0]
