"""A Gaussian region prior on abundances: closed form, with a full covariance for each region.

The Dirichlet of a region has one concentration; a region that holds, say, two homogeneous fields varies along one line only. Here
a|u ~ N(m_u, S_u) on the plane Σa = 1, estimated by empirical Bayes from the unconstrained abundances, whose noise covariance C is known.
The posterior is Gaussian; its mode on the simplex is an exact projection in the posterior's own metric. The marginal likelihood is in
closed form, which is how it is compared with the Dirichlet.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.progress import drain
from napari_unmix.rows.simplex import project_to_simplex

# A region with fewer pixels than this borrows the whole image's covariance.
_FEWEST_PIXELS = 6
# A signal direction must rise over the sampling error of the noise by this many standard errors.
_SURE = 2.0
# A region that a pixel is in with a probability under this one adds nothing.
_LIKELY = 1e-6
# Condition number of the endmembers' differences beyond which their inverse is rounding.
_MOST_ALIKE = 1e11


@dataclass(frozen=True, eq=False)
class GaussianPosterior:
    """``abundances`` (N, P), ``std`` (N, P), ``evidence``: log p(x|u) in nats per pixel, less half of log N per parameter (BIC).

    ``passed`` (N, P): variance of the abundances per unit variance of what they would be without a prior, for errors that it does not know of.
    ``regions``: the law that was estimated, to infer other pixels by.
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
    """a|u ~ N(m_u, S_u) of the regions that hold pixels, all but the last abundance, which is one minus the others.

    ``labels`` (R,) u, ``mean`` (R, P − 1), ``covariance`` (R, P − 1, P − 1) and ``counts`` (R,) of pixels.
    """

    labels: IntArray
    mean: FloatArray
    covariance: FloatArray
    counts: FloatArray

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
class Plane:
    """Unconstrained abundances (n, P − 1) of linear mixtures of sum one, and the coordinates ``whiten`` in which their noise is white."""

    endmembers: FloatArray
    gram: FloatArray
    whiten: FloatArray

    @classmethod
    def of(cls, endmembers: FloatArray, noise: float) -> Plane | None:
        """That of (P, B) endmembers at a noise of σ ``noise``; None where they are so alike that no noise is finite."""
        edges = endmembers[:-1] - endmembers[-1]
        gram = edges @ edges.T
        if np.linalg.cond(gram) > _MOST_ALIKE:
            return None
        covariance = noise**2 * np.linalg.inv(gram)
        return cls(endmembers, gram, np.linalg.inv(np.linalg.cholesky(covariance)))

    @property
    def unwhiten(self) -> FloatArray:
        """(P − 1, P − 1) back to abundances."""
        return np.asarray(np.linalg.inv(self.whiten))

    def white(self, spectra: FloatArray) -> FloatArray:
        """(n, P − 1) of (n, B) spectra."""
        edges = self.endmembers[:-1] - self.endmembers[-1]
        free = np.linalg.solve(self.gram, edges @ (spectra - self.endmembers[-1]).T).T
        return np.asarray(free @ self.whiten.T)


class Under(NamedTuple):
    """Pixels under one region: ``mode`` (n, P) on the simplex, and of every pixel alike the ``variance`` (P,) and what is ``passed`` (P,)."""

    mode: FloatArray
    variance: FloatArray
    passed: FloatArray


def gaussian_posterior(
    spectra: FloatArray, endmembers: FloatArray, regions: IntArray, noise: float
) -> GaussianPosterior | None:
    """``gaussian_steps`` to its end."""
    return drain(gaussian_steps(spectra, endmembers, regions, noise))


def gaussian_steps(
    spectra: FloatArray, endmembers: FloatArray, regions: IntArray, noise: float
) -> Generator[None, None, GaussianPosterior | None]:
    """Infer abundances of (N, B) spectra that mix (P, B) endmembers with abundances summing to one, under regions u (N,), 0 = unknown.

    Yields before each region. None where endmembers are so alike that the unconstrained abundances have no finite noise.
    """
    # 1. Unconstrained abundances, whose noise is white in the coordinates of ``white``.
    size = len(endmembers)
    plane = Plane.of(endmembers, noise)
    if plane is None:
        return None
    white = plane.white(spectra)
    # 2. Every region's mean and signal covariance; which regions a pixel of unknown u may belong to.
    members = _members(regions)
    fitted = [_empirical_region(white[rows], white) for rows in members]
    hidden = np.flatnonzero(regions == 0)
    shares = _responsibilities(white[hidden], fitted)  # (n, R), of the pixels with unknown u
    # 3. The posterior under each region, mixed by how likely the region is (theory: "Region posterior").
    abundances, second, passed = (np.zeros((len(spectra), size)) for _ in range(3))
    for number, (known, region) in enumerate(zip(members, fitted, strict=True)):
        yield
        likely = np.flatnonzero(shares[:, number] > _LIKELY)
        share = np.concatenate([np.ones(len(known)), shares[likely, number]])[:, None]
        rows = np.concatenate([known, hidden[likely]])
        under = _under(white[rows], region, plane)
        abundances[rows] += share * under.mode
        second[rows] += share * (under.mode**2 + under.variance)
        passed[rows] += share * under.passed
    std = np.sqrt(np.maximum(second - abundances**2, 0.0))
    found = _regions_found(regions, members, fitted, plane)
    return GaussianPosterior(abundances, std, _evidence(white, noise, members, fitted), passed, found)


