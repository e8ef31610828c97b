"""PRISMA's products (.he5): two detectors as (lines, bands, samples), wavelengths descending, as one cube with wavelengths ascending.

Layout: PRISMA Products Specification (ASI), §§ L1 and L2. L2 numbers span L2ScaleMin … L2ScaleMax over 0 … 65535; L1 radiance is
number / ScaleFactor − Offset. Bands that the product flags out have the wavelength 0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Georeference
from napari_unmix.io.groups.conventions import number, numbers_of
from napari_unmix.io.groups.tree import Attributes, Guarded, Joined, Tree, Variable
from napari_unmix.io.groups.tree_cube import check_cube
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_DETECTORS = ("Vnir", "Swir")
_FULL = 65535.0  # the stored number of the highest reflectance


class Detector(NamedTuple):
    """One detector's cube, the places of its good bands by ascending wavelength, and their lists."""

    array: Guarded
    places: NDArray[np.intp]
    wavelengths: NDArray[Any]
    widths: NDArray[Any]
    gain: float
    offset: float


def is_prisma(tree: Tree) -> bool:
    """Whether the file has one of PRISMA's detectors with its list of wavelengths."""
    return any(_cube(tree, detector) is not None for detector in _DETECTORS)


def read_prisma(tree: Tree, path: Path, failed: Callable[[Exception], UnmixError]) -> Stored:
    """Both detectors as one cube (lines, bands, samples). Raises UnmixError."""
    root = tree.groups[""]
    found = [
        _detector(name, variable, root, path, failed)
        for name in _DETECTORS
        if (variable := _cube(tree, name)) is not None
    ]
    lines = {(part.array.shape[0], part.array.shape[2]) for part in found}
    if len(lines) > 1:
        raise UnmixError(
            f"{path.name} has detectors of different sizes ({' and '.join(map(str, sorted(lines)))}): take one by --key."
        )
    joined = Joined([(part.array, part.places) for part in found], axis=1)
    check_cube(joined, path.name)
    gains, offsets = (
        np.concatenate([np.full(len(part.places), getattr(part, name)) for part in found])
        for name in ("gain", "offset")
    )
    scaled = bool((gains != 1).any() or (offsets != 0).any())
    return Stored(
        array=joined,
        bands_axis=1,
        wavelengths=np.concatenate([part.wavelengths for part in found]).tolist(),
        unit="nm",
        fwhm=np.concatenate([part.widths for part in found]).tolist()
        if all(part.widths.size for part in found)
        else None,
        gains=gains.tolist() if scaled else None,
        offsets=offsets.tolist() if scaled else None,
        no_data=(0.0,),
        georeference=_position(root, joined.shape),
        repairs=_said(found, scaled),
    )


def _cube(tree: Tree, detector: str) -> Variable | None:
    wanted = f"{detector.upper()}_Cube"
    if f"List_Cw_{detector}" not in tree.groups.get("", {}):
        return None
    cubes = [v for name, v in tree.variables.items() if name.endswith(f"/{wanted}") and len(v.shape) == 3]
    return cubes[0] if cubes else None


def _detector(
    name: str, cube: Variable, root: Attributes, path: Path, failed: Callable[[Exception], UnmixError]
) -> Detector:
    bands = cube.shape[1]
    wavelengths, widths, flags = (
        np.array(numbers_of(root.get(f"List_{what}_{name}{end}")))
        for what, end in (("Cw", ""), ("Fwhm", ""), ("Cw", "_Flags"))
    )
    if wavelengths.size != bands:
        raise UnmixError(
            f"{path.name} lists {wavelengths.size} wavelengths for the {bands} bands of {cube.name}: copy the whole file again."
        )
    good = wavelengths > 0
    if flags.size == bands and (good & (flags != 0)).any():
        good &= flags != 0
    order = np.argsort(wavelengths, kind="stable")
    places = order[good[order]]
    gain, offset = _scaling(name, root)
    kept = widths[places] if widths.size == bands else np.zeros(0)
    return Detector(Guarded(cube.array, failed), places, wavelengths[places], kept, gain, offset)


def _scaling(name: str, root: Attributes) -> tuple[float, float]:
    """Gain and offset of stored numbers: reflectance at L2, radiance at L1, (1, 0) where the file has neither."""
    low, high = (number(root.get(f"L2Scale{name}{end}")) for end in ("Min", "Max"))
    if low is not None and high is not None and high > low:
        return (high - low) / _FULL, low
    factor, offset = number(root.get(f"ScaleFactor_{name}")), number(root.get(f"Offset_{name}"))
    return (1 / factor, -(offset or 0.0)) if factor else (1.0, 0.0)


def _position(root: Attributes, shape: tuple[int, ...]) -> Georeference | None:
    """L2D is on a map: the corners are those of the image."""
    corners = [
        number(root.get(f"Product_{corner}corner_{way}")) for corner in ("UL", "LR") for way in ("easting", "northing")
    ]
    code = number(root.get("Epsg_Code"))
    if None in corners or not code:
        return None
    left, top, right, bottom = (float(corner or 0.0) for corner in corners)
    return Georeference(
        ((right - left) / shape[2], 0.0, left, 0.0, (bottom - top) / shape[0], top), f"EPSG:{int(code)}"
    )


def _said(found: list[Detector], scaled: bool) -> tuple[str, ...]:
    dropped = sum(part.array.shape[1] - len(part.places) for part in found)
    said = [
        f"{len(found)} detectors were joined by ascending wavelength"
        if len(found) > 1
        else "bands were put in order of wavelength"
    ]
    if dropped:
        said.append(f"{dropped} bands that the product flags out (wavelength 0) were left out")
    if scaled:
        said.append("the product's scale of each detector was applied (--scale 1 leaves the stored numbers)")
    return (*said, "error matrices and the panchromatic image were not used")
