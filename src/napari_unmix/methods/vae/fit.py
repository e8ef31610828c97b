"""The plain VAE on the simplex: one prior for all pixels, no side information. The unidentifiable baseline, shown as such.

x = s·aM + ε with a free non-negative linear decoder M, a logistic-normal posterior and one flat Dirichlet prior (Locatello et al., ICML 2019,
Theorem 1: without assumptions on u the latents are not identifiable). It starts from VCA, because random starts fare worse; or from the endmembers
that are given, of which those that are held are no parameters of the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, Note, NoteKind
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.methods.coded_variational import fit_variational
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.vae.spec import VaeSpec
from napari_unmix.model.logratio import helmert
from napari_unmix.model.network import (
    InferenceNetwork,
    Loss,
    Step,
    annealed_variance,
    device_of,
    dropped_notes,
    entropy,
    seen_in,
    train,
)
from napari_unmix.model.threads import seeded, steps_on_one_thread
from napari_unmix.nonlinear.starts import Training
from napari_unmix.progress import Fit, Progress
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.subspace import linear_subspace, noise_level

_CHUNK = 50_000
_SAMPLES = 64
_CAVEAT = (
    "The VAE uses no side information: its endmembers and abundances are not identifiable, other seeds may give others."
)


@steps_on_one_thread
def fit(problem: Problem[VaeSpec]) -> Fit[Solution]:
    """Train by the ELBO with annealed noise (Kingma & Welling 2014); abundances are the posterior's means by sampling."""
    spec = problem.spec
    if spec.decoder == "network":
        return (yield from _with_network(problem))
    yield Progress("finding a start", 0, 1, 0.02)
    model = _Model.start(problem)
    history, batch = [], Step(0, 0, 0.0)
    for batch in train(
        model.parameters(),
        model.loss,
        len(model.scores),
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        seed=spec.seed,
        draws=[model.generator],
    ):
        step, steps, loss, _ = batch
        history.append(("training", step, loss))
        yield Progress(
            "training",
            step,
            steps,
            0.05 + 0.85 * step / steps,
            loss,
            lambda: problem.measured(model.endmembers(), model.quick_abundances()),
        )
    parts = []
    chunks = torch.split(torch.arange(len(model.scores)), _CHUNK)
    for number, rows in enumerate(chunks):
        parts.append(model.posterior(rows))
        yield Progress("finding abundances", number + 1, len(chunks), 0.9 + 0.1 * (number + 1) / len(chunks))
    abundances, std, brightness = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    endmembers, inverted = problem.rewritten(model.endmembers(), Inverted(abundances, brightness))
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        abundance_std=std,
        illumination=inverted.illumination,
        notes=(Note(NoteKind.METHOD, _CAVEAT), *dropped_notes(batch)),
        history=tuple(history),
        findings=Findings(noise=model.noise),
        model={
            "endmembers": endmembers.astype(np.float32),
            **model.network.parameters_by_name(),
            **seen_in(np.zeros(model.basis_spectra.shape[1]), model.basis_spectra / model.level),
        },
    )


def _with_network(problem: Problem[VaeSpec]) -> Fit[Solution]:
    """The β-VAE of β = 1, with its networks and starts."""
    spec = problem.spec
    training = Training(
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        seed=spec.seed,
        device=device_of(spec),
    )
    return (yield from fit_variational(problem, training, _CAVEAT, latents="simplex", side_information=False))


class _Decoded(NamedTuple):
    """``log_abundances`` (n, P) and ``brightness`` (n, 1) of latents."""

    log_abundances: Tensor
    brightness: Tensor


