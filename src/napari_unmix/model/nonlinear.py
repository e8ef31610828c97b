"""From a linear fit to a nonlinear one: the subspace that the mixing needs, its scene-level constants, and what the evidence says of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, like, named, numbers, plain, truth, whole
from napari_unmix.model.constants import SceneConstants
from napari_unmix.model.data import Data, State
from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.mixing.curve import CurveMixing
from napari_unmix.model.mixing.products import BilinearMixing, FanMixing, PolynomialMixing
from napari_unmix.model.mixing.residual import ResidualMixing
from napari_unmix.model.settle import Seen, Settled, Steps, kept_if_better, overheard, settle
from napari_unmix.model.variability import reach_of, with_directions, with_learned_variability
from napari_unmix.model.weights import with_trained_weights
from napari_unmix.rows.subspace import Subspace, linear_subspace

# Scene-level constants are learned from at most this many pixels; a step of them reads at most so many.
_MOST_LEARNED, _STEP_PIXELS = 4_000, 1_500
_STEPS, _ENOUGH, _FEW_ROUNDS = 8, 1e-2, 3
_EXTRA_DIRECTIONS = 6
# Singular values under this share of the largest add nothing to a subspace in double precision.
_RANK = 1e-9
# The network's part of a spectrum is at most this share of the endmembers' root mean square, before it fades towards the vertices.
_BOUND, _WIDTH = 0.5, 8
# A curve, a network or variability must raise the evidence by this much: less is what small errors of the endmembers give as well.
WORTH = 0.1
# A mixing known from physics is dropped where linear mixing leaves no more than this times the noise and the evidence is against it by so many
# nats per pixel. Elsewhere its loss says little: the endmembers were found by linear mixing's rules.
EXPLAINED, CONTRADICTED = 1.02, 5.0

Change = Callable[[State], State]


@dataclass(frozen=True, eq=False)
class MixingFit:
    """The state that was kept, with its data, and the evidence per pixel of linear mixing and of the one asked for, on the same scores."""

    data: Data
    state: State
    kept: bool
    linear: float
    evidence: float


def fit_mixing(
    data: Data,
    state: State,
    spectra: FloatArray,
    kind: str,
    *,
    variability: bool,
    endmember_error: FloatArray,
    purest: FloatArray | None,
    seed: int,
) -> Steps[MixingFit]:
    """Fit the mixing ``kind``, with endmember variability or without, from a settled linear fit of (N, B) ``spectra``.

    ``endmember_error`` (P,): the endmembers' standard errors, as shares of the simplex: within them they move.
    ``purest`` (P, B): the endmembers with the brightness of the purest pixels, where only their direction is known; their brightness is then free.
    """
    # 1. Linear mixing in the space that the other mixing needs.
    space = _space(state.endmembers(data), spectra, kind, variability)
    lifted = data.reprojected(spectra, space)
    corners = torch.from_numpy(space.scores(data.spectra(state.model.mixing.endmembers))).to(lifted.scores)
    rows = lifted.learned_pixels(_MOST_LEARNED)
    linear = yield from settle(_with_mixing(state, LinearMixing(corners)), lifted, rows)
    rival = linear.evidence
    if kind in ("post-nonlinear", "residual"):
        # What is learned freely must beat linear mixing whose endmembers may move as well: their errors look like curvature.
        constants = SceneConstants.of(linear.state.model.mixing, endmember_error, brightness_free=False)
        moving = replace(constants, endmembers_move=True)
        rival = max(rival, (yield from _improved(linear.state, lifted, rows, moving, ())).evidence)
    # 2. The other mixing, from there.
    held = (
        lifted if purest is None else replace(lifted, anchor=torch.from_numpy(space.scores(purest)).to(lifted.anchor))
    )
    begun = linear.state if purest is None else _with_mixing(linear.state, LinearMixing(held.anchor))
    mixing = _mixing_of(kind, begun.model.mixing.endmembers, space, seed)
    first = _with_mixing(begun, mixing)
    free = SceneConstants.of(mixing, endmember_error, brightness_free=purest is not None) if kind != "linear" else None
    changes: list[Change] = []
    if kind == "residual":
        changes.append(lambda now: with_trained_weights(now, held, rows, seed))
    if variability:
        first, reach = with_directions(first, held, rows), reach_of(held, torch.from_numpy(endmember_error))
        changes.append(lambda now: with_learned_variability(now, held, rows, reach))
    fitted = yield from _improved(first, held, rows, free, changes)
    # 3. Whichever the evidence is for.
    learned = kind in ("post-nonlinear", "residual") or variability
    if mixing_is_kept(rival, fitted.evidence, learned=learned, misfit=linear.state.misfit(lifted)):
        return MixingFit(held, fitted.state, True, rival, fitted.evidence)
    return MixingFit(lifted, linear.state, False, rival, fitted.evidence)


def mixing_is_kept(linear: float, evidence: float, *, learned: bool, misfit: float) -> bool:
    """Whether a mixing of this ``evidence`` (nats per pixel) is kept against ``linear`` mixing's, whose residual is ``misfit`` times the noise.

    One with constants learned for the whole scene must raise the evidence by ``WORTH``; one known from physics is kept unless contradicted.
    """
    if learned:
        return evidence >= linear + WORTH
    return misfit >= EXPLAINED or evidence >= linear - CONTRADICTED


def _improved(
    state: State, data: Data, rows: Tensor, constants: SceneConstants | None, changes: Sequence[Change]
) -> Steps[Settled]:
    """Settle, then change one kind of constants after another while the evidence rises; what freely trained weights cost is taken off."""
    at = _Improved((yield from settle(state, data, rows)), constants)
    rounds, losses = 0, list[float]()

    def place() -> Tree:
        return {**plain(at), "rounds": rounds, "losses": np.array(losses)}

    with long_loop("improving", place) as loop:
        if loop.before is not None:
            at, rounds, losses = _went_on(at, loop.before)
            for loss in losses:
                yield Seen(loss, at.settled.state)
        while not at.over and rounds < _STEPS:
            seen: list[float] = []
            at = yield from overheard(_once_more(at, data, rows, changes), seen)
            losses += seen
            rounds += 1
            loop.round()
    settled = at.settled
    return Settled(settled.state, settled.evidence - weight_cost(settled.state.model.mixing, len(rows)))


@dataclass(frozen=True, eq=False)
class _Improved:
    """Where improving stands: the state, the scene's constants, and whether no more is gained."""

    settled: Settled
    constants: SceneConstants | None
    over: bool = False


