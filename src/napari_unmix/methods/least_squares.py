"""The second half of every classical method: exact constrained least squares on endmembers that were found."""

from __future__ import annotations

import numpy as np

from napari_unmix.answer import Fit, Progress
from napari_unmix.cube import FloatArray
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.rows.subspace import noise_level

_CHUNK = 50_000


def least_squares(problem: Problem, endmembers: FloatArray, done: float) -> Fit[Solution]:
    """FCLS, or NNLS normalised with free illumination, on (P, B) endmembers; ``done`` is the share of the run that they took."""
    spectra, count = problem.spectra, problem.endmember_count
    endmembers = np.maximum(endmembers, 0.0)
    if problem.spec.illumination:
        endmembers = endmembers / np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12)
    abundances = np.full((len(spectra), count), 1.0 / count)
    illumination = np.ones(len(spectra)) if problem.spec.illumination else None
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
            done + (1 - done) * (step + 1) / len(steps),
            snapshot=lambda: problem.preview(endmembers, abundances),
        )
    return Solution(
        endmembers,
        abundances,
        illumination=illumination,
        details={"noise": noise_level(spectra, count)},
        model={"endmembers": endmembers.astype(np.float32)},
    )
