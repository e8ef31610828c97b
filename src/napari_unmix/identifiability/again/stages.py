"""All refits of a result, in stages: each takes what the ones before it made, and adds to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from napari_unmix.answer import Fit, Progress
from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.geometry.found import VARIABILITY
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.identifiability.again.geometry import geometry_again, repeatable
from napari_unmix.identifiability.again.refits import (
    MOST_PIXELS,
    Refits,
    Steps,
    accepted,
    as_bright,
    averaged,
    evenly_lit,
    silently,
    some_rows,
)
from napari_unmix.identifiability.again.twins import TWINS, simulate_twins
from napari_unmix.identifiability.subject import Evidence
from napari_unmix.regions.acceptance import spatial_redundancy
from napari_unmix.regions.contrast import linear_gcl
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments, region_moments
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.subspace import subspace_excess

PARTS = 5
_UNSOLVABLE = (np.linalg.LinAlgError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]
SEARCHED_PIXELS = 3000

Stage = Callable[[Evidence, Refits, np.random.Generator], Steps[Refits]]


def refit(evidence: Evidence) -> Fit[Refits]:
    """Make all refits that apply; yields at every step of each."""
    made, generator = Refits(), np.random.default_rng(0)
    for number, (stage, start) in enumerate(STAGES):
        steps, step = start(evidence, made, generator), 0
        while True:
            yield Progress(stage, step, 0, (number + step / (step + 20)) / (len(STAGES) + 1))
            try:
                next(steps)
            except StopIteration as end:
                made = end.value
                break
            step += 1
    return made


def fit_moments(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """The painted regions' own estimate, from the result's endmembers, shrunk and grown."""
    yield
    moments = yield from _painted_moments(evidence)
    if moments is None or moments.regions < FEWEST_REGIONS:
        return made
    best: MomentFit | None = None
    centre = evidence.endmembers.mean(axis=0)
    for growth in (1.0, 0.8, 1.3):
        yield
        fit = fit_region_moments(moments, [centre + growth * (evidence.endmembers - centre)])
        best = fit if best is None or fit.misfit < best.misfit else best
    return replace(made, moments=moments, moment_fit=best)


def _painted_moments(evidence: Evidence) -> Steps[RegionMoments | None]:
    """Moments of spectra with brightness divided out; None where nothing is painted or spectra vary more than noise."""
    if not (evidence.linear and len(evidence.usable_regions)):
        return None
    excess = subspace_excess(evidence.spectra, evidence.count, evidence.noise)
    if excess.linear > VARIABILITY:
        return None
    spectra, regions, noise = evenly_lit(evidence)
    yield
    redundancy = spatial_redundancy(spectra, regions, evidence.valid)
    painted = regions > 0
    if not painted.any():
        return None
    return region_moments(spectra[painted], regions[painted], evidence.count, noise, redundancy)


def search_again(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Search afresh with another seed; strokes are not known here, so where they led, there is no such second opinion."""
    if evidence.result.details.get("route") == "strokes" or len(evidence.spectra) < 3 * evidence.count:
        return made
    rows = some_rows(len(evidence.spectra), generator, SEARCHED_PIXELS)
    found = yield from silently(
        find_endmembers(
            evidence.spectra[rows],
            evidence.count,
            sum_to_one=not evidence.illuminated,
            strokes=[],
            seed=evidence.result.spec.seed + 1,
        )
    )
    searched = found.endmembers[match_endmembers(found.endmembers, evidence.endmembers)]
    return replace(made, search=found, searched=searched)


def refit_parts(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """What the result rests on, without a part of it: without some of the regions, or on other draws of the pixels."""
    if accepted(evidence) and made.moments is not None and made.moment_fit is not None:
        return (yield from _without_regions(made.moments, made.moment_fit, evidence, made, generator))
    if evidence.result.spec.method != "ivae" or not repeatable(evidence, made):
        return made
    parts = []
    for _ in range(TWINS):
        rows = generator.choice(len(evidence.spectra), min(len(evidence.spectra), MOST_PIXELS), replace=True)
        parts.append((yield from geometry_again(evidence, made, evidence.spectra[rows], generator)))
    return replace(made, parts=tuple(parts))


def _without_regions(
    moments: RegionMoments, fit: MomentFit, evidence: Evidence, made: Refits, generator: np.random.Generator
) -> Steps[Refits]:
    """Leave out a fifth of the regions at a time: whatever differs between regions shows, not the sampling of pixels alone."""
    order = generator.permutation(moments.regions)
    weight = 0.5 if averaged(evidence) else 1.0
    parts = []
    for left_out in np.array_split(order, min(PARTS, moments.regions)):
        kept = np.setdiff1d(order, left_out)
        if len(kept) < FEWEST_REGIONS:
            return made
        fewer = replace(
            moments, means=moments.means[kept], covariances=moments.covariances[kept], counts=moments.counts[kept]
        )
        found = fit_region_moments(fewer, [fit.endmembers], iterations=200).endmembers
        parts.append(evidence.endmembers + weight * (found - fit.endmembers))
        yield
    return replace(made, parts=tuple(parts), without_regions=True)


def tell_apart(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Linear contrastive learning from the result's endmembers; from 2P + 1 regions on, fewer starve it (theory §1)."""
    if made.moments is None or made.moments.regions < 2 * evidence.count + 1:
        return made
    spectra, regions, noise = evenly_lit(evidence)
    rows = np.flatnonzero(np.isin(regions, evidence.usable_regions))
    rows = rows[some_rows(len(rows), generator)]
    try:
        found = yield from silently(linear_gcl(spectra[rows], regions[rows], [evidence.endmembers], noise))
    except _UNSOLVABLE:  # regions that nothing tells apart, or that are told apart without error
        return made
    endmembers = np.asarray(found.endmembers)
    if not np.isfinite(endmembers).all():
        return made
    return replace(made, contrastive=as_bright(endmembers, evidence.endmembers) if evidence.illuminated else endmembers)


STAGES: tuple[tuple[str, Stage], ...] = (
    ("fitting the regions' moments again", fit_moments),
    ("finding endmembers from another start", search_again),
    ("refitting simulated twins", simulate_twins),
    ("refitting parts of the data", refit_parts),
    ("telling regions apart", tell_apart),
)
