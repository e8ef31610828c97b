"""Mixing functions with one nonlinearity for the whole scene: a monotone curve (post-nonlinear), and a bounded network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_unmix.model.mixing.pixel import Parts

# Knots of the curve's slope, as shares of the brightest endmember value: denser where spectra are dark, where reflectance bends most.
KNOTS = (0.0, 0.08, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True, eq=False)
class Curve:
    """A smooth monotone g: R → R with g(0) = 0, the identity where all ``log_slopes`` (T,) are 0.

    Its slope runs straight between exp(log_slopes) at the ``knots`` (T,) and is constant outside: g is a quadratic spline, increasing and
    with a continuous slope whatever its parameters are.
    """

    knots: Tensor
    log_slopes: Tensor

    def both(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """g(y) and g'(y), of the shape of ``y``."""
        slopes = self.log_slopes.exp()
        widths = self.knots.diff()
        bends = slopes.diff() / widths
        heights = torch.cat([widths.new_zeros(1), (0.5 * (slopes[1:] + slopes[:-1]) * widths).cumsum(0)])
        inside = y.clamp(float(self.knots[0]), float(self.knots[-1]))
        piece = (torch.searchsorted(self.knots, inside.detach().contiguous(), right=True) - 1).clamp(0, len(widths) - 1)
        along = inside - self.knots[piece]
        slope = slopes[piece] + bends[piece] * along
        value = heights[piece] + (slopes[piece] + 0.5 * bends[piece] * along) * along
        return value + slope * (y - inside), slope

    def inverse(self, values: Tensor) -> Tensor:
        """y with g(y) = values, in closed form on every piece."""
        slopes = self.log_slopes.exp()
        widths = self.knots.diff()
        heights = torch.cat([widths.new_zeros(1), (0.5 * (slopes[1:] + slopes[:-1]) * widths).cumsum(0)])
        inside = values.clamp(float(heights[0]), float(heights[-1]))
        piece = (torch.searchsorted(heights, inside.contiguous(), right=True) - 1).clamp(0, len(widths) - 1)
        height, slope, bend = inside - heights[piece], slopes[piece], (slopes.diff() / widths)[piece]
        root = (slope**2 + 2 * bend * height).clamp_min(0).sqrt()
        y = self.knots[piece] + 2 * height / (slope + root)
        return y + (values - inside) / torch.where(values > inside, slopes[-1], slopes[0])


@dataclass(frozen=True, eq=False)
class CurveMixing:
    """Post-nonlinear mixing, one curve for the scene and every band value: f(a) = g(a g⁻¹(M)), so that f at vertex k is endmember k.

    ``endmembers`` (P, B) are spectra in all good bands, as they appear in the data; ``linear`` (P, B) are g⁻¹ of them.
    """

    endmembers: Tensor
    curve: Curve
    linear: Tensor

    @classmethod
    def of(cls, endmembers: Tensor) -> CurveMixing:
        """Start at the identity."""
        knots = torch.tensor(KNOTS).to(endmembers) * endmembers.max()
        return cls(endmembers, Curve(knots, torch.zeros_like(knots)), endmembers)

    @property
    def extras(self) -> int:
        return 0

    @property
    def parameters(self) -> Tensor:
        return self.curve.log_slopes

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        return self.curve.both(abundances @ self.linear)[0]

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        value, gain = self.curve.both(abundances @ self.linear)
        slope = gain[:, None, :] * torch.einsum("npd,pk->ndk", tangent, self.linear)
        return value, slope, slope[:, :0]

    def moved(self, endmembers: Tensor) -> CurveMixing:
        return replace(self, endmembers=endmembers, linear=self.curve.inverse(endmembers))

    def adjusted(self, parameters: Tensor) -> CurveMixing:
        curve = replace(self.curve, log_slopes=parameters)
        return replace(self, curve=curve, linear=curve.inverse(self.endmembers))

    def adapted(self, mean: Tensor, second: Tensor) -> CurveMixing:
        return self


@dataclass(frozen=True, eq=False)
class ResidualMixing:
    """f(a) = aM + r(a)·(1 − |a|²), r = bound·tanh(network): nothing at the vertices, and never more than ``bound`` times (1 − |a|²).

    ``weights`` are hidden (P, H), offset (H,), out (H, K), shift (K,) of one hidden layer of tanh.
    """

    endmembers: Tensor
    weights: tuple[Tensor, Tensor, Tensor, Tensor]
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
    def extras(self) -> int:
        return 0

    @property
    def parameters(self) -> Tensor:
        return self.endmembers.new_zeros(0)

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.weights)

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        hidden, offset, out, shift = self.weights
        bent = torch.tanh(torch.tanh(abundances @ hidden + offset) @ out + shift)
        fade = 1 - (abundances**2).sum(dim=1, keepdim=True)
        return abundances @ self.endmembers + self.bound * fade * bent

    def parts(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Parts:
        hidden, offset, out, shift = self.weights
        inner = torch.tanh(abundances @ hidden + offset)
        bent = torch.tanh(inner @ out + shift)
        fade = 1 - (abundances**2).sum(dim=1, keepdim=True)
        value = abundances @ self.endmembers + self.bound * fade * bent
        along = torch.einsum("npd,ph->ndh", tangent, hidden) * (1 - inner**2)[:, None, :]
        slope = (along @ out) * (1 - bent**2)[:, None, :] * fade[:, :, None]
        fading = -2 * torch.einsum("npd,np->nd", tangent, abundances)
        slope = slope + fading[:, :, None] * bent[:, None, :]
        slope = self.bound * slope + torch.einsum("npd,pk->ndk", tangent, self.endmembers)
        return value, slope, slope[:, :0]

    def moved(self, endmembers: Tensor) -> ResidualMixing:
        return replace(self, endmembers=endmembers)

    def adjusted(self, parameters: Tensor) -> ResidualMixing:
        return self

    def adapted(self, mean: Tensor, second: Tensor) -> ResidualMixing:
        return self
