"""Files of another program: what Spectral Python writes must read equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unmix.io import read_cube

envi = pytest.importorskip("spectral.io.envi")


@pytest.mark.parametrize("interleave", ["bil", "bip", "bsq"])
@pytest.mark.parametrize(
    ("kind", "order"), [(np.uint8, 0), (np.int16, 1), (np.uint16, 0), (np.float32, 1), (np.float64, 0)]
)
def test_a_file_written_by_spectral_python_reads_equal(tmp_path: Path, interleave: str, kind: type, order: int) -> None:
    values = np.random.default_rng(0).integers(1, 200, (5, 7, 9)).astype(kind)
    wavelengths = np.linspace(0.4, 2.4, 9).round(4)
    metadata = {"wavelength": wavelengths.tolist(), "wavelength units": "Micrometers", "description": "by SPy"}
    envi.save_image(
        str(tmp_path / "scene.hdr"),
        values,
        dtype=kind,
        interleave=interleave,
        byteorder=order,
        metadata=metadata,
        force=True,
        ext=".img",
    )
    cube = read_cube(tmp_path / "scene.hdr")
    np.testing.assert_array_equal(cube.spectra, values.astype(np.float32))
    np.testing.assert_allclose(cube.wavelengths, 1000 * wavelengths)
