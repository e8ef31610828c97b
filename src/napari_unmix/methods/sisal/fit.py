"""Minimum volume by SISAL (Bioucas-Dias 2009), then exact least squares: the classical answer to scenes without pure pixels."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry.beside import OUT_OF_REACH, within_reach
from napari_unmix.geometry.beside_recipes import Beside, ExtrapolatedBeside
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.geometry.recipes import MinimumVolume, Plane, hinge_simplex, in_plane
from napari_unmix.geometry.volume import hinge_volume
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.methods.sisal.spec import SisalSpec
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.rows.subspace import noise_level


def fit(problem: Problem[SisalSpec]) -> Fit[Solution]:
    """Fit in affine coordinates, or in perspective ones where brightness is free, so that it divides out.

    Where endmembers are given, the descent begins at them and at VCA's picks beside them, and the held vertices have no slope.
    """
    spectra, count, penalty = problem.spectra, problem.endmember_count, problem.spec.penalty
    yield (finding := Progress("finding endmembers", 0, 2, 0.1))
    space: Plane = "perspective" if problem.inversion.free_light else "affine"

    if problem.given is not None:
        return (yield from _beside_given(problem, space, finding))

    def found() -> FloatArray:
        return hinge_simplex(in_plane(space, spectra, count, noise_level(spectra, count)), count, penalty)

    endmembers = yield from meanwhile(found, finding)
    recipe = MinimumVolume(space=space, hinge=True, penalty=penalty)
    return (yield from least_squares(problem, endmembers, recipe, 0.6))


def _beside_given(problem: Problem[SisalSpec], space: Plane, finding: Progress) -> Fit[Solution]:
    spectra, count, penalty, given = problem.spectra, problem.endmember_count, problem.spec.penalty, problem.given
    assert given is not None
    held = tuple(np.flatnonzero(problem.held).tolist())
    if len(held) == count:
        known = Beside(by="nothing", space=space, held=held)
        return (yield from least_squares(problem, problem.held_spectra, known, 0.6))

    def found() -> tuple[FloatArray, bool]:
        plane = in_plane(space, spectra, count, noise_level(spectra, count))
        picked = vertex_components(spectra, count, np.random.default_rng(problem.spec.seed), given.spectra)
        begun = plane.vertices(np.vstack([given.spectra, spectra[picked]]))
        corners = hinge_volume(plane.scores[plane.kept], count, penalty, begun=begun, held=problem.held)
        reached = within_reach(corners, begun)
        return plane.to_spectra(corners if reached else begun), reached

    endmembers, reached = yield from meanwhile(found, finding)
    if not reached:
        note = Note(NoteKind.DOUBT, OUT_OF_REACH)
        return (yield from least_squares(problem, endmembers, Beside(by="picks", space=space, held=held), 0.6, (note,)))
    recipe = ExtrapolatedBeside(by="hinge", space=space, held=held, penalty=penalty)
    return (yield from least_squares(problem, endmembers, recipe, 0.6))
