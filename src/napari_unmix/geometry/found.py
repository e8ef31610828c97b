"""What a search for endmembers returns."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Note, SearchNumbers, StrokeFound, numbers_in_order
from napari_unmix.geometry.recipes import Corners
from napari_unmix.geometry.seen import NO_LOSS as NO_LOSS
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.subspace import Excess

# Residual to the P-dimensional subspace over the noise, above which spectra vary more than noise.
VARIABILITY = 1.25
# Where the chord's endmember and the cone's are further apart (degrees), the data do not say where it is; and what they measured is called.
UNDETERMINED, CHORD_CONE = 5.0, "chord_cone_degrees"


@dataclass(frozen=True, eq=False)
class Found:
    """Endmembers and how they were found.

    Attributes
    ----------
    endmembers : (P, B) spectra, or directions where brightness is free
    recipe : what found them, and can find them again
    noise : calibrated white noise level
    excess : residual to the subspaces over the noise
    notes : for the user, each from a measured number
    numbers : what was measured
    strokes : what the search made of each painted material, in their order
    """

    endmembers: FloatArray
    recipe: Corners
    noise: float
    excess: Excess
    notes: tuple[Note, ...] = ()
    numbers: SearchNumbers = field(default_factory=dict)
    strokes: tuple[StrokeFound, ...] = ()

    @property
    def route(self) -> str:
        """The branch that was taken, see ``Corners.route``."""
        return self.recipe.route

    @property
    def pure(self) -> bool:
        """Whether pure pixels back the endmembers; False means extrapolated beyond the data."""
        return not self.recipe.extrapolated

    @property
    def determined(self) -> bool:
        """Whether the chord and the cone were both fitted, and say the same of every endmember."""
        apart = self.numbers.get(CHORD_CONE)
        return apart is not None and bool(np.max(apart) <= UNDETERMINED)

    def numbers_in(self, order: IntArray) -> SearchNumbers:
        """What was measured, where the endmembers come in this order (P,): those of each endmember move with it."""
        return numbers_in_order(self.numbers, order.tolist())

    def in_order(self, order: IntArray) -> Found:
        """The same endmembers in this order (P,), with their numbers."""
        return replace(self, endmembers=self.endmembers[order], numbers=self.numbers_in(order))

    def linear_to_noise(self, inversion: Inversion) -> bool:
        """Whether the simplex model holds to the noise in the inversion's own coordinates: what moments of regions need."""
        plane = "perspective" if inversion.free_light else "affine"
        return self.route == plane and self.excess.linear <= VARIABILITY


# Yields the loss at every step, with the endmembers so far where they are better than those before.
Search = Generator[float, None, Found]

# Filled in by ``search.find_endmembers``, which measures it once for all routes.
NO_EXCESS = Excess(0.0, 0.0, np.zeros(0), np.zeros(0))
