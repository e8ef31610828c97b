"""Cubes of every kind to write, and a run."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, Georeference, SpectralAxis
from napari_unmix.methods.registry import spec_class

UTM = Georeference((20.0, 0.0, 500_000.0, 0.0, -20.0, 5_400_000.0), "EPSG:32633")
KINDS = {
    "wavelength": (400.123456789, 2500.0),
    "wavenumber": (3950.5, 900.25),
    "Raman shift": (200.0, 3200.5),
    "energy": (1.25, 3.5),
    "frequency": (200.0, 749.9),
}
GEO, NETCDF = (
    all(importlib.util.find_spec(name) for name in names) for names in (["rasterio"], ["xarray", "h5netcdf"])
)
needs_geo = pytest.mark.skipif(not GEO, reason="the extra geo is not installed")
needs_netcdf = pytest.mark.skipif(not NETCDF, reason="the extra netcdf is not installed")


def make_cube(
    shape: tuple[int, int, int] = (6, 5, 7),
    kind: str = "wavelength",
    *,
    bad_bands: tuple[int, ...] = (),
    invalid: tuple[tuple[int, int], ...] = (),
    fwhm: bool = False,
    place: Georeference | None = None,
    seed: int = 0,
) -> Cube:
    """A cube of random spectra; no two pixels are alike."""
    generator = np.random.default_rng(seed)
    spectra = generator.uniform(0.01, 1, shape).astype(np.float32)
    values = None if kind == "index" else np.linspace(*KINDS[kind], shape[2])
    axis = None if values is None or kind == "wavelength" else SpectralAxis(kind, values)  # type: ignore[arg-type]
    good, valid = np.ones(shape[2], bool), np.ones(shape[:2], bool)
    good[list(bad_bands)] = False
    for row, column in invalid:
        valid[row, column] = False
    return Cube(
        spectra,
        values if axis is None else axis.nanometres,
        good_bands=good,
        valid_pixels=valid,
        measured_axis=axis,
        fwhm=np.full(shape[2], 10.25) if fwhm and kind not in ("index", "Raman shift") else None,
        georeference=place,
        name="scene",
    )


@st.composite
def cubes(draw: st.DrawFn, kinds: tuple[str, ...] = (*KINDS, "index"), places: tuple[object, ...] = (None,)) -> Cube:
    """Cubes of every shape, axis, mask, list of bad bands, and place."""
    shape = draw(st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(4, 9)))
    bad = draw(st.sets(st.integers(0, shape[2] - 1), max_size=shape[2] - 2))
    holes = draw(st.sets(st.tuples(st.integers(0, shape[0] - 1), st.integers(0, shape[1] - 1)), max_size=3))
    return make_cube(
        shape,
        draw(st.sampled_from(kinds)),
        bad_bands=tuple(bad),
        invalid=tuple(holes),
        fwhm=draw(st.booleans()),
        place=draw(st.sampled_from(places)),  # type: ignore[arg-type]
        seed=draw(st.integers(0, 5)),
    )


@pytest.fixture
def cube() -> Cube:
    """With everything that a cube can have."""
    return make_cube(bad_bands=(1, 4), invalid=((0, 0), (3, 2)), fwhm=True, place=UTM)


@pytest.fixture
def result(cube: Cube) -> Unmixing:
    """Two endmembers, with spread and illumination."""
    generator = np.random.default_rng(1)
    abundances = generator.dirichlet(np.ones(2), size=cube.shape[:2]).astype(np.float32)
    abundances[~cube.valid_pixels] = np.nan
    endmembers = generator.random((2, cube.shape[2]))
    endmembers[:, ~cube.good_bands] = np.nan
    return Unmixing(
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=0.1 * abundances,
        illumination=np.where(cube.valid_pixels, 1.5, np.nan).astype(np.float32),
        reconstruction_error=np.where(cube.valid_pixels, 0.02, np.nan).astype(np.float32),
        names=("rock", "wet, tall {soil}"),
        spec=spec_class("ivae")(endmembers=2),
        notes=(),
        history=(),
        model={},
        seconds=1.0,
    )


def unplaced(cube: Cube) -> Cube:
    """The same without a place on the map."""
    return replace(cube, georeference=None)
