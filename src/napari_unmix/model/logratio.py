"""Isometric log-ratio coordinates of the simplex (Egozcue et al. 2003), in which inference works.

z = Vᵀ log a ∈ R^{P−1}, a = softmax(V z), V (P, P−1) Helmert's orthonormal basis (theory: "Coordinates, inference, noise").
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


@lru_cache(maxsize=64)
def helmert(size: int, *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
    """(P, P−1) orthonormal columns that sum to zero; one tensor for all callers, not to be written to."""
    from scipy.linalg import helmert as rows  # scipy is loaded where it is used

    return torch.from_numpy(np.ascontiguousarray(rows(size).T)).to(dtype=dtype, device=device)


def basis_of(values: Tensor, size: int) -> Tensor:
    """(P, P−1) Helmert's basis for P = ``size`` materials, where and as precise as ``values``."""
    return helmert(size, dtype=values.dtype, device=values.device)


def softmax_slope(abundances: Tensor, basis: Tensor) -> Tensor:
    """(N, P, P−1) derivative of a with respect to z: C V with C = diag a − aaᵀ."""
    return abundances[:, :, None] * (basis - (abundances @ basis)[:, None, :])
