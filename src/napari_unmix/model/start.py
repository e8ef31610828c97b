"""Where a fit starts: least squares, held to the endmembers that were found; and the best of a few starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import RestartsFound
from napari_unmix.model.data import Data, State, projected
from napari_unmix.model.elbo import proposals
from napari_unmix.model.law import Model
from napari_unmix.model.light import first_light
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.network import InferenceNetwork
from napari_unmix.model.priors.base import RegionPrior, sums_by_region
from napari_unmix.model.priors.dirichlet import TYPICAL_ALPHA, RegionDirichlet, fit_dirichlet
from napari_unmix.model.settle import Settled, Steps, settle
from napari_unmix.model.threads import seeded
from napari_unmix.rows.inversion import Inversion, Inverted
from napari_unmix.rows.subspace import Subspace

_INSIDE = 0.02  # least squares gives exact zeros: starts stand this share inside the simplex
_RESTART_PIXELS, _RESTART_ROUNDS = 1_000, 3
_ONE, _NETWORK = "one prior for all", "inference network"
# Starts within a nat per pixel of the best may still pass it (Samson's network passed least squares by 1.1 after three rounds, and ended with the
# same maps); those that are as likely differed by 0.0026 at most on 14 scenes (decision 0033).
_AS_LIKELY, _ELSEWHERE = 1.0, 0.01
# A painted material's α leans to its vertex: these are where log α is drawn to, by this many pixels' worth.
_LEAN_OWN, _LEAN_OTHER, _LEAN_PIXELS = 8.0, 0.5, 5.0


@dataclass(frozen=True, eq=False)
class Start:
    """The linear fit before anything is learned: ``prior`` is the state's, ``network`` is not trained yet."""

    data: Data
    state: State
    prior: RegionDirichlet
    network: InferenceNetwork


def start_from_least_squares(
    spectra: FloatArray,
    regions: IntArray,
    endmembers: FloatArray,
    endmember_std: FloatArray,
    noise: float,
    *,
    inversion: Inversion,
    seed: int,
    strokes: Sequence[int] = (),
    led: Sequence[int] = (),
    leaning: Sequence[bool] = (),
    painted: int = 0,
    inverted: Inverted | None = None,
    device: torch.device | str = "cpu",
) -> Start:
    """From (N, B) spectra with u (N,) and endmembers (P, B) held within their standard errors (P,), at a noise of σ ``noise``.

    ``strokes`` are the regions of u that are strokes of materials, of endmembers 0, 1, … or those that ``led`` names, and ``leaning`` those whose α
    leans to it; the first ``painted`` regions were painted. ``inverted`` are the abundances by least squares where somebody made them already.
    The fit is on ``device``.
    """
    device, size = torch.device(device), len(endmembers)
    # 1. Abundances and brightness by least squares, a little inside the simplex; α(u) follows from them.
    abundances, light = inverted or inversion.invert(spectra, endmembers)
    log_abundances = torch.from_numpy((1 - _INSIDE) * abundances + _INSIDE / size).log().to(device)
    labels = torch.from_numpy(regions.astype(np.int64)).to(device)
    prior = first_dirichlet(log_abundances, labels, strokes, led, leaning)
    # 2. Scores on the endmembers' own span.
    subspace = endmember_span(endmembers, affine=not inversion.free_light)
    scores, outside = projected(spectra, subspace, device)
    corners = torch.from_numpy(subspace.scores(endmembers)).to(device)
    model = Model(prior, LinearMixing(corners), noise**2)
    # 3. Latents, and the light's own law: it is weak beside the spectra, so its moments of least squares are enough.
    latents = log_abundances @ model.basis()
    if light is not None:
        positive = np.maximum(light, 1e-3 * float(np.median(light)) + 1e-9)
        latents = torch.cat([latents, torch.from_numpy(positive).log().to(device)[:, None]], dim=1)
        model = replace(model, light=first_light(positive, regions, painted, device))
    anchor_std = torch.from_numpy(np.asarray(endmember_std, dtype=np.float64)).to(device)
    freedom = max(spectra.shape[1] - latents.shape[1], 1)
    data = Data(subspace, scores, outside, labels, corners, anchor_std, freedom)
    with seeded(seed):
        network = InferenceNetwork(scores, latents.shape[1])
    return Start(data, State(model, latents), prior, network)


def endmember_span(endmembers: FloatArray, *, affine: bool) -> Subspace:
    """The endmembers' own affine (P − 1) or linear (P) span: with white noise, projecting on it loses nothing about abundances."""
    if affine:
        return Subspace(endmembers[-1], np.linalg.qr((endmembers[:-1] - endmembers[-1]).T)[0].T)
    return Subspace(np.zeros(endmembers.shape[1]), np.linalg.qr(endmembers.T)[0].T)


