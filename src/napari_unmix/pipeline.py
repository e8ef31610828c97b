"""The two generators that everything drives: ``unmix`` fits, ``assess`` checks what may be claimed."""

from __future__ import annotations

import time
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from napari_unmix.answer import Contribution, Unmixing, mixed
from napari_unmix.auxiliary import SideInformation, make_side_information
from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry.counting import suggest_endmembers
from napari_unmix.geometry.halves import said_of_support, what_is_supported
from napari_unmix.given import Given
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.assess import assess_solution
from napari_unmix.identifiability.decided import decided
from napari_unmix.identifiability.report import Report
from napari_unmix.io.budget import check_run
from napari_unmix.methods.contract import Chosen, Problem, QuickLook, Solution, chooser, implementation
from napari_unmix.methods.one_material import one_material_solution
from napari_unmix.model.network import device_of
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.preconditions import FEWEST_ENDMEMBERS, check_size, check_values
from napari_unmix.progress import Fit, Progress, forward, looking, meanwhile
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.metrics import rmse
from napari_unmix.rows.subspace import noise_level, said_of_noise
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

# Pixels whose residuals are made at once: what is between stays in the cache.
_CHUNK = 4_096
# How far abundances are from least squares is measured on about this many pixels: the third digit stays.
_COMPARED = 5_000


def unmix(
    cube: Cube,
    spec: MethodSpec,
    annotation: Annotation | None = None,
    given: Given | None = None,
    also_read: IntArray | None = None,
) -> Fit[Unmixing]:
    """Unmix a cube: a generator that yields ``Progress`` at every batch, whose fraction never falls, and returns the ``Unmixing``.

    Close the generator to cancel; do not ask for the next step to pause. Raises UnmixError, before any work, where the input does not fit.

    ``given`` are endmembers that lead the answer: those that are held are in it as they were given (as ``Inversion.written`` writes them), the
    search starts from the others. There are as many as the spec says, and at least those given; where all are held and no more are asked for,
    only abundances are inferred. ``also_read`` (n,) are flat places of pixels that a search of a part of the scene reads as well.
    """
    return (yield from forward(_unmixed(cube, spec, annotation, given, also_read)))


def _unmixed(
    cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None, also_read: IntArray | None
) -> Fit[Unmixing]:
    start = time.perf_counter()
    yield Progress("reading the pixels", 0, 1, 0.0)
    choice = yield from _chosen(cube, spec, annotation, given)
    given = given if choice is None else choice.given
    problem, look = yield from _looked_at(cube, spec, annotation, given)
    problem = replace(problem, also_read=_ranks(problem.cube, also_read))
    if problem.endmember_count == 1:
        finding = Progress("finding the endmember", 0, 1, 0.5)
        solution = yield from meanwhile(lambda: one_material_solution(problem), finding)
    else:
        solution = yield from looking(implementation(spec)(problem), look)
        counting = Progress("counting what the scene supports", 0, 1, 1.0)
        solution = yield from meanwhile(lambda: _supported(problem, solution), counting)
    of_choice = () if choice is None else choice.notes
    notes = (*of_choice, *_given_notes(given), *_brightness_notes(problem), *_notes(problem, cube, annotation))
    lifted = yield from meanwhile(
        lambda: _lift(problem, solution, notes),
        Progress("measuring the residual", 0, 1, 1.0),
    )
    answered = _with_choice(lifted, choice).with_given(given)
    notes = (*_decided_notes(answered), *answered.notes)
    return replace(answered, notes=notes, seconds=time.perf_counter() - start)


@steps_on_one_thread
def assess(cube: Cube, result: Unmixing, searches: Searches | None = None) -> Fit[Report]:
    """Check what may be claimed of a result: a generator that yields ``Progress`` and returns the ``Report``.

    Where ``searches`` are kept from one report to the next, those of the same pixels are not made again: strokes that name change none.
    """
    return (yield from assess_solution(cube, result, searches))


def make_problem(
    cube: Cube, spec: MethodSpec, annotation: Annotation | None = None, given: Given | None = None
) -> Fit[Problem[MethodSpec]]:
    """Check the input and turn it into what a method fits; yields before each step that takes long on a large scene."""
    choice = yield from _chosen(cube, spec, annotation, given)
    given = given if choice is None else choice.given
    problem, _ = yield from _looked_at(cube, spec, annotation, given)
    return problem


def _chosen(cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None) -> Fit[Chosen | None]:
    """What a method that chooses made of what is given; None of all others."""
    choose = chooser(spec)
    if choose is None:
        return None
    if annotation is not None:
        annotation.check_against(cube)
        cube = without_ignored(cube, annotation)
    least = FEWEST_ENDMEMBERS if spec.endmembers == "auto" else spec.endmembers
    reading = Progress("reading the pixels", 0, 1, 0.0)
    _, most = yield from meanwhile(lambda: _checked(cube, least, spec.illumination, automatic=False), reading)
    return (yield from choose(cube, spec, given, most))


