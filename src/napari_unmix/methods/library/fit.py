"""Abundances of the entries of a library that were chosen for the scene."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.beside_recipes import Beside
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import inverted_in_parts, least_squares
from napari_unmix.methods.library.spec import LibrarySpec
from napari_unmix.progress import Fit
from napari_unmix.rows.inversion import Inverted, inverted_sparsely


def fit(problem: Problem[LibrarySpec]) -> Fit[Solution]:
    """Exact least squares on the entries, which ``choosing`` put in the place of given endmembers: all are held, none is searched."""
    held = tuple(np.flatnonzero(problem.held).tolist())
    recipe = Beside(by="nothing", space="perspective" if problem.spec.illumination else "affine", held=held)
    return (yield from least_squares(problem, problem.held_spectra, recipe, 0.5, (), _solved))


def _solved(problem: Problem[LibrarySpec], endmembers: FloatArray, done: float) -> Fit[Inverted]:
    spec = problem.spec
    sparse = partial(inverted_sparsely, sparsity=spec.sparsity, free_light=spec.illumination)
    return (yield from inverted_in_parts(problem, endmembers, done, sparse if spec.abundances == "sunsal" else None))
