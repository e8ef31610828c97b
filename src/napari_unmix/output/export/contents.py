"""What is written to files: the images and the spectra of a cube or a run, in one form for all formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Cube, FloatArray, Georeference, SpectralAxis
from napari_unmix.identifiability.report import Grade, Report
from napari_unmix.output.grades import grades_of, renamed, word_of
from napari_unmix.rows.inversion import Inversion, inversion
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from napari_unmix.answer import Unmixing
    from napari_unmix.output.run import Run

_AT_ONCE = 8_000_000  # numbers of some lines
_MOST_CLASSES = 254

# What an image is, and what follows OUT's name in the name of its file.
CUBE, ABUNDANCES, SPREAD, ILLUMINATION, CLASSES = "cube", "abundances", "abundance_std", "illumination", "classes"
ERROR = "error"  # of a scene that a run was applied to
SUFFIXES = {
    CUBE: "",
    ABUNDANCES: "",
    SPREAD: "_std",
    ILLUMINATION: "_illumination",
    CLASSES: "_classes",
    ERROR: "_error",
}
ENDMEMBERS, GRADES = "_endmembers", "_grades"


@dataclass(frozen=True, eq=False, kw_only=True)
class Image:
    """An image of some bands.

    Attributes
    ----------
    role : ``CUBE``, ``ABUNDANCES``, ``SPREAD``, ``ILLUMINATION``, ``ERROR`` or ``CLASSES``
    values : (H, W, K) float32; of classes uint8: the number of the endmember that has most of a pixel, 0 where there is no answer
    names : (K,) names of the bands: places on the spectral axis, or endmembers
    valid : (H, W) pixels with data
    axis : where the bands lie on the spectral axis, None for maps
    fwhm : (K,) full widths in the unit of the axis, or None
    good_bands : (K,)
    classes : names of the classes from 0, of an image of classes
    grades : of abundances, how far each endmember can be believed; () where nobody knows
    holds_data : of a cube that stays in its file, which of some spectra (h, W, K) are data; None where ``valid`` tells
    """

    role: str
    values: NDArray[Any]
    names: tuple[str, ...]
    valid: BoolArray
    axis: SpectralAxis | None = None
    fwhm: FloatArray | None = None
    good_bands: BoolArray | None = None
    classes: tuple[str, ...] = ()
    grades: tuple[Grade | None, ...] = ()
    holds_data: Callable[[NDArray[Any]], BoolArray] | None = None

    @property
    def words(self) -> list[str]:
        """The grade of each band in a word, "" for none; nothing where no band has one."""
        return [word_of(grade) for grade in self.grades]

    @property
    def suffix(self) -> str:
        """What follows OUT's name in the name of its file."""
        return SUFFIXES[self.role]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, K)."""
        height, width, bands = self.values.shape
        return height, width, bands

    def blocks(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Some lines at a time as (lines, (h, W, K)), NaN (of classes 0) in the pixels without data: what a format without a mask stores."""
        height, width, bands = self.shape
        step = max(1, _AT_ONCE // (width * bands))
        for first in range(0, height, step):
            lines = slice(first, min(first + step, height))
            block = np.array(self.values[lines])
            valid = self.valid[lines] if self.holds_data is None else self.valid[lines] & self.holds_data(block)
            block[~valid] = 0 if block.dtype.kind == "u" else np.nan
            yield lines, block


@dataclass(frozen=True, eq=False, kw_only=True)
class Contents:
    """The images of a cube or a run and, of a run, its endmembers.

    Attributes
    ----------
    name : of the cube
    images : the first is the main one: the cube, or the abundances
    endmembers : (P, B) with NaN in excluded bands, or None
    axis : the spectral axis of cube and endmembers
    georeference : where the images lie, or None
    description : a sentence for formats that have a place for it
    inversion : how abundances follow from spectra, which says what they mean; None of a cube
    """

    name: str
    images: tuple[Image, ...]
    axis: SpectralAxis
    endmembers: FloatArray | None = None
    georeference: Georeference | None = None
    description: str = ""
    inversion: Inversion | None = None

    @property
    def meaning(self) -> str:
        """What the abundances are, "" of a cube."""
        return "" if self.inversion is None else self.inversion.meaning

    @property
    def is_run(self) -> bool:
        """Whether it is a run's."""
        return self.endmembers is not None

    @property
    def main(self) -> Image:
        """The cube, or the abundances."""
        return self.images[0]

    def image(self, role: str) -> Image | None:
        """The image of a role, or None."""
        return next((image for image in self.images if image.role == role), None)


def of_cube(cube: Cube) -> Contents:
    """A cube as it was read: what was repaired is repaired, what was left out is marked."""
    axis, lazy = cube.spectral_axis, cube.lazy
    image = Image(
        role=CUBE,
        values=cube.spectra,
        names=tuple(f"{value:g} {axis.unit}" if axis.unit else f"band {value:g}" for value in axis.values),
        valid=cube.valid_pixels,
        axis=axis,
        fwhm=_widths(cube.fwhm, axis),
        good_bands=cube.good_bands,
        holds_data=None if lazy is None else partial(lazy.holds_data, good_bands=cube.good_bands),
    )
    return Contents(
        name=cube.name,
        images=(image,),
        axis=axis,
        georeference=cube.georeference,
        description=f"{cube.name}, written by napari-unmix",
    )


def _widths(fwhm: FloatArray | None, axis: SpectralAxis) -> FloatArray | None:
    """Full widths of nm in the unit of the axis: |dν| = ν/λ · |dλ|, of energies and frequencies alike."""
    nanometres = axis.nanometres
    if fwhm is None or nanometres is None:
        return None
    return np.asarray(fwhm) if axis.kind == "wavelength" else np.asarray(fwhm * axis.values / nanometres)


def of_result(cube: Cube, result: Unmixing, report: Report | None = None) -> Contents:
    """What ``unmix`` returned for a cube, with the grades of its report where there is one."""
    return _of_answer(
        cube.name,
        result.names,
        result.abundances,
        result.abundance_std,
        result.illumination,
        result.endmembers,
        cube.spectral_axis,
        cube.georeference,
        result.spec,
        report,
    )


def of_run(run: Run) -> Contents:
    """What a run's folder holds."""
    return _of_answer(
        str(run.meta["cube"]["name"]),
        run.names,
        run.abundances,
        run.abundance_std,
        run.illumination,
        run.endmembers,
        run.axis,
        run.georeference,
        run.spec,
        run.report,
    )


def _of_answer(
    name: str,
    names: tuple[str, ...],
    abundances: FloatArray,
    spread: FloatArray | None,
    illumination: FloatArray | None,
    endmembers: FloatArray,
    axis: SpectralAxis,
    georeference: Georeference | None,
    spec: MethodSpec,
    report: Report | None,
) -> Contents:
    way = inversion(free_light=illumination is not None, own_brightness=spec.own_brightness, maps=spec.maps)
    valid: BoolArray = np.asarray(np.isfinite(abundances).all(axis=2))
    told = None if report is None else renamed(report, names)
    grades = grades_of(told, len(names))
    shares = abundances.astype(np.float32, copy=False)
    known = grades if any(grades) else ()
    images = [Image(role=ABUNDANCES, values=shares, names=names, valid=valid, grades=known)]
    if spread is not None:
        spreads = tuple(f"{one} (standard deviation)" for one in names)
        images.append(Image(role=SPREAD, values=spread.astype(np.float32, copy=False), names=spreads, valid=valid))
    if illumination is not None:
        light = illumination[:, :, None].astype(np.float32, copy=False)
        images.append(Image(role=ILLUMINATION, values=light, names=("illumination",), valid=valid))
    if len(names) <= _MOST_CLASSES:
        images.append(_classes(abundances, names, valid))
    return Contents(
        name=name,
        images=tuple(images),
        axis=axis,
        endmembers=endmembers,
        georeference=georeference,
        description=f"abundances of {name} by {spec.method}: {way.meaning}; written by napari-unmix",
        inversion=way,
    )


def _classes(abundances: FloatArray, names: tuple[str, ...], valid: BoolArray) -> Image:
    """Which endmember has most of each pixel, numbered from 1."""
    largest = np.zeros(valid.shape, np.uint8)
    largest[valid] = abundances[valid].argmax(axis=1) + 1
    return Image(
        role=CLASSES,
        values=largest[:, :, None],
        names=("largest abundance",),
        valid=valid,
        classes=("Unclassified", *names),
    )
