"""A grade of each endmember: what moves where a quarter of the scene is left out is not determined by the rest.

A steady endmember is not a right one. An error that every quarter of the scene shares, as where no pixel is pure and all show the same mixture,
moves nothing; what moves can't be right everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.advice import SEE
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.by_regions import (
    RegionEvidence,
    region_evidence,
    region_remedy,
    region_sentence,
    region_spread,
    region_word,
)
from napari_unmix.identifiability.evidence import PURE, Evidence, evidence
from napari_unmix.identifiability.report import Grade, Word
from napari_unmix.identifiability.subject import Subject, listed

# What decides, in degrees, see decisions 0023 and 0030: doubt below which an endmember is steady, without pure pixels and with them; and from
# which it is not determined. Of what counts less than this nothing is said.
STEADY, STEADY_BACKED, LOST = 0.7, 1.0, 3.0
_SAID = 0.3
# As many names as one sentence holds; and letters of the headline, beyond which it counts more and names fewer: three lines of the dock.
_NAMED, _HEADLINE = 3, 110
_SEARCHED: tuple[Word, ...] = ("steady", "shaky", "not determined here")


def grades(subject: Subject, refits: Refits) -> tuple[Grade, ...]:
    """A grade of each endmember, in order; () where the search can't be made again. What was held as it was given has no other grade."""
    if not subject.searched.any():
        return tuple(_given(name) for name in subject.result.names)
    measured = _by_both(region_evidence(subject, refits), evidence(subject, refits))
    if not measured:
        return ()
    spread = region_spread(subject, refits) if subject.findings.by_regions else _spread(subject, refits)
    each = zip(subject.result.names, measured, spread, subject.searched, strict=True)
    return tuple(
        graded(name, one, tuple(curve.tolist())) if found else _given(name) for name, one, curve, found in each
    )


def _by_both(
    by_regions: Sequence[RegionEvidence], by_search: Sequence[Evidence]
) -> tuple[RegionEvidence | Evidence, ...]:
    """Of each endmember what makes the worse word, where regions speak of an answer of the geometry's; else what there is."""
    if not by_regions or not by_search:
        return tuple(by_regions or by_search)
    return tuple(_worse(*both) for both in zip(by_search, by_regions, strict=True))


def _worse(by_search: Evidence, by_regions: RegionEvidence) -> Evidence | RegionEvidence:
    words = [_SEARCHED.index(any_word(one)) for one in (by_search, by_regions)]
    return by_regions if words[1] > words[0] else by_search


def _given(name: str) -> Grade:
    return Grade(name, "given", f"{name} is as it was given: nothing is claimed of it.")


def graded(name: str, measured: Evidence | RegionEvidence, spread: tuple[float, ...] = ()) -> Grade:
    """The grade of one endmember: the word, why, and what would help."""
    word = any_word(measured)
    if isinstance(measured, RegionEvidence):
        said, remedy = region_sentence(name, measured), region_remedy(name, word, measured)
        return Grade(name, word, said, remedy, measured.numbers, spread)
    return Grade(name, word, _sentence(name, measured), _remedy(name, word, measured), measured.numbers, spread)


def any_word(measured: Evidence | RegionEvidence) -> Word:
    """The word, by what was measured."""
    return region_word(measured) if isinstance(measured, RegionEvidence) else word_of(measured)


def word_of(measured: Evidence) -> Word:
    """The word: half of a material is never steady, nor is what nothing backs where spectra vary."""
    if measured.doubt >= LOST:
        return "not determined here"
    most = STEADY_BACKED if measured.backed else STEADY
    open_to_doubt = measured.half or (measured.varies and not measured.backed)
    return "steady" if measured.doubt < most and not open_to_doubt else "shaky"


