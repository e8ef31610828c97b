"""All refits of a result, in stages: each takes what the ones before it made, and adds to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_unmix.identifiability.again.contrast import tell_apart
from napari_unmix.identifiability.again.moments import fit_moments
from napari_unmix.identifiability.again.more_twins import add_twins
from napari_unmix.identifiability.again.parts import refit_parts
from napari_unmix.identifiability.again.quadrants import search_without_quadrants
from napari_unmix.identifiability.again.refits import Refits, Steps
from napari_unmix.identifiability.again.search import search_again
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.again.sphere import compare_chord_and_cone
from napari_unmix.identifiability.again.twins import simulate_twins
from napari_unmix.identifiability.subject import Subject
from napari_unmix.progress import Fit, Progress, staged

Stage = Callable[[Subject, Refits, np.random.Generator], Steps[Refits]]

STAGES: tuple[tuple[str, Stage], ...] = (
    ("fitting the regions' moments again", fit_moments),
    ("finding endmembers from another start", search_again),
    ("refitting simulated twins", simulate_twins),
    ("refitting parts of the data", refit_parts),
    ("telling regions apart", tell_apart),
    ("searching without a quarter of the scene", search_without_quadrants),
    ("comparing two ways to the corners", compare_chord_and_cone),
    ("refitting more simulated twins", add_twins),
)


def refit(subject: Subject, searches: Searches | None = None) -> Fit[Refits]:
    """Make all refits that apply; yields before each stage and at every step of it. ``searches`` of a report before are not made again."""
    refits, generator = Refits(searches=Searches() if searches is None else searches), np.random.default_rng(0)
    width = 1 / (len(STAGES) + 1)
    for number, (title, stage) in enumerate(STAGES):
        yield Progress(title, 0, 0, number * width)
        share = (number * width, (number + 1) * width)
        refits = yield from staged(title, stage(subject, refits, generator), share, halfway=20)
    return refits
