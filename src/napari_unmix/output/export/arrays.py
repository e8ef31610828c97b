"""Files of named arrays: NumPy (.npz) and MATLAB 5 (.mat), one file for a cube or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.budget import readable_size
from napari_unmix.output.export.contents import CLASSES, CUBE, ERROR, ILLUMINATION, Contents
from napari_unmix.output.export.units import LISTS
from napari_unmix.sentences import UnmixError

_MOST = 2**31 - 1  # bytes of an array in a MATLAB 5 file


def write_npz(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """``cube`` or ``abundances`` (H, W, K) with the lists and masks that belong to it."""
    arrays: dict[str, Any] = arrays_of(contents)
    np.savez(folder / f"{stem}{suffix}", **arrays)


def write_mat(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """The same as variables of a MATLAB 5 file. Raises UnmixError where one of them is beyond its 2 GB."""
    from scipy.io import savemat

    variables: dict[str, Any] = {}
    for name, array in arrays_of(contents).items():
        if array.nbytes > _MOST:
            raise UnmixError(
                f"{name} needs {readable_size(array.nbytes)}, a MATLAB 5 file holds 2 GB an array: write .npz, .zarr or .hdr instead."
            )
        variables[name] = array.astype(object) if array.dtype.kind == "U" and array.ndim else _for_matlab(array)
    savemat(folder / f"{stem}{suffix}", variables, oned_as="column")


def _for_matlab(array: NDArray[Any]) -> NDArray[Any]:
    """Flags as numbers: MATLAB's logical arrays are passed over by many readers."""
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def arrays_of(contents: Contents) -> dict[str, NDArray[Any]]:
    """Name -> array. Pixels and bands that take no part keep their numbers, and are marked in ``mask`` and ``good_bands``."""
    main = contents.main
    found: dict[str, NDArray[Any]] = {image.role: image.values for image in contents.images if image.role != CLASSES}
    found |= {name: values[:, :, 0] for name, values in found.items() if name in (ERROR, ILLUMINATION)}
    found["mask"] = main.valid
    if contents.axis.unit:
        name, unit = LISTS[contents.axis.kind]
        found |= {name: np.asarray(contents.axis.values, np.float64), "wavelength_units": np.array(unit)}
    if main.role == CUBE:
        assert main.good_bands is not None
        found["good_bands"] = main.good_bands
        if main.fwhm is not None:
            found["fwhm"] = np.asarray(main.fwhm, np.float64)
    if contents.endmembers is not None:
        found |= {
            "endmembers": contents.endmembers,
            "names": np.array(main.names),
            "meaning": np.array(contents.meaning),
        }
        if main.words:
            found["grades"] = np.array(main.words)
    if contents.georeference is not None:
        found["transform"] = np.array(contents.georeference.transform, np.float64)
        if contents.georeference.crs:
            found["crs"] = np.array(contents.georeference.crs)
    return found
