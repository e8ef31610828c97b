"""Numbers that are too small or too large: scaled by a power of ten, and said."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.io import read_cube


@pytest.mark.parametrize(("unit", "power"), [(1e-12, 12), (1e-30, 30), (1e-7, 7), (1e20, -20), (1e16, -16)])
def test_a_power_of_ten_and_the_sentence(tmp_path, unit, power):
    cube = np.linspace(0.011, 0.99, 60).reshape(4, 3, 5)
    np.save(tmp_path / "a.npy", cube * unit)
    found = read_cube(tmp_path / "a.npy", repair="none")
    np.testing.assert_allclose(found.spectra, cube, rtol=1e-6)
    np.testing.assert_allclose(found.scale, unit)
    assert f"multiplied by 1e{power}," in found.repairs[-1]
    assert "--scale 1 keeps them" in found.repairs[-1]
    kept = read_cube(tmp_path / "a.npy", scale=1, repair="none")
    np.testing.assert_allclose(kept.spectra, cube * unit, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-5, 1, 1e14])
def test_others_are_as_they_were(tmp_path, unit):
    cube = np.linspace(0.11, 0.99, 60).reshape(4, 3, 5) * unit
    np.save(tmp_path / "a.npy", cube)
    found = read_cube(tmp_path / "a.npy", repair="none")
    np.testing.assert_array_equal(found.spectra, cube.astype(np.float32))
    assert found.repairs == ()


def test_pixels_without_data_do_not_count(tmp_path):
    cube = np.linspace(0.11, 0.99, 60).reshape(4, 3, 5).astype("f4") * np.float32(1e-12)
    cube[0, 0] = 9.96921e36
    np.save(tmp_path / "a.npy", cube)
    found = read_cube(tmp_path / "a.npy", no_data=9.96921e36)
    assert found.spectra[1].max() > 0.1