def first_dirichlet(
    log_abundances: Tensor,
    regions: Tensor,
    strokes: Sequence[int] = (),
    led: Sequence[int] = (),
    leaning: Sequence[bool] = (),
) -> RegionDirichlet:
    """α(u) fitted to log a (N, P) of least squares; where no u is known, one region for all.

    ``strokes`` are the regions that are material strokes, of materials 0, 1, … or those that ``led`` names: their α leans to that vertex, where
    they are among the ``leaning`` (without, all are), and no unknown pixel is theirs.
    """
    count, size = max(1, int(regions.max())), log_abundances.shape[1]
    known = regions > 0 if bool((regions > 0).any()) else torch.ones_like(regions, dtype=torch.bool)
    counts, sums = sums_by_region(log_abundances[known], regions[known].clamp_min(1), count)
    counts = counts.clamp_min(1e-9)
    centre = log_abundances.new_full((count, size), math.log(TYPICAL_ALPHA))
    strength, open_to_unknown = centre.new_ones(count, 1), torch.ones_like(counts)
    every = leaning or [True] * len(strokes)
    for material, region, leans in zip(led or range(len(strokes)), strokes, every, strict=True):
        if leans:
            centre[region - 1] = math.log(_LEAN_OTHER)
            centre[region - 1, material] = math.log(_LEAN_OWN)
            strength[region - 1] = _LEAN_PIXELS
        open_to_unknown[region - 1] = 0.0
    if not bool(((counts > 1e-6) & (open_to_unknown > 0)).any()):
        open_to_unknown = torch.ones_like(counts)
    start = torch.full_like(centre, math.log(2.0))
    log_alpha = fit_dirichlet(sums / counts[:, None], counts, start, centre, strength)
    weights = counts * open_to_unknown
    return RegionDirichlet(log_alpha, (weights / weights.sum()).log(), centre, strength)


def pooled_dirichlet(prior: RegionDirichlet, log_abundances: Tensor) -> RegionDirichlet:
    """One Dirichlet for every region, as if u said nothing: a start far from the regions' own."""
    mean = log_abundances.mean(dim=0, keepdim=True)
    count = torch.tensor([float(len(log_abundances))]).to(mean)
    log_alpha = fit_dirichlet(mean, count, torch.full_like(mean, math.log(2.0)))
    return replace(prior, log_alpha=log_alpha.expand_as(prior.log_alpha).clone())


# The best of a few starts


class Begun(NamedTuple):
    """The state to go on from, and what was tried."""

    state: State
    restarts: RestartsFound


class _Candidate(NamedTuple):
    name: str
    prior: RegionPrior
    latents: Callable[[State, Tensor], Tensor]  # (n, D) of the pixels given, under that prior


class Tried(NamedTuple):
    """A start after a few rounds on a sample."""

    candidate: _Candidate
    settled: Settled


def two_starts(start: Start) -> Steps[list[Tried]]:
    """Least squares with its own α(u), and the middle of the simplex with one α for all: the two that need no network, and are far apart."""
    begun = start.state
    log_abundances = begun.model.abundances(begun.latents[_sample(start)]).clamp_min(1e-6).log()
    return [
        (yield from _tried(start, _Candidate("least squares", start.prior, lambda state, rows: state.latents[rows]))),
        (yield from _tried(start, _Candidate(_ONE, pooled_dirichlet(start.prior, log_abundances), _equal_abundances))),
    ]


def need_another(start: Start, tried: Sequence[Tried]) -> bool:
    """Whether two starts that are as likely ended at other abundances: then a third, which a network has to learn first, may be the best."""
    evidence = [one.settled.evidence for one in tried]
    return starts_disagree(evidence, _apart(start, tried, best_of(evidence)))


def starts_disagree(evidence: Sequence[float], apart: Sequence[float]) -> bool:
    """Whether any start within ``_AS_LIKELY`` nats per pixel of the best is further from it than rounds of EM move abundances (rms)."""
    least = max(evidence) - _AS_LIKELY
    return any(far > _ELSEWHERE for value, far in zip(evidence, apart, strict=True) if value >= least)


def choose_start(start: Start, tried: Sequence[Tried], trained: RegionDirichlet | None = None) -> Steps[Begun]:
    """Latents and α(u) of the start whose evidence, after a few rounds on a sample, is highest.

    The network's is among them where it was ``trained``.
    """
    data, begun, tried = start.data, start.state, list(tried)
    if trained is not None:
        proposed = _Candidate(_NETWORK, trained, lambda state, rows: proposals(start.network, state, data, rows))
        tried.insert(1, (yield from _tried(start, proposed)))
    best = best_of([one.settled.evidence for one in tried])
    found = RestartsFound(
        starts=tuple(one.candidate.name for one in tried),
        evidence=tuple(one.settled.evidence for one in tried),
        chosen=tried[best].candidate.name,
        abundance_rms_to_chosen=_apart(start, tried, best),
    )
    return Begun(_placed(begun, tried[best].candidate, data.everything()), found)


def _sample(start: Start) -> Tensor:
    return start.data.learned_pixels(_RESTART_PIXELS)


def _tried(start: Start, candidate: _Candidate) -> Steps[Tried]:
    sample = _sample(start)
    settled = yield from settle(_placed(start.state, candidate, sample), start.data, sample, _RESTART_ROUNDS)
    return Tried(candidate, settled)


def _apart(start: Start, tried: Sequence[Tried], best: int) -> tuple[float, ...]:
    """Root mean square distance of each start's abundances from the best one's."""
    sample = _sample(start)
    found = [one.settled.state.model.abundances(one.settled.state.latents[sample]) for one in tried]
    return tuple(float((abundances - found[best]).square().mean().sqrt()) for abundances in found)


def best_of(evidence: Sequence[float]) -> int:
    """Which start is gone on from: the first of the highest evidence."""
    return int(np.argmax(evidence))


def _placed(begun: State, candidate: _Candidate, rows: Tensor) -> State:
    state = replace(begun, model=replace(begun.model, prior=candidate.prior))
    return state.with_latents(rows, candidate.latents(state, rows))


def _equal_abundances(state: State, rows: Tensor) -> Tensor:
    """The middle of the simplex; the light as least squares gave it."""
    latents = state.latents[rows].clone()
    latents[:, : state.model.size] = 0.0
    return latents
