"""What is read of a finished fit: evidence with its cost, misfit, the widened spread, and what a mixing adds to s·aM."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model import law
from napari_unmix.model.fitted import Fitted, GaussianFitted, LaplaceFitted, bic_cost, finish, mixing_parameters
from napari_unmix.model.priors.gaussian import gaussian_posterior
from napari_unmix.model.spread import abundance_std
from napari_unmix.rows.subspace import Subspace

Made = Callable[..., Any]


def finished(made: Any) -> LaplaceFitted:
    steps: Generator[Any, None, LaplaceFitted] = finish(made.state, made.data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: LaplaceFitted = end.value
            return result


@pytest.mark.parametrize(
    ("parameters", "pixels", "cost"),
    [
        (3, [100], 0.5 * 3 * math.log(100) / 100),
        (3, [0, 50, 50], 0.5 * 3 * 2 * math.log(50) / 100),  # the empty region costs nothing
        (5, [10, 90], 0.5 * 5 * (math.log(10) + math.log(90)) / 100),
        (2, [1, 99], 0.5 * 2 * (math.log(2) + math.log(99)) / 100),  # a pixel counts as two: no parameter is free
    ],
)
def test_what_parameters_cost(parameters: int, pixels: list[int], cost: float) -> None:
    assert bic_cost(parameters, torch.tensor(pixels)) == pytest.approx(cost)
    assert cost > 0


@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_the_evidence_is_the_marginal_likelihood_by_integration_less_its_cost(prior: str, setting: Made) -> None:
    """Two materials, one latent: log p(x | u) is a sum over a grid, the noise's constant included. BIC takes off, never adds."""
    made = setting(1, 2, prior=prior, noise=1e-3, pixels=60)
    fitted = finished(made)
    known = made.data.regions > 0
    grid = torch.linspace(-10, 10, 60_001, dtype=torch.float64)[:, None]
    total = []
    for scores, region in zip(made.data.scores[known], made.data.regions[known], strict=True):
        mixed = made.model.mixed(grid)
        noise = torch.distributions.Normal(mixed, made.model.variance**0.5).log_prob(scores).sum(dim=1)
        prior_at = made.model.prior.log_prob(grid, region.expand(len(grid)))
        total.append(float(torch.logsumexp(noise + prior_at, dim=0)) + math.log(float(grid[1] - grid[0])))
    counts = torch.bincount(made.data.regions[known])[1:]
    cost = 0.5 * made.model.prior.parameters_per_region * float(counts.double().log().sum()) / len(total)
    assert fitted.evidence() == pytest.approx(np.mean(total) - cost, abs=5e-3)
    assert cost > 0.1  # so that its sign is seen


@pytest.mark.parametrize("unit", [1e-2, 30.0])
def test_other_units_shift_the_evidence_as_a_density_must(unit: float, setting: Made) -> None:
    made = setting(2, 3, pixels=50)
    scaled = replace(
        made,
        data=replace(made.data, scores=unit * made.data.scores, anchor=unit * made.data.anchor),
        state=replace(
            made.state,
            model=replace(
                made.model,
                mixing=made.model.mixing.with_endmembers(unit * made.data.anchor),
                variance=unit**2 * made.model.variance,
            ),
        ),
    )
    bands = made.data.scores.shape[1]
    assert finished(scaled).evidence() == pytest.approx(finished(made).evidence() - bands * math.log(unit), abs=1e-6)


def test_without_known_u_the_evidence_is_of_all_pixels(setting: Made) -> None:
    made = setting(3, 3)
    hidden = replace(made, data=replace(made.data, regions=torch.zeros_like(made.data.regions)))
    fitted = finished(hidden)
    noise = -0.5 * 3 * math.log(2 * math.pi * made.model.variance)
    cost = 0.5 * 3 * math.log(30) / 30
    assert fitted.evidence() == pytest.approx(float(fitted.posterior.evidence.mean()) + noise - cost)


def test_the_misfit_is_the_residual_over_the_noise_in_all_bands(setting: Made) -> None:
    made = setting(4, 3, noise=0.02)
    state = replace(made.state, latents=made.truth)
    data = replace(made.data, outside=torch.full((30,), 4 * 0.02**2).double(), freedom=7)
    left = (made.data.scores - made.model.mixed(made.truth)).square().sum() / 30 + 4 * 0.02**2
    assert state.misfit(data) == pytest.approx(math.sqrt(float(left) / 7) / 0.02)
    assert state.misfit(replace(data, freedom=28)) == pytest.approx(state.misfit(data) / 2)


