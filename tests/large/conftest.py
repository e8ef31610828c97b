"""A scene in a file that is read as needed, whatever memory there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_unmix.cube import Cube
from napari_unmix.io import read_cube

BANDS = 30
Spectra = NDArray[np.float32]


def materials() -> Spectra:
    """(4, B): three common ones, and a target."""
    centres = ((600, 300), (1200, 400), (2000, 500), (1600, 90))
    bands = np.linspace(400, 2400, BANDS)
    return np.array([0.2 + 0.5 * np.exp(-(((bands - at) / wide) ** 2)) for at, wide in centres], np.float32)


def mixtures(side: int, noise: float = 0.003, seed: int = 0) -> Spectra:
    """(side, side, B) of the three common materials."""
    generator = np.random.default_rng(seed)
    abundances = generator.dirichlet(np.ones(3), (side, side))
    return (abundances @ materials()[:3] + generator.normal(0, noise, (side, side, BANDS))).astype(np.float32)


@pytest.fixture
def in_its_file(tmp_path: Path) -> Callable[[Spectra], Cube]:
    """Write spectra and read them as a cube that stays in its file."""

    def make(spectra: Spectra) -> Cube:
        np.save(tmp_path / "scene.npy", spectra)
        cube = read_cube(tmp_path / "scene.npy", keep_on_disk=True, bands_axis="last", repair="none")
        assert cube.lazy is not None
        return cube

    return make
