"""The pixels of the largest simplex, then exact constrained least squares: no side information."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Recipe, Redraw
from napari_unmix.geometry.picks import largest_volume, simplex_volume
from napari_unmix.methods._template.spec import TemplateSpec
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.progress import Fit, Progress
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.subspace import affine_subspace


class LargestSimplex(Recipe):
    """How the endmembers are found: here, so that the report's refits run the same code on other data."""

    kind: Literal["largest simplex"] = "largest simplex"
    sweeps: int

    def find(self, spectra: FloatArray, count: int) -> FloatArray:
        """(N, B) spectra -> (count, B) endmembers."""
        subspace = affine_subspace(spectra, count - 1)
        scores = subspace.scores(spectra)
        picked = largest_volume(scores, simplex_volume(scores, count), self.sweeps)
        return subspace.spectra(scores[picked])

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        yield
        found = self.find(redraw.spectra, len(start))
        return np.asarray(found[match_endmembers(found, start)])


def fit(problem: Problem[TemplateSpec]) -> Fit[Solution]:
    """Winter 1999 (SPIE 3753), from the start of Thurau 2012; yields before each step that takes long."""
    yield Progress("finding endmembers", 0, 1, 0.05)
    recipe = LargestSimplex(sweeps=problem.spec.sweeps)
    endmembers = recipe.find(problem.spectra, problem.endmember_count)
    return (yield from least_squares(problem, endmembers, recipe, 0.2))
