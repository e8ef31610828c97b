"""Cubes that stay in their file are what the same file is in memory: spectra, bands, places; and what a file does meanwhile is a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from napari_unmix.cube import Cube
from napari_unmix.io import read_cube
from napari_unmix.io.budget import run_bytes
from napari_unmix.io.on_disk import StoredSource, thinning
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

SHAPE = (30, 26, 12)
CODES = {
    "uint8": 1,
    "int16": 2,
    "int32": 3,
    "float32": 4,
    "float64": 5,
    "uint16": 12,
    "uint32": 13,
    "int64": 14,
    "uint64": 15,
}
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}


def scene(kind: str = "uint16") -> np.ndarray:
    """(H, W, B) mixtures with noise as stored numbers from 1 to 250."""
    generator = np.random.default_rng(0)
    materials = generator.uniform(0.1, 0.9, (4, SHAPE[2]))
    found = generator.dirichlet(np.ones(4), SHAPE[:2]) @ materials + generator.normal(0, 0.01, SHAPE)
    return (found * 250).clip(1, 250).astype(kind)


def envi(
    folder: Path, stored: np.ndarray, interleave: str = "bip", *, big: bool = False, offset: int = 0, extra: str = ""
) -> Path:
    """An ENVI file whose numbers have a scale of 200, unless ``extra`` says another; the path of its data."""
    kind = stored.dtype.newbyteorder(">" if big else "<")
    data = folder / f"scene.{interleave}"
    numbers = np.ascontiguousarray(stored.transpose(AXES[interleave])).astype(kind)
    data.write_bytes(b"x" * offset + numbers.tobytes())
    lines, samples, bands = stored.shape
    data.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {samples}\nlines = {lines}\nbands = {bands}\nheader offset = {offset}\ndata type = {CODES[stored.dtype.name]}\n"
        f"interleave = {interleave}\nbyte order = {int(big)}\nreflectance scale factor = 200\n"
        f"wavelength units = nm\nwavelength = {{{', '.join(str(400 + 10 * k) for k in range(bands))}}}\n{extra}"
    )
    return data


def both(path: Path, **options: Any) -> tuple[Cube, Cube]:
    """The cube in its file, and in memory."""
    return read_cube(path, keep_on_disk=True, **options), read_cube(path, keep_on_disk=False, **options)


def check_same(lazy: Cube, held: Cube) -> None:
    """Every way to slice them gives the same bits, and what is known of them is the same."""
    assert lazy.lazy is not None
    assert held.lazy is None
    assert lazy.shape == held.shape
    np.testing.assert_array_equal(lazy.good_bands, held.good_bands)
    np.testing.assert_array_equal(lazy.axis, held.axis)
    assert (lazy.scale, lazy.name, lazy.georeference) == (held.scale, held.name, held.georeference)
    whole, known, good = np.asarray(lazy.spectra), held.valid_pixels, held.good_bands
    np.testing.assert_array_equal(whole[known][:, good], held.spectra[known][:, good])
    rows, columns = np.array([29, 0, 7, 7]), np.array([3, 25, 0, 1])
    some = (np.s_[5], np.s_[4, 9], np.s_[::3, 2:20:5], np.s_[:, :, 3], np.s_[3:9, :, [7, 1]], np.s_[rows, columns])
    for index in some:
        np.testing.assert_array_equal(lazy.spectra[index], whole[index])
    valid = np.concatenate([lazy.block(part)[1] for part in lazy.blocks(5000)])
    np.testing.assert_array_equal(valid, held.valid_pixels)


@pytest.mark.parametrize("interleave", AXES)
@pytest.mark.parametrize("kind", CODES)
def test_envi_of_every_kind(tmp_path: Path, interleave: str, kind: str) -> None:
    big, offset = CODES[kind] % 2 == 0, CODES[kind]
    lazy, held = both(envi(tmp_path, scene(kind), interleave, big=big, offset=offset), repair="none")
    check_same(lazy, held)
    assert any("bsq file" in said for said in lazy.repairs) == (interleave == "bsq")


def test_gains_and_offsets_are_of_their_bands(tmp_path: Path) -> None:
    gains = ", ".join(str(1 + k / 7) for k in range(12))
    check_same(
        *both(
            envi(tmp_path, scene(), "bil", extra=f"data gain values = {{{gains}}}\ndata offset values = {{{gains}}}\n")
        )
    )


def npy(folder: Path, stored: np.ndarray) -> Path:
    np.save(folder / "scene.npy", stored)
    return folder / "scene.npy"


def by_columns(folder: Path, stored: np.ndarray) -> Path:
    np.save(folder / "scene.npy", np.asfortranarray(stored))
    return folder / "scene.npy"


def bands_first(folder: Path, stored: np.ndarray) -> Path:
    np.save(folder / "scene.npy", np.moveaxis(stored, 2, 0))
    return folder / "scene.npy"


def in_zarr(folder: Path, stored: np.ndarray) -> Path:
    array = zarr.create_array(
        str(folder / "scene.zarr"),
        shape=stored.shape,
        chunks=(8, 9, 5),
        dtype=stored.dtype,
        dimension_names=("y", "x", "wavelength"),
    )
    array[...] = stored
    return folder / "scene.zarr"


def in_hdf5(folder: Path, stored: np.ndarray) -> Path:
    with h5py.File(folder / "scene.h5", "w") as file:
        file.create_dataset("reflectance", data=stored, chunks=(7, 26, 12), compression="gzip", shuffle=True)
        file["wavelength"] = np.arange(400.0, 520, 10)
    return folder / "scene.h5"


def in_one_piece(folder: Path, stored: np.ndarray) -> Path:
    with h5py.File(folder / "scene.h5", "w") as file:
        file["reflectance"] = stored
        file["wavelength"] = np.arange(400.0, 520, 10)
    return folder / "scene.h5"


def in_matlab(folder: Path, stored: np.ndarray) -> Path:
    with h5py.File(folder / "scene.mat", "w", userblock_size=512) as file:
        dataset = file.create_dataset("cube", data=stored.T, chunks=(5, 9, 8), compression="gzip")
        dataset.attrs["MATLAB_class"] = np.bytes_("single")
        file["wavelength"] = np.arange(400.0, 520, 10)[:, None]
        file["wavelength"].attrs["MATLAB_class"] = np.bytes_("double")
        file["mask"] = np.ones(stored.shape[1::-1], np.uint8)
        file["mask"][3, 4] = 0
        file["mask"].attrs["MATLAB_class"] = np.bytes_("logical")
    with (folder / "scene.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return folder / "scene.mat"


@pytest.mark.parametrize(
    "write", [npy, by_columns, bands_first, in_zarr, in_hdf5, in_one_piece, in_matlab], ids=lambda write: write.__name__
)
def test_other_formats(tmp_path: Path, write: Callable[[Path, np.ndarray], Path]) -> None:
    options = {"bands_axis": "first"} if write is bands_first else {}
    check_same(*both(write(tmp_path, scene("float32")), repair="none", **options))


def test_no_data_declared_found_and_masked(tmp_path: Path) -> None:
    """A declared value, a fill that nobody declared, a constant spectrum and zeros: no data in a file as in memory."""
    stored = scene("int16")
    stored[:4] = -77
    stored[4:8, :, 2] = -9999
    stored[8:11] = 0
    stored[20:, :8] = np.arange(12) + 5
    check_same(*both(envi(tmp_path, stored, extra="data ignore value = -77\n")))


def test_a_declared_zero_is_no_data_where_all_of_a_pixel_is_zero(tmp_path: Path) -> None:
    stored = scene()
    stored[:9], stored[15, :, 3] = 0, 0
    check_same(*both(envi(tmp_path, stored, extra="data ignore value = 0\n"), repair="none"))


def test_one_band_of_noise_is_left_out_alike(tmp_path: Path) -> None:
    stored = scene()
    stored[:, :, 6] = np.random.default_rng(1).integers(1, 250, SHAPE[:2])
    lazy, held = both(envi(tmp_path, stored))
    assert not held.good_bands[6]
    np.testing.assert_array_equal(lazy.good_bands, held.good_bands)


def test_references_calibrate_each_column(tmp_path: Path) -> None:
    (tmp_path / "white").mkdir()
    white = np.random.default_rng(2).integers(200, 255, (5, *SHAPE[1:])).astype("uint16")
    reference = envi(tmp_path / "white", white, "bil")
    check_same(*both(envi(tmp_path, scene(), "bil"), white=reference, repair="none"))


def test_too_small_numbers_are_multiplied_alike(tmp_path: Path) -> None:
    path = npy(tmp_path, scene("float64") * 1e-12)
    check_same(*both(path, repair="none", bands_axis="last"))


def test_chosen_bands_only(tmp_path: Path) -> None:
    check_same(*both(envi(tmp_path, scene()), bands="420-480nm", repair="none"))


@pytest.mark.parametrize(
    "stored", [scene()[:1], scene()[:, :1], scene()[:, :, :2]], ids=["one row", "one column", "two bands"]
)
@pytest.mark.parametrize("interleave", AXES)
def test_thin_cubes(tmp_path: Path, stored: np.ndarray, interleave: str) -> None:
    path = envi(tmp_path, stored, interleave)
    lazy, held = both(path, repair="none")
    np.testing.assert_array_equal(np.asarray(lazy.spectra), held.spectra)


def test_all_without_data_is_refused_as_in_memory(tmp_path: Path) -> None:
    path = envi(tmp_path, np.full(SHAPE, 5, "int16"), extra="data ignore value = 5\n")
    said = []
    for wanted in (True, False):
        with pytest.raises(UnmixError) as error:
            read_cube(path, keep_on_disk=wanted)
        said.append(str(error.value))
    assert said[0] == said[1]


# --- what a file does meanwhile


def test_a_file_that_shrinks_is_a_sentence(tmp_path: Path) -> None:
    path = envi(tmp_path, scene(), "bil")
    cube = read_cube(path, keep_on_disk=True)
    with path.open("r+b") as stream:
        stream.truncate(5000)
    np.testing.assert_array_equal(cube.spectra[0], scene()[0] / np.float32(200))
    with pytest.raises(UnmixError, match="became shorter while it was read"):
        cube.spectra[20]


def test_a_file_that_vanishes_is_read_on(tmp_path: Path) -> None:
    path = envi(tmp_path, scene())
    cube = read_cube(path, keep_on_disk=True)
    path.unlink()
    np.testing.assert_array_equal(cube.spectra[29], scene()[29] / np.float32(200))


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = envi(tmp_path, scene(), "bil")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 7])
    cube = read_cube(path, keep_on_disk=True)
    assert cube.shape == (15, 26, 12)
    assert any("ends early" in said for said in cube.repairs)


def test_several_threads_read_the_same(tmp_path: Path) -> None:
    cube = read_cube(envi(tmp_path, scene(), "bil"), keep_on_disk=True)
    wrong: list[int] = []

    def read(seed: int) -> None:
        for row in np.random.default_rng(seed).integers(0, 30, 100).tolist():
            if not np.array_equal(cube.spectra[row], scene()[row] / np.float32(200)):
                wrong.append(row)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_file_is_closed_with_its_cube(tmp_path: Path) -> None:
    cube = read_cube(envi(tmp_path, scene()), keep_on_disk=True)
    assert cube.lazy is not None
    stream = cube.lazy.source.stored.array._stream  # type: ignore[attr-defined]
    assert not stream.closed
    del cube
    assert stream.closed


# --- what stays, and how much is looked at


def test_the_memory_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cube is held where a run of it fits: the numbers beside the line on both sides."""
    path = envi(tmp_path, scene())
    needed = run_bytes(scene().size)
    for available, stays in ((needed - 1, True), (needed, False)):
        monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda available=available: available)
        assert (read_cube(path).lazy is not None) == stays


