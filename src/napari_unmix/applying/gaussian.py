"""Other pixels under the Gaussian regions of a run, in closed form: as ``model.priors.gaussian`` infers the run's own; none moves the law."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.priors.gaussian import GaussianRegions, on_simplex

# A region that a pixel is in with a probability under this adds nothing.
_LIKELY = 1e-6


class Closed(NamedTuple):
    """Abundances (n, P), their variance (n, P), and how much of an error that the law does not know of passes through (n, P)."""

    abundances: FloatArray
    variance: FloatArray
    passed: FloatArray

    def std(self, endmember_error: FloatArray) -> FloatArray:
        """(n, P) spread with the endmembers' own standard errors (P,), as shares of the simplex, carried through."""
        error = (self.abundances**2 @ endmember_error**2)[:, None]
        return np.asarray(np.sqrt(np.maximum(self.variance, 0.0) + self.passed * error))


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """p(a) of ``regions`` and x = aM + ε: (P, B) ``endmembers``, white noise of σ ``noise``."""

    regions: GaussianRegions
    endmembers: FloatArray
    noise: float

    def posterior(self, spectra: FloatArray, labels: IntArray) -> Closed:
        """Of (n, B) spectra with u ``labels`` (n,); where that is no region's, the mean of all regions' by how likely each is."""
        white = self._white(spectra)
        shares = (labels[:, None] == self.regions.labels).astype(np.float64)  # (n, R)
        hidden = ~shares.any(axis=1)
        shares[hidden] = self._likely(white[hidden])
        abundances, second, passed = (np.zeros((len(spectra), len(self.endmembers))) for _ in range(3))
        for number, share in enumerate(np.ascontiguousarray(shares.T)):
            rows = np.flatnonzero(share > _LIKELY)
            if rows.size:
                under, weight = self._under(white[rows], number), share[rows, None]
                abundances[rows] += weight * under.abundances
                second[rows] += weight * (under.abundances**2 + under.variance)
                passed[rows] += weight * under.passed
        return Closed(abundances, second - abundances**2, passed)

    def _white(self, spectra: FloatArray) -> FloatArray:
        """(n, P − 1) unconstrained abundances in coordinates in which their noise is white."""
        edges = self.endmembers[:-1] - self.endmembers[-1]
        free = np.linalg.solve(edges @ edges.T, edges @ (spectra - self.endmembers[-1]).T).T
        return np.asarray(free @ self._whiten.T)

    @cached_property
    def _whiten(self) -> FloatArray:
        """(P − 1, P − 1)."""
        edges = self.endmembers[:-1] - self.endmembers[-1]
        covariance = self.noise**2 * np.linalg.inv(edges @ edges.T)
        return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))

    @cached_property
    def _unwhiten(self) -> FloatArray:
        return np.asarray(np.linalg.inv(self._whiten))

    @cached_property
    def _white_regions(self) -> tuple[FloatArray, FloatArray]:
        """Mean (R, P − 1) and signal covariance (R, P − 1, P − 1) in whitened coordinates."""
        mean = self.regions.mean @ self._whiten.T
        return mean, np.asarray(self._whiten @ self.regions.covariance @ self._whiten.T)

    def _likely(self, white: FloatArray) -> FloatArray:
        """(n, R) p(u | x): one product of the pixels' second powers with the precisions of all regions."""
        mean, covariance = self._white_regions
        total = covariance + np.eye(mean.shape[1])
        precision = np.linalg.inv(total)
        pulled = (precision @ mean[:, :, None])[:, :, 0]
        outer = (white[:, :, None] * white[:, None, :]).reshape(len(white), mean.shape[1] ** 2)
        quadratic = outer @ precision.reshape(len(mean), -1).T - 2 * white @ pulled.T + (pulled * mean).sum(axis=1)
        counts = self.regions.counts
        joint = np.log(counts / counts.sum()) - 0.5 * (quadratic + np.linalg.slogdet(total)[1])
        joint = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(joint / joint.sum(axis=1, keepdims=True))

    def _under(self, white: FloatArray, number: int) -> Closed:
        """Whitened pixels (n, P − 1) under one region; variance and what passes (P,) are the same for all of them."""
        mean, covariance = (each[number] for each in self._white_regions)
        identity, unwhiten = np.eye(len(mean)), self._unwhiten
        full = np.vstack([identity, -np.ones((1, len(mean)))])  # the last abundance is one minus the others
        gain = covariance @ np.linalg.inv(covariance + identity)
        # The region's mean is itself uncertain by (S + I)/n, which passes through I − K = (S + I)⁻¹.
        spread = unwhiten @ (gain + (identity - gain) / self.regions.counts[number]) @ unwhiten.T
        through = full @ unwhiten @ gain @ self._whiten
        centring = identity - 1 / len(self.endmembers)  # an endmember's error is a shift by shares that sum to zero
        mode = on_simplex((mean + (white - mean) @ gain.T) @ unwhiten.T, spread)
        return Closed(mode, np.diag(full @ spread @ full.T), np.diag(through @ centring @ through.T))
