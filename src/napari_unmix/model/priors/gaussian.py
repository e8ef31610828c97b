"""A Gaussian region prior on abundances: closed form, with a full covariance for each region.

The Dirichlet of a region has one concentration; a region that holds, say, two homogeneous fields varies along one line only. Here
a|u ~ N(m_u, S_u) on the plane Σa = 1, estimated by empirical Bayes from the unconstrained abundances, whose noise covariance C is known.
The posterior is Gaussian; its mode on the simplex is an exact projection in the posterior's own metric. The marginal likelihood is in
closed form, which is how it is compared with the Dirichlet.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.progress import drain
from napari_unmix.rows.simplex import project_to_simplex

# A region with fewer pixels than this borrows the whole image's covariance.
_FEWEST_PIXELS = 6
# A signal direction must rise over the sampling error of the noise by this many standard errors.
_SURE = 2.0
# Condition number of the endmembers' differences beyond which their inverse is rounding.
_MOST_ALIKE = 1e11
_CHUNK = 4_096  # pixels: what is between stays in the cache


@dataclass(frozen=True, eq=False)
class GaussianPosterior:
    """``abundances`` (N, P), ``std`` (N, P), ``evidence``: log p(x|u) in nats per pixel, less half of log N per parameter (BIC).

    ``passed`` (N, P): variance of the abundances per unit variance of what they would be without a prior, for errors that it does not know of.
    ``regions``: the law that was estimated, for whoever infers other pixels by it.
    """

    abundances: FloatArray
    std: FloatArray
    evidence: float
    passed: FloatArray
    regions: GaussianRegions

    def std_with(self, endmember_error: FloatArray) -> FloatArray:
        """(N, P) spread with the endmembers' own standard errors (P,), as shares of the simplex, carried through."""
        return np.asarray(np.sqrt(self.std**2 + self.passed * (self.abundances**2 @ endmember_error**2)[:, None]))


@dataclass(frozen=True, eq=False)
class GaussianRegions:
    """a|u ~ N(m_u, S_u) of the regions that hold pixels, in all abundances but the last, which is one minus the others.

    ``labels`` (R,) u, ``mean`` (R, P − 1), ``covariance`` (R, P − 1, P − 1) and ``counts`` (R,) of pixels.
    """

    labels: IntArray
    mean: FloatArray
    covariance: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, labels: IntArray, fitted: list[_Region], unwhiten: FloatArray) -> GaussianRegions:
        """The regions that were fitted in whitened coordinates, of u ``labels`` (R,)."""
        mean = np.array([region.mean for region in fitted]).reshape(-1, len(unwhiten))
        covariance = np.array([region.covariance for region in fitted]).reshape(-1, *unwhiten.shape)
        counts = np.array([region.count for region in fitted])
        return cls(labels, mean @ unwhiten.T, unwhiten @ covariance @ unwhiten.T, counts)

    def saved(self) -> dict[str, FloatArray | IntArray]:
        """Parameters by name."""
        return {"labels": self.labels, "mean": self.mean, "covariance": self.covariance, "counts": self.counts}


@dataclass(frozen=True, eq=False)
class _Region:
    mean: FloatArray
    covariance: FloatArray  # of the signal, in noise-whitened coordinates
    rank: int
    count: float


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """What the regions' Gaussians are, before any pixel's posterior: ``white`` (N, P−1) are the unconstrained abundances with white noise.

    ``whiten`` (P−1, P−1) took them there; ``members`` are each region's pixels, ``hidden`` those of unknown u; ``evidence`` as the posterior has it.
    """

    white: FloatArray
    whiten: FloatArray
    members: list[IntArray]
    regions: list[_Region]
    labels: IntArray
    hidden: IntArray
    evidence: float

    @classmethod
    def of(cls, spectra: FloatArray, endmembers: FloatArray, regions: IntArray, noise: float) -> GaussianLaw | None:
        """Of (N, B) spectra that mix (P, B) endmembers with abundances summing to one, under regions u (N,), 0 = unknown.

        None where endmembers are so alike that the unconstrained abundances have no finite noise.
        """
        edges = endmembers[:-1] - endmembers[-1]
        gram = edges @ edges.T
        if np.linalg.cond(gram) > _MOST_ALIKE:
            return None
        whiten = np.linalg.inv(np.linalg.cholesky(noise**2 * np.linalg.inv(gram)))
        white = np.empty((len(spectra), len(edges)))
        for first in range(0, len(spectra), _CHUNK):
            rows = slice(first, first + _CHUNK)
            white[rows] = np.linalg.solve(gram, edges @ (spectra[rows] - endmembers[-1]).T).T @ whiten.T
        members = _members(regions)
        fitted = [_empirical_region(white[rows], white) for rows in members]
        hidden = np.flatnonzero(regions == 0)
        return cls(
            white,
            whiten,
            members,
            fitted,
            np.unique(regions[regions > 0]),
            hidden,
            _evidence(white, noise, members, fitted),
        )

    def posterior_steps(self) -> Generator[None, None, GaussianPosterior]:
        """The posterior under each region, mixed by how likely the region is (theory: "Region posterior"). Yields before each region."""
        white, whiten = self.white, self.whiten
        size = white.shape[1] + 1
        shares = _responsibilities(white[self.hidden], self.regions)  # (n, R), of the pixels with unknown u
        full = np.vstack([np.eye(size - 1), -np.ones((1, size - 1))])  # the last abundance is one minus the others
        unwhiten = np.linalg.inv(whiten)
        # An endmember's error is a shift by shares of the others that sum to zero.
        centring = np.eye(size - 1) - 1 / size
        abundances, second, passed = (np.zeros((len(white), size)) for _ in range(3))
        for number, (known, region) in enumerate(zip(self.members, self.regions, strict=True)):
            yield
            likely = np.flatnonzero(shares[:, number] > 1e-6)
            share = np.concatenate([np.ones(len(known)), shares[likely, number]])[:, None]
            rows = np.concatenate([known, self.hidden[likely]])
            gain = region.covariance @ np.linalg.inv(region.covariance + np.eye(size - 1))
            centre = region.mean + (white[rows] - region.mean) @ gain.T
            # The region's mean is itself uncertain by (S + I)/n, which passes through I − K = (S + I)⁻¹.
            spread = unwhiten @ (gain + (np.eye(size - 1) - gain) / region.count) @ unwhiten.T
            mode = on_simplex(centre @ unwhiten.T, spread)
            abundances[rows] += share * mode
            second[rows] += share * (mode**2 + np.diag(full @ spread @ full.T))
            through = full @ unwhiten @ gain @ whiten
            passed[rows] += share * np.diag(through @ centring @ through.T)
        std = np.sqrt(np.maximum(second - abundances**2, 0.0))
        found = GaussianRegions.of(self.labels, self.regions, unwhiten)
        return GaussianPosterior(abundances, std, self.evidence, passed, found)


