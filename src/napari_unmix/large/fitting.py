"""``unmix`` of a cube that stays in its file: a fit of a sample, one pass over all pixels, and both again with what the sample lacked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from napari_unmix import pipeline
from napari_unmix.answer import Unmixing
from napari_unmix.applying.scene import Scene
from napari_unmix.applying.tile import UNIT, Applied, Maps
from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.given import Given
from napari_unmix.large import held
from napari_unmix.large.again import MOST_ROUNDS, Others, explained, newcomers_of, next_spec, within
from napari_unmix.large.lacking import Lacking, StandingOut, lacking
from napari_unmix.large.maps import KeptMaps
from napari_unmix.large.sampling import Sample, drawn
from napari_unmix.large.saying import SURE, said_of
from napari_unmix.progress import Fit, Progress, forward, meanwhile
from napari_unmix.spec import MethodSpec

# Shares of the bar: the first fit, the first pass, and the fit after that.
_FITTED, _PASSED, _AGAIN = 0.4, 0.7, 0.85
# Components of a mixture of Gaussian regions: five times as fast as the 256 of ``apply``, and as near to the truth (decision 0044).
_GAUSSIAN_COMPONENTS = 64
_READ_AT_ONCE = 32 << 20  # bytes of single precision


@dataclass(frozen=True, eq=False)
class Fitted:
    """The answer on a sample, and the sample itself."""

    sample: Sample
    answer: Unmixing


# What a report is made of, as long as the answer is there.
_FITTED_ON: WeakKeyDictionary[Unmixing, Fitted] = WeakKeyDictionary()


def fitted_on(result: Unmixing) -> Fitted | None:
    """The sample that a result of ``unmix`` was fitted on, and its answer there; None where this program does not have them."""
    return _FITTED_ON.get(result)


def unmix(
    cube: Cube, spec: MethodSpec, annotation: Annotation | None = None, given: Given | None = None
) -> Fit[Unmixing]:
    """Unmix a cube: a generator that yields ``Progress``, whose fraction never falls, and returns the ``Unmixing``.

    A cube in memory is unmixed as a whole (``pipeline.unmix``), and where its search read a part of it once more with what that lacked. One that
    stays in its file is fitted on a sample of at most 40,000 pixels that lies all over it, with up to 20,000 of the painted ones; then every pixel
    is inferred by the law that was found, of a painted region by that region's, elsewhere by the mixture over the regions. Pixels that stand out
    then, and that the sample did not hold, are added, and both done again.

    Close the generator to cancel. Raises UnmixError where the input does not fit, its file changes meanwhile, or the maps find no room.
    """
    if cube.lazy is None:
        return (yield from forward(held.unmix(cube, spec, annotation, given)))
    return (yield from forward(_streamed(cube, spec, annotation, given)))


def _streamed(cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None) -> Fit[Unmixing]:
    begun = time.perf_counter()
    reading = Progress("reading a sample", 0, 1, 0.0)
    yield reading
    if annotation is not None:
        annotation.check_against(cube)
        cube = pipeline.without_ignored(cube, annotation)
    # 1. The fit of the sample, and every pixel by what it found.
    added = np.zeros(0, np.intp)
    sample = yield from meanwhile(lambda: drawn(cube, annotation, spec.seed, added), reading)
    best = Fitted(
        sample,
        (yield from within(pipeline.unmix(sample.cube, spec, sample.annotation, given), 0.0, _FITTED, previews=False)),
    )
    maps, missed = yield from _all_pixels(cube, best, annotation, (_FITTED, _PASSED))
    # 2. Again with the pixels that the sample lacked, where that explains them.
    taken = 0
    for _ in range(MOST_ROUNDS):
        if not missed.pixels:
            break
        added = np.union1d(added, missed.places)
        tried = yield from _tried(cube, spec, annotation, given, (added, best, missed))
        if tried is None:
            break
        best, taken = tried, taken + missed.pixels
        maps, missed = yield from _all_pixels(cube, best, annotation, (_AGAIN, 1.0))
    # 3. As an answer of the whole.
    result = _of_all(cube, best, annotation, maps, _said(cube, best, taken, missed))
    result = replace(result, spec=spec, seconds=time.perf_counter() - begun)
    _FITTED_ON[result] = best
    return result


def _tried(
    cube: Cube,
    spec: MethodSpec,
    annotation: Annotation | None,
    given: Given | None,
    lacked: tuple[IntArray, Fitted, Lacking],
) -> Fit[Fitted | None]:
    """The fit of a sample with further places in it; None where it explains them hardly better, or the others worse."""
    added, before, missed = lacked
    others = Others.of(before.sample.cube)
    room = others.have_room(before.answer, newcomers_of(cube, missed))
    if not room and spec.endmembers != "auto":
        return None
    looking_again = Progress("reading what the sample lacked", 0, 1, _PASSED)
    sample = yield from meanwhile(lambda: drawn(cube, annotation, spec.seed, added), looking_again)
    spec = next_spec(spec, before.answer, missed, room=room)
    answer = yield from within(
        pipeline.unmix(sample.cube, spec, sample.annotation, given), _PASSED, _AGAIN, previews=False
    )
    was, now = (_left(cube, one, missed.places) for one in (before.answer, answer))
    return Fitted(sample, answer) if explained(was, now) and others.allow(before.answer, answer) else None


def _applied(answer: Unmixing) -> Applied:
    """The answer of the sample as a function of any pixels."""
    prior = answer.findings.prior
    closed = prior is not None and prior.chosen == "gaussian"
    return Applied.of(answer, components=_GAUSSIAN_COMPONENTS if closed else None)


def _left(cube: Cube, answer: Unmixing, places: IntArray) -> float:
    """Root mean square of what an answer leaves of the pixels at some places (n,)."""
    spectra = cube.spectra[np.unravel_index(places, cube.shape[:2])][:, cube.good_bands]
    error = _applied(answer).maps(spectra.astype(np.float64)).error
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))


def _all_pixels(
    cube: Cube, fitted: Fitted, annotation: Annotation | None, share: tuple[float, float]
) -> Fit[tuple[Maps, Lacking]]:
    """The maps of all pixels by an answer, and which of them it does not explain though the sample's are explained."""
    start, end = share
    applied = _applied(fitted.answer)
    regions = _regions(fitted, annotation)
    scene = Scene.of(cube, applied, cube.spectral_axis, regions)
    kept = KeptMaps(applied, cube.shape[:2])
    try:
        out = StandingOut.of(fitted.answer.reconstruction_error, fitted.answer.endmembers)
        tiles = list(cube.blocks(_READ_AT_ONCE))
        for number, rows in enumerate(tiles):
            yield (
                passing := Progress(
                    "inferring all pixels", number, len(tiles), start + (end - start) * number / len(tiles)
                )
            )
            made = yield from meanwhile(_tile(scene, applied, rows), passing)
            kept.put(rows, made.packed)
            out.look(made.places, made.errors, made.spectra)
            scene.check()
        return kept.done(), lacking(out)
    finally:
        kept.close()


