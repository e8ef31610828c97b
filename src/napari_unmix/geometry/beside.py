"""The search beside endmembers that are given: those that are held stay where they are, the others start from what is given.

1. Coordinates by the same rule as without (``search``): the sphere where spectra vary more than noise, else the simplex or the cone.
2. The start: what is given, then the means of painted materials, then, one after another, the pixels that are explained worst.
3. Archetypes from there; a held one is never moved, so the others are found with it as a corner.
4. In simplex coordinates: where pixels lie outside the hull beyond what noise explains, noise-calibrated minimum volume with the held corners fixed,
   its facets then moved to where the pixels end.
5. Where abundances sum to one, brightness of those that are not held: amounts sum to one with those of the held; or by the pixels most alike.

Where all are held and no more are asked for, nothing is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.beside_recipes import Beside, ExtrapolatedBeside
from napari_unmix.geometry.coordinates import Coordinates, Sphere
from napari_unmix.geometry.facets import COLLAPSED, Facets, settled, too_low
from napari_unmix.geometry.found import NO_EXCESS, NO_LOSS, VARIABILITY, Found, Search
from napari_unmix.geometry.picks import unit_length
from napari_unmix.geometry.recipes import Plane, in_plane
from napari_unmix.geometry.seen import lifted, unseen
from napari_unmix.geometry.volume import VOLUME_WEIGHT, minimum_volume
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import fully_constrained, non_negative
from napari_unmix.rows.subspace import Excess, linear_subspace

_SWEEPS = 60
# A painted mean against all the evidence of its material, as in ``strokes``.
_ANCHORING = 0.3
# A held spectrum is told of where it stands further than this from the span of the data (degrees), or is brighter or darker by this factor than
# the pixels most like it, where these are within as many degrees.
_OFF, _BRIGHTER = 5.0, 1.25
# An extrapolated corner may be this many sizes of the simplex of archetypes away from its own.
_REACH = 1.5
OUT_OF_REACH = (
    "Pixels lie outside all that can be mixed with what is held, so this may be a mixture itself: "
    "the other endmembers stay at the data's corners."
)


@dataclass(frozen=True, eq=False)
class Beginning:
    """What the search beside given endmembers reads.

    Attributes
    ----------
    spectra : (N, B)
    count : P
    inversion : whether brightness is free
    space : the coordinates of the simplex, where spectra vary no more than noise
    noise, excess : calibrated white noise level, and what linear models leave over it
    given : Q endmembers (Q, B) as the inversion writes them
    strokes : pixel indices of painted materials that are not among the given; they lead the endmembers after these
    outside : (P, B) endmembers, whether affine -> squared distance of the pixels to their hull, and what noise explains
    """

    spectra: FloatArray
    count: int
    inversion: Inversion
    space: Plane
    noise: float
    excess: Excess
    given: Given
    strokes: list[IntArray]
    outside: Callable[[FloatArray, bool], tuple[float, float]]

    @property
    def held(self) -> BoolArray:
        """(P,)"""
        return np.concatenate([self.given.held, np.zeros(self.count - len(self.given), bool)])

    @property
    def held_numbers(self) -> tuple[int, ...]:
        """Which of the P are held."""
        return tuple(np.flatnonzero(self.held).tolist())

    def exactly(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) with the held ones as they were given."""
        rows = np.flatnonzero(self.given.held)
        endmembers = endmembers.copy()
        endmembers[rows] = self.given.spectra[rows]
        return endmembers


def find_beside(beginning: Beginning) -> Search:
    """Find (P, B) endmembers, the given ones first, then those of the strokes; yields the loss at every step, NaN where there is none."""
    if len(beginning.given) == beginning.count and beginning.given.held.all():
        yield NO_LOSS
        recipe = Beside(by="nothing", space=beginning.space, held=beginning.held_numbers)
        found = Found(beginning.given.spectra.copy(), recipe, 0.0, NO_EXCESS)
    elif beginning.excess.linear > VARIABILITY:
        found = yield from _on_sphere(beginning)
    else:
        found = yield from _in_simplex(beginning)
    return replace(
        found,
        endmembers=beginning.exactly(found.endmembers),
        notes=(*found.notes, *_doubts(beginning)),
    )


