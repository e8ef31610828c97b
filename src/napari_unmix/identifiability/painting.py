"""Where the next stroke would tell most: on what no endmember explains, on materials that are not settled, or on mixtures that no region has yet.

Every place is a patch that a hand can paint: connected pixels, alike, in a small window. Where mixing is linear to the noise a stroke of a material
names and moves nothing (``geometry.strokes``), so there regions are suggested instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray
from napari_unmix.identifiability.advice import one_stroke_only_names, strokes_only_name
from napari_unmix.identifiability.missed import missed_patches
from napari_unmix.identifiability.patches import FEWEST, Ground, Patch, purest_patch, where
from napari_unmix.identifiability.report import Grade, Report, Word

MOST_PLACES = 5
# Of these at most so many where no endmember explains the pixels: one material that is missed shows in several places.
_MOST_MISSED = 2
NOTHING = "Nothing to paint would help: all materials are steady."
NOWHERE = "No place is left to suggest: no unpainted patch is clear enough of a material that is not settled."
NO_MIXTURE = "No place is left to suggest: what is not painted holds no mixture that the painted regions lack."
# A run of an earlier version does not hold the halves of its strokes, so no endmember has a grade and there is nothing to suggest by.
ANCHORED = "A stroke anchors an endmember here, in a run of an earlier version that can't be searched again beside it: train again for places."
# Below this share the purest patch of a material is mostly something else, and a stroke there would name that.
_LEAST_SHARE = 1 / 3
# A mixture is new where it raises the log-determinant of the regions' second moment by this: the square of a share of a tenth, over the
# thousandth that a direction no region has counts for, gives 2.4.
_NEW, _UNSEEN = 2.0, 1e-3

Kind = Literal["material", "region"]


@dataclass(frozen=True, eq=False)
class Place:
    """Where to paint.

    Attributes
    ----------
    kind : "material" or "region", as what to paint it
    endmember : the one that it would help; None where none explains these pixels, and of a region
    rows, columns : (n,) the pixels
    reason : in one sentence with numbers
    """

    kind: Kind
    endmember: int | None
    rows: IntArray
    columns: IntArray
    reason: str

    @property
    def centre(self) -> tuple[int, int]:
        """The pixel of it that is nearest to its middle."""
        away = (self.rows - self.rows.mean()) ** 2 + (self.columns - self.columns.mean()) ** 2
        nearest = int(away.argmin())
        return int(self.rows[nearest]), int(self.columns[nearest])

    def mask(self, shape: tuple[int, int]) -> BoolArray:
        """(H, W) its pixels."""
        inside = np.zeros(shape, bool)
        inside[self.rows, self.columns] = True
        return inside

    def as_json(self) -> dict[str, object]:
        """As plain values: kind, endmember, centre, how many pixels, reason."""
        return {
            "kind": self.kind,
            "endmember": self.endmember,
            "centre": list(self.centre),
            "pixels": len(self.rows),
            "reason": self.reason,
        }


def where_to_paint(
    cube: Cube, result: Unmixing, report: Report, annotation: Annotation | None = None
) -> tuple[Place, ...]:
    """At most ``MOST_PLACES`` places where painting would help, the best first; () where it would not, or the method reads no paint.

    What is painted, by ``annotation`` (H, W), and pixels without an answer are left out. The same input gives the same places.
    """
    ungraded = _anchored(result) and not report.grades
    if not type(result.spec).uses_paint or len(result.names) < 2 or ungraded:
        return ()
    ground = Ground.of(cube, result, annotation)
    open_ones, missed = unsettled(result, report), list(_missed(ground))[:_MOST_MISSED]
    if strokes_only_name(result):  # what a stroke would show beside a search of linear mixing, that shows already
        found = [*(_regions(ground, annotation) if open_ones else ()), *missed]
    else:
        found = list(_materials(ground, open_ones, report))
        # An endmember that is not determined costs its whole map, a material that is missed its patch.
        lost = sum(_lost(report, place) for place in found)
        found[lost:lost] = missed
    return tuple(_apart(found, cube.shape[:2]))[:MOST_PLACES]


def _lost(report: Report, place: Place) -> bool:
    k = place.endmember
    return k is not None and k < len(report.grades) and report.grades[k].word == "not determined here"


def places_said(places: Sequence[Place]) -> list[str]:
    """One line of each place, for a terminal."""
    if not places:
        return []
    each = (f"  {number}. {_at(place)} as a {place.kind}: {place.reason}" for number, place in enumerate(places, 1))
    return ["Where to paint:", *each]


def _at(place: Place) -> str:
    row, column = place.centre
    return f"row {row}, column {column}"


def nothing_said(result: Unmixing, report: Report) -> str:
    """Why there is no place: all is settled, or nothing is clear enough."""
    if _anchored(result) and not report.grades:
        return ANCHORED
    if not type(result.spec).uses_paint:
        return f"{type(result.spec).title} does not read what is painted."
    if not unsettled(result, report):
        return NOTHING
    return NO_MIXTURE if strokes_only_name(result) else NOWHERE


def unsettled(result: Unmixing, report: Report) -> tuple[int, ...]:
    """The endmembers that are not steady, have no stroke and were not given, the worst first; () without grades."""
    stroked = {one.material for one in result.findings.strokes if not one.background}
    held = set(result.findings.held)
    free = [k for k, name in enumerate(result.names) if name not in stroked and k not in held]
    graded = [k for k in free if k < len(report.grades) and report.grades[k].word in _WORST]
    return tuple(sorted(graded, key=lambda k: _how_bad(report.grades[k]), reverse=True))


_WORST: dict[Word, int] = {"shaky": 1, "not determined here": 2}


def _how_bad(grade: Grade) -> tuple[int, float, str]:
    moved = grade.numbers.get("doubt_degrees", grade.numbers.get("moved_degrees"))
    return _WORST[grade.word], moved or 0.0, grade.name


def _anchored(result: Unmixing) -> bool:
    return any(one.how == "anchors" for one in result.findings.strokes)


# Materials


def _missed(ground: Ground) -> Iterator[Place]:
    for patch, times in missed_patches(ground):
        said = (
            f"{len(patch.rows)} pixels {where(patch, ground.shape)} leave {times:.1f} × what the rest of the scene leaves, all alike: "
            "a material may have no endmember."
        )
        yield Place("material", None, patch.rows, patch.columns, said)


def _materials(ground: Ground, open_ones: tuple[int, ...], report: Report) -> Iterator[Place]:
    for k in open_ones:
        patch = purest_patch(ground, ground.abundances[..., k])
        if patch is not None and patch.share >= _LEAST_SHARE:
            word = report.grades[k].word
            said = f"{len(patch.rows)} pixels {where(patch, ground.shape)} are {100 * patch.share:.0f} % {ground.names[k]}, "
            said += f"the clearest patch of a material that is {word}"
            if one_stroke_only_names(ground.result, patch.share):
                said += "; a single stroke there names it and moves nothing"
            yield Place("material", k, patch.rows, patch.columns, f"{said}.")


# Regions


def _regions(ground: Ground, annotation: Annotation | None) -> Iterator[Place]:
    """Square places whose mean mixture is new beside what regions have, the newest first."""
    moment = _UNSEEN * np.eye(len(ground.names))
    painted = [] if annotation is None else _painted_means(ground, annotation)
    for mean in painted:
        moment += np.outer(mean, mean)
    side, free, corners, means = ground.squares(FEWEST_PIXELS_OF_A_REGION)
    for number in range(MOST_PLACES):
        if not len(corners):
            return
        gains = np.log1p(np.einsum("np,pq,nq->n", means, np.linalg.inv(moment), means))
        best = int(np.round(gains, 9).argmax())
        if gains[best] < _NEW:
            return
        row, column = corners[best]
        rows, columns = np.nonzero(free[row : row + side, column : column + side])
        patch = Patch(rows + row, columns + column, 0.0)
        beside = "no painted region has that mixture" if painted or number else "a mixture to begin with"
        said = f"{len(rows)} pixels {where(patch, ground.shape)} are {_mixture(means[best], ground.names)}: {beside}."
        yield Place("region", None, patch.rows, patch.columns, said)
        moment += np.outer(means[best], means[best])
        apart = (np.abs(corners - corners[best]) >= side).any(axis=1)
        corners, means = corners[apart], means[apart]


def _painted_means(ground: Ground, annotation: Annotation) -> list[FloatArray]:
    """(P,) mean abundances of each painted region of enough pixels."""
    masks = ((annotation.labels == label) & ground.answered for label in annotation.of_kind("region"))
    return [ground.abundances[mask].mean(axis=0) for mask in masks if mask.sum() >= FEWEST_PIXELS_OF_A_REGION]


def _mixture(mean: FloatArray, names: tuple[str, ...]) -> str:
    """ "55 % soil and 30 % water": the two that are the most."""
    first, second = np.argsort(-mean, kind="stable")[:2]
    if mean[second] < 0.1:
        return f"{100 * mean[first]:.0f} % {names[first]}"
    return f"{100 * mean[first]:.0f} % {names[first]} and {100 * mean[second]:.0f} % {names[second]}"


def _apart(places: list[Place], shape: tuple[int, int]) -> Iterator[Place]:
    """Those that share no pixel with a better one."""
    taken = np.zeros(shape, bool)
    for place in places:
        if not taken[place.rows, place.columns].any() and len(place.rows) >= FEWEST:
            taken[place.rows, place.columns] = True
            yield place
