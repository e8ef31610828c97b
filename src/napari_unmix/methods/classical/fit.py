"""The classical methods: one algorithm of the field finds endmembers, another abundances (Bioucas-Dias et al. 2012, JSTARS 5(2))."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.beside_recipes import Beside
from napari_unmix.methods.classical.extraction.algorithms import ALGORITHMS
from napari_unmix.methods.classical.extraction.asked import Asked, Settings
from napari_unmix.methods.classical.recipes import recipe_of
from napari_unmix.methods.classical.solvers import notes_of, solved
from napari_unmix.methods.classical.spec import ClassicalSpec
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.least_squares import least_squares
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.rows.subspace import noise_level

_FOUND = 0.5  # of the run, when the endmembers are found


def fit(problem: Problem[ClassicalSpec]) -> Fit[Solution]:
    """Find endmembers beside those that are held, then abundances."""
    spec, notes = problem.spec, notes_of(problem.spec)
    held = tuple(np.flatnonzero(problem.held).tolist())
    yield (finding := Progress("finding endmembers", 0, 1, 0.05))
    if len(held) == problem.endmember_count:
        nothing = Beside(by="nothing", space="perspective" if spec.illumination else "affine", held=held)
        return (yield from least_squares(problem, problem.held_spectra, nothing, _FOUND, notes, solved))

    def found() -> tuple[FloatArray, Asked]:
        asked = asked_of(problem)
        return ALGORITHMS[spec.extraction](asked), asked

    endmembers, asked = yield from meanwhile(found, finding)
    recipe = recipe_of(spec.extraction, asked, held)
    return (yield from least_squares(problem, problem.beside_held(endmembers), recipe, _FOUND, notes, solved))


def asked_of(problem: Problem[ClassicalSpec]) -> Asked:
    """What the algorithm is asked for."""
    spec, given = problem.spec, problem.given
    return Asked(
        spectra=problem.spectra,
        count=problem.endmember_count,
        free_light=spec.illumination,
        noise=noise_level(problem.spectra, problem.endmember_count),
        generator=np.random.default_rng(spec.seed),
        held=problem.held_spectra,
        begun=problem.spectra[:0] if given is None else given.spectra[~given.held],
        settings=Settings(penalty=spec.penalty, skewers=spec.skewers, volume=spec.volume),
    )