@pytest.mark.parametrize("outside", [0.0, 1.0])
def test_the_spread_is_the_posteriors_times_the_misfit_where_that_is_over_one(outside: float, setting: Made) -> None:
    made = setting(5, 3, noise=0.01, hidden=False)
    data = replace(made.data, outside=torch.full((30,), outside * 20 * 0.01**2).double())
    fitted = finished(replace(made, data=data))
    none, error = np.zeros(3), np.array([0.02, 0.01, 0.03])
    assert (fitted.misfit() > 2) is (outside > 0)
    times = max(1.0, fitted.misfit())
    for endmember_error in (none, error):
        own = abundance_std(fitted.posterior, made.model, torch.from_numpy(endmember_error)).numpy()
        np.testing.assert_allclose(fitted.std(endmember_error), np.minimum(times * own, 0.5))
    assert (fitted.std(error) > fitted.std(none)).all()


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("mixing", ["fan", "variable", "residual", "post-nonlinear"])
def test_sam_and_the_contribution_are_all_that_the_mixing_gives(mixing: str, lit: bool, setting: Made) -> None:
    made = setting(6, 3, mixing=mixing, lit=lit)
    fitted = finished(made)
    added = fitted.nonlinear_contribution()
    assert added is not None
    brightness = fitted.brightness()
    assert (brightness is not None) is lit
    linear = fitted.abundances() @ fitted.endmembers()
    linear = linear if brightness is None else brightness[:, None] * linear
    expected = made.data.spectra(fitted.state.model.mixed(fitted.state.latents))
    np.testing.assert_allclose(linear + added.scores @ added.basis, expected, atol=1e-9)


def test_linear_mixing_adds_nothing(setting: Made) -> None:
    assert finished(setting(7, 3)).nonlinear_contribution() is None


def test_every_pixel_is_finished_and_the_state_is_at_its_mode(setting: Made) -> None:
    made = setting(8, 3, lit=True, mixing="bilinear")
    fitted = finished(made)
    torch.testing.assert_close(fitted.state.latents, fitted.posterior.latents, rtol=0, atol=0)
    at = law.energy(fitted.state.latents, made.data.scores, made.data.regions, made.model)
    torch.testing.assert_close(at, fitted.posterior.energy)
    assert fitted.concentrations().shape == (3, 3)
    assert fitted.smallest_jacobian() == pytest.approx(
        float(law.smallest_singular_values(fitted.state.latents, made.model).min())
    )
    np.testing.assert_array_equal(fitted.endmembers(), made.data.anchor.numpy())


def test_endmembers_are_not_negative_in_whatever_subspace(setting: Made) -> None:
    made = setting(9, 3)
    data = replace(made.data, subspace=Subspace(np.full(3, -0.4), np.eye(3)))
    fitted = finished(replace(made, data=data))
    np.testing.assert_allclose(fitted.endmembers(), np.maximum(made.data.anchor.numpy() - 0.4, 0))


def test_parameters_are_saved_by_name(setting: Made) -> None:
    saved = finished(setting(10, 3, mixing="variable")).parameters()
    assert set(saved) == {
        *("prior.log_alpha", "prior.log_weights", "mixing.directions"),
        *("endmembers", "subspace.origin", "subspace.basis", "noise.variance", "law.corners", "law.widening"),
    }
    assert all(values.dtype == np.float32 for values in saved.values())
    made = setting(10, 3, mixing="residual")
    assert set(mixing_parameters(made.model.mixing)) == {"bound", *(f"weights.{k}" for k in range(4))}
    curve = mixing_parameters(setting(10, 3, mixing="post-nonlinear").model.mixing)
    assert set(curve) == {"knots", "log_slopes"}


def test_the_gaussian_is_a_fitted_of_its_own_abundances_spread_and_evidence(setting: Made) -> None:
    made = setting(11, 3, hidden=False, pixels=90)
    data = replace(made.data, outside=torch.full((90,), 40 * made.model.variance).double())
    laplace = finished(replace(made, data=data))
    spectra = made.data.spectra(made.data.scores)
    gaussian = gaussian_posterior(spectra, laplace.endmembers(), made.data.regions.numpy(), 0.03)
    assert gaussian is not None
    fitted: Fitted = GaussianFitted(gaussian, laplace)
    np.testing.assert_array_equal(fitted.abundances(), gaussian.abundances)
    error = np.array([0.02, 0.0, 0.01])
    left = made.data.scores.numpy() - gaussian.abundances @ made.model.mixing.endmembers.numpy()
    squares = (left**2).sum() / 90 + 40 * made.model.variance
    assert fitted.misfit() == pytest.approx((squares / data.freedom / made.model.variance) ** 0.5)
    assert fitted.misfit() == pytest.approx(laplace.misfit(), rel=0.05)
    assert fitted.misfit() > 2
    np.testing.assert_allclose(fitted.std(error), np.minimum(fitted.misfit() * gaussian.std_with(error), 0.5))
    assert fitted.brightness() is None
    assert fitted.nonlinear_contribution() is None
    np.testing.assert_array_equal(fitted.endmembers(), laplace.endmembers())
    np.testing.assert_array_equal(fitted.concentrations(), laplace.concentrations())
    assert fitted.smallest_jacobian() == laplace.smallest_jacobian()
    own = {f"gaussian.{name}" for name in ("labels", "mean", "covariance", "counts")}
    assert fitted.parameters().keys() == laplace.parameters().keys() | own
