"""Semi-amortised inference: a network proposes, Gauss–Newton finishes, α(u) and endmembers follow the posterior."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model import infer, learn
from napari_unmix.model.mixing.pixel import LinearMixing, Mixing
from napari_unmix.model.network import InferenceNetwork, annealed_variance, best_device, entropy, train
from napari_unmix.model.priors.dirichlet import RegionDirichlet, RegionPrior
from napari_unmix.model.spread import abundance_std
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.rows.subspace import Subspace

# Step, steps, −log evidence per pixel.
Step = tuple[int, int, float]
Steps = Generator[Step, None, float]

_ROUNDS, _ITERATIONS = 8, 8
_CHUNK = 5_000
# α(u) is learned from at most this many pixels; every pixel is inferred.
_MOST_LEARNED = 60_000
_INSIDE = 0.02  # least squares gives exact zeros: starts stand this share inside the simplex
# Directions that are kept of what a nonlinear mixing adds.
_MOST_BENT = 12
_SETTLED = 1e-3  # nats per pixel
_RESTART_PIXELS, _RESTART_ROUNDS = 1_000, 3


@dataclass(eq=False)
class SemiAmortised:
    """The state of a fit, in the coordinates ``subspace`` that hold all that the mixing function gives.

    ``scores`` (N, K), ``regions`` (N,) with 0 = unknown, ``latents`` (N, D), ``anchor`` (P, K) with standard errors ``anchor_std`` (P,), ``outside``
    (N,) squared norm of the spectra beyond the subspace.
    """

    subspace: Subspace
    scores: Tensor
    outside: Tensor
    regions: Tensor
    latents: Tensor
    anchor: Tensor
    anchor_std: Tensor
    model: infer.Model
    trained_prior: RegionDirichlet
    network: InferenceNetwork
    network_scores: Tensor
    freedom: int
    posterior: infer.Posterior | None = None
    restarts: dict[str, Any] = field(default_factory=dict)

    # Starting

    @classmethod
    def start(
        cls,
        spectra: FloatArray,
        regions: IntArray,
        endmembers: FloatArray,
        endmember_std: FloatArray,
        noise: float,
        *,
        illuminated: bool,
        seed: int,
        strokes: Sequence[int] = (),
        painted: int = 0,
    ) -> SemiAmortised:
        """Start from least squares on (N, B) spectra with u (N,) and endmembers (P, B) held within their standard errors (P,).

        ``strokes`` are the regions of u that are strokes of materials 0, 1, …; the first ``painted`` regions were painted.
        """
        torch.manual_seed(seed)
        device, size = best_device(), len(endmembers)
        abundances, brightness = (
            scaled(spectra, endmembers)
            if illuminated
            else (fully_constrained(spectra, endmembers), np.ones(len(spectra)))
        )
        log_abundances = torch.from_numpy((1 - _INSIDE) * abundances + _INSIDE / size).log().to(device)
        labels = torch.from_numpy(regions.astype(np.int64)).to(device)
        prior = learn.first_dirichlet(log_abundances, labels, strokes)
        subspace = endmember_span(endmembers, affine=not illuminated)
        scores, outside = projected(spectra, subspace, device)
        corners = torch.from_numpy(subspace.scores(endmembers)).to(device)
        model = infer.Model(prior, LinearMixing(corners), noise**2)
        latents = log_abundances @ model.basis()
        if illuminated:
            lit = np.maximum(brightness, 1e-3 * float(np.median(brightness)) + 1e-9)
            latents = torch.cat([latents, torch.from_numpy(lit).log().to(device)[:, None]], dim=1)
            # The light's own law is weak beside the spectra: its moments of least squares are enough.
            model = replace(model, light=learn.first_light(lit, regions, painted, device))
        return cls(
            subspace=subspace,
            scores=scores,
            outside=outside,
            regions=labels,
            latents=latents,
            anchor=corners,
            anchor_std=torch.from_numpy(np.asarray(endmember_std, dtype=np.float64)).to(device),
            model=model,
            trained_prior=prior,
            network=InferenceNetwork(scores, latents.shape[1]),
            network_scores=scores,
            freedom=max(spectra.shape[1] - latents.shape[1], 1),
        )

    # Training the network

    def train_network(self, *, epochs: int, batch: int, learning_rate: float, seed: int) -> Iterator[Step]:
        """Train q(z|x) and α(u) by the ELBO with annealed noise; yields (step, steps, loss). Latents become the network's where it is better."""
        prior = cast(RegionDirichlet, self.model.prior)
        log_alpha = prior.log_alpha.clone().requires_grad_(True)
        variance = self.model.variance
        generator = torch.Generator(device=self.scores.device).manual_seed(seed)
        broad = max(variance, float(self.scores.var(dim=0).mean()))

        def loss(rows: Tensor, done: float) -> tuple[Tensor, float]:
            scores = self.scores[rows]
            mean, log_std = self.network(scores)
            sample = mean + log_std.exp() * torch.randn(
                mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
            )
            final_law = replace(self.model, prior=replace(prior, log_alpha=log_alpha))
            annealed = replace(final_law, variance=annealed_variance(variance, broad, done))
            free, final = (
                (infer.energy(sample, scores, self.regions[rows], law) - entropy(log_std)).mean()
                for law in (annealed, final_law)
            )
            return free, float(final.detach())

        parameters = [*self.network.parameters(), log_alpha]
        for step, steps, value in train(
            parameters, loss, len(self.scores), epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed
        ):
            if step == steps:
                self.trained_prior = replace(prior, log_alpha=log_alpha.detach())
            yield step, steps, value

    def proposals(self, rows: Tensor) -> Tensor:
        """(n, D) the network's means or least squares, whichever has the lower energy."""
        with torch.no_grad():
            proposal = self.network(self.scores[rows])[0]
            here, there = (
                infer.energy(latents, self.scores[rows], self.regions[rows], self.model)
                for latents in (self.latents[rows], proposal)
            )
        return torch.where((there < here)[:, None], proposal, self.latents[rows])

    # Refining

    def refine(self) -> Iterator[Step]:
        """Every pixel's posterior, and what follows from all of them; each change is kept only where the evidence rises.

        Yields (step, steps, −log evidence per pixel) after every batch.
        """
        learned = self.learned_pixels(_MOST_LEARNED)
        batches = len(torch.split(learned, _CHUNK))
        moving = bool((self.anchor_std > 0).any())
        steps = batches * (1 + _ROUNDS * (1 + moving)) + 3 * _RESTART_ROUNDS
        counter = itertools.count(1)

        def counted(inner: Steps) -> Generator[Step, None, float]:
            value = yield from counted_steps(inner, counter, steps)
            return value

        # 1. The best of a few starts, judged on a sample.
        yield from counted(self._choose_start())
        # 2. α(u) by maximum likelihood of the posterior's moments.
        evidence = yield from counted(self.settled(learned))
        # 3. The endmembers, within their standard error.
        if moving:
            yield from counted(self.kept_if_better(learned, evidence, self.move_endmembers))

    def _choose_start(self) -> Steps:
        """Latents and α of the start whose evidence, after a few rounds on a sample, is highest; what they had is kept in ``restarts``."""
        sample, prior = self.learned_pixels(_RESTART_PIXELS), cast(RegionDirichlet, self.model.prior)
        everything = torch.arange(len(self.scores), device=self.scores.device)
        starts: list[tuple[str, RegionPrior, Callable[[Tensor], Tensor]]] = [
            ("least squares", prior, lambda rows: self.latents[rows]),
            ("inference network", self.trained_prior, self.proposals),
            ("one prior for all", learn.pooled_dirichlet(prior, self._log_abundances(sample)), self._middle),
        ]
        begun, found = self.state(), []
        for _, first, latents in starts:
            self.restore(begun)
            self.model = replace(self.model, prior=first)
            self.latents = begun[1].clone()
            self.latents[sample] = latents(sample)
            evidence = yield from self.settled(sample, _RESTART_ROUNDS)
            found.append((evidence, self.model.abundances(self.latents[sample])))
        best = int(np.argmax([evidence for evidence, _ in found]))
        apart = [float((abundances - found[best][1]).square().mean().sqrt()) for _, abundances in found]
        self.restore(begun)
        self.model = replace(self.model, prior=starts[best][1])
        self.latents = starts[best][2](everything)
        self.restarts = {
            "starts": [name for name, *_ in starts],
            "evidence": [evidence for evidence, _ in found],
            "chosen": starts[best][0],
            "abundance_rms_to_chosen": apart,
        }
        return found[best][0]

    def _middle(self, rows: Tensor) -> Tensor:
        """Equal abundances; the light as least squares gave it."""
        latents = self.latents[rows].clone()
        latents[:, : self.model.size] = 0.0
        return latents

    def _log_abundances(self, rows: Tensor) -> Tensor:
        return self.model.abundances(self.latents[rows]).clamp_min(1e-6).log()

    def settled(self, rows: Tensor, rounds: int = _ROUNDS) -> Steps:
        """Alternate the posterior of ``rows`` with what is learned from it until the evidence settles; returns it per pixel."""
        last, before = -math.inf, self.state()
        for _ in range(rounds):
            # A few stragglers do not hold the others up: they go on from where they are in the next round.
            posterior = yield from self._solved(rows, _ITERATIONS)
            evidence = float(posterior.evidence.mean())
            if evidence < last:
                self.restore(before)
                return last
            if evidence - last < _SETTLED:
                return evidence
            last, before = evidence, self.state()
            self.model = learn.learned(self.model, posterior, self.regions[rows])
        return last

    def kept_if_better(
        self, rows: Tensor, evidence: float, change: Callable[[Tensor], None], rounds: int = _ROUNDS
    ) -> Steps:
        """Make a change to the state and settle; undo it where the evidence does not rise. Returns the evidence that holds then."""
        before = self.state()
        change(rows)
        changed = yield from self.settled(rows, rounds)
        if changed > evidence:
            return changed
        self.restore(before)
        return evidence

    def move_endmembers(self, rows: Tensor) -> None:
        """M to its posterior mean under its anchor."""
        posterior = self.solve(rows)
        self.model = learn.moved_endmembers(self.model, posterior, self.scores[rows], self.anchor, self.anchor_std)

    def state(self) -> tuple[infer.Model, Tensor]:
        """What a change may alter."""
        return self.model, self.latents.clone()

    def restore(self, state: tuple[infer.Model, Tensor]) -> None:
        """Back to what it was."""
        self.model, self.latents = state[0], state[1].clone()

    def finish(self) -> Steps:
        """The posterior of every pixel under the model as it is."""
        everything = torch.arange(len(self.scores), device=self.scores.device)
        counter, steps = itertools.count(1), len(torch.split(everything, _CHUNK))

        def inner() -> Steps:
            self.posterior = yield from self._solved(everything)
            return float(self.posterior.evidence.mean())

        return (yield from counted_steps(inner(), counter, steps))

    def _solved(self, rows: Tensor, iterations: int = 20) -> Generator[Step, None, infer.Posterior]:
        pieces = []
        for batch in torch.split(rows, _CHUNK):
            pieces.append(self.solve(batch, iterations))
            yield 0, 0, -float(pieces[-1].evidence.mean())
        return infer.joined(pieces)

    def solve(self, rows: Tensor, iterations: int = 20) -> infer.Posterior:
        """Infer these pixels from where their latents are, and move the latents there."""
        with torch.no_grad():
            posterior = infer.solve(self.latents[rows], self.scores[rows], self.regions[rows], self.model, iterations)
        self.latents[rows] = posterior.latents
        return posterior

    def learned_pixels(self, most: int) -> Tensor:
        """Indices of at most ``most`` pixels to learn from, pixels of known u first: where a few are painted, they carry it."""
        count = len(self.scores)
        if count <= most:
            return torch.arange(count, device=self.scores.device)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).to(self.scores.device)
        order = order[torch.argsort((self.regions[order] == 0).int(), stable=True)]
        return torch.sort(order[:most])[0]

    # Reading

    def endmembers(self) -> FloatArray:
        """(P, B), non-negative."""
        return np.maximum(self.subspace.spectra(self.model.mixing.endmembers.cpu().numpy()), 0.0)

    def quick_abundances(self) -> FloatArray:
        """(N, P) of the network's means while it trains."""
        with torch.no_grad():
            return np.asarray(self.model.abundances(self.network(self.network_scores)[0]).cpu().numpy())

    def abundances(self) -> FloatArray:
        """(N, P) of the current latents."""
        return np.asarray(self.model.abundances(self.latents).cpu().numpy())

    def brightness(self) -> FloatArray | None:
        """(N,) illumination of the current latents, or None where it is not free."""
        if self.model.light is None:
            return None
        return np.asarray(self.model.brightness(self.latents)[:, 0].cpu().numpy())

    def std(self, endmember_error: FloatArray) -> FloatArray:
        """(N, P) standard deviation of the abundances, the endmembers' own standard errors (P,), shares of the simplex, carried through."""
        assert self.posterior is not None
        error = torch.from_numpy(np.asarray(endmember_error, dtype=np.float64)).to(self.scores)
        return np.asarray(abundance_std(self.posterior, self.model, error).cpu().numpy())

    def bend(self) -> tuple[FloatArray, FloatArray] | None:
        """(N, K) scores and (K, B) basis of what the mixing adds to s·aM, or None where it is linear; K is at most 12."""
        if isinstance(self.model.mixing, LinearMixing):
            return None
        corners = torch.from_numpy(self.subspace.scores(self.endmembers())).to(self.scores)
        abundances = self.model.abundances(self.latents)
        brightness = 1.0 if self.model.light is None else self.model.brightness(self.latents)
        origin = torch.from_numpy(self.subspace.scores(np.zeros((1, self.subspace.basis.shape[1])))).to(self.scores)
        linear = origin + brightness * (abundances @ (corners - origin))
        added = (self.model.mixed(self.latents) - linear).cpu().numpy()
        leading = np.linalg.eigh(added.T @ added)[1][:, ::-1][:, :_MOST_BENT]
        return added @ leading, leading.T @ self.subspace.basis

    def misfit(self) -> float:
        """The root of the fit's reduced χ²: rms residual over the noise, of all bands."""
        squares = ((self.scores - self.model.mixed(self.latents)) ** 2).sum(dim=1) + self.outside
        return float((squares.mean() / self.freedom / self.model.variance).sqrt())

    def evidence(self) -> float:
        """Mean log p(scores | u) of the pixels with known u, less the prior's parameters' cost (BIC), in nats per pixel."""
        assert self.posterior is not None
        known = self.regions > 0
        if not bool(known.any()):
            known = ~known
        counts = torch.bincount(self.regions[known], minlength=1).double()
        used = counts[counts > 0].clamp_min(2.0)
        cost = 0.5 * self.model.prior.parameters_per_region * float(used.log().sum()) / int(known.sum())
        noise = -0.5 * self.scores.shape[1] * math.log(2 * math.pi * self.model.variance)
        return float(self.posterior.evidence[known].mean()) + noise - cost

    def parameters(self) -> dict[str, FloatArray]:
        """All fitted parameters by name, to be saved."""
        named = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        named |= {f"prior.{name}": value for name, value in self.model.prior.saved().items()}
        named |= {f"mixing.{name}": value for name, value in mixing_parameters(self.model.mixing).items()}
        return {
            **{name: value.detach().cpu().numpy().astype(np.float32) for name, value in named.items()},
            "endmembers": self.endmembers().astype(np.float32),
            "subspace.origin": self.subspace.origin.astype(np.float32),
            "subspace.basis": self.subspace.basis.astype(np.float32),
            "noise.variance": np.array([self.model.variance], dtype=np.float32),
        }


