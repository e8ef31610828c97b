"""Sparse non-negative unmixing: few of many endmembers in each pixel, at a price for every amount (SUnSAL's problem, solved exactly).

    min  ½ |x - gM|² + λ m Σ g,   g ≥ 0

with m the mean square of the endmembers' values, so that λ means the same in any units (Bioucas-Dias & Figueiredo, WHISPERS 2010, problem
CSR). Where amounts are not negative the price is linear, so that it only lowers the correlations of the pixels with the endmembers: what
is left is non-negative least squares, whose optimum ``pivoting`` finds exactly, where the paper's alternating directions come near it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.quadratic import quadratic_of
from napari_unmix.rows.simplex import solved


def price_of(endmembers: FloatArray, sparsity: float) -> float:
    """What an amount of one costs in the units of half the squared residual: λ times the mean square of (P, B) endmembers."""
    return sparsity * float(np.mean(np.square(endmembers)))


def sparse_amounts(spectra: FloatArray, endmembers: FloatArray, sparsity: float) -> FloatArray:
    """(N, P) non-negative amounts of (N, B) spectra of (P, B) endmembers; ``sparsity`` λ = 0 is non-negative least squares."""
    endmembers = np.asarray(endmembers, dtype=np.float64)
    plain = quadratic_of(endmembers, sum_to_one=False)
    priced = replace(plain, offset=plain.offset - price_of(endmembers, sparsity) * plain.unit)
    return solved(priced, len(spectra), lambda rows: priced.correlations(spectra[rows]))
