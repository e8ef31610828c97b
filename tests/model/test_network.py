"""The training loop and the evidence lower bound: what cannot be used is counted, annealing ends at the noise, the bound is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model.elbo import train_network
from napari_unmix.model.infer import solve
from napari_unmix.model.network import (
    MOST_STEPS_PER_EPOCH,
    InferenceNetwork,
    Loss,
    Step,
    annealed_variance,
    dropped_notes,
    entropy,
    train,
)
from napari_unmix.model.threads import seeded

Made = Callable[..., Any]
QUICK = {"epochs": 3, "batch": 10, "learning_rate": 0.1, "seed": 0}


def test_training_takes_every_pixel_once_an_epoch_and_minimises() -> None:
    place, seen = torch.tensor([5.0], requires_grad=True), []

    def loss(rows: torch.Tensor, done: float) -> Loss:
        seen.append((rows, done))
        total = (place - 1).square().sum()
        return Loss(total, float(total.detach()))

    steps = list(train([place], loss, 40, **{**QUICK, "epochs": 30}))
    assert [step.step for step in steps] == list(range(1, 121))
    assert {step.steps for step in steps} == {120}
    assert {step.dropped for step in steps} == {0}
    for epoch in range(0, 120, 4):
        assert sorted(torch.cat([rows for rows, _ in seen[epoch : epoch + 4]]).tolist()) == list(range(40))
    assert [done for _, done in seen] == [step / 120 for step in range(120)]
    assert steps[-1].loss < 0.05 * steps[0].loss


def test_an_epoch_of_a_large_scene_is_a_sample() -> None:
    place = torch.zeros(1, requires_grad=True)
    steps = list(train([place], lambda rows, done: Loss(place.sum(), 0.0), 100_000, **{**QUICK, "epochs": 1}))
    assert len(steps) == MOST_STEPS_PER_EPOCH


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_batches_without_a_finite_loss_change_nothing_and_are_counted(bad: float) -> None:
    place, calls = torch.tensor([5.0], requires_grad=True), [0]

    def loss(rows: torch.Tensor, done: float) -> Loss:
        calls[0] += 1
        total = (place - 1).square().sum() * (bad if calls[0] <= 5 else 1.0)
        return Loss(total, float(total.detach()))

    steps = list(train([place], loss, 40, **QUICK))
    assert [step.dropped for step in steps] == [1, 2, 3, 4] + [5] * 8
    assert torch.isfinite(place).all()
    (note,) = dropped_notes(steps[-1])
    assert note.sentence == "5 of 12 training batches had no finite loss and changed nothing."
    assert note.advice.startswith("Look for extreme values in the cube")


def test_nothing_is_said_where_every_batch_counted() -> None:
    assert dropped_notes(Step(12, 12, 0.1)) == ()


def test_the_noise_is_annealed_in_equal_ratios_and_ends_at_its_own_level() -> None:
    assert annealed_variance(0.01, 1.0, 0.0) == pytest.approx(1.0)
    assert annealed_variance(0.01, 1.0, 1 / 3) == pytest.approx(0.1)
    assert annealed_variance(0.01, 1.0, 2 / 3) == pytest.approx(0.01)
    assert annealed_variance(0.01, 1.0, 0.9) == pytest.approx(0.01)


def test_the_entropy_is_that_of_normal_distributions() -> None:
    std = torch.tensor([[0.5, 2.0], [1.0, 1.0]], dtype=torch.float64)
    expected = torch.distributions.Normal(0.0, std).entropy().sum(dim=1)
    torch.testing.assert_close(entropy(std.log()), expected)


def test_training_the_network_raises_a_bound_of_the_evidence(setting: Made) -> None:
    made = setting(1, 3, pixels=400, noise=0.05)
    with seeded(0):
        network = InferenceNetwork(made.data.scores, 2)
    training = train_network(
        network, made.data, made.model, made.model.prior, epochs=40, batch=100, learning_rate=0.01, seed=0
    )
    losses = []
    while True:
        try:
            losses.append(next(training).loss)
        except StopIteration as end:
            trained = end.value
            break
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 1
    assert trained.last.step == trained.last.steps == len(losses)
    # −loss is a lower bound of the evidence under the prior that was trained with it (Laplace is nearly exact here).
    law = type(made.model)(trained.prior, made.model.mixing, made.model.variance)
    evidence = float(solve(*made.pixels, law, 60).evidence.mean())
    assert -np.mean(losses[-10:]) < evidence + 0.05
    assert -np.mean(losses[-10:]) > evidence - 1.5
    # The network's means are abundances that explain the spectra.
    found = network.abundances(made.data.scores, made.model.abundances)
    truth = made.model.abundances(made.truth).numpy()
    assert np.sqrt(((found - truth) ** 2).mean()) < 0.15
    assert all(name.startswith("network.") for name in network.parameters_by_name())


def test_the_prior_that_was_given_is_not_changed_by_training(setting: Made) -> None:
    made = setting(2, 3, pixels=60)
    before = made.model.prior.log_alpha.clone()
    with seeded(0):
        network = InferenceNetwork(made.data.scores, 2)
    list(train_network(network, made.data, made.model, made.model.prior, **{**QUICK, "batch": 30}))
    torch.testing.assert_close(made.model.prior.log_alpha, before, rtol=0, atol=0)
    assert not made.model.prior.log_alpha.requires_grad
