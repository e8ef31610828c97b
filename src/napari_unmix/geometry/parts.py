"""Archetypes of a large scene: followed on a part of the pixels that the search reads, and the lowest to its end on all of them (decision 0057)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.archetypes import SAME_LOSS, Archetypes, fit_archetypes, fit_from_starts, measured
from napari_unmix.geometry.seen import NO_LOSS, Losses, of_all

# Of the pixels of a large scene that the search reads every so many-th is in the part: 10,000, as many as in a scene of 100 × 100.
EVERY = 4


@dataclass(frozen=True, eq=False)
class Part:
    """``rows`` (n,) of a scene's pixels, and the ``starts`` (P,) as indices of these."""

    rows: IntArray
    starts: list[IntArray]

    @classmethod
    def of(cls, count: int, starts: Sequence[IntArray], every: int) -> Part:
        """Every so many-th of ``count`` pixels, and all pixels that a fit starts from: what stands at a corner is not lost."""
        rows = np.union1d(np.arange(0, count, every), np.concatenate(starts))
        return cls(rows, [np.searchsorted(rows, start) for start in starts])


def fit_by_a_part(
    scores: FloatArray,
    starts: list[IntArray],
    weights: FloatArray,
    share: float,
    *,
    every: int,
    cone: bool = False,
    sweeps: int = 80,
    within: float = SAME_LOSS,
) -> Losses[list[Archetypes]]:
    """``fit_from_starts`` (N, K), on every so many-th pixel; then all optima are measured on all pixels, and the lowest goes to its end there.

    With ``every`` = 1 it is ``fit_from_starts`` to the bit. All optima, the smallest loss first; the losses are of all N pixels.
    """
    if every == 1:
        return (yield from fit_from_starts(scores, starts, weights, share, cone=cone, sweeps=sweeps, within=within))
    # 1. Every start, on the part.
    part = Part.of(len(scores), starts, every)
    fit = fit_from_starts(
        scores[part.rows], part.starts, weights[part.rows], share, cone=cone, sweeps=sweeps, within=within
    )
    optima = yield from of_all(fit, len(scores) / len(part.rows))
    # 2. What they leave of all pixels.
    found = list[Archetypes]()
    for optimum in optima:
        found.append((yield from measured(scores, optimum.archetypes, weights, cone=cone)))
        yield NO_LOSS
    found.sort(key=lambda optimum: optimum.loss)
    # 3. The lowest to its end.
    ended = yield from fit_archetypes(scores, found[0].archetypes, weights, share, cone=cone, sweeps=sweeps)
    return sorted([ended, *found[1:]], key=lambda optimum: optimum.loss)
