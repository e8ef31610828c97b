"""The law of the illumination s (theory M2): Gamma with the scene's mean and, in painted regions, its own shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray, IntArray

# The light's shape κ of a painted region is drawn to the scene's by this many pixels' worth.
_LIGHT_PIXELS = 20.0
_LEAST_KAPPA, _MOST_KAPPA = 0.5, 100.0


@dataclass(frozen=True, eq=False)
class Light:
    """The Gamma law of the illumination: mean μ of the scene, shape κ(u) (R + 1,) of every region, the first where u is unknown."""

    shape: Tensor
    mean: float

    def energy(self, relative: Tensor, regions: Tensor) -> Tensor:
        """(N,) −log density of s/μ (N,) with respect to log s."""
        shape = self.shape[regions]
        return torch.lgamma(shape) - shape * (relative.log() - relative + shape.log())


def first_light(brightness: FloatArray, regions: IntArray, painted: int, device: torch.device) -> Light:
    """κ(u) by the moments of least squares: one for the scene, and its own for each of the first ``painted`` regions (shrunk)."""
    mean = float(brightness.mean())
    spread = float(((brightness - mean) ** 2).mean())
    square = np.full(int(regions.max(initial=0)) + 1, spread)
    for region in range(1, painted + 1):
        here = brightness[regions == region]
        square[region] = (((here - mean) ** 2).sum() + _LIGHT_PIXELS * spread) / (len(here) + _LIGHT_PIXELS)
    shape = np.clip(mean**2 / np.maximum(square, 1e-12), _LEAST_KAPPA, _MOST_KAPPA)
    return Light(torch.from_numpy(shape).to(device), mean)
