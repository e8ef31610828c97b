"""Whether a fit is made again with what a part of the scene lacked, and whether that is taken: the same for cubes in memory and in files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.large.lacking import GIVEN_UP, Lacking, has_room, left_of
from napari_unmix.progress import Fit
from napari_unmix.spec import MethodSpec

T = TypeVar("T")

# How often what was lacking is added.
MOST_ROUNDS = 2
# With what was added an answer is taken where it leaves so many times less (root mean square) of the pixels that were lacking, or better.
_LESS = 0.5
# What becomes of the other pixels is measured on about so many, from all over the scene.
_ORDINARY = 2_000


@dataclass(frozen=True, eq=False)
class Others:
    """Pixels from all over a scene (n, B_good), whose endmembers nobody may give up for a few that were lacking."""

    spectra: FloatArray

    @classmethod
    def of(cls, cube: Cube) -> Others:
        """About 2,000 of a cube in memory."""
        return cls(cube.sampled(_ORDINARY)[1])

    def have_room(self, before: Unmixing, newcomers: FloatArray) -> bool:
        """Whether materials of spectra (Q, B_good) may have one of the endmembers that there are: one that fits only noise."""
        return has_room(self.spectra, _endmembers(before), newcomers, before.inversion)

    def allow(self, before: Unmixing, now: Unmixing) -> bool:
        """Whether the answer ``now`` explains them about as well as the one ``before``."""
        was, left = (left_of(self.spectra, _endmembers(one), one.inversion) for one in (before, now))
        return left <= GIVEN_UP * was


def explained(was: float, left: float) -> bool:
    """Whether an answer explains what was lacking: of which (root mean square) ``was`` left before, and ``left`` is now."""
    return left <= _LESS * was


def next_spec(spec: MethodSpec, before: Unmixing, missed: Lacking, *, room: bool) -> MethodSpec:
    """Where nobody asked for a number, each material that was lacking has an endmember more, unless there was ``room`` for it."""
    if spec.endmembers != "auto":
        return spec
    return spec.model_copy(update={"endmembers": len(before.names) + (0 if room else len(missed.groups))})


def newcomers_of(cube: Cube, missed: Lacking) -> FloatArray:
    """(Q, B_good) the mean spectrum of each material that was lacking."""
    spectra = cube.spectra[np.unravel_index(missed.places, cube.shape[:2])][:, cube.good_bands].astype(np.float64)
    return np.stack([spectra[group].mean(axis=0) for group in missed.groups])


def _endmembers(answer: Unmixing) -> FloatArray:
    """(P, B_good)."""
    return np.asarray(answer.endmembers[:, ~np.isnan(answer.endmembers).all(axis=0)])


def within(steps: Fit[T], start: float, end: float, *, previews: bool = True) -> Fit[T]:
    """The steps of a fit in a part of the bar; without its ``previews`` where these are of another shape, a sample's."""
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as last:
                result: T = last.value
                return result
            shown = event.snapshot if previews else None
            yield replace(event, fraction=start + (end - start) * min(event.fraction, 1.0), snapshot=shown)
    finally:
        steps.close()
