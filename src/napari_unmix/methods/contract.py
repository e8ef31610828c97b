"""The one contract that every method keeps."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import numpy as np

from napari_unmix.answer import Contribution, Findings, Fit, Note, Preview
from napari_unmix.auxiliary import SideInformation
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.rows.inversion import Inversion, inversion
from napari_unmix.spec import MethodSpec

# The order of endmembers, and a quick look, are made from about this many pixels.
_ORDERED_BY = 20_000

Spec = TypeVar("Spec", bound=MethodSpec)


@dataclass(frozen=True, eq=False)
class Problem(Generic[Spec]):
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
    spec: Spec

    @property
    def inversion(self) -> Inversion:
        """How abundances follow from spectra."""
        return inversion(free_light=self.spec.illumination)

    @property
    def declared(self) -> IntArray:
        """(N,) the regions that a person declared, 0 = none: what theorems and moments may read. Automatic segments are too homogeneous."""
        return np.asarray(np.where(self.regions <= self.side.declared, self.regions, 0))

    @property
    def names(self) -> tuple[str, ...]:
        """One per endmember: the painted materials', then numbers."""
        given = len(self.materials)
        return (*self.materials, *(f"endmember {k + 1}" for k in range(given, self.endmember_count)))

    def order(self, endmembers: FloatArray, *, anchored: int | None = None) -> IntArray:
        """(P,) order of (P, B_good) endmembers: painted materials first, the others by mean abundance, so that a second run gives the same.

        ``anchored`` is the number of endmembers that painted materials lead, all of the painted ones if not given.
        """
        first = len(self.materials) if anchored is None else anchored
        sample = self.spectra[:: max(1, len(self.spectra) // _ORDERED_BY)]
        share = self.inversion.invert(sample, self.inversion.written(endmembers)).abundances.mean(axis=0)
        return np.concatenate([np.arange(first), first + np.argsort(-share[first:], kind="stable")])

    def preview(self, endmembers: FloatArray, abundances: FloatArray) -> Preview:
        """Lift (P, B_good) endmembers and (N, P) abundances to the cube's shape."""
        return Preview(self.all_bands(endmembers), cast(FloatArray, self.cube.image(abundances.astype(np.float32))))

    def all_bands(self, endmembers: FloatArray) -> FloatArray:
        """(P, B_good) -> (P, B) with NaN in excluded bands."""
        full = np.full((len(endmembers), self.cube.shape[2]), np.nan)
        full[:, self.cube.good_bands] = endmembers
        return full


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """What a method returns, on the problem's own pixels and bands; see ``Unmixing`` for the meaning of each part.

    Endmembers (P, B_good) are in the order of ``Problem.order`` and as ``Inversion.written``; ``contribution``: scores (N, K), basis (K, B_good).
    """

    endmembers: FloatArray
    abundances: FloatArray
    findings: Findings
    abundance_std: FloatArray | None = None
    illumination: FloatArray | None = None
    notes: tuple[Note, ...] = ()
    history: tuple[tuple[str, int, float], ...] = ()
    model: dict[str, FloatArray] = field(default_factory=dict)
    contribution: Contribution | None = None


def implementation(spec: MethodSpec) -> Callable[[Problem[MethodSpec]], Fit[Solution]]:
    """Import the function that fits this spec."""
    module, _, name = type(spec).implementation.partition(":")
    return cast(Callable[[Problem[MethodSpec]], Fit[Solution]], getattr(importlib.import_module(module), name))


class QuickLook:
    """A first preview, made where somebody looks, and only once: VCA's picks (or ``endmembers`` so far) and least squares."""

    def __init__(self, problem: Problem[Spec], endmembers: FloatArray | None = None) -> None:
        self._problem = problem
        self._endmembers = endmembers
        self._made: Preview | None = None

    def __call__(self) -> Preview:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Preview:
        problem, endmembers = self._problem, self._endmembers
        anchored = None
        if endmembers is None:
            generator, anchored = np.random.default_rng(problem.spec.seed), 0
            endmembers = problem.spectra[vertex_components(problem.spectra, problem.endmember_count, generator)]
        endmembers = problem.inversion.written(endmembers)
        endmembers = endmembers[problem.order(endmembers, anchored=anchored)]
        return problem.preview(endmembers, problem.inversion.invert(problem.spectra, endmembers).abundances)
