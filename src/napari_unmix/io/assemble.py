"""The last step of every reader: numbers of a file to a checked ``Cube``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Cube, UnmixError
from napari_unmix.io.formats import SUFFIXES
from napari_unmix.io.wavelengths import read_wavelengths

WAVELENGTH_NAMES = ("wavelength", "wavelengths", "wavelength_nm", "wavelengths_nm", "lambda", "wvl", "wl")


def as_float32(array: NDArray[Any], scale: float = 1.0) -> NDArray[np.float32]:
    """The numbers divided by ``scale`` in double precision, as float32; what float32 cannot hold becomes infinite."""
    out = np.empty(array.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(array, scale, out=out, casting="unsafe", dtype=np.float64)
    return out


def bands_last(array: NDArray[Any], wavelengths: object) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(H, W, B) of an array whose first axis alone is as long as the list of wavelengths, and a sentence on it."""
    count = len(wavelengths) if isinstance(wavelengths, list) else int(getattr(wavelengths, "size", 0))
    if array.shape[0] == count and array.shape[2] != count:
        return np.moveaxis(array, 0, 2), ("the first axis has as many entries as there are wavelengths: read as bands",)
    return array, ()


def build_cube(
    spectra: NDArray[np.float32],
    path: Path,
    *,
    wavelengths: object = None,
    unit: str = "nm",
    scale: float = 1.0,
    good_bands: BoolArray | None = None,
    valid_pixels: BoolArray | None = None,
    repairs: tuple[str, ...] = (),
) -> Cube:
    """A cube of ``spectra`` (H, W, B), which were divided by ``scale`` before.

    ``wavelengths`` (B,) come in ``unit``. Bands without one finite number become bad bands.
    Raises UnmixError where nothing usable remains.
    """
    nanometres, guessed = read_wavelengths(wavelengths, spectra.shape[2], unit)
    good = np.ones(spectra.shape[2], bool) if good_bands is None else good_bands
    good, dropped = _drop_empty_bands(spectra, good, path)
    cube = Cube(
        spectra=spectra,
        wavelengths=nanometres,
        good_bands=good,
        valid_pixels=np.zeros((0, 0), bool) if valid_pixels is None else valid_pixels,
        scale=float(scale),
        name=short_name(path),
        source=path,
        repairs=(*repairs, *guessed, *dropped),
    )
    if not cube.valid_pixels.any():
        raise UnmixError(f"{path.name} has no pixel with data in all of its good bands: check its no-data value.")
    return cube


def short_name(path: Path) -> str:
    """A file's name without the suffixes of cube files: scene.img.hdr is scene."""
    name = path.name
    while Path(name).suffix.lower() in SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name or "cube"


def _drop_empty_bands(spectra: NDArray[np.float32], good: BoolArray, path: Path) -> tuple[BoolArray, tuple[str, ...]]:
    empty = ~np.isfinite(spectra).any(axis=(0, 1))
    if not (good & ~empty).any():
        raise UnmixError(f"{path.name} has no finite number in its {good.sum()} good bands: check how it was written.")
    newly = int(np.count_nonzero(empty & good))
    note = (f"{newly} bands hold no finite number: left out as bad bands",) if newly else ()
    return good & ~empty, note
