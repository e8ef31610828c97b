"""Expectation–maximisation: e_step and m_step in turn until the evidence settles. Every function here takes a state and returns another."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import TO_THE_MODE, Posterior, e_step, joined
from napari_unmix.model.learn import m_step
from napari_unmix.model.network import Step

T = TypeVar("T")

ROUNDS = 8
# Gauss–Newton steps in a round: a few stragglers do not hold the others up, they go on from where they are in the next round.
_ITERATIONS = 8
_CHUNK = 5_000
_SETTLED = 1e-3  # nats per pixel


class Seen(NamedTuple):
    """What is seen of a fit between two batches: −log evidence per pixel of the batch (NaN: none), and the state of the last complete round."""

    loss: float
    state: State


Steps = Generator[Seen, None, T]


@dataclass(frozen=True, eq=False)
class Settled:
    """A state, and its evidence in nats per pixel of those that it was learned from."""

    state: State
    evidence: float


def e_steps(state: State, data: Data, rows: Tensor, iterations: int = TO_THE_MODE) -> Steps[Posterior]:
    """The posterior of ``rows``, batch by batch."""
    pieces = []
    for batch in torch.split(rows, _CHUNK):
        pieces.append(e_step(state.model, state.latents, data, batch, iterations))
        yield Seen(-float(pieces[-1].evidence.mean()), state)
    return joined(pieces)


def settle(state: State, data: Data, rows: Tensor, rounds: int = ROUNDS) -> Steps[Settled]:
    """Alternate the posterior of ``rows`` with what is learned from it until the evidence settles; never one of lower evidence.

    Laplace's evidence is not exact, so a round may lower it: then what the round before had is the answer.
    """
    best = Settled(state, -math.inf)
    for _ in range(rounds):
        posterior = yield from e_steps(state, data, rows, _ITERATIONS)
        now = Settled(state.with_latents(rows, posterior.latents), float(posterior.evidence.mean()))
        if now.evidence < best.evidence:
            return best
        if now.evidence - best.evidence < _SETTLED:
            return now
        best, state = now, replace(now.state, model=m_step(state.model, posterior, data, rows))
    return Settled(state, best.evidence)


def kept_if_better(settled: Settled, changed: State, data: Data, rows: Tensor, rounds: int = ROUNDS) -> Steps[Settled]:
    """Settle a changed state, and take whichever has the higher evidence."""
    return better(settled, (yield from settle(changed, data, rows, rounds)))


def better(settled: Settled, changed: Settled) -> Settled:
    """The change, only where its evidence is higher."""
    return changed if changed.evidence > settled.evidence else settled


def without_loss(inner: Generator[None, None, T], state: State) -> Steps[T]:
    """The steps of what has no evidence on the way, beside the ``state`` that it starts from."""
    while True:
        try:
            next(inner)
        except StopIteration as end:
            result: T = end.value
            return result
        yield Seen(math.nan, state)


def numbered(inner: Steps[T], look: Callable[[State], None] | None = None) -> Generator[Step, None, T]:
    """The steps of ``inner`` counted, how many there will be not known (0); ``look`` is shown every state."""
    step = 0
    while True:
        try:
            seen = next(inner)
        except StopIteration as end:
            result: T = end.value
            return result
        step += 1
        if look is not None:
            look(seen.state)
        yield Step(step, 0, seen.loss)
