"""What a check says of its number: in words, with a unit, held against what would be good."""

from __future__ import annotations

import json

import pytest

from napari_unmix.identifiability.checks import all_checks
from napari_unmix.identifiability.report import Check, Condition, Grade, Report

# Words of the theory page; a person who reads the window need not know them.
JARGON = ("nats", "α", "rank", "simplex", "twin", "cone", "χ", "eigenvalue", "Dirichlet", "jackknife", "posterior")
SAID = {
    "enough regions": (2.0, 7.0, "2 that hold 30 pixels or more (good from 7)"),
    "different enough": (
        0.05,
        None,
        "they leave the endmembers uncertain by 5 % of the way between them (good below 12 %)",
    ),
    "simulated twin": (0.84, None, "within 0.8° (good below 1.5°)"),
    "every material varies": (0.254, None, "the least by 25 % (good from 18 %)"),
    "injective mixing": (0.00085, None, "noise alone moves a pixel's shares by 0.085 % at most (good below 10 %)"),
    "stable": (2.43, None, "moves by 2.4° without a part of the data (good below 1°)"),
    "side information": (0.02, None, "2 % of shuffled regions do as well (good up to 5 %)"),
    "number of endmembers": (4.0, 6.0, "4 rise over noise and variability, and there are 6"),
    "geometry": (0.931, None, "the purest of every material hold 93 % of it or more (good above 95 %)"),
}


def conditions() -> dict[str, Condition]:
    return {one.condition.name: one.condition for one in all_checks()}


@pytest.mark.parametrize("name", list(SAID))
def test_a_number_is_said_in_words_with_its_unit(name: str) -> None:
    value, threshold, said = SAID[name]
    check = conditions()[name].check("doubtful", value, "So.", threshold=threshold)
    assert check.measured == said


@pytest.mark.parametrize("name", list(SAID))
def test_the_words_follow_the_threshold_and_not_a_copy_of_it(name: str) -> None:
    condition = conditions()[name]
    assert (
        condition.check("pass", 0.5, "So.", threshold=0.25).measured
        != condition.check("pass", 0.5, "So.", threshold=0.75).measured
    )


def test_titles_and_words_need_no_theory() -> None:
    for condition in conditions().values():
        said = f"{condition.title} {condition.told}"
        assert condition.title
        assert not [word for word in JARGON if word in said], said


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_was_not_measured_has_no_words(value: float | None) -> None:
    assert conditions()["stable"].check("doubtful", value, "So.").measured == ""


def test_another_number_that_decided_is_told_in_its_place() -> None:
    assert (
        conditions()["stable"].check("doubtful", 0.2, "So.", measured="restarts differ").measured == "restarts differ"
    )


def test_a_report_of_an_older_version_reads_without_words() -> None:
    check = Check("stable", "pass", 0.2, 1.0, "So.", role="veto", measured="moves by 0.2°", title="Stable")
    values = Report("partly", "So.", (check,)).as_json()
    assert Report.from_json(values).checks[0] == check
    for word in ("title", "measured"):
        del values["checks"][0][word]
    old = Report.from_json(values).checks[0]
    assert (old.title, old.measured, old.value) == ("", "", 0.2)


def test_grades_are_read_again_and_an_older_report_has_none() -> None:
    grade = Grade("grass", "shaky", "Moves by 1.2°.", "Paint it.", {"degrees": 1.2, "nearest": None}, (0.1, 0.0), 0.03)
    values = Report("partly", "So.", (), grades=(grade,)).as_json()
    assert Report.from_json(json.loads(json.dumps(values))).grades == (grade,)
    del values["grades"]
    assert Report.from_json(values).grades == ()
