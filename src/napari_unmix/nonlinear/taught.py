"""An iVAE with one more start: the encoder of time-contrastive learning, and what the iVAE needs beside it, fitted to it before all learn together.

From its own starts the iVAE has to find sources, decoder and posterior at once, and stops where the latents are easy to decode; from latents
that contrastive learning has found, decoder and posterior are regression. Which start is better the evidence says, as among its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.network import Loss, Step, annealed_variance, train
from napari_unmix.nonlinear.assembled import before, behind, side_by_side, stacked, start_of
from napari_unmix.nonlinear.contrast import tcl
from napari_unmix.nonlinear.linear import whitening
from napari_unmix.nonlinear.networks import Networks, placed
from napari_unmix.nonlinear.rows import Rows, means_by
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Learning, Trained
from napari_unmix.nonlinear.variational import Model, Variational, triangles, variational


@dataclass(frozen=True)
class Passes:
    """Of the three steps from an encoder to an iVAE (decision 0054).

    ``decoder``: by least squares, the latents given. ``held``: decoder, posterior's covariance and prior by the bound, the latents' means held,
    from the noise ``first_noise``. ``together``: everything, at ``gentle`` times the learning rate and the last noise.
    """

    decoder: int = 15
    held: int = 10
    first_noise: float = 0.3
    together: int = 10
    gentle: float = 0.3


def ivae(
    rows: Rows, model: Variational, training: Training, told: Trained | None = None, passes: Passes | None = None
) -> Learning:
    """Learn from the model's own starts, and from the encoder of ``told``, by default time-contrastive learning's with the same training.

    The model's noise is raised to what a decoder misses of the rows that is fitted to the latents of ``told``: with less noise those latents are
    preferred that are easy to decode. Where there are as many latents as channels, the noise is in units of the data's deviation in
    each principal direction and not in each channel: all directions carry latents, and one in which the data vary by less than the noise
    is nothing but noise to the model. With more channels than latents the smallest directions are what the surface bends by, and stay small.
    Raises UnmixError where u has one value only.
    """
    if told is None:
        told = yield from tcl(rows, training)
    if rows.latents < rows.x.shape[1]:
        return (yield from _all_starts(rows, model, training, told, passes or Passes()))
    through = _White.of(rows)
    learned = yield from _all_starts(through.rows, model, training, through.seen(told), passes or Passes())
    return through.shown(learned)


def _all_starts(rows: Rows, model: Variational, training: Training, told: Trained, passes: Passes) -> Learning:
    begun = yield from _begun(rows, training, told, passes)
    model = replace(model, noise=max(model.noise, begun.missed))
    own = yield from variational(rows, model, training)
    return _joined(own, (yield from _finished(begun, model, training, passes)))


def taught(rows: Rows, model: Variational, training: Training, told: Trained, passes: Passes | None = None) -> Learning:
    """The iVAE of one start, the encoder of ``told``: its mean is where the posterior's begins, in units of its own deviation."""
    passes = passes or Passes()
    begun = yield from _begun(rows, training, told, passes)
    return (yield from _finished(begun, model, training, passes))


@dataclass(frozen=True, eq=False)
class _Begun:
    """An encoder's latents (N, n) of ``rows``, the encoder, a decoder of them, and the root of the mean square that it misses."""

    rows: Rows
    latents: FloatArray
    mean: Networks
    decoder: Networks
    missed: float


def _begun(rows: Rows, training: Training, told: Trained, passes: Passes) -> Generator[Step, None, _Begun]:
    found = told.latents_of(rows.x)
    spread = np.maximum(found.std(axis=0), 1e-12)
    mean = start_of(told.encoder, told.best, rows.latents, placed(1 / spread))
    latents = found / spread
    decoder = yield from _decoder(rows, latents, training, passes.decoder)
    missed = rows.scaling.scaled(rows.x) - decoder.of_start(latents, 0)
    return _Begun(rows, latents, mean, decoder, float(np.sqrt(np.mean(missed**2))))


def _finished(begun: _Begun, model: Variational, training: Training, passes: Passes) -> Learning:
    # 1. How sure the latents are, and their law given u.
    networks, learned = _beside(begun, model, training)
    with _held(networks.encoder.parameters, learned):
        yield from _climb(networks, replace(training, epochs=passes.held), passes.first_noise)
    # 2. All of it.
    slower = replace(training, epochs=passes.together, learning_rate=passes.gentle * training.learning_rate)
    yield from _climb(networks, slower, model.noise)
    evidence = networks.evidence(training.seed)
    encoder, decoder, score = networks.encoder, networks.decoder, networks.score
    return Trained(begun.rows.scaling, encoder, begun.rows.latents, evidence, decoder=decoder, score=score)


@dataclass(frozen=True, eq=False)
class _White:
    """White rows of what ``original`` are, and the way back: ``there`` and ``back`` (B, B) are of scaled rows."""

    original: Rows
    rows: Rows
    there: Tensor
    back: Tensor

    @classmethod
    def of(cls, original: Rows) -> _White:
        scaled = original.scaling.scaled(original.x)
        white = whitening(scaled, scaled.shape[1])
        rows = Rows(white(scaled), original.u, original.latents, one_scale=True)
        there, back = (torch.from_numpy(part) for part in (white.unmixing, np.linalg.inv(white.unmixing)))
        return cls(original, rows, there, back)

    def seen(self, told: Trained) -> Trained:
        """The same latents, of white rows."""
        return replace(told, scaling=self.rows.scaling, encoder=before(told.encoder, self.back))

    def shown(self, learned: Trained) -> Trained:
        """The same model, of the original rows."""
        assert learned.decoder is not None
        assert learned.score is not None
        score, there = learned.score, self.there.numpy()
        return replace(
            learned,
            scaling=self.original.scaling,
            encoder=before(learned.encoder, self.there),
            decoder=behind(learned.decoder, self.back),
            score=lambda x, start: score(x @ there, start),
        )


