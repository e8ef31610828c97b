"""The spread of abundances where mixing is linear and spectra do not vary: what ``spread`` computes, pixels last.

With L a root of the latents' covariance (C = LLᵀ), a step along its column d moves the log-ratios by V L_d. The same steps say what linearisation and
what cubature make of the spread, and softmax's slopes are needed nowhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_unmix.model.infer import Posterior
from napari_unmix.model.law import Model
from napari_unmix.model.small import factored, inverted, packed, places, times


def std_in_columns(posterior: Posterior, model: Model, endmember_error: Tensor | None) -> Tensor:
    """(N, P) as ``spread.abundance_std`` has it."""
    size, basis, latents = model.size, model.basis(), posterior.latents.T.contiguous()
    ratios = basis @ latents[:size]
    abundances = _softmax(ratios)
    covariance = inverted(factored(packed(posterior.hessian)))
    if endmember_error is not None:
        covariance += _of_endmembers(covariance, latents, abundances, model, endmember_error)
    root = factored(_leading(covariance, len(latents), size))
    linear, total, square = (torch.zeros_like(abundances) for _ in range(3))
    begin = 0
    for column in range(size):
        # 1. A step (P, n) of the log-ratios along the root, and what linearisation makes of it.
        step = basis[:, column:] @ root[begin : begin + size - column]
        begin += size - column
        slope = abundances * (step - (abundances * step).sum(dim=0))
        linear.addcmul_(slope, slope)
        # 2. Cubature's two points along it.
        step *= size**0.5
        for point in (_softmax(ratios + step), _softmax(ratios - step)):
            total += point
            square.addcmul_(point, point)
    mean, square = total / (2 * size), square / (2 * size)
    return torch.minimum(linear, (square - mean * mean).clamp_min_(0.0)).sqrt_().T.contiguous()


def _softmax(ratios: Tensor) -> Tensor:
    """(P, n) abundances of log-ratios (P, n)."""
    found = (ratios - ratios.amax(dim=0)).exp_()
    return found.div_(found.sum(dim=0))


def _leading(symmetric: Tensor, unknowns: int, size: int) -> Tensor:
    """The first ``size`` rows and columns of packed matrices of D ``unknowns`` (D (D + 1) / 2, n), packed: a copy."""
    pairs = zip(*places(unknowns), strict=True)
    return symmetric[[place for place, pair in enumerate(pairs) if max(pair) < size]]


def _of_endmembers(
    covariance: Tensor, latents: Tensor, abundances: Tensor, model: Model, endmember_error: Tensor
) -> Tensor:
    """Packed, what errors of the endmembers add to the covariance of the ``latents`` (D, n): ``spread.endmember_covariance``."""
    size, basis, endmembers = model.size, model.basis(), model.mixing.endmembers
    centred = endmembers - endmembers.mean(dim=0)
    brightness = latents[size].exp() if model.light is not None else 1.0
    amounts = brightness * abundances
    weight = (endmember_error**2) @ (amounts * amounts) / model.variance**2
    gram, pulled = centred @ centred.T, endmembers @ centred.T
    across, lit = gram @ abundances, pulled.T @ amounts
    rows, columns = places(len(latents))
    added = torch.zeros_like(covariance)
    for j in range(size + 1):
        # f's slopes with m_j − m̄: of softmax aV, and of the light.
        along = basis.T @ (amounts * (gram[:, j, None] - across[j]))
        if model.light is not None:
            along = torch.cat([along, lit[j, None]])
        reach = times(covariance, along)
        added += reach[rows] * reach[columns]
    return added.mul_(weight)
