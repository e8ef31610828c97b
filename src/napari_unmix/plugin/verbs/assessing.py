"""Finding out what may be claimed, in the background: a later report of a cube need not search again what one before has searched."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Report
from napari_unmix.progress import Fit, Progress

if TYPE_CHECKING:
    from napari_unmix.identifiability.again.searches import Searches


class Assess:
    """What may be claimed of a result; the latest searches are kept for each cube, as long as it is there."""

    def __init__(self) -> None:
        self._searches: WeakKeyDictionary[Cube, Searches] = WeakKeyDictionary()

    def __call__(self, cube: Cube, result: Unmixing) -> Fit[Report]:
        """The report; yields before each check and at every step of a search."""
        yield Progress("checking what may be claimed", 0, 1, 0.0)
        from napari_unmix.identifiability.again.searches import Searches
        from napari_unmix.large import assess

        return (yield from assess(cube, result, self._searches.setdefault(cube, Searches())))