def _sentence(name: str, measured: Evidence) -> str:
    """Why, with the numbers that decided."""
    half = ", beside one half of each stroke that anchors" if measured.beside_strokes else ""
    said = f"Searched again without each quarter of the scene{half}, {name} moves by {measured.moved:.1f}° (at most {measured.furthest:.1f}°)"
    if measured.varies and measured.own_pixels >= _SAID:
        said += f"; spectra vary, and it stands {measured.own_pixels:.1f}° out of the middle of its purest pixels"
    if measured.varies and measured.another_search is not None:
        said += _said_of_another(measured.another_search, measured.same_pixels)
    if measured.half:
        return f"{said}; it is half of a material that another endmember shares."
    count = measured.pure_pixels
    pixels = "no pixel holds" if not count else "1 pixel holds" if count == 1 else f"{count} pixels hold"
    return f"{said}; {pixels} {100 * PURE:.0f} % of it or more."


def _said_of_another(degrees: float, same_pixels: bool) -> str:
    """What another search found, where it is worth telling; of few pixels it read all, and then it is told that it could tell nothing."""
    if degrees >= _SAID:
        return f"; another search of the whole scene finds it {degrees:.1f}° off"
    return "; another search had only the same pixels to read, so that it agrees tells nothing" if same_pixels else ""


def _remedy(name: str, word: Word, measured: Evidence) -> str:
    """What would make it better."""
    if word == "steady":
        return ""
    if measured.half:
        return "Ask for one endmember fewer, or merge the two."
    spectrum = f"give the known spectrum of {name}"
    if measured.paint == "nothing":
        return f"Train a method that reads what is painted, or {spectrum}."
    if measured.paint != "strokes":
        regions = "regions of different mixtures" if measured.paint == "regions" else "more regions, of other mixtures"
        return f"Paint {regions}, {SEE}, or {spectrum}."
    if measured.stroke is not None:
        return f"Give the known spectrum of {name}, or take in more of the scene that holds it."
    where = "pure" if measured.backed else "purest"
    return f"Paint a stroke where {name} is {where}, {SEE}, or give its known spectrum."


def headline(given: Sequence[Grade], basis: str = "By geometry") -> str:
    """The grades as one short sentence; "" where there are none but of what was given. Rows, and where to paint, say what would help."""
    by_word = {word: names for word in _SEARCHED if (names := _having(given, word))}
    if not by_word:
        return ""
    if len(by_word) == 1:
        return f"{basis} {_alike(*next(iter(by_word.items())))}."
    *longer, shortest = (f"{basis} {_several(by_word, named)}." for named in (_SEARCHED, _SEARCHED[2:], ()))
    return next((said for said in longer if len(said) <= _HEADLINE), shortest)


def _alike(word: Word, names: list[str]) -> str:
    """Where one word is true of all."""
    one = len(names) == 1
    if word == "not determined here":
        return f"{names[0] if one else f'none of {len(names)}'} is {word if one else 'determined here'}"
    every = "both" if len(names) == 2 else f"all {len(names)}"
    said = f"{names[0]} is {word}" if one else f"{every} are {word}"
    return f"{said}, as an error that all parts of the scene share would be too" if word == "steady" else said


def _several(by_word: Mapping[Word, list[str]], named: Collection[Word]) -> str:
    """ "2 of 4 are steady; roof is shaky, soil is not determined here": how many can be believed, and which can't, or how many."""
    steady, count = by_word.get("steady", []), sum(map(len, by_word.values()))
    others = (
        f"{_first_of(names) if word in named else len(names)} {_are(names)} {word}"
        for word, names in by_word.items()
        if word != "steady"
    )
    return f"{len(steady) or 'none'} of {count} {_are(steady)} steady; {', '.join(others)}"


def _having(given: Sequence[Grade], word: str) -> list[str]:
    return [grade.name for grade in given if grade.word == word]


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _first_of(names: list[str]) -> str:
    """ "roof", "roof and soil", "roof, soil, water and 4 more"."""
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return listed(names)


def _spread(subject: Subject, refits: Refits) -> FloatArray:
    """(P, B) root mean square of the curves' moves without a quadrant, in their own units."""
    return np.asarray(np.sqrt(np.mean((np.array(refits.quadrants) - subject.endmembers) ** 2, axis=0)))
