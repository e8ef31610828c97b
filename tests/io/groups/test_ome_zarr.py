"""OME-Zarr images, 0.4 and 0.5, to the published layout."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

NM = np.linspace(450.0, 800.0, 8)


def image(path, arrays, axes, channels=(), version=5, translation=None):
    """Arrays of falling resolution, with the metadata of an image."""
    steps = [{"type": "scale", "scale": [50.0 if axis["name"] == "lambda" else 1.0 for axis in axes]}]
    steps += [{"type": "translation", "translation": translation}] if translation else []
    levels = [{"path": str(level), "coordinateTransformations": steps} for level in range(len(arrays))]
    metadata = {"multiscales": [{"axes": axes, "datasets": levels, "name": "leaf"}]}
    if channels:
        metadata["omero"] = {"channels": [{"label": label} for label in channels]}
    group = zarr.create_group(
        path, zarr_format=3 if version == 5 else 2, attributes={"ome": metadata} if version == 5 else metadata
    )
    for level, array in enumerate(arrays):
        group.create_array(str(level), data=array)
    return group


def named(*names):
    kinds = {"c": "channel", "t": "time"}
    return [{"name": name, "type": kinds.get(name, "space")} for name in names]


@pytest.mark.parametrize("version", [4, 5])
def test_channels_that_are_called_by_wavelength(tmp_path, spectra, version):
    stack = np.moveaxis(spectra, 2, 0)[None, :, None]
    labels = [f"{place:g} nm" for place in NM]
    group = image(
        tmp_path / "a.ome.zarr", [stack, stack[..., ::2, ::2]], named("t", "c", "z", "y", "x"), labels, version
    )
    group.create_array("labels/cells/0", data=np.zeros((6, 5, 2), "u2"))
    cube = read_cube(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(cube.spectra, spectra)
    np.testing.assert_array_equal(cube.wavelengths, NM)
    assert can_read(tmp_path / "a.ome.zarr")


def test_an_axis_of_wavelengths(tmp_path, spectra):
    axes = [{"name": "lambda", "type": "lambda", "unit": "nanometer"}, *named("y", "x")]
    image(tmp_path / "a.zarr", [np.moveaxis(spectra, 2, 0)], axes, translation=[450.0, 0.0, 0.0])
    np.testing.assert_allclose(read_cube(tmp_path / "a.zarr").wavelengths, NM)


def test_channels_of_dyes_are_bands_without_places(tmp_path, spectra):
    image(tmp_path / "a.zarr", [np.moveaxis(spectra, 2, 0)], named("c", "y", "x"), [f"dye {at}" for at in range(8)])
    cube = read_cube(tmp_path / "a.zarr")
    np.testing.assert_array_equal(cube.spectra, spectra)
    assert cube.wavelengths is None


def test_a_series_of_times_is_refused_with_its_axes(tmp_path, spectra):
    stack = np.moveaxis(spectra, 2, 0)
    image(tmp_path / "a.zarr", [np.stack([stack, stack])], named("t", "c", "y", "x"))
    with pytest.raises(UnmixError, match=r"a\.zarr.* 4 axes \(2×8×6×5\), a cube has three"):
        read_cube(tmp_path / "a.zarr")
