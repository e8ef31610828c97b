"""The two generators that everything drives: ``unmix`` fits, ``assess`` checks what may be claimed."""

from __future__ import annotations

import time

import numpy as np

from napari_unmix.answer import Bend, Fit, Progress, Unmixing
from napari_unmix.auxiliary import make_side_information
from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray, UnmixError
from napari_unmix.geometry.counting import suggest_endmembers
from napari_unmix.identifiability.assess import assess_solution
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.contract import Problem, Solution, implementation
from napari_unmix.preconditions import FEWEST_ENDMEMBERS, check_size, check_values
from napari_unmix.spec import MethodSpec

_CHUNK = 50_000


def unmix(cube: Cube, spec: MethodSpec, annotation: Annotation | None = None) -> Fit[Unmixing]:
    """Unmix a cube: a generator that yields ``Progress`` at every batch and returns the ``Unmixing``.

    Close the generator to cancel; do not ask for the next step to pause. Raises UnmixError, before any work, where the input does not fit.
    """
    start = time.perf_counter()
    yield Progress("reading the pixels", 0, 1, 0.0)
    problem = yield from make_problem(cube, spec, annotation)
    solution = yield from implementation(spec)(problem)
    return _lift(problem, solution, _notes(problem, cube, annotation), time.perf_counter() - start)


def assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """Check what may be claimed of a result: a generator that yields ``Progress`` and returns the ``Report``."""
    return (yield from assess_solution(cube, result))


def make_problem(cube: Cube, spec: MethodSpec, annotation: Annotation | None = None) -> Fit[Problem]:
    """Check the input and turn it into what a method fits; yields before each step that takes long on a large scene."""
    spectra = cube.pixels()
    ignored = np.zeros(len(spectra), bool)
    if annotation is not None:
        annotation.check_against(cube)
        ignored = np.isin(annotation.labels, annotation.of_kind("ignore"))[cube.valid_pixels]
        if ignored.any():
            cube = _without(cube, annotation)
            spectra = cube.pixels()
    check_values(spectra)
    count = FEWEST_ENDMEMBERS if spec.endmembers == "auto" else spec.endmembers
    most = check_size(spectra, count, spec.illumination)
    if spec.endmembers == "auto":
        yield Progress("measuring the noise", 0, 1, 0.0)
        count = min(suggest_endmembers(spectra), most)
    choice = getattr(spec, "auxiliary", "none")
    used = annotation if spec.uses_paint else None
    side = yield from make_side_information(cube, used, choice)
    materials: dict[str, IntArray] = {}
    if used is not None:
        where = used.labels[cube.valid_pixels]
        for label in used.of_kind("material"):
            name = used.meaning(label).name or f"material {label}"
            # Two labels of one name are two strokes of one material.
            materials[name] = np.union1d(materials.get(name, np.zeros(0, int)), np.flatnonzero(where == label)).astype(
                int
            )
    materials = {name: pixels for name, pixels in materials.items() if pixels.size}
    if len(materials) > count:
        raise UnmixError(
            f"{len(materials)} materials are painted but {count} endmembers were asked for: ask for at least {len(materials)}, or merge strokes."
        )
    return Problem(cube, spectra, side.labels[cube.valid_pixels], side, materials, count, spec)


def _without(cube: Cube, annotation: Annotation) -> Cube:
    from dataclasses import replace

    return replace(cube, valid_pixels=cube.valid_pixels & ~np.isin(annotation.labels, annotation.of_kind("ignore")))


def _lift(problem: Problem, solution: Solution, notes: tuple[str, ...], seconds: float) -> Unmixing:
    cube = problem.cube
    error = _reconstruction_error(problem.spectra, solution).astype(np.float32)

    def image(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.asarray(cube.image(values.astype(np.float32)))

    abundances = np.asarray(cube.image(solution.abundances.astype(np.float32)))
    names = solution.names or tuple(f"endmember {k + 1}" for k in range(problem.endmember_count))
    return Unmixing(
        endmembers=problem.all_bands(solution.endmembers),
        abundances=abundances,
        abundance_std=image(solution.abundance_std),
        illumination=image(solution.illumination),
        reconstruction_error=np.asarray(cube.image(error)),
        names=names,
        spec=problem.spec,
        notes=(*solution.notes, *notes),
        history=solution.history,
        details={
            **solution.details,
            "regions": problem.side.labels,
            "source": problem.side.source,
            "sources": problem.side.sources,
        },
        model=solution.model,
        seconds=seconds,
        bend=None if solution.bend is None else _lifted_bend(problem, *solution.bend),
    )


def _lifted_bend(problem: Problem, scores: FloatArray, basis: FloatArray) -> Bend:
    lifted = np.asarray(problem.cube.image(scores.astype(np.float32)))
    return Bend(lifted, problem.all_bands(basis))


def _reconstruction_error(spectra: FloatArray, solution: Solution) -> FloatArray:
    """(N,) root mean square, in parts: a second copy of a large cube is not made."""
    amounts = (
        solution.abundances if solution.illumination is None else solution.illumination[:, None] * solution.abundances
    )
    error = np.empty(len(spectra))
    for start in range(0, len(spectra), _CHUNK):
        rows = slice(start, start + _CHUNK)
        residual = spectra[rows] - amounts[rows] @ solution.endmembers
        if solution.bend is not None:
            residual -= solution.bend[0][rows] @ solution.bend[1]
        error[rows] = np.sqrt(np.mean(residual**2, axis=1))
    return error


def _notes(problem: Problem, cube: Cube, annotation: Annotation | None) -> tuple[str, ...]:
    """What became of the annotation of the cube as it was given: in the problem, ignored pixels are invalid."""
    said = problem.side.statuses if type(problem.spec).uses_paint else ()
    if annotation is None:
        return said
    if not annotation.labels[cube.valid_pixels].any():
        return (*said, "The annotation is empty: no valid pixel is painted, so it added nothing.")
    if not type(problem.spec).uses_paint and (annotation.of_kind("region") or annotation.of_kind("material")):
        return (f"{type(problem.spec).title} does not use painting: regions and materials were not read.",)
    return said
