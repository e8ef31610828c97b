"""VCA, then exact constrained least squares: the classical baseline, with no side information."""

from __future__ import annotations

import numpy as np

from napari_unmix.answer import Fit, Progress, meanwhile
from napari_unmix.geometry.picks import vertex_spectra
from napari_unmix.geometry.recipes import VertexPicks
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.methods.vca_fcls.spec import VcaFclsSpec


def fit(problem: Problem[VcaFclsSpec]) -> Fit[Solution]:
    """Vertex component analysis (Nascimento & Bioucas-Dias 2005, TGRS 43(4)), then FCLS, or NNLS normalised with free illumination."""
    yield (finding := Progress("finding endmembers", 0, 1, 0.05))
    generator = np.random.default_rng(problem.spec.seed)
    endmembers = yield from meanwhile(
        lambda: vertex_spectra(problem.spectra, problem.endmember_count, problem.inversion, generator), finding
    )
    return (yield from least_squares(problem, endmembers, VertexPicks(), 0.2))