def _decoder(rows: Rows, latents: FloatArray, training: Training, epochs: int) -> Generator[Step, None, Networks]:
    """Least squares of the scaled rows on their latents (N, n); begins as the linear map."""
    x = rows.scaling.scaled(rows.x)
    with_one = np.column_stack([latents, np.ones(len(latents))])
    straight, *_ = np.linalg.lstsq(with_one, x, rcond=None)
    decoder = _network(straight[:-1], straight[-1], training, training.seed + 3)
    seen, wanted = placed(latents, training.device), placed(x, training.device)

    def loss(batch: Tensor, _: float) -> Loss:
        here = batch.to(seen.device)
        missed = (wanted[here] - decoder(seen[here])).square().sum(dim=2).mean()
        return Loss(missed, float(missed.detach()))

    yield from _trained(decoder.parameters, loss, len(x), replace(training, epochs=epochs))
    return decoder


def _beside(begun: _Begun, model: Variational, training: Training) -> tuple[Model, Sequence[Tensor]]:
    """The model whose encoder says ``mean`` and a covariance from a network of its own.

    Beside it, which of the encoder's weights are that network's: 1, others 0. The covariance begins as that of the decoder's linear part, the
    prior at the latents' moments for each value of u.
    """
    rows, latents, mean, decoder = begun.rows, begun.latents, begun.mean, begun.decoder
    triangle = triangles(decoder.straight.detach().double().cpu().numpy())
    covariance = _network(np.zeros((rows.x.shape[1], triangle.shape[1])), triangle[0], training, training.seed + 4)
    encoder = side_by_side(mean, covariance)
    learned = side_by_side(_filled(mean, 0.0), _filled(covariance, 1.0)).parameters
    centres = means_by(latents, rows.u, rows.values_of_u) * float(model.means)
    variances = np.maximum(means_by((latents - centres[rows.u]) ** 2, rows.u, rows.values_of_u), 1e-6)
    x = placed(rows.scaling.scaled(rows.x), training.device)
    networks = Model(
        model,
        x,
        torch.from_numpy(rows.u).to(x.device),
        encoder,
        decoder,
        placed(centres[None], training.device).requires_grad_(model.means),
        placed(np.log(variances)[None], training.device).requires_grad_(True),
    )
    return networks, learned


def _climb(networks: Model, training: Training, first_noise: float) -> Iterator[Step]:
    """The bound, from the noise ``first_noise`` to the model's."""
    generator = torch.Generator().manual_seed(training.seed)
    last, first = networks.model.noise**2, first_noise**2

    def loss(batch: Tensor, done: float) -> Loss:
        return networks.loss(batch, annealed_variance(last, max(first, last), done), generator)

    yield from _trained(networks.parameters, loss, len(networks.x), training, [generator])


def _trained(
    parameters: list[Tensor],
    loss: Callable[[Tensor, float], Loss],
    count: int,
    training: Training,
    draws: Sequence[torch.Generator] = (),
) -> Iterator[Step]:
    return train(
        parameters,
        loss,
        count,
        epochs=training.epochs,
        batch=training.batch,
        learning_rate=training.learning_rate,
        seed=training.seed,
        draws=draws,
    )


def _network(straight: FloatArray, offset: FloatArray, training: Training, seed: int) -> Networks:
    """Of one start, which begins as this linear map: (I, O), (O,)."""
    return Networks(
        straight[None],
        offset[None],
        bent=np.zeros(1),
        width=training.width,
        depth=training.depth,
        seed=seed,
        device=training.device,
    )


def _filled(networks: Networks, value: float) -> Networks:
    def full(part: Tensor) -> Tensor:
        return torch.full_like(part, value)

    layers = [(full(weights), full(shifts)) for weights, shifts in networks.layers]
    return Networks.of(full(networks.straight), full(networks.offset), layers, full(networks.last))


@contextmanager
def _held(parameters: Sequence[Tensor], learned: Sequence[Tensor]) -> Iterator[None]:
    """Weights stay what they are where ``learned`` is 0: Adam moves nothing whose gradients are all 0."""
    hooks = [
        part.register_hook(which.detach().mul)  # type: ignore[no-untyped-call]
        for part, which in zip(parameters, learned, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _joined(own: Trained, beside: Trained) -> Trained:
    """All starts, ``own`` first; the objectives of both are bounds at one noise."""
    count = len(own.objectives)

    def score(x: FloatArray, start: int) -> FloatArray:
        first, second = own.score, beside.score
        assert first is not None
        assert second is not None
        return first(x, start) if start < count else second(x, start - count)

    assert own.decoder is not None
    assert beside.decoder is not None
    return Trained(
        own.scaling,
        stacked(own.encoder, beside.encoder),
        own.latents,
        np.concatenate([own.objectives, beside.objectives]),
        decoder=stacked(own.decoder, beside.decoder),
        score=score,
    )