@dataclass(frozen=True, eq=False)
class _Tile:
    """Packed maps (h, W, columns), and of the valid pixels places (n,), residuals (n,) and spectra (n, B)."""

    packed: FloatArray
    places: IntArray
    errors: FloatArray
    spectra: FloatArray


def _tile(scene: Scene, applied: Applied, rows: slice) -> Callable[[], _Tile]:
    def make() -> _Tile:  # a block is read once, and inferred in parts
        spectra, valid = scene.spectra(rows)
        packed = np.full((*valid.shape, applied.columns), np.nan, np.float32)
        regions = None if scene.regions is None else scene.regions[rows][valid]
        parts = [slice(first, first + UNIT) for first in range(0, len(spectra), UNIT)]
        if parts:
            made = [applied.packed(spectra[part], None if regions is None else regions[part]) for part in parts]
            packed[valid] = np.concatenate(made)
        places = np.flatnonzero(valid.ravel()) + rows.start * valid.shape[1]
        return _Tile(packed, places, np.asarray(applied.unpacked(packed[valid]).error, np.float64), spectra)

    return make


def _regions(fitted: Fitted, annotation: Annotation | None) -> IntArray | None:
    """(H, W) u of the painted regions as the answer numbers them, 0 elsewhere; None where none is painted or read."""
    painted, numbered = fitted.sample.annotation, fitted.answer.regions
    if annotation is None or painted is None or numbered is None:
        return None
    found = dict(_numbers(painted, numbered, fitted.answer.findings.declared_regions))
    if not found:
        return None
    table = np.zeros(int(annotation.labels.max()) + 1, np.int32)
    for label, number in found.items():
        table[label] = number
    return np.asarray(table[annotation.labels])


def _numbers(painted: Annotation, numbered: IntArray, declared: int) -> Iterator[tuple[int, int]]:
    """Painted label -> its u, of those that are regions in the answer."""
    for label in painted.of_kind("region"):
        number = int(numbered[painted.labels == label].max())
        if 0 < number <= declared:
            yield label, number


def _of_all(cube: Cube, fitted: Fitted, annotation: Annotation | None, maps: Maps, said: Note) -> Unmixing:
    """The answer with the maps of all pixels."""
    answer = fitted.answer
    return replace(
        answer,
        abundances=maps.abundances,
        abundance_std=maps.std,
        illumination=maps.illumination,
        reconstruction_error=maps.error,
        regions=_regions(fitted, annotation),
        contribution=None,
        notes=(*answer.notes, said),
        model={**answer.model, **fitted.sample.saved},
    )


def _said(cube: Cube, fitted: Fitted, taken: int, missed: Lacking) -> Note:
    """What was fitted on, and what may be lost by that."""
    pixels, step = int(fitted.sample.cube.valid_pixels.sum()), fitted.sample.step
    whole = cube.shape[0] * cube.shape[1]
    which = f"one of each {step}×{step}" if step > 1 else "all that hold data"
    said = f"The cube stays in its file: fitted and judged on {pixels:,} of {whole:,} pixels ({which}, and what is painted), then all were inferred."
    return said_of(said, SURE * step**2, taken, missed) if step > 1 else Note(NoteKind.METHOD, said)
