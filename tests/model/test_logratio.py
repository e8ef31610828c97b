"""Log-ratio coordinates: an orthonormal basis of what sums to zero, and the softmax's slope."""

from __future__ import annotations

import pytest
import torch

from napari_unmix.model.logratio import helmert, softmax_slope


@pytest.mark.parametrize("size", [2, 3, 7])
def test_helmert_columns_are_orthonormal_and_sum_to_zero(size: int) -> None:
    basis = helmert(size)
    assert basis.shape == (size, size - 1)
    torch.testing.assert_close(basis.T @ basis, torch.eye(size - 1, dtype=torch.float64))
    torch.testing.assert_close(basis.sum(dim=0), torch.zeros(size - 1, dtype=torch.float64))


def test_the_first_material_of_two_grows_with_z() -> None:
    """The order and the signs are Helmert's own: what is saved is read back as it was."""
    torch.testing.assert_close(helmert(2), torch.tensor([[1.0], [-1.0]], dtype=torch.float64) / 2**0.5)
    assert helmert(3, dtype=torch.float32).dtype == torch.float32


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_slope_of_abundances_equals_autograd(size: int) -> None:
    basis = helmert(size)
    z = torch.randn(4, size - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    slope = softmax_slope(torch.softmax(z @ basis.T, dim=1), basis)
    for pixel in range(4):
        exact = torch.autograd.functional.jacobian(lambda z: torch.softmax(basis @ z, 0), z[pixel])  # type: ignore[no-untyped-call]
        torch.testing.assert_close(slope[pixel], exact)
