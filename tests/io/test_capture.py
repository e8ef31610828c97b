"""Folders of a capture, pictures in them, references beside raw counts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError


def image(folder, name, cube, **changes):
    """An ENVI image ``name.dat`` with its header."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, samples, bands = cube.shape
    code = {"u2": 12, "f4": 4}[cube.dtype.str[1:]]
    fields = {
        "lines": lines,
        "samples": samples,
        "bands": bands,
        "data type": code,
        "interleave": "bip",
        "byte order": 0,
    }
    fields |= {key.replace("_", " "): value for key, value in changes.items()}
    (folder / f"{name}.dat").write_bytes(cube.tobytes())
    header = folder / f"{name}.hdr"
    header.write_text("\n".join(["ENVI", *(f"{key} = {value}" for key, value in fields.items())]))
    return header


def picture(folder, name):
    Image.fromarray(np.zeros((4, 3, 3), np.uint8)).save(folder / name)
    return folder / name


def test_the_one_cube_of_a_folder_is_read_and_said(tmp_path, small):
    header = image(tmp_path / "007" / "results", "REFLECTANCE_007", small.astype("f4"))
    picture(header.parent, "REFLECTANCE_007.png")
    cube = read_cube(tmp_path / "007")
    np.testing.assert_array_equal(cube.spectra, small)
    assert (cube.name, cube.source) == ("REFLECTANCE_007", header)
    assert cube.repairs == ("results/REFLECTANCE_007.hdr was read in the folder 007",)
    assert can_read(tmp_path / "007")


def test_of_a_capture_the_reflectance_is_read_and_the_references_are_no_scenes(tmp_path, small):
    image(tmp_path / "results", "REFLECTANCE_007", small.astype("f4"))
    for name in ("007", "DARKREF_007", "WHITEREF_007"):
        image(tmp_path / "capture", name, small)
    assert read_cube(tmp_path).source.name == "REFLECTANCE_007.hdr"
    assert read_cube(tmp_path / "capture").source.name == "007.hdr"


def test_a_folder_of_several_cubes_names_them(tmp_path, small):
    for name in ("a", "b"):
        image(tmp_path / "many", name, small)
    with pytest.raises(UnmixError, match=r"many holds 2 cubes \(a\.hdr, b\.hdr\): give one of these files"):
        read_cube(tmp_path / "many")
    assert not can_read(tmp_path / "many")


def test_a_folder_of_another_format_than_envi(tmp_path, small):
    (tmp_path / "one").mkdir()
    np.save(tmp_path / "one" / "scene.npy", small)
    np.testing.assert_array_equal(read_cube(tmp_path / "one").spectra, small)
    (tmp_path / "none").mkdir()
    with pytest.raises(UnmixError, match=r"none is no cube that can be read, nor a folder with one in it: give ENVI"):
        read_cube(tmp_path / "none")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_a_picture_names_the_cube_beside_it(tmp_path, small, suffix):
    image(tmp_path, "REFLECTANCE_007", small)
    image(tmp_path, "other", small)
    path = picture(tmp_path, f"REFLECTANCE_007.{suffix}")
    with pytest.raises(UnmixError, match=r"is a picture \(\w+\), not a cube: open REFLECTANCE_007\.hdr beside it"):
        read_cube(path)
    with pytest.raises(UnmixError, match=r"not a cube: open REFLECTANCE_007\.hdr beside it"):
        read_cube(picture(tmp_path, f"preview.{suffix}"))


def test_a_picture_alone(tmp_path):
    with pytest.raises(UnmixError, match=r"a\.png is a picture \(PNG\), not a cube: give ENVI"):
        read_cube(picture(tmp_path, "a.png"))


def test_what_other_programs_convert_names_the_command(tmp_path):
    (tmp_path / "my scene.hdf").write_bytes(b"\x0e\x03\x13\x01" + bytes(100))
    with pytest.raises(
        UnmixError, match=r"\(HDF4\): convert it with gdal_translate -of ENVI 'my scene\.hdf' 'my scene'\.img"
    ):
        read_cube(tmp_path / "my scene.hdf")
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(100))
    with pytest.raises(UnmixError, match=r"is packed \(gzip archive\): unpack it"):
        read_cube(tmp_path / "a.tar.gz")


def test_references_beside_raw_counts_are_named_ready_to_use_and_calibrate_when_asked(tmp_path, small):
    reflectance = np.linspace(0.1, 0.9, 60).reshape(4, 3, 5)
    lamp, dark = 1000 + 100 * np.arange(15).reshape(3, 5), 90 + np.arange(15).reshape(3, 5)
    scene = image(tmp_path, "012", (reflectance * lamp + dark).astype("u2"))
    image(tmp_path, "WHITEREF_012", np.repeat((lamp + dark)[None], 6, 0).astype("u2"))
    image(tmp_path, "DARKREF_012", dark[None].astype("u2"))
    image(tmp_path, "WHITEREF_013", np.repeat((lamp + dark)[None], 6, 0).astype("u2"))
    image(tmp_path, "dark_other_camera", small[:, :2])
    raw = read_cube(scene)
    said = raw.repairs[-1]
    assert said.startswith(
        "DARKREF_012.hdr and WHITEREF_012.hdr lie beside these raw counts, which were not calibrated: --dark "
    )
    words = said.split()
    files = {word.removeprefix("--"): words[at + 1] for at, word in enumerate(words) if word.startswith("--")}
    cube = read_cube(scene, **files)
    np.testing.assert_allclose(cube.spectra, reflectance, atol=2e-3)
    assert "calibrated by the dark reference DARKREF_012.hdr" in cube.repairs[-1]
    assert "its name says that it is a dark reference" in read_cube(tmp_path / "DARKREF_012.hdr").repairs[-1]


def test_calibrated_images_say_nothing_of_references(tmp_path, small):
    image(tmp_path, "DARKREF_1", small)
    assert read_cube(image(tmp_path, "1", small.astype("f4"))).repairs == ()
    assert read_cube(image(tmp_path, "2", small, reflectance_scale_factor=10)).repairs == ()
