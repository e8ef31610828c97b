"""Two ways to a corner where spectra vary: of the hull on the sphere, and of the exact cone. Where they part, the data do not say where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.findings import Redraw
from napari_unmix.geometry.recipes import SphereArchetypes
from napari_unmix.identifiability.again.refits import Refits, Steps, angles, silently, some_rows
from napari_unmix.identifiability.again.search import UNSOLVABLE
from napari_unmix.identifiability.subject import Subject

_PIXELS = 3000


def compare_chord_and_cone(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Fit both from the result's own endmembers; the shared generator is not drawn from. Only where endmembers are graded."""
    if not refits.quadrants:
        return refits
    own = np.random.default_rng(0)
    rows = some_rows(len(subject.spectra), own, _PIXELS)
    redraw = Redraw(subject.spectra[rows], subject.regions[rows], subject.noise, subject.inversion, own)
    try:
        chord = yield from silently(SphereArchetypes().again(redraw, subject.endmembers))
        cone = yield from silently(SphereArchetypes(cone=True).again(redraw, subject.endmembers))
    except UNSOLVABLE:
        return refits
    apart = angles(chord, cone)
    return replace(refits, chord_cone=apart) if np.isfinite(apart).all() else refits
