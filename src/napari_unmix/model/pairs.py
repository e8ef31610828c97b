"""How far spectra of one material differ, learned from pairs of neighbours (theory: "Variability from pairs"; von Kügelgen et al. 2021).

Two neighbours share their composition a, nearly, and differ in what their materials happen to look like: with d = x₁ − x₂ − (a₁ − a₂)M,
E[d dᵀ | a] = Σ_k (a₁k² + a₂k²) Σ_k + 2σ²I, linear in the Σ_k. No pure pixel is needed: only pairs of different compositions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.rows.subspace import Subspace

# Pairs count whose abundances differ by no more than this in sum: beyond, an edge is between them (HySU's targets: areas are off by a third without).
ALIKE = 0.3
# Least squares of squares: each pair counts by the square that is expected of it, which the estimate before gives.
_REWEIGHTED = 2
# How far log-ratios of neighbours' abundances differ beyond what is smooth, variance: a pair counts by the less, the more its composition may
# differ. With 0.006, 0.02 and 0.06 errors are alike within a tenth on average (decision 0027).
_COMPOSITION = 0.02
# A material that the pairs hold fewer of than this (Σ of squared abundances) borrows from the scene what it lacks.
_OWN = 50.0
# Directions beside the endmembers': with all that there are, inference takes twice as long and gains less than a tenth.
MOST_TELLING = 12


@dataclass(frozen=True, eq=False)
class PairedSpectra:
    """n pairs: the ``differences`` (n, B) of their spectra, and of each the mean of its two pixels' squared abundances ``squares`` (n, P)."""

    differences: FloatArray
    squares: FloatArray


def alike_pairs(abundances: FloatArray, pairs: IntArray, most: float = ALIKE) -> IntArray:
    """(m, 2) the ``pairs`` (n, 2) of pixels whose abundances (N, P) differ by at most ``most`` in sum."""
    first, second = abundances[pairs[:, 0]], abundances[pairs[:, 1]]
    return np.asarray(pairs[np.abs(first - second).sum(axis=1) <= most])


def paired(
    spectra: FloatArray, abundances: FloatArray, pairs: IntArray, endmembers: FloatArray, smooth: FloatArray
) -> PairedSpectra:
    """The pairs (n, 2) of (N, B) spectra of even light, less the change of composition that their abundances (N, P) and ``smooth`` ones agree on.

    A pixel's own abundances alone would take off what its materials vary by as well, along the simplex; means over many pixels alone would make a
    change beside every edge.
    """
    first, second = pairs.T
    own, broad = abundances[first] - abundances[second], smooth[first] - smooth[second]
    change = np.where(own * broad > 0, np.sign(own) * np.minimum(np.abs(own), np.abs(broad)), 0.0)
    differences = spectra[first] - spectra[second] - change @ endmembers
    return PairedSpectra(differences, (abundances[first] ** 2 + abundances[second] ** 2) / 2)


def covariances_from_pairs(pairs: PairedSpectra, variance: float, endmembers: FloatArray) -> FloatArray:
    """(P, B, B) covariance of each material's spectrum at amount one, by regression of d dᵀ/2 on the squared abundances; σ² ``variance``.

    A pair counts by the inverse square of what is expected of it, by noise, variability, and what its composition may differ by: else a bright
    material's spread would be taken for a dark one's, and composition for spread. A material with little of its own borrows the scene's spread,
    relative to its own brightness.
    """
    found = _regressed(pairs, variance, np.ones(len(pairs.squares)))
    bands = pairs.differences.shape[1]
    composed = _composition(pairs.squares, endmembers)
    for _ in range(_REWEIGHTED):
        expected = pairs.squares @ np.trace(found, axis1=1, axis2=2) + variance * bands + composed
        # In units of the largest: what noise alone is expected of would weigh beyond measure.
        found = _regressed(pairs, variance, (expected / expected.max()) ** -2.0)
    return _borrowed(found, pairs.squares.sum(axis=0), endmembers)


