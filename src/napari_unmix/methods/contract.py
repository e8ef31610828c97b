"""The one contract that every method keeps."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from napari_unmix.answer import Fit, Preview
from napari_unmix.auxiliary import SideInformation
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.spec import MethodSpec


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method fits: the valid pixels of a cube in its good bands, and what is known beside them.

    Attributes
    ----------
    cube : the cube, for whoever needs the pixels' places
    spectra : (N, B) float64, valid pixels, good bands
    regions : (N,) int, the auxiliary variable u of each pixel: 0 = unknown, else 1 … R
    side : where u comes from
    materials : name -> (n,) indices into ``spectra`` of a stroke of mostly that material; they anchor the first endmembers in order
    endmember_count : P, resolved
    spec : the method's spec
    """

    cube: Cube
    spectra: FloatArray
    regions: IntArray
    side: SideInformation
    materials: dict[str, IntArray]
    endmember_count: int
    spec: MethodSpec

    def preview(self, endmembers: FloatArray, abundances: FloatArray) -> Preview:
        """Lift (P, B_good) endmembers and (N, P) abundances to the cube's shape."""
        return Preview(self.all_bands(endmembers), cast(FloatArray, self.cube.image(abundances.astype(np.float32))))

    def all_bands(self, endmembers: FloatArray) -> FloatArray:
        """(P, B_good) -> (P, B) with NaN in excluded bands."""
        full = np.full((len(endmembers), self.cube.shape[2]), np.nan)
        full[:, self.cube.good_bands] = endmembers
        return full


@dataclass(frozen=True, eq=False)
class Solution:
    """What a method returns, on the problem's own pixels and bands; see ``Unmixing`` for the meaning of each part."""

    endmembers: FloatArray
    abundances: FloatArray
    abundance_std: FloatArray | None = None
    illumination: FloatArray | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    history: tuple[tuple[str, int, float], ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    model: dict[str, FloatArray] = field(default_factory=dict)
    bend: tuple[FloatArray, FloatArray] | None = None  # (N, K) scores and (K, B_good) basis of what mixing adds to s·aM


def implementation(spec: MethodSpec) -> Callable[[Problem], Fit[Solution]]:
    """Import the function that fits this spec."""
    module, _, name = type(spec).implementation.partition(":")
    return cast(Callable[[Problem], Fit[Solution]], getattr(importlib.import_module(module), name))
