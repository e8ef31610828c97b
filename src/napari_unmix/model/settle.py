"""Expectation–maximisation: e_step and m_step in turn until the evidence settles. Every function here takes a state and returns another."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, like, listed_as, named, number, numbers, plain, truth, whole
from napari_unmix.model.columns import is_solved_in_columns
from napari_unmix.model.data import Data, State
from napari_unmix.model.infer import TO_THE_MODE, Posterior, e_step, joined
from napari_unmix.model.law import Model
from napari_unmix.model.learn import m_step
from napari_unmix.model.network import Step

T = TypeVar("T")

ROUNDS = 8
# Gauss–Newton steps in a round: a few stragglers do not hold the others up, they go on from where they are in the next round.
_ITERATIONS = 8
# Pixels of a batch: so many, or where they are solved in columns as many as have so many latents, if that is more. A batch ends with a few
# stragglers, whatever its size: at 20,000 pixels of three latents it takes 0.65 of the time a pixel that it takes at 5,000.
_CHUNK, _LATENTS = 5_000, 60_000
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
    pieces: list[Posterior] = []
    batches = torch.split(rows, _together(state.model))

    def place() -> Tree:
        return plain(pieces)

    with long_loop("posterior", place) as loop:
        if loop.before is not None:
            kept = listed_as(loop.before)
            forms = [_form(state.latents, batch) for batch in batches[: len(kept)]]
            pieces += like(forms, kept)
            for piece in list(pieces):
                yield Seen(-float(piece.evidence.mean()), state)
        for batch in batches[len(pieces) :]:
            pieces.append(e_step(state.model, state.latents, data, batch, iterations))
            yield Seen(-float(pieces[-1].evidence.mean()), state)
    return joined(pieces)


def _together(model: Model) -> int:
    """Pixels of a batch."""
    return max(_CHUNK, _LATENTS // model.dimension) if is_solved_in_columns(model) else _CHUNK


def _form(latents: Tensor, rows: Tensor) -> Posterior:
    """A posterior of the shapes that those ``rows`` have."""
    count, dimension = len(rows), latents.shape[1]
    return Posterior(
        latents.new_empty(count, dimension),
        latents.new_empty(count, dimension, dimension),
        latents.new_empty(count),
    )


def settle(state: State, data: Data, rows: Tensor, rounds: int = ROUNDS) -> Steps[Settled]:
    """Alternate the posterior of ``rows`` with what is learned from it until the evidence settles; never one of lower evidence.

    Laplace's evidence is not exact, so a round may lower it: then what the round before had is the answer.
    """
    at = _Round(0, Settled(state, -math.inf), state)
    losses: list[float] = []

    def place() -> Tree:
        return {**plain(at), "losses": np.array(losses)}

    with long_loop("settling", place) as loop:
        if loop.before is not None:
            at, before = _went_on(at, loop.before, rounds)
            losses += before
            for loss in before:
                yield Seen(loss, at.state)
        while at.number < rounds and not at.over:
            seen: list[float] = []
            posterior = yield from overheard(e_steps(at.state, data, rows, _ITERATIONS), seen)
            at = _next(at, posterior, data, rows)
            losses += seen
            loop.round()
    return at.best if at.over else Settled(at.state, at.best.evidence)


@dataclass(frozen=True, eq=False)
class _Round:
    """``number`` rounds are done: the best of them, the state to go on from, and whether the best is the answer."""

    number: int
    best: Settled
    state: State
    over: bool = False


def _next(at: _Round, posterior: Posterior, data: Data, rows: Tensor) -> _Round:
    now = Settled(at.state.with_latents(rows, posterior.latents), float(posterior.evidence.mean()))
    if now.evidence < at.best.evidence:
        return replace(at, number=at.number + 1, over=True)
    if now.evidence - at.best.evidence < _SETTLED:
        return _Round(at.number + 1, now, at.state, over=True)
    return _Round(at.number + 1, now, replace(now.state, model=m_step(at.state.model, posterior, data, rows)))


def _went_on(at: _Round, place: Tree, most: int) -> tuple[_Round, list[float]]:
    """The round that was kept, in the form of the first, and the losses so far."""
    done, best, state, over, losses = named(place, "number", "best", "state", "over", "losses")
    best_state, evidence = named(best, "state", "evidence")
    settled = Settled(like(at.state, best_state), number(evidence))
    return _Round(whole(done, 0, most), settled, like(at.state, state), truth(over)), numbers(losses)


def overheard(steps: Steps[T], losses: list[float]) -> Steps[T]:
    """The same steps; their losses are noted."""
    while True:
        try:
            seen = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        losses.append(seen.loss)
        yield seen


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
