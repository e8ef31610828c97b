"""Contrastive learning with u: which value of it a row has (time-contrastive), or whether a pair (x, u) is true or shuffled (generalised)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.network import Loss, Step, train
from napari_unmix.nonlinear.networks import Networks, placed
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.trained import Learning, Score, Trained
from napari_unmix.sentences import UnmixError
from napari_unmix.wanted import still_wanted

# Units of each component's own network ψ_i.
UNITS = 12
_CHUNK = 4_096

# (batch of row numbers, generator) -> (S, n) log-likelihoods of what is to be told.
Likelihood = Callable[[Tensor, torch.Generator], Tensor]
Objectives = Generator[Step, None, FloatArray]


def tcl(rows: Rows, training: Training, statistic: Literal["square", "absolute"] = "square") -> Learning:
    """Time-contrastive learning (Hyvärinen & Morioka, NeurIPS 2016): softmax over the values of u of λ(u)ᵀT(h(x)) + b(u).

    With exponential families of one statistic T each, and enough values of u, T(h(x)) is T(z) up to an affine map: linear ICA of it is the answer.
    Starts are as likely as Gaussian sources of the starts' own variances: λ = −1/2σ²(u) for squares.
    """
    starts = _starts_with_u(rows, training)
    _, variances = starts.moments(rows, means=False)
    x, u = placed(starts.x, training.device), torch.from_numpy(rows.u)
    encoder = encoder_of(starts, training)
    size = -0.5 / variances if statistic == "square" else -1 / np.sqrt(variances)
    weights = placed(size.transpose(0, 2, 1), training.device).requires_grad_(True)  # (S, n, R)
    offsets = placed(-0.5 * np.log(variances).sum(axis=2)[:, None, :], training.device).requires_grad_(
        True
    )  # (S, 1, R)

    def likelihood(batch: Tensor, _: torch.Generator) -> Tensor:
        h = encoder(x[batch.to(x.device)])
        told = h.square() if statistic == "square" else torch.sqrt(h.square() + 1e-4)
        scores = torch.log_softmax(torch.baddbmm(offsets, told, weights), dim=2)
        labels = u[batch].to(x.device).expand(len(h), -1)
        return scores.gather(2, labels[:, :, None])[:, :, 0]

    parameters = [*encoder.parameters, weights, offsets]
    objectives = yield from learn(parameters, likelihood, len(x), training)
    return Trained(rows.scaling, encoder, rows.latents, objectives, statistic=statistic)


def gcl(rows: Rows, training: Training, form: Literal["general", "exponential"] = "general") -> Learning:
    """Generalised contrastive learning (Hyvärinen, Sasaki, Turner, AISTATS 2019): logistic regression of true against shuffled pairs (x, u).

    ``general``: r = Σ_i ψ_i(h_i(x), u) + a(x), each ψ_i with a network of one hidden layer; h recovers the sources up to order and component-wise
    maps under the conditions of their Theorem 1, which exponential families of one statistic each don't keep. ``exponential``, for those:
    r = h(x)ᵀv(u) + a(x) + b(u); h is T(z) up to an affine map (Theorem 3). a(x) is free because log p(x) is no sum over components;
    differences between values of u, which the proofs use, are without it.
    """
    starts = _starts_with_u(rows, training)
    x, u = placed(starts.x, training.device), torch.from_numpy(rows.u).to(torch.int64)
    with_rest = np.concatenate([starts.unmixing, np.zeros_like(starts.unmixing[:, :, :1])], axis=2)
    bent = starts.bent if form == "general" else np.ones(starts.count)
    encoder = Networks(
        with_rest,
        np.zeros((starts.count, rows.latents + 1)),
        bent=bent,
        width=training.width,
        depth=training.depth,
        seed=training.seed,
        device=training.device,
    )
    head = (_Components if form == "general" else _Products)(starts, rows, training)

    def likelihood(batch: Tensor, generator: torch.Generator) -> Tensor:
        h = encoder(x[batch.to(x.device)])
        shuffled = batch[torch.randperm(len(batch), generator=generator)]
        true, false = (head(h[:, :, :-1], u[which].to(x.device)) + h[:, :, -1] for which in (batch, shuffled))
        return told_apart(true, false)

    objectives = yield from learn([*encoder.parameters, *head.parameters], likelihood, len(x), training)
    recovers: Literal["sources", "statistics"] = "sources" if form == "general" else "statistics"
    score = _scoring(encoder, head, rows.values_of_u)
    return Trained(rows.scaling, encoder, rows.latents, objectives, recovers=recovers, score=score)


def _scoring(encoder: Networks, head: _Components | _Products, values: int) -> Score:
    """The head's score without a(x), of one start and for every value of u."""

    def score(x: FloatArray, start: int) -> FloatArray:
        told = []
        with torch.no_grad():
            for chunk in torch.split(placed(x), _CHUNK):
                still_wanted()
                h = encoder(chunk)[:, :, :-1]
                every = [head(h, torch.full((len(chunk),), u, device=h.device))[start] for u in range(values)]
                told.append(torch.stack(every, dim=1).double().cpu().numpy())
        return np.concatenate(told)

    return score


