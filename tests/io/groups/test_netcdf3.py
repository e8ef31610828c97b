"""NetCDF classic, as SciPy writes it."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import tracemalloc
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file

from napari_unmix.io import can_read, read_cube
from napari_unmix.io.groups import netcdf3
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)


def write(path, spectra, version=1):
    with netcdf_file(path, "w", version=version) as file:
        for name, length in zip(("band", "y", "x"), (8, 6, 5), strict=True):
            file.createDimension(name, length)
        cube = file.createVariable("reflectance", "i2", ("band", "y", "x"))
        cube[:] = np.moveaxis(np.rint(spectra * 10000), 2, 0)
        cube.scale_factor, cube.missing_value = np.float32(0.0001), np.int16(-1)
        cube[:, 0, 0] = -1
        lists = file.createVariable("wavelength", "f4", ("band",))
        lists[:] = NM
        lists.units = "nm"


@pytest.mark.parametrize("version", [1, 2])
def test_a_cube(tmp_path, spectra, version):
    write(tmp_path / "a.nc", spectra, version)
    cube = read_cube(tmp_path / "a.nc")
    np.testing.assert_allclose(cube.spectra[1:], spectra[1:], atol=5.1e-5)
    np.testing.assert_allclose(cube.wavelengths, NM)
    assert np.argwhere(~cube.valid_pixels).tolist() == [[0, 0]]
    assert cube.scale == 10000
    assert can_read(tmp_path / "a.nc")


def test_damage(tmp_path, spectra):
    write(tmp_path / "a.nc", spectra)
    whole = (tmp_path / "a.nc").read_bytes()
    for length in (6, 60, len(whole) - 100):
        (tmp_path / "b.nc").write_bytes(whole[:length])
        with pytest.raises(UnmixError, match=r"b\.nc is damaged or no NetCDF file \(.*\): copy the whole file again"):
            read_cube(tmp_path / "b.nc")
    assert not can_read(tmp_path / "b.nc")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    kind=st.sampled_from(["i1", "i2", "i4", "f4", "f8"]),
    unlimited=st.booleans(),
    others=st.integers(0, 2),
    piece=st.sampled_from([4, 16, 64, 1 << 20]),
    data=st.data(),
)
def test_any_part_is_what_scipy_reads(tmp_path, shape, kind, unlimited, others, piece, data):
    values = np.random.default_rng(0).integers(-100, 100, shape).astype(kind)
    axes = [f"axis{place}" for place in range(len(shape))]
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        for place, length in enumerate(shape):
            file.createDimension(axes[place], None if unlimited and place == 0 else length)
        for name in ["x", *"yz"[:others]]:
            file.createVariable(name, kind, axes)[:] = values
    index = tuple(
        data.draw(
            st.integers(0, length - 1)
            | st.builds(slice, st.integers(0, length), st.none() | st.integers(0, length), st.sampled_from([1, 2, 3]))
            | st.just(slice(None, None, -1))
        )
        for length in shape
    )
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(netcdf3, "_PIECE", piece)
        array = netcdf3._open(tmp_path / "a.nc", stack).variables["x"].array
        np.testing.assert_array_equal(array[index], values[index])


def test_a_file_that_shrinks_meanwhile_is_a_sentence(tmp_path, spectra):
    write(tmp_path / "a.nc", spectra)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom napari_unmix.cube import Reading\n"
        "from napari_unmix.io.groups.netcdf3 import read_netcdf3\n"
        "path = Path(sys.argv[1])\nstored = read_netcdf3(path, Reading())\nos.truncate(path, 200)\n"
        "stored.array[:, :, :].sum()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.nc")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.returncode  # a map ends by a signal, or gives what is no longer there
    assert "a.nc became shorter while it was read" in done.stderr


def test_records_of_a_file_that_is_still_written(tmp_path):
    values = np.arange(60, dtype="i2").reshape(5, 12)
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 12)
        file.createVariable("v", "i2", ("time", "x"))[:] = values
    content = bytearray((tmp_path / "a.nc").read_bytes())
    content[4:8] = b"\xff" * 4
    (tmp_path / "a.nc").write_bytes(content)
    with ExitStack() as stack:
        np.testing.assert_array_equal(netcdf3._open(tmp_path / "a.nc", stack).variables["v"].array[...], values)


def test_claims_of_a_header_take_no_memory(tmp_path, spectra):
    write(tmp_path / "a.nc", spectra)
    whole = (tmp_path / "a.nc").read_bytes()
    tracemalloc.start()
    try:
        for place in range(4, 200, 4):
            (tmp_path / "b.nc").write_bytes(whole[:place] + struct.pack(">I", 0x7FFFFFF0) + whole[place + 4 :])
            with contextlib.suppress(UnmixError):
                read_cube(tmp_path / "b.nc")
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