def _on_sphere(beginning: Beginning) -> Search:
    sphere = Sphere.of(beginning.spectra, beginning.count)
    yield NO_LOSS
    fitting = _archetypes(
        beginning, sphere.scores, sphere.weights, sphere.place(beginning.given.spectra), arch.ON_SPHERE
    )
    fit = yield from lifted(fitting, partial(sphere.seen, inversion=beginning.inversion))
    abundances = fully_constrained(sphere.scores, fit.archetypes)
    endmembers = sphere.purest(abundances)
    if not beginning.inversion.free_light:
        endmembers = sphere.with_brightness(endmembers, abundances)
    recipe = Beside(by="archetypes", space="sphere", held=beginning.held_numbers)
    impure = "Spectra vary more than noise: what is not held are the purest spectra found, not necessarily pure ones."
    return Found(endmembers, recipe, 0.0, NO_EXCESS, (Note(NoteKind.DOUBT, impure),))


def _archetypes(
    beginning: Beginning, scores: FloatArray, weights: FloatArray, placed: FloatArray, share: float
) -> Generator[float, None, arch.Archetypes]:
    """Archetypes (P, K) from what is given, ``placed`` (Q, K) in the scores."""
    anchors = None
    start = placed
    if beginning.strokes:
        means = np.array([arch.stroke_mean(scores[stroke])[0] for stroke in beginning.strokes])
        anchors, start = arch.Strokes(means, _ANCHORING, first=len(placed)), np.vstack([placed, means])
    start = _with_the_worst_explained(scores, weights, start, beginning.count)
    held = beginning.held
    return (yield from arch.fit_archetypes(scores, start, weights, share, strokes=anchors, held=held, sweeps=_SWEEPS))


