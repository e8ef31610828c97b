"""From linear mixing to another: made-up evidences in, one word out; what weights cost; and small scenes that were mixed so."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model.constants import SceneConstants
from napari_unmix.model.infer import solve
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.mixing.products import BilinearMixing, FanMixing
from napari_unmix.model.mixing.residual import ResidualMixing
from napari_unmix.model.mixing.variability import VariableMixing
from napari_unmix.model.nonlinear import MixingFit, fit_mixing, mixing_is_kept, stepped, weight_cost
from napari_unmix.model.settle import Settled, settle
from napari_unmix.model.start import start_from_least_squares
from napari_unmix.model.variability import reach_of, with_directions, with_learned_variability
from napari_unmix.model.weights import innermost, with_trained_weights
from napari_unmix.rows.inversion import SumToOne

Made = Callable[..., Any]


def end_of(steps: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# The decision

LEARNED = [
    (0.0, 0.11, "kept"),
    (0.0, 0.09, "dropped"),
    (-4.0, -3.95, "dropped"),
    (-4.0, -3.8, "kept"),
    (1.0, -9.0, "dropped"),
]
PHYSICS = [
    (0.0, 3.0, "kept"),
    (0.0, -4.9, "kept"),
    (0.0, -5.1, "dropped"),
    (-7.0, -11.0, "kept"),
    (-7.0, -13.0, "dropped"),
]


@pytest.mark.parametrize("misfit", [1.0, 3.0])
@pytest.mark.parametrize(("linear", "evidence", "word"), LEARNED)
def test_what_is_learned_freely_must_raise_the_evidence_by_a_tenth(
    linear: float, evidence: float, word: str, misfit: float
) -> None:
    assert mixing_is_kept(linear, evidence, learned=True, misfit=misfit) is (word == "kept")


@pytest.mark.parametrize(("linear", "evidence", "word"), PHYSICS)
def test_a_mixing_known_from_physics_is_kept_unless_contradicted(linear: float, evidence: float, word: str) -> None:
    assert mixing_is_kept(linear, evidence, learned=False, misfit=1.0) is (word == "kept")
    # Where linear mixing leaves more than noise, its evidence contradicts nothing.
    assert mixing_is_kept(linear, evidence, learned=False, misfit=1.03)
    assert mixing_is_kept(linear, evidence - 1000, learned=False, misfit=1.02)


def test_weights_cost_what_bic_says_and_only_weights_do(setting: Made) -> None:
    made = setting(1, 3, mixing="residual")
    residual = made.model.mixing
    count = residual.weight_count
    assert count == 3 * 4 + 4 + 4 * 6 + 6
    assert weight_cost(residual, 200) == pytest.approx(0.5 * count * math.log(200) / 200)
    assert weight_cost(residual, 200) > weight_cost(residual, 400) > 0
    varied = VariableMixing(residual, torch.zeros(2, 3, 6).double())
    assert weight_cost(varied, 200) == weight_cost(residual, 200)
    for mixing in ("linear", "fan", "bilinear", "variable", "post-nonlinear"):
        assert weight_cost(setting(1, 3, mixing=mixing).model.mixing, 200) == 0


# Small scenes


def fitted(kind: str, mixed_as: str, *, variability: bool = False, noise: float = 0.005, count: int = 120) -> MixingFit:
    """Three materials in 12 bands, mixed so, fitted so."""
    generator = np.random.default_rng(5)
    endmembers = generator.uniform(0.2, 0.9, (3, 12))
    regions = np.repeat([1, 2, 3], count // 3)
    abundances = np.concatenate([generator.dirichlet(a, count // 3) for a in ([1, 4, 2], [3, 1, 1], [1, 1, 4])])
    spectra = abundances @ endmembers
    if mixed_as == "fan":
        for i, j in ((0, 1), (0, 2), (1, 2)):
            spectra = spectra + abundances[:, [i]] * abundances[:, [j]] * endmembers[i] * endmembers[j]
    if mixed_as == "tilt":
        spectra = spectra * (1 + 0.1 * generator.normal(size=(count, 1)) * np.linspace(-1, 1, 12))
    spectra = spectra + noise * generator.normal(size=spectra.shape)
    # The noise told is a little too large: what linear mixing leaves does not exceed it by chance.
    start = start_from_least_squares(
        *(spectra, regions, endmembers, np.full(3, 1e-3), 1.05 * noise),
        inversion=SumToOne(),
        seed=0,
        painted=3,
    )
    settled = end_of(settle(start.state, start.data, start.data.everything()))
    result: MixingFit = end_of(
        fit_mixing(
            start.data,
            settled.state,
            spectra,
            kind,
            variability=variability,
            endmember_error=np.full(3, 0.01),
            purest=None,
            seed=0,
        )
    )
    return result


@pytest.mark.slow
def test_a_scene_that_light_scattered_twice_keeps_the_mixing_and_one_that_is_linear_does_not() -> None:
    scattered = fitted("fan", "fan", count=60)
    assert scattered.kept
    assert isinstance(scattered.state.model.mixing, FanMixing)
    assert scattered.evidence > scattered.linear + 5
    assert scattered.state.misfit(scattered.data) < 1.1
    linear = fitted("fan", "linear", count=60)
    assert not linear.kept
    assert isinstance(linear.state.model.mixing, LinearMixing)
    assert linear.evidence < linear.linear - 5
    assert linear.state.misfit(linear.data) < 1.1


def test_a_network_is_not_kept_where_linear_mixing_explains_as_much() -> None:
    found = fitted("residual", "linear", count=60)
    assert not found.kept
    # What it gains is less than what its weights cost.
    assert found.evidence < found.linear


def test_variability_is_kept_where_spectra_vary() -> None:
    varied = fitted("linear", "tilt", variability=True)
    assert varied.kept
    assert isinstance(varied.state.model.mixing, VariableMixing)
    assert varied.evidence > varied.linear + 1
    assert not fitted("linear", "linear", variability=True, count=240).kept


# The scene's constants


def profile(constants: SceneConstants, made: Any) -> float:
    """Σ_n min over the latents of the energy, and the constants' own: what a step is to lower."""
    model = replace(made.model, mixing=constants.written(made.model.mixing))
    latents, scores, regions = made.pixels
    energy = solve(latents, scores, regions, model, iterations=60).energy.sum()
    return float(energy + 0.5 * constants.values @ constants.precision @ constants.values)


