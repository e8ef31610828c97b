"""The generative law: slopes against finite differences, and the smallest singular value against an SVD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from napari_unmix.model import law

Made = Callable[..., Any]


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
@pytest.mark.parametrize("mixing", ["linear", "bilinear", "variable"])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_closed_form_gradients_equal_finite_differences(
    size: int, mixing: str, prior: str, lit: bool, setting: Made
) -> None:
    made = setting(size, size, lit=lit, prior=prior, mixing=mixing)
    (latents, scores, labels), model = made.pixels, made.model
    energy, gradient, hessian = law.quadratic(latents, scores, labels, model)
    torch.testing.assert_close(energy, law.energy(latents, scores, labels, model))
    for direction in range(latents.shape[1]):
        nudge = torch.zeros_like(latents)
        nudge[:, direction] = 1e-5
        up, down = (law.energy(latents + s * nudge, scores, labels, model) for s in (1, -1))
        torch.testing.assert_close(gradient[:, direction], (up - down) / 2e-5, rtol=1e-4, atol=1e-3)
    assert (torch.linalg.eigvalsh(hessian) > 0).all()


@pytest.mark.parametrize("lit", [False, True])
def test_the_hessian_is_exact_where_the_residual_is_zero_and_u_is_known(lit: bool, setting: Made) -> None:
    made = setting(1, 3, lit=lit, mixing="bilinear", hidden=False, pixels=6)
    scores, labels = made.model.mixed(made.truth), made.data.regions
    hessian = law.quadratic(made.truth, scores, labels, made.model).hessian
    for pixel in range(6):
        one = slice(pixel, pixel + 1)
        exact = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda z, one=one: law.energy(z[None], scores[one], labels[one], made.model)[0], made.truth[pixel]
        )
        torch.testing.assert_close(hessian[pixel], exact, rtol=1e-6, atol=1e-5)


def test_latents_are_log_ratios_then_light_then_the_mixings_own(setting: Made) -> None:
    model, latents = setting(2, 4, lit=True, mixing="variable").model, torch.zeros(1, 6, dtype=torch.float64)
    assert (model.size, model.dimension) == (3, 6)
    latents[0] = torch.tensor([0.0, 0.0, 0.0, 0.7, 1.0, -2.0])
    torch.testing.assert_close(model.abundances(latents), torch.full((1, 4), 0.25, dtype=torch.float64))
    torch.testing.assert_close(model.brightness(latents), torch.full((1, 1), 0.7, dtype=torch.float64).exp())
    torch.testing.assert_close(model.extras(latents), latents[:, 4:])
    brighter = latents.clone()
    brighter[0, 3] += torch.log(torch.tensor(3.0))
    torch.testing.assert_close(model.mixed(brighter), 3 * model.mixed(latents))


@pytest.mark.parametrize("lit", [False, True])
def test_the_smallest_singular_value_is_that_of_the_jacobian_along_the_simplex(lit: bool, setting: Made) -> None:
    made = setting(4, 3, lit=lit, mixing="fan")
    found = law.smallest_singular_values(made.truth, made.model)
    basis = made.model.basis()
    for pixel in range(len(found)):
        abundances, extras = made.model.abundances(made.truth[[pixel]]), made.model.extras(made.truth[[pixel]])

        def mixed(a: torch.Tensor, extras: torch.Tensor = extras) -> torch.Tensor:
            return made.model.mixing.value(a[None], extras)[0]

        jacobian = torch.autograd.functional.jacobian(mixed, abundances[0]) @ basis  # type: ignore[no-untyped-call]
        jacobian = float(made.model.brightness(made.truth[[pixel]])) * jacobian
        if lit:  # what more light gives as well does not count
            ray = mixed(abundances[0])
            ray = ray / ray.norm()
            jacobian = jacobian - torch.outer(ray, ray @ jacobian)
        torch.testing.assert_close(found[pixel], torch.linalg.svdvals(jacobian)[-1])


def test_two_equal_endmembers_are_not_injective(setting: Made) -> None:
    made = setting(5, 3)
    corners = made.data.anchor.clone()
    corners[2] = corners[1]
    model = law.Model(made.model.prior, made.model.mixing.with_endmembers(corners), made.model.variance)
    assert float(law.smallest_singular_values(made.truth, model).max()) < 1e-7
    assert float(law.smallest_singular_values(made.truth, made.model).min()) > 1e-3
