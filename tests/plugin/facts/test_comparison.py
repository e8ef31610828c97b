"""Two runs of a session side by side: colours, what is wanted, what cannot be compared, the table."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Report
from napari_unmix.plugin.facts.comparison import (
    beside_curves,
    beside_look,
    compared,
    overlay_title,
    remarks,
    wanted_measures,
    wanted_overlay,
)
from napari_unmix.plugin.facts.likeness import Comparing, DifferenceMap, Measured, Pair, Pictures
from napari_unmix.plugin.facts.run_table import FIGURES, as_csv, figures, minutes, percent, subjects
from napari_unmix.plugin.facts.runs import Look, Run
from napari_unmix.plugin.facts.session import Session, preset

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#d55e00")


def run_of(cube: Cube, number: int, tools: Any, count: int = 3, **changes: Any) -> Run:
    """A run of a cube, called ``run N``; its endmembers are ``N-1``, ``N-2`` …."""
    spec = preset().model_copy(update={"seed": number})
    unmixing = replace(tools.make_unmixing(cube, spec, count), seconds=60.0 * number + 5)
    names = tuple(f"{number}-{k + 1}" for k in range(count))
    look = Look(unmixing.endmembers, names, COLOURS[:count])
    run = Run(number, f"run {number}", datetime(2026, 12, 1, 9, number), cube, spec, None, cube, unmixing, look)
    return replace(run, **changes)


def side_by_side(session: Session, run: Run, beside: Run, *pairs: Pair, **figures: Any) -> Session:
    """Both are open, the first is shown, and this was measured."""
    session.cubes = (run.home,)
    session.cube, session.runs, session.run, session.beside = run.home, (run, beside), run, beside
    mine = Measured(run.number, run.unmixing, run.unmixing, 0.011)
    its = Measured(beside.number, beside.unmixing, run.unmixing, 0.013, pairs, **figures)
    session.measured = (mine, its)
    return session


def test_partners_have_one_colour_and_one_eye(session: Session, cube: Cube, tools: Any) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools, 4)
    run = replace(run, look=replace(run.look, hidden=frozenset({1})))
    look = beside_look(side_by_side(session, run, beside, Pair(0, 2, 1.0), Pair(1, 0, 2.0)))
    assert look is not None
    assert look.names == ("2-1", "2-2", "2-3", "2-4")
    assert look.colours[2] == run.look.colours[0]
    assert look.colours[0] == run.look.colours[1]
    assert look.colours[3] == beside.look.colours[3]  # nobody else has it
    assert len(set(look.colours)) == 4  # 2-2 had the colour of 1-2, and gave it up
    assert not set(run.look.colours) & {look.colours[1], look.colours[3]}
    assert look.hidden == {0}


def test_nothing_is_told_of_runs_that_were_not_measured_or_changed_since(
    session: Session, cube: Cube, tools: Any
) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools)
    side_by_side(session, run, beside, Pair(0, 0, 1.0))
    session.comparing = Comparing("difference")
    assert wanted_overlay(session) is not None
    edited = replace(run.unmixing, endmembers=run.unmixing.endmembers.copy())
    session.run = replace(run, unmixing=edited)
    assert beside_look(session) is None
    assert wanted_overlay(session) is None


def test_a_run_is_not_compared_with_itself_nor_with_another_cubes(session: Session, cube: Cube, tools: Any) -> None:
    run, other = run_of(cube, 1, tools), run_of(tools.make_cube(seed=3), 2, tools)
    assert compared(side_by_side(session, run, other)) is None
    assert compared(side_by_side(session, run, run)) is None
    assert wanted_measures(session) is None
    session.comparing = Comparing(table=True)
    assert wanted_measures(session) is not None


def test_a_difference_is_drawn_of_materials_that_both_have(session: Session, cube: Cube, tools: Any) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools)
    side_by_side(session, run, beside, Pair(2, 0, 1.0))
    session.comparing = Comparing("difference", material=2)
    assert wanted_overlay(session) == ("difference", run.unmixing, beside.unmixing, 2, 0)
    session.overlay = DifferenceMap(np.zeros(cube.shape[:2]), 1.0, 2)
    assert overlay_title(session) == "1-3: run 1 − run 2 (%)"
    session.comparing = Comparing("difference", material=1)
    assert wanted_overlay(session) is None
    assert overlay_title(session).startswith("1-3: ")  # until another is drawn, the layer says what it shows


def test_flicker_says_which_run_is_seen(session: Session, cube: Cube, tools: Any) -> None:
    side_by_side(session, run_of(cube, 1, tools), run_of(cube, 2, tools), Pair(0, 0, 1.0))
    session.overlay = Pictures(*[np.zeros((12, 10, 3), np.uint8)] * 2)
    session.comparing = Comparing("flicker")
    assert overlay_title(session) == "seen: run 1"
    session.comparing = Comparing("flicker", other=True)
    assert overlay_title(session) == "seen: run 2"


def test_other_sizes_and_bands_are_one_sentence_each(session: Session, cube: Cube, tools: Any) -> None:
    pair = Pair(0, 0, 1.0)
    larger = tools.make_cube(14, 11)
    run, beside = run_of(cube, 1, tools), run_of(larger, 2, tools, home=cube)
    session.comparing = Comparing("split")
    (said, alone) = remarks(side_by_side(session, run, beside, pair))
    assert said.startswith("run 1 has 12×10 pixels, run 2 14×11: their maps cannot be compared.")
    assert wanted_overlay(session) is None
    assert alone == "Without a partner: 1-2, 1-3 of run 1; 2-2, 2-3 of run 2."
    fewer = cube.good_bands.copy()
    fewer[0] = False
    beside = run_of(replace(cube, good_bands=fewer), 2, tools, home=cube)
    said = remarks(side_by_side(session, run, beside, pair))[0]
    assert said == (
        "run 1 used 7 bands, run 2 6: angles are of the 6 that both used, and the residuals are of different bands."
    )
    assert wanted_overlay(session) is not None
    longer = run_of(tools.make_cube(bands=9), 2, tools, home=cube)
    assert "8 bands, run 2 from 9" in remarks(side_by_side(session, run, longer, replace(pair, degrees=None)))[0]
    assert beside_curves(session) is None


def test_runs_without_a_common_material_say_so(session: Session, cube: Cube, tools: Any) -> None:
    side_by_side(session, run_of(cube, 1, tools), run_of(cube, 2, tools))
    assert remarks(session) == ("No endmember of one run is like one of the other: there are no maps to compare.",)


def test_curves_beside_are_as_bright_as_their_partners_where_only_one_run_has_free_light(
    session: Session, cube: Cube, tools: Any
) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools)
    curves = beside_curves(side_by_side(session, run, beside, Pair(0, 0, 0.0)))
    assert curves is not None
    assert not curves.scaled
    assert curves.colours[0] == run.look.colours[0]
    light = np.ones(cube.shape[:2], np.float32)
    brighter = replace(beside.unmixing, illumination=light, endmembers=4 * beside.unmixing.endmembers)
    curves = beside_curves(side_by_side(session, run, replace(beside, unmixing=brighter), Pair(0, 0, 0.0)))
    assert curves is not None
    assert curves.scaled
    np.testing.assert_allclose(curves.endmembers[0], run.unmixing.endmembers[0])
    assert np.isnan(curves.endmembers[0, 3])


def cells(session: Session) -> dict[str, list[str]]:
    """Key of a figure -> its words for each run."""
    rows = subjects(session)
    return {figure.key: [figure.text(one) for one in rows] for figure in figures(session, rows)}


def test_the_table_says_in_words_what_is_known_and_a_dash_for_what_is_not(
    session: Session, cube: Cube, tools: Any
) -> None:
    report = Report("partly", "Partly.", (), expected_angle_degrees=2.345)
    run, beside = run_of(cube, 1, tools, report=report), run_of(cube, 2, tools, 4)
    side_by_side(session, run, beside, Pair(0, 0, 2.0, 0.031, 0.5))
    found = cells(session)
    assert found["residual"] == ["0.011", "0.013"]
    assert found["difference"] == ["–", "3.1"]
    assert found["apart"] == ["–", "2.0"]
    assert found["verdict"] == ["partly", "not checked"]
    assert found["expected angle"] == ["2.3", "–"]
    assert found["seconds"] == ["1:05", "2:05"]
    assert not any(key.startswith("reference") for key in found)


def test_of_how_many_materials_an_angle_to_the_reference_is(session: Session, cube: Cube, tools: Any) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools)
    side_by_side(session, run, beside, Pair(0, 0, 2.0), angles=(1.0, 4.0), abundance_error=0.123, partners=2)
    found = cells(session)
    assert found["reference angle"] == ["–", "2.5 (2 of 3)"]
    assert found["reference error"] == ["–", "12"]


def test_csv_has_a_row_for_each_run_and_numbers_in_full(session: Session, cube: Cube, tools: Any) -> None:
    run, beside = run_of(cube, 1, tools), run_of(cube, 2, tools, title='a "quoted", title')
    side_by_side(session, run, beside, Pair(0, 0, 2.0, 0.0312345678))
    head, first, second = csv.reader(as_csv(session).splitlines())
    assert second[0] == 'a "quoted", title'
    assert second[head.index("Shares differ by, beside run 1 (share)")] == "0.0312345678"
    assert first[head.index("Time (s)")] == "65"
    assert first[head.index("Shares differ by, beside run 1 (share)")] == ""
    assert as_csv(Session()) == ""


@pytest.mark.parametrize(("value", "words"), [(0.0, "0.0"), (0.0004, "< 0.1"), (0.0312, "3.1"), (0.25, "25")])
def test_shares_have_no_more_digits_than_say_something(value: float, words: str) -> None:
    assert percent(value) == words


def test_times() -> None:
    assert [minutes(seconds) for seconds in (0.42, 7.0, 65.9, 3600)] == ["0.4 s", "0:07", "1:05", "60:00"]


def test_every_figure_says_what_it_is() -> None:
    assert all(figure.tip.endswith(".") and figure.title for figure in FIGURES)
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)
