"""The real scenes open correctly from the file alone (folder: environment variable NAPARI_UNMIX_DATA)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from napari_unmix.io import can_read, read_cube

pytestmark = pytest.mark.real_data


def scaled_abundances(cube, endmembers):
    """(N, P) fractions of non-negative least squares, for every seventh pixel, and the pixels' numbers."""
    spectra = cube.spectra.reshape(-1, cube.shape[2]).astype(float)
    picked = np.arange(0, spectra.shape[0], 7)
    weights = np.array([nnls(endmembers.T.astype(float), spectra[pixel])[0] for pixel in picked])
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12), picked


def correlations(found, reference):
    return [np.corrcoef(found[:, index], reference[:, index])[0, 1] for index in range(found.shape[1])]


@pytest.mark.parametrize("name", ["samson.hdr", "samson.img"])
def test_samson(scenes, name):
    path = scenes / "samson" / name
    stored = np.fromfile(path.with_suffix(".img"), "<u2").reshape(95, 156, 95).transpose(0, 2, 1)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.spectra, (stored / 10000).astype(np.float32))
    assert (cube.shape, cube.scale, cube.repairs) == ((95, 95, 156), 10000, ())
    np.testing.assert_allclose(cube.wavelengths[[0, -1]], [401, 899], atol=0.5)
    assert can_read(path)


def test_samson_lies_as_its_reference(scenes):
    reference = np.load(scenes / "samson" / "reference.npz")
    found, picked = scaled_abundances(read_cube(scenes / "samson" / "samson.hdr"), reference["E"])
    assert min(correlations(found, reference["A"].reshape(-1, 3)[picked])) > 0.99


def test_jasper_ridge_lies_as_its_reference_and_not_transposed(scenes):
    path = scenes / "jasper_ridge" / "jasperRidge2_R198.mat"
    reference = np.load(scenes / "jasper_ridge" / "reference.npz")
    cube = read_cube(path)
    assert (cube.shape, cube.scale, cube.wavelengths) == ((100, 100, 198), 5437, None)
    assert cube.spectra.max() == 1
    assert cube.repairs == ("whole numbers without a scale: divided by their maximum 5437 (--scale 1 keeps them)",)
    found, picked = scaled_abundances(cube, reference["E"])
    upright, turned = (maps.reshape(-1, 4)[picked] for maps in (reference["A"], reference["A"].transpose(1, 0, 2)))
    assert min(correlations(found, upright)) > 0.9
    assert max(correlations(found, turned)) < 0.6
    assert can_read(path)


def test_hysu(scenes):
    path = scenes / "hysu" / "hysu.hdr"
    cube = read_cube(path)
    stored = np.fromfile(path.with_suffix(".img"), "<u2").reshape(135, 86, 123).transpose(1, 2, 0)
    np.testing.assert_array_equal(cube.spectra, (stored / 10000).astype(np.float32))
    np.testing.assert_allclose(cube.wavelengths[[0, -1]], [417.4, 902.79])


def test_dc1(scenes):
    path = scenes / "dc1" / "dc1_snr30.npz"
    np.testing.assert_array_equal(read_cube(path).spectra, np.load(path)["cube"])
    assert read_cube(path).shape == (75, 75, 224)
    assert can_read(path)


@pytest.mark.parametrize("suffix", [".hdr", ".raw"])
def test_corn_kernel(scenes, suffix):
    path = scenes / "corn_kernel" / f"corn-kernel-hyperspectral{suffix}"
    cube = read_cube(path)
    stored = np.fromfile(path.with_suffix(".raw"), "<u2").reshape(31, 580, 43).transpose(0, 2, 1)
    np.testing.assert_array_equal(cube.spectra, stored)
    np.testing.assert_allclose(cube.wavelengths[[0, -1]], [366, 1048], atol=1)
    assert (cube.shape, cube.scale, cube.repairs) == ((31, 43, 580), 1, ())
    assert can_read(path)