def _with_the_worst_explained(scores: FloatArray, weights: FloatArray, start: FloatArray, count: int) -> FloatArray:
    """(P, K): corners are added where those so far explain pixels worst, each the mean of such a pixel and its likes."""
    few = min(max(arch.FEWEST_BACKERS, len(scores) // 500), len(scores) - 1)
    while len(start) < count:
        residual = weights * ((scores - fully_constrained(scores, start) @ start) ** 2).sum(axis=1)
        worst = np.argpartition(-residual, few)[:few]
        seed = worst[residual[worst].argmax()]
        alike = worst[np.argsort(((scores[worst] - scores[seed]) ** 2).sum(axis=1))[: arch.FEWEST_BACKERS]]
        start = np.vstack([start, scores[alike].mean(axis=0)])
    return start


def _in_simplex(beginning: Beginning) -> Search:
    space = beginning.space
    plane = in_plane(space, beginning.spectra, beginning.count, beginning.noise)
    yield NO_LOSS
    # 1. Archetypes beside the held corners.
    fitting = _archetypes(
        beginning, plane.scores, plane.weights, plane.vertices(beginning.given.spectra), arch.IN_PLANE
    )
    fit = yield from lifted(fitting, plane.to_spectra)
    recipe = Beside(by="archetypes", space=space, held=beginning.held_numbers)
    found = Found(plane.to_spectra(fit.archetypes), recipe, 0.0, NO_EXCESS)
    # 2. Where pixels lie outside their hull, the simplex is larger than the data.
    outside, allowed = beginning.outside(found.endmembers, plane.affine)
    found = replace(found, numbers={"outside": outside, "outside_allowed": allowed})
    yield fit.loss
    if outside > allowed:
        found = yield from _extrapolated(beginning, plane, fit.archetypes, found)
    if not beginning.inversion.free_light and not plane.affine:
        yield NO_LOSS
        found = replace(found, endmembers=_brightness(beginning, beginning.exactly(found.endmembers)))
    return found


def _extrapolated(beginning: Beginning, plane: Coordinates, vertices: FloatArray, found: Found) -> Search:
    """Minimum volume, its facets then moved to where the pixels end; the held corners stay."""
    scores, noise, held = plane.scores[plane.kept], plane.noise[plane.kept], beginning.held
    given = plane.vertices(beginning.given.spectra)
    from_given = np.vstack([given, vertices[len(given) :]])
    centre = vertices.mean(axis=0)
    starts = [np.where(held[:, None], vertices, centre + (vertices - centre) * growth) for growth in (1.0, 1.15, 1.4)]
    volume = minimum_volume(scores, noise, [from_given, *starts], VOLUME_WEIGHT, held=held)
    smallest = yield from unseen(volume)
    yield NO_LOSS
    if too_low(smallest, noise):
        return replace(found, notes=(*found.notes, Note(NoteKind.DOUBT, COLLAPSED)))
    corners = yield from settled(scores, noise, smallest, held)
    corners = _in_order(corners, vertices)
    if not within_reach(corners, vertices):
        return replace(found, notes=(*found.notes, Note(NoteKind.DOUBT, OUT_OF_REACH)))
    impure = "No pure pixels: endmembers that are not held are extrapolated beyond the data, to where the faces of the pixels' simplex meet."
    note = Note(NoteKind.NO_PURE_PIXELS, impure, "Paint three or more regions, or a stroke, to confirm.")
    recipe = ExtrapolatedBeside(by="edges", space=beginning.space, held=beginning.held_numbers)
    tails = tuple(Facets.of(corners, scores, noise).tails().tolist())
    numbers = {**found.numbers, "facet_tails": tails}
    endmembers = plane.to_spectra(corners)
    return replace(found, endmembers=endmembers, recipe=recipe, notes=(*found.notes, note), numbers=numbers)


def within_reach(corners: FloatArray, reference: FloatArray) -> bool:
    """Whether an extrapolated simplex (P, K) stays near the one it began from: beside a held mixture, the smallest around all pixels is endless."""
    size = float(np.sqrt(((reference - reference.mean(axis=0)) ** 2).sum(axis=1).mean()))
    moved = float(np.linalg.norm(corners - reference, axis=1).max())
    return bool(np.isfinite(moved) and moved <= _REACH * size)


def _in_order(corners: FloatArray, reference: FloatArray) -> FloatArray:
    """Corners (P, K) in the order of the reference's, by distance."""
    from scipy.optimize import linear_sum_assignment

    distance = np.linalg.norm(corners[:, None] - reference[None], axis=2)
    rows, columns = linear_sum_assignment(distance)
    order = np.empty(len(rows), dtype=int)
    order[columns] = rows
    return np.asarray(corners[order])


def _brightness(beginning: Beginning, endmembers: FloatArray) -> FloatArray:
    """Scale those of (P, B) that are not held so that all amounts sum to one (robust least squares); else by the pixels most alike."""
    held, spectra = beginning.held, beginning.spectra
    directions = endmembers / np.maximum(np.linalg.norm(endmembers, axis=1, keepdims=True), 1e-300)
    amounts = non_negative(spectra, directions)
    left = 1 - amounts[:, held] @ (1 / np.linalg.norm(endmembers[held], axis=1))
    free, weights = amounts[:, ~held], np.ones(len(amounts))
    inverse = np.ones(free.shape[1])
    for _ in range(10):
        inverse = np.linalg.lstsq(free * weights[:, None], left * weights, rcond=None)[0]
        misfit = np.abs(free @ inverse - left)
        weights = 1 / np.sqrt(1 + (misfit / max(float(np.median(misfit)), 1e-6) / 2) ** 2)
    if (inverse > 0).all():
        scaled = endmembers.copy()
        scaled[~held] = directions[~held] / inverse[:, None]
        return scaled
    unit, lengths = unit_length(spectra)
    return arch.brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))


def _doubts(beginning: Beginning) -> list[Note]:
    """What held spectra have against them: far from all data, or of another brightness than the pixels most like them."""
    spectra, given = beginning.spectra, beginning.given
    span, notes = linear_subspace(spectra, beginning.count).basis, []
    unit, lengths = unit_length(spectra)
    for k in np.flatnonzero(given.held):
        length = float(np.linalg.norm(given.spectra[k]))
        direction = given.spectra[k] / length
        off = float(np.degrees(np.arcsin(min(1.0, float(np.linalg.norm(direction - (direction @ span.T) @ span))))))
        if off > _OFF:
            absent = f"{given.names[k]} as it is held stands {off:.0f}° off all that the data vary in:"
            notes.append(Note(NoteKind.DOUBT, f"{absent} it may be absent, or calibrated in another way."))
        cosines = unit @ direction
        few = np.argsort(-cosines)[: max(5, len(unit) // 500)]
        near = np.degrees(np.arccos(np.clip(np.median(cosines[few]), -1, 1))) < _OFF
        times = length / float(np.median(lengths[few]))
        if near and not beginning.inversion.free_light and not 1 / _BRIGHTER <= times <= _BRIGHTER:
            said = f"{given.names[k]} as it is held is {times:.2g} times as bright as the pixels most like it, and shares follow that:"
            notes.append(Note(NoteKind.DOUBT, f"{said} where only its shape is known, free the illumination."))
    return notes