@dataclass(eq=False)
class _Model:
    """Network and decoder in the signal subspace, with the level of the data taken out so that one learning rate fits all cubes."""

    basis_spectra: FloatArray  # (K, B)
    level: float
    noise: float
    scores: Tensor
    raw: Tensor  # (P, K) decoder before its non-negativity
    still: Tensor  # (P, K) what is held of it, NaN where it is learned
    network: InferenceNetwork
    basis: Tensor
    full_basis: Tensor  # (K, B)
    variance: float
    broad: float
    illuminated: bool
    generator: torch.Generator

    @classmethod
    def start(cls, problem: Problem[VaeSpec]) -> _Model:
        spectra, count, device = problem.spectra, problem.endmember_count, device_of(problem.spec)
        subspace = linear_subspace(spectra, min(count + 2, spectra.shape[1]))
        corners = subspace.scores(_first_endmembers(problem))
        still = np.where(problem.held[:, None], corners, np.nan)
        level = max(float(np.abs(spectra).mean()), 1e-12)
        scores = torch.from_numpy(subspace.scores(spectra) / level).to(device)
        noise = noise_level(spectra, count)
        with seeded(problem.spec.seed):
            network = InferenceNetwork(scores, count - 1 + int(problem.spec.illumination))
        return cls(
            basis_spectra=subspace.basis,
            level=level,
            noise=noise,
            scores=scores,
            raw=torch.from_numpy(corners / level).to(device).requires_grad_(True),
            still=torch.from_numpy(still / level).to(device),
            network=network,
            basis=helmert(count, device=device),
            full_basis=torch.from_numpy(subspace.basis).to(device),
            variance=max((noise / level) ** 2, 1e-10),
            broad=float(scores.var(dim=0).mean()),
            illuminated=problem.spec.illumination,
            generator=torch.Generator(device=device).manual_seed(problem.spec.seed),
        )

    def parameters(self) -> list[Tensor]:
        return [*self.network.parameters(), self.raw]

    def loss(self, rows: Tensor, done: float) -> Loss:
        scores = self.scores[rows]
        mean, log_std = self.network(scores)
        latents = mean + log_std.exp() * torch.randn(
            mean.shape, generator=self.generator, dtype=mean.dtype, device=mean.device
        )
        log_abundances, brightness = self._decode(latents)
        decoder = self.decoder()
        residual = scores - brightness * (log_abundances.exp() @ decoder)
        variance = annealed_variance(self.variance, self.broad, done)
        # Flat Dirichlet on the simplex: in log-ratio coordinates its density is the product of the abundances.
        log_prior = log_abundances.sum(dim=1)
        if self.illuminated:
            log_prior = log_prior - 0.5 * latents[:, -1] ** 2
        negative: Tensor = torch.relu(-(decoder @ self.full_basis)).square().sum() * 10.0 / self.variance**0.5
        misfit = 0.5 * (residual**2).sum(dim=1).mean()
        rest = negative - (log_prior + entropy(log_std)).mean()
        return Loss(misfit / variance + rest, float((misfit / self.variance + rest).detach()))

    def _decode(self, latents: Tensor) -> _Decoded:
        size = self.basis.shape[1]
        log_abundances = torch.log_softmax(latents[:, :size] @ self.basis.T, dim=1)
        brightness = (
            latents[:, size:].exp()
            if self.illuminated
            else torch.ones(len(latents), 1, dtype=latents.dtype, device=latents.device)
        )
        return _Decoded(log_abundances, brightness)

    def decoder(self) -> Tensor:
        """(P, K) before its non-negativity, the held rows as they were given."""
        return torch.where(self.still.isnan(), self.raw, self.still)

    def endmembers(self) -> FloatArray:
        """(P, B), non-negative."""
        return np.asarray(np.maximum(self.decoder().detach().cpu().numpy() @ self.basis_spectra * self.level, 0.0))

    def quick_abundances(self) -> FloatArray:
        """(N, P) at the network's means."""
        with torch.no_grad():
            return np.asarray(self._decode(self.network(self.scores)[0]).log_abundances.exp().cpu().numpy())

    def posterior(self, rows: Tensor) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean and standard deviation of abundances (n, P) and mean brightness (n,), by sampling."""
        with torch.no_grad():
            mean, log_std = self.network(self.scores[rows])
            total, square, light = (
                torch.zeros(len(rows), len(self.raw)),
                torch.zeros(len(rows), len(self.raw)),
                torch.zeros(len(rows)),
            )
            total, square, light = (part.to(mean) for part in (total, square, light))
            for _ in range(_SAMPLES):
                latents = mean + log_std.exp() * torch.randn(
                    mean.shape, generator=self.generator, dtype=mean.dtype, device=mean.device
                )
                log_abundances, brightness = self._decode(latents)
                total += log_abundances.exp()
                square += log_abundances.exp() ** 2
                light += brightness[:, 0]
            average = total / _SAMPLES
            std = (square / _SAMPLES - average**2).clamp_min(0).sqrt()
        return average.cpu().numpy(), std.cpu().numpy(), (light / _SAMPLES).cpu().numpy()


def _first_endmembers(problem: Problem[VaeSpec]) -> FloatArray:
    """(P, B) VCA's picks; beside what is given, which leads."""
    spectra, count, given = problem.spectra, problem.endmember_count, problem.given
    generator = np.random.default_rng(problem.spec.seed)
    if given is None:
        return np.asarray(spectra[vertex_components(spectra, count, generator)])
    return np.vstack([given.spectra, spectra[vertex_components(spectra, count, generator, given.spectra)]])
