"""VCA, then exact constrained least squares: the classical baseline, with no side information."""

from __future__ import annotations

import numpy as np

from napari_unmix.answer import Fit, Progress
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.rows.subspace import affine_subspace, linear_subspace


def fit(problem: Problem) -> Fit[Solution]:
    """Vertex component analysis (Nascimento & Bioucas-Dias 2005, TGRS 43(4)), then FCLS, or NNLS normalised with free illumination."""
    spectra, count, spec = problem.spectra, problem.endmember_count, problem.spec
    yield Progress("finding endmembers", 0, 1, 0.05)
    picked = vertex_components(spectra, count, np.random.default_rng(spec.seed))
    # The picks' denoised spectra: their projection on the signal subspace.
    subspace = linear_subspace(spectra, count) if spec.illumination else affine_subspace(spectra, count - 1)
    return (yield from least_squares(problem, subspace.spectra(subspace.scores(spectra[picked])), 0.2))
