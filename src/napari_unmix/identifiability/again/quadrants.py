"""The endmembers searched afresh without each quadrant of the scene: what moves then rests on a part of it, and is not determined by the rest.

What strokes anchored is searched beside one half of each stroke and then the other: what they were painted for may not be asked of another
quarter. What the painted regions' moments gave is not searched here: leaving out regions says what it rests on (``parts``).

Draws of single pixels leave every part of the scene in; a quadrant takes a field, a roof, a shadow away as a whole. The search goes along the
route that found the answer, from the answer's own corners and from fresh picks, and the lower optimum counts (decision 0050); where there is no such
route, as beside what is held, the whole rule begins anew.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import Redraw
from napari_unmix.geometry.along import Route, route_of
from napari_unmix.geometry.beside_recipes import Beside, ExtrapolatedBeside, placed
from napari_unmix.geometry.recipes import FacetEdges, PlaneArchetypes, SphereArchetypes, Strokes, SupportedPicks
from napari_unmix.given import Given
from napari_unmix.identifiability.again.refits import Refits, Steps, as_bright, like_the_result, silently, some_rows
from napari_unmix.identifiability.again.search import UNSOLVABLE, repeatable
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.alignment import match_endmembers

QUADRANTS = 4
# A search reads at most this many pixels of the three quadrants that are left: on 1500 of dc1's 5625 its small pure squares vanish, which looks
# like a material that is not determined.
SEARCHED_PIXELS = 6000
# With fewer searches than this there is no grade, and with fewer pixels of each endmember than this there is none either.
FEWEST_SEARCHES, FEWEST_PIXELS = 3, 30
_BY_RULE = (PlaneArchetypes, SphereArchetypes, SupportedPicks, FacetEdges)


def search_without_quadrants(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """Search afresh four times, each time without one quadrant; nothing where the answer is no search's, or too little is left.

    The shared generator is not drawn from, so that what other stages draw stays what it was.
    """
    if not _searchable(subject):
        return refits
    parts = []
    for number, rest in enumerate(without_each(subject.valid)):
        found = yield from _searched(subject, rest, number, refits.searches)
        if found is not None and np.isfinite(found).all():
            parts.append(like_the_result(subject, found))
    return replace(refits, quadrants=tuple(parts) if len(parts) >= FEWEST_SEARCHES else ())


def _searchable(subject: Subject) -> bool:
    """Whether a search found the endmembers, that can be made again: where a network, a person or a bent mixing did, none can."""
    enough = len(subject.spectra) >= FEWEST_PIXELS * subject.count and not subject.findings.by_regions
    again = repeatable(subject) or (subject.linear and anchored(subject))
    return bool(subject.count > 1 and subject.searched.any() and enough and again)


def anchored(subject: Subject) -> bool:
    """Whether strokes anchored endmembers in a search that can be made again with their halves."""
    return isinstance(subject.recipe, Strokes) and bool(subject.recipe.halves)


def without_each(valid: BoolArray) -> list[IntArray]:
    """Four times the indices of the valid pixels (H, W), in row-major order, without one quadrant each: quarters of them, to a pixel.

    The upper half of the pixels is divided into its left and its right half, and the lower one into its own.
    """
    columns = np.nonzero(valid)[1]  # in row-major order the first half is the upper one
    count = len(columns)
    quadrant = np.zeros(count, int)
    lower = np.arange(count) >= (count + 1) // 2
    for half in (~lower, lower):
        members = np.flatnonzero(half)
        by_column = members[np.argsort(columns[members], kind="stable")]
        quadrant[by_column[(len(members) + 1) // 2 :]] += 1
    quadrant[lower] += 2
    return [np.flatnonzero(quadrant != number) for number in range(QUADRANTS)]


def _searched(subject: Subject, rest: IntArray, number: int, searches: Searches) -> Steps[FloatArray | None]:
    """(P, B) endmembers of the pixels ``rest``, in the result's order, by the search that its recipe stands for; None where there are none."""
    try:
        if isinstance(subject.recipe, Strokes):
            redraw = _redraw(subject, _thinned(rest, number), number)
            return (yield from silently(subject.recipe.beside_half(redraw, subject.endmembers, number % 2)))
        if subject.recipe.reads_regions:
            start = yield from _by_rule(subject, rest, number, searches)
            return (yield from _by_recipe(subject, rest, number, start))
        if (route := route_of(subject.recipe)) is not None:
            return (yield from _along(subject, route, _thinned(rest, number), searches))
        if of_the_rule(subject):
            return (yield from _by_rule(subject, rest, number, searches))
        return (yield from _by_recipe(subject, _thinned(rest, number), number, subject.endmembers))
    except UNSOLVABLE:
        return None


def of_the_rule(subject: Subject) -> bool:
    """Whether the geometry's rule found the endmembers; picks, the hinge and recipes of others repeat themselves, and theirs begin anew."""
    recipe = subject.recipe
    beside = isinstance(recipe, (Beside, ExtrapolatedBeside)) and recipe.by in ("archetypes", "edges")
    return beside or isinstance(recipe, _BY_RULE)


def _thinned(rest: IntArray, number: int) -> IntArray:
    return rest[some_rows(len(rest), np.random.default_rng(number), SEARCHED_PIXELS)]


def _along(subject: Subject, route: Route, rows: IntArray, searches: Searches) -> Steps[FloatArray]:
    """The route's own search of these pixels; in perspective coordinates, where it finds directions, as bright as the answer."""
    spectra, begun = subject.spectra[rows], subject.endmembers
    found = yield from silently(searches.along(route, spectra, begun, subject.inversion, subject.noise))
    found = _in_order(subject, found)
    return as_bright(found, begun) if route.route == "perspective" else found


def _by_rule(subject: Subject, rest: IntArray, number: int, searches: Searches) -> Steps[FloatArray]:
    """The geometry's own search, beside what is held."""
    held = np.flatnonzero(~subject.searched)
    names = tuple(subject.result.names[k] for k in held)
    given = Given.known(subject.endmembers[held], names) if held.size else None
    spectra = subject.spectra[_thinned(rest, number)]
    seed = subject.result.spec.seed + number
    found = yield from silently(searches.find(spectra, subject.count, subject.inversion, seed, given))
    return _in_order(subject, found)


def _in_order(subject: Subject, found: FloatArray) -> FloatArray:
    """(P, B) in the result's order; the held ones, which a search puts first, are as they were given."""
    held = ~subject.searched
    if held.any():
        return placed(found[int(held.sum()) :], subject.endmembers, held)
    return np.asarray(found[match_endmembers(found, subject.endmembers)])


def _by_recipe(subject: Subject, rows: IntArray, number: int, start: FloatArray) -> Steps[FloatArray]:
    """By a recipe that begins anew, or from a ``start`` (P, B) that knows nothing of the left-out quadrant."""
    return (yield from silently(subject.recipe.again(_redraw(subject, rows, number), start)))


def _redraw(subject: Subject, rows: IntArray, number: int) -> Redraw:
    generator = np.random.default_rng(number)
    return Redraw(subject.spectra[rows], subject.regions[rows], subject.noise, subject.inversion, generator)
