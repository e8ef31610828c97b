"""Does a global bilinear term explain what the linear model leaves? (Used as a test, not as a model.)"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import linear_subspace


def bilinear_residual(spectra: FloatArray, endmembers: FloatArray, iterations: int = 25) -> float:
    """Sum of squared residuals per pixel of x = aM + Σ γ_ij a_i a_j m_i∘m_j with one 0 ≤ γ_ij ≤ 1 per pair (GBM, Halimi et al. 2011).

    Alternates exact abundances with a ridge least squares of γ, in the subspace that holds data, endmembers and products.
    """
    pairs = list(combinations(range(len(endmembers)), 2))
    products = np.array([endmembers[i] * endmembers[j] for i, j in pairs])
    data_basis = linear_subspace(spectra, min(len(endmembers) + 6, spectra.shape[1])).basis
    basis = np.linalg.qr(np.vstack([endmembers, products, data_basis]).T)[0]
    data, corners, bends = spectra @ basis, endmembers @ basis, products @ basis
    outside = float((spectra**2).sum() - (data**2).sum())
    strength, bend = np.zeros(len(pairs)), np.zeros_like(data)
    gram = bends @ bends.T
    first, second = np.array(pairs).T
    best = np.inf
    for iteration in range(iterations):
        abundances = fully_constrained(data - bend, corners)
        each = np.ascontiguousarray(abundances.T)
        together = each[first] * each[second]  # (pairs, N)
        residual = data - abundances @ corners
        normal = (together @ together.T) * gram
        normal += 1e-9 * np.trace(normal) * np.eye(len(pairs)) + 1e-300 * np.eye(len(pairs))
        fitted = np.clip(np.linalg.solve(normal, np.einsum("pn,pn->p", together, bends @ residual.T)), 0.0, 1.0)
        # Over-relaxed: the plain alternation creeps along the valley between abundances and γ.
        strength = np.clip(fitted + (0.7 if iteration > 1 else 0.0) * (fitted - strength), 0.0, 1.0)
        bend = together.T @ (strength[:, None] * bends)
        best = min(best, float(((residual - bend) ** 2).sum()) + outside)
    return best / len(spectra)
