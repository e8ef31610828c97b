"""An opinion that assumes no Dirichlet: telling the painted regions apart, from the result's endmembers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.identifiability.again.refits import Refits, Steps, evenly_lit, like_the_result, silently, some_rows
from napari_unmix.identifiability.again.search import UNSOLVABLE
from napari_unmix.identifiability.subject import Subject
from napari_unmix.regions.contrast import linear_gcl


def tell_apart(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Linear contrastive learning from the result's endmembers; from 2P + 1 regions on, fewer starve it (theory §1)."""
    if refits.moments is None or refits.moments.regions < 2 * subject.count + 1:
        return refits
    spectra, regions, noise = evenly_lit(subject)
    rows = np.flatnonzero(np.isin(regions, subject.usable_regions))
    # Neighbours that are alike count less, as they do for the moments.
    redundancy = len(rows) / float(refits.moments.counts.sum())
    rows = rows[some_rows(len(rows), generator)]
    learning = linear_gcl(spectra[rows], regions[rows], [subject.endmembers], noise, redundancy=max(redundancy, 1.0))
    try:
        found = yield from silently(learning)
    except UNSOLVABLE:
        return refits
    endmembers = np.asarray(found.endmembers)
    if not np.isfinite(endmembers).all():
        return refits
    return replace(refits, contrastive=like_the_result(subject, endmembers), contrastive_error=found.relative_error)
