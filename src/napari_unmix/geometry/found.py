"""What a search for endmembers returns."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.subspace import Excess

# Residual to the P-dimensional subspace over the noise, above which spectra vary more than noise.
VARIABILITY = 1.25


@dataclass(frozen=True, eq=False)
class Found:
    """Endmembers and how they were found.

    Attributes
    ----------
    endmembers : (P, B) spectra, or directions where ``scaled`` inversion follows
    route : "sphere", "cone", "strokes", "rare", "affine" or "perspective"
    pure : whether pure pixels back the endmembers; False means extrapolated by minimum volume
    noise : calibrated white noise level
    excess : residual to the subspaces over the noise
    notes : sentences for the user, each from a measured number
    numbers : what was measured
    """

    endmembers: FloatArray
    route: str
    pure: bool
    noise: float
    excess: Excess
    notes: tuple[str, ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)

    def linear_to_noise(self, *, sum_to_one: bool) -> bool:
        """Whether the simplex model holds to the noise in the inversion's own coordinates: what moments of regions need."""
        return self.route == ("affine" if sum_to_one else "perspective") and self.excess.linear <= VARIABILITY


Search = Generator[float, None, Found]  # yields the loss at every step

# Filled in by ``route.find_endmembers``, which measures it once for all routes.
NO_EXCESS = Excess(0.0, 0.0, np.zeros(0), np.zeros(0))
