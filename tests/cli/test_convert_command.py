"""``napari-unmix convert IN OUT``: a cube or a run, to every format, with the options of reading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cube import Cube
from napari_unmix.io import read_cube
from napari_unmix.output.run import read_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys: Capture, *argv: object) -> str:
    before = sorted(Path.cwd().rglob("*"))
    assert main(["convert", *map(str, argv)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert sorted(Path.cwd().rglob("*")) == before
    return err


def test_a_cube_with_options_of_reading(capsys: Capture, cube_file: Path, small_cube: Cube) -> None:
    assert main(["convert", str(cube_file), "a.hdr", "--scale", "2", "--bands", "5-20", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["files"] == ["a.hdr", "a.img"]
    assert values["format"] == "ENVI"
    read = read_cube("a.hdr", repair="none")
    np.testing.assert_array_equal(read.spectra, small_cube.spectra / 2)
    np.testing.assert_array_equal(read.wavelengths, small_cube.wavelengths)
    assert np.flatnonzero(read.good_bands).tolist() == list(range(4, 20))


def test_every_format_and_back(capsys: Capture, cube_file: Path, small_cube: Cube) -> None:
    source = cube_file
    for out in ("a.hdr", "b.tif", "c.ome.zarr", "d.npz", "e.mat", "f.bsq"):
        assert main(["convert", str(source), out, "--repair", "none"]) == 0
        assert f"Written: {out}" in capsys.readouterr().out
        source = Path(out)
    read = read_cube("f.bsq", repair="none")
    np.testing.assert_array_equal(read.spectra, small_cube.spectra)
    np.testing.assert_array_equal(read.wavelengths, small_cube.wavelengths)


def test_a_run(capsys: Capture, cube_file: Path) -> None:
    assert main(["unmix", str(cube_file), "--method", "vca-fcls", "--endmembers", "3", "--out", "run"]) == 0
    for out in ("maps.hdr", "maps.csv", "spectra.sli"):
        assert main(["convert", "run", out, "--overwrite"]) == 0
    maps = read_cube("maps.hdr", repair="none").spectra
    np.testing.assert_array_equal(maps, read_run("run").abundances)
    capsys.readouterr()
    assert "--scale says how a cube is read, run is a run" in refused(capsys, "run", "b.hdr", "--scale", 2)


def test_what_is_there_is_replaced_only_when_asked_to(capsys: Capture, cube_file: Path) -> None:
    Path("a.npz").write_text("mine")
    sentence = "a.npz is there already: choose another name, or replace it with --overwrite."
    assert sentence in refused(capsys, cube_file, "a.npz")
    assert main(["convert", str(cube_file), "a.npz", "--overwrite"]) == 0
    assert read_cube("a.npz").shape == (16, 12, 24)
    capsys.readouterr()
    assert "is the file that is read" in refused(capsys, cube_file, cube_file, "--overwrite")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["small.npz", "a.xyz"], "a.xyz names no format that can be written: end it in .hdr (ENVI)"),
        (["small.npz", "a.sli"], "is for a spectral library (ENVI), which small.npz is not: give the folder of a run"),
        (["nowhere.hdr", "a.hdr"], "There is no file nowhere.hdr"),
        (["small.npz"], "the following arguments are required: OUT"),
        (["small.npz", "a.hdr", "--scale", "-1"], "--scale is -1: give the positive number"),
    ],
)
def test_refusals(capsys: Capture, cube_file: Path, words: list[str], sentence: str) -> None:
    assert sentence in refused(capsys, *words)
