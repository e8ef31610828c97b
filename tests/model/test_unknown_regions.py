"""Pixels of unknown u, all of them: what is computed pixels last is what the region priors say pixels first, and the spread is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_unmix.model import infer, law
from napari_unmix.model.logratio import basis_of
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.small import packed
from napari_unmix.model.spread import std_of_any
from napari_unmix.model.spread_columns import std_in_columns

Made = Callable[..., Any]


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_a_mixture_pixels_last_is_the_prior_of_unknown_regions(prior: str, setting: Made) -> None:
    law_of = setting(4, 4, prior=prior).model.prior
    z = 3 * torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z[:5] *= 6  # far from every region
    unknown = torch.zeros(50, dtype=torch.int64)
    expected = law_of.quadratic(z, unknown)
    if isinstance(law_of, RegionDirichlet):
        log_abundances = torch.log_softmax(z @ basis_of(z, 4).T, dim=1)
        value, alpha = law_of.mixture().weighed(log_abundances.T.contiguous())
        torch.testing.assert_close(alpha.T, law_of.weighed(log_abundances, unknown).alpha)
        torch.testing.assert_close(-value, expected.energy)
    else:
        assert isinstance(law_of, RegionLogisticNormal)
        value, gradient, hessian = law_of.mixture().quadratic(z.T.contiguous())
        torch.testing.assert_close(value, expected.energy)
        torch.testing.assert_close(gradient.T, expected.gradient)
        torch.testing.assert_close(hessian, packed(expected.hessian))


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_where_no_region_is_known_modes_are_those_of_the_solver_for_any_law(
    prior: str, lit: bool, setting: Made
) -> None:
    made = setting(6, 4, lit=lit, prior=prior)
    (latents, scores, labels), model = made.pixels, made.model
    unknown = torch.zeros_like(labels)
    last = infer.solve(latents, scores, unknown, model, iterations=40)
    first = infer.solve_any(latents, scores, unknown, model, iterations=40)
    torch.testing.assert_close(last.energy, first.energy, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(last.hessian, law.quadratic(last.latents, scores, unknown, model).hessian)


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("size", [2, 4, 9])
@pytest.mark.parametrize("uncertain", [None, 0.0, 0.05])
def test_the_spread_pixels_last_is_the_spread(lit: bool, size: int, uncertain: float | None, setting: Made) -> None:
    made = setting(7, size, lit=lit)
    (latents, scores, labels), model = made.pixels, made.model
    posterior = infer.solve(latents, scores, labels, model)
    error = None if uncertain is None else torch.linspace(uncertain, 2 * uncertain, size, dtype=torch.float64)
    found = std_in_columns(posterior, model, error)
    expected = std_of_any(posterior, model, error)
    assert found.shape == expected.shape
    assert expected.max() > 0.01
    # A variance is a difference: what rounding leaves of it is 1e-16, of its root 1e-8.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
