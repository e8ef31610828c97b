"""Mixing functions: Jacobians, what vanishes at the vertices, bounds and monotonicity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.mixing.curve import Curve, CurveMixing
from napari_unmix.model.mixing.products import BilinearMixing, FanMixing, PolynomialMixing
from napari_unmix.model.mixing.residual import ResidualMixing
from napari_unmix.model.mixing.variability import VariableMixing

KINDS = ("linear", "fan", "bilinear", "ppnm", "post-nonlinear", "residual", "variable", "variable fan")


def made(kind: str, size: int, generator: np.random.Generator) -> Mixing:
    """A mixing of ``size`` endmembers in all of twelve bands, none of its constants at its start."""
    corners = torch.from_numpy(generator.uniform(0.05, 0.9, (size, 12)))
    basis = torch.eye(12, dtype=torch.float64)
    if kind.startswith("variable"):
        inner = made(kind.partition(" ")[2] or "linear", size, generator)
        return VariableMixing(inner, torch.from_numpy(0.1 * generator.normal(size=(2, size, 12))))
    if kind == "linear":
        return LinearMixing(corners)
    if kind == "fan":
        return FanMixing.of(corners, basis)
    if kind == "bilinear":
        mixing = BilinearMixing.of(corners, basis)
        return replace(mixing, centre=torch.from_numpy(generator.normal(size=mixing.extras)), spread=1.2)
    if kind == "ppnm":
        return replace(PolynomialMixing.of(corners, basis), centre=0.1, spread=0.3).with_endmembers(corners)
    if kind == "post-nonlinear":
        start = CurveMixing.of(corners)
        return start.with_parameters(torch.from_numpy(0.4 * generator.normal(size=len(start.parameters))))
    residual = ResidualMixing.of(corners, width=5, bound=0.3, seed=0)
    return replace(residual, weights=tuple(torch.from_numpy(generator.normal(size=w.shape)) for w in residual.weights))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 5))
@pytest.mark.parametrize("kind", KINDS)
def test_jacobians_equal_finite_differences(kind: str, seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    mixing = made(kind, size, generator)
    abundances = torch.from_numpy(generator.dirichlet(np.ones(size), 7))
    extras = torch.from_numpy(generator.normal(size=(7, mixing.extras)))
    everywhere = torch.eye(size, dtype=torch.float64).expand(7, size, size)
    value, slope, slope_extra = mixing.linearised(abundances, extras, everywhere)
    torch.testing.assert_close(value, mixing.value(abundances, extras))
    assert slope.shape == (7, size, 12)
    assert slope_extra.shape == (7, mixing.extras, 12)
    step = 1e-6
    for k in range(size):
        nudge = torch.zeros_like(abundances)
        nudge[:, k] = step
        numeric = (mixing.value(abundances + nudge, extras) - mixing.value(abundances - nudge, extras)) / (2 * step)
        torch.testing.assert_close(slope[:, k], numeric, atol=1e-6, rtol=1e-5)
    for k in range(mixing.extras):
        nudge = torch.zeros_like(extras)
        nudge[:, k] = step
        numeric = (mixing.value(abundances, extras + nudge) - mixing.value(abundances, extras - nudge)) / (2 * step)
        torch.testing.assert_close(slope_extra[:, k], numeric, atol=1e-6, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 5))
@pytest.mark.parametrize("kind", KINDS)
def test_a_pure_pixel_shows_its_endmember(kind: str, seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    mixing = made(kind, size, generator)
    extras = torch.zeros(size, mixing.extras, dtype=torch.float64)
    if kind == "bilinear":  # whatever γ is
        extras = torch.from_numpy(generator.normal(size=extras.shape))
    shown = mixing.value(torch.eye(size, dtype=torch.float64), extras)
    torch.testing.assert_close(shown, mixing.endmembers, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("kind", ["fan", "bilinear", "ppnm", "post-nonlinear", "residual"])
def test_moving_the_endmembers_moves_what_pure_pixels_show(kind: str) -> None:
    generator = np.random.default_rng(5)
    mixing = made(kind, 3, generator)
    other = torch.from_numpy(generator.uniform(0.05, 0.9, (3, 12)))
    shown = mixing.with_endmembers(other).value(
        torch.eye(3, dtype=torch.float64), torch.zeros(3, mixing.extras).double()
    )
    torch.testing.assert_close(shown, other, atol=1e-9, rtol=1e-9)


def test_at_their_start_the_curve_and_the_network_are_linear_mixing() -> None:
    generator = np.random.default_rng(0)
    corners = torch.from_numpy(generator.uniform(0.1, 0.9, (3, 12)))
    abundances, none = torch.from_numpy(generator.dirichlet(np.ones(3), 9)), torch.zeros(9, 0).double()
    for mixing in (CurveMixing.of(corners), ResidualMixing.of(corners, width=4, bound=0.3, seed=1)):
        torch.testing.assert_close(mixing.value(abundances, none), abundances @ corners)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_curve_is_monotone_smooth_and_its_inverse_inverts(seed: int) -> None:
    generator = np.random.default_rng(seed)
    knots = torch.tensor([0.0, 0.1, 0.3, 0.6, 1.0], dtype=torch.float64)
    curve = Curve(knots, torch.from_numpy(generator.normal(size=5)))
    y = torch.linspace(-0.3, 1.5, 4001, dtype=torch.float64)
    value, slope = curve.at(y)
    assert (value.diff() > 0).all()
    assert (slope > 0).all()
    # Between two knots the slope is straight, so a chord is the mean of the slopes at its ends; chords that reach over a knot are left out.
    ends = torch.searchsorted(knots, y)
    inside = ends[1:] == ends[:-1]
    assert inside.sum() > 3900
    chord, mean = value.diff() / y.diff(), 0.5 * (slope[1:] + slope[:-1])
    torch.testing.assert_close(chord[inside], mean[inside], atol=1e-8, rtol=1e-8)
    # The slope runs on over a knot, never faster than its steepest piece.
    steepest = (curve.log_slopes.exp().diff() / knots.diff()).abs().max()
    assert (slope.diff().abs() <= steepest * y.diff() + 1e-12).all()
    torch.testing.assert_close(curve.inverse(value), y, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(curve.at(torch.zeros(1).double())[0], torch.zeros(1).double())


def test_the_network_is_bounded() -> None:
    generator = np.random.default_rng(0)
    mixing = made("residual", 4, generator)
    wild = replace(mixing, weights=tuple(100 * weight for weight in mixing.weights))
    abundances = torch.from_numpy(generator.dirichlet(np.ones(4), 500))
    added = wild.value(abundances, torch.zeros(500, 0).double()) - abundances @ mixing.endmembers
    assert (added.abs() <= 0.3 * (1 - (abundances**2).sum(dim=1, keepdim=True)) + 1e-12).all()


def test_hidden_laws_follow_their_moments() -> None:
    corners = torch.from_numpy(np.random.default_rng(0).uniform(0.1, 0.9, (3, 12)))
    basis, ones = torch.eye(12, dtype=torch.float64), torch.ones(3).double()
    bilinear = BilinearMixing.of(corners, basis)
    kept = bilinear.m_step(0 * ones, ones)
    assert kept.spread == pytest.approx(bilinear.spread)
    torch.testing.assert_close(kept.centre, bilinear.centre)
    assert (bilinear.m_step(0.5 * ones, 0.5 * ones).centre > 0).all()
    learned = PolynomialMixing.of(corners, basis).m_step(torch.tensor([1.0]), torch.tensor([1.5]))
    assert learned.centre == pytest.approx(0.2)
    assert learned.spread == pytest.approx(0.2 * 0.5**0.5)
