"""How the grades of endmembers are told, everywhere alike: their signs, the lines of their curves, a count of them. Pure.

No sign and no line rests on colour, which says which endmember it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.identifiability.report import Grade, Report, Word

Line = Literal["solid", "dashed", "dotted"]
Grades = Sequence[Grade | None]  # one of each endmember, None for one that has no grade

SIGNS: dict[Word, str] = {"steady": "●", "shaky": "◐", "not determined here": "○", "given": "◆"}
LINES: dict[Word, Line] = {"steady": "solid", "shaky": "dashed", "not determined here": "dotted", "given": "solid"}
# Lengths of strokes and gaps, in widths of the line: other than those of a plot's own dashed and dotted curves.
PATTERNS: dict[Line, tuple[float, ...]] = {"solid": (), "dashed": (7.0, 3.0), "dotted": (1.5, 2.5)}


def renamed(report: Report, names: Sequence[str]) -> Report:
    """The report by what the endmembers are called now: its summary and its grades name them as they were called when it was made."""
    if len(report.grades) != len(names) or [grade.name for grade in report.grades] == list(names):
        return report
    told = _by_names(report.grades, names)
    grades = (grade for grade in by_names(report.grades, names) if grade is not None)
    return replace(report, summary=told(report.summary), grades=tuple(grades))


def by_names(grades: Grades, names: Sequence[str]) -> tuple[Grade | None, ...]:
    """The grades by what their endmembers are called now."""
    if all(grade is None or grade.name == name for grade, name in zip(grades, names, strict=True)):
        return tuple(grades)
    told = _by_names(grades, names)
    return tuple(
        None if grade is None else replace(grade, name=name, sentence=told(grade.sentence), remedy=told(grade.remedy))
        for grade, name in zip(grades, names, strict=True)
    )


def _by_names(grades: Grades, names: Sequence[str]) -> Callable[[str], str]:
    """A sentence by the names of before -> by those of now, all at once, so that two may have changed theirs."""
    now = {grade.name: name for grade, name in zip(grades, names, strict=True) if grade is not None and grade.name}
    every = "|".join(map(re.escape, sorted(now, key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{every})(?!\w)")
    return lambda sentence: pattern.sub(lambda found: now[found[0]], sentence) if now else sentence


def grades_of(report: Report | None, count: int) -> tuple[Grade | None, ...]:
    """The grade of each of so many endmembers; None of each where a report has none, or is of other endmembers."""
    grades = () if report is None else report.grades
    return tuple(grades) if len(grades) == count else (None,) * count


def signed(grade: Grade | None) -> str:
    """Sign and word, "◐ shaky"; "" where there is no grade."""
    return "" if grade is None else f"{SIGNS[grade.word]} {grade.word}"


def explained(grade: Grade | None) -> str:
    """Why, and what would make it better; "" where there is no grade."""
    return "" if grade is None else f"{grade.sentence} {grade.remedy}".strip()


def word_of(grade: Grade | None) -> str:
    """The word alone; "" where there is no grade."""
    return "" if grade is None else grade.word


def line_of(grade: Grade | None) -> Line:
    """How the curve of an endmember is drawn."""
    return "solid" if grade is None else LINES[grade.word]


def counted(grades: Iterable[Grade | None]) -> str:
    """ "3 steady, 1 shaky"; "" where none has a grade."""
    words = [word_of(grade) for grade in grades]
    return ", ".join(f"{words.count(word)} {word}" for word in SIGNS if word in words)


def lines_told(grades: Iterable[Grade | None]) -> dict[Word, Line]:
    """What lines that are not solid mean, of those that are there: {"shaky": "dashed"}."""
    words = {word_of(grade) for grade in grades}
    return {word: line for word, line in LINES.items() if word in words and line != "solid"}


def spread_of(grade: Grade | None, good_bands: BoolArray) -> FloatArray | None:
    """(B,) how far the curve moves where parts of the scene are left out, NaN in excluded bands; None where that is not known."""
    if grade is None or len(grade.spread) != int(good_bands.sum()) or not grade.spread:
        return None
    spread = np.full(good_bands.shape, np.nan)
    spread[good_bands] = grade.spread
    return spread


def lines_in_words(grades: Iterable[Grade | None]) -> str:
    """The same as a line, "dashed: shaky, dotted: not determined here"; "" where all are solid."""
    return ", ".join(f"{line}: {word}" for word, line in lines_told(grades).items())


def spreads_of(grades: Grades, good_bands: BoolArray) -> FloatArray | None:
    """(P, B) of every endmember, NaN of those of which it is not known; None where it is of none."""
    spreads = [spread_of(grade, good_bands) for grade in grades]
    if all(spread is None for spread in spreads):
        return None
    unknown = np.full(good_bands.shape, np.nan)
    return np.array([unknown if spread is None else spread for spread in spreads])
