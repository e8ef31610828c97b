"""Mixing functions x = s·f(a, e) + ε as objects: value and closed-form Jacobian in the abundances a and in a pixel's own extra latents e.

Every mixing works in the coordinates of a subspace that holds its endmembers and whatever it adds to them, so that white noise outside the
subspace says nothing. Extra latents are standard normal a priori; a mixing maps them to what they mean (γ, b) by scene-level constants
that ``adapted`` learns from the posterior's moments. f at vertex k is endmember k, in every mixing without extra latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from typing import Protocol

import torch
from torch import Tensor

# Value (N, K), slope along the latents of the abundances (N, d, K), slope along the extra latents (N, E, K).
Parts = tuple[Tensor, Tensor, Tensor]


class Mixing(Protocol):
    """What inference asks of a mixing function. ``endmembers`` (P, K), ``extras`` E, ``parameters`` (T,) free numbers of the whole scene."""

    @property
    def endmembers(self) -> Tensor: ...

    @property
    def extras(self) -> int: ...

    @property
    def parameters(self) -> Tensor: ...

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        """(N, K) for abundances (N, P) and extra latents (N, E)."""
        ...

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        """Value, and slopes along ``tangent`` (N, P, d) = ∂a/∂z and along the extra latents."""
        ...

    def moved(self, endmembers: Tensor) -> Mixing:
        """The same with other endmembers (P, K)."""
        ...

    def adjusted(self, parameters: Tensor) -> Mixing:
        """The same with other scene parameters (T,)."""
        ...

    def adapted(self, mean: Tensor, second: Tensor) -> Mixing:
        """The M-step of the extra latents' law, from their posterior mean (E,) and second moment (E,) over the pixels."""
        ...


@dataclass(frozen=True, eq=False)
class LinearMixing:
    """f(a) = aM."""

    endmembers: Tensor

    @property
    def extras(self) -> int:
        return 0

    @property
    def parameters(self) -> Tensor:
        return self.endmembers.new_zeros(0)

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        return abundances @ self.endmembers

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        slope = torch.einsum("npd,pk->ndk", tangent, self.endmembers)
        return abundances @ self.endmembers, slope, slope[:, :0]

    def moved(self, endmembers: Tensor) -> LinearMixing:
        return LinearMixing(endmembers)

    def adjusted(self, parameters: Tensor) -> LinearMixing:
        return self

    def adapted(self, mean: Tensor, second: Tensor) -> LinearMixing:
        return self


@dataclass(frozen=True, eq=False)
class _Products:
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
    def parameters(self) -> Tensor:
        return self.endmembers.new_zeros(0)

    @property
    def extras(self) -> int:
        return 0

    @property
    def corners(self) -> Tensor:
        """(P, K) m, what mixes linearly before the products."""
        return self.endmembers

    def _coefficients(self, extras: Tensor) -> tuple[Tensor, Tensor]:
        """c (N, F) or (F,), and its slope (N, E, F) along the extra latents."""
        raise NotImplementedError

    def _together(self, abundances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """a_i a_j (N, F), and the indices i, j (F,)."""
        pairs = torch.tensor(self.pairs(len(self.endmembers)), device=abundances.device).reshape(-1, 2)
        first, second = pairs[:, 0], pairs[:, 1]
        return abundances[:, first] * abundances[:, second], first, second

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        weights = self._coefficients(extras)[0] * self._together(abundances)[0]
        return abundances @ self.corners + weights @ self.products

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        together, first, second = self._together(abundances)
        weights, slope_weights = self._coefficients(extras)
        value = abundances @ self.corners + (weights * together) @ self.products
        bend = tangent[:, first] * abundances[:, second, None] + tangent[:, second] * abundances[:, first, None]
        bend = (weights[..., None] * bend).transpose(1, 2)  # (N, d, F)
        slope = torch.einsum("npd,pk->ndk", tangent, self.corners) + bend @ self.products
        return value, slope, (slope_weights * together[:, None, :]) @ self.products

    def moved(self, endmembers: Tensor) -> _Products:
        return replace(self, endmembers=endmembers, products=products_of(endmembers, self.basis, self.pairs))

    def adjusted(self, parameters: Tensor) -> _Products:
        return self

    def adapted(self, mean: Tensor, second: Tensor) -> _Products:
        return self


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

    def _coefficients(self, extras: Tensor) -> tuple[Tensor, Tensor]:
        ones = self.endmembers.new_ones(len(self.products))
        return ones, ones.new_zeros(len(extras), 0, len(ones))


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

    def _coefficients(self, extras: Tensor) -> tuple[Tensor, Tensor]:
        strength = self.strengths(extras)
        return strength, torch.diag_embed(self.spread * strength * (1 - strength))

    def adapted(self, mean: Tensor, second: Tensor) -> BilinearMixing:
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

    def _coefficients(self, extras: Tensor) -> tuple[Tensor, Tensor]:
        twice = torch.tensor([1.0 if i == j else 2.0 for i, j in self.pairs(len(self.endmembers))]).to(extras)
        return self.strengths(extras) * twice, (self.spread * twice).expand(len(extras), 1, -1)

    def moved(self, endmembers: Tensor) -> PolynomialMixing:
        shown = endmembers @ self.basis
        spectra = 2 * shown / (1 + (1 + 4 * self.centre * shown).clamp_min(0).sqrt())
        linear = spectra @ self.basis.T
        products = products_of(linear, self.basis, self.pairs)
        return replace(self, endmembers=endmembers, linear=linear, products=products)

    def adapted(self, mean: Tensor, second: Tensor) -> PolynomialMixing:
        spread = self.spread * float((second - mean**2)[0].clamp(0.1, 10.0).sqrt())
        centre = min(max(self.centre + self.spread * float(mean[0]), -0.2), 0.8)
        return replace(self, centre=centre, spread=min(max(spread, 0.01), 0.5)).moved(self.endmembers)


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

    def split(self, extras: Tensor) -> tuple[Tensor, Tensor]:
        """The inner mixing's extra latents, and v (N, Q)."""
        return extras[:, : self.inner.extras], extras[:, self.inner.extras :]

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        inner, variation = self.split(extras)
        shifts = torch.einsum("np,qpk->nqk", abundances, self.directions)
        return self.inner.value(abundances, inner) + (variation[:, None, :] @ shifts)[:, 0]

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        inner, variation = self.split(extras)
        value, slope, slope_inner = self.inner.parts(abundances, inner, tangent)
        shifts = torch.einsum("np,qpk->nqk", abundances, self.directions)
        own = torch.einsum("nq,qpk->npk", variation, self.directions)  # what this pixel's endmembers differ by
        return (
            value + (variation[:, None, :] @ shifts)[:, 0],
            slope + tangent.transpose(1, 2) @ own,
            torch.cat([slope_inner, shifts], dim=1),
        )

    def moved(self, endmembers: Tensor) -> VariableMixing:
        return replace(self, inner=self.inner.moved(endmembers))

    def adjusted(self, parameters: Tensor) -> VariableMixing:
        return replace(self, inner=self.inner.adjusted(parameters))

    def adapted(self, mean: Tensor, second: Tensor) -> VariableMixing:
        count = self.inner.extras
        return replace(self, inner=self.inner.adapted(mean[:count], second[:count]))
