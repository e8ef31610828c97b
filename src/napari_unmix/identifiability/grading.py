"""A grade of each endmember: what moves where a quarter of the scene is left out is not determined by the rest.

A steady endmember is not a right one. An error that every quarter of the scene shares, as where no pixel is pure and all show the same mixture,
moves nothing; what moves can't be right everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import Refits, angles
from napari_unmix.identifiability.checks.geometry import facet_tails, purest
from napari_unmix.identifiability.report import Grade, Word
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.metrics import angle_table

# A pixel that holds this share of a material, as fitted, is one of its pure ones.
PURE = 0.9
# Degrees without a quadrant of the scene, median of the searches: see ``word_of``.
STEADY, MOVES, LOST = 0.3, 1.0, 3.0
# As many names as one sentence holds.
_NAMED = 3


@dataclass(frozen=True)
class Evidence:
    """What was measured of one endmember that was searched.

    Attributes
    ----------
    moved : degrees by which it moves without a quadrant of the scene, median over the searches
    furthest : the largest of these
    pure_pixels : how many pixels hold ``PURE`` of it or more, as fitted
    share : mean abundance
    purest : abundance in the few pixels that have most of it
    nearest : degrees to the endmember most like it
    another_search : degrees to what a search by another seed found, without strokes; None where there was none
    chord_cone : degrees between the corner of the sphere's hull and that of the cone, see ``again/sphere``; None where not measured
    facet_tail : pixels beyond the face that lacks it, in standard errors; None where the endmembers were not extrapolated
    parts : degrees by which it moves on other draws of the data; None where there were none
    stroke : share of it in the median pixel of the stroke that has its name; None where there is none
    half : whether it is half of a material that has another endmember as well
    """

    moved: float
    furthest: float
    pure_pixels: int
    share: float
    purest: float
    nearest: float
    another_search: float | None = None
    chord_cone: float | None = None
    facet_tail: float | None = None
    parts: float | None = None
    stroke: float | None = None
    half: bool = False

    @property
    def numbers(self) -> dict[str, float | None]:
        """By plain names, for the report."""
        return {
            "moved_degrees": self.moved,
            "moved_furthest_degrees": self.furthest,
            "pure_pixels": float(self.pure_pixels),
            "mean_share": self.share,
            "purest_share": self.purest,
            "nearest_endmember_degrees": self.nearest,
            "another_search_degrees": self.another_search,
            "chord_cone_degrees": self.chord_cone,
            "facet_tail": self.facet_tail,
            "parts_degrees": self.parts,
            "stroke_share": self.stroke,
            "half_of_a_material": float(self.half),
        }


def grades(subject: Subject, refits: Refits) -> tuple[Grade, ...]:
    """A grade of each endmember, in order; () where the search can't be made again. What was held as it was given has no other grade."""
    if not subject.searched.any():
        return tuple(_given(name) for name in subject.result.names)
    if not refits.quadrants:
        return ()
    each = zip(subject.result.names, evidence(subject, refits), _spread(subject, refits), subject.searched, strict=True)
    return tuple(
        graded(name, one, tuple(spread.tolist())) if found else _given(name) for name, one, spread, found in each
    )


def _given(name: str) -> Grade:
    return Grade(name, "given", f"{name} is as it was given: nothing is claimed of it.")


def graded(name: str, measured: Evidence, spread: tuple[float, ...] = ()) -> Grade:
    """The grade of one endmember: the word, why, and what would help."""
    word = word_of(measured)
    return Grade(name, word, _sentence(name, measured), _remedy(name, word, measured), measured.numbers, spread)


def word_of(measured: Evidence) -> Word:
    """The word."""
    if measured.moved < STEADY or (measured.moved < MOVES and measured.pure_pixels > 0):
        return "steady"
    return "shaky" if measured.moved < LOST else "not determined here"


def _sentence(name: str, measured: Evidence) -> str:
    """Why, with the numbers that decided."""
    moved = f"Searched again without each quarter of the scene, {name} moves by {measured.moved:.1f}° (at most {measured.furthest:.1f}°)"
    if measured.half:
        return f"{moved}, and it is half of a material that another endmember shares."
    if not measured.pure_pixels:
        return f"{moved}, and no pixel holds {100 * PURE:.0f} % of it."
    pixels = "1 pixel holds" if measured.pure_pixels == 1 else f"{measured.pure_pixels} pixels hold"
    return f"{moved}; {pixels} {100 * PURE:.0f} % of it or more."


