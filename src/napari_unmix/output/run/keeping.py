"""The cube of a run that no file holds, a sample of several: its spectra are kept in the run's folder, so that the run can be repeated from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray, Cube, IntArray, Part, SpectralAxis
from napari_unmix.output.run.arrays import read_array, write_array
from napari_unmix.output.run.schema import KeptAxis

_SPECTRA, _ACQUISITIONS = "sample.npy", "acquisitions.npy"


def write_kept(folder: Path, cube: Cube) -> None:
    """Write spectra (H, W, B) float32 and acquisitions (H, W) int32 of a cube into a run's folder. Raises OSError."""
    write_array(folder / _SPECTRA, cube.spectra)
    if cube.acquisitions is not None:
        write_array(folder / _ACQUISITIONS, cube.acquisitions.astype(np.int32, copy=False))


def kept_axis(cube: Cube) -> KeptAxis:
    """Where the bands of a cube lie, for run.json."""
    axis = cube.spectral_axis
    return KeptAxis(
        kind=axis.kind, values=axis.values.tolist(), fwhm=None if cube.fwhm is None else np.asarray(cube.fwhm).tolist()
    )


def read_kept(
    folder: Path,
    name: str,
    shape: tuple[int, int, int],
    axis: KeptAxis,
    parts: tuple[Part, ...],
    valid: BoolArray | None,
) -> Cube:
    """The cube that a run's folder keeps. Raises ValueError where it is not what run.json tells of, UnmixError, OSError."""
    spectra = read_array(folder / _SPECTRA, shape, np.float32)
    acquisitions: IntArray = read_array(folder / _ACQUISITIONS, shape[:2], np.int32)
    values = np.array(axis.values)
    if values.shape != shape[2:]:
        raise ValueError(f"run.json has {values.size} places of {shape[2]} bands")
    measured = SpectralAxis(axis.kind, values)
    return Cube(
        spectra,
        measured.nanometres,
        valid_pixels=np.zeros((0, 0), bool) if valid is None else valid,
        name=name,
        acquisitions=acquisitions,
        measured_axis=measured if measured.unit and axis.kind != "wavelength" else None,
        fwhm=None if axis.fwhm is None else np.array(axis.fwhm),
        parts=parts,
        thinned=True,
    )
