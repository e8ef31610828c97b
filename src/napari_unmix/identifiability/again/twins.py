"""Simulated twins: scenes made from the result, on which the same estimate is repeated (the parametric bootstrap)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.answer import mixed
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.again.deviations import PATCH, own_deviations
from napari_unmix.identifiability.again.refits import Refits, Steps, Twin, abundance_change, some_rows
from napari_unmix.identifiability.again.search import found_again, repeatable
from napari_unmix.identifiability.subject import Subject
from napari_unmix.identifiability.variation import Variation
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments

TWINS = 3
_LARGEST_CONCENTRATION = 200.0
# Up to here the residual is noise, and twins draw it afresh.
_NOISE_ONLY = 1.04


def simulate_twins(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Refit ``TWINS`` scenes, by the result's recipe and, where it rests on them, by the regions' moments."""
    if not repeatable(subject):
        return refits
    rows = some_rows(len(subject.spectra), generator)
    twins = []
    for _ in range(TWINS):
        twins.append((yield from another_twin(subject, refits, rows, generator)))
    return replace(refits, twins=tuple(twin for twin in twins if twin is not None))


def another_twin(
    subject: Subject, refits: Refits, rows: IntArray, generator: np.random.Generator
) -> Steps[Twin | None]:
    """The refit of one more simulated scene of these pixels; None where there is no solution."""
    spectra = _simulated(subject, rows, generator)
    found = yield from found_again(subject, spectra, subject.regions[rows], generator)
    if found is None:
        return None
    moved: FloatArray = found - subject.endmembers
    if subject.findings.by_regions and refits.moments is not None and refits.moment_fit is not None:
        by_regions = _moments_moved(refits.moments, refits.moment_fit, generator)
        averaged = subject.findings.moments is not None and subject.findings.moments.use == "averaged"
        moved = 0.5 * (moved + by_regions) if averaged else by_regions
        yield
    endmembers = np.maximum(subject.endmembers + moved, 0.0)
    return Twin(endmembers, abundance_change(subject, rows, endmembers))


def _simulated(subject: Subject, rows: IntArray, generator: np.random.Generator) -> FloatArray:
    """Spectra of the fitted abundances with fresh noise, and materials that vary as the fit found them to.

    Where it did not look and spectra vary more than white noise, they vary as the pixels of each material do; where the noise itself is alike in
    neighbouring bands, residuals are drawn from other pixels.
    """
    clean = mixed(subject.abundances[rows], subject.endmembers, subject.illumination[rows])
    fresh = subject.noise_in_plane * generator.normal(size=clean.shape)
    if subject.variation is not None:
        return np.asarray(clean + fresh + _varied(subject, subject.variation, rows, generator))
    residual = subject.spectra[rows] - clean
    freedom = max(clean.shape[1] - subject.count + 1, 1)
    if subject.alike is None and np.mean((residual**2).sum(axis=1)) <= (_NOISE_ONLY * subject.noise) ** 2 * freedom:
        return np.asarray(clean + fresh)
    if subject.alike is None:
        drawn = own_deviations(subject).drawn(subject.amounts[rows], _patches(subject, rows, PATCH), generator)
        return np.asarray(clean + fresh + drawn)
    basis = np.linalg.qr(subject.endmembers.T)[0]
    drawn = residual[generator.permutation(len(rows))]
    # Residuals lack what the fit has taken up within the endmembers' span.
    return np.asarray(clean + drawn + (fresh - drawn) @ basis @ basis.T)


def _varied(subject: Subject, variation: Variation, rows: IntArray, generator: np.random.Generator) -> FloatArray:
    """(n, B) what the materials vary by, drawn in patches as large as those in which the scene's residuals are alike."""
    return variation.drawn(subject.amounts[rows], _patches(subject, rows, subject.patch_side), generator)


def _patches(subject: Subject, rows: IntArray, side: int) -> IntArray:
    """(n,) the number from 0 of the square of so many pixels that each of the pixels is in."""
    squares = np.argwhere(subject.valid)[rows] // side
    return np.asarray(np.unique(squares, axis=0, return_inverse=True)[1].ravel())


def _moments_moved(moments: RegionMoments, fit: MomentFit, generator: np.random.Generator) -> FloatArray:
    """How far the regions' estimate on simulated regions is from the endmembers they were simulated with: (P, B)."""
    twin = simulated_moments(moments, fit, generator)
    moved = fit_region_moments(twin, [fit.endmembers], iterations=200).endmembers - fit.endmembers
    return np.asarray(moved)


def simulated_moments(moments: RegionMoments, fit: MomentFit, generator: np.random.Generator) -> RegionMoments:
    """Moments of as many independent Dirichlet pixels in each region as the fit rests on, with noise."""
    vertices = moments.to_vertices(fit.endmembers)
    shares = np.clip(fit.means, 0.01, None)
    shares = shares / shares.sum(axis=1, keepdims=True)
    concentrations = np.clip(fit.concentrations, 0.5, _LARGEST_CONCENTRATION)
    means, covariances = [], []
    for share, concentration, count in zip(shares, concentrations, moments.counts, strict=True):
        pixels = max(round(count), moments.dimension + 2)
        scores = generator.dirichlet(share * concentration, pixels) @ vertices
        scores = scores + np.sqrt(moments.noise) * generator.normal(size=scores.shape)
        means.append(scores.mean(axis=0))
        covariances.append(np.cov(scores.T, bias=True).reshape(moments.dimension, moments.dimension))
    return replace(moments, means=np.array(means), covariances=np.array(covariances))
