"""EM on states: it never ends at a lower evidence, it changes nothing that it is given, and a change that does not help is not taken."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
import torch

from napari_unmix.model.data import State
from napari_unmix.model.infer import TO_THE_MODE, e_step
from napari_unmix.model.learn import m_step
from napari_unmix.model.priors.base import Moments
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.settle import Settled, _together, better, e_steps, kept_if_better, numbered, settle

Made = Callable[..., Any]
T = TypeVar("T")


def end_of(steps: Generator[Any, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def evidence_of(state: State, made: Any) -> float:
    rows = made.data.everything()
    return float(e_step(state.model, state.latents, made.data, rows, 60).evidence.mean())


@pytest.mark.parametrize("lit", [False, True])
@pytest.mark.parametrize("prior", ["dirichlet", "logistic-normal"])
def test_settling_raises_the_evidence_with_every_round(prior: str, lit: bool, setting: Made) -> None:
    made = setting(1, 3, prior=prior, lit=lit, pixels=200)
    rows = made.data.everything()
    found = [end_of(settle(made.state, made.data, rows, rounds)) for rounds in (1, 2, 3, 8)]
    evidences = [settled.evidence for settled in found]
    assert evidences == sorted(evidences)
    assert evidences[-1] > evidences[0] + 0.05
    # What is told of the last is what its state has, to what one more M-step gains.
    assert evidence_of(found[-1].state, made) == pytest.approx(evidences[-1], abs=0.02)


def test_settling_changes_nothing_that_it_is_given(setting: Made) -> None:
    made = setting(2, 3)
    before, log_alpha = made.state.latents.clone(), made.model.prior.log_alpha.clone()
    rows = torch.arange(0, 30, 2)
    settled = end_of(settle(made.state, made.data, rows))
    torch.testing.assert_close(made.state.latents, before, rtol=0, atol=0)
    torch.testing.assert_close(made.model.prior.log_alpha, log_alpha, rtol=0, atol=0)
    # Pixels that took no part stay where they are.
    torch.testing.assert_close(settled.state.latents[1::2], before[1::2], rtol=0, atol=0)
    assert not torch.equal(settled.state.latents[0::2], before[0::2])


def test_one_round_is_an_e_step_and_an_m_step(setting: Made) -> None:
    made = setting(3, 3)
    rows = made.data.everything()
    settled = end_of(settle(made.state, made.data, rows, rounds=1))
    posterior = e_step(made.model, made.state.latents, made.data, rows, 8)
    torch.testing.assert_close(settled.state.latents, posterior.latents)
    expected = m_step(made.model, posterior, made.data, rows).prior.saved()["log_alpha"]
    torch.testing.assert_close(settled.state.model.prior.saved()["log_alpha"], expected)
    assert settled.evidence == pytest.approx(float(posterior.evidence.mean()))


@dataclass(frozen=True, eq=False)
class Spoiling(RegionDirichlet):
    """A Dirichlet whose M-step goes wrong after ``good`` times: every material becomes rare."""

    good: int = 0

    def m_step(self, moments: Moments, regions: torch.Tensor) -> RegionDirichlet:
        if self.good:
            learned = super().m_step(moments, regions)
            return replace(self, log_alpha=learned.log_alpha, good=self.good - 1)
        return replace(self, log_alpha=torch.full_like(self.log_alpha, -3.0))


@pytest.mark.parametrize("good", [0, 1])
def test_a_round_that_lowers_the_evidence_is_undone(good: int, setting: Made) -> None:
    made = setting(4, 3, pixels=100)
    spoiling = Spoiling(made.model.prior.log_alpha, made.model.prior.log_weights, good=good)
    state = replace(made.state, model=replace(made.model, prior=spoiling))
    settled = end_of(settle(state, made.data, made.data.everything()))
    # The state of the best round: the prior before it was spoilt, and the latents under it.
    kept = settled.state.model.prior.saved()["log_alpha"]
    assert not bool((kept == -3.0).any())
    assert torch.equal(kept, spoiling.log_alpha) is (good == 0)
    assert evidence_of(settled.state, made) == pytest.approx(settled.evidence, abs=1e-2)
    assert settled.evidence >= evidence_of(state, made) - 1e-2


@pytest.mark.parametrize(("old", "new", "word"), [(1.0, 2.0, "changed"), (2.0, 1.0, "kept"), (1.5, 1.5, "kept")])
def test_a_change_is_taken_only_where_the_evidence_rises(old: float, new: float, word: str, setting: Made) -> None:
    state = setting(5, 2, pixels=3).state
    kept, changed = Settled(state, old), Settled(state, new)
    assert better(kept, changed) is {"kept": kept, "changed": changed}[word]


def test_a_change_that_does_not_help_leaves_the_state_as_it_was(setting: Made) -> None:
    made = setting(6, 3, pixels=100)
    rows = made.data.everything()
    settled = end_of(settle(made.state, made.data, rows))
    wrong = settled.state.model.mixing.with_endmembers(1.5 * made.data.anchor)
    worse = replace(settled.state, model=replace(settled.state.model, mixing=wrong))
    assert end_of(kept_if_better(settled, worse, made.data, rows)) is settled
    rough = Settled(made.state, -100.0)
    assert end_of(kept_if_better(rough, settled.state, made.data, rows)).evidence > -100


def test_every_batch_is_shown_with_the_state_it_belongs_to(setting: Made) -> None:
    made = setting(7, 2, pixels=12_000, noise=0.1, mixing="fan")
    states, losses = [], []
    steps = numbered(e_steps(made.state, made.data, made.data.everything()), states.append)
    for number, step in enumerate(steps, start=1):
        assert (step.step, step.steps) == (number, 0)
        losses.append(step.loss)
    assert states == [made.state] * 3  # batches of 5000, of a law that is solved in rows
    whole = e_step(made.model, made.state.latents, made.data, made.data.everything(), TO_THE_MODE)
    assert losses[0] == pytest.approx(-float(whole.evidence[:5000].mean()))
    assert end_of(e_steps(made.state, made.data, made.data.everything())).evidence.shape == (12_000,)


@pytest.mark.parametrize(
    ("size", "mixing", "pixels"),
    [(2, "linear", 60_000), (4, "linear", 20_000), (14, "linear", 5_000), (4, "fan", 5_000)],
)
def test_batches_are_as_large_as_their_latents_allow(size: int, mixing: str, pixels: int, setting: Made) -> None:
    assert _together(setting(8, size, mixing=mixing, pixels=30).model) == pixels
