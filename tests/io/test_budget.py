"""What a cube takes in memory while it is read: no more than was said before, and what is said of sizes that no machine has."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from scipy.io import netcdf_file

from napari_unmix.io import read_cube
from napari_unmix.io.budget import check_ratio, readable_shape, readable_size
from napari_unmix.sentences import UnmixError

WIDTH, BANDS = 150, 100
FEW, MANY = 60, 180  # lines of two cubes: what is taken for any cube falls out of the difference
LARGEST = 1.2  # times what is said


def numbers(kind: str, height: int) -> np.ndarray:
    """(H, W, B) mixtures with noise, so that the screening finds what it finds in a scene."""
    generator = np.random.default_rng(0)
    materials = generator.uniform(0.1, 0.9, (4, BANDS))
    found = generator.dirichlet(np.ones(4), (height, WIDTH)) @ materials + generator.normal(
        0, 0.01, (height, WIDTH, BANDS)
    )
    return (found * (8000 if np.dtype(kind).kind in "ui" else 1)).astype(kind)


def write_npy(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def write_npz(folder: Path, array: np.ndarray) -> Path:
    np.savez_compressed(folder / "a.npz", cube=array)
    return folder / "a.npz"


def write_mat(folder: Path, array: np.ndarray) -> Path:
    from scipy.io import savemat

    savemat(folder / "a.mat", {"Y": array}, do_compression=True)
    return folder / "a.mat"


def write_lan(folder: Path, array: np.ndarray) -> Path:
    head = struct.pack("<6shh6xii", b"HEAD74", 2, *array.shape[::-1]).ljust(128, b"\0")
    (folder / "a.lan").write_bytes(head + np.moveaxis(array, 2, 1).astype("<i2").tobytes())
    return folder / "a.lan"


def write_envi(folder: Path, array: np.ndarray) -> Path:
    (folder / "a.img").write_bytes(array.transpose(2, 0, 1).tobytes())
    lines = {
        "lines": len(array),
        "samples": WIDTH,
        "bands": BANDS,
        "data type": {"f4": 4, "u2": 12}[array.dtype.str[1:]],
    }
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    (folder / "a.hdr").write_text(
        f"ENVI\n{text}interleave = bsq\nbyte order = 0\ndata ignore value = -9999\n", encoding="utf-8"
    )
    return folder / "a.hdr"


def write_h5(folder: Path, array: np.ndarray) -> Path:
    """Chunks as h5py chooses them."""
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("cube", data=array, compression="gzip", compression_opts=1, shuffle=True)
        file["wavelength"] = np.linspace(400, 900, BANDS)
    return folder / "a.h5"


def write_mat73(folder: Path, array: np.ndarray) -> Path:
    """As MATLAB has it: axes reversed, and its class told."""
    with h5py.File(folder / "a.mat", "w", userblock_size=512) as file:
        options = {"chunks": (10, 50, 30), "compression": "gzip", "compression_opts": 1}
        file.create_dataset("Y", data=array.T, **options).attrs["MATLAB_class"] = np.bytes_(
            {"f": "double", "u": "uint16"}[array.dtype.kind]
        )
    with (folder / "a.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return folder / "a.mat"


def write_zarr(folder: Path, array: np.ndarray) -> Path:
    zarr.create_array(folder / "a.zarr", data=array, chunks=(20, 50, BANDS), overwrite=True)
    return folder / "a.zarr"


def write_tiff(folder: Path, array: np.ndarray) -> Path:
    tifffile.imwrite(
        folder / "a.tif", array, photometric="minisblack", planarconfig="contig", compression="zlib", rowsperstrip=10
    )
    return folder / "a.tif"


def write_tiff_pages(folder: Path, array: np.ndarray) -> Path:
    tifffile.imwrite(folder / "a.tif", np.moveaxis(array, 2, 0), photometric="minisblack", compression="zlib")
    return folder / "a.tif"


def write_fits(folder: Path, array: np.ndarray) -> Path:
    fits = pytest.importorskip("astropy.io.fits")
    unit = fits.PrimaryHDU(np.moveaxis(array, 2, 0))
    unit.header["CTYPE3"] = "WAVE"
    unit.writeto(folder / "a.fits", overwrite=True)
    return folder / "a.fits"


def write_netcdf(folder: Path, array: np.ndarray) -> Path:
    with netcdf_file(folder / "a.nc", "w") as file:
        for name, length in zip(("band", "y", "x"), np.moveaxis(array, 2, 0).shape, strict=True):
            file.createDimension(name, length)
        file.createVariable("cube", array.dtype, ("band", "y", "x"))[:] = np.moveaxis(array, 2, 0)
    return folder / "a.nc"


@pytest.mark.parametrize(
    ("write", "kind", "stored"),
    [
        (write_npy, "f4", 4), (write_npy, "u2", 2), (write_npz, "u2", 2), (write_mat, "f8", 8), (write_mat, "u2", 2), (write_lan, "i2", 4),
        (write_envi, "f4", 4), (write_h5, "u2", 2), (write_h5, "f4", 4), (write_mat73, "f8", 8), (write_mat73, "u2", 2), (write_zarr, "u2", 2),
        (write_zarr, "f4", 4), (write_tiff, "u2", 2), (write_tiff, "f4", 4), (write_tiff_pages, "u2", 2), (write_fits, "f4", 4),
        (write_fits, "i2", 2), (write_netcdf, "i2", 2), (write_netcdf, "f4", 4),
    ],
)  # fmt: skip
def test_reading_takes_what_the_budget_says(
    tmp_path: Path, write: Callable[[Path, np.ndarray], Path], kind: str, stored: int
) -> None:
    few, many = (peak(write(tmp_path, numbers(kind, height))) for height in (FEW, MANY))
    assert many - few <= LARGEST * (MANY - FEW) * WIDTH * BANDS * (stored + 4)


def peak(path: Path) -> int:
    """The most bytes that Python and NumPy hold while a cube is read."""
    tracemalloc.start()
    try:
        assert read_cube(path).shape[1:] == (WIDTH, BANDS)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_sizes_that_no_machine_has_are_said_in_short() -> None:
    assert readable_size(10**400) == "10^400 B"
    assert readable_shape((10**5000, 5, -(10**30))) == "10^5000×5×-10^30"
    assert readable_shape((2,) * 60) == "×".join("2" * 8) + "×…"


def test_what_unpacks_as_nothing_measured_does_is_refused() -> None:
    check_ratio(1_000_000, 100_000_000, "a")
    check_ratio(10, 10_000_000, "small")
    with pytest.raises(UnmixError, match=r"^Y unpacks 1 MB to 300 MB, which no measured cube does: save it again"):
        check_ratio(1_000_000, 300_000_000, "Y")


def test_the_limit_of_the_process_counts() -> None:
    code = (
        "import resource, numpy, napari_unmix.io.budget as budget, psutil\n"
        "limit = psutil.Process().memory_info().vms + 400_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "print(budget.byte_budget())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 100_000_000 < int(done.stdout) <= 200_000_000
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
