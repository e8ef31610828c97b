"""The one contract that every method keeps."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar, cast

import numpy as np

from napari_unmix.answer import Contribution
from napari_unmix.auxiliary import SideInformation
from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.findings import Findings, Note
from napari_unmix.geometry.archetypes import brightness_of_closest
from napari_unmix.geometry.beside_recipes import placed
from napari_unmix.geometry.picks import unit_length, vertex_components
from napari_unmix.given import Given
from napari_unmix.progress import Fit, Preview
from napari_unmix.rows.inversion import Inversion, Inverted, as_bright_as, inversion
from napari_unmix.rows.quick import grid_side, quick_abundances, quick_pixels
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import noise_level
from napari_unmix.spec import MethodSpec

# The order of endmembers, and a quick look, are made from about this many pixels.
_ORDERED_BY = 20_000
# What a quick look leaves of the spectra is measured on about this many.
_MEASURED_BY = 2_000

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
    materials : name -> (n,) indices into ``spectra`` of a stroke of mostly that material; they anchor the first endmembers in order, or the
        first after those that are given
    endmember_count : P, resolved
    spec : the method's spec
    given : (Q, B) endmembers that are known before, as ``Inversion.written``: they lead the answer in their order; those that are held are in
        it as they are here, the others may move
    also_read : indices of pixels that a search of a part of the scene reads as well
    """

    cube: Cube
    spectra: FloatArray
    regions: IntArray
    side: SideInformation
    materials: dict[str, IntArray]
    endmember_count: int
    spec: Spec
    given: Given | None = None
    also_read: tuple[int, ...] = ()

    @property
    def inversion(self) -> Inversion:
        """How abundances follow from spectra while endmembers are searched; what is in the answer is as ``written`` writes it."""
        return inversion(free_light=self.spec.illumination, maps=self.spec.maps)

    def written(self, endmembers: FloatArray) -> FloatArray:
        """(P, B_good) as they are shown and saved: as the inversion writes them, or as bright as the pixels most like them are.

        What is held is as bright as it was given, which ``exactly`` sees to.
        """
        if not self.spec.own_brightness:
            return self.inversion.written(endmembers)
        unit, lengths = unit_length(self.spectra[:: max(1, len(self.spectra) // _ORDERED_BY)])
        directions, _ = unit_length(np.maximum(endmembers, 0.0))
        return brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))

    def rewritten(self, endmembers: FloatArray, inverted: Inverted) -> tuple[FloatArray, Inverted]:
        """Endmembers (P, B_good) in the answer's order as ``written``, and what pixels have of these; what is held is as it was given."""
        if not self.spec.own_brightness:
            endmembers, inverted = self.inversion.rewritten(endmembers, inverted)
            return self.exactly(endmembers), inverted
        written = self.exactly(self.written(endmembers))
        return written, as_bright_as(endmembers, inverted, written)

    @property
    def declared(self) -> IntArray:
        """(N,) the regions that a person declared, 0 = none: what theorems and moments may read. Automatic segments are too homogeneous."""
        return np.asarray(np.where(self.regions <= self.side.declared, self.regions, 0))

    @property
    def names(self) -> tuple[str, ...]:
        """One per endmember: those given, the painted materials', then numbers."""
        leading = (*self._given_names, *self.painted)
        numbers = (f"endmember {k + 1}" for k in range(len(leading), 2 * self.endmember_count))
        free = (name for name in numbers if name not in leading)
        return (*leading, *(next(free) for _ in range(len(leading), self.endmember_count)))

    @property
    def _given_names(self) -> tuple[str, ...]:
        return () if self.given is None else self.given.names

    @property
    def painted(self) -> dict[str, IntArray]:
        """The materials that are not among the given endmembers: their strokes lead the endmembers after these."""
        return {name: pixels for name, pixels in self.materials.items() if name not in self._given_names}

    @property
    def led(self) -> tuple[int, ...]:
        """For each of the materials, the endmember that it names."""
        leading = (*self._given_names, *self.painted)
        return tuple(leading.index(name) for name in self.materials)

    @property
    def held(self) -> BoolArray:
        """(P,) the endmembers that are in the answer as they were given."""
        mask = np.zeros(self.endmember_count, dtype=bool)
        if self.given is not None:
            mask[: len(self.given)] = self.given.held
        return mask

    @property
    def held_spectra(self) -> FloatArray:
        """(Q, B_good) the endmembers that are held, as written; (0, B_good) without."""
        return self.spectra[:0] if self.given is None else self.given.spectra[self.given.held]

    def exactly(self, endmembers: FloatArray) -> FloatArray:
        """(P, B_good) in the answer's order, with those that are held as they were given, to the bit."""
        if not self.held.any():
            return endmembers
        kept = endmembers.copy()
        kept[self.held] = self.held_spectra
        return kept

    def beside_held(self, found: FloatArray) -> FloatArray:
        """(P, B_good) of those (P − held, B_good) that were ``found`` beside the held ones: each given one takes the one most like it."""
        if self.given is None:
            return found
        return placed(found, self.given.spectra, self.held)

    def order(self, endmembers: FloatArray, *, anchored: int | None = None) -> IntArray:
        """(P,) order of (P, B_good) endmembers: given and painted ones first, the others by mean abundance, so that a second run gives the same.

        ``anchored`` is the number of endmembers that lead so, all of the given and painted ones if it is None.
        """
        first = len(self._given_names) + len(self.painted) if anchored is None else anchored
        sample = self.spectra[:: max(1, len(self.spectra) // _ORDERED_BY)]
        share = self.inversion.invert(sample, self.written(endmembers)).abundances.mean(axis=0)
        return np.concatenate([np.arange(first), first + np.argsort(-share[first:], kind="stable")])

    def preview(self, endmembers: FloatArray, abundances: FloatArray) -> Preview:
        """Lift (P, B_good) endmembers and (N, P) abundances to the cube's shape."""
        return Preview(self.all_bands(endmembers), cast(FloatArray, self.cube.image(abundances.astype(np.float32))))

    def measured(self, endmembers: FloatArray, abundances: FloatArray) -> Preview:
        """A preview with its misfit, which is measured on some pixels."""
        sample = slice(None, None, max(1, len(self.spectra) // _MEASURED_BY))
        left = left_over(self.spectra[sample], abundances[sample], endmembers, self.inversion)
        return replace(self.preview(endmembers, abundances), misfit=left / self.sampled_noise)

    @cached_property
    def sampled_noise(self) -> float:
        """The noise level of a sample of the spectra: for previews, which do not wait for a method's own."""
        return noise_level(self.spectra[:: max(1, len(self.spectra) // _MEASURED_BY)], self.endmember_count)

    def all_bands(self, endmembers: FloatArray) -> FloatArray:
        """(P, B_good) -> (P, B) with NaN in excluded bands."""
        full = np.full((len(endmembers), self.cube.shape[2]), np.nan)
        full[:, self.cube.good_bands] = endmembers
        return full


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """What a method returns, on the problem's own pixels and bands; see ``Unmixing`` for the meaning of each part.

    Endmembers (P, B_good) are in the order of ``Problem.order`` and as ``Problem.written``; ``contribution``: scores (N, K), basis (K, B_good).
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


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a method chose of the spectra that were given to it: all of them held; how and how surely, in sentences and numbers."""

    given: Given
    notes: tuple[Note, ...] = ()
    numbers: dict[str, float | tuple[float, ...]] = field(default_factory=dict)


# The cube without ignored pixels, the spec, the candidates or None, and the most endmembers that the pixels can tell apart.
Chooser = Callable[[Cube, MethodSpec, Given | None, int], Fit[Chosen]]


def chooser(spec: MethodSpec) -> Chooser | None:
    """Import what chooses among the spectra that are given to this method; None where the method takes all that are given."""
    module, _, name = type(spec).chooser.partition(":")
    return cast(Chooser, getattr(importlib.import_module(module), name)) if module else None


class QuickLook:
    """Previews of the endmembers so far, made where somebody looks: VCA's picks until a search shows better ones, and nearly least squares.

    Draws from no generator of the fit. A look costs about a tenth of a second whatever the scene: abundances stand on a grid of pixels where
    all would take longer. Where the endmembers did not change since, each look is on a grid twice as fine; one that changes nothing is the last one.
    """

    def __init__(self, problem: Problem[Spec], endmembers: FloatArray | None = None) -> None:
        self._problem = problem
        self._endmembers: Callable[[], FloatArray] = self._picked if endmembers is None else lambda: endmembers
        self._side: int | None = None  # of the squares that the last look's grid had; None before the first
        self._ordered: FloatArray = np.empty((0, 0))
        self._made: Preview | None = None

    def show(self, endmembers: Callable[[], FloatArray]) -> None:
        """Show these (P, B_good), made where somebody looks, from now on."""
        self._endmembers, self._side = endmembers, None

    def __call__(self) -> Preview:
        problem = self._problem
        if self._side is None:
            endmembers = problem.written(self._endmembers())
            self._ordered = endmembers[self._order(endmembers)]
            self._side = grid_side(len(problem.spectra), problem.endmember_count)
        elif self._made is not None:
            if self._side == 1:
                return self._made
            self._side = max(1, self._side // 2)
        pixels, shown_as = quick_pixels(problem.cube.valid_pixels, self._side)
        abundances = quick_abundances(problem.spectra[pixels], self._ordered, problem.inversion)
        self._made = replace(problem.preview(self._ordered, abundances[shown_as]), misfit=self._misfit())
        return self._made

    def _picked(self) -> FloatArray:
        problem = self._problem
        sample = problem.spectra[:: max(1, len(problem.spectra) // _ORDERED_BY)]
        generator = np.random.default_rng(problem.spec.seed)
        picked = vertex_components(sample, problem.endmember_count, generator, problem.held_spectra)
        return np.asarray(problem.beside_held(sample[picked]) if problem.given is not None else sample[picked])

    def _order(self, endmembers: FloatArray) -> IntArray:
        """(P,) the given ones first, then the largest mean abundance."""
        first = 0 if self._problem.given is None else len(self._problem.given)
        share = quick_abundances(self._sample, endmembers, self._problem.inversion).mean(axis=0)
        return np.concatenate([np.arange(first), first + np.argsort(-share[first:], kind="stable")])

    @cached_property
    def _sample(self) -> FloatArray:
        return np.asarray(self._problem.spectra[:: max(1, len(self._problem.spectra) // _MEASURED_BY)])

    def _misfit(self) -> float:
        """What the endmembers leave of a sample of the spectra, over the noise."""
        inversion = self._problem.inversion
        abundances = quick_abundances(self._sample, self._ordered, inversion)
        return left_over(self._sample, abundances, self._ordered, inversion) / self._problem.sampled_noise


def left_over(spectra: FloatArray, abundances: FloatArray, endmembers: FloatArray, inversion: Inversion) -> float:
    """Root mean square of what (N, P) abundances of (P, B) endmembers leave of (N, B) spectra, at the best brightness where it is free."""
    made = abundances @ endmembers
    if inversion.free_light:
        made *= ((spectra * made).sum(axis=1) / np.maximum((made**2).sum(axis=1), 1e-300))[:, None]
    return float(np.sqrt(np.mean((spectra - made) ** 2)))
