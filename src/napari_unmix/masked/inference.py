"""A masked autoencoder's encoder as the beginning of a posterior's network."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.masked.autoencoder import AT_ONCE, MaskedAutoencoder
from napari_unmix.model.network import InferenceNetwork
from napari_unmix.model.threads import seeded
from napari_unmix.rows.subspace import Subspace


class EncodedInference(InferenceNetwork):
    """q(latents | x) on the features of an encoder, which is trained on with it.

    It is asked by scores (n, K) of the endmembers' subspace, as every inference network of a fit; the encoder sees the spectra of these scores.
    """

    origin: Tensor
    axes: Tensor

    def __init__(self, network: MaskedAutoencoder, subspace: Subspace, spectra: FloatArray, latents: int, seed: int):
        unit = network.unit(spectra)
        projected = subspace.spectra(subspace.scores(spectra[:: max(1, len(spectra) // 20_000)]))
        features = np.concatenate(list(network.embedded(projected)))
        device = network.mean.device
        with seeded(seed):
            super().__init__(torch.from_numpy(features).to(device), latents)
        self.unit = unit
        self.encoding = copy.deepcopy(network).double().moved(device)
        self.encoding.decoder = torch.nn.Identity()  # nothing is filled in any more
        self.encoding.weight, self.encoding.positions = self.encoding.weight.double(), self.encoding.positions.double()
        self.register_buffer("origin", torch.from_numpy(subspace.origin).to(device))
        self.register_buffer("axes", torch.from_numpy(subspace.basis).to(device))

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of the latents; some pixels at a time where nothing is learned."""
        if torch.is_grad_enabled() or len(scores) <= AT_ONCE:
            return super().forward(self._features(scores))
        parts = [super(EncodedInference, self).forward(self._features(part)) for part in torch.split(scores, AT_ONCE)]
        means, spreads = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(spreads)

    def _features(self, scores: Tensor) -> Tensor:
        return self.encoding.features(self.encoding.in_groups((scores @ self.axes + self.origin) / self.unit))
