"""The product of a normal likelihood with a full covariance and a normal prior of independent components, for many rows at once.

Matrices are of the latents, two to five: they are taken entry by entry over all rows, because LAPACK takes such matrices one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# An entry of a matrix for all starts and rows, (S, N).
Entries = list[list[Tensor]]


@dataclass(frozen=True, eq=False)
class Posterior:
    """N(mean, W ᵀW) with W lower triangular, ``half`` = W · (precision · mean), and ``divergence`` (S, N) from the prior in nats."""

    root: Entries
    half: list[Tensor]
    divergence: Tensor

    def at(self, drawn: Tensor) -> Tensor:
        """(S, N, n) the mean plus the spread times a standard normal draw; at zero, the mean."""
        moved = [half + own for half, own in zip(self.half, drawn.unbind(dim=2), strict=True)]
        return torch.stack(_transposed(self.root, moved), dim=2)


def combined(mean: Tensor, triangle: Tensor, centre: Tensor, precision: Tensor) -> Posterior:
    """N(z; mean, Λ⁻¹) · N(z; centre, diag(precision)⁻¹), Λ = L Lᵀ of the lower ``triangle`` (S, N, n(n + 1)/2); all others are (S, N, n)."""
    means, centres, precisions = (part.unbind(dim=2) for part in (mean, centre, precision))
    size = len(means)
    entries = iter(triangle.unbind(dim=2))
    lower = [[next(entries) for _ in range(row + 1)] for row in range(size)]
    # 1. The sum of both precisions, of which only the lower triangle is used, and what the two laws pull towards.
    within = _transposed(lower, list(means))
    sums = [[_product(lower[i][: j + 1], lower[j]) for j in range(i + 1)] for i in range(size)]
    for i in range(size):
        sums[i][i] = sums[i][i] + precisions[i]
    pulled = [_product(lower[i], within[: i + 1]) + precisions[i] * centres[i] for i in range(size)]
    # 2. The inverse of its root.
    root = _inverse(_root(sums))
    half = [_product(root[i], pulled[: i + 1]) for i in range(size)]
    # 3. The divergence of the product from the prior.
    found = _transposed(root, half)
    divergence = torch.zeros_like(found[0])
    for i in range(size):
        spread = _product([root[k][i] for k in range(i, size)], [root[k][i] for k in range(i, size)])
        apart = precisions[i] * (spread + (found[i] - centres[i]).square()) - 1 - precisions[i].log()
        divergence = divergence + 0.5 * apart - root[i][i].log()
    return Posterior(root, half, divergence)


def _product(first: list[Tensor], second: list[Tensor]) -> Tensor:
    total = first[0] * second[0]
    for one, other in zip(first[1:], second[1:], strict=True):
        total = torch.addcmul(total, one, other)
    return total


def _transposed(lower: Entries, vector: list[Tensor]) -> list[Tensor]:
    """The transpose of a lower triangle times a vector."""
    size = len(vector)
    return [_product([lower[k][i] for k in range(i, size)], vector[i:]) for i in range(size)]


def _root(matrix: Entries) -> Entries:
    """The lower Cholesky root."""
    root: Entries = []
    for i, row in enumerate(matrix):
        made: list[Tensor] = []
        for j in range(i + 1):
            above = made if j == i else root[j]
            left = row[j] if j == 0 else row[j] - _product(made[:j], above[:j])
            made.append(left.clamp_min(1e-12).sqrt() if j == i else left / root[j][j])
        root.append(made)
    return root


def _inverse(root: Entries) -> Entries:
    """The inverse of a lower triangle, a lower triangle too."""
    inverse: Entries = []
    for i, row in enumerate(root):
        scale = row[i].reciprocal()
        made = [-scale * _product(row[j:i], [inverse[k][j] for k in range(j, i)]) for j in range(i)]
        inverse.append([*made, scale])
    return inverse
