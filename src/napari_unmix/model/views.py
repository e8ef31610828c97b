"""Where two views of one composition come from: pixels beside each other, or, where those are too few, pixels of one painted region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from napari_unmix.auxiliary.neighbours import Neighbours
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.model.pairs import PairedSpectra, alike_pairs, paired
from napari_unmix.model.within import differences_within, of_one_composition, paired_within

# Fewer pairs, or differences within regions, say nothing of what spectra vary by; the law is learned from at most so many.
FEWEST_PAIRS, _MOST_PAIRS = 200, 8_000

Source = Literal["neighbours", "regions"]


class Views(Protocol):
    """Pairs of pixels that share their composition, nearly."""

    @property
    def source(self) -> Source: ...

    @property
    def count(self) -> int:
        """How many there are, before anything is known of compositions."""
        ...

    def paired(
        self, spectra: FloatArray, abundances: FloatArray, endmembers: FloatArray, bright: BoolArray
    ) -> PairedSpectra:
        """Those of ``bright`` (N,) pixels whose abundances (N, P) are alike, less the change of composition; (N, B) spectra are of even light."""
        ...


@dataclass(frozen=True, eq=False)
class NeighbourViews:
    """Pixels that share an edge."""

    neighbours: Neighbours
    source: Source = "neighbours"

    @property
    def count(self) -> int:
        return len(self.neighbours.pairs)

    def paired(
        self, spectra: FloatArray, abundances: FloatArray, endmembers: FloatArray, bright: BoolArray
    ) -> PairedSpectra:
        pairs = _some(self.neighbours.pairs)
        alike = alike_pairs(abundances, pairs[bright[pairs].all(axis=1)])
        return paired(spectra, abundances, alike, endmembers, self.neighbours.smoothed(abundances))


@dataclass(frozen=True, eq=False)
class RegionViews:
    """Pixels of one of the ``regions`` (N,), 0 = none: which of them lies where does not count."""

    regions: IntArray
    source: Source = "regions"

    @cached_property
    def count(self) -> int:
        return differences_within(self.regions)

    def paired(
        self, spectra: FloatArray, abundances: FloatArray, endmembers: FloatArray, bright: BoolArray
    ) -> PairedSpectra:
        alike = of_one_composition(abundances, np.where(bright, self.regions, 0))
        return paired_within(spectra, abundances, _some_regions(alike), endmembers)


def views_of(neighbours: Neighbours, regions: IntArray) -> Views:
    """Neighbours, which are nearer; pixels of one of the painted ``regions`` (N,) where there are too few of those and enough of these.

    Superpixels are no help there: one that hangs together has no more differences than neighbours (decision 0029).
    """
    beside, within = NeighbourViews(neighbours), RegionViews(regions)
    return within if beside.count < FEWEST_PAIRS <= within.count else beside


def _some(pairs: IntArray) -> IntArray:
    """At most ``_MOST_PAIRS`` of them, the same ones every time."""
    if len(pairs) <= _MOST_PAIRS:
        return pairs
    return np.asarray(pairs[np.sort(np.random.default_rng(0).choice(len(pairs), _MOST_PAIRS, replace=False))])


def _some_regions(regions: IntArray) -> IntArray:
    """Whole regions of at most ``_MOST_PAIRS`` pixels together, and one at least, the same ones every time; the others are 0."""
    counts = np.bincount(regions, minlength=1)
    counts[0] = 0
    order = np.random.default_rng(0).permutation(len(counts))
    order = order[counts[order] > 0]
    kept = np.zeros(len(counts), dtype=bool)
    kept[order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), _MOST_PAIRS, side="right")))]] = True
    return np.asarray(np.where(kept[regions], regions, 0))
