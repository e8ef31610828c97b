"""A sample of a cube as an image of its own: one pixel of each square of the whole, in their order, and all that is painted below it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Annotation, BoolArray, Cube, FloatArray, IntArray
from napari_unmix.geometry.search import MOST_PIXELS

# Painted pixels take up to half of what the search reads; what the second look adds has room beside them.
MOST_PAINTED, MOST_ADDED = MOST_PIXELS // 2, 300
NOWHERE = -1
# Where a part of the image holds no data more places are looked at, with so much room for that part being larger than it seems.
_SPARE, _MOST_LOOKED_AT = 0.9, 4.0
_SAVED_AS = "sample.places"

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Sample:
    """What is fitted in place of the whole.

    Attributes
    ----------
    cube : in memory, (h, w, B)
    places : (h, w) where in the whole its pixels are, row by row from 0; −1 where there is none
    annotation : what is painted there, or None
    step : one pixel of each square of so many rows and columns; 1: all pixels
    """

    cube: Cube
    places: IntArray
    annotation: Annotation | None
    step: int

    @property
    def saved(self) -> dict[str, FloatArray]:
        """The places as a run saves them."""
        return {_SAVED_AS: self.places.astype(np.int64)}

    def of(self, image: NDArray[Number], fill: float = np.nan) -> NDArray[Number]:
        """(h, w, …) of an image (H, W, …) of the whole; ``fill`` where there is no pixel."""
        found = np.array(image[np.unravel_index(np.maximum(self.places, 0), image.shape[:2])])
        found[self.places < 0] = fill
        return found


def drawn(
    cube: Cube,
    annotation: Annotation | None,
    seed: int | tuple[int, ...],
    added: IntArray,
    most: int = MOST_PIXELS,
    kept_free: int = MOST_ADDED,
) -> Sample:
    """A sample of at most ``most`` pixels: ``added`` (n,) places and the painted pixels are in it, and the rest lies all over the image.

    Painted ones take up to half of it, and ``kept_free`` is room for what may be added later.
    """
    below = np.union1d(_painted(annotation, most * MOST_PAINTED // MOST_PIXELS), added)
    room = most - len(below) - (kept_free - len(added))
    step = _step(cube.shape[:2], int(room * _more(cube)))
    grid = _grid(cube.shape[:2], step, np.random.default_rng(seed))
    return _read(cube, annotation, _with_rows(grid, np.setdiff1d(below, grid)), step)


def saved_sample(cube: Cube, annotation: Annotation | None, model: dict[str, FloatArray]) -> Sample | None:
    """The sample that a run was fitted on, read again from its cube; None where the run was fitted on all pixels."""
    places = model.get(_SAVED_AS)
    if places is None or places.ndim != 2 or places.max() >= math.prod(cube.shape[:2]):
        return None
    return _read(cube, annotation, np.asarray(places, np.intp), 0)


def _read(cube: Cube, annotation: Annotation | None, places: IntArray, step: int) -> Sample:
    """The pixels at ``places`` (h, w), each of which is read once."""
    at = np.unravel_index(np.maximum(places, 0), cube.shape[:2])
    spectra = np.asarray(cube.spectra[at])
    held = (places >= 0) & cube.valid_pixels[at]
    if cube.lazy is not None:
        held &= cube.lazy.holds_data(spectra, cube.good_bands)
    acquisitions = None if cube.acquisitions is None else np.where(held, cube.acquisitions[at], 0)
    thinned = replace(cube, spectra=spectra, valid_pixels=held, acquisitions=acquisitions, georeference=None, parts=())
    painted = None if annotation is None else replace(annotation, labels=np.where(held, annotation.labels[at], 0))
    return Sample(thinned, places, painted, step)


def _more(cube: Cube) -> float:
    """How many times the places that are wanted are looked at, where many hold no data."""
    share = float(cube.overview.valid_pixels.mean())
    return 1.0 if share >= _SPARE else min(_SPARE / max(share, 1e-6), _MOST_LOOKED_AT)


def _step(shape: tuple[int, int], most: int) -> int:
    """The smallest side of squares of which there are at most ``most``."""
    height, width = shape
    step = max(1, math.isqrt(height * width // max(most, 1)))
    while -(-height // step) * -(-width // step) > most:
        step += 1
    return step


def _grid(shape: tuple[int, int], step: int, generator: np.random.Generator) -> IntArray:
    """(h, w) a random place in each square: one line of every ``step``, so that a file is read in few lines, and any column in it."""
    height, width = shape
    tops, lefts = (np.arange(0, length, step) for length in (height, width))
    rows = generator.integers(tops, np.minimum(tops + step, height))
    columns = generator.integers(lefts, np.minimum(lefts + step, width), (len(tops), len(lefts)))
    return np.asarray(rows[:, None] * width + columns, np.intp)


def _with_rows(grid: IntArray, more: IntArray) -> IntArray:
    """The grid with further places below it, an empty row between: they are no neighbours of what lies above."""
    if not len(more):
        return grid
    width = grid.shape[1]
    rows = np.full(-(-len(more) // width) * width, NOWHERE)
    rows[: len(more)] = more
    return np.concatenate([grid, np.full((1, width), NOWHERE), rows.reshape(-1, width)])


def _painted(annotation: Annotation | None, most: int) -> IntArray:
    """Flat places of what is painted and takes part: all, or of every label an even part, about ``most`` in all."""
    if annotation is None:
        return np.zeros(0, np.intp)
    labels = [*annotation.of_kind("region"), *annotation.of_kind("material")]
    of_label = [np.flatnonzero(_is(annotation.labels, label)) for label in labels]
    total = sum(map(len, of_label))
    share = max(1.0, total / most)
    return np.concatenate([np.zeros(0, np.intp), *(places[_evenly(len(places), share)] for places in of_label)])


def _is(labels: IntArray, label: int) -> BoolArray:
    return np.asarray(labels.ravel() == label)


def _evenly(count: int, share: float) -> IntArray:
    """One of ``share`` of so many, at least one, spread evenly."""
    return np.unique(np.linspace(0, count - 1, max(1, int(count / share))).astype(np.intp))
