"""Mixing functions x = s·f(a, e) + ε as objects: value and closed-form Jacobian in the abundances a and in a pixel's own extra latents e.

Every mixing works in the coordinates of a subspace that holds its endmembers and whatever it adds to them, so that white noise outside the
subspace says nothing. Extra latents are standard normal a priori; a mixing maps them to what they mean (γ, b) by scene-level constants
that its M-step learns from the posterior's moments. f at vertex k is endmember k, in every mixing without extra latents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor


class Linearised(NamedTuple):
    """f at N points: ``value`` (N, K), ``slope`` (N, d, K) along the latents of the abundances, ``slope_extra`` (N, E, K) along the extra latents."""

    value: Tensor
    slope: Tensor
    slope_extra: Tensor


class Mixing(Protocol):
    """What inference asks of a mixing function."""

    @property
    def endmembers(self) -> Tensor:
        """(P, K), as a pure pixel shows them."""
        ...

    @property
    def extras(self) -> int:
        """E, latents of a pixel beside its abundances."""
        ...

    @property
    def parameters(self) -> Tensor:
        """(T,) free numbers of the whole scene, standard normal and smooth a priori."""
        ...

    @property
    def weight_count(self) -> int:
        """Numbers that are trained freely, which the evidence pays for (BIC)."""
        ...

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        """(N, K) for abundances (N, P) and extra latents (N, E)."""
        ...

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        """Value, and slopes along ``tangent`` (N, P, d) = ∂a/∂z and along the extra latents."""
        ...

    def with_endmembers(self, endmembers: Tensor) -> Self:
        """The same with other endmembers (P, K)."""
        ...

    def with_parameters(self, parameters: Tensor) -> Self:
        """The same with other scene parameters (T,)."""
        ...

    def m_step(self, mean: Tensor, second: Tensor) -> Self:
        """The extra latents' law from their posterior mean (E,) and second moment (E,) over the pixels."""
        ...


class Plain:
    """What most mixings have in common: no latents, no scene parameters and no trained weights beside their endmembers."""

    endmembers: Tensor

    @property
    def extras(self) -> int:
        return 0

    @property
    def parameters(self) -> Tensor:
        return self.endmembers.new_zeros(0)

    @property
    def weight_count(self) -> int:
        return 0

    def with_parameters(self, parameters: Tensor) -> Self:
        return self

    def m_step(self, mean: Tensor, second: Tensor) -> Self:
        return self


@dataclass(frozen=True, eq=False)
class LinearMixing(Plain):
    """f(a) = aM."""

    endmembers: Tensor

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        return abundances @ self.endmembers

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        slope = torch.einsum("npd,pk->ndk", tangent, self.endmembers)
        return Linearised(abundances @ self.endmembers, slope, slope[:, :0])

    def with_endmembers(self, endmembers: Tensor) -> Self:
        return replace(self, endmembers=endmembers)