def _went_on(at: _Improved, place: Tree) -> tuple[_Improved, int, list[float]]:
    """Where improving stood, in the form of where it began, the rounds, and the losses so far."""
    settled, constants, over, rounds, losses = named(place, "settled", "constants", "over", "rounds", "losses")
    kept = _Improved(like(at.settled, settled), like(at.constants, constants), truth(over))
    return kept, whole(rounds, 0, _STEPS), numbers(losses)


def _once_more(at: _Improved, data: Data, rows: Tensor, changes: Sequence[Change]) -> Steps[_Improved]:
    settled, constants = at.settled, at.constants
    # 1. The scene's constants, then what the caller changes.
    if constants is not None:
        settled, constants = yield from stepped(settled, data, rows, constants)
    for change in changes:
        settled = yield from kept_if_better(settled, change(settled.state), data, rows, _FEW_ROUNDS)
    # 2. What a longer settling adds.
    again = yield from settle(settled.state, data, rows)
    settled = Settled(again.state, max(settled.evidence, again.evidence))
    # 3. Last, the endmembers, and only where neither a pixel nor a curve has freedom of its own to trade with them.
    if settled.evidence - at.settled.evidence < _ENOUGH:
        traded = settled.state.model.mixing.extras > 0
        if constants is None or constants.endmembers_move or constants.own or traded:
            return _Improved(settled, constants, over=True)
        constants = replace(constants, endmembers_move=True)
    return _Improved(settled, constants)


class After(NamedTuple):
    """What holds after a step was tried: the state with its evidence, and the constants that it has."""

    settled: Settled
    constants: SceneConstants


def stepped(settled: Settled, data: Data, rows: Tensor, constants: SceneConstants) -> Steps[After]:
    """A step of the scene's constants, a shorter one where the first does not raise the evidence, none where neither does."""
    some = rows[:: max(1, len(rows) // _STEP_PIXELS)]
    for damping in (1.0, 0.25):
        step = constants.step(settled.state, data, some, damping)
        tried = yield from kept_if_better(settled, step.state, data, rows, _FEW_ROUNDS)
        if tried is not settled:
            return After(tried, step.constants)
    return After(settled, constants)


def weight_cost(mixing: Mixing, count: int) -> float:
    """Nats per pixel that freely trained weights cost, learned from ``count`` pixels: ½ W log n / n (BIC)."""
    return 0.5 * mixing.weight_count * math.log(count) / count


# The subspace and the start


def _space(endmembers: FloatArray, spectra: FloatArray, kind: str, variability: bool) -> Subspace:
    """A linear subspace of spectra that holds all that the mixing can give, orthonormal: all bands for a curve."""
    bands = spectra.shape[1]
    if kind == "post-nonlinear":
        return Subspace(np.zeros(bands), np.eye(bands))
    rows = [endmembers]
    if kind in ("fan", "bilinear", "ppnm"):
        pairs = PolynomialMixing.pairs(len(endmembers))
        rows.append(np.array([endmembers[i] * endmembers[j] for i, j in pairs]))
    if kind == "residual" or variability:
        rows.append(linear_subspace(spectra, min(len(endmembers) + _EXTRA_DIRECTIONS, bands)).basis)
    stacked = np.vstack([block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-300) for block in rows])
    values, vectors = np.linalg.svd(stacked, full_matrices=False)[1:]
    return Subspace(np.zeros(bands), vectors[values > _RANK * values[0]])


def _with_mixing(state: State, mixing: Mixing) -> State:
    """The same latents under another mixing, its own latents at zero."""
    return State(replace(state.model, mixing=mixing), torch.nn.functional.pad(state.latents, (0, mixing.extras)))


def _mixing_of(kind: str, corners: Tensor, space: Subspace, seed: int) -> Mixing:
    """The mixing where it starts, its endmembers ``corners`` (P, K)."""
    basis = torch.from_numpy(space.basis).to(corners)
    if kind == "fan":
        return FanMixing.of(corners, basis)
    if kind == "bilinear":
        return BilinearMixing.of(corners, basis)
    if kind == "ppnm":
        return PolynomialMixing.of(corners, basis)
    if kind == "post-nonlinear":
        return CurveMixing.of(corners)
    if kind == "residual":
        level = float((corners**2).sum(dim=1).mean().sqrt()) / corners.shape[1] ** 0.5
        return ResidualMixing.of(corners, width=_WIDTH, bound=_BOUND * level, seed=seed)
    return LinearMixing(corners)
