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
    assert "Decided by " in text
    assert "Enough regions: 12 that hold 30 pixels or more (good from 7)" in text
    assert f"Page: {run / 'report.html'}" in text
    assert "data:image/png;base64" in (run / "report.html").read_text(encoding="utf-8")
    assert read_run(run).report == stored  # still a run, and a report beside it takes nothing from it


def test_json_is_the_report_and_nothing_else(capsys: Capture, painted_run: Path) -> None:
    values = json.loads(shown(capsys, painted_run / "run", "--json", "--html", painted_run / "page.html"))
    assert Report.from_json(values) == read_run(painted_run / "run").report
    assert values["decided"] == read_run(painted_run / "run").notes[0].sentence
    assert "where_to_paint" not in values  # places are found on the cube
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


# --- where the page goes


@pytest.fixture
def small_run(cube_file: Path, tmp_path: Path) -> Path:
    """A run by the quickest method."""
    command = ["unmix", cube_file, "--method", "vca-fcls", "--endmembers", 3, "--out", tmp_path / "run"]
    assert main([str(word) for word in command]) == 0
    return tmp_path / "run"


def test_a_file_that_is_no_page_of_ours_is_replaced_only_when_asked_to(
    capsys: Capture, small_run: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    (tmp_path / "link.html").symlink_to(notes)
    for place in (notes, tmp_path / "link.html"):
        assert "choose another file with --html, or replace it with --overwrite." in refused(
            capsys, small_run, "--html", place
        )
    assert "choose another file with --html." in refused(capsys, small_run, "--html", tmp_path)
    assert "names: give --html FILE" in refused(capsys, small_run, "--overwrite")
    shown(capsys, small_run, "--html", tmp_path / "link.html", "--overwrite")
    assert notes.read_text() == "mine"  # the link was replaced, and not what it led to
    shown(capsys, small_run, "--html", notes, "--overwrite")
    for _ in range(2):  # and a page of ours always may be
        assert f"Page: {notes}" in shown(capsys, small_run, "--html", notes)
    older = notes.read_text().replace('<meta name="generator" content="napari-unmix">\n', "")
    notes.write_text(older)  # as pages were before they said who made them
    assert f"Page: {notes}" in shown(capsys, small_run, "--html", notes)


@pytest.mark.parametrize("kind", ["link", "folder", "file"])
def test_the_report_is_shown_where_its_page_can_not_be_written(
    capsys: Capture, small_run: Path, tmp_path: Path, kind: str
) -> None:
    page, notes = small_run / "report.html", tmp_path / "notes.txt"
    notes.write_text("mine")
    if kind == "link":
        page.symlink_to(notes)
    elif kind == "folder":
        page.mkdir()
    else:
        page.write_text("mine")
    assert main(["report", str(small_run)]) == 0
    out, err = capsys.readouterr()
    assert read_run(small_run).report.verdict.upper() in out
    assert "Page:" not in out
    assert err.splitlines()[-1].startswith("napari-unmix: the page could not be written beside the run (")
    assert err.endswith("): give --html FILE for another place.\n")
    assert json.loads(shown(capsys, small_run, "--json"))["html"] is None
    assert notes.read_text() == "mine"
    assert page.is_symlink() == (kind == "link")


def test_what_a_file_says_can_not_talk_to_the_terminal(capsys: Capture, small_run: Path) -> None:
    for name in ("run.json", "report.json"):
        path = small_run / name
        values = json.loads(path.read_text(encoding="utf-8"))
        if name == "run.json":
            values["names"][0] = values["cube"]["name"] = "\x1b]0;owned\x07"
        else:
            values["summary"] = values["checks"][0]["sentence"] = values["checks"][0]["name"] = "\x1b[2J\u202e"
        path.write_text(json.dumps(values), encoding="utf-8")
    text = shown(capsys, small_run)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "owned" in text
