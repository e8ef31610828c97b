"""The door of the package: what it opens, what it declines, and what it loads."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from napari_unmix.io import FORMATS, SUFFIXES, byte_budget, can_read, read_cube
from napari_unmix.io.budget import _cgroup_headroom, readable_size
from napari_unmix.sentences import UnmixError


def test_can_read_asks_suffix_and_content(tmp_path, write_envi, small):
    header = write_envi(small)
    assert can_read(header)
    assert can_read(str(tmp_path / "scene.img"))
    np.save(tmp_path / "cube.npy", small)
    np.save(tmp_path / "image.npy", small[0])
    np.savez(tmp_path / "cube.npz", cube=small)
    (tmp_path / "lonely.img").write_bytes(b"12345678")
    (tmp_path / "nifti.hdr").write_bytes(b"\x5c\x01\x00\x00" + bytes(340))
    (tmp_path / "text.mat").write_text("no numbers")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    np.save(tmp_path / "other", small)
    (tmp_path / "other.npy").rename(tmp_path / "cube.other")
    told = {name: can_read(tmp_path / name) for name in ("cube.npy", "cube.npz")}
    assert told == {"cube.npy": True, "cube.npz": True}
    for name in (
        "image.npy",
        "cube.other",
        "lonely.img",
        "nifti.hdr",
        "text.mat",
        "picture.png",
        "missing.hdr",
        "nowhere/at.all",
    ):
        assert not can_read(tmp_path / name), name


def test_can_read_declines_the_header_of_another_program(tmp_path):
    (tmp_path / "scene.hdr").write_text("hello, 3\nworld 4\n")
    (tmp_path / "scene.bil").write_bytes(b"\x01\x00\xff")
    assert not can_read(tmp_path / "scene.bil")
    with pytest.raises(UnmixError, match=r"scene\.hdr is no ENVI header"):
        read_cube(tmp_path / "scene.bil")


def test_suffixes_are_lower_case_and_have_dots():
    assert {".hdr", ".mat", ".npy", ".npz", ".zarr"} < set(SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in SUFFIXES)


def test_napari_asks_for_the_suffixes_that_are_read():
    manifest = resources.files("napari_unmix").joinpath("napari.yaml").read_text(encoding="utf-8")
    assert sorted(re.findall(r'"\*(\.\w+)"', manifest)) == sorted(SUFFIXES)


def test_every_format_names_functions_that_are_there():
    for form in FORMATS:
        module = importlib.import_module(form.module)
        assert all(callable(getattr(module, name)) for name in (form.recognises, form.holds_cube, form.read))
        assert list(inspect.signature(getattr(module, form.read)).parameters) == ["path", "reading"]


def test_missing_unknown_and_unreadable(tmp_path):
    with pytest.raises(UnmixError, match=r"There is no file .*nope\.mat: check the path"):
        read_cube(tmp_path / "nope.mat")
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(
        UnmixError,
        match=r"a\.xyz is no cube that can be read: give ENVI \(\.hdr with its data file\)",
    ):
        read_cube(tmp_path / "a.xyz")
    with pytest.raises(UnmixError, match="is no cube that can be read"):
        read_cube(tmp_path)


def test_a_key_for_a_file_of_one_array(tmp_path, write_envi, small):
    np.save(tmp_path / "a.npy", small)
    for path in (write_envi(small), tmp_path / "a.npy"):
        with pytest.raises(UnmixError, match="holds one array, so it has no 'Y': leave the name out"):
            read_cube(path, key="Y")


def test_every_sentence_is_one_line(tmp_path):
    for name, content in (("a.mat", b"junk"), ("a.npy", b"\x93NUMPY"), ("a.npz", b"PK\x03\x04"), ("a.hdr", b"\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnmixError) as caught:
            read_cube(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")
        assert name in str(caught.value)


def test_importing_loads_no_heavy_library():
    heavy = ["scipy", "h5py", "zarr", "tifffile", "skimage", "PIL", "imageio", "torch", "napari", "qtpy"]
    code = f"import sys, napari_unmix.io; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_budget_is_half_of_what_is_free(monkeypatch):
    assert 10**6 < byte_budget() < 10**15
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 24_000_000_000)
    assert byte_budget() == 12_000_000_000


@pytest.mark.parametrize(
    ("limit", "free"), [("1000", 700), ("200", 0), ("max", None), ("", None), (None, None)], ids=str
)
def test_a_containers_limit_counts_what_its_caches_would_give_back(tmp_path, limit, free):
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit + "\n")
        (tmp_path / "memory.current").write_text("400\n")
        (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 100\nactive_file 50\n")
    assert _cgroup_headroom(tmp_path) == free


def test_the_smaller_of_the_machine_and_the_container_decides(tmp_path, monkeypatch):
    import psutil

    monkeypatch.setattr("napari_unmix.io.budget._CGROUP", tmp_path)
    available = byte_budget()
    np.testing.assert_allclose(available, psutil.virtual_memory().available / 2, rtol=0.2)
    for name, text in (("memory.max", "5000"), ("memory.current", "1000"), ("memory.stat", "")):
        (tmp_path / name).write_text(text)
    assert byte_budget() == 2000


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (120, "120 B"),
        (1500, "1.5 kB"),
        (12e9, "12 GB"),
        (4e14, "400 TB"),
        (999.9, "1e+03 B"),
        (8e18, "8,000 PB"),
    ],
)
def test_sizes_for_people(size, text):
    assert readable_size(size) == text
