"""What the result rests on, without a part of it: without some of the regions, or on other draws of the pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.again.refits import MOST_PIXELS, Refits, Steps
from napari_unmix.identifiability.again.search import found_again, repeatable
from napari_unmix.identifiability.again.twins import TWINS
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments

PARTS = 5
# Moments are refitted without one region at a time, or one in so many: what a fifth of twelve regions moves depends on which ones are left out
# together (the sample's first endmember by 2.7, 4.1 and 5.9° in three shuffles, one at a time by 2.8°; decision 0030).
MOMENT_PARTS = 12


def refit_parts(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Endmembers without some of the regions at a time where they rest on regions; else on other draws of the pixels."""
    if subject.findings.by_regions and refits.moments is not None and refits.moment_fit is not None:
        return (yield from _moments_without(refits.moments, refits.moment_fit, subject, refits, generator))
    if not repeatable(subject):
        return refits
    if subject.recipe.reads_regions:
        return (yield from _found_without_regions(subject, refits, generator))
    parts = []
    for _ in range(TWINS):
        rows = generator.choice(len(subject.spectra), min(len(subject.spectra), MOST_PIXELS), replace=True)
        parts.append((yield from found_again(subject, subject.spectra[rows], subject.regions[rows], generator)))
    return replace(refits, parts=_solved(parts))


def _solved(parts: list[FloatArray | None]) -> tuple[FloatArray, ...]:
    return tuple(part for part in parts if part is not None)


def _without_some(labels: IntArray, parts: int, generator: np.random.Generator) -> list[IntArray]:
    """The regions that are kept, each time without another of so many parts of them; empty where too few are left."""
    order = generator.permutation(labels)
    kept = [np.setdiff1d(order, left_out) for left_out in np.array_split(order, min(parts, len(order)))]
    return [] if any(len(some) < FEWEST_REGIONS for some in kept) else kept


def _moments_without(
    moments: RegionMoments, fit: MomentFit, subject: Subject, refits: Refits, generator: np.random.Generator
) -> Steps[Refits]:
    """Leave out one region, or a twelfth of them, at a time: whatever differs between regions shows, not the sampling of pixels alone."""
    averaged = subject.findings.moments is not None and subject.findings.moments.use == "averaged"
    weight = 0.5 if averaged else 1.0
    parts = []
    for kept in _without_some(np.arange(moments.regions), MOMENT_PARTS, generator):
        fewer = replace(
            moments, means=moments.means[kept], covariances=moments.covariances[kept], counts=moments.counts[kept]
        )
        found = fit_region_moments(fewer, [fit.endmembers], iterations=200).endmembers
        parts.append(subject.endmembers + weight * (found - fit.endmembers))
        yield
    return replace(refits, parts=tuple(parts), without_regions=bool(parts))


def _found_without_regions(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """The same for a recipe that reads regions: it is repeated on the pixels of the others."""
    parts = []
    for kept in _without_some(subject.usable_regions, PARTS, generator):
        rows = np.flatnonzero(np.isin(subject.regions, kept))
        parts.append((yield from found_again(subject, subject.spectra[rows], subject.regions[rows], generator)))
    solved = _solved(parts)
    return replace(refits, parts=solved, without_regions=bool(solved))