def _with_choice(result: Unmixing, choice: Chosen | None) -> Unmixing:
    """The result with the numbers of the choice among its findings."""
    if choice is None:
        return result
    search = {**result.findings.search, **choice.numbers}
    return replace(result, findings=result.findings.model_copy(update={"search": search}))


def _looked_at(
    cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None
) -> Fit[tuple[Problem[MethodSpec], QuickLook]]:
    """What a method fits, and the first maps, which are there to look at before u is made."""
    device_of(spec)  # refused before any work where it asks for a GPU that is not there
    if annotation is not None:
        annotation.check_against(cube)
        cube = without_ignored(cube, annotation)
    least = 0
    if given is not None:
        given.check_against(cube)
        least = len(given)
    automatic = spec.endmembers == "auto" and least < FEWEST_ENDMEMBERS
    count = max(least, FEWEST_ENDMEMBERS if spec.endmembers == "auto" else spec.endmembers)
    spectra, most = yield from meanwhile(
        lambda: _checked(cube, count, spec.illumination, automatic), Progress("reading the pixels", 0, 1, 0.0)
    )
    if spec.endmembers == "auto":
        yield (measuring := Progress("measuring the noise", 0, 1, 0.0))
        count = max(least, min((yield from meanwhile(lambda: suggested(cube, spectra), measuring)), most))
    used = annotation if spec.uses_paint else None
    materials = {} if used is None else materials_of(used, cube)
    led = least + len(materials.keys() - set(() if given is None else given.names))
    beside_one = count == 1 < led
    if spec.endmembers == "auto" and (beside_one or least):
        count = max(count, min(led, most))  # what is painted is asked for, and the report says what the data say
    if led > count:
        painted = f"{len(materials)} materials are painted" if not least else f"{led} materials are painted or given"
        raise UnmixError(f"{painted} but {count} endmembers were asked for: ask for at least {led}, or merge strokes.")
    written = None if given is None else given.within(cube.good_bands)
    if written is not None:
        shown_as = inversion(free_light=spec.illumination, own_brightness=spec.own_brightness, maps=spec.maps)
        written = replace(written, spectra=shown_as.written(written.spectra))
    unlabelled = SideInformation(np.zeros(cube.shape[:2], np.int32), ("none",), {}, ())
    problem = Problem(cube, spectra, np.zeros(len(spectra), np.int32), unlabelled, materials, count, spec, written)
    look = QuickLook(problem)
    # From here on there are maps to look at: the first need neither the noise nor u.
    making = make_side_information(cube, used, spec.side_information if count > 1 else "none")
    side = yield from (making if count == 1 else looking(making, look))
    return replace(problem, regions=side.labels[cube.valid_pixels], side=side), look


_SUGGESTED: WeakKeyDictionary[Cube, int] = WeakKeyDictionary()


def suggested(cube: Cube, spectra: FloatArray | None = None) -> int:
    """The number of endmembers suggested for a cube, whose ``pixels()`` are (N, B): counted once, as a window asks before it trains.

    Of a cube that stays in its file it is counted in its ``overview``.
    """
    if cube not in _SUGGESTED:
        _SUGGESTED[cube] = int(suggest_endmembers(cube.overview.pixels() if spectra is None else spectra))
    return _SUGGESTED[cube]


def _checked(cube: Cube, count: int, illumination: bool, automatic: bool) -> tuple[FloatArray, int]:
    """The pixels of a cube that can be unmixed, and the most endmembers that they can tell apart."""
    check_run(cube.spectra.size, cube.name, held=cube.lazy is None)
    spectra = cube.pixels()
    check_values(spectra)
    return spectra, check_size(spectra, count, illumination, automatic=automatic)


def without_ignored(cube: Cube, annotation: Annotation) -> Cube:
    """The cube without the pixels that the user painted to be ignored; the cube itself where there are none."""
    ignored = np.isin(annotation.labels, annotation.of_kind("ignore")) & cube.valid_pixels
    return replace(cube, valid_pixels=cube.valid_pixels & ~ignored) if ignored.any() else cube


def _ranks(cube: Cube, places: IntArray | None) -> tuple[int, ...]:
    """What numbers the valid ones of the pixels at flat ``places`` have among all valid pixels."""
    if places is None or not len(places):
        return ()
    valid = cube.valid_pixels.ravel()
    return tuple((np.cumsum(valid) - 1)[places[valid[places]]].tolist())


def materials_of(annotation: Annotation, cube: Cube) -> dict[str, IntArray]:
    """Name -> indices among the valid pixels of the strokes of that material; two labels of one name are one material."""
    where = annotation.labels[cube.valid_pixels]
    pixels: dict[str, list[IntArray]] = {}
    for label in annotation.of_kind("material"):
        name = annotation.meaning(label).name or f"material {label}"
        pixels.setdefault(name, []).append(np.flatnonzero(where == label))
    joined = {name: np.sort(np.concatenate(parts)) for name, parts in pixels.items()}
    return {name: indices for name, indices in joined.items() if indices.size}