def told_apart(true: Tensor, false: Tensor) -> Tensor:
    """Log-likelihood of logistic regression: scores of true pairs and of as many shuffled ones, a pair of both per row."""
    return torch.nn.functional.logsigmoid(true) + torch.nn.functional.logsigmoid(-false)


def learn(parameters: list[Tensor], likelihood: Likelihood, count: int, training: Training) -> Objectives:
    """Maximise the likelihoods of all starts side by side; returns (S,) their means over all rows, with fresh shuffles."""
    generator = torch.Generator().manual_seed(training.seed)

    def loss(batch: Tensor, _: float) -> Loss:
        reached = likelihood(batch, generator).mean(dim=1)
        return Loss(-reached.sum(), float(-reached.detach().max()))

    yield from train(
        parameters,
        loss,
        count,
        epochs=training.epochs,
        batch=training.batch,
        learning_rate=training.learning_rate,
        seed=training.seed,
        draws=[generator],
    )
    return _means(likelihood, count, training.seed)


def _means(likelihood: Likelihood, count: int, seed: int) -> FloatArray:
    generator = torch.Generator().manual_seed(seed + 1)
    parts = []
    with torch.no_grad():
        for chunk in torch.split(torch.randperm(count, generator=generator), _CHUNK):
            still_wanted()
            parts.append(likelihood(chunk, generator).double().sum(dim=1).cpu().numpy())
    return np.asarray(np.sum(parts, axis=0) / count)


class _Products:
    """h(x)ᵀv(u) + b(u); v(u) starts at random combinations of the moments that the starts' latents have where u has this value."""

    def __init__(self, starts: Starts, rows: Rows, training: Training) -> None:
        generator, device = np.random.default_rng(training.seed + 2), training.device
        means, variances = starts.moments(rows, means=True)
        moments = np.concatenate([means, np.log(variances)], axis=2)  # (S, R, 2n)
        moments = moments - moments.mean(axis=1, keepdims=True)
        moments /= np.maximum(moments.std(axis=1, keepdims=True), 1e-6)
        weights = moments @ generator.standard_normal((starts.count, 2 * rows.latents, rows.latents))
        self.weights = placed(weights / (2 * rows.latents) ** 0.5, device).requires_grad_(True)
        self.offsets = placed(np.zeros(weights.shape[:2]), device).requires_grad_(True)
        self.parameters = [self.weights, self.offsets]

    def __call__(self, h: Tensor, u: Tensor) -> Tensor:
        return (h * self.weights[:, u]).sum(dim=2) + self.offsets[:, u]


class _Components:
    """Σ_i ψ_i(h_i(x), u) with ψ_i = λ_i(u) h_i + κ_i(u) h_i² + a network of ``UNITS`` hidden units, which see h_i and u.

    The network makes ψ general; without it, where it starts, the score is that of Gaussian sources with the starts' own moments. Nothing is
    drawn for single values of u, so that their names don't matter.
    """

    def __init__(self, starts: Starts, rows: Rows, training: Training) -> None:
        generator, device = np.random.default_rng(training.seed + 2), training.device
        size, count = rows.latents, starts.count
        means, variances = starts.moments(rows, means=True)
        self.linear = placed(means / variances, device).requires_grad_(True)
        self.square = placed(-0.5 / variances, device).requires_grad_(True)
        self.offsets = placed(-0.5 * (np.log(variances) + means**2 / variances).sum(axis=2), device).requires_grad_(
            True
        )
        self.slopes = placed(generator.standard_normal((count, 1, size, UNITS)), device).requires_grad_(True)
        places = np.repeat(generator.standard_normal((count, 1, size, UNITS)), rows.values_of_u, axis=1)
        self.places = placed(places, device).requires_grad_(True)
        self.weights = placed(np.zeros((count, 1, size, UNITS)), device).requires_grad_(True)
        self.parameters = [self.linear, self.square, self.offsets, self.slopes, self.places, self.weights]

    def __call__(self, h: Tensor, u: Tensor) -> Tensor:
        hidden = torch.nn.functional.silu(h[..., None] * self.slopes + self.places[:, u])
        own = h * (self.linear[:, u] + h * self.square[:, u]) + (hidden * self.weights).sum(dim=3)
        return own.sum(dim=2) + self.offsets[:, u]


def encoder_of(starts: Starts, training: Training) -> Networks:
    """Networks that begin as the starts' linear maps."""
    nothing = np.zeros((starts.count, starts.unmixing.shape[2]))
    return Networks(
        starts.unmixing,
        nothing,
        bent=starts.bent,
        width=training.width,
        depth=training.depth,
        seed=training.seed,
        device=training.device,
    )


def _starts_with_u(rows: Rows, training: Training) -> Starts:
    if rows.values_of_u < 2:
        raise UnmixError("Contrastive learning tells values of u apart, and u has only one: give it two or more.")
    return Starts.of(rows, training)
