"""A probe of the painted classes: how far it is, and what came of it. Facts only, pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import Annotation, Cube
from napari_unmix.probing.evaluate import Probed


@dataclass(frozen=True, eq=False)
class Probing:
    """A probe of ``cube`` that is under way: the share ``done``, and what happens now in ``words``."""

    cube: Cube
    done: float = 0.0
    words: str = "reading the painted pixels"


@dataclass(frozen=True, eq=False)
class Probe:
    """What a probe of a cube's painted classes found; it holds no maps.

    Attributes
    ----------
    annotation : the painting whose classes they are
    runs : the numbers of the runs that were read
    names, pixels : of the classes, and how many pixels each has
    folds, side : parts by place, of blocks of so many pixels
    rows : what a classifier found on raw spectra and on each run's abundances and codes
    notes : sentences on what was left out
    """

    annotation: Annotation
    runs: tuple[int, ...]
    names: tuple[str, ...]
    pixels: tuple[int, ...]
    folds: int
    side: int
    rows: tuple[Probed, ...]
    notes: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing."""
        return 1 / len(self.names)


def same_classes(one: Annotation, other: Annotation | None) -> bool:
    """Whether two paintings have the same classes in the same pixels; what they are called is no matter."""
    if one is other:
        return True
    if other is None or not np.array_equal(one.labels, other.labels):
        return False
    return one.of_kind("ignore") == other.of_kind("ignore")
