"""``napari-unmix report`` shows what a run stored, makes it anew where the cube is given, and refuses what does not belong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.identifiability.report import Report
from napari_unmix.output.run import read_run
from napari_unmix.synthetic import blind_scene, region_scene

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def painted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on painted regions, with its cube and its painting beside it."""
    folder = tmp_path_factory.mktemp("painted")
    scene = region_scene(31, materials=3, regions=12, painted=0.9, size=48)
    np.savez(folder / "cube.npz", cube=scene.cube.spectra, wavelength=scene.cube.wavelengths)
    np.save(folder / "paint.npy", scene.annotation.labels.astype(np.uint8))
    command = ["unmix", folder / "cube.npz", "--endmembers", 3, "--annotation", folder / "paint.npy"]
    assert main([str(word) for word in [*command, "--out", folder / "run"]]) == 0
    return folder


def shown(capsys: Capture, *words: object) -> str:
    capsys.readouterr()
    assert main(["report", *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: object) -> str:
    capsys.readouterr()
    assert main(["report", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_the_stored_report_is_shown_and_its_page_written(capsys: Capture, painted_run: Path) -> None:
    run = painted_run / "run"
    text = shown(capsys, run)
    stored = read_run(run).report
    assert stored.verdict.upper() in text
    assert "Enough regions (12; threshold 7)" in text
    assert f"Page: {run / 'report.html'}" in text
    assert "data:image/png;base64" in (run / "report.html").read_text(encoding="utf-8")
    assert read_run(run).report == stored  # still a run, and a report beside it takes nothing from it


def test_json_is_the_report_and_nothing_else(capsys: Capture, painted_run: Path) -> None:
    values = json.loads(shown(capsys, painted_run / "run", "--json", "--html", painted_run / "page.html"))
    assert Report.from_json(values) == read_run(painted_run / "run").report
    assert values["html"] == str(painted_run / "page.html")
    assert (painted_run / "page.html").is_file()


@pytest.mark.slow
def test_with_the_cube_and_the_painting_it_is_made_anew_and_agrees(capsys: Capture, painted_run: Path) -> None:
    words = [painted_run / "run", "--cube", painted_run / "cube.npz", "--annotation", painted_run / "paint.npy"]
    page = painted_run / "again.html"
    again = Report.from_json(json.loads(shown(capsys, *words, "--json", "--html", page)))
    assert again == read_run(painted_run / "run").report  # every check, every number
    assert ">Cube<" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_replaced_run_may_hold_a_page(capsys: Capture, painted_run: Path, tmp_path: Path) -> None:
    command = [
        "unmix",
        str(painted_run / "cube.npz"),
        "--method",
        "vca-fcls",
        "--endmembers",
        "3",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(command) == 0
    assert "Page: " in shown(capsys, tmp_path / "run")
    assert main([*command, "--overwrite"]) == 0


def test_what_does_not_belong_is_one_sentence(capsys: Capture, painted_run: Path, cube_file: Path) -> None:
    run = painted_run / "run"
    assert "is not the cube of this run" in refused(capsys, run, "--cube", cube_file)
    assert "give that with --cube" in refused(capsys, run, "--annotation", painted_run / "paint.npy")
    assert "is no run" in refused(capsys, painted_run)
    assert "failed" in refused(capsys, run, "--html", painted_run / "nowhere" / "page.html")


@pytest.mark.slow
def test_nonlinear_mixing_and_joined_cubes_are_made_anew_too(capsys: Capture, tmp_path: Path) -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="fan", decibels=40, size=24)
    halves = [tmp_path / "left.npz", tmp_path / "right.npz"]
    for path, part in zip(halves, (scene.cube.spectra[:, :12], scene.cube.spectra[:, 12:]), strict=True):
        np.savez(path, cube=part, wavelength=scene.cube.wavelengths)
    run = tmp_path / "run"
    command = ["unmix", *halves, "--endmembers", 3, "--mixing", "fan", "--epochs", 2, "--auxiliary", "acquisition"]
    assert main([str(word) for word in [*command, "--out", run]]) == 0
    stored = read_run(run)
    assert stored.meta["findings"]["mixing"]["kept"] == "fan"
    assert stored.meta["findings"]["sources"] == ["acquisition"]
    words = [run, "--cube", *halves, "--json", "--html", tmp_path / "page.html"]
    again = Report.from_json(json.loads(shown(capsys, *words)))
    assert again == stored.report


@pytest.mark.slow
def test_the_folder_and_the_cube_are_enough(capsys: Capture, painted_run: Path) -> None:
    """What was painted is in the run as u: a painting that is given is only compared."""
    words = [painted_run / "run", "--cube", painted_run / "cube.npz", "--json", "--html", painted_run / "alone.html"]
    assert Report.from_json(json.loads(shown(capsys, *words))) == read_run(painted_run / "run").report


@pytest.mark.slow
def test_only_the_painting_of_the_run_is_taken(capsys: Capture, painted_run: Path, tmp_path: Path) -> None:
    run, cube = painted_run / "run", painted_run / "cube.npz"
    np.save(tmp_path / "other.npy", np.load(painted_run / "paint.npy").T)
    assert "not the one of this run" in refused(capsys, run, "--cube", cube, "--annotation", tmp_path / "other.npy")
    unpainted = tmp_path / "unpainted"
    command = ["unmix", cube, "--endmembers", 3, "--out", unpainted]
    assert main([str(word) for word in command]) == 0
    words = [unpainted, "--cube", cube, "--annotation", painted_run / "paint.npy"]
    assert "used no painting" in refused(capsys, *words)


@pytest.mark.slow
def test_errors_are_promised_only_where_the_answer_is_identified(
    capsys: Capture, painted_run: Path, tmp_path: Path
) -> None:
    text = " ".join(shown(capsys, painted_run / "run").split())
    assert text.startswith(tuple(f"cube · iVAE {verdict}" for verdict in ("IDENTIFIED", "PARTLY")))
    assert ("expect errors of" in text) == ("iVAE IDENTIFIED" in text)
    command = ["unmix", painted_run / "cube.npz", "--endmembers", 3, "--out", tmp_path / "run"]
    assert main([str(word) for word in command]) == 0
    assert "what is not identified comes on top" in " ".join(shown(capsys, tmp_path / "run").split())
