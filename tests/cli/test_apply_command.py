"""``napari-unmix apply RUN CUBE… --out OUT``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_unmix.applying.outputs import targets_of
from napari_unmix.cli import main
from napari_unmix.cube import Cube
from napari_unmix.output.run import read_run
from napari_unmix.sentences import UnmixError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(cube_file: Path, capsys: Capture) -> str:
    assert (
        main(["unmix", str(cube_file), "--method", "vca-fcls", "--endmembers", "3", "--bands", "1-20", "--out", "run"])
        == 0
    )
    capsys.readouterr()
    return "run"


def refused(capsys: Capture, *argv: object) -> str:
    before = sorted(Path.cwd().rglob("*"))
    assert main(["apply", *map(str, argv)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert sorted(Path.cwd().rglob("*")) == before
    return err


def test_a_run_on_its_own_cube_gives_its_own_maps(capsys: Capture, cube_file: Path, run: str) -> None:
    assert main(["apply", run, str(cube_file), "--out", "maps.zarr", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    (maps,) = values["maps"]
    assert maps["pixels"] == 16 * 12
    assert maps["notes"][0].startswith(
        "Abundances by least squares on the run's endmembers: VCA + least squares leaves no posterior"
    )
    group: Any = zarr.open_group("maps.zarr", mode="r")
    assert "abundance_std" not in group
    np.testing.assert_allclose(group["abundances"][:], read_run(run).abundances, atol=1e-6)
    assert main(["apply", run, str(cube_file), "--out", "maps.zarr", "--overwrite"]) == 0
    assert "192 pixels" in capsys.readouterr().out


def test_several_cubes_are_read_as_the_runs_and_named_by_their_own(
    capsys: Capture, cube_file: Path, small_cube: Cube, run: str
) -> None:
    shifted = small_cube.wavelengths
    assert shifted is not None
    np.savez("other.npz", cube=small_cube.spectra[:5], wavelength=shifted + 4)
    assert main(["apply", run, str(cube_file), "other.npz", "--out", "maps.zarr"]) == 0
    said = capsys.readouterr().out
    assert "Written: " in said
    assert "Bands were interpolated to the run's: they lie up to 4 nm" in said
    assert zarr.open_group("maps-other.zarr", mode="r")["error"].shape == (5, 12)  # type: ignore[union-attr]
    with pytest.raises(UnmixError, match=r"Two cubes would be written to maps-a\.tif"):
        targets_of(Path("maps.tif"), [Path("x/a.npz"), Path("y/a.hdr")])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["small.npz", "--out", "maps.csv"], "is for a table"),
        (["small.npz", "--out", "no/maps.zarr"], "is no folder: make it first"),
        (["small.npz", "gone.npz", "--out", "maps.zarr"], "gone.npz: check the path"),
        (["small.npz", "--out", "maps"], "maps names no format of maps: end it in .zarr"),
        (["fewer.npz", "--out", "maps.zarr"], "The run needs a band at"),
        (
            ["small.npz", "--out", "taken.zarr"],
            "taken.zarr is there already: choose another name, or replace it with --overwrite.",
        ),
        (["small.npz", "--out", "maps.zarr", "--workers", "2"], "--workers says how many of this machine"),
        (["small.npz", "--out", "maps.zarr", "--workers", "0", "--scheduler", "threads"], "--workers is 0"),
        (["small.npz", "--out", "maps.zarr", "--scale", "no"], "--scale is no"),
    ],
)
def test_one_sentence(words: list[str], sentence: str, capsys: Capture, small_cube: Cube, run: str) -> None:
    assert small_cube.wavelengths is not None
    np.savez("fewer.npz", cube=small_cube.spectra[:, :, ::3], wavelength=small_cube.wavelengths[::3])
    zarr.create_group(store="taken.zarr")
    assert sentence in refused(capsys, run, *words)


def test_no_run(capsys: Capture, cube_file: Path) -> None:
    assert "is no run, it has no run.json" in refused(capsys, "nothing", cube_file, "--out", "maps.zarr")
