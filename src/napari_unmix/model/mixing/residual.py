"""Linear mixing and a bounded network that adds what it must (theory M4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from napari_unmix.model.mixing.base import Linearised, Plain

# Hidden (P, H), offset (H,), out (H, K), shift (K,) of one hidden layer of tanh.
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class ResidualMixing(Plain):
    """f(a) = aM + r(a)·(1 − |a|²), r = bound·tanh(network): nothing at the vertices, and never more than ``bound`` times (1 − |a|²).

    ``weights`` are hidden (P, H), offset (H,), out (H, K), shift (K,) of one hidden layer of tanh.
    """

    endmembers: Tensor
    weights: Weights
    bound: float

    @classmethod
    def of(cls, endmembers: Tensor, *, width: int, bound: float, seed: int) -> ResidualMixing:
        """Start at linear mixing: the last layer is zero."""
        generator = torch.Generator().manual_seed(seed)
        size, bands = endmembers.shape
        hidden = torch.randn(size, width, generator=generator, dtype=endmembers.dtype).to(endmembers) * 2.0
        offset = torch.randn(width, generator=generator, dtype=endmembers.dtype).to(endmembers)
        zeros = endmembers.new_zeros(width, bands)
        return cls(endmembers, (hidden, offset, zeros, zeros[0].clone()), bound)

    @property
    def weight_count(self) -> int:
        return sum(weight.numel() for weight in self.weights)

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        hidden, offset, out, shift = self.weights
        added = torch.tanh(torch.tanh(abundances @ hidden + offset) @ out + shift)
        fade = 1 - (abundances**2).sum(dim=1, keepdim=True)
        return abundances @ self.endmembers + self.bound * fade * added

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        hidden, offset, out, shift = self.weights
        inner = torch.tanh(abundances @ hidden + offset)
        added = torch.tanh(inner @ out + shift)
        fade = 1 - (abundances**2).sum(dim=1, keepdim=True)
        value = abundances @ self.endmembers + self.bound * fade * added
        along = torch.einsum("npd,ph->ndh", tangent, hidden) * (1 - inner**2)[:, None, :]
        slope = (along @ out) * (1 - added**2)[:, None, :] * fade[:, :, None]
        fading = -2 * torch.einsum("npd,np->nd", tangent, abundances)
        slope = slope + fading[:, :, None] * added[:, None, :]
        slope = self.bound * slope + torch.einsum("npd,pk->ndk", tangent, self.endmembers)
        return Linearised(value, slope, slope[:, :0])

    def with_endmembers(self, endmembers: Tensor) -> Self:
        return replace(self, endmembers=endmembers)
