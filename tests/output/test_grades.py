"""How grades are told: a sign and a line for each word, by the names of now, and nothing where nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from napari_unmix.identifiability.report import Grade, Report, Word
from napari_unmix.output.grades import (
    LINES,
    SIGNS,
    by_names,
    counted,
    explained,
    grades_of,
    line_of,
    lines_in_words,
    renamed,
    signed,
    spread_of,
    spreads_of,
)

ROOF = Grade(
    "endmember 1", "not determined here", "No pixel holds endmember 1; endmember 10 covers it.", "Paint endmember 1."
)
TREE = Grade("endmember 10", "steady", "endmember 10 moves by 0.2°.", spread=(0.1, 0.2, 0.3))
REPORT = Report(
    "not identified", "By geometry endmember 10 is steady, endmember 1 is not determined here.", (), grades=(ROOF, TREE)
)


def test_every_word_has_a_sign_of_its_own_and_what_is_not_steady_a_line_of_its_own() -> None:
    words = get_args(Word)
    assert set(SIGNS) == set(LINES) == set(words)
    assert len(set(SIGNS.values())) == len(words)
    assert LINES["shaky"] != LINES["not determined here"] != LINES["steady"] != LINES["shaky"]


def test_grades_are_of_the_endmembers_that_there_are() -> None:
    assert grades_of(REPORT, 2) == (ROOF, TREE)
    assert grades_of(REPORT, 3) == (None, None, None)
    assert grades_of(None, 1) == (None,)
    assert grades_of(replace(REPORT, grades=()), 2) == (None, None)


def test_nothing_is_said_where_there_is_no_grade() -> None:
    assert signed(None) == explained(None) == counted((None, None)) == lines_in_words((None,)) == ""
    assert line_of(None) == "solid"


def test_words_are_counted_and_lines_told_once() -> None:
    shaky = replace(TREE, word="shaky")
    assert counted((ROOF, TREE, TREE, None, shaky)) == "2 steady, 1 shaky, 1 not determined here"
    assert lines_in_words((ROOF, TREE, shaky, shaky)) == "dashed: shaky, dotted: not determined here"
    assert signed(shaky) == "◐ shaky"


def test_a_report_is_told_by_the_names_of_now() -> None:
    told = renamed(REPORT, ("roof", "endmember 1"))
    assert told.summary == "By geometry endmember 1 is steady, roof is not determined here."
    assert told.grades[0].sentence == "No pixel holds roof; endmember 1 covers it."
    assert told.grades[0].remedy == "Paint roof."
    assert [grade.name for grade in told.grades] == ["roof", "endmember 1"]
    assert renamed(REPORT, ("endmember 1", "endmember 10")) is REPORT
    assert renamed(REPORT, ("one", "two", "three")) is REPORT


@pytest.mark.parametrize("name", ["a+b", "c (old)", "½ \\1", ""])
def test_a_name_may_hold_anything(name: str) -> None:
    one = replace(TREE, name=name, sentence=f"{name} moves by 0.2°.")
    there = by_names((one, None), ("back\\1", "other"))
    assert there[1] is None
    assert there[0] is not None
    assert there[0].sentence == (" moves by 0.2°." if not name else "back\\1 moves by 0.2°.")
    assert by_names(there, (name, "other")) == (one, None)


def test_a_spread_is_laid_over_the_bands_in_use() -> None:
    good = np.array([True, False, True, True])
    spread = spread_of(TREE, good)
    np.testing.assert_array_equal(spread, [0.1, np.nan, 0.2, 0.3])
    assert spread_of(TREE, np.ones(4, bool)) is None  # of other bands
    assert spread_of(ROOF, good) is None
    both = spreads_of((ROOF, TREE), good)
    assert both is not None
    assert np.isnan(both[0]).all()
    assert spreads_of((ROOF, None), good) is None
