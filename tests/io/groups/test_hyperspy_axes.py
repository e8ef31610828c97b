"""HyperSpy's files, old and new, as HDF5 and as Zarr: the axis of the signal is the spectral one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

IMAGE = [{"name": name, "units": "µm", "scale": 0.5, "offset": 0.0, "navigate": True} for name in "yx"]
SIGNAL = {"name": "Wavelength", "units": "nm", "scale": 2.5, "offset": 500.0, "navigate": False}


def hspy(file, array, axes):
    group = file.create_group("Experiments/map")
    group["data"] = array
    for number, axis in enumerate(axes):
        places = axis.pop("axis", None)
        beside = group.create_group(f"axis-{number}")
        beside.attrs.update(axis | {"size": array.shape[number]})
        if places is not None:
            beside["axis"] = places
    file.create_group("Experiments/map/metadata/Signal")


def copies(*changes):
    return [axis | change for axis, change in zip([*IMAGE, SIGNAL], changes, strict=True)]


def test_a_map_of_spectra(tmp_path, spectra):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        hspy(file, spectra, copies({}, {}, {}))
    cube = read_cube(tmp_path / "a.hspy")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_allclose(cube.wavelengths, 500 + 2.5 * np.arange(8))
    assert can_read(tmp_path / "a.hspy")


def test_a_stack_of_images_and_places_that_are_not_even(tmp_path, spectra):
    uneven = {"axis": 500 + np.arange(8.0) ** 2, "scale": 1.0, "offset": 0.0}
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        axes = copies({"navigate": False}, {"navigate": False}, uneven | {"navigate": True})
        hspy(file, np.moveaxis(spectra, 2, 0), [axes[2], *axes[:2]])
    cube = read_cube(tmp_path / "a.hspy")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_allclose(cube.wavelengths, 500 + np.arange(8.0) ** 2)


def test_the_only_axis_of_the_signal_needs_no_name(tmp_path, spectra):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        axes = copies({}, {}, {"name": "", "units": ""})
        hspy(file, np.moveaxis(spectra, 2, 0), [axes[2], *axes[:2]])
    np.testing.assert_array_equal(read_cube(tmp_path / "a.hspy").spectra, spectra)


def test_a_zspy(tmp_path, spectra):
    group = zarr.open_group(tmp_path / "a.zspy", mode="w", zarr_format=2)
    experiment = group.create_group("Experiments/map")
    experiment.create_array("data", data=spectra)
    for number, axis in enumerate(copies({}, {}, {})):
        experiment.create_group(f"axis-{number}").attrs.update(axis | {"size": spectra.shape[number]})
    cube = read_cube(tmp_path / "a.zspy")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_allclose(cube.wavelengths, 500 + 2.5 * np.arange(8))
    assert can_read(tmp_path / "a.zspy")


def test_a_single_spectrum_is_no_cube(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        hspy(file, np.arange(8.0), [dict(SIGNAL)])
    with pytest.raises(UnmixError, match=r"a\.hspy/Experiments/map/data has 1 axes \(8\), a cube has three"):
        read_cube(tmp_path / "a.hspy")
