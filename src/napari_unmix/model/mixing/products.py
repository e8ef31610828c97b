"""Mixing with products of endmembers: light that two materials scattered, one after the other (Fan, generalised bilinear, polynomial)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple, Self

import torch
from torch import Tensor

from napari_unmix.model.mixing.base import Linearised, Plain


class _Coefficients(NamedTuple):
    """c (N, F) or (F,), and its slope (N, E, F) along the extra latents."""

    value: Tensor
    slope: Tensor


class _Together(NamedTuple):
    """a_i a_j (N, F), and the indices i, j (F,)."""

    product: Tensor
    first: Tensor
    second: Tensor


@dataclass(frozen=True, eq=False)
class _Products(Plain):
    """f(a, e) = aM + Σ_(i,j) c_ij(e) a_i a_j m_i∘m_j over pairs of endmembers.

    ``endmembers`` (P, K) and ``products`` (F, K) in the coordinates of ``basis`` (K, B); the pairs follow from the class.
    """

    endmembers: Tensor
    products: Tensor
    basis: Tensor

    @staticmethod
    def pairs(size: int) -> list[tuple[int, int]]:
        """The pairs of endmembers whose products take part."""
        return list(combinations(range(size), 2))

    @property
    def corners(self) -> Tensor:
        """(P, K) m, what mixes linearly before the products."""
        return self.endmembers

    def _coefficients(self, extras: Tensor) -> _Coefficients:
        raise NotImplementedError

    def _together(self, abundances: Tensor) -> _Together:
        pairs = torch.tensor(self.pairs(len(self.endmembers)), device=abundances.device).reshape(-1, 2)
        first, second = pairs[:, 0], pairs[:, 1]
        return _Together(abundances[:, first] * abundances[:, second], first, second)

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        weights = self._coefficients(extras).value * self._together(abundances).product
        return abundances @ self.corners + weights @ self.products

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        together, first, second = self._together(abundances)
        weights, slope_weights = self._coefficients(extras)
        value = abundances @ self.corners + (weights * together) @ self.products
        along = tangent[:, first] * abundances[:, second, None] + tangent[:, second] * abundances[:, first, None]
        along = (weights[..., None] * along).transpose(1, 2)  # (N, d, F)
        slope = torch.einsum("npd,pk->ndk", tangent, self.corners) + along @ self.products
        return Linearised(value, slope, (slope_weights * together[:, None, :]) @ self.products)

    def with_endmembers(self, endmembers: Tensor) -> Self:
        return replace(self, endmembers=endmembers, products=products_of(endmembers, self.basis, self.pairs))


def products_of(endmembers: Tensor, basis: Tensor, pairs: Callable[[int], list[tuple[int, int]]]) -> Tensor:
    """(F, K) products m_i∘m_j of endmembers (P, K), both in the coordinates of ``basis`` (K, B)."""
    spectra = endmembers @ basis
    index = torch.tensor(pairs(len(endmembers)), device=basis.device).reshape(-1, 2)
    return (spectra[index[:, 0]] * spectra[index[:, 1]]) @ basis.T


@dataclass(frozen=True, eq=False)
class FanMixing(_Products):
    """Every pair of materials scatters fully: x = aM + Σ_{i<j} a_i a_j m_i∘m_j (Fan, Hu, Miller & Li 2009, eq. 5)."""

    @classmethod
    def of(cls, endmembers: Tensor, basis: Tensor) -> FanMixing:
        return cls(endmembers, products_of(endmembers, basis, cls.pairs), basis)

    def _coefficients(self, extras: Tensor) -> _Coefficients:
        ones = self.endmembers.new_ones(len(self.products))
        return _Coefficients(ones, ones.new_zeros(len(extras), 0, len(ones)))


# γ uniform on [0, 1] has this spread on the logit scale (π/√3).
_UNIFORM_LOGIT = 1.8


@dataclass(frozen=True, eq=False)
class BilinearMixing(_Products):
    """The generalised bilinear model: x = aM + Σ_{i<j} γ_ij a_i a_j m_i∘m_j, 0 ≤ γ_ij ≤ 1 of every pixel (Halimi et al. 2011, eq. 4).

    logit γ_ij = centre_ij + spread·e_ij: about uniform at the start, then learned.
    """

    centre: Tensor
    spread: float = _UNIFORM_LOGIT

    @classmethod
    def of(cls, endmembers: Tensor, basis: Tensor) -> BilinearMixing:
        products = products_of(endmembers, basis, cls.pairs)
        return cls(endmembers, products, basis, products.new_zeros(len(products)))

    @property
    def extras(self) -> int:
        return len(self.products)

    def strengths(self, extras: Tensor) -> Tensor:
        """(N, F) γ of extra latents (N, F)."""
        return torch.sigmoid(self.centre + self.spread * extras)

    def _coefficients(self, extras: Tensor) -> _Coefficients:
        strength = self.strengths(extras)
        return _Coefficients(strength, torch.diag_embed(self.spread * strength * (1 - strength)))

    def m_step(self, mean: Tensor, second: Tensor) -> Self:
        # One spread for all pairs; its bounds keep γ a fraction that varies.
        spread = self.spread * float((second - mean**2).mean().clamp(0.25, 4.0).sqrt())
        return replace(self, centre=(self.centre + self.spread * mean).clamp(-4, 4), spread=min(max(spread, 0.1), 3.0))


@dataclass(frozen=True, eq=False)
class PolynomialMixing(_Products):
    """The polynomial post-nonlinear model: x = y + b y∘y, y = aL, with a pixel's own b = centre + spread·e (Altmann et al. 2012, eq. 3).

    A pure pixel shows m = l + centre·l∘l: ``endmembers`` are these m, as they are found in the data, and ``linear`` (P, K) are l.
    """

    linear: Tensor
    centre: float = 0.0
    spread: float = 0.2

    @staticmethod
    def pairs(size: int) -> list[tuple[int, int]]:
        """All pairs and squares."""
        return list(combinations_with_replacement(range(size), 2))

    @classmethod
    def of(cls, endmembers: Tensor, basis: Tensor) -> PolynomialMixing:
        return cls(endmembers, products_of(endmembers, basis, cls.pairs), basis, endmembers)

    @property
    def corners(self) -> Tensor:
        """(P, K) l."""
        return self.linear

    @property
    def extras(self) -> int:
        return 1

    def strengths(self, extras: Tensor) -> Tensor:
        """(N, 1) b of extra latents (N, 1)."""
        return self.centre + self.spread * extras

    def _coefficients(self, extras: Tensor) -> _Coefficients:
        twice = torch.tensor([1.0 if i == j else 2.0 for i, j in self.pairs(len(self.endmembers))]).to(extras)
        return _Coefficients(self.strengths(extras) * twice, (self.spread * twice).expand(len(extras), 1, -1))

    def with_endmembers(self, endmembers: Tensor) -> Self:
        shown = endmembers @ self.basis
        spectra = 2 * shown / (1 + (1 + 4 * self.centre * shown).clamp_min(0).sqrt())
        linear = spectra @ self.basis.T
        products = products_of(linear, self.basis, self.pairs)
        return replace(self, endmembers=endmembers, linear=linear, products=products)

    def m_step(self, mean: Tensor, second: Tensor) -> Self:
        spread = self.spread * float((second - mean**2)[0].clamp(0.1, 10.0).sqrt())
        centre = min(max(self.centre + self.spread * float(mean[0]), -0.2), 0.8)
        return replace(self, centre=centre, spread=min(max(spread, 0.01), 0.5)).with_endmembers(self.endmembers)
