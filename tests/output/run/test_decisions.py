"""The folder of a run: what is put back, what is said to be missing, and what counts as taken, damaged or another version's."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix import __version__
from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.cli.report_command import page_of_run
from napari_unmix.cube import Annotation, AxisKind, Cube, Meaning, Reading, SpectralAxis
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Report
from napari_unmix.identifiability.subject import gather
from napari_unmix.identifiability.variation import SAVED_AS
from napari_unmix.library import read_library
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.page.contents import page_of
from napari_unmix.output.run import (
    FORMAT,
    annotation_hash,
    check_destination,
    cube_hash,
    free_folder,
    json_text,
    mean_abundances,
    read_run,
    write_json,
    write_run,
)
from napari_unmix.sentences import UnmixError

REPORT = Report("partly", "Partly: a test.", ())


def result_of(cube: Cube, name: str = "rock", method: str = "vca-fcls", **more: Any) -> Unmixing:
    height, width, bands = cube.shape
    abundances = np.tile(np.float32([0.25, 0.75]), (height, width, 1))
    abundances[~cube.valid_pixels] = np.nan
    return Unmixing(
        endmembers=np.arange(2.0 * bands).reshape(2, bands) + 1 / 3,
        abundances=abundances,
        abundance_std=None,
        illumination=None,
        reconstruction_error=np.where(cube.valid_pixels, 0.02, np.nan).astype(np.float32),
        names=(name, "tree"),
        spec=spec_class(method)(endmembers=2, seed=9),
        **more,
    )


def names_of(folder: Path) -> tuple[str, ...]:
    return read_run(folder).names


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- whole or not at all


def test_where_the_new_run_can_not_be_put_in_place_the_old_one_is_put_back(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    # The old run is moved aside; then the rename of the new one fails, because somebody removed it.
    with pytest.raises(FileNotFoundError):
        write_run(folder, small_cube, result_of(small_cube, "new"), REPORT, overwrite=True, decorate=shutil.rmtree)
    assert names_of(folder) == ("rock", "tree")
    assert entries(tmp_path) == ["run"]


def test_a_first_run_that_can_not_be_put_in_place_leaves_nothing(small_cube: Cube, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT, decorate=shutil.rmtree)
    assert entries(tmp_path) == []


def test_the_new_run_is_complete_when_it_appears_and_the_old_one_is_gone(small_cube: Cube, tmp_path: Path) -> None:
    seen = {}

    def decorate(unfinished: Path) -> None:
        seen.update({path.name: path.stat().st_size for path in unfinished.iterdir()})
        (unfinished / "report.html").write_text("page")

    folder = write_run(tmp_path / "deep" / "run", small_cube, result_of(small_cube), REPORT, decorate=decorate)
    assert set(seen) == {"run.json", "report.json", "abundances.npy", "endmembers.csv", "model.safetensors"} | {
        "endmembers.sli",
        "endmembers.hdr",
        "valid_pixels.npy",
        "again.py",
    }
    assert (folder / "report.html").read_text() == "page"
    write_run(folder, small_cube, result_of(small_cube, "new"), REPORT, overwrite=True)
    assert names_of(folder) == ("new", "tree")
    assert "report.html" not in entries(folder)
    assert entries(tmp_path / "deep") == ["run"]


# --- what is taken


def test_what_is_ours_may_be_replaced_and_nothing_else(small_cube: Cube, tmp_path: Path) -> None:
    taken = tmp_path / "run"
    taken.mkdir()
    assert check_destination(taken) == taken
    write_run(taken, small_cube, result_of(small_cube), REPORT)
    with pytest.raises(UnmixError, match="already holds a run: choose another folder"):
        check_destination(taken)
    assert check_destination(taken, overwrite=True) == taken
    (taken / "zebra.txt").write_text("")
    with pytest.raises(UnmixError, match=r"holds zebra\.txt, so it is not only a run"):
        check_destination(taken, overwrite=True)


def test_a_folder_without_a_run_is_named_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "abundances.npy").write_text("")
    with pytest.raises(UnmixError, match=r"holds abundances\.npy, so it is not only a run"):
        check_destination(tmp_path, overwrite=True)
    (tmp_path / "a stranger").write_text("")
    with pytest.raises(UnmixError, match="holds a stranger, so it is not only a run"):
        check_destination(tmp_path, overwrite=True)


def test_paths_are_absolute_and_home_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_destination("run") == check_destination("~/run") == check_destination("x/../run") == tmp_path / "run"
    assert entries(tmp_path) == []


def test_a_place_where_nothing_can_be_made_says_why(tmp_path: Path) -> None:
    if not Path("/proc/version").exists():
        pytest.skip("needs a folder in which nothing can be made")
    with pytest.raises(UnmixError, match=r"cannot be written in /proc \((?!it is a file).+\): choose another folder"):
        check_destination("/proc/nothing/run")
    (tmp_path / "file").write_text("")
    with pytest.raises(UnmixError, match=r"cannot be written in .*file \(it is a file\)"):
        check_destination(tmp_path / "file" / "deep" / "run")


def test_the_first_free_number_is_taken(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        (tmp_path / f"run-{number}").mkdir()
    assert free_folder(tmp_path, "run") == tmp_path / "run-3"


# --- what is written


def test_provenance_names_the_run_the_cube_and_what_is_missing(small_cube: Cube, tmp_path: Path) -> None:
    cube = replace(
        small_cube,
        scale=10_000.0,
        source=tmp_path / "samson.hdr",
        acquisitions=np.full((16, 12), 2),
        reading=Reading(no_data=-9999.0, bands="1-22"),
        repairs=("one",),
    )
    folder = write_run(
        tmp_path / "run", cube, result_of(cube, notes=(Note(NoteKind.METHOD, "One."),), seconds=1.5), REPORT
    )
    meta = json.loads((folder / "run.json").read_text())
    assert (meta["format"], meta["method"], meta["seed"]) == (FORMAT, "vca-fcls", 9)
    assert (meta["names"], meta["notes"], meta["annotation"]) == (
        ["rock", "tree"],
        [{"kind": "method", "sentence": "One.", "advice": ""}],
        None,
    )
    assert meta["cube"] == {
        "name": "small",
        "source": str(tmp_path / "samson.hdr"),
        "shape": [16, 12, 24],
        "reading": {"no_data": "-9999.0", "bands": "1-22"},
        "repairs": ["one"],
        "sha256": cube_hash(cube),
        "scale": 10_000.0,
        "good_bands": 22,
        "excluded_bands": [11, 12],
        "parts": [],
        "valid_pixels": 191,
        "acquisitions": 2,
        "georeference": None,
    }
    assert set(meta["missing"]) == {"abundance_std", "illumination"}
    assert "gives no spread of the abundances." in meta["missing"]["abundance_std"]
    assert "abundances fit the spectra as given" in meta["missing"]["illumination"]
    assert meta["versions"]["napari-unmix"] == __version__
    assert all(meta["versions"][name] for name in ("python", "numpy", "scipy", "torch"))
    assert meta["metrics"] == {"reconstruction_rmse": pytest.approx(0.02), "mean_abundances": [0.25, 0.75]}
    plain = write_run(tmp_path / "plain", small_cube, result_of(small_cube), REPORT)
    assert json.loads((plain / "run.json").read_text())["cube"]["source"] is None
    assert json.loads((plain / "run.json").read_text())["cube"]["acquisitions"] == 1


def test_images_are_written_where_there_are_any_and_read_back(small_cube: Cube, tmp_path: Path) -> None:
    light = np.full((16, 12), 1.5)
    result = replace(result_of(small_cube), illumination=light, abundance_std=np.full((16, 12, 2), 0.1))
    run = read_run(write_run(tmp_path / "run", small_cube, result, REPORT))
    assert run.illumination is not None
    assert run.abundance_std is not None
    assert (run.illumination.dtype, run.abundance_std.dtype, run.abundances.dtype) == (np.float32,) * 3
    np.testing.assert_array_equal(run.illumination, 1.5)
    np.testing.assert_allclose(run.abundance_std, 0.1)
    assert json.loads((run.folder / "run.json").read_text())["missing"] == {}
    plain = read_run(write_run(tmp_path / "plain", small_cube, result_of(small_cube), REPORT))
    assert (plain.illumination, plain.abundance_std) == (None, None)


def test_endmembers_are_a_row_a_band(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    with (folder / "endmembers.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["wavelength_nm", "rock", "tree"]
    assert rows[1] == ["450", repr(1 / 3), repr(24 + 1 / 3)]
    assert len(rows) == 25
    run = read_run(folder)
    np.testing.assert_allclose(run.endmembers, result_of(small_cube).endmembers, rtol=1e-9)
    np.testing.assert_allclose(run.wavelengths, small_cube.wavelengths)
    plain = replace(small_cube, wavelengths=None)
    bands = read_run(write_run(tmp_path / "bands", plain, result_of(plain), REPORT))
    assert bands.wavelengths is None
    assert (bands.folder / "endmembers.csv").read_text().splitlines()[1].split(",")[0] == "1"


@pytest.mark.parametrize(
    ("kind", "column", "unit"),
    [
        ("wavenumber", "wavenumber_cm-1", "Wavenumber"),
        ("Raman shift", "raman_shift_cm-1", "Raman shift (cm-1)"),
        ("energy", "energy_eV", "eV"),
        ("frequency", "frequency_THz", "THz"),
    ],
)
def test_an_axis_that_is_no_wavelength_comes_back_from_every_file_of_a_run(
    small_cube: Cube, tmp_path: Path, kind: AxisKind, column: str, unit: str
) -> None:
    axis = SpectralAxis(kind, np.linspace(700.0, 300.0, 24))
    cube = replace(small_cube, wavelengths=axis.nanometres, measured_axis=axis)
    run = read_run(write_run(tmp_path / "run", cube, result_of(cube), REPORT))
    assert (run.folder / "endmembers.csv").read_text().startswith(f"{column},")
    assert f"wavelength units = {unit}\n" in (run.folder / "endmembers.hdr").read_text()
    for found in (
        run.axis,
        read_library(run.folder).spectral_axis,
        read_library(run.folder / "endmembers.sli").spectral_axis,
    ):
        assert found.kind == kind
        np.testing.assert_allclose(found.values, axis.values)
    assert page_of(cube, result_of(cube)).axis_name == page_of_run(run).axis_name == axis.title
    shifted = replace(cube, measured_axis=SpectralAxis(kind, axis.values + 1))
    assert cube_hash(shifted) != cube_hash(cube)


def test_endmembers_of_other_bands_than_the_cubes_are_not_written(small_cube: Cube, tmp_path: Path) -> None:
    result = result_of(small_cube)
    with pytest.raises(ValueError, match="zip"):
        write_run(tmp_path / "run", small_cube, replace(result, endmembers=result.endmembers[:, 1:]), REPORT)
    assert entries(tmp_path) == []


def test_a_package_that_is_not_installed_has_no_version(
    small_cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = metadata.Distribution.from_name

    def without_scipy(name: str) -> metadata.Distribution:
        if name == "scipy":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata.Distribution, "from_name", without_scipy)
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    versions = json.loads((folder / "run.json").read_text())["versions"]
    assert versions["scipy"] is None
    assert versions["numpy"] == np.__version__


def test_what_bends_the_mixing_is_saved_with_the_model(small_cube: Cube, tmp_path: Path) -> None:
    bend = Contribution(np.ones((16, 12, 3), np.float32), np.arange(72.0).reshape(3, 24))
    result = result_of(small_cube, model={"weights": np.arange(4.0)[::2]}, contribution=bend)
    model = read_run(write_run(tmp_path / "run", small_cube, result, REPORT)).model()
    assert set(model) == {"weights", "contribution.scores", "contribution.basis"}
    np.testing.assert_array_equal(model["weights"], [0, 2])
    np.testing.assert_array_equal(model["contribution.basis"], bend.basis)
    assert model["contribution.basis"].dtype == np.float64
    straight = replace(result, contribution=None)
    assert set(read_run(write_run(tmp_path / "straight", small_cube, straight, REPORT)).model()) == {"weights"}


def test_how_materials_vary_is_saved_and_judged_again(small_cube: Cube, tmp_path: Path) -> None:
    bands = int(small_cube.good_bands.sum())
    factors = np.random.default_rng(0).normal(size=(2, 3, bands)).astype(np.float32)
    plain = result_of(small_cube)
    saved = {SAVED_AS: factors, "endmembers": plain.endmembers[:, small_cube.good_bands].astype(np.float32)}
    folder = write_run(tmp_path / "run", small_cube, replace(plain, model=saved), REPORT)
    found = gather(small_cube, read_run(folder).unmixing(small_cube)).variation
    assert found is not None
    np.testing.assert_allclose(found.factors, factors, rtol=1e-6)


def test_annotations_are_named_by_label_and_kind(small_cube: Cube, tmp_path: Path) -> None:
    labels = np.zeros((16, 12), int)
    labels[0], labels[1], labels[2] = 5, 6, 7
    annotation = Annotation(labels, {6: Meaning("material", "rock"), 7: Meaning("ignore", "cloud")})
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT, annotation=annotation)
    meta = json.loads((folder / "run.json").read_text())["annotation"]
    assert meta["labels"] == [
        {"label": 5, "kind": "region", "name": ""},
        {"label": 6, "kind": "material", "name": "rock"},
        {"label": 7, "kind": "ignore", "name": "cloud"},
    ]
    assert meta["sha256"] == annotation_hash(annotation)
    assert annotation_hash(Annotation(labels + 1)) != annotation_hash(annotation)


def test_a_cube_is_known_by_its_spectra_however_they_are_cut(small_cube: Cube) -> None:
    large = Cube(np.random.default_rng(0).uniform(size=(700, 100, 80)))  # 22 MB: more than is hashed at once
    changed = large.spectra.copy()
    changed[-1, -1, -1] += 1
    assert cube_hash(large) != cube_hash(Cube(changed))
    assert cube_hash(large) == cube_hash(Cube(large.spectra.copy(), name="other"))
    assert cube_hash(small_cube) != cube_hash(replace(small_cube, wavelengths=None))


def test_mean_shares_are_of_the_valid_pixels() -> None:
    abundances = np.array([[[0.2, 0.8], [0.6, 0.4]], [[np.nan, np.nan], [np.nan, 0.3]]])
    np.testing.assert_allclose(mean_abundances(abundances), [0.4, 0.6])
    assert np.isnan(mean_abundances(np.full((2, 2, 3), np.nan))).tolist() == [True] * 3


def test_json_has_no_nan_and_people_can_read_it(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1.5, np.nan], "b": {"c": np.float64(np.inf), "d": (1, np.int32(2))}})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"é": [1.5, None], "b": {"c": None, "d": [1, 2]}}
    assert text.startswith('{\n "é": [')
    assert text.endswith("}\n")
    assert json_text({1: True, "x": None}) == '{"1": true, "x": null}'
    assert json_text(["ü"]) == '["ü"]'
    with pytest.raises(TypeError):
        json_text({"a": object()})


# --- what is read


def test_a_folder_that_is_no_run_and_one_of_another_version_are_told_apart(small_cube: Cube, tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match=r"is no run, it has no run\.json: give a folder that napari-unmix wrote"):
        read_run(tmp_path)
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    meta = json.loads((folder / "run.json").read_text())
    for other, remedy in (
        ([1, 2], "give a folder that napari-unmix wrote"),
        ({**meta, "format": "napari-unmix run 1"}, "run it again"),
        ({**meta, "format": "napari-unmix run 4"}, "install a later version"),
    ):
        (folder / "run.json").write_text(json.dumps(other))
        with pytest.raises(
            UnmixError,
            match=rf"was written by (napari-unmix 0\.1\.0|another program), .*reads 'napari-unmix run 3': {remedy}",
        ):
            read_run(folder)
    (folder / "run.json").write_text(json.dumps({**meta, "spec": {**meta["spec"], "colour": "blue"}}))
    with pytest.raises(UnmixError, match=r"its spec is of another version, run\.json, colour: extra inputs"):
        read_run(folder)


def _cut(column: int, rows: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        lines = (folder / "endmembers.csv").read_text().splitlines()
        kept = [",".join(line.split(",")[:column]) for line in lines[:rows]]
        (folder / "endmembers.csv").write_text("\n".join(kept) + "\n")

    return damage


def _fewer_pixels(folder: Path) -> None:
    np.save(folder / "abundances.npy", np.zeros((16, 11, 2), np.float32))


@pytest.mark.parametrize("damage", [_cut(2, 25), _cut(3, 24), _fewer_pixels], ids=["endmember", "band", "column"])
def test_parts_that_do_not_fit_each_other_are_damage_with_the_numbers(
    small_cube: Cube, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    damage(folder)
    with pytest.raises(
        UnmixError,
        match=r"is a damaged run \((endmembers\.csv has \d endmembers of \d+ bands|abundances\.npy has the shape 16×11×2) and not",
    ):
        read_run(folder)


def test_an_empty_file_is_damage_with_a_reason(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    os.truncate(folder / "abundances.npy", 0)
    with pytest.raises(UnmixError, match=r"is a damaged run \(\S.*\): write it again"):
        read_run(folder)


def test_home_is_known_where_a_run_is_read(small_cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", small_cube, result_of(small_cube), REPORT)
    monkeypatch.setenv("HOME", str(tmp_path))
    run = read_run("~/run")
    assert run.folder == tmp_path / "run"
    assert (run.spec.seed, run.spec.endmembers, run.report) == (9, 2, REPORT)
