"""Probing by the verbs: the answer goes to the cube that was asked of, a closed cube is heard no more, a run that can't be read is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.plugin.facts.probe_table import as_csv, best, obstacle, out_of_date, spoken
from napari_unmix.plugin.facts.probing import Probe, same_classes
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.probing_work import probe_classes
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.probing.evaluate import Probed
from napari_unmix.progress import drain


def painting(shape: tuple[int, int]) -> Annotation:
    """Two classes in stripes of four lines."""
    labels = np.zeros(shape, np.int32)
    labels[np.arange(shape[0]) % 8 < 3] = 1
    labels[np.arange(shape[0]) % 8 == 5] = 2
    return Annotation(labels, {2: Meaning("material", "tree")})


@pytest.fixture
def wide(tools: Any) -> Cube:
    """Large enough for five folds."""
    return tools.make_cube(40, 40)


@pytest.fixture
def trained(session: Session, wide: Cube, tools: Any) -> Controller:
    """A controller with a run of a painted cube."""
    made = Controller(session, run_inline, tools.make_engine())
    made.add_cube(wide)
    made.set_annotation(painting((40, 40)))
    made.start()
    return made


def test_a_probe_reads_raw_spectra_and_each_run(trained: Controller, session: Session) -> None:
    trained.set_option("seed", 4)
    trained.start()
    trained.probe_classes()
    probe = session.probed
    assert probe is not None
    assert session.probing is None
    assert probe.names == ("class 1", "tree")
    assert probe.runs == (1, 2)
    assert [row.kind for row in probe.rows] == ["raw spectra", *(f"{run.title}, abundances" for run in session.runs)]
    assert len(probe.notes) == 2  # no network, no codes
    assert len(spoken(probe)) == 4
    assert best(probe).count(";") <= 1
    assert as_csv(probe).count("\n") == 1 + 3 + 1 + 1 + 2 * 2 * 3
    assert out_of_date(session) == ""
    trained.start()
    assert out_of_date(session) == "runs were added or forgotten since"


@pytest.mark.parametrize(("painted", "word"), [(None, "nothing"), (1, "only one"), ("ignored", "only one"), (2, "")])
def test_why_not(trained: Controller, session: Session, painted: Any, word: str) -> None:
    labels = painting((40, 40)).labels
    meanings = {2: Meaning("ignore")} if painted == "ignored" else {}
    given = (
        None if painted is None else Annotation(np.where(labels > 1, 0, labels) if painted == 1 else labels, meanings)
    )
    trained.set_annotation(given)
    assert word in obstacle(session)
    assert bool(word) == bool(obstacle(session))


def test_classes_of_a_large_painting_are_seen_between_the_pixels_that_are_looked_at_first(
    trained: Controller, session: Session
) -> None:
    labels = np.zeros((1500, 1500), np.int32)
    labels[::3, 7] = 1
    session.annotation = Annotation(labels)
    assert "only one" in obstacle(session)
    labels[701, 703] = 2
    session.annotation = Annotation(labels)
    assert obstacle(session) == ""


def test_the_answer_goes_to_the_cube_that_was_asked_of(session: Session, wide: Cube, tools: Any) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, run_inline, tools.make_engine())
    controller.add_cube(wide)
    controller.set_annotation(painting((40, 40)))
    controller.start()
    controller._probes = runner
    controller.probe_classes()
    controller.add_cube(tools.make_cube(seed=1, name="other"))
    runner.jobs[-1].finish()
    assert session.probed is None
    controller.set_cube(wide)
    assert session.probed is not None
    controller.set_annotation(painting((40, 40)))  # the layer's, in the window
    controller.probe_classes()
    controller.remove_cube(wide)
    assert runner.jobs[-1].cancelled
    assert session.probing is None


def test_a_run_without_an_answer_where_it_is_painted_is_left_out(trained: Controller, session: Session) -> None:
    run = session.runs[0]
    maps = run.unmixing.abundances.copy()
    maps[2] = np.nan
    holed = replace(run, title="holed", unmixing=replace(run.unmixing, abundances=maps))
    small = replace(run, title="small", unmixing=replace(run.unmixing, abundances=maps[:3]))
    assert session.cube is not None
    found = drain(probe_classes(session.cube, painting((40, 40)), (run, holed, small)))
    assert [row.kind for row in found.rows] == ["raw spectra", f"{run.title}, abundances"]
    assert any("holed has no answer" in note for note in found.notes)
    assert any("small is of another size" in note for note in found.notes)


def test_what_not_all_folds_agree_on_stands_in_brackets() -> None:
    weights, agreeing = np.array([[2.0, -2.0], [-0.5, 0.5], [0.3, -0.3]]), np.array([[5, 5], [5, 5], [3, 3]])
    row = Probed("run, abundances", ("a", "b", "c"), (0.9,) * 5, 0.8, 1.0, (0.9, 0.9), 0.1, weights, agreeing)
    probe = Probe(painting((8, 8)), (1,), ("one", "other"), (4, 4), 5, 4, (row,))
    assert spoken(probe)[0] == ("run", "one", "90 %", "a +2.0, (c +0.3)", "b −0.5")
    assert spoken(probe)[1][3:] == ("b +0.5", "a −2.0, (c −0.3)")


def test_classes_are_the_same_by_pixels_and_by_what_is_ignored() -> None:
    one = painting((8, 8))
    assert same_classes(one, Annotation(one.labels.copy(), {2: Meaning("region", "renamed")}))
    assert not same_classes(one, Annotation(one.labels, {2: Meaning("ignore")}))
    assert not same_classes(one, None)
    other = one.labels.copy()
    other[0, 0] = 2
    assert not same_classes(one, Annotation(other, one.meanings))
