"""``match``, and ``compare`` with a library: runs of measured spectra are named by the library that they come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cli import main, match_command
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.library.matching import WITHIN
from napari_unmix.synthetic import measured_spectra

Capture = pytest.CaptureFixture[str]
MATERIALS = ("jarosite and muscovite", "siderite", "spruce needles")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def measured() -> SpectralLibrary:
    wavelengths, spectra, names = measured_spectra()
    return SpectralLibrary(spectra, wavelengths, names, name="usgs")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cube of three measured materials on another sensor's bands, pure pixels included, and a run of it."""
    folder = tmp_path_factory.mktemp("made")
    library = measured()
    rows = [library.names.index(name) for name in MATERIALS]
    sensor = library.chosen(rows).resampled(np.arange(410.0, 2430.0, 20.0))
    rng = np.random.default_rng(0)
    abundances = rng.dirichlet(np.full(3, 0.5), (20, 20))
    abundances[0, :3] = np.eye(3)
    spectra = abundances @ sensor.spectra + 1e-4 * rng.normal(size=(20, 20, sensor.spectra.shape[1]))
    np.savez(folder / "minerals.npz", cube=spectra.astype(np.float32), wavelength=sensor.wavelengths)
    words = ["unmix", str(folder / "minerals.npz"), "--method", "vca-fcls", "--endmembers", "3"]
    assert main([*words, "--out", str(folder / "run"), "--json"]) == 0
    return folder