def _supported(problem: Problem[MethodSpec], solution: Solution) -> Solution:
    """The same solution; where two of its endmembers are halves of one material, with what the scene supports and a note."""
    noise = solution.findings.noise or noise_level(problem.spectra, problem.endmember_count)
    found = what_is_supported(
        problem.spectra,
        solution.endmembers,
        problem.inversion,
        noise,
        lambda: suggested(problem.cube, problem.spectra),
        np.flatnonzero(problem.held).tolist(),
    )
    if found is None:
        return solution
    note = Note(NoteKind.DOUBT, *said_of_support(found, problem.names))
    findings = solution.findings.model_copy(update={"support": found})
    return replace(solution, findings=findings, notes=(*solution.notes, note))


def _lift(problem: Problem[MethodSpec], solution: Solution, notes: tuple[Note, ...]) -> Unmixing:
    """From the problem's rows to images, with what the problem knows of how it came about."""
    cube, side = problem.cube, problem.side

    def image(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else np.asarray(cube.image(values.astype(np.float32)))

    contribution = solution.contribution
    lifted = (
        None
        if contribution is None
        else Contribution(np.asarray(image(contribution.scores)), problem.all_bands(contribution.basis))
    )
    measured = {
        "declared_regions": side.declared,
        "sources": side.sources,
        "abundances_moved": _moved(problem, solution),
    }
    return Unmixing(
        endmembers=problem.all_bands(solution.endmembers),
        abundances=np.asarray(image(solution.abundances)),
        abundance_std=image(solution.abundance_std),
        illumination=image(solution.illumination),
        reconstruction_error=np.asarray(image(_reconstruction_error(problem.spectra, solution))),
        names=problem.names,
        spec=problem.spec,
        notes=(*solution.notes, *notes, *(Note(NoteKind.NOISE, said) for said in said_of_noise(problem.spectra))),
        history=solution.history,
        findings=solution.findings.model_copy(update=measured),
        regions=side.labels,
        model=solution.model,
        contribution=lifted,
    )


def _reconstruction_error(spectra: FloatArray, solution: Solution) -> FloatArray:
    """(N,) root mean square, in parts: a second copy of a large cube is not made."""
    error = np.empty(len(spectra))
    for start in range(0, len(spectra), _CHUNK):
        rows = slice(start, start + _CHUNK)
        light = None if solution.illumination is None else solution.illumination[rows]
        contribution = None if solution.contribution is None else solution.contribution.of(rows)
        residual = spectra[rows] - mixed(solution.abundances[rows], solution.endmembers, light, contribution)
        error[rows] = np.sqrt(np.mean(residual**2, axis=1))
    return error


def _moved(problem: Problem[MethodSpec], solution: Solution) -> float | None:
    """Root mean square of the abundances less those of least squares on the same endmembers, on some of the pixels; None for one endmember."""
    if problem.endmember_count == 1:
        return None
    some = slice(None, None, max(1, len(problem.spectra) // _COMPARED))
    plain = problem.inversion.invert(problem.spectra[some], solution.endmembers).abundances
    return rmse(solution.abundances[some], plain)


def _decided_notes(result: Unmixing) -> tuple[Note, ...]:
    """What decided the answer, before all else that is said of it."""
    said = decided(result.findings, len(result.names))
    return () if said is None else (Note(NoteKind.DECIDED, said.sentence),)


def _given_notes(given: Given | None) -> tuple[Note, ...]:
    """What is held in the answer."""
    said = "" if given is None else given.said()
    return (Note(NoteKind.GIVEN, said),) if said else ()


def _brightness_notes(problem: Problem[MethodSpec]) -> tuple[Note, ...]:
    """What endmembers that keep their own brightness have it from."""
    if not problem.spec.own_brightness:
        return ()
    found = ~problem.held
    some = (
        "as bright as the fifth of the pixels nearest to each (a shaded one as dark as its shade)"
        if found.any()
        else ""
    )
    held = "as bright as given" if problem.held.any() else ""
    whose = f"held ones {held}, the others {some}" if some and held else some or held
    said = f"Brightness: endmembers keep their own, {whose}: abundances estimate areas under uneven light."
    return (Note(NoteKind.BRIGHTNESS, said),)


def _notes(problem: Problem[MethodSpec], cube: Cube, annotation: Annotation | None) -> tuple[Note, ...]:
    """What became of the annotation of the cube as it was given: in the problem, ignored pixels are invalid."""
    statuses = problem.side.statuses if type(problem.spec).uses_paint and problem.endmember_count > 1 else ()
    said = tuple(Note(NoteKind.SIDE_INFORMATION, status) for status in statuses)
    if annotation is None:
        return said
    if not annotation.labels[cube.valid_pixels].any():
        nothing = "The annotation is empty: no valid pixel is painted, so it added nothing."
        return (*said, Note(NoteKind.PAINTING, nothing))
    if not type(problem.spec).uses_paint and (annotation.of_kind("region") or annotation.of_kind("material")):
        unread = f"{type(problem.spec).title} does not use painting: regions and materials were not read."
        return (Note(NoteKind.PAINTING, unread),)
    return said