def test_a_format_that_cannot_stay_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "scene.npz", cube=scene())
    monkeypatch.setattr("napari_unmix.io.budget._available_memory", lambda: 2000)
    with pytest.raises(UnmixError, match="this machine can give 1 kB: crop it, bin it"):
        read_cube(tmp_path / "scene.npz")


class Sized:
    """An array of which only the size is asked."""

    def __init__(self, shape: tuple[int, int, int], cell: tuple[int, int]) -> None:
        self.shape, self.dtype, self.cell = shape, np.dtype("uint16"), cell

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("read")


@pytest.mark.parametrize(
    ("shape", "cell", "step"),
    [
        ((300, 300, 200), (1, 300), 1),  # as many numbers as are kept
        ((400, 400, 200), (1, 400), 2),
        ((5000, 4000, 200), (1, 4000), 13),  # 385 × 308 pixels
        ((40_000, 40_000, 200), (1, 40_000), 427),  # 1.5 GB of the file
        ((40_000, 40_000, 200), (64, 64), 833),  # chunks that are unpacked whole: 48 × 48 pixels at least
    ],
)
def test_how_much_is_looked_at(shape: tuple[int, int, int], cell: tuple[int, int], step: int) -> None:
    assert thinning(StoredSource(Stored(array=Sized(shape, cell), bands_axis=2), 2), 2) == step
