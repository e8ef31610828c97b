"""What is said of kept runs and paintings, with made-up numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Meaning
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run.glance import Glance
from napari_unmix.plugin.facts.kept import (
    Stamp,
    folder_stem,
    glance_text,
    glance_tip,
    masks_differ,
    moment_text,
    of_cube,
    run_line,
    same_strokes,
    shown_place,
)
from napari_unmix.plugin.facts.runs import Run, fresh_look

NOW = datetime(2026, 12, 1, 15, 0)
SEEN = Glance(Path("/runs/a"), "of the shore", "samson", None, "a" * 64, 3, datetime(2026, 12, 1, 14, 3), "partly")


@pytest.fixture
def run(cube: Any, tools: Any) -> Run:
    spec = spec_class("vca-fcls").model_validate({})
    unmixing = tools.make_unmixing(cube, spec)
    made = datetime(2026, 11, 24, 9, 5)
    return Run(1, "first", made, cube, spec, None, cube, unmixing, fresh_look(unmixing.endmembers))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 12, 1, 14, 3), "14:03"), (datetime(2026, 12, 1, 0, 0), "00:00"), (datetime(2026, 11, 30, 23, 59), "Mon 23:59"),
        (datetime(2026, 11, 25, 9, 0), "Wed 09:00"), (datetime(2026, 11, 24, 9, 0), "24 Nov 09:00"), (datetime(2025, 12, 31, 9, 0), "31 Dec 2025"),
        (datetime(2026, 12, 2, 9, 0), "2 Dec 09:00"),
    ],
)  # fmt: skip
def test_when_something_was_is_as_short_as_it_is_clear(moment: datetime, text: str) -> None:
    assert moment_text(moment, NOW) == text


def test_a_line_of_the_menu_says_verdict_title_cube_endmembers_and_when(run: Run) -> None:
    assert glance_text(SEEN, NOW) == "◐  of the shore · samson · 3 endmembers · 14:03"
    assert (
        glance_text(replace(SEEN, count=1, verdict=""), NOW, with_cube=False) == "○  of the shore · 1 endmember · 14:03"
    )
    assert glance_tip(SEEN).startswith("Partly identified; 01 Dec 2026, 14:03\nCube: not from a file\nRun: ")
    assert run_line(run, NOW) == "○  first · 3 endmembers · 24 Nov 09:05"


def test_the_kept_runs_of_a_cube_are_those_of_its_hash_that_are_not_open(run: Run) -> None:
    other = replace(SEEN, sha256="b" * 64)
    assert of_cube((SEEN, other), "a" * 64, ()) == (SEEN,)
    assert of_cube((SEEN, other), "a" * 64, (replace(run, folder=SEEN.folder),)) == ()


def test_paintings_are_the_same_by_labels_and_meanings_and_an_empty_one_is_none() -> None:
    labels = np.zeros((3, 4), np.int32)
    assert same_strokes(None, Annotation(labels))
    labels[0] = 1
    one = Annotation(labels, {1: Meaning("material", "rock"), 9: Meaning("ignore")})
    assert same_strokes(one, Annotation(labels.copy(), {1: Meaning("material", "tree")}))
    assert not same_strokes(one, Annotation(labels, {1: Meaning("region", "rock")}))
    labels[1] = 2
    two, alike = (
        Annotation(labels, {k: Meaning("material", name) for k, name in ((1, "a"), (2, other))}) for other in "ba"
    )
    assert not same_strokes(two, alike)
    assert not same_strokes(one, Annotation(labels[:, :2], one.meanings))
    assert not same_strokes(one, None)


def test_a_stamp_says_what_stands_on_the_disk(run: Run) -> None:
    stamp = Stamp(run, ((1, 2),))
    assert stamp.says(replace(run, folder=Path("/x")), ((1, 2),))
    for changed in (replace(run, title="second"), replace(run, look=run.look.renamed(0, "rock"))):
        assert not stamp.says(changed, ((1, 2),))
        assert stamp.same_answer(changed)
    assert not stamp.says(run, ())
    edited = replace(run, unmixing=replace(run.unmixing, endmembers=run.unmixing.endmembers.copy()))
    assert not stamp.same_answer(edited)
    assert not stamp.says(edited, ((1, 2),))


def test_masks_and_names_of_folders(run: Run, cube: Any) -> None:
    assert not masks_differ(cube, replace(cube))
    assert masks_differ(cube, replace(cube, good_bands=~cube.good_bands))
    assert folder_stem(replace(run, cube=cube.renamed("a b/c: ü"))) == "a_b_c__ü-vca-fcls"
    assert folder_stem(replace(run, cube=cube.renamed("../.."))) == "cube-vca-fcls"
    assert shown_place(Path.home() / "x" / "y") == "~/x/y"
    assert shown_place(Path("/elsewhere")) == "/elsewhere"
