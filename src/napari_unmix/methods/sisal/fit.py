"""Minimum volume by SISAL (Bioucas-Dias 2009), then exact least squares: the classical answer to scenes without pure pixels."""

from __future__ import annotations

from typing import cast

from napari_unmix.answer import Fit, Progress
from napari_unmix.cube import FloatArray
from napari_unmix.geometry.coordinates import affine_coordinates, perspective_coordinates
from napari_unmix.geometry.volume import hinge_volume
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.methods.sisal.spec import SisalSpec
from napari_unmix.rows.subspace import noise_level


def fit(problem: Problem) -> Fit[Solution]:
    """Fit; see the module's text."""
    spec = cast(SisalSpec, problem.spec)
    yield Progress("finding endmembers", 0, 2, 0.1)
    endmembers = minimum_volume_hinge(
        problem.spectra, problem.endmember_count, spec.penalty, sum_to_one=not spec.illumination
    )
    return (yield from least_squares(problem, endmembers, 0.6))


def minimum_volume_hinge(spectra: FloatArray, count: int, penalty: float, *, sum_to_one: bool) -> FloatArray:
    """(N, B) -> (count, B) vertices; in perspective coordinates where brightness is free, so that it divides out."""
    make = affine_coordinates if sum_to_one else perspective_coordinates
    coordinates = make(spectra, count, noise_level(spectra, count))
    return coordinates.to_spectra(hinge_volume(coordinates.scores[coordinates.kept], count, penalty))
