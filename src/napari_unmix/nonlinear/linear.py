"""Linear independent component analysis: the baseline, what contrastive learning of statistics ends with, and a start for the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.sentences import UnmixError
from napari_unmix.wanted import still_wanted

_ROUNDS, _ENOUGH = 300, 1e-8


@dataclass(frozen=True, eq=False)
class LinearMap:
    """z = (x − centre) · ``unmixing``: centre (B,), unmixing (B, n)."""

    centre: FloatArray
    unmixing: FloatArray

    def __call__(self, x: FloatArray) -> FloatArray:
        """(N, B) -> (N, n)."""
        return np.asarray((x - self.centre) @ self.unmixing)


def whitening(x: FloatArray, latents: int) -> LinearMap:
    """The leading principal components, each of variance 1. Raises UnmixError where the data have fewer directions."""
    centre = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x - centre, rowvar=False).reshape(x.shape[1], x.shape[1]))
    values, vectors = values[::-1], vectors[:, ::-1]
    spanned = int((values > 1e-12 * max(values[0], 1e-300)).sum())
    if spanned < latents:
        raise UnmixError(f"The data vary in {spanned} directions only: {latents} latents can't be told apart.")
    return LinearMap(centre, vectors[:, :latents] / np.sqrt(values[:latents]))


def linear_ica(x: FloatArray, latents: int, seed: int = 0) -> LinearMap:
    """FastICA, all components at once, with the contrast log cosh (Hyvärinen, IEEE TNN 10, 626, 1999, equation 20).

    Of (N, B) rows; latents have variance 1. It stops where no component turns any more, or after 300 rounds: Gaussian components never settle.
    """
    white = whitening(x, latents)
    z = white(x)  # (N, n)
    turned = _orthogonal(np.random.default_rng(seed).standard_normal((latents, latents)))
    for _ in range(_ROUNDS):
        still_wanted()
        bent = np.tanh(z @ turned)
        step = z.T @ bent / len(z) - turned * (1 - bent**2).mean(axis=0)
        after = _orthogonal(step)
        same = np.abs((after * turned).sum(axis=0)).min()
        turned = after
        if same > 1 - _ENOUGH:
            break
    return LinearMap(white.centre, white.unmixing @ turned)


def _orthogonal(matrix: FloatArray) -> FloatArray:
    """The nearest matrix with orthonormal columns."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)