def slope_of(constants: SceneConstants, made: Any, nudge: float = 1e-3) -> torch.Tensor:
    """(T,) gradient of the profile by central differences, of what is free."""
    axes = torch.eye(len(constants.values), dtype=torch.float64)[: constants.own + constants.brightness]
    ends = [[profile(replace(constants, values=constants.values + s * nudge * e), made) for s in (1, -1)] for e in axes]
    return torch.tensor([(up - down) / (2 * nudge) for up, down in ends], dtype=torch.float64)


@pytest.mark.parametrize(("mixing", "own", "brightness"), [("post-nonlinear", 6, 0), ("fan", 0, 2)])
def test_steps_of_the_constants_go_to_where_the_profile_is_flat(
    mixing: str, own: int, brightness: int, setting: Made
) -> None:
    made = setting(2, 2, mixing=mixing, noise=0.002, pixels=60, hidden=False)
    # Spectra of other constants, so that there is something to find.
    truth = made.model.mixing.with_parameters(torch.linspace(-0.2, 0.2, own).double())
    truth = truth.with_endmembers((1.05 if brightness else 1.0) * made.data.anchor)
    noise = made.data.scores - made.model.mixed(made.truth)
    data = replace(made.data, scores=replace(made.model, mixing=truth).mixed(made.truth) + noise)
    made = replace(made, data=data, state=replace(made.state, latents=made.truth))
    first = SceneConstants.of(made.model.mixing, np.full(2, 0.02), brightness_free=mixing == "fan")
    assert (first.own, first.brightness, len(first.values)) == (own, brightness, own + brightness + 4)
    assert torch.equal(first.written(made.model.mixing).endmembers, made.model.mixing.endmembers)
    rows, now, state, heights = made.data.everything(), first, made.state, [profile(first, made)]
    for _ in range(6):
        now, state = now.step(state, made.data, rows, 1.0)
        heights.append(profile(now, made))
    # With the latents eliminated the first step goes most of the way; beside held latents it would creep.
    assert heights[0] - heights[1] > 0.9 * (heights[0] - min(heights))
    assert heights[1] < heights[0]
    assert heights[-1] - min(heights) < 0.02 * (heights[0] - min(heights))
    assert slope_of(now, made).norm() < 0.1 * slope_of(first, made).norm()
    assert float(now.values[own + brightness :].abs().max()) == 0  # endmembers are held until they are freed
    torch.testing.assert_close(state.model.mixing.endmembers, now.written(made.model.mixing).endmembers)
    assert float(first.values.abs().max()) == 0  # what was given is as it was