@pytest.fixture
def cube(made: Path, tmp_path: Path) -> None:
    """``minerals.npz`` and ``run`` in the working folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def printed(capsys: Capture, *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    values: dict[str, Any] = json.loads(out)
    return values


def refused(capsys: Capture, *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err


def test_the_preset_is_the_librarys() -> None:
    assert match_command.WITHIN == WITHIN


def test_endmembers_are_named_by_the_library_they_come_from(capsys: Capture, cube: None) -> None:
    write_library(measured(), "usgs.sli")
    values = printed(capsys, "match", "run", "usgs.sli")
    assert {found["match"] for found in values["endmembers"]} == set(MATERIALS)
    for found in values["endmembers"]:
        assert found["best"]["name"] == found["match"]
        assert found["best"]["score_degrees"] < 1 < found["runner_up"]["score_degrees"]
        assert (found["reason"], found["also"]) == (None, [])
    assert values["notes"] == []
    assert values["within_degrees"] == 4


def test_nothing_is_an_answer(capsys: Capture, cube: None) -> None:
    library = measured()
    others = library.chosen([name not in MATERIALS for name in library.names])
    write_library(others, "others.sli")
    values = printed(capsys, "match", "run", "others.sli")
    assert [(found["match"], found["reason"]) for found in values["endmembers"]] == [(None, "far")] * 3
    assert main(["match", "run", "others.sli"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("nothing within 4° (nearest: " in line for line in lines[1:])
    wide = printed(capsys, "match", "run", "others.sli", "--within", 30)
    assert any(found["match"] for found in wide["endmembers"])


def test_a_run_is_matched_with_itself_and_with_a_table(capsys: Capture, cube: None) -> None:
    for library in ("run", "run/endmembers.csv"):
        values = printed(capsys, "match", "run", library)
        assert [found["match"] for found in values["endmembers"]] == [f"endmember {k}" for k in (1, 2, 3)]
    assert main(["match", "run", "run"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["endmember", "match", "score", "whole", "absorptions", "derivative", "next"]
    assert out[1].startswith("endmember 1  endmember 1    0.0°    0.0°         0.0°        0.0°  endmember ")


def test_several_libraries_and_the_one_that_comes_along(capsys: Capture, cube: None) -> None:
    library = measured()
    for name in MATERIALS:
        write_library(library.chosen([library.names.index(name)]), f"{name.split()[0]}.sli")
    files = [f"{name.split()[0]}.sli" for name in MATERIALS]
    several = printed(capsys, "match", "run", *files)
    assert several["libraries"] == files
    assert {found["best"]["library"] for found in several["endmembers"]} == {"jarosite", "siderite", "spruce"}
    alone = printed(capsys, "match", "run")
    assert alone["libraries"] == ["USGS selection"]
    for values in (several, alone):
        assert {found["match"] for found in values["endmembers"]} == set(MATERIALS)
        assert all(found["best"]["derivative_angle_degrees"] < 2 for found in values["endmembers"])


def test_no_name_is_given_twice_where_asked(capsys: Capture, cube: None) -> None:
    library = measured()
    write_library(library.chosen([library.names.index(MATERIALS[0])]), "one.sli")
    twice = printed(capsys, "match", "run", "one.sli", "--within", 89)
    assert [found["match"] for found in twice["endmembers"]] == [MATERIALS[0]] * 3
    once = printed(capsys, "match", "run", "one.sli", "--within", 89, "--one-to-one")
    named = [found for found in once["endmembers"] if found["match"]]
    assert len(named) == 1
    assert named[0]["best"]["score_degrees"] < 1
    assert {found["reason"] for found in once["endmembers"]} == {None, "given to another"}


def test_what_the_library_lacks_is_noted(capsys: Capture, cube: None) -> None:
    library = measured()
    half = SpectralLibrary(library.spectra[:, :200], library.wavelengths[:200], library.names, name="half")
    write_library(half, "half.sli")
    values = printed(capsys, "match", "run", "half.sli")
    assert values["notes"] == ["51 of 101 bands have no band of half (400–1395 nm) over them: left empty"]


def test_what_cannot_be_matched_is_one_sentence(capsys: Capture, cube: None, tmp_path: Path) -> None:
    assert "There is no library nowhere.sli" in refused(capsys, "match", "run", "nowhere.sli")
    assert "is no run" in refused(capsys, "match", tmp_path, "run")
    (tmp_path / "empty").mkdir()
    assert "empty is no spectral library that can be read: give ENVI" in refused(capsys, "match", "run", "empty")
    (tmp_path / "bands.csv").write_text("band,a\n1,0.1\n2,0.2\n")
    sentence = refused(capsys, "match", "run", "bands.csv")
    assert "The library bands numbers its bands only, and the cube has 101, the library 2: give both" in sentence
    (tmp_path / "infrared.csv").write_text("wavelength_nm,a\n8000,0.1\n9000,0.2\n")
    assert "covers 8000–9000 nm, the bands asked for 410–2410 nm" in refused(capsys, "match", "run", "infrared.csv")
    assert "within 0° is no angle" in refused(capsys, "match", "run", "run", "--within", 0)


# --- compare


def test_a_library_is_a_reference(capsys: Capture, cube: None) -> None:
    library = measured()
    (path, _) = write_library(library, "usgs.sli")
    Path("table.csv").write_text(
        "\n".join(
            ",".join(map(str, row))
            for row in [("wavelength_nm", *library.names), *zip(library.wavelengths, *library.spectra, strict=True)]
        )
    )
    for reference in (path, "table.csv"):
        figures = printed(capsys, "compare", "minerals.npz", "run", "--reference", reference)["runs"][0]
        pairs = zip(figures["matched_names"], figures["reference_names"], strict=True)
        assert {its for mine, its in pairs if mine is not None} == set(MATERIALS)
        assert max(figures["spectral_angles_degrees"]) < 1
        assert (figures["abundance_rmse"], figures["mcc"]) == (None, None)
    capsys.readouterr()
    assert main(["compare", "minerals.npz", "run", "--reference", str(path)]) == 0
    out = capsys.readouterr().out
    assert all(f" beside {name}, " in out for name in MATERIALS)
    assert "has 3 endmembers, the reference 23: the figures are of the 3 matched" in out


def test_spectra_that_do_not_cover_the_cube_are_left_out_of_a_comparison(capsys: Capture, cube: None) -> None:
    library = measured()
    spectra = library.spectra.copy()
    spectra[0, 100:] = np.nan
    write_library(SpectralLibrary(spectra, library.wavelengths, library.names, name="usgs"), "holes.sli")
    figures = printed(capsys, "compare", "minerals.npz", "run", "--reference", "holes.sli")["runs"][0]
    assert "1 spectra of holes cover less than half of the cube's bands: left out." in figures["notes"]
    assert library.names[0] not in figures["reference_names"]
    spectra[:, 100:] = np.nan
    write_library(SpectralLibrary(spectra, library.wavelengths, library.names), "blind.sli")
    sentence = refused(capsys, "compare", "minerals.npz", "run", "--reference", "blind.sli")
    assert "give a library of the cube's range" in sentence
