"""A matrix of spectra as an image: which of its axes are pixels, and whether they run along the image's lines or down its columns."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.budget import readable_shape
from napari_unmix.sentences import UnmixError

_SMOOTHER = 0.8  # times the step between neighbours: the other order is taken where it is so much smoother
_FEWEST = 8  # rows and columns: a smaller image tells nothing
_BANDS = 40  # that are looked at


def as_image(
    array: NDArray[Any], size: tuple[int, int], usual: Literal["C", "F"], label: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(H, W, B) of a matrix of bands × pixels, or of pixels × bands, and what was found out.

    ``usual`` is the order of the format: F, pixels run down the image's columns (MATLAB), or C, along its lines. Pixels that are neighbours
    are alike, so a matrix that is in the other order shows it. Raises UnmixError unless one axis has rows · columns entries.
    """
    rows, columns = size
    pixels = math.prod(size)
    if pixels not in array.shape:
        raise UnmixError(
            f"{label} is {readable_shape(array.shape)}, an image of {rows}×{columns} has {pixels} pixels: give the rows and columns of "
            "this matrix with --size."
        )
    bands_first = array.shape[1] == pixels
    spectra = array.T if bands_first else array  # (N, B)
    order = _order(spectra, rows, columns, usual)
    said = [] if bands_first or usual == "C" else ["the matrix was read as pixels × bands"]
    if order != usual:
        way = "down the columns" if order == "F" else "along the lines"
        said.append(f"the pixels of the matrix run {way} of the image: neighbours are alike so")
    image = (
        spectra.reshape(rows, columns, -1) if order == "C" else spectra.reshape(columns, rows, -1).transpose(1, 0, 2)
    )
    return image, tuple(said)


def _order(spectra: NDArray[Any], rows: int, columns: int, usual: Literal["C", "F"]) -> Literal["C", "F"]:
    """By the steps between pixels that are neighbours across lines in either order."""
    if rows == columns or min(rows, columns) < _FEWEST:
        return usual
    some = spectra[:, :: max(1, spectra.shape[1] // _BANDS)].astype(np.float64)
    other: Literal["C", "F"] = "F" if usual == "C" else "C"
    steps = {"C": _step(some, columns), "F": _step(some, rows)}
    return other if steps[other] < _SMOOTHER * steps[usual] else usual


def _step(spectra: NDArray[np.float64], apart: int) -> float:
    return float(np.nanmean(np.abs(spectra[apart:] - spectra[:-apart])))
