"""From a linear fit to a nonlinear one: the subspace that the mixing needs, its scene-level constants, and what the evidence says of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.methods.distributions import softmax_slope
from napari_unmix.methods.generative import laplace
from napari_unmix.methods.generative.posterior import SemiAmortised, Step, Steps, counted_steps, projected
from napari_unmix.methods.mixing import BilinearMixing, FanMixing, LinearMixing, Mixing, PolynomialMixing, VariableMixing
from napari_unmix.methods.mixing_scene import CurveMixing, ResidualMixing
from napari_unmix.subspace import Subspace, linear_subspace

# Scene-level constants are learned from at most this many pixels.
_MOST_LEARNED = 4_000
_STEPS = 8
_EXTRA_DIRECTIONS = 6
# Singular values under this share of the largest add nothing to a subspace in double precision.
_RANK = 1e-9
# The network's part of a spectrum is at most this share of the endmembers' root mean square, before it fades towards the vertices.
_BOUND, _WIDTH, _NETWORK_STEPS, _NETWORK_BATCH, _WEIGHT_PRECISION = 0.5, 8, 200, 1_000, 1.0
VARIABILITY_DIRECTIONS = 2
# A step of the scene's constants reads at most this many pixels, so many at once, by differences of this size.
_SCENE_PIXELS, _SCENE_BATCH, _NUDGE = 2_000, 500, 1e-4
_LONGEST, _BRIGHTNESS = 0.5, 0.3


def bend(
    state: SemiAmortised, spectra: FloatArray, kind: str, *, variability: bool, shown: FloatArray | None, seed: int
) -> Generator[Step, None, tuple[SemiAmortised, float, float]]:
    """Fit the mixing ``kind``, with endmember variability or without, from a settled linear fit.

    ``shown`` (P, B): the endmembers with the brightness of the purest pixels, where only their direction is known; their brightness is then free.
    Returns the state that has it, and the evidence per pixel of linear mixing and of this one on the same scores. A mixing with constants
    learned for the whole scene that does not raise the evidence stays linear.
    """
    linear = _lifted(state, spectra, _space(state, spectra, kind, variability))
    rows = linear.learned_pixels(_MOST_LEARNED)
    counter, steps = itertools.count(1), 120
    plain = yield from counted_steps(linear.settled(rows), counter, steps)
    bent = replace(linear, latents=linear.latents.clone())
    if shown is not None:
        bent.anchor = torch.from_numpy(linear.subspace.scores(shown)).to(linear.anchor)
        bent.model = replace(bent.model, mixing=LinearMixing(bent.anchor))
    bent.model = replace(bent.model, mixing=_mixing(bent, kind, seed))
    bent.latents = torch.nn.functional.pad(bent.latents, (0, bent.model.mixing.extras))
    if variability:
        _add_directions(bent, rows)
    evidence = yield from counted_steps(_improved(bent, rows, seed, shown is not None), counter, steps)
    learned_for_the_scene = kind in ("post-nonlinear", "residual") or variability
    return (linear if learned_for_the_scene and evidence <= plain else bent), plain, evidence


def _improved(state: SemiAmortised, rows: Tensor, seed: int, brightness_free: bool) -> Steps:
    """Settle, then change one kind of constants after another while the evidence rises."""
    free, changes = _free(state, brightness_free), list[Callable[[Tensor], None]]()
    if free is not None:
        changes.append(lambda sample: _scene_step(state, sample[:: max(1, len(sample) // _SCENE_PIXELS)], free))
    if isinstance(_inner(state.model.mixing), ResidualMixing):
        changes.append(lambda sample: _train_network(state, sample, seed))
    if isinstance(state.model.mixing, VariableMixing):
        changes.append(lambda sample: _learn_directions(state, sample))
    if bool((state.anchor_std > 0).any()):
        changes.append(state.move_endmembers)
    evidence = yield from state.settled(rows)
    for _ in range(_STEPS):
        before = evidence
        for change in changes:
            evidence = yield from state.kept_if_better(rows, evidence, change, rounds=3)
        evidence = max(evidence, (yield from state.settled(rows)))
        if evidence - before < 1e-2:
            break
    return evidence - network_cost(state.model.mixing, len(rows))


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


@dataclass(frozen=True, eq=False)
class _Free:
    """Scene-level numbers as one vector θ: the mixing's own, then the log brightness of each endmember over its ``anchor`` (P, K), where free.

    Endmembers keep their direction: with it free as well, evidence rises while they run away.
    ``precision`` (T, T) of the Gaussian around 0 that θ has a priori.
    """

    anchor: Tensor | None
    precision: Tensor

    def read(self, mixing: Mixing) -> Tensor:
        """θ (T,)."""
        if self.anchor is None:
            return mixing.parameters
        ratio = (mixing.endmembers * self.anchor).sum(dim=1) / (self.anchor**2).sum(dim=1)
        return torch.cat([mixing.parameters, ratio.clamp_min(1e-3).log()])

    def write(self, mixing: Mixing, values: Tensor) -> Mixing:
        """The mixing that has θ."""
        own = len(mixing.parameters)
        moved = mixing if self.anchor is None else mixing.moved(values[own:].exp()[:, None] * self.anchor)
        return moved.adjusted(values[:own])


def _free(state: SemiAmortised, brightness_free: bool) -> _Free | None:
    """Own parameters ~ N(0, 1) with differences ~ N(0, ¼), log brightness ~ N(0, 0.3²); None where nothing is free."""
    own = len(state.model.mixing.parameters)
    difference = torch.eye(own).to(state.anchor).diff(dim=0)
    blocks = [torch.eye(own).to(state.anchor) + 4 * difference.T @ difference]
    if brightness_free:
        blocks.append(torch.eye(len(state.anchor)).to(state.anchor) / _BRIGHTNESS**2)
    precision = torch.block_diag(*blocks)
    return _Free(state.anchor if brightness_free else None, precision) if len(precision) else None


def _scene_step(state: SemiAmortised, rows: Tensor, free: _Free) -> None:
    """One Gauss–Newton step of θ with the pixels' latents eliminated (Schur complement).

    Alternating θ with the latents creeps along the valley between them; eliminating them does not.
    """
    model, values = state.model, free.read(state.model.mixing)
    normal, gradient = free.precision.clone(), free.precision @ values
    for batch in torch.split(rows, _SCENE_BATCH):
        posterior = state.solve(batch)
        mixed, slope = model.slopes(posterior.latents)
        along = _parameter_slopes(model, posterior.latents, free)  # (T, n, K)
        cross = torch.einsum("ndk,tnk->ndt", slope, along) / model.variance
        flat = along.flatten(1)
        eliminated = torch.einsum("nds,ndt->st", cross, torch.linalg.solve(posterior.hessian, cross))
        normal = normal + flat @ flat.T / model.variance - eliminated
        gradient = gradient - flat @ (state.scores[batch] - mixed).flatten() / model.variance
    step = torch.linalg.solve(normal, gradient)
    step = step * min(1.0, _LONGEST / max(float(step.abs().max()), 1e-12))
    state.model = replace(model, mixing=free.write(model.mixing, values - step))


def _parameter_slopes(model: laplace.Model, latents: Tensor, free: _Free) -> Tensor:
    """(T, n, K) slope of the noise-free scores along θ, by central differences."""
    values, rows = free.read(model.mixing), []
    for nudge in _NUDGE * torch.eye(len(values)).to(values):
        trials = []
        for sign in (1.0, -1.0):
            trials.append(replace(model, mixing=free.write(model.mixing, values + sign * nudge)).mixed(latents))
        rows.append((trials[0] - trials[1]) / (2 * _NUDGE))
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


def _learn_directions(state: SemiAmortised, rows: Tensor) -> None:
    """D (Q, P, K) by ridge regression on v_q a_p, with the second moments of the posterior (EM's M-step).

    D ~ N(0, ρ²), ρ² the mean square of D so far: directions that the data do not support shrink.
    """
    model, mixing = state.model, state.model.mixing
    assert isinstance(mixing, VariableMixing)
    posterior = state.solve(rows)
    abundances, brightness = model.abundances(posterior.latents), model.brightness(posterior.latents)
    inner, variation = mixing.split(model.extras(posterior.latents))
    count, size = len(mixing.directions), abundances.shape[1]
    covariance = posterior.covariance()
    amounts = brightness * abundances
    # Joint second moments of v_q a_p: to first order in each, h = v a with δh = a δv + v δa.
    slope = torch.zeros(len(rows), count, size, covariance.shape[1]).to(amounts)
    change = brightness[:, :, None] * softmax_slope(abundances, model.basis())
    slope[..., : model.size] = variation[:, :, None, None] * change[:, None]
    first = covariance.shape[1] - count
    for direction in range(count):
        slope[:, direction, :, first + direction] = amounts
    features, slope = (variation[:, :, None] * amounts[:, None, :]).flatten(1), slope.flatten(1, 2)
    second = features.T @ features + torch.einsum("nfd,nde,nge->fg", slope, covariance, slope)
    left = state.scores[rows] - brightness * mixing.inner.value(abundances, inner)
    # x − s·f(a) also moves with the latents: its covariance with the features.
    base = torch.zeros(len(rows), covariance.shape[1], left.shape[1]).to(left)
    base[:, : model.size] = torch.einsum("npd,pk->ndk", change, mixing.endmembers)
    target = features.T @ left - torch.einsum("nfd,nde,nek->fk", slope, covariance, base)
    ridge = model.variance / mixing.directions.square().mean(dim=2).mean().clamp_min(1e-12)
    found = torch.linalg.solve(second + ridge * torch.eye(len(second)).to(second), target)
    state.model = replace(model, mixing=replace(mixing, directions=found.unflatten(0, (count, size))))