def mixing_parameters(mixing: Mixing) -> dict[str, Tensor]:
    """The tensors and numbers that a mixing function holds beside its endmembers, by name."""
    found: dict[str, Tensor] = {}
    for name, value in vars(mixing).items():
        if name in ("endmembers", "basis", "products", "linear"):
            continue
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, float):
            found[name] = torch.tensor([value])
        elif isinstance(value, tuple):
            found |= {f"{name}.{k}": part for k, part in enumerate(value)}
        else:
            found |= mixing_parameters(value)
    return found


def counted_steps(inner: Steps, counter: Iterator[int], steps: int) -> Steps:
    """The steps of ``inner`` numbered by ``counter``, of ``steps`` expected."""
    while True:
        try:
            *_, loss = next(inner)
        except StopIteration as end:
            return float(end.value)
        yield min(next(counter), steps), steps, loss


def endmember_span(endmembers: FloatArray, *, affine: bool) -> Subspace:
    """The endmembers' own affine (P − 1) or linear (P) span: with white noise, projecting on it loses nothing about abundances."""
    if affine:
        return Subspace(endmembers[-1], np.linalg.qr((endmembers[:-1] - endmembers[-1]).T)[0].T)
    return Subspace(np.zeros(endmembers.shape[1]), np.linalg.qr(endmembers.T)[0].T)


def projected(spectra: FloatArray, subspace: Subspace, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scores (N, K) and the squared norm (N,) of what lies outside the subspace."""
    scores = subspace.scores(spectra)
    outside = np.maximum(((spectra - subspace.origin) ** 2).sum(axis=1) - (scores**2).sum(axis=1), 0.0)
    return torch.from_numpy(scores).to(device), torch.from_numpy(outside).to(device)