def test_a_damped_step_is_shorter_and_none_is_longer_than_the_longest(setting: Made) -> None:
    made = setting(2, 2, mixing="fan", noise=0.002, pixels=60, hidden=False)
    first = SceneConstants.of(made.model.mixing, np.full(2, 0.02), brightness_free=True)
    for brighter, longest in ((1.02, False), (4.0, True)):
        data = replace(made.data, scores=brighter * made.data.scores)
        full, quarter = (first.step(made.state, data, data.everything(), d).constants.values for d in (1.0, 0.25))
        if longest:
            assert float(full.abs().max()) == pytest.approx(0.5)
        else:
            torch.testing.assert_close(quarter, 0.25 * full)


@pytest.mark.parametrize(("evidence", "word"), [(1e9, "undone"), (-1e9, "taken")])
def test_a_step_that_does_not_raise_the_evidence_is_undone_state_and_constants(
    evidence: float, word: str, setting: Made
) -> None:
    made = setting(2, 2, mixing="fan", noise=0.002, pixels=60, hidden=False)
    first = SceneConstants.of(made.model.mixing, np.full(2, 0.02), brightness_free=True)
    settled = Settled(made.state, evidence)
    data = replace(made.data, scores=1.02 * made.data.scores)
    after = end_of(stepped(settled, data, data.everything(), first))
    assert (after.settled is settled) is (word == "undone")
    assert (after.constants is first) is (word == "undone")
    # Constants and state say the same.
    torch.testing.assert_close(
        after.settled.state.model.mixing.endmembers, after.constants.written(made.model.mixing).endmembers
    )


def test_endmembers_move_only_when_they_are_freed_and_not_beyond_two_errors(setting: Made) -> None:
    made = setting(3, 3, mixing="fan", noise=0.002, hidden=False)
    corners = made.data.anchor
    wrong = corners + 0.15 * torch.from_numpy(np.random.default_rng(0).normal(size=corners.shape))
    state = replace(made.state, model=replace(made.model, mixing=made.model.mixing.with_endmembers(wrong)))
    held = SceneConstants.of(state.model.mixing, np.full(3, 0.02), brightness_free=False)
    rows = made.data.everything()
    assert torch.equal(held.step(state, made.data, rows, 1.0).state.model.mixing.endmembers, wrong)
    freed = replace(held, endmembers_move=True).step(state, made.data, rows, 1.0)
    moved = freed.state.model.mixing.endmembers - wrong
    assert float(freed.constants.values.abs().max()) <= 2
    assert float(moved.abs().max()) > 1e-3
    # β Σ_j ξ_j (m_j − mean), |ξ| ≤ 2: never further than this.
    reach = 0.02 * 2 * (wrong - wrong.mean(dim=0)).abs().sum(dim=0)
    assert (moved.abs() <= reach + 1e-12).all()


# The network's weights, and variability


def test_training_the_weights_makes_spectra_likelier(setting: Made) -> None:
    made = setting(4, 3, mixing="residual", noise=0.02, pixels=200, hidden=False)
    abundances = made.model.abundances(made.truth)
    lifted = made.data.scores + 0.3 * abundances[:, :1] * abundances[:, 1:2]
    made = replace(made, data=replace(made.data, scores=lifted), state=replace(made.state, latents=made.truth))
    rows = made.data.everything()
    trained = with_trained_weights(made.state, made.data, rows, seed=0)
    assert trained.misfit(made.data) < 0.7 * made.state.misfit(made.data)
    assert bool((made.model.mixing.weights[2] == 0).all())  # what was given is as it was
    assert with_trained_weights(setting(4, 3).state, setting(4, 3).data, rows[:5], 0).model.mixing.weight_count == 0
    varied = replace(
        made.state,
        model=replace(made.model, mixing=VariableMixing(made.model.mixing, torch.zeros(1, 3, 6).double())),
        latents=torch.nn.functional.pad(made.truth, (0, 1)),
    )
    inner = innermost(with_trained_weights(varied, made.data, rows, seed=0).model.mixing)
    assert isinstance(inner, ResidualMixing)
    assert not bool((inner.weights[2] == 0).all())


