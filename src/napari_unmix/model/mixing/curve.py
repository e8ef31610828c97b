"""Post-nonlinear mixing: one monotone curve for the whole scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from napari_unmix.model.mixing.base import Linearised, Plain

# Knots of the curve's slope, as shares of the brightest endmember value: denser where spectra are dark, where reflectance bends most.
KNOTS = (0.0, 0.08, 0.2, 0.4, 0.7, 1.0)


class CurvePoint(NamedTuple):
    """g(y) and g'(y), of the shape of y."""

    value: Tensor
    slope: Tensor


@dataclass(frozen=True, eq=False)
class Curve:
    """A smooth monotone g: R → R with g(0) = 0, the identity where all ``log_slopes`` (T,) are 0.

    Its slope runs straight between exp(log_slopes) at the ``knots`` (T,) and is constant outside: g is a quadratic spline, increasing and
    with a continuous slope whatever its parameters are.
    """

    knots: Tensor
    log_slopes: Tensor

    def at(self, y: Tensor) -> CurvePoint:
        """Of any shape."""
        slopes = self.log_slopes.exp()
        widths = self.knots.diff()
        bends = slopes.diff() / widths
        heights = torch.cat([widths.new_zeros(1), (0.5 * (slopes[1:] + slopes[:-1]) * widths).cumsum(0)])
        inside = y.clamp(float(self.knots[0]), float(self.knots[-1]))
        piece = (torch.searchsorted(self.knots, inside.detach().contiguous(), right=True) - 1).clamp(0, len(widths) - 1)
        along = inside - self.knots[piece]
        slope = slopes[piece] + bends[piece] * along
        value = heights[piece] + (slopes[piece] + 0.5 * bends[piece] * along) * along
        return CurvePoint(value + slope * (y - inside), slope)

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
class CurveMixing(Plain):
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
    def parameters(self) -> Tensor:
        return self.curve.log_slopes

    def value(self, abundances: Tensor, extras: Tensor) -> Tensor:
        return self.curve.at(abundances @ self.linear).value

    def linearised(self, abundances: Tensor, extras: Tensor, tangent: Tensor) -> Linearised:
        value, gain = self.curve.at(abundances @ self.linear)
        slope = gain[:, None, :] * torch.einsum("npd,pk->ndk", tangent, self.linear)
        return Linearised(value, slope, slope[:, :0])

    def with_endmembers(self, endmembers: Tensor) -> Self:
        return replace(self, endmembers=endmembers, linear=self.curve.inverse(endmembers))

    def with_parameters(self, parameters: Tensor) -> Self:
        curve = replace(self.curve, log_slopes=parameters)
        return replace(self, curve=curve, linear=curve.inverse(self.endmembers))
