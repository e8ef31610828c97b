"""The product of a full normal likelihood and a diagonal prior, against torch's own laws."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from napari_unmix.nonlinear.posterior import combined


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_posterior_is_the_product_of_both_laws(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    mean, centre, drawn = (torch.randn(2, 6, size, generator=generator, dtype=torch.float64) for _ in range(3))
    precision = torch.rand(2, 6, size, generator=generator, dtype=torch.float64) + 0.2
    entries = torch.randn(2, 6, size * (size + 1) // 2, generator=generator, dtype=torch.float64)
    lower = torch.zeros(2, 6, size, size, dtype=torch.float64)
    rows, columns = torch.tril_indices(size, size)
    lower[:, :, rows, columns] = entries
    likelihood = lower @ lower.mT
    together = likelihood + torch.diag_embed(precision)
    pulled = (likelihood @ mean[..., None])[..., 0] + precision * centre
    expected = torch.linalg.solve(together, pulled[..., None])[..., 0]

    found = combined(mean, entries, centre, precision)
    torch.testing.assert_close(found.at(torch.zeros_like(drawn)), expected)
    laws = (
        MultivariateNormal(expected, precision_matrix=together),
        MultivariateNormal(centre, precision_matrix=torch.diag_embed(precision)),
    )
    torch.testing.assert_close(found.divergence, kl_divergence(*laws))
    away = found.at(drawn) - expected  # its precision-weighted length is that of the standard normal draw
    torch.testing.assert_close(torch.einsum("sni,snij,snj->sn", away, together, away), drawn.square().sum(dim=2))
