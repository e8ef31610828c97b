"""What the window says of a grade in the room that it has, and which materials it lists first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from napari_unmix.cube import Cube
from napari_unmix.findings import Findings
from napari_unmix.identifiability.report import Grade, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.edits import deleted, exchanged, merged, moved, split
from napari_unmix.plugin.facts.endmember_spread import shown_spread
from napari_unmix.plugin.facts.grading import fitted, grades_text, materials_of, materials_tally, tip_of
from napari_unmix.plugin.facts.runs import Run, Shown, fresh_look

LOST = Grade("endmember 1", "not determined here", "No pixel holds endmember 1.", "Paint endmember 1.")
GIVEN = Grade("endmember 2", "given", "It is as it was given.")
STEADY = Grade("endmember 3", "steady", "endmember 3 moves by 0.2°.", spread=(0.01,) * 7)


def run_of(cube: Cube, tools: Any, grades: tuple[Grade, ...] = (STEADY, LOST, GIVEN)) -> Run:
    """A run with a report."""
    named = tuple(replace(grade, name=f"endmember {k + 1}") for k, grade in enumerate(grades))
    spec = spec_class("ivae")()
    result = tools.make_unmixing(cube, spec)
    look, report = fresh_look(result.endmembers), Report("partly", "Partly.", (), grades=named)
    return Run(1, "ivae", datetime(2026, 12, 1), cube, spec, None, cube, result, look, report)


def test_a_word_is_whole_or_cut_or_left_out() -> None:
    whole = "○ not determined here"
    assert fitted(LOST, lambda words: True) == whole
    assert fitted(LOST, lambda words: len(words) <= len(whole) - 1) == "○ not determined he…"
    assert fitted(LOST, lambda words: len(words) <= 10) == "○ not det…"
    assert fitted(LOST, lambda words: len(words) <= 8) == "○ not d…"
    assert fitted(LOST, lambda words: len(words) <= 7) == "○"  # too little of the word to know it
    assert fitted(LOST, lambda words: False) == "○"
    assert fitted(STEADY, lambda words: len(words) <= 7) == "●"
    assert fitted(None, lambda words: True) == ""


def test_a_tip_has_lines_that_can_be_shown() -> None:
    long = replace(LOST, sentence="word " * 40)
    assert max(map(len, tip_of(long).splitlines())) <= 76
    assert tip_of(LOST).splitlines() == ["Not determined here: No pixel holds endmember 1.", "→ Paint endmember 1."]
    assert tip_of(None) == ""


def test_materials_that_need_something_are_listed_first(cube: Cube, tools: Any) -> None:
    listed = materials_of(run_of(cube, tools))
    assert [one.index for one in listed] == [1, 0, 2]
    assert materials_tally(listed) == "3 materials: 1 steady, 1 not determined here, 1 given."
    assert materials_of(None) == ()
    assert materials_tally(()) == ""
    assert grades_text(run_of(cube, tools)) == "1 steady, 1 not determined here, 1 given"


def test_a_run_without_grades_lists_nothing(cube: Cube, tools: Any) -> None:
    run = run_of(cube, tools, ())
    assert run.grades == (None, None, None)
    assert materials_of(run) == ()
    assert grades_text(run) == ""


def test_grades_follow_their_endmembers_and_what_is_new_has_none(cube: Cube, tools: Any) -> None:
    run = run_of(cube, tools).to_edit
    first, second, third = run.grades
    looks = {
        "merged": merged(run.unmixing, run.look, cube, [0, 2]).look,
        "deleted": deleted(run.unmixing, run.look, cube, 0).look,
        "moved": moved(run.unmixing, run.look, 0, 1).look,
        "exchanged": exchanged(run.unmixing, run.look, cube, 1, run.unmixing.endmembers[0] + 0.01, "pin 1").look,
    }
    assert looks["merged"].graded == {1: second}
    assert looks["deleted"].graded == {0: second, 1: third}
    assert looks["moved"].graded == {0: second, 1: first, 2: third}
    assert looks["exchanged"].graded == {0: first, 2: third}


def test_the_halves_of_a_split_have_none(cube: Cube, tools: Any) -> None:
    run = run_of(tools.make_cube(40, 40), tools).to_edit
    look = split(run.unmixing, run.look, run.cube, 1).look
    assert sorted(look.graded) == [0, 3]
    assert look.graded[3].name == "endmember 3"


def test_a_report_on_an_older_order_is_put_in_the_one_of_now(cube: Cube, tools: Any) -> None:
    run = run_of(cube, tools)
    edit = moved(run.unmixing, run.look, 0, 2)
    now = replace(run, unmixing=edit.unmixing, look=edit.look, report=None)
    assert run.report is not None
    again = now.judged(run.report, run.unmixing.endmembers)
    assert [grade.name for grade in again.grades if grade] == ["endmember 2", "endmember 3", "endmember 1"]
    assert [grade.word for grade in again.grades if grade] == ["not determined here", "given", "steady"]


def test_the_band_is_what_was_measured_before_what_the_method_states(cube: Cube, tools: Any) -> None:
    run = run_of(cube, tools)
    result = replace(run.unmixing, findings=Findings(endmember_error=(0.02, 0.1, 0.3)))
    run = replace(run, unmixing=result)
    spread, means = shown_spread(Shown(cube, result, run.look, run))
    assert means == "left out"
    assert spread is not None
    np.testing.assert_array_equal(spread[0], np.where(cube.good_bands, 0.01, np.nan))
    assert np.isnan(spread[2]).all()  # given: nothing is claimed of it
    spread, means = shown_spread(Shown(cube, result, run.look, replace(run, report=None)))
    assert means == "standard error"
    assert spread is not None
    assert np.isfinite(spread[2][cube.good_bands]).all()
