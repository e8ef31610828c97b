"""VCA, then exact constrained least squares: the classical baseline, with no side information."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_unmix.geometry.beside_recipes import Beside
from napari_unmix.geometry.picks import vertex_spectra
from napari_unmix.geometry.recipes import VertexPicks
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.methods.vca_fcls.spec import VcaFclsSpec
from napari_unmix.progress import Fit, Progress, meanwhile


def fit(problem: Problem[VcaFclsSpec]) -> Fit[Solution]:
    """Vertex component analysis (Nascimento & Bioucas-Dias 2005, TGRS 43(4)), then FCLS, or NNLS normalised with free illumination."""
    if problem.given is not None:
        return (yield from _beside_given(problem))
    yield (finding := Progress("finding endmembers", 0, 1, 0.05))
    generator = np.random.default_rng(problem.spec.seed)
    endmembers = yield from meanwhile(
        lambda: vertex_spectra(problem.spectra, problem.endmember_count, problem.inversion, generator), finding
    )
    return (yield from least_squares(problem, endmembers, VertexPicks(), 0.2))


def _beside_given(problem: Problem[VcaFclsSpec]) -> Fit[Solution]:
    """VCA whose span begins with the held endmembers; it has no start, so those that are given but not held are picked anew."""
    held = tuple(np.flatnonzero(problem.held).tolist())
    if len(held) == problem.endmember_count:
        yield Progress("finding endmembers", 1, 1, 0.2)
        return (yield from least_squares(problem, problem.held_spectra, _recipe("nothing", held), 0.2))
    yield (finding := Progress("finding endmembers", 0, 1, 0.05))
    generator = np.random.default_rng(problem.spec.seed)
    count, inversion = problem.endmember_count, problem.inversion
    picked = yield from meanwhile(
        lambda: vertex_spectra(problem.spectra, count, inversion, generator, problem.held_spectra), finding
    )
    return (yield from least_squares(problem, problem.beside_held(picked), _recipe("picks", held), 0.2))


def _recipe(by: Literal["nothing", "picks"], held: tuple[int, ...]) -> Beside:
    return Beside(by=by, space="affine", held=held)
