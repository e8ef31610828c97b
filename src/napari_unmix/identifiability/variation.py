"""How the spectra of a result's materials vary from pixel to pixel, as the fit found it: what twins draw, and what χ expects beside noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray

# The names under which a fit saves it.
SAVED_AS, SAVED_REST = "variation.factors", "variation.rest"
_CHUNK = 5_000
# Distances in pixels at which residuals are compared, and where what varies is no longer called alike.
_DISTANCES, _ALIKE = (1, 2, 4, 8, 16, 32), 0.5
_LARGEST_PATCH = 64


@dataclass(frozen=True, eq=False)
class Variation:
    """The spectrum of material k at amount one is m_k + Σ_r ξ_r L_kr + √ρ_k η, ξ and η (B,) standard normal, anew from patch to patch.

    ``factors`` L (P, R, B), ``rest`` ρ (P,): what a band varies by beyond them.
    """

    factors: FloatArray
    rest: FloatArray

    @cached_property
    def span(self) -> FloatArray:
        """(K, B) orthonormal: beyond it spectra do not vary."""
        stacked = self.factors.reshape(-1, self.factors.shape[2])
        values, vectors = np.linalg.svd(stacked, full_matrices=False)[1:]
        return np.asarray(vectors[values > 1e-6 * max(float(values[0]), 1e-300)])

    def covariances(self, amounts: FloatArray, basis: FloatArray) -> FloatArray:
        """(N, K, K) of pixels with these amounts (N, P), in the coordinates of an orthonormal ``basis`` (K, B)."""
        inside = self.factors @ basis.T
        rest = (amounts**2 @ self.rest)[:, None, None] * np.eye(len(basis))
        return np.asarray(np.tensordot(amounts**2, inside.transpose(0, 2, 1) @ inside, axes=1) + rest)

    def whitened(self, residual: FloatArray, amounts: FloatArray, noise: float) -> FloatArray:
        """(N, B) residuals that are standard normal where noise of this level and the materials' variability are all there is in them."""
        scores = residual @ self.span.T
        beyond = np.sqrt(noise**2 + amounts**2 @ self.rest)
        white = (residual - scores @ self.span) / beyond[:, None]
        for start in range(0, len(scores), _CHUNK):
            rows = slice(start, start + _CHUNK)
            total = self.covariances(amounts[rows], self.span) + noise**2 * np.eye(len(self.span))
            root = np.linalg.cholesky(total)
            white[rows] += np.linalg.solve(root, scores[rows, :, None])[:, :, 0] @ self.span
        return np.asarray(white)

    def variances(self, direction: FloatArray, amounts: FloatArray) -> FloatArray:
        """(N,) variance of what materials of these amounts (N, P) vary by along ``direction`` (B,)."""
        each = ((self.factors @ direction) ** 2).sum(axis=1) + self.rest * (direction @ direction)
        return np.asarray(amounts**2 @ each)

    def drawn(self, amounts: FloatArray, patches: IntArray, generator: np.random.Generator) -> FloatArray:
        """(N, B) what varies, drawn: pixels of one of the ``patches`` (N,), numbered from 0, have the same spectra."""
        count, rank, bands = self.factors.shape
        found: FloatArray = np.zeros((len(amounts), bands))
        for material in range(count):
            patch = int(patches.max()) + 1
            each = generator.normal(size=(patch, rank)) @ self.factors[material]
            if self.rest[material] > 0:
                each += np.sqrt(self.rest[material]) * generator.normal(size=(patch, bands))
            found += amounts[:, material, None] * each[patches]
        return found


def variation_of(model: Mapping[str, FloatArray], endmembers: FloatArray) -> Variation | None:
    """What the fit that saved ``model`` found, in the units in which the (P, B) ``endmembers`` are shown; None where it found none of these."""
    factors, fitted = model.get(SAVED_AS), model.get("endmembers")
    if factors is None or fitted is None or factors.ndim != 3:
        return None
    if not factors.shape[::2] == fitted.shape == endmembers.shape:
        return None
    lengths = np.linalg.norm(fitted, axis=1)
    scale = np.where(lengths > 0, np.linalg.norm(endmembers, axis=1) / np.maximum(lengths, 1e-300), 1.0)
    rest = np.asarray(model.get(SAVED_REST, np.zeros(len(fitted))), dtype=np.float64)
    return Variation(factors.astype(np.float64) * scale[:, None, None], rest * scale**2)


def patch_side(variation: Variation, residual: FloatArray, amounts: FloatArray, valid: BoolArray, noise: float) -> int:
    """Side in pixels of square patches in which spectra vary together as in the scene: from residuals (N, B) of the ``valid`` pixels (H, W).

    Two pixels of amounts g and h that share their materials' spectra have residuals whose product is Σ_k g_k h_k tr Σ_k. Patches of side S share
    them with probability 1 − d/S at a distance d: S follows from the first distance at which less than half is shared. One pixel where
    neighbours share nothing, or where nothing varies.
    """
    scores, shares = residual @ variation.span.T, amounts * np.sqrt((variation.factors**2).sum(axis=(1, 2)))
    found = ((scores**2).sum() - scores.size * noise**2) / max(float((shares**2).sum()), 1e-300)
    if found <= 0:
        return 1
    place = np.full(valid.shape, -1)
    place[valid] = np.arange(len(scores))
    for distance in _DISTANCES:
        shared = min(max(_product(scores, shares, place, distance) / found, 0.0), 1.0)
        if shared < _ALIKE:
            return int(np.clip(round(distance / (1 - shared)), 1, _LARGEST_PATCH))
    return _LARGEST_PATCH


def _product(scores: FloatArray, shares: FloatArray, place: IntArray, distance: int) -> float:
    """Product of the (N, K) scores of pixels that far apart along rows and columns, over that of their shares (N, P); 0 where there are none."""
    product, expected = 0.0, 0.0
    for first, second in ((place[:-distance], place[distance:]), (place[:, :-distance], place[:, distance:])):
        both = (first >= 0) & (second >= 0)
        product += float((scores[first[both]] * scores[second[both]]).sum())
        expected += float((shares[first[both]] * shares[second[both]]).sum())
    return product / expected if expected > 0 else 0.0
