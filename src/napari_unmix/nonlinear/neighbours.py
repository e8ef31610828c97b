"""Permutation-contrastive learning: whether two rows are neighbours (in time, or in a scene), or were put together at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import IntArray
from napari_unmix.nonlinear.contrast import UNITS, encoder_of, learn, told_apart
from napari_unmix.nonlinear.networks import placed
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.trained import Learning, Trained
from napari_unmix.sentences import UnmixError


def pcl(rows: Rows, pairs: IntArray, training: Training) -> Learning:
    """Permutation-contrastive learning (Hyvärinen & Morioka, AISTATS 2017) of (M, 2) ``pairs`` of row numbers; u is not read.

    The score is r = Σ_i B_i(h_i(x), h_i(x′)), each B_i a network of one hidden layer. h recovers the sources up to order and component-wise maps if
    they are independent and stationary, and their dependence is uniform and not that of a Gaussian process (their Theorem 1). Gaussian
    processes are recovered up to a linear map only.
    """
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < 2 or pairs.min() < 0 or pairs.max() >= len(rows.x):
        raise UnmixError(
            f"Pairs must be two row numbers from 0 to {len(rows.x) - 1} each, two pairs or more; they are of shape {pairs.shape}."
        )
    starts = Starts.of(rows, training)
    x, both = placed(starts.x, training.device), torch.from_numpy(pairs)
    encoder = encoder_of(starts, training)
    head = _Together(starts.count, rows.latents, training)

    def likelihood(batch: Tensor, generator: torch.Generator) -> Tensor:
        first, second = (encoder(x[both[batch, side].to(x.device)]) for side in (0, 1))
        shuffled = second[:, torch.randperm(len(batch), generator=generator).to(x.device)]
        return told_apart(head(first, second), head(first, shuffled))

    objectives = yield from learn([*encoder.parameters, *head.parameters], likelihood, len(pairs), training)
    return Trained(rows.scaling, encoder, rows.latents, objectives)


class _Together:
    """Σ_i B_i(h_i, h′_i)."""

    def __init__(self, starts: int, latents: int, training: Training) -> None:
        generator, device = np.random.default_rng(training.seed + 2), training.device
        shape = (starts, 1, latents, UNITS)
        sizes = (1.0, 1.0, 1.0, 1.0 / UNITS)
        self.parameters = [
            placed(size * generator.standard_normal(shape), device).requires_grad_(True) for size in sizes
        ]
        self.parameters.append(placed(np.zeros((starts, 1)), device).requires_grad_(True))

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        one, other, place, weights, offset = self.parameters
        hidden = torch.nn.functional.silu(first[..., None] * one + second[..., None] * other + place)
        return (hidden * weights).sum(dim=(2, 3)) + offset