def tilted(setting: Made) -> tuple[Any, torch.Tensor]:
    """A linear fit of spectra that vary along one direction, the same for every endmember, of standard deviation 0.1."""
    made = setting(5, 3, mixing="fan", pixels=400, noise=0.01, hidden=False)
    linear = LinearMixing(made.data.anchor)
    direction = torch.linspace(-1, 1, 6, dtype=torch.float64) / torch.linspace(-1, 1, 6, dtype=torch.float64).norm()
    generator = torch.Generator().manual_seed(0)
    variation = 0.1 * torch.randn(400, 1, generator=generator, dtype=torch.float64)
    noise = 0.01 * torch.randn(400, 6, generator=generator, dtype=torch.float64)
    model = replace(made.model, mixing=linear)
    scores = model.mixed(made.truth) + variation * direction + noise
    data = replace(made.data, scores=scores)
    return replace(made, data=data, state=replace(made.state, model=model, latents=made.truth)), direction


def test_variability_starts_at_the_leading_direction_of_what_is_left(setting: Made) -> None:
    made, direction = tilted(setting)
    state = with_directions(made.state, made.data, made.data.everything())
    mixing = state.model.mixing
    assert isinstance(mixing, VariableMixing)
    assert state.latents.shape == (400, 4)
    torch.testing.assert_close(state.latents[:, 2:], torch.zeros(400, 2).double(), rtol=0, atol=0)
    leading = mixing.directions[0]
    torch.testing.assert_close(leading[0], leading[1])  # the same for every endmember
    assert float((leading[0] @ direction).abs()) == pytest.approx(0.1, rel=0.1)
    assert float(mixing.directions[1, 0].norm()) < 0.02


def test_learning_variability_raises_the_evidence_and_shrinks_what_is_not_there(setting: Made) -> None:
    made, direction = tilted(setting)
    rows = made.data.everything()
    state = with_directions(made.state, made.data, rows)
    reach = reach_of(made.data, torch.full((3,), 0.01))
    centred = made.data.anchor - made.data.anchor.mean(dim=0)
    torch.testing.assert_close(reach, torch.full((3,), 0.01 * float((centred.square().sum() / 6).sqrt())).to(reach))
    seen = []
    for _ in range(4):
        settled = end_of(settle(state, made.data, rows, 2))
        seen.append(settled.evidence)
        state = with_learned_variability(settled.state, made.data, rows, reach)
    assert (np.diff(seen) > -0.02).all()
    leading = state.model.mixing.directions[0]
    assert (leading @ direction).abs().min() > 0.05
    assert with_learned_variability(made.state, made.data, rows, reach) is made.state


def test_with_certain_latents_variability_is_the_ridge_regression(setting: Made) -> None:
    """Brute force: unknowns stacked, design matrix written out, no posterior spread to speak of."""
    made, _ = tilted(setting)
    rows = made.data.everything()
    state = with_directions(made.state, made.data, rows, count=1)
    quiet = replace(state.model, variance=1e-10)  # the posterior's spread goes with the noise
    scores = quiet.mixed(state.latents) + 0.0
    data = replace(made.data, scores=scores)
    reach = torch.full((3,), 1e3).double()
    found = with_learned_variability(replace(state, model=quiet), data, rows, reach).model.mixing
    assert isinstance(found, VariableMixing)
    torch.testing.assert_close(found.endmembers, state.model.mixing.endmembers, atol=1e-3, rtol=0)


def test_the_bilinear_mixing_has_its_own_latents_after_the_light(setting: Made) -> None:
    made = setting(6, 3, mixing="bilinear", lit=True)
    assert isinstance(made.model.mixing, BilinearMixing)
    assert made.model.dimension == 2 + 1 + 3