def gaussian_posterior(
    spectra: FloatArray, endmembers: FloatArray, regions: IntArray, noise: float
) -> GaussianPosterior | None:
    """The law of the regions, and every pixel's posterior under it; None where there is no law."""
    law = GaussianLaw.of(spectra, endmembers, regions, noise)
    return None if law is None else drain(law.posterior_steps())


def _members(regions: IntArray) -> list[IntArray]:
    """Indices of the pixels of each region that has any, in one sort: scenes may have thousands of segments."""
    order = np.argsort(regions, kind="stable")
    starts = np.unique(regions[order], return_index=True)[1]
    groups: list[IntArray] = [*np.split(order, starts[1:])]
    return groups[1:] if (regions == 0).any() else groups


def on_simplex(points: FloatArray, spread: FloatArray) -> FloatArray:
    """(n, P−1) posterior means -> (n, P) modes on the simplex, nearest in the posterior's metric."""
    precision = np.linalg.inv(spread)
    size = len(precision) + 1
    full = np.column_stack([points, 1 - points.sum(axis=1)])
    inside = (full >= 0).all(axis=1)
    if not inside.all():
        metric = np.zeros((size, size))
        metric[:-1, :-1] = precision / np.trace(precision)
        # Any weight on the last coordinate's own direction is free: on the plane it follows from the others.
        full[~inside] = project_to_simplex(full[~inside], metric + 1e-9 * np.eye(size))
    return full


def _empirical_region(white: FloatArray, everything: FloatArray) -> _Region:
    sample = white if len(white) >= _FEWEST_PIXELS else everything
    moment = np.atleast_2d(np.cov(sample.T))
    values, vectors = np.linalg.eigh(moment)
    margin = _SURE * np.sqrt(2 / len(sample)) if len(white) >= _FEWEST_PIXELS else 0.0
    signal = np.maximum(values - 1 - margin, 0.0)
    return _Region(white.mean(axis=0), (vectors * signal) @ vectors.T, int((signal > 0).sum()), float(len(white)))


def _log_densities(white: FloatArray, region: _Region) -> FloatArray:
    total = region.covariance + np.eye(len(region.mean))
    centred = white - region.mean
    quadratic = (np.linalg.solve(total, centred.T).T * centred).sum(axis=1)
    return np.asarray(-0.5 * (quadratic + np.linalg.slogdet(total)[1] + len(region.mean) * np.log(2 * np.pi)))


def _responsibilities(white: FloatArray, fitted: list[_Region]) -> FloatArray:
    """(n, R) p(u | x) of pixels with unknown u."""
    if not len(white):
        return np.zeros((0, len(fitted)))
    counts = np.array([region.count for region in fitted])
    joint = np.stack([_log_densities(white, region) for region in fitted], axis=1) + np.log(counts / counts.sum())
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def _evidence(white: FloatArray, noise: float, members: list[IntArray], fitted: list[_Region]) -> float:
    """Mean log p(x|u) of the pixels with known u in orthonormal coordinates of the endmembers' plane, less the parameters' cost."""
    total, cost, known = 0.0, 0.0, 0
    for rows, region in zip(members, fitted, strict=True):
        total += float(_log_densities(white[rows], region).sum())
        dimension = len(region.mean)
        # Mean, and the eigenvectors and eigenvalues of a covariance of that rank.
        parameters = dimension + region.rank * dimension - region.rank * (region.rank - 1) // 2
        cost += 0.5 * parameters * np.log(max(len(rows), 2))
        known += len(rows)
    return float((total - cost) / max(known, 1) - white.shape[1] * np.log(noise))
