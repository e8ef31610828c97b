"""From a linear fit to a nonlinear one: the subspace that the mixing needs, its scene-level constants, and what the evidence says of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model import infer
from napari_unmix.model.mixing.pixel import (
    BilinearMixing,
    FanMixing,
    LinearMixing,
    Mixing,
    PolynomialMixing,
    VariableMixing,
)
from napari_unmix.model.mixing.scene import CurveMixing, ResidualMixing
from napari_unmix.model.priors.dirichlet import softmax_slope
from napari_unmix.model.settle import SemiAmortised, Step, Steps, counted_steps, projected
from napari_unmix.rows.subspace import Subspace, linear_subspace

# Scene-level constants are learned from at most this many pixels.
_MOST_LEARNED = 4_000
_STEPS = 8
_EXTRA_DIRECTIONS = 6
# Singular values under this share of the largest add nothing to a subspace in double precision.
_RANK = 1e-9
# The network's part of a spectrum is at most this share of the endmembers' root mean square, before it fades towards the vertices.
_BOUND, _WIDTH, _NETWORK_STEPS, _NETWORK_BATCH, _WEIGHT_PRECISION = 0.5, 8, 200, 1_000, 1.0
VARIABILITY_DIRECTIONS = 2
# A curve, a network or variability must raise the evidence by this much: less is what small errors of the endmembers give as well.
_WORTH = 0.1
# A mixing known from physics is dropped where linear mixing leaves no more than this times the noise and the evidence is against it by so many
# nats per pixel. Elsewhere its loss says little: the endmembers were found by linear mixing's rules.
_EXPLAINED, _CONTRADICTED = 1.02, 5.0
# A step of the scene's constants reads at most this many pixels, so many at once, by differences of this size.
_SCENE_PIXELS, _SCENE_BATCH, _NUDGE = 1_500, 250, 1e-4
_LONGEST, _BRIGHTNESS, _ENOUGH, _FARTHEST, _MOST_ERRORS = 0.5, 0.3, 1e-2, 0.03, 2.0


def bend(
    state: SemiAmortised,
    spectra: FloatArray,
    kind: str,
    *,
    variability: bool,
    uncertain: FloatArray,
    shown: FloatArray | None,
    seed: int,
) -> Generator[Step, None, tuple[SemiAmortised, float, float]]:
    """Fit the mixing ``kind``, with endmember variability or without, from a settled linear fit.

    ``uncertain`` (P,): the endmembers' standard errors, as shares of the simplex: within them they move.
    ``shown`` (P, B): the endmembers with the brightness of the purest pixels, where only their direction is known; their brightness is then free.
    Returns the state that has it, and the evidence per pixel of linear mixing and of this one on the same scores. A mixing
    that linear mixing makes needless is dropped; one with constants learned for the whole scene must raise the evidence.
    """
    linear = _lifted(state, spectra, _space(state, spectra, kind, variability))
    rows = linear.learned_pixels(_MOST_LEARNED)
    counter, steps = itertools.count(1), 120
    plain = yield from counted_steps(linear.settled(rows), counter, steps)
    if kind in ("post-nonlinear", "residual"):
        # What is learned freely must beat linear mixing whose endmembers may move as well: their errors look like curvature.
        rival = replace(linear, latents=linear.latents.clone())
        moving = _Scene(rival, uncertain, brightness_free=False)
        moving.moving = True
        plain = max(plain, (yield from counted_steps(_improved(rival, rows, moving, uncertain, seed), counter, steps)))
    bent = replace(linear, latents=linear.latents.clone())
    if shown is not None:
        bent.anchor = torch.from_numpy(linear.subspace.scores(shown)).to(linear.anchor)
        bent.model = replace(bent.model, mixing=LinearMixing(bent.anchor))
    bent.model = replace(bent.model, mixing=_mixing(bent, kind, seed))
    scene = _Scene(bent, uncertain, brightness_free=shown is not None) if kind != "linear" else None
    bent.latents = torch.nn.functional.pad(bent.latents, (0, bent.model.mixing.extras))
    if variability:
        _add_directions(bent, rows)
    evidence = yield from counted_steps(_improved(bent, rows, scene, uncertain, seed), counter, steps)
    learned_for_the_scene = kind in ("post-nonlinear", "residual") or variability
    needed = _WORTH if learned_for_the_scene else -_CONTRADICTED if linear.misfit() < _EXPLAINED else -math.inf
    return (linear if evidence < plain + needed else bent), plain, evidence


def _improved(state: SemiAmortised, rows: Tensor, scene: _Scene | None, uncertain: FloatArray, seed: int) -> Steps:
    """Settle, then change one kind of constants after another while the evidence rises."""
    changes: list[Callable[[Tensor], None]] = []
    if isinstance(_inner(state.model.mixing), ResidualMixing):
        changes.append(lambda sample: _train_network(state, sample, seed))
    if isinstance(state.model.mixing, VariableMixing):
        centred = state.anchor - state.anchor.mean(dim=0)
        reach = torch.from_numpy(uncertain).to(centred) * (centred.square().sum() / centred.shape[1]).sqrt()
        changes.append(lambda sample: _learn_variability(state, sample, reach))
    evidence = yield from state.settled(rows)
    for _ in range(_STEPS):
        before = evidence
        if scene is not None:
            evidence = yield from _stepped(state, rows, scene, evidence)
        for change in changes:
            evidence = yield from state.kept_if_better(rows, evidence, change, rounds=3)
        evidence = max(evidence, (yield from state.settled(rows)))
        if evidence - before < _ENOUGH:
            if scene is None or scene.moving or state.model.mixing.extras or scene.own:
                break
            # Last, the endmembers, and only where neither a pixel nor a curve has freedom of its own to trade with them.
            scene.moving = True
    return evidence - network_cost(state.model.mixing, len(rows))


def _stepped(state: SemiAmortised, rows: Tensor, scene: _Scene, evidence: float) -> Steps:
    """A step of the scene's numbers, a shorter one where the first does not raise the evidence."""
    some, values = rows[:: max(1, len(rows) // _SCENE_PIXELS)], scene.values
    for damping in (1.0, 0.25):
        changed = yield from state.kept_if_better(rows, evidence, partial(scene.step, state, some, damping), rounds=3)
        if changed > evidence:
            return changed
        scene.values = values
    return evidence


def network_cost(mixing: Mixing, count: int) -> float:
    """Nats per pixel that the network's weights cost (BIC)."""
    inner = _inner(mixing)
    return 0.5 * inner.size * math.log(count) / count if isinstance(inner, ResidualMixing) else 0.0


def _inner(mixing: Mixing) -> Mixing:
    return mixing.inner if isinstance(mixing, VariableMixing) else mixing


# The subspace and the start


def _space(state: SemiAmortised, spectra: FloatArray, kind: str, variability: bool) -> Subspace:
    """A linear subspace of spectra that holds all that the mixing can give, orthonormal: all bands for a curve."""
    endmembers, bands = state.endmembers(), spectra.shape[1]
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


def _lifted(state: SemiAmortised, spectra: FloatArray, space: Subspace) -> SemiAmortised:
    """The same linear fit, in another subspace."""
    endmembers = state.subspace.spectra(state.model.mixing.endmembers.cpu().numpy())
    anchor = state.subspace.spectra(state.anchor.cpu().numpy())
    scores, outside = projected(spectra, space, state.scores.device)
    corners, held = (torch.from_numpy(space.scores(rows)).to(scores) for rows in (endmembers, anchor))
    return replace(
        state,
        subspace=space,
        scores=scores,
        outside=outside,
        anchor=held,
        model=replace(state.model, mixing=LinearMixing(corners)),
        latents=state.latents.clone(),
    )


def _mixing(state: SemiAmortised, kind: str, seed: int) -> Mixing:
    corners = state.model.mixing.endmembers
    basis = torch.from_numpy(state.subspace.basis).to(corners)
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


# Constants of the scene


class _Scene:
    """The scene's numbers as one vector θ ``values`` (T,), and the Gaussian N(0, precision⁻¹) that they have a priori.

    The mixing's own numbers, with unit variance and differences of variance ¼; the log brightness of every endmember where it is free, with
    standard deviation 0.3; and where each endmember stands within its standard error β: m_k = anchor_k + β_k Σ_j ξ_kj (anchor_j − mean).
    Endmembers that are free beyond that run away while the evidence rises.
    """

    def __init__(self, state: SemiAmortised, uncertain: FloatArray, *, brightness_free: bool) -> None:
        self.moving = False
        self.anchor = state.model.mixing.endmembers
        size = len(self.anchor)
        self.reach = torch.from_numpy(uncertain).to(self.anchor).clamp_max(_FARTHEST)
        self.own, self.brightness = len(state.model.mixing.parameters), size if brightness_free else 0
        difference = torch.eye(self.own).diff(dim=0)
        blocks = [torch.eye(self.own) + 4 * difference.T @ difference]
        blocks += [torch.eye(self.brightness) / _BRIGHTNESS**2, torch.eye(size * size)]
        self.precision = torch.block_diag(*blocks).to(self.anchor)  # type: ignore[no-untyped-call]
        self.values = torch.zeros(len(self.precision)).to(self.anchor)

    def write(self, mixing: Mixing, values: Tensor) -> Mixing:
        """The mixing that has θ."""
        size, end = len(self.anchor), self.own + self.brightness
        shifts = values[end:].reshape(size, size) @ (self.anchor - self.anchor.mean(dim=0))
        endmembers = self.anchor + self.reach[:, None] * shifts
        if self.brightness:
            endmembers = values[self.own : end].exp()[:, None] * endmembers
        return mixing.moved(endmembers).adjusted(values[: self.own])

    def step(self, state: SemiAmortised, some: Tensor, damping: float, _: Tensor) -> None:
        """One Gauss–Newton step of θ from ``some`` pixels, their latents eliminated (Schur complement).

        Alternating θ with the latents creeps along the valley between them; eliminating them does not.
        """
        model, values = state.model, self.values
        normal, gradient = self.precision.clone(), self.precision @ values
        for batch in torch.split(some, _SCENE_BATCH):
            posterior = state.solve(batch)
            mixed, slope = model.slopes(posterior.latents)
            along = self._slopes(model, posterior.latents)  # (T, n, K)
            cross = torch.einsum("ndk,tnk->ndt", slope, along) / model.variance
            flat = along.flatten(1)
            eliminated = torch.einsum("nds,ndt->st", cross, torch.linalg.solve(posterior.hessian, cross))
            normal = normal + flat @ flat.T / model.variance - eliminated
            gradient = gradient - flat @ (state.scores[batch] - mixed).flatten() / model.variance
        free = len(values) if self.moving else self.own + self.brightness
        step = torch.zeros_like(values)
        step[:free] = damping * torch.linalg.solve(normal[:free, :free], gradient[:free])
        largest = step[: self.own + self.brightness].abs().amax() if self.own + self.brightness else step.new_zeros(())
        step = step * min(1.0, _LONGEST / max(float(largest), 1e-12))
        self.values = values - step
        end = self.own + self.brightness
        self.values[end:] = self.values[end:].clamp(-_MOST_ERRORS, _MOST_ERRORS)
        state.model = replace(model, mixing=self.write(model.mixing, self.values))

    def _slopes(self, model: infer.Model, latents: Tensor) -> Tensor:
        """(T, n, K) slope of the noise-free scores along θ, by central differences."""
        rows = []
        for nudge in _NUDGE * torch.eye(len(self.values)).to(self.values):
            up, down = (
                replace(model, mixing=self.write(model.mixing, self.values + sign * nudge)).mixed(latents)
                for sign in (1.0, -1.0)
            )
            rows.append((up - down) / (2 * _NUDGE))
        return torch.stack(rows)


def _train_network(state: SemiAmortised, rows: Tensor, seed: int) -> None:
    """Maximise the expected log likelihood of Laplace draws over the network's weights, which are N(0, 1) a priori (Adam)."""
    model = state.model
    mixing = _inner(model.mixing)
    assert isinstance(mixing, ResidualMixing)
    posterior = state.solve(rows)
    root = torch.linalg.cholesky_ex(posterior.covariance())[0]
    weights = [weight.clone().requires_grad_(True) for weight in mixing.weights]
    optimiser = torch.optim.Adam(weights, lr=0.02)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(_NETWORK_STEPS):
        batch = torch.randint(len(rows), (min(_NETWORK_BATCH, len(rows)),), generator=generator).to(rows.device)
        noise = torch.randn(len(batch), root.shape[1], 1, generator=generator, dtype=root.dtype).to(root)
        drawn = posterior.latents[batch] + (root[batch] @ noise)[:, :, 0]
        trial = replace(mixing, weights=(weights[0], weights[1], weights[2], weights[3]))
        outer = replace(model.mixing, inner=trial) if isinstance(model.mixing, VariableMixing) else trial
        residual = state.scores[rows[batch]] - replace(model, mixing=outer).mixed(drawn)
        held = sum(_WEIGHT_PRECISION * (weight**2).sum() for weight in weights[2:]) / len(rows)
        loss = (residual**2).sum(dim=1).mean() / (2 * model.variance) + 0.5 * held
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    first, second, third, fourth = (weight.detach() for weight in weights)
    trained = replace(mixing, weights=(first, second, third, fourth))
    outer = replace(model.mixing, inner=trained) if isinstance(model.mixing, VariableMixing) else trained
    state.model = replace(model, mixing=outer)


# Endmember variability


def _add_directions(state: SemiAmortised, rows: Tensor, count: int = VARIABILITY_DIRECTIONS) -> None:
    """Start from the leading principal directions of what the linear fit leaves, the same for every endmember."""
    left = state.scores[rows] - state.model.mixed(state.latents[rows])
    moment = left.T @ left / len(left)
    values, vectors = torch.linalg.eigh(moment)
    count = min(count, moment.shape[0] - len(state.anchor))
    spread = (values[-count:].flip(0) - state.model.variance).clamp_min(0.01 * state.model.variance).sqrt()
    directions = (vectors[:, -count:].flip(1) * spread).T[:, None, :].repeat(1, len(state.anchor), 1)
    level = state.model.brightness(state.latents[rows]).mean()
    state.model = replace(state.model, mixing=VariableMixing(state.model.mixing, directions / level))
    state.latents = torch.nn.functional.pad(state.latents, (0, count))


def _learn_variability(state: SemiAmortised, rows: Tensor, reach: Tensor) -> None:
    """D (Q, P, K) and M by ridge regression on v_q a_p and a_p, with the second moments of the posterior (EM's M-step).

    D ~ N(0, ρ²), ρ² the mean square of D so far: directions that the data do not support shrink. M ~ N(anchor, ``reach``²): the purest
    spectra found are extremes of what varies, the mean ones lie within. Only the linear part of M moves with a nonlinear mixing.
    """
    model, mixing = state.model, state.model.mixing
    assert isinstance(mixing, VariableMixing)
    posterior = state.solve(rows)
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    inner, variation = mixing.split(model.extras(posterior.latents))
    count, size = len(mixing.directions), abundances.shape[1]
    covariance, amounts = posterior.covariance(), brightness * abundances
    # Second moments of h = (a, v a), to first order: δh = (δa, a δv + v δa).
    change = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    weights = torch.cat([torch.ones_like(brightness), variation], dim=1)
    slope = torch.zeros(len(rows), count + 1, size, covariance.shape[1]).to(amounts)
    slope[..., : model.size] = weights[:, :, None, None] * change[:, None]
    for direction in range(count):
        slope[:, direction + 1, :, covariance.shape[1] - count + direction] = amounts
    features, slope = (weights[:, :, None] * amounts[:, None, :]).flatten(1), slope.flatten(1, 2)
    second = features.T @ features + torch.einsum("nfd,nde,nge->fg", slope, covariance, slope)
    bent = brightness * mixing.inner.value(abundances, inner) - amounts @ mixing.endmembers
    spread = mixing.directions.square().mean(dim=2).mean().clamp_min(1e-12)
    ridge = model.variance / torch.cat([reach**2, spread.expand(count * size)])
    target = features.T @ (state.scores[rows] - bent)
    target[:size] += ridge[:size, None] * state.anchor
    found = torch.linalg.solve(second + torch.diag(ridge), target).reshape(count + 1, size, -1)
    state.model = replace(model, mixing=replace(mixing.moved(found[0]), directions=found[1:]))