def _remedy(name: str, word: Word, measured: Evidence) -> str:
    """What would make it better."""
    if word == "steady":
        return ""
    if measured.half:
        return "Ask for one endmember fewer, or merge the two."
    if measured.stroke is not None:
        return f"Give the known spectrum of {name}, or take in more of the scene that holds it."
    return f"Paint a stroke where {name} is pure, or give its known spectrum."


def headline(given: Sequence[Grade], basis: str = "By geometry") -> str:
    """The grades as one sentence, and where to begin; "" where there are none but of what was given."""
    steady, shaky, lost = (_having(given, word) for word in ("steady", "shaky", "not determined here"))
    count = len(steady) + len(shaky) + len(lost)
    if not count:
        return ""
    if len(steady) == count:
        all_of = "the one material is" if count == 1 else f"all {count} materials are"
        return f"{basis} {all_of} steady: found again in every part of the scene, as an error that all parts share would be."
    parts = [f"{len(steady)} of {count} materials are steady{f' ({_listed(steady)})' if steady else ''}"]
    parts += [f"{_listed(shaky)} {_are(shaky)} shaky"] if shaky else []
    parts += [f"{_listed(lost)} {_are(lost)} not determined here"] if lost else []
    first = next(grade for word in ("not determined here", "shaky") for grade in given if grade.word == word)
    said = " and ".join(parts) if len(parts) == 2 else ", ".join(parts)
    return f"{basis} {said}: {first.remedy[:1].lower()}{first.remedy[1:]}"


def _having(given: Sequence[Grade], word: str) -> list[str]:
    return [grade.name for grade in given if grade.word == word]


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: list[str]) -> str:
    """ "roof", "roof and soil", "roof, soil, water and 4 more"."""
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _spread(subject: Subject, refits: Refits) -> FloatArray:
    """(P, B) root mean square of the curves' moves without a quadrant, in their own units."""
    return np.asarray(np.sqrt(np.mean((np.array(refits.quadrants) - subject.endmembers) ** 2, axis=0)))


def evidence(subject: Subject, refits: Refits) -> tuple[Evidence, ...]:
    """What was measured of each endmember, in order; () where none was searched without quadrants."""
    if not refits.quadrants:
        return ()
    moves = _each(subject, refits.quadrants)
    tails = facet_tails(subject)
    apart = angle_table(subject.endmembers, subject.endmembers) + np.diag(np.full(subject.count, np.inf))
    highest, pure = purest(subject), (subject.abundances >= PURE).sum(axis=0)
    parts = _each(subject, refits.parts)
    others = _each(subject, [] if refits.searched is None else [refits.searched])
    support = subject.findings.support
    return tuple(
        Evidence(
            moved=float(np.median(moves[:, k])),
            furthest=float(moves[:, k].max()),
            pure_pixels=int(pure[k]),
            share=float(subject.abundances[:, k].mean()),
            purest=float(highest[k]),
            nearest=float(np.degrees(apart[k].min())),
            another_search=_median(others, k),
            chord_cone=None if refits.chord_cone is None else float(refits.chord_cone[k]),
            facet_tail=None if tails is None else float(tails[k]),
            parts=_median(parts, k),
            stroke=_stroke(subject, k),
            half=support is not None and k in support.halves,
        )
        for k in range(subject.count)
    )


def _each(subject: Subject, found: list[FloatArray] | tuple[FloatArray, ...]) -> FloatArray:
    """(K, P) degrees from the result of each of K estimates (P, B) in its order."""
    return np.array([angles(one, subject.endmembers) for one in found])


def _median(degrees: FloatArray, k: int) -> float | None:
    return float(np.median(degrees[:, k])) if len(degrees) else None


def _stroke(subject: Subject, k: int) -> float | None:
    """The share of an endmember in the stroke of its name."""
    purities = [one.purity for one in subject.findings.strokes if one.material == subject.result.names[k]]
    return purities[0] if purities else None
