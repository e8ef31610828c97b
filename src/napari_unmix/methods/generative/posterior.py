"""Semi-amortised inference for linear mixing: a network proposes, Gauss–Newton finishes, α(u) and endmembers follow the posterior."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.methods.distributions import RegionDirichlet, fit_dirichlet, helmert, sums_by_region
from napari_unmix.methods.generative import laplace
from napari_unmix.methods.training import InferenceNetwork, annealed_variance, best_device, entropy, train
from napari_unmix.simplex import fully_constrained, scaled
from napari_unmix.subspace import Subspace

_ROUNDS = 8
_CHUNK = 20_000
# α(u) is learned from at most this many pixels; every pixel is inferred.
_MOST_LEARNED = 60_000
_INSIDE = 0.02  # least squares gives exact zeros: starts stand this share inside the simplex
_SETTLED = 1e-3  # nats per pixel


@dataclass(eq=False)
class SemiAmortised:
    """The state of a fit, in the coordinates ``subspace`` that hold all that white noise leaves of the endmembers' span.

    ``scores`` (N, K), ``regions`` (N,) with 0 = unknown, ``latents`` (N, D), ``anchor`` (P, K) with standard errors ``anchor_std`` (P,).
    """

    subspace: Subspace
    scores: Tensor
    regions: Tensor
    latents: Tensor
    anchor: Tensor
    anchor_std: Tensor
    prior: RegionDirichlet
    trained_prior: RegionDirichlet
    likelihood: laplace.Likelihood
    network: InferenceNetwork
    basis: Tensor
    misfit: float
    posterior: laplace.Posterior | None = None

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
    ) -> SemiAmortised:
        """Start from least squares on (N, B) spectra with u (N,) and endmembers (P, B) held within their standard errors (P,)."""
        torch.manual_seed(seed)
        device, size = best_device(), len(endmembers)
        basis = helmert(size, device=device)
        subspace = _span(endmembers, affine=not illuminated)
        abundances, brightness = (
            scaled(spectra, endmembers)
            if illuminated
            else (fully_constrained(spectra, endmembers), np.ones(len(spectra)))
        )
        log_abundances = torch.from_numpy((1 - _INSIDE) * abundances + _INSIDE / size).log().to(device)
        latents = log_abundances @ basis
        corners = torch.from_numpy(subspace.scores(endmembers)).to(device)
        likelihood = laplace.Likelihood(corners, noise**2)
        if illuminated:
            lit = np.maximum(brightness, 1e-3 * float(np.median(brightness)) + 1e-9)
            latents = torch.cat([latents, torch.from_numpy(lit).log().to(device)[:, None]], dim=1)
            # The light's own law is weak beside the spectra: one Gamma for the scene, by the moments of least squares.
            shape = float(np.clip(np.mean(lit) ** 2 / max(float(np.var(lit)), 1e-12), 0.5, 100.0))
            likelihood = replace(likelihood, shape=shape, mean=float(np.mean(lit)))
        scores = torch.from_numpy(subspace.scores(spectra)).to(device)
        labels = torch.from_numpy(regions.astype(np.int64)).to(device)
        prior = _first_prior(log_abundances, labels)
        return cls(
            subspace=subspace,
            scores=scores,
            regions=labels,
            latents=latents,
            anchor=corners,
            anchor_std=torch.from_numpy(np.asarray(endmember_std, dtype=np.float64)).to(device),
            prior=prior,
            trained_prior=prior,
            likelihood=likelihood,
            network=InferenceNetwork(scores, latents.shape[1]),
            basis=basis,
            misfit=_misfit(spectra, abundances * brightness[:, None], endmembers, noise),
        )

    # Training the network

    def train_network(
        self, *, epochs: int, batch: int, learning_rate: float, seed: int
    ) -> Iterator[tuple[int, int, float]]:
        """Train q(z|x) and α(u) by the ELBO with annealed noise; yields (step, steps, loss). The latents become the network's means."""
        log_alpha = self.prior.log_alpha.clone().requires_grad_(True)
        variance = self.likelihood.variance
        generator = torch.Generator(device=self.scores.device).manual_seed(seed)
        broad = max(variance, float(self.scores.var(dim=0).mean()))

        def loss(rows: Tensor, done: float) -> tuple[Tensor, float]:
            scores = self.scores[rows]
            mean, log_std = self.network(scores)
            sample = mean + log_std.exp() * torch.randn(
                mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
            )
            prior = replace(self.prior, log_alpha=log_alpha)
            annealed = replace(self.likelihood, variance=annealed_variance(variance, broad, done))
            free, final = (
                (laplace.energy(sample, scores, self.regions[rows], prior, law, self.basis) - entropy(log_std)).mean()
                for law in (annealed, self.likelihood)
            )
            return free, float(final.detach())

        parameters = [*self.network.parameters(), log_alpha]
        for step, steps, value in train(
            parameters, loss, len(self.scores), epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed
        ):
            if step == steps:
                self.trained_prior = replace(self.prior, log_alpha=log_alpha.detach())
                self._propose()
            yield step, steps, value

    def _propose(self) -> None:
        """Start each pixel from the network's mean or from least squares, whichever has the lower energy."""
        for rows in self._chunks():
            with torch.no_grad():
                proposal = self.network(self.scores[rows])[0]
                here, there = (
                    laplace.energy(
                        latents, self.scores[rows], self.regions[rows], self.prior, self.likelihood, self.basis
                    )
                    for latents in (self.latents[rows], proposal)
                )
            self.latents[rows] = torch.where((there < here)[:, None], proposal, self.latents[rows])

    # Refining

    def refine(self) -> Iterator[tuple[int, int, float]]:
        """Every pixel's posterior, and what follows from all of them; each change is kept only where the evidence rises.

        Yields (step, steps, −log evidence per pixel) after every batch.
        """
        learned = self._learned_pixels()
        parts, everything = torch.split(learned, _CHUNK), list(self._chunks())
        moving = bool((self.anchor_std > 0).any())
        steps = len(parts) * (2 + _ROUNDS * (1 + moving)) + len(everything)
        counter = itertools.count(1)

        def solved(batches: Sequence[Tensor]) -> Generator[tuple[int, int, float], None, laplace.Posterior]:
            pieces = []
            for rows in batches:
                pieces.append(self._solve(rows))
                yield min(next(counter), steps), steps, -float(pieces[-1].evidence.mean())
            return _joined(pieces)

        def settled() -> Generator[tuple[int, int, float], None, float]:
            """Alternate the posterior with α(u) until the evidence settles."""
            evidence = last = -math.inf
            for _ in range(_ROUNDS):
                posterior = yield from solved(parts)
                evidence = float(posterior.evidence.mean())
                if evidence - last < _SETTLED:
                    break
                last = evidence
                self._update_prior(learned, posterior)
            return evidence

        # 1. α(u) as least squares or as the ELBO left it.
        first = float((yield from solved(parts)).evidence.mean())
        before, self.prior = self._state(), self.trained_prior
        if float((yield from solved(parts)).evidence.mean()) <= first:
            self._restore(before)
        # 2. α(u) by maximum likelihood of the posterior's moments.
        evidence = yield from settled()
        # 3. The endmembers, within their standard error.
        if moving:
            before = self._state()
            self._move_endmembers(learned)
            if (yield from settled()) <= evidence:
                self._restore(before)
        self.posterior = yield from solved(everything)

    def _state(self) -> tuple[laplace.Likelihood, RegionDirichlet, Tensor]:
        return self.likelihood, self.prior, self.latents.clone()

    def _restore(self, state: tuple[laplace.Likelihood, RegionDirichlet, Tensor]) -> None:
        self.likelihood, self.prior, self.latents = state

    def _solve(self, rows: Tensor) -> laplace.Posterior:
        with torch.no_grad():
            posterior = laplace.solve(
                self.latents[rows], self.scores[rows], self.regions[rows], self.prior, self.likelihood
            )
        self.latents[rows] = posterior.latents
        return posterior

    def _update_prior(self, rows: Tensor, posterior: laplace.Posterior) -> None:
        mean_log = laplace.mean_log_abundances(posterior, self.basis)
        counts, sums = self.prior.gather(mean_log, self.regions[rows])
        counts = counts.clamp_min(1e-9)
        log_alpha = fit_dirichlet(sums / counts[:, None], counts, self.prior.log_alpha)
        self.prior = RegionDirichlet(log_alpha, (counts / counts.sum()).log())

    def _move_endmembers(self, rows: Tensor) -> None:
        """The posterior mean of M under its anchor N(M̂, τ²) given the abundances' second moments (ridge regression)."""
        posterior = laplace.solve(
            self.latents[rows], self.scores[rows], self.regions[rows], self.prior, self.likelihood, 2
        )
        size = self.basis.shape[1]
        abundances = laplace.abundances_of(posterior.latents, self.basis)
        spread = laplace.softmax_slope(abundances, self.basis)
        second = torch.einsum("npd,nde,nqe->pq", spread, posterior.covariance()[:, :size, :size], spread)
        precision = 1 / self.anchor_std.clamp_min(1e-9 * float(self.anchor.abs().max() + 1e-12)) ** 2
        normal = (abundances.T @ abundances + second) / self.likelihood.variance + torch.diag(precision)
        target = abundances.T @ self.scores[rows] / self.likelihood.variance + precision[:, None] * self.anchor
        self.likelihood = replace(self.likelihood, endmembers=torch.linalg.solve(normal, target))

    def _chunks(self) -> Iterator[Tensor]:
        yield from torch.split(torch.arange(len(self.scores), device=self.scores.device), _CHUNK)

    def _learned_pixels(self) -> Tensor:
        count = len(self.scores)
        if count <= _MOST_LEARNED:
            return torch.arange(count, device=self.scores.device)
        # Pixels of known u first: where a few are painted, they carry it.
        order = torch.randperm(count).to(self.scores.device)
        order = order[torch.argsort((self.regions[order] == 0).int(), stable=True)]
        return torch.sort(order[:_MOST_LEARNED])[0]

    # Reading

    def endmembers(self) -> FloatArray:
        """(P, B), non-negative."""
        return np.maximum(self.subspace.spectra(self.likelihood.endmembers.cpu().numpy()), 0.0)

    def abundances(self) -> FloatArray:
        """(N, P) of the current latents; while the network trains, its own means."""
        with torch.no_grad():
            latents = self.latents if self.posterior is not None else self.network(self.scores)[0]
            return np.asarray(laplace.abundances_of(latents, self.basis).cpu().numpy())

    def answer(self) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Abundances (N, P) at the posterior's mode, their standard deviation, and illumination (N,) or None."""
        assert self.posterior is not None
        abundances = laplace.abundances_of(self.posterior.latents, self.basis).cpu().numpy()
        std = laplace.abundance_std(self.posterior, self.basis).cpu().numpy()
        illumination = self.posterior.latents[:, -1].exp().cpu().numpy() if self.likelihood.illuminated else None
        return abundances, self.widened(std), illumination

    def widened(self, std: FloatArray) -> FloatArray:
        """The spread times the fit's misfit (the root of its reduced χ²): noise alone would claim too much where spectra vary."""
        return np.asarray(np.minimum(std * max(1.0, self.misfit), 0.5))

    def evidence(self) -> float:
        """Mean log p(scores | u) of the pixels with known u, less the prior's parameters' cost (BIC), in nats per pixel."""
        assert self.posterior is not None
        known = self.regions > 0
        if not bool(known.any()):
            known = ~known
        counts = torch.bincount(self.regions[known], minlength=1).double().clamp_min(2.0)
        cost = 0.5 * len(self.anchor) * float(counts.log().sum()) / int(known.sum())
        noise = -0.5 * self.scores.shape[1] * math.log(2 * math.pi * self.likelihood.variance)
        return float(self.posterior.evidence[known].mean()) + noise - cost

    def alpha(self) -> FloatArray:
        """(R, P) concentrations of every region."""
        return np.asarray(self.prior.alpha.cpu().numpy())

    def parameters(self) -> dict[str, FloatArray]:
        """All fitted parameters by name, to be saved."""
        named = {
            f"network.{name}": value.detach().cpu().numpy().astype(np.float32)
            for name, value in self.network.state_dict().items()
        }
        return {
            **named,
            "endmembers": self.endmembers().astype(np.float32),
            "subspace.origin": self.subspace.origin.astype(np.float32),
            "subspace.basis": self.subspace.basis.astype(np.float32),
            "prior.log_alpha": self.prior.log_alpha.detach().cpu().numpy().astype(np.float32),
            "prior.log_weights": self.prior.log_weights.cpu().numpy().astype(np.float32),
            "noise.variance": np.array([self.likelihood.variance], dtype=np.float32),
        }


