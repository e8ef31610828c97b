"""The general iVAE, and with other switches the VAE and the β-VAE: network decoder, conditional Gaussian prior, posterior in closed form given u."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.network import Loss, annealed_variance, train
from napari_unmix.nonlinear.networks import Networks, placed
from napari_unmix.nonlinear.posterior import combined
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.trained import Learning, Trained
from napari_unmix.wanted import still_wanted

# Logarithms of variances that a network or a prior may say, in units of the scaled data.
_NARROWEST, _WIDEST = -12.0, 8.0
# The evidence is measured on so many rows, each with so many draws.
_MEASURED, _DRAWS, _CHUNK = 8_192, 4, 2_048


@dataclass(frozen=True)
class Variational:
    """Which model: p(z|u) = N(μ(u), diag σ²(u)), x = f(z) + N(0, noise²) in units of the channels' spread.

    ``means``: μ(u) is free, else zero (nonstationary variance: one statistic z², not monotonic, so Theorem 3 of Khemakhem et al. 2020 applies; with
    means two, z and z², and Theorem 2). ``side_information`` False is the VAE, one prior for all rows; with ``beta`` above 1 the β-VAE
    (Higgins et al. 2017). The noise goes from ``first_noise`` to ``noise`` while the networks learn, else they keep to where they start.
    """

    side_information: bool = True
    means: bool = False
    beta: float = 1.0
    noise: float = 0.1
    first_noise: float = 0.5


@dataclass(frozen=True, eq=False)
class Squash:
    """Latents (S, N, n) become (S, N, m) by ``function`` before the decoder sees them; ``decoder`` (S, m, B) is where its linear part starts.

    A known function that loses nothing is a part of the mixture: what the theorems say of z stays, and says as much of f(squash(z)).
    """

    function: Callable[[Tensor], Tensor]
    starts: Starts
    decoder: FloatArray


def variational(rows: Rows, model: Variational, training: Training, squash: Squash | None = None) -> Learning:
    """Train all starts side by side (Khemakhem, Kingma, Monti, Hyvärinen, AISTATS 2020); the objective is the evidence bound at the last noise.

    With β ≠ 1 too, starts are compared by the bound that was trained, not by that of β = 1.
    """
    known = rows if model.side_information else rows.without_u()
    networks = Model.start(known, model, training, squash)
    generator = torch.Generator().manual_seed(training.seed)

    def loss(batch: Tensor, done: float) -> Loss:
        return networks.loss(batch, annealed_variance(model.noise**2, model.first_noise**2, done), generator)

    yield from train(
        networks.parameters,
        loss,
        len(known.x),
        epochs=training.epochs,
        batch=training.batch,
        learning_rate=training.learning_rate,
        seed=training.seed,
        draws=[generator],
    )
    evidence = networks.evidence(training.seed)
    score = networks.score if model.side_information else None
    return Trained(rows.scaling, networks.encoder, rows.latents, evidence, decoder=networks.decoder, score=score)


class Bound(NamedTuple):
    """``residual`` (S, n) of squares summed over channels, at one draw of the latents; ``divergence`` (S, n) of posterior from prior, nats."""

    residual: Tensor
    divergence: Tensor


@dataclass(eq=False)
class Model:
    """Networks and prior of all starts while they learn."""

    model: Variational
    x: Tensor  # (N, B) scaled
    u: Tensor  # (N,)
    encoder: Networks  # the mean, then a triangle whose square over the noise's variance is the likelihood's precision
    decoder: Networks
    centre: Tensor  # (S, R, n)
    log_variance: Tensor  # (S, R, n)
    squash: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def start(cls, rows: Rows, model: Variational, training: Training, squash: Squash | None) -> Model:
        """Where all starts are before they learn."""
        starts, size = Starts.of(rows, training) if squash is None else squash.starts, rows.latents
        means, variances = starts.moments(rows, means=model.means)
        lower = triangles(starts.mixing)
        straight = np.concatenate([starts.unmixing, np.zeros((*starts.unmixing.shape[:2], lower.shape[1]))], axis=2)
        here = np.zeros((starts.count, size)) if starts.offset is None else starts.offset
        offset = np.concatenate([here, lower], axis=1)
        decoder = starts.mixing if squash is None else squash.decoder
        shape = {"bent": starts.bent, "width": training.width, "depth": training.depth, "device": training.device}
        x = placed(starts.x, training.device)
        return cls(
            model,
            x,
            torch.from_numpy(rows.u).to(x.device),
            Networks(straight, offset, seed=training.seed, **shape),  # type: ignore[arg-type]
            Networks(decoder, np.zeros_like(decoder[:, 0]), seed=training.seed + 1, **shape),  # type: ignore[arg-type]
            placed(means, training.device).requires_grad_(model.means),
            placed(np.log(variances), training.device).requires_grad_(True),
            None if squash is None else squash.function,
        )

    @property
    def parameters(self) -> list[Tensor]:
        """Everything that is learned."""
        prior = [self.centre, self.log_variance] if self.model.means else [self.log_variance]
        return [*self.encoder.parameters, *self.decoder.parameters, *prior]

    def bound(self, batch: Tensor, variance: float, generator: torch.Generator) -> Bound:
        """At the noise ``variance``: q(z|x, u) ∝ N(z; m(x), V(x)) p(z|u), a normal law whose precision is the sum of both.

        V is a full covariance. A diagonal one would prefer latents whose directions in x are orthogonal to those that the prior tells.
        """
        batch = batch.to(self.x.device)
        x, u = self.x[batch], self.u[batch]
        said = self.encoder(x)
        log_prior = self.log_variance.clamp(_NARROWEST, _WIDEST)[:, u]
        size = log_prior.shape[2]
        posterior = combined(
            said[:, :, :size], said[:, :, size:] * variance**-0.5, self.centre[:, u], torch.exp(-log_prior)
        )
        drawn = torch.randn(log_prior.shape, generator=generator).to(log_prior)
        latents = posterior.at(drawn)
        residual = (x - self.decoder(latents if self.squash is None else self.squash(latents))).square().sum(dim=2)
        return Bound(residual, posterior.divergence)

    def loss(self, batch: Tensor, variance: float, generator: torch.Generator) -> Loss:
        """Of all starts at the noise ``variance``, in units of it, so that gradients stay of one size while it falls."""
        bound = self.bound(batch, variance, generator)
        aimed, shown = (self.objective(bound, level).mean(dim=1) for level in (variance, self.model.noise**2))
        return Loss(-variance * aimed.sum(), float(-shown.detach().max()))

    def objective(self, bound: Bound, variance: float) -> Tensor:
        """(S, n) nats: the bound on log p(x|u), its divergence times β."""
        constant = self.x.shape[1] * math.log(2 * math.pi * variance)
        return -0.5 * (bound.residual / variance + constant) - self.model.beta * bound.divergence

    def evidence(self, seed: int) -> FloatArray:
        """(S,) mean bound per row at the last noise, on rows in equal distances."""
        generator = torch.Generator().manual_seed(seed + 1)
        some = torch.arange(0, len(self.x), max(1, len(self.x) // _MEASURED))
        total = torch.zeros(len(self.centre), device=self.x.device)
        with torch.no_grad():
            for chunk in torch.split(some.repeat(_DRAWS), _CHUNK):
                still_wanted()
                bound = self.bound(chunk, self.model.noise**2, generator)
                total += self.objective(bound, self.model.noise**2).sum(dim=1)
        return np.asarray((total / (_DRAWS * len(some))).double().cpu().numpy())

    def score(self, x: FloatArray, start: int) -> FloatArray:
        """(N, B) scaled rows -> (N, R) log ∫ N(z; m(x), V(x)) p(z|u) dz = log N(m(x); μ(u), V(x) + D(u)), up to terms of x alone.

        Where V vanishes, that is λ(u)ᵀT of the prior at z = m(x), T = (z, z²), and a term of u alone.
        """
        size = self.centre.shape[2]
        said = self.encoder.of_start(x, start)
        lower = np.zeros((len(x), size, size))
        lower[:, *np.tril_indices(size)] = said[:, size:] / self.model.noise
        spread = np.linalg.inv(lower @ lower.transpose(0, 2, 1) + 1e-9 * np.eye(size))
        with torch.no_grad():
            variances = torch.exp(self.log_variance[start].clamp(_NARROWEST, _WIDEST)).double().cpu().numpy()
            centres = self.centre[start].double().cpu().numpy()
        return np.stack(
            [_log_normal(said[:, :size] - c, spread + np.diag(v)) for c, v in zip(centres, variances, strict=True)],
            axis=1,
        )


def _log_normal(away: FloatArray, covariance: FloatArray) -> FloatArray:
    """(N,) log density of a normal law at (N, n) from its mean, up to a constant; covariances (N, n, n)."""
    still_wanted()
    square = (away * np.linalg.solve(covariance, away[:, :, None])[:, :, 0]).sum(axis=1)
    return np.asarray(-0.5 * (square + np.linalg.slogdet(covariance)[1]))


def triangles(mixing: FloatArray) -> FloatArray:
    """(S, n, B) -> (S, n(n + 1)/2) the lower triangle whose square is mixing · mixingᵀ: the likelihood's precision of a linear decoder."""
    rows, columns = np.tril_indices(mixing.shape[1])
    return np.asarray(np.linalg.cholesky(mixing @ mixing.transpose(0, 2, 1))[:, rows, columns])
