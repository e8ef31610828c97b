"""What the window says of naming, on made-up numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.library.matching import Candidate, Ranking, decided
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.plugin.facts.candidates import EVERY, Answered, LibraryChoice, Subject
from napari_unmix.plugin.facts.matching import (
    Verdict,
    answered_now,
    listed,
    pair,
    pin_label,
    proposals,
    question_of,
    same_name,
    subject_now,
    subjects,
    to_be_asked,
    verdict,
)
from napari_unmix.plugin.facts.runs import Run, fresh_look
from napari_unmix.plugin.facts.session import Session

PIN = (4, 5)


@pytest.fixture
def trained(session: Session, cube: Cube, tools: Any) -> Session:
    """A run of three endmembers, and a pin."""
    made = tools.make_unmixing(cube, session.spec)
    look = fresh_look(made.endmembers)
    session.cubes, session.cube = (cube,), cube
    session.runs = (Run(1, "iVAE", datetime(2026, 1, 1), cube, session.spec, None, cube, made, look),)
    session.run = session.runs[0]
    session.pins = (PIN,)
    return session


def candidate(name: str, score: float, slope: float = 0.0, library: str = "minerals") -> Candidate:
    return Candidate(name, score, score, slope, library=library, row=0)


def ranking(*candidates: Candidate, flat: float = 40.0) -> Ranking:
    return Ranking("x", candidates, flat)


# --- what one sentence says


def said_of(found: Ranking, within: float) -> Verdict:
    return verdict(decided(found, within), found.flat, within)


def test_a_name_comes_with_its_score_and_the_runner_up() -> None:
    said = said_of(ranking(candidate("calcite", 1.24), candidate("dolomite", 2.06)), 4.0)
    assert (said.sentence, said.mark) == ("calcite (1.2°); next is dolomite (2.1°).", "pass")


def test_names_that_fit_alike_are_told_together() -> None:
    said = said_of(ranking(candidate("calcite", 1.0), candidate("dolomite", 1.2), candidate("siderite", 1.4)), 4.0)
    assert said.sentence == "calcite (1.0°), or as well dolomite or siderite: they fit about as closely."
    assert said.mark == "doubtful"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            ranking(candidate("calcite", 5.5, 40.0)),
            "Nothing matches within 4°: the nearest is calcite, 5.5° by shape, 5.5° by absorption, 40° by slope.",
        ),
        (
            ranking(candidate("calcite", 1.0, 40.0)),
            "Nothing matches within 4°: the nearest is calcite, 1.0° by shape, 1.0° by absorption, 40° by slope.",
        ),
        (
            ranking(candidate("snow", 1.0), flat=2.0),
            "Too flat to tell: within 2.0° of a constant; the nearest is snow, 1.0° by shape, 1.0° by absorption, 0° by slope.",
        ),
        (ranking(), "Nothing to compare with: no chosen library has half of these bands."),
    ],
)
def test_nothing_is_an_answer_and_says_why(found: Ranking, sentence: str) -> None:
    assert said_of(found, 4.0).sentence == sentence


def test_what_matches_moves_with_the_angle_allowed() -> None:
    found = ranking(candidate("calcite", 5.0))
    assert said_of(found, 4.0).mark == "fail"
    assert said_of(found, 6.0).mark == "pass"


def test_entries_are_looked_up_by_all_words_of_name_or_library() -> None:
    found = ranking(
        candidate("Calcite WS272", 1.0),
        candidate("Dolomite HS102", 2.0),
        candidate("Calcite CO2004", 9.0, library="rocks"),
    )
    assert [one.name for one in listed(found, "")] == ["Calcite WS272", "Dolomite HS102", "Calcite CO2004"]
    assert [one.name for one in listed(found, " cal ")] == ["Calcite WS272", "Calcite CO2004"]
    assert [one.name for one in listed(found, "rocks calcite")] == ["Calcite CO2004"]
    assert listed(found, "quartz") == listed(None, "") == ()
    assert len(listed(ranking(*[candidate(str(k), k) for k in range(900)]), "")) == 500


# --- what can be named, and whether it has been asked


def test_without_a_cube_there_is_nothing_to_name(session: Session) -> None:
    assert subjects(session) == ()
    assert (subject_now(session), question_of(session), to_be_asked(session)) == (None, None, False)


def test_a_pin_can_be_named_before_there_is_a_run(session: Session, cube: Cube) -> None:
    session.cubes, session.cube, session.pins = (cube,), cube, (PIN,)
    assert subject_now(session) == Subject("pin", place=PIN)
    asked = question_of(session)
    assert asked is not None
    assert asked.endmembers is None
    assert asked.spectra[0, ~cube.good_bands].tolist() != asked.spectra[0, cube.good_bands].tolist()
    assert np.isnan(asked.spectra[0, ~cube.good_bands]).all()


def test_endmembers_come_first_and_all_of_them_where_nothing_is_chosen(trained: Session) -> None:
    known = subjects(trained)
    assert [one.kind for one in known] == ["endmember"] * 3 + ["pin"]
    assert subject_now(trained) == EVERY
    trained.naming = replace(trained.naming, subject=Subject("endmember", 2))
    assert subject_now(trained) == Subject("endmember", 2)
    trained.naming = replace(trained.naming, subject=Subject("endmember", 7))
    assert subject_now(trained) == EVERY
    trained.naming = replace(trained.naming, subject=Subject("pin", place=PIN))
    trained.pins = ()
    assert subject_now(trained) == EVERY


def answer(session: Session, **changes: Any) -> Answered:
    asked = question_of(session)
    assert asked is not None
    rankings = tuple(ranking(candidate("calcite", 1.0), candidate("dolomite", 2.0)) for _ in asked.subjects)
    return Answered(asked, rankings, tuple(map(decided, rankings)), **changes)


def test_an_answer_holds_until_what_was_asked_is_another(trained: Session, tools: Any, cube: Cube) -> None:
    assert to_be_asked(trained)
    trained.naming = replace(trained.naming, answered=answer(trained))
    assert answered_now(trained) is not None
    assert not to_be_asked(trained)
    run = trained.run
    assert run is not None
    trained.run = replace(run, look=run.look.renamed(0, "calcite"))  # a name changes no spectrum
    assert answered_now(trained) is not None
    trained.pins = ()
    assert answered_now(trained) is not None
    trained.pins = ((1, 1),)
    assert answered_now(trained) is None
    trained.pins = (PIN,)
    trained.naming = replace(trained.naming, within=3.0)
    assert answered_now(trained) is None
    trained.naming = replace(trained.naming, within=4.0, libraries=(LibraryChoice(None), LibraryChoice(Path("a.sli"))))
    assert answered_now(trained) is None
    trained.naming = replace(
        trained.naming, libraries=(LibraryChoice(None), LibraryChoice(Path("a.sli"), chosen=False))
    )
    assert answered_now(trained) is not None
    trained.run = replace(run, unmixing=tools.make_unmixing(cube, trained.spec))
    assert answered_now(trained) is None


def test_another_cube_is_another_question(trained: Session, tools: Any) -> None:
    trained.naming = replace(trained.naming, answered=answer(trained))
    other = tools.make_cube(name="other", seed=3)
    trained.cubes, trained.cube, trained.pins = (*trained.cubes, other), other, ()
    assert answered_now(trained) is None
    assert proposals(trained) == ()


# --- all at once


def test_only_what_nobody_named_is_proposed_to_be_renamed(trained: Session) -> None:
    run = trained.run
    assert run is not None
    trained.run = replace(run, look=run.look.renamed(1, "water"))
    calcite, snow = candidate("calcite", 1.0), candidate("snow", 2.0)
    trained.naming = replace(trained.naming, answered=answer(trained, proposals=(calcite, snow, None)))
    found = proposals(trained)
    assert [(one.name, one.candidate, one.wanted) for one in found] == [
        ("endmember 1", calcite, True),
        ("water", snow, False),
        ("endmember 3", None, False),
    ]
    assert found[2].reason == "nothing: calcite suits another better"


def test_the_same_name_is_known_with_its_number() -> None:
    assert same_name("calcite", candidate("calcite", 1.0))
    assert same_name("calcite 2", candidate("calcite", 1.0))
    assert not same_name("calcite and dolomite", candidate("calcite", 1.0))
    assert not same_name("endmember 1", candidate("calcite", 1.0))


def test_a_pin_is_called_by_name_and_number(trained: Session) -> None:
    assert pin_label(trained, PIN) == "pin 1"
    trained.pin_names = {PIN: "calcite"}
    assert pin_label(trained, PIN) == "calcite (pin 1)"


# --- what is drawn


@pytest.fixture
def drawn(trained: Session) -> Answered:
    asked = question_of(trained)
    assert asked is not None
    bands = asked.cube.wavelengths
    assert bands is not None
    spectra = np.array([0.5 * asked.spectra[0], np.linspace(1.0, 2.0, bands.size)])
    spectra[1, -1] = np.nan
    return Answered(asked, libraries={"minerals": SpectralLibrary(spectra, bands, ("half", "ramp"), name="minerals")})


def test_the_candidate_is_drawn_at_the_subjects_brightness(drawn: Answered) -> None:
    found = pair(drawn, Subject("endmember", 0), replace(candidate("half", 0.0), row=0), "scaled")
    assert found is not None
    assert found.scale == pytest.approx(2.0)
    assert np.array_equal(np.isnan(found.mine), ~drawn.question.cube.good_bands)
    assert np.nanmax(np.abs(found.mine - found.its)) < 1e-12


@pytest.mark.parametrize("view", ["continuum removed", "derivative"])
def test_the_other_views_show_common_bands_only(drawn: Answered, view: Any) -> None:
    found = pair(drawn, Subject("endmember", 1), replace(candidate("ramp", 0.0), row=1), view)
    assert found is not None
    good = drawn.question.cube.good_bands.copy()
    good[-1] = False
    assert np.array_equal(np.isfinite(found.mine), good)
    assert np.array_equal(np.isfinite(found.its), good)
    if view == "derivative":
        assert found.its[good] == pytest.approx(np.full(good.sum(), found.scale / 450.0))
    else:
        assert found.its[good] == pytest.approx(np.ones(good.sum()))


def test_what_is_not_there_is_not_drawn(drawn: Answered) -> None:
    assert pair(drawn, Subject("endmember", 0), candidate("x", 0.0, library="other"), "scaled") is None
    assert pair(drawn, Subject("endmember", 0), replace(candidate("x", 0.0), row=9), "scaled") is None
    assert pair(drawn, EVERY, replace(candidate("half", 0.0), row=0), "scaled") is None
