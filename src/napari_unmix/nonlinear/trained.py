"""What a training learned: an encoder for each start, and which of them its own objective prefers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.network import Step
from napari_unmix.nonlinear.linear import linear_ica
from napari_unmix.nonlinear.networks import Networks
from napari_unmix.nonlinear.rows import Rows, Scaling
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.stored import Encoder

# What the latents are where the method's theorem holds: the sources up to order and component-wise maps, or an affine map of their statistics.
Recovers = Literal["sources", "statistics"]
# (N, B) scaled rows and the number of a start -> (N, R): what a model says of every value of u, up to terms of x alone and of u alone.
Score = Callable[[FloatArray, int], FloatArray]


@dataclass(frozen=True, eq=False)
class Trained:
    """Encoders of S starts, and ``objectives`` (S,), mean nats per row, of which the largest is best.

    ``statistic``: the latents' T is told from their signs, so that the theorem's answer is linear ICA of T(z), as time-contrastive learning has it.
    ``decoder``: what makes scaled rows of (squashed) latents, of a model that has one.
    ``score``: λ(u)ᵀT(h(x)) of the model, None where it has no u.
    """

    scaling: Scaling
    encoder: Networks
    latents: int
    objectives: FloatArray
    recovers: Recovers = "sources"
    statistic: Literal["square", "absolute"] | None = None
    decoder: Networks | None = None
    score: Score | None = None

    @property
    def best(self) -> int:
        """The start that the objective prefers."""
        return int(np.argmax(np.where(np.isfinite(self.objectives), self.objectives, -np.inf)))

    def latents_of(self, x: FloatArray, start: int | None = None) -> FloatArray:
        """(N, B) rows -> (N, n) latents by the encoder of one start, the best one if none is named."""
        chosen = self.best if start is None else start
        return self.encoder.of_start(self.scaling.scaled(x), chosen)[:, : self.latents]

    def kept(self) -> Encoder:
        """The best start's encoder, to be saved."""
        network, best = self.encoder, self.best

        def own(values: Tensor) -> FloatArray:
            return np.asarray(values[best].detach().double().cpu().numpy())

        layers = tuple((own(weights), own(shifts)[0]) for weights, shifts in network.layers)
        straight, offset, last = own(network.straight), own(network.offset)[0], own(network.last)
        return Encoder(self.scaling, straight, offset, layers, last, self.latents)

    def score_of(self, x: FloatArray) -> FloatArray:
        """(N, B) rows -> (N, R) λ(u)ᵀT(h(x)) of the best start for every value of u, up to terms of x alone and of u alone.

        The part of log p(u|x) that depends on both (theory page, "The link"). Raises ValueError for a model without u.
        """
        if self.score is None:
            raise ValueError("this model has no u, so nothing is told of its values")
        return self.score(self.scaling.scaled(x), self.best)


Learning = Generator[Step, None, Trained]


def statistics_of(learned: Trained, x: FloatArray, fresh: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """(N, n), (M, n): what is learned of T(z) = z² of rows and of fresh ones.

    z² itself, or linear ICA of what the theorem gives up to an affine map.
    """
    found, beside = (learned.latents_of(part) for part in (x, fresh))
    if learned.recovers == "sources" and learned.statistic is None:
        centre = found.mean(axis=0)
        return (found - centre) ** 2, (beside - centre) ** 2
    if learned.recovers == "sources":
        found, beside = (part**2 if learned.statistic == "square" else np.abs(part) for part in (found, beside))
    unmixed = linear_ica(found, learned.latents, seed)
    return unmixed(found), unmixed(beside)


def linear(rows: Rows, training: Training) -> Trained:
    """Linear ICA in the same form, with one start."""
    scaled = rows.scaling.scaled(rows.x)
    unmixing = linear_ica(scaled, rows.latents, training.seed).unmixing[None]
    encoder = Networks(
        unmixing,
        np.zeros((1, rows.latents)),
        bent=np.zeros(1),
        width=1,
        depth=0,
        seed=training.seed,
        device=training.device,
    )
    return Trained(rows.scaling, encoder, rows.latents, np.zeros(1))
