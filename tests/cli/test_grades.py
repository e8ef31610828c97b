"""The command line says each endmember's grade in one line, and in JSON; of a run without grades nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cli import main
from napari_unmix.cli.unmix_command import summary
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Grade, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import write_run

Capture = pytest.CaptureFixture[str]
GRADES = (
    Grade("rock", "shaky", "rock moves by 3.1°.", "Paint rock.", spread=(0.01,) * 8),
    Grade("soil", "steady", "soil moves by 0.2°.", spread=(0.01,) * 8),
)
PLAIN = Report("not identified", "Not identified.", ())
REPORT = replace(PLAIN, grades=GRADES)


@pytest.fixture
def scene() -> tuple[Cube, Unmixing]:
    """A cube of two materials, and its answer."""
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.ones(2), size=(6, 7)).astype(np.float32)
    endmembers = generator.uniform(0.2, 0.8, (2, 8))
    cube = Cube(shares @ endmembers, np.linspace(420, 900, 8), name="scene")
    spec = spec_class("vca-fcls")(endmembers=2)
    return cube, Unmixing(
        endmembers, shares, None, None, np.zeros((6, 7), np.float32), ("rock", "soil"), spec, seconds=1.0
    )


@pytest.fixture
def runs(scene: tuple[Cube, Unmixing], tmp_path: Path) -> dict[str, Path]:
    """The same run with grades and without."""
    cube, result = scene
    np.savez(tmp_path / "scene.npz", cube=cube.spectra, wavelength=cube.axis)
    return {
        name: write_run(tmp_path / name, cube, result, report) for name, report in (("graded", REPORT), ("old", PLAIN))
    }


def test_the_summary_says_it_beside_the_share(scene: tuple[Cube, Unmixing]) -> None:
    lines = summary(*scene, REPORT)
    said = [line for line in lines if "moves by" in line]
    assert [line.split("%")[1].strip() for line in said] == [
        "◐ shaky: rock moves by 3.1°. Paint rock.",
        "● steady: soil moves by 0.2°.",
    ]
    plain = summary(*scene, PLAIN)
    assert [line for line in plain if line.startswith("  rock")] == [said[0].split("%")[0] + "%"]


def test_the_report_lists_materials(capsys: Capture, runs: dict[str, Path]) -> None:
    assert main(["report", str(runs["graded"])]) == 0
    text = capsys.readouterr().out
    assert "◐ shaky, rock: rock moves by 3.1°." in text
    assert "● steady, soil: soil moves by 0.2°." in text
    assert main(["report", str(runs["old"])]) == 0
    assert "Materials" not in capsys.readouterr().out


def test_json_has_the_grades(capsys: Capture, runs: dict[str, Path]) -> None:
    for name, words in (("graded", ["shaky", "steady"]), ("old", [])):
        assert main(["report", str(runs[name]), "--json"]) == 0
        assert [grade["word"] for grade in json.loads(capsys.readouterr().out)["grades"]] == words


def test_compare_has_a_column_where_a_run_has_grades(capsys: Capture, runs: dict[str, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "truth.npz", E=np.random.default_rng(1).uniform(0.2, 0.8, (2, 8)))
    words = ["compare", str(tmp_path / "scene.npz"), "--reference", str(tmp_path / "truth.npz")]
    assert main([*words, str(runs["graded"]), str(runs["old"])]) == 0
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.endswith("steady")
    assert first.endswith("1/2")
    assert second.endswith("–")
    assert main([*words, str(runs["old"])]) == 0
    assert "steady" not in capsys.readouterr().out
