"""Endmembers that vary from pixel to pixel, over any other mixing (theory M5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from napari_unmix.model.mixing.base import Linearised, Mixing


class _Latents(NamedTuple):
    """The inner mixing's extra latents, and ``variation`` v (N, Q)."""

    inner: Tensor
    variation: Tensor


@dataclass(frozen=True, eq=False)
class VariableMixing:
    """Endmembers that vary from pixel to pixel: x = f(a) + Σ_q v_q aD_q, v ~ N(0, I_Q) (the idea of PGMSU, Shi et al. 2022, kept linear).

    ``inner`` f, ``directions`` (Q, P, K). The last Q extra latents are v.
    """

    inner: Mixing
    directions: Tensor

    @property
    def endmembers(self) -> Tensor:
        return self.inner.endmembers

    @property
    def extras(self) -> int:
        return self.inner.extras + len(self.directions)

    @property
    def parameters(self) -> Tensor:
        return self.inner.parameters

    @property
    def weight_count(self) -> int:
        return self.inner.weight_count

    def split(self, extras: Tensor) -> _Latents:
        """Extra latents (N, E) by whose they are."""
        return _Latents(extras[:, : self.inner.extras], extras[:, self.inner.extras :])

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        inner, variation = self.split(extras)
        shifts = torch.einsum("np,qpk->nqk", abundances, self.directions)
        return self.inner.value(abundances, inner) + (variation[:, None, :] @ shifts)[:, 0]

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        inner, variation = self.split(extras)
        value, slope, slope_inner = self.inner.linearised(abundances, inner, tangent)
        shifts = torch.einsum("np,qpk->nqk", abundances, self.directions)
        own = torch.einsum("nq,qpk->npk", variation, self.directions)  # what this pixel's endmembers differ by
        return Linearised(
            value + (variation[:, None, :] @ shifts)[:, 0],
            slope + tangent.transpose(1, 2) @ own,
            torch.cat([slope_inner, shifts], dim=1),
        )

    def with_endmembers(self, endmembers: Tensor) -> Self:
        return replace(self, inner=self.inner.with_endmembers(endmembers))

    def with_parameters(self, parameters: Tensor) -> Self:
        return replace(self, inner=self.inner.with_parameters(parameters))

    def m_step(self, mean: Tensor, second: Tensor) -> Self:
        count = self.inner.extras
        return replace(self, inner=self.inner.m_step(mean[:count], second[:count]))
