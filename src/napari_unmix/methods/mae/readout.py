"""How abundances are read off codes: by one affine map, or by training on with linear mixing."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.masked.autoencoder import AT_ONCE, MaskedAutoencoder
from napari_unmix.methods.affine import affine_map
from napari_unmix.model.network import Loss, Step, train

# Abundances below this are raised to it where their logarithm is wanted.
_INSIDE = 0.01
# An endmember's band is at least this share of its largest value, so that it can grow.
_FLOOR = 1e-3
# Fine-tuning moves what is trained already: its steps are so many times shorter. Both chosen by hand, on seeds 601 and 602.
_SHORTER = 0.3


class FineTuning:
    """Encoder and a head on the simplex, trained on so that abundances times endmembers give the spectra.

    Endmembers are M₀·exp(δ), which stays non-negative; those that are ``held`` have no δ. With free light each pixel's mixture is taken at the
    brightness that fits best. Nothing but its start and short steps keeps the simplex from growing or shrinking, and where
    pure pixels gave it a good start that is not enough (card).
    """

    def __init__(
        self,
        network: MaskedAutoencoder,
        spectra: FloatArray,
        endmembers: FloatArray,
        held: BoolArray,
        *,
        free_light: bool,
    ) -> None:
        device = network.mean.device
        self.network, self.free_light, self.unit = network, free_light, network.unit(spectra)
        self.values = network.tokens(spectra, self.unit)
        floor = _FLOOR * endmembers.max(axis=1, keepdims=True)
        first = np.where(held[:, None], endmembers, np.maximum(endmembers, floor)) / self.unit
        self.first = torch.from_numpy(first).float().to(device)
        self.free = torch.from_numpy(~held).to(device)[:, None]
        self.moved = torch.zeros_like(self.first, requires_grad=True)
        self.width = network.architecture.width + (0 if free_light else 1)
        self.head = nn.Linear(self.width, len(endmembers)).to(device)
        self.centre = torch.zeros(self.width, device=device)
        self.spread = torch.ones(self.width, device=device)

    def begin(self, features: FloatArray, abundances: FloatArray) -> None:
        """The head that reads these (n, P) abundances off these (n, K) features, as far as an affine map of logarithms can."""
        inside = np.maximum(abundances, _INSIDE)
        read = affine_map(features, np.log(inside / inside.sum(axis=1, keepdims=True)))
        with torch.no_grad():
            self.centre, self.spread = (torch.from_numpy(part).to(self.centre) for part in (read.centre, read.spread))
            self.head.weight.copy_(torch.from_numpy(read.weights[1:].T))
            self.head.bias.copy_(torch.from_numpy(read.weights[0]))

    def train(self, epochs: int, batch: int, learning_rate: float, seed: int) -> Generator[Step, None, None]:
        """Least squares of the spectra; yields after every batch."""
        level = float(self.values.square().mean()) or 1.0

        def loss(rows: Tensor, done: float) -> Loss:
            values = self.values[rows]
            mixed = self._shares(values) @ self._endmembers()
            observed = values.flatten(1)[:, : mixed.shape[1]]
            if self.free_light:
                mixed = (
                    mixed * (observed * mixed).sum(1, keepdim=True) / (mixed**2).sum(1, keepdim=True).clamp_min(1e-12)
                )
            value = ((observed - mixed) ** 2).mean() / level
            return Loss(value, float(value.detach()))

        parameters = [*self.network.encoder.parameters(), *self.head.parameters(), self.moved]
        yield from train(
            parameters,
            loss,
            len(self.values),
            epochs=epochs,
            batch=batch,
            learning_rate=_SHORTER * learning_rate,
            seed=seed,
        )

    def _shares(self, values: Tensor) -> Tensor:
        """(n, P) abundances of (n, G, patch)."""
        features = self.network.features(values)[:, : self.width]
        return torch.softmax(self.head((features - self.centre) / self.spread), dim=1)

    def _endmembers(self) -> Tensor:
        """(P, B) in units of the median brightness."""
        return torch.where(self.free, self.first * self.moved.exp(), self.first)

    def endmembers(self) -> FloatArray:
        """(P, B)."""
        return np.asarray(self._endmembers().detach().cpu().numpy(), dtype=np.float64) * self.unit

    def abundances(self) -> Iterator[FloatArray]:
        """(n, P) of all pixels, part by part."""
        for part in torch.split(self.values, AT_ONCE):
            with torch.no_grad():
                yield _summing_to_one(np.asarray(self._shares(part).cpu().numpy(), dtype=np.float64))


def _summing_to_one(shares: FloatArray) -> FloatArray:
    """Single precision sums to one within 1e-7."""
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