def _composition(squares: FloatArray, endmembers: FloatArray) -> FloatArray:
    """(n,) squared norm of what compositions that differ by ``_COMPOSITION`` in log-ratios change: Σ_k a_k²(1 − a_k)²|m_k|², none in a pure pixel."""
    rest = 1 - np.sqrt(squares).clip(max=1.0)
    return np.asarray(_COMPOSITION * (squares * rest**2) @ (endmembers**2).sum(axis=1))


def _regressed(pairs: PairedSpectra, variance: float, weights: FloatArray) -> FloatArray:
    """Weighted least squares for all Σ_k at once, each projected to what is no negative covariance."""
    squares, differences = pairs.squares, pairs.differences
    weighted = squares * weights[:, None]
    normal = weighted.T @ squares
    noise = variance * np.eye(differences.shape[1])
    moments = np.stack(
        [(differences * weight[:, None]).T @ differences / 2 - weight.sum() * noise for weight in weighted.T]
    )
    ridge = 1e-6 * np.trace(normal) / len(normal) * np.eye(len(normal))
    return np.array([_positive(each) for each in np.tensordot(np.linalg.inv(normal + ridge), moments, axes=1)])


def _positive(matrix: FloatArray) -> FloatArray:
    """The nearest symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)


def _borrowed(covariances: FloatArray, amounts: FloatArray, endmembers: FloatArray) -> FloatArray:
    """(P, B, B) shrunk towards the mean of all, relative to brightness, by what a material lacks of ``_OWN``."""
    power = np.maximum((endmembers**2).sum(axis=1), 1e-300)
    share = own_share(amounts)
    pooled = np.einsum("k,kij->ij", amounts / max(float(amounts.sum()), 1e-300) / power, covariances)
    return np.asarray(share[:, None, None] * covariances + ((1 - share) * power)[:, None, None] * pooled)


def beside_light(covariances: FloatArray, endmembers: FloatArray) -> FloatArray:
    """(P, B, B) what is left of covariances where brightness is free: nothing along each material's own endmember (P, B).

    A gain that a pixel's materials share is light, and the gain of a single one does not show on its pure pixels (theory: "Free light"): what
    pairs have there is what the estimated light left of it, and composition.
    """
    unit = endmembers / np.maximum(np.linalg.norm(endmembers, axis=1, keepdims=True), 1e-300)
    across = np.eye(endmembers.shape[1]) - unit[:, :, None] * unit[:, None, :]  # (P, B, B) projections
    return np.asarray(across @ covariances @ across)


def own_share(amounts: FloatArray) -> FloatArray:
    """(P,) how much of a material's covariance is its own, for the sums of its squared abundances over the pairs (P,); the rest is borrowed."""
    return np.asarray(np.minimum(amounts / _OWN, 1.0))


def telling_subspace(endmembers: FloatArray, covariances: FloatArray, variance: float) -> Subspace:
    """The endmembers' linear span, and the directions that tell abundances apart where spectra vary by (P, B, B) and σ² ``variance``.

    In a pure pixel of material k generalised least squares reads (m_j − m_k)C_k⁻¹x, C_k = Σ_k + σ²I, for all j ≠ k: P(P − 1) directions,
    the leading ``MOST_TELLING`` of them. The directions in which spectra vary most are those that tell least.
    """
    own = np.linalg.qr(endmembers.T)[0]
    identity = variance * np.eye(endmembers.shape[1])
    telling = np.concatenate(
        [
            np.linalg.solve(covariance + identity, np.delete(endmembers - endmembers[k], k, axis=0).T).T
            for k, covariance in enumerate(covariances)
        ]
    )
    telling /= np.maximum(np.linalg.norm(telling, axis=1, keepdims=True), 1e-300)
    beyond = telling - (telling @ own) @ own.T
    values, vectors = np.linalg.svd(beyond, full_matrices=False)[1:]
    kept = vectors[:MOST_TELLING][values[:MOST_TELLING] > 1e-6]
    return Subspace(np.zeros(endmembers.shape[1]), np.vstack([own.T, kept]))
