"""Minimum volume by SISAL (Bioucas-Dias 2009), then exact least squares: the classical answer to scenes without pure pixels."""

from __future__ import annotations

from napari_unmix.answer import Fit, Progress, meanwhile
from napari_unmix.cube import FloatArray
from napari_unmix.geometry.recipes import MinimumVolume, Plane, hinge_simplex, in_plane
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.methods.sisal.spec import SisalSpec
from napari_unmix.rows.subspace import noise_level


def fit(problem: Problem[SisalSpec]) -> Fit[Solution]:
    """Fit in affine coordinates, or in perspective ones where brightness is free, so that it divides out."""
    spectra, count, penalty = problem.spectra, problem.endmember_count, problem.spec.penalty
    yield (finding := Progress("finding endmembers", 0, 2, 0.1))
    space: Plane = "perspective" if problem.inversion.free_light else "affine"

    def found() -> FloatArray:
        return hinge_simplex(in_plane(space, spectra, count, noise_level(spectra, count)), count, penalty)

    endmembers = yield from meanwhile(found, finding)
    recipe = MinimumVolume(space=space, hinge=True, penalty=penalty)
    return (yield from least_squares(problem, endmembers, recipe, 0.6))
