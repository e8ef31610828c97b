"""VCA, then exact constrained least squares: the classical baseline, with no side information."""

from __future__ import annotations

import numpy as np

from napari_unmix.methods.base import Problem, Solution
from napari_unmix.methods.geometry.picks import vertex_components
from napari_unmix.simplex import fully_constrained, scaled
from napari_unmix.subspace import affine_subspace, linear_subspace, noise_level
from napari_unmix.unmixing import Fit, Progress

_CHUNK = 50_000


def fit(problem: Problem) -> Fit[Solution]:
    """Vertex component analysis (Nascimento & Bioucas-Dias 2005, TGRS 43(4)), then FCLS, or NNLS normalised with free illumination."""
    spectra, count, spec = problem.spectra, problem.endmember_count, problem.spec
    yield Progress("finding endmembers", 0, 1, 0.05)
    picked = vertex_components(spectra, count, np.random.default_rng(spec.seed))
    # The picks' denoised spectra: their projection on the signal subspace.
    subspace = linear_subspace(spectra, count) if spec.illumination else affine_subspace(spectra, count - 1)
    endmembers = np.maximum(subspace.spectra(subspace.scores(spectra[picked])), 0.0)
    if spec.illumination:
        endmembers = endmembers / np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12)
    abundances = np.full((len(spectra), count), 1.0 / count)
    illumination = np.ones(len(spectra)) if spec.illumination else None
    steps = range(0, len(spectra), _CHUNK)
    for step, start in enumerate(steps):
        part = slice(start, start + _CHUNK)
        if illumination is None:
            abundances[part] = fully_constrained(spectra[part], endmembers)
        else:
            abundances[part], illumination[part] = scaled(spectra[part], endmembers)
        yield Progress(
            "finding abundances",
            step + 1,
            len(steps),
            0.2 + 0.8 * (step + 1) / len(steps),
            snapshot=lambda: problem.preview(endmembers, abundances),
        )
    return Solution(
        endmembers,
        abundances,
        illumination=illumination,
        details={"noise": noise_level(spectra, count)},
        model={"endmembers": endmembers.astype(np.float32)},
    )
