"""Many small systems at once: what LAPACK says of each of them."""

from __future__ import annotations

import pytest
import torch

from napari_unmix.model.small import factored, half_log_determinants, inverted, packed, solved, unknowns, unpacked


def systems(size: int, count: int = 50) -> torch.Tensor:
    """(n, D, D) of condition up to 1e6."""
    generator = torch.Generator().manual_seed(size)
    root = torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    scale = torch.logspace(0, -3, size, dtype=torch.float64)
    return (root * scale) @ (root * scale).transpose(1, 2) + 1e-6 * torch.eye(size, dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_every_system_is_solved_as_lapack_solves_it(size: int) -> None:
    many = systems(size)
    factor = factored(packed(many))
    assert unknowns(len(factor)) == size
    right = torch.randn(size, len(many), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = solved(factor, right)
    torch.testing.assert_close((many @ found.T[..., None])[..., 0].T, right, rtol=1e-6, atol=1e-6)
    identity = torch.eye(size, dtype=torch.float64).expand_as(many)
    torch.testing.assert_close(many @ unpacked(inverted(factor)), identity, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(2 * half_log_determinants(factor), torch.logdet(many))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_packing_and_unpacking_change_nothing(size: int) -> None:
    many = systems(size)
    torch.testing.assert_close(unpacked(packed(many)), many, rtol=0, atol=0)
