"""Which files a cube or a run becomes, whole or not at all, and that nothing is replaced unasked."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tifffile
import zarr

from napari_unmix import read_run, to_xarray, write_run
from napari_unmix.identifiability.report import Report
from napari_unmix.io import read_annotation, read_cube
from napari_unmix.library import read_library
from napari_unmix.output.export import EXPORTS, AlreadyThere, contents_of, export, format_for
from napari_unmix.output.export.contents import ABUNDANCES, CLASSES, ILLUMINATION, SPREAD, Image
from napari_unmix.sentences import UnmixError

from .conftest import make_cube, needs_geo, needs_netcdf, unplaced

NAMES = ("rock", "wet tall soil")  # as a header can hold them


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_becomes_the_same_files_from_its_folder_and_from_memory(tmp_path, cube, result):
    run = read_run(write_run(tmp_path / "run", cube, result, Report("partly", "A test.", ())))
    for name, subject in (("a", run), ("b", (cube, result))):
        contents = contents_of(subject)
        assert contents.georeference == cube.georeference
        assert [image.role for image in contents.images] == [ABUNDANCES, SPREAD, ILLUMINATION, CLASSES]
        export(subject, tmp_path / name / "maps.npz")
    with np.load(tmp_path / "a" / "maps.npz") as one, np.load(tmp_path / "b" / "maps.npz") as two:
        assert set(one) == set(two)
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_array_equal(one["abundances"], result.abundances)
        np.testing.assert_array_equal(one["illumination"], result.illumination)
        np.testing.assert_array_equal(one["endmembers"], result.endmembers)
        assert tuple(one["names"]) == result.names


@pytest.mark.parametrize(
    ("out", "files"),
    [
        ("m.hdr", ["m.hdr", "m.img", *(f"m_{what}.{end}" for what in ("classes", "illumination", "std") for end in ("hdr", "img")),
                   "m_endmembers.hdr", "m_endmembers.sli"]),
        ("m.bsq", ["m.bsq", "m.hdr", *(f"m_{what}.{end}" for what in ("classes", "illumination", "std") for end in ("bsq", "hdr")),
                   "m_endmembers.hdr", "m_endmembers.sli"]),
        ("m.tif", ["m.tif", "m_endmembers.hdr", "m_endmembers.sli", "m_illumination.tif", "m_std.tif"]),
        ("m.ome.zarr", ["m.ome.zarr", "m_endmembers.csv", "m_illumination.ome.zarr", "m_std.ome.zarr"]),
        ("m.csv", ["m.csv", "m_endmembers.csv"]),
        ("m.sli", ["m.hdr", "m.sli"]),
        ("m.mat", ["m.mat"]),
    ],
)  # fmt: skip
def test_the_files_of_a_run(tmp_path, cube, result, out, files):
    written = export((unplaced(cube), result), tmp_path / "new" / out)
    assert sorted(path.name for path in written) == sorted(files) == names_in(tmp_path / "new")
    assert written[0] == tmp_path / "new" / out  # the one that was asked for comes first
    with pytest.raises(AlreadyThere, match="is there already: choose another name"):
        export((unplaced(cube), result), tmp_path / "new" / out)
    assert export((unplaced(cube), result), tmp_path / "new" / out, overwrite=True) == written
    assert names_in(tmp_path / "new") == sorted(files)


def test_maps_and_endmembers_are_the_numbers_of_the_run(tmp_path, cube, result):
    subject = (unplaced(cube), result)
    there = cube.valid_pixels
    for out in ("m.hdr", "m.tif", "m.ome.zarr"):
        export(subject, tmp_path / out, overwrite=True)
    maps = tifffile.imread(tmp_path / "m.tif")
    np.testing.assert_array_equal(maps, result.abundances)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m_illumination.tif"), result.illumination)
    group = zarr.open_group(tmp_path / "m_std.ome.zarr", mode="r")
    np.testing.assert_array_equal(np.moveaxis(group["0"][...], 0, 2), result.abundance_std)
    labels = [channel["label"] for channel in group.attrs["ome"]["omero"]["channels"]]
    assert labels == [f"{name} (standard deviation)" for name in result.names]
    np.testing.assert_array_equal(read_cube(tmp_path / "m.hdr", repair="none").spectra[there], result.abundances[there])
    library = read_library(tmp_path / "m_endmembers.sli")
    assert library.names == NAMES
    np.testing.assert_array_equal(library.wavelengths, cube.wavelengths)
    np.testing.assert_array_equal(library.spectra, result.endmembers)
    np.testing.assert_array_equal(read_library(tmp_path / "m_endmembers.csv").spectra, result.endmembers)


def test_the_classes_are_an_annotation_with_names(tmp_path, cube, result):
    export((unplaced(cube), result), tmp_path / "m.hdr")
    read = read_annotation(tmp_path / "m_classes.hdr", cube.shape)
    expected = np.where(cube.valid_pixels, np.argmax(result.abundances, axis=2) + 1, 0)
    np.testing.assert_array_equal(read.labels, expected)
    assert tuple(read.names.values()) == NAMES


def test_the_table_has_a_row_for_every_pixel_with_an_answer(tmp_path, cube, result):
    export((cube, result), tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header[:4] == ["row", "column", "x", "y"]
    shares, spreads = ([f"{name} ({what})" for name in result.names] for what in ("composition", "standard deviation"))
    assert header[4:] == [*shares, *spreads, "illumination"]
    table = np.array(rows, dtype=float)
    place = table[:, 0].astype(int), table[:, 1].astype(int)
    np.testing.assert_array_equal(np.argwhere(cube.valid_pixels), np.stack(place, axis=1))
    np.testing.assert_array_equal(table[:, 4:6].astype(np.float32), result.abundances[place])
    np.testing.assert_array_equal(table[:, 2], 500_000 + 20 * (table[:, 1] + 0.5))
    np.testing.assert_array_equal(table[:, 3], 5_400_000 - 20 * (table[:, 0] + 0.5))
    endmembers = read_library(tmp_path / "m_endmembers.csv")
    np.testing.assert_array_equal(endmembers.spectra, result.endmembers)
    assert endmembers.names == result.names
    export((unplaced(cube), result), tmp_path / "n.csv")
    assert (tmp_path / "n.csv").read_text().startswith("row,column,rock (composition),")


@pytest.mark.parametrize(
    ("light", "brightness", "meaning"),
    [
        (False, "maximum", "area fractions"),
        (True, "maximum", "composition, each endmember's largest value 1"),
        (True, "own", "areas under uneven light, each endmember as bright as it is"),
    ],
)
def test_every_file_says_what_its_abundances_are(tmp_path, cube, result, light, brightness, meaning):
    spec = result.spec.model_copy(update={"illumination": light, "brightness": brightness})
    subject = (unplaced(cube), replace(result, spec=spec, illumination=result.illumination if light else None))
    for out in ("m.hdr", "m.tif", "m.ome.zarr", "m.npz", "m.mat", "m.csv"):
        export(subject, tmp_path / out, overwrite=True)
    assert meaning.replace(",", "") in (tmp_path / "m.hdr").read_text()
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert meaning in file.pages.first.description
    assert meaning in zarr.open_group(tmp_path / "m.ome.zarr", mode="r").attrs["description"]
    with np.load(tmp_path / "m.npz") as arrays:
        assert str(arrays["meaning"]) == meaning
    assert scipy.io.loadmat(tmp_path / "m.mat")["meaning"].tolist() == [meaning]
    assert f"rock ({'composition' if (light, brightness) == (True, 'maximum') else 'area fraction'})," in (
        tmp_path / "m.csv"
    ).read_text(encoding="utf-8")
    run = write_run(tmp_path / "run", subject[0], subject[1], None)
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["abundances"] == meaning
    assert contents_of(read_run(run)).meaning == meaning


@needs_geo
def test_maps_keep_their_place(tmp_path, cube, result):
    import rasterio

    export((cube, result), tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as file:
        assert tuple(file.transform)[:6] == cube.georeference.transform
        assert file.crs.to_epsg() == 32633
        assert file.descriptions == result.names
    export((cube, result), tmp_path / "n.hdr")
    with rasterio.open(tmp_path / "n_classes.img") as file:
        assert file.crs.to_epsg() == 32633


def test_matlab_has_names_as_a_cell(tmp_path, cube, result):
    export((cube, result), tmp_path / "m.mat")
    found = scipy.io.loadmat(tmp_path / "m.mat", squeeze_me=True)
    assert tuple(found["names"]) == result.names
    np.testing.assert_array_equal(found["abundances"], result.abundances)
    np.testing.assert_array_equal(found["transform"], cube.georeference.transform)


@needs_netcdf
def test_labelled_arrays(cube, result):
    dataset = to_xarray(cube)
    assert dataset["cube"].dims == ("y", "x", "band")
    assert dataset["cube"].values.base is cube.spectra or np.shares_memory(dataset["cube"].values, cube.spectra)
    np.testing.assert_array_equal(dataset["wavelength"], cube.wavelengths)
    np.testing.assert_array_equal(dataset["good_bands"], cube.good_bands)
    np.testing.assert_array_equal(dataset["mask"], cube.valid_pixels)
    np.testing.assert_array_equal(dataset["y"][:2], [5_399_990.0, 5_399_970.0])
    maps = to_xarray((cube, result))
    np.testing.assert_array_equal(maps["abundances"].sel(endmember="rock"), result.abundances[:, :, 0])
    np.testing.assert_array_equal(maps["endmembers"].values, result.endmembers)
    assert maps["illumination"].dims == ("y", "x")


# --- nothing is replaced, nothing is half written


def test_a_suffix_says_the_format():
    for form in EXPORTS.values():
        for suffix in form.suffixes:
            assert format_for(Path(f"a.b{suffix.upper()}")) == (form, "a.b", suffix)
    for name in ("maps", "maps.png", ".tif", "maps.xlsx"):
        with pytest.raises(UnmixError, match=r"names no format that can be written: end it in \.hdr \(ENVI\), "):
            format_for(Path(name))


def test_a_format_may_be_named(tmp_path, cube):
    assert export(cube, tmp_path / "scene", "npz") == [tmp_path / "scene.npz"]
    assert export(cube, tmp_path / "b.npz", "npz") == [tmp_path / "b.npz"]
    with pytest.raises(UnmixError, match="There is no format 'xls': choose one of envi, "):
        export(cube, tmp_path / "scene", "xls")


@pytest.mark.parametrize("out", ["a.csv", "a.sli"])
def test_what_a_cube_is_not(tmp_path, cube, out):
    with pytest.raises(UnmixError, match="which a cube is not: give the folder of a run"):
        export(cube, tmp_path / out)
    assert names_in(tmp_path) == []


def test_a_file_beside_the_named_one_is_not_replaced_either(tmp_path, cube):
    (tmp_path / "a.hdr").write_text("mine")
    with pytest.raises(AlreadyThere, match=r"a\.hdr is there already"):
        export(unplaced(cube), tmp_path / "a.img")
    assert (tmp_path / "a.hdr").read_text() == "mine"
    assert names_in(tmp_path) == ["a.hdr"]


def test_only_zarr_folders_are_replaced(tmp_path, cube):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("mine")
    with pytest.raises(AlreadyThere, match=r"a\.zarr is a folder, and not of Zarr"):
        export(cube, tmp_path / "a.zarr", overwrite=True)
    assert names_in(tmp_path / "a.zarr") == ["thesis.txt"]
    export(cube, tmp_path / "b.zarr")
    export(make_cube((3, 3, 3)), tmp_path / "b.zarr", overwrite=True)
    assert zarr.open_group(tmp_path / "b.zarr", mode="r")["0"].shape == (3, 3, 3)
    assert names_in(tmp_path) == ["a.zarr", "b.zarr"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device"), RuntimeError])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, cube, overwrite, stop):
    if overwrite:
        export(unplaced(cube), tmp_path / "a.hdr")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    whole = contents_of(make_cube((3, 3, 4)))

    class Failing(Image):
        def blocks(self):
            yield next(super().blocks())
            raise stop

    failing = Failing(**vars(whole.main))
    with pytest.raises(stop if isinstance(stop, type) else type(stop)) as error:
        export(replace(whole, images=(failing,)), tmp_path / "a.hdr", overwrite=overwrite)
    if isinstance(error.value, OSError):
        assert error.value.filename == str(tmp_path / "a.img")  # by the name that it would have
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_names_that_are_too_long_are_told_before_anything_is_made(tmp_path, cube, result):
    longest = f"{'m' * 251}.hdr"
    assert export(unplaced(cube), tmp_path / "new" / longest)[0].name == longest
    for subject, name in ((unplaced(cube), f"m{longest}"), ((unplaced(cube), result), longest)):
        with pytest.raises(UnmixError, match=r"is a name of 2[56].+ bytes, the disk takes 255: choose a shorter one"):
            export(subject, tmp_path / "other" / name)
    assert names_in(tmp_path) == ["new"]


@pytest.mark.parametrize(
    ("library", "out", "sentence"),
    [
        ("rasterio", "a.tif", r'is written by rasterio: install "napari-unmix\[geo\]", or write \.hdr'),
        ("xarray", "a.nc", r'to_xarray needs xarray: install "napari-unmix\[netcdf\]"'),
        ("h5netcdf", "a.nc", r"needs xarray|is written by h5netcdf"),
    ],
)
def test_libraries_that_are_missing_are_named(tmp_path, cube, library, out, sentence, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnmixError, match=sentence):
        export(cube, tmp_path / out)
    assert names_in(tmp_path) == []


def test_arrays_beyond_a_matlab_file_are_refused(tmp_path, cube, monkeypatch):
    monkeypatch.setattr("napari_unmix.output.export.arrays._MOST", 500)
    with pytest.raises(UnmixError, match=r"cube needs 840 B, a MATLAB 5 file holds 2 GB an array: write \.npz"):
        export(cube, tmp_path / "a.mat")
    assert names_in(tmp_path) == []