def _span(endmembers: FloatArray, *, affine: bool) -> Subspace:
    """The endmembers' own affine (P − 1) or linear (P) span: with white noise, projecting on it loses nothing about abundances."""
    if affine:
        return Subspace(endmembers[-1], np.linalg.qr((endmembers[:-1] - endmembers[-1]).T)[0].T)
    return Subspace(np.zeros(endmembers.shape[1]), np.linalg.qr(endmembers.T)[0].T)


def _misfit(spectra: FloatArray, amounts: FloatArray, endmembers: FloatArray, noise: float) -> float:
    freedom = max(spectra.shape[1] - len(endmembers) + 1, 1)
    return float(np.sqrt(np.mean(((spectra - amounts @ endmembers) ** 2).sum(axis=1)) / freedom) / noise)


def _first_prior(log_abundances: Tensor, regions: Tensor) -> RegionDirichlet:
    """α(u) fitted to least squares; where no u is known, one region for all."""
    count = max(1, int(regions.max()))
    known = regions > 0 if bool((regions > 0).any()) else torch.ones_like(regions, dtype=torch.bool)
    sizes, sums = sums_by_region(log_abundances[known], regions[known].clamp_min(1), count)
    sizes = sizes.clamp_min(1e-9)
    start = torch.full(
        (count, log_abundances.shape[1]), math.log(2.0), dtype=torch.float64, device=log_abundances.device
    )
    log_alpha = fit_dirichlet(sums / sizes[:, None], sizes, start)
    return RegionDirichlet(log_alpha, (sizes / sizes.sum()).log())


def _joined(pieces: list[laplace.Posterior]) -> laplace.Posterior:
    return laplace.Posterior(
        torch.cat([piece.latents for piece in pieces]),
        torch.cat([piece.hessian for piece in pieces]),
        torch.cat([piece.energy for piece in pieces]),
    )
