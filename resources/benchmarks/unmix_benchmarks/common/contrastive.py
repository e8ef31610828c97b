"""The contrastive counterpart of masked autoencoding: two disjoint sets of a pixel's band groups are two views of it (InfoNCE, van den Oord 2018).

The same encoder, groups and brightness as the masked autoencoder's; only what is asked of it differs: to know a pixel's other half among those of
the other pixels of a batch, instead of filling it in.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.cube import FloatArray
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.model.network import Loss, Step, train
from napari_unmix.model.threads import seeded

# Usual in SimCLR (Chen et al. 2020), not chosen here: the temperature, and a head of two layers that is thrown away.
TEMPERATURE = 0.1
_PROJECTED = 32


class Views(nn.Module):
    """An encoder with a head for the contrast."""

    def __init__(self, network: MaskedAutoencoder, seed: int) -> None:
        super().__init__()
        self.network = network
        width = network.architecture.width
        with seeded(seed):
            self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, _PROJECTED))

    def seen(self, values: Tensor, kept: Tensor) -> Tensor:
        """(n, G, patch), (n, K) -> (n, D) of length one: what the head makes of the groups ``kept``."""
        shown = values.gather(1, kept[..., None].expand(-1, -1, values.shape[2]))
        codes = self.network.codes(shown, kept).mean(dim=1)
        return nn.functional.normalize(self.head(codes), dim=1)

    def loss(self, values: Tensor, order: Tensor) -> Tensor:
        """InfoNCE both ways between the two halves of the groups in ``order`` (n, G)."""
        half = max(1, order.shape[1] // 2)
        first, second = self.seen(values, order[:, :half]), self.seen(values, order[:, half : 2 * half])
        likeness = first @ second.T / TEMPERATURE
        right = torch.arange(len(values), device=values.device)
        both = nn.functional.cross_entropy(likeness, right) + nn.functional.cross_entropy(likeness.T, right)
        return 0.5 * both


def contrast(
    network: MaskedAutoencoder, spectra: FloatArray, *, epochs: int, batch: int, learning_rate: float, seed: int
) -> Generator[Step, None, None]:
    """Train the encoder of ``network`` in place by telling pixels apart; yields after every batch."""
    views = Views(network, seed)
    values = network.tokens(spectra, network.unit(spectra))
    generator = torch.Generator(device=values.device).manual_seed(seed)

    def loss(rows: Tensor, done: float) -> Loss:
        value = views.loss(values[rows], network.orders(len(rows), generator))
        return Loss(value, float(value.detach()))

    yield from train(
        [*network.encoder.parameters(), *views.head.parameters()],
        loss,
        len(values),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        draws=[generator],
    )


def chance(batch: int) -> float:
    """The loss of a network that knows nothing."""
    return float(np.log(batch))
