"""The painted regions' own estimate again: their means and covariances, fitted from the result's endmembers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.geometry.found import VARIABILITY
from napari_unmix.identifiability.again.refits import Refits, Steps, evenly_lit
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.acceptance import painted_moments
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments
from napari_unmix.regions.third import ThirdMoments, third_moments
from napari_unmix.rows.subspace import subspace_excess


def fit_moments(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """The painted regions' own estimate, from the result's endmembers, shrunk and grown."""
    yield
    moments = yield from _painted_moments(subject)
    if moments is None or moments.regions < FEWEST_REGIONS:
        return refits
    third = _third_moments(subject, moments)
    best: MomentFit | None = None
    centre = subject.endmembers.mean(axis=0)
    for growth in (1.0, 0.8, 1.3):
        yield
        fit = fit_region_moments(moments, [centre + growth * (subject.endmembers - centre)])
        best = fit if best is None or fit.misfit < best.misfit else best
    return replace(refits, moments=moments, moment_fit=best, third=third)


def _third_moments(subject: Subject, moments: RegionMoments) -> ThirdMoments | None:
    """In the abundances that the result's endmembers give; neighbours that are alike count less, as they do for the moments."""
    spectra, regions, noise = evenly_lit(subject)
    regions = np.where(np.isin(regions, subject.usable_regions), regions, 0)
    redundancy = float((regions > 0).sum()) / float(moments.counts.sum())
    return third_moments(spectra, regions, subject.endmembers, noise, max(redundancy, 1.0))


def _painted_moments(subject: Subject) -> Steps[RegionMoments | None]:
    """Moments of spectra with brightness divided out; None where nothing is painted or spectra vary more than noise."""
    if not (subject.linear and len(subject.usable_regions)):
        return None
    excess = subspace_excess(subject.spectra, subject.count, subject.noise)
    if excess.linear > VARIABILITY:
        return None
    spectra, regions, noise = evenly_lit(subject)
    yield
    return painted_moments(spectra, regions, noise, subject.valid, subject.count)
