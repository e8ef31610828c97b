"""The report of an unexpected error says where and with what it happened, and nothing of the user's."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.plugin.facts.fault import fault_report, without_data
from napari_unmix.plugin.facts.runs import Run, fresh_look
from napari_unmix.plugin.facts.session import Chore, Doing, Session

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9).map(lambda word: f"q{word}q")
FOLDERS = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=4)
FORMS = (
    "no such file: {}",
    "{} cannot be read",
    "[Errno 2] No such file or directory: '{}'",
    "bad ({}), see {}",
    "x={}",
)


@given(FOLDERS, st.lists(WORDS, min_size=1, max_size=3).map(" ".join), st.sampled_from(FORMS), st.sampled_from("/\\"))
def test_no_part_of_a_path_stays(folders: list[str], name: str, form: str, separator: str) -> None:
    root = "C:\\" if separator == "\\" else "/"
    path = root + separator.join([*folders, f"{name}.hdr"])
    said = without_data(form.format(*[path] * form.count("{}")), [])
    assert not [word for part in (*folders, name) for word in part.split() if word in said]


@given(
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=30), st.sampled_from(["{}", "np.array({})", "[{0}, {0}]"])
)
def test_no_measured_number_stays(values: list[float], form: str) -> None:
    said = without_data("spectrum is " + form.format([round(value, 5) for value in values]), [])
    assert not any(str(round(value, 5)) in said for value in values)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("'bands'", "'bands'"),
        (
            "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)",
            "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)",
        ),
        ("'NoneType' object has no attribute 'shape'", "'NoneType' object has no attribute 'shape'"),
        ("index 40 is out of bounds for axis 0 with size 40", "index 40 is out of bounds for axis 0 with size 40"),
        ("value 0.31274 is too large", "value … is too large"),
    ],
)
def test_what_is_no_data_stays(message: str, said: str) -> None:
    assert without_data(message, []) == said


def _raised(folder: Path, cube: Cube) -> Exception:
    try:
        try:
            np.load(folder / "none.npy")
        except FileNotFoundError as error:
            raise KeyError(f"{cube.name} at {cube.source}: {cube.spectra[0, :2].tolist()}") from error
    except KeyError as error:
        return error
    raise AssertionError


def test_the_report_of_a_session(cube: Cube, tmp_path: Path, tools: Any) -> None:
    source = tmp_path / "patient smith.hdr"
    mine = Cube(cube.spectra, name="patient smith", source=source)
    session = Session(cubes=(mine,), cube=mine)
    unmixing = tools.make_unmixing(mine, session.spec)
    look = fresh_look(unmixing.endmembers, ("melanoma", "skin", "hair"))
    run = Run(1, "of melanoma", datetime(2026, 1, 2), mine, session.spec, None, mine, unmixing, look)
    session.runs, session.run = (run,), run
    session.annotation = Annotation(np.ones((12, 10), np.int32), {1: Meaning("material", "naevus")})
    session.chore = Chore(Doing.READING, source.name)
    report = fault_report(_raised(tmp_path, mine), "train", session)
    for private in ("smith", "melanoma", "naevus", str(tmp_path), tmp_path.name, Path(__file__).stem, "none.npy"):
        assert private not in report, report
    assert f"{cube.spectra[0, 0, 0]:.4f}"[:5] not in report
    for said in ("KeyError", "FileNotFoundError", "napari-unmix ", "napari ", "numpy ", "Python 3", '"method":"ivae"'):
        assert said in report, report
    assert "Step: train (idle, reading)" in report
    assert "12×10 pixels (120 valid), 8 bands (8 used)" in report
    assert "0 region, 1 material, 0 ignore" in report
    assert "numpy/lib/" in report  # whose call it was
    assert "(a file of the user)" in report
    assert len(report) < 4000


def test_an_error_that_is_its_own_cause_ends(session: Session) -> None:
    error, other = KeyError("a"), ValueError("b")
    error.__cause__, other.__cause__ = other, error
    assert fault_report(error, "cube", session).count("ValueError: b") == 2


def test_calls_of_ours_are_named_from_the_package_on(session: Session) -> None:
    try:
        without_data(None, [])  # type: ignore[arg-type]
    except AttributeError as error:
        report = fault_report(error, "cube", session)
    assert "\n  napari_unmix/plugin/facts/fault.py:" in report
    assert "in without_data" in report