def _under(white: FloatArray, region: _Region, plane: Plane) -> Under:
    """The posterior of whitened pixels (n, P − 1) under one region."""
    whiten, unwhiten, size = plane.whiten, plane.unwhiten, len(plane.endmembers)
    full = np.vstack([np.eye(size - 1), -np.ones((1, size - 1))])  # the last abundance is one minus the others
    gain = region.covariance @ np.linalg.inv(region.covariance + np.eye(size - 1))
    centre = region.mean + (white - region.mean) @ gain.T
    # The region's mean is itself uncertain by (S + I)/n, which passes through I − K = (S + I)⁻¹.
    spread = unwhiten @ (gain + (np.eye(size - 1) - gain) / region.count) @ unwhiten.T
    through = full @ unwhiten @ gain @ whiten
    # An endmember's error is a shift by shares of the others that sum to zero.
    centring = np.eye(size - 1) - 1 / size
    mode = _on_simplex(centre @ unwhiten.T, spread)
    return Under(mode, np.diag(full @ spread @ full.T), np.diag(through @ centring @ through.T))


def _regions_found(regions: IntArray, members: list[IntArray], fitted: list[_Region], plane: Plane) -> GaussianRegions:
    """The estimated law in abundances."""
    unwhiten = plane.unwhiten
    return GaussianRegions(
        np.array([regions[rows[0]] for rows in members], dtype=np.int32),
        np.array([region.mean @ unwhiten.T for region in fitted]).reshape(-1, len(unwhiten)),
        np.array([unwhiten @ region.covariance @ unwhiten.T for region in fitted]).reshape(-1, *unwhiten.shape),
        np.array([region.count for region in fitted]),
    )


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """The law of a fit, by which other pixels are inferred: ``regions`` whose mixture is p(a) where u is unknown, on the ``plane``."""

    regions: GaussianRegions
    plane: Plane

    def posterior(self, spectra: FloatArray, regions: IntArray) -> GaussianPosterior:
        """Of (n, B) spectra with u (n,), 0 = unknown, none of whose pixels changes the law; the evidence is not read, and NaN."""
        fitted, white = self._fitted(), self.plane.white(spectra)
        shares = (regions[:, None] == self.regions.labels).astype(np.float64)  # (n, R)
        hidden = ~shares.any(axis=1)
        shares[hidden] = _responsibilities(white[hidden], fitted)
        abundances, second, passed = (np.zeros((len(spectra), len(self.plane.endmembers))) for _ in range(3))
        for share, region in zip(shares.T, fitted, strict=True):
            rows = np.flatnonzero(share > _LIKELY)
            under, weight = _under(white[rows], region, self.plane), share[rows, None]
            abundances[rows] += weight * under.mode
            second[rows] += weight * (under.mode**2 + under.variance)
            passed[rows] += weight * under.passed
        std = np.sqrt(np.maximum(second - abundances**2, 0.0))
        return GaussianPosterior(abundances, std, np.nan, passed, self.regions)

    def _fitted(self) -> list[_Region]:
        """The regions in whitened coordinates."""
        whiten, law = self.plane.whiten, self.regions
        each = zip(law.mean, law.covariance, law.counts, strict=True)
        return [_Region(mean @ whiten.T, whiten @ covariance @ whiten.T, 0, float(n)) for mean, covariance, n in each]


def _members(regions: IntArray) -> list[IntArray]:
    """Indices of the pixels of each region that has any, in one sort: scenes may have thousands of segments."""
    order = np.argsort(regions, kind="stable")
    starts = np.unique(regions[order], return_index=True)[1]
    groups: list[IntArray] = [*np.split(order, starts[1:])]
    return groups[1:] if (regions == 0).any() else groups


def _on_simplex(points: FloatArray, spread: FloatArray) -> FloatArray:
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
