"""M-steps against brute force: the endmembers' ridge regression by sampling, the mixing's law, and EM that never lowers the exact evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_unmix.model import law
from napari_unmix.model.data import Data
from napari_unmix.model.infer import Posterior, e_step
from napari_unmix.model.law import Model
from napari_unmix.model.learn import endmembers_m_step, m_step, with_moved_endmembers
from napari_unmix.model.mixing.products import BilinearMixing

Made = Callable[..., Any]


def exact_evidence(model: Model, data: Data, step: float = 4e-3) -> float:
    """Mean log p(x | u) of two materials, by a sum over the one latent."""
    grid = torch.arange(-12, 12, step, dtype=torch.float64)[:, None]
    total = 0.0
    for scores, region in zip(data.scores, data.regions, strict=True):
        energy = law.energy(grid, scores.expand(len(grid), -1), region.expand(len(grid)), model)
        total += float(torch.logsumexp(-energy, dim=0)) + math.log(step)
    return total / len(data.scores)


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_em_never_lowers_the_exact_evidence(prior: str, setting: Made) -> None:
    made = setting(1, 2, prior=prior, noise=0.02, pixels=90, hidden=False)
    data, model, rows = made.data, made.model, made.data.everything()
    latents, seen = made.state.latents, [exact_evidence(made.model, made.data)]
    for _ in range(3):
        posterior = e_step(model, latents, data, rows, iterations=60)
        model, latents = m_step(model, posterior, data, rows), posterior.latents
        seen.append(exact_evidence(model, data))
    # The M-step holds regions to a prior worth about a pixel each, of 30: the evidence itself may give way to it by so much at the end.
    assert (np.diff(seen) > -2e-3).all()
    assert seen[-1] > seen[0] + 0.05


def test_the_endmembers_m_step_is_the_ridge_regression_on_sampled_abundances(setting: Made) -> None:
    """E[aaᵀ] from draws of the posterior, mean and spread; dropping the spread would give endmembers that are too far out."""
    made = setting(2, 3, noise=0.15, pixels=60, anchor_std=0.4)
    data, model, rows = made.data, made.model, made.data.everything()
    posterior = e_step(model, made.state.latents, data, rows, iterations=60)
    # The M-step's moments are to first order at the mode: draws are made so that this is exact.
    small = Posterior(posterior.latents, 1e6 * posterior.hessian, posterior.energy)
    generator = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(small.covariance())
    draws = torch.randn(60, 2, 4000, generator=generator, dtype=torch.float64)
    shift = (root @ draws).transpose(1, 2)
    abundances = model.abundances((small.latents[:, None, :] + shift).flatten(0, 1)).reshape(60, 4000, 3)
    centre = model.abundances(small.latents)
    # Widened back to the posterior's own size: δa is linear in δz for draws this small.
    change = 1e3 * (abundances - centre[:, None])
    moment = centre.T @ centre + torch.einsum("nsp,nsq->pq", change, change) / 4000
    precision = torch.eye(3, dtype=torch.float64) / 0.4**2
    target = centre.T @ data.scores / model.variance + precision @ data.anchor
    expected = torch.linalg.solve(moment / model.variance + precision, target)
    found = endmembers_m_step(model, posterior, data, rows).mixing.endmembers
    torch.testing.assert_close(found, expected, rtol=0, atol=6e-3)
    without = torch.linalg.solve(centre.T @ centre / model.variance + precision, target)
    assert (found - without).abs().max() > 0.05


def test_endmembers_without_error_are_held_and_free_ones_follow_the_data(setting: Made) -> None:
    made = setting(3, 3, noise=0.005, pixels=400)
    moved = replace(made.data, anchor=made.data.anchor + 0.05)
    start = replace(made.state, model=replace(made.model, mixing=made.model.mixing.with_endmembers(moved.anchor)))
    held = with_moved_endmembers(start, replace(moved, anchor_std=torch.zeros(3).double()), moved.everything())
    torch.testing.assert_close(held.model.mixing.endmembers, moved.anchor, atol=1e-6, rtol=0)
    free = replace(moved, anchor_std=torch.full((3,), 10.0).double())
    state = with_moved_endmembers(start, free, free.everything())
    assert state.misfit(free) < 0.5 * held.misfit(moved)
    # An E-step came before: latents are where it found them, the start's as they were.
    assert not torch.equal(state.latents, start.latents)
    torch.testing.assert_close(start.latents, made.state.latents, rtol=0, atol=0)


def test_what_a_nonlinear_mixing_adds_is_held_in_the_endmembers_m_step(setting: Made) -> None:
    """At true latents and endmembers the regression returns them, whatever the mixing adds."""
    made = setting(4, 3, mixing="bilinear", noise=1e-4, pixels=200, anchor_std=1.0, lit=True)
    certain = Posterior(made.truth, 1e12 * torch.eye(6).double().expand(200, 6, 6), torch.zeros(200).double())
    rows = made.data.everything()
    assert made.model.dimension == made.truth.shape[1] == 6
    found = endmembers_m_step(made.model, certain, made.data, rows).mixing.endmembers
    torch.testing.assert_close(found, made.data.anchor, atol=1e-3, rtol=0)


def test_the_m_step_of_the_mixings_latents_has_their_mean_and_second_moment(setting: Made) -> None:
    made = setting(5, 3, mixing="bilinear", noise=0.01, hidden=False)
    rows = made.data.everything()
    posterior = e_step(made.model, made.state.latents, made.data, rows)
    mixing = m_step(made.model, posterior, made.data, rows).mixing
    assert isinstance(mixing, BilinearMixing)
    extras = posterior.latents[:, 2:]
    variance = posterior.covariance().diagonal(dim1=1, dim2=2)[:, 2:]
    second = (extras**2 + variance).mean(dim=0)
    expected = made.model.mixing.m_step(extras.mean(dim=0), second)
    torch.testing.assert_close(mixing.centre, expected.centre)
    assert mixing.spread == pytest.approx(expected.spread)
    # The variance counts: without it γ would look more alike than it is.
    assert mixing.spread > made.model.mixing.m_step(extras.mean(dim=0), (extras**2).mean(dim=0)).spread


def test_the_prior_learns_from_the_regions_of_its_rows(setting: Made) -> None:
    made = setting(6, 3, noise=0.01)
    rows = torch.tensor([3, 5, 8, 13, 21])
    posterior = e_step(made.model, made.state.latents, made.data, rows)
    found: Tensor = m_step(made.model, posterior, made.data, rows).prior.saved()["log_alpha"]
    expected = made.model.prior.m_step(posterior.moments(2), made.data.regions[rows]).saved()["log_alpha"]
    torch.testing.assert_close(found, expected)
