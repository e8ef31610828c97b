"""Spectra that stay in their file, and are read when they are sliced; and where in an image a sample lies that is spread over all of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unmix.sentences import UnmixError

Float32 = NDArray[np.float32]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

_FLOAT32 = 4
_LEAST_SHARE = 0.02  # of the places looked at that hold data: where fewer do, no more than fifty are looked at for one
_MOST_CELLS = (
    512  # that one sample reads, where a cell is more than a pixel: a line of a BIL file of 800 kB each, 0.4 GB
)


class Source(Protocol):
    """Where lazy spectra come from: a file that is open, read under a lock.

    Attributes
    ----------
    shape : (H, W, B)
    cell : rows and columns of what one look costs hardly more than one pixel of it: (1, 1), a line (1, W), or a chunk
    empty : (K, B) spectra that stand for no data, each as a whole
    """

    shape: tuple[int, int, int]
    cell: tuple[int, int]
    empty: Float32

    def window(self, rows: Places, columns: Places, bands: Places) -> Float32:
        """(len(rows), len(columns), len(bands)) spectra, NaN where the file says no data. Raises UnmixError, OSError."""
        ...


@dataclass(frozen=True, eq=False)
class Overview:
    """Every ``step``-th pixel of every ``step``-th line, in memory: spectra (h, w, B), and the rows (h,) and columns (w,) that they are from."""

    step: int
    rows: Places
    columns: Places
    spectra: Float32


class LazySpectra:
    """(H, W, B) float32 spectra that are read when they are sliced, as an array is: by numbers, slices, lists, a mask, or places of pixels.

    Parameters
    ----------
    source : what reads them; safe for several threads
    memory : asked when all of them are wanted at once (``np.asarray``): how many bytes there are; half of them may be taken
    run_bytes : what unmixing all of them would take
    overview : a thinned copy in memory

    Raises
    ------
    UnmixError : when sliced, the file became shorter, or all is asked for and does not fit
    IndexError, OSError
    """

    ndim = 3

    def __init__(
        self, source: Source, memory: Callable[[], int], run_bytes: int = 0, overview: Overview | None = None
    ) -> None:
        self.source, self.overview, self.run_bytes, self._memory = source, overview, run_bytes, memory
        self.shape = source.shape
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that all of it would take in memory."""
        return self.size * _FLOAT32

    @property
    def cell(self) -> tuple[int, int]:
        """Rows and columns of what is best read at once."""
        return self.source.cell

    def __getitem__(self, index: Any) -> Float32:
        rows, columns, bands = _three(index)
        if _is_list(rows) and np.asarray(rows).dtype == bool and np.ndim(rows) == 2:
            rows, columns = np.nonzero(rows)
        if _is_list(rows) and _is_list(columns):
            return self._pixels(np.asarray(rows), np.asarray(columns), bands)
        wanted = [_places(one, length) for one, length in zip((rows, columns, bands), self.shape, strict=True)]
        found = self.source.window(*wanted)
        return np.asarray(found[tuple(0 if _is_number(one) else slice(None) for one in (rows, columns, bands))])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("spectra in a file become an array by a copy only")
        if 2 * self.nbytes > self._memory():
            raise self.too_large("All of it at once", 2 * self.nbytes)
        whole = np.empty(self.shape, np.float32)
        for rows in self.blocks():
            whole[rows] = self[rows]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def too_large(self, what: str, needed: int) -> UnmixError:
        """The sentence on what is not done with a cube that stays in its file."""
        (height, width, bands), memory = self.shape, self._memory()
        remedy = (
            "crop the cube, bin it, or use a machine with more memory"
            if needed > memory
            else "read it with keep_on_disk=False"
        )
        return UnmixError(
            f"{what} needs {needed / 1e9:.3g} GB for {height}×{width} pixels of {bands} bands, this machine can give {memory / 1e9:.3g} GB: {remedy}."
        )

    def blocks(self, most_bytes: int = 64 << 20) -> Iterator[slice]:
        """Slices of rows whose spectra take at most ``most_bytes``, at least one row; of whole chunks where the file has chunks."""
        height, width, bands = self.shape
        return row_slices(height, width * bands * _FLOAT32, most_bytes, self.cell[0])

    def holds_data(self, spectra: Float32, good_bands: Flags) -> Flags:
        """(…) bool: which of (…, B) spectra of this cube are finite in all good bands, and none of those that stand for no data."""
        chosen = spectra if good_bands.all() else spectra[..., good_bands]
        held: Flags = np.asarray(np.isfinite(chosen).all(axis=-1))
        for empty in self.source.empty:
            held &= ~np.asarray((spectra == empty)[..., good_bands].all(axis=-1))
        return held

    def _pixels(self, rows: Places, columns: Places, bands: Any) -> Float32:
        """(…, b) spectra at places, read cell by cell; of cells of one pixel and of lines, line by line."""
        height, width, depth = self.shape
        rows, columns = np.broadcast_arrays(_whole(rows, height), _whole(columns, width))
        flat_rows, flat_columns = rows.ravel(), columns.ravel()
        chosen = _places(bands, depth)
        out = np.empty((flat_rows.size, chosen.size), np.float32)
        tall, wide = self.cell
        across = -(-width // wide) if wide > 1 else 1
        of_cell = flat_rows // tall * across + (flat_columns // wide if wide > 1 else 0)
        order = np.argsort(of_cell, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(of_cell[order])) + 1) if order.size else ():
            some_rows, row_at = np.unique(flat_rows[group], return_inverse=True)
            some_columns, column_at = np.unique(flat_columns[group], return_inverse=True)
            out[group] = self.source.window(some_rows, some_columns, chosen)[row_at, column_at]
        found = out.reshape(*rows.shape, chosen.size)
        return found[..., 0] if _is_number(bands) else found


def finite_pixels(spectra: Float32, good_bands: Flags) -> Flags:
    """(H, W) bool: pixels whose good bands are all finite. A sum that is finite says so at once; of the others each number is looked at."""
    height, width, bands = spectra.shape
    with np.errstate(over="ignore", invalid="ignore"):
        finite: Flags = np.isfinite(spectra.reshape(-1, bands) @ np.ones(bands, np.float32)).reshape(height, width)
    for row in np.flatnonzero(~finite.all(axis=1)):  # line by line, for a big cube leaves no room for another
        unsure = ~finite[row]
        finite[row, unsure] = np.isfinite(spectra[row, unsure][:, good_bands]).all(axis=1)
    return finite


def row_slices(height: int, row_bytes: int, most_bytes: int, tall: int = 1) -> Iterator[slice]:
    """Slices of rows of ``row_bytes`` each within ``most_bytes``, at least one row, whole multiples of ``tall`` where these fit."""
    step = max(1, most_bytes // max(row_bytes, 1))
    step = step // tall * tall or step
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def stratified(shape: tuple[int, int], cell: tuple[int, int], count: int, generator: np.random.Generator) -> Places:
    """About ``count`` places (flat, ascending) of an (H, W) image, at least as many where it has them, spread over all of it at random.

    The image's cells are parted into a grid of strata as even as can be; one cell of each is taken, and in it as many pixels as are wanted, one
    of each stretch of it. So a file is read in few places, and no corner is left out.
    """
    height, width = shape
    tall, wide = cell
    down, across = -(-height // tall), -(-width // wide)
    strata = min(count, down * across, count if tall * wide == 1 else _MOST_CELLS)
    grid_down = int(np.clip(round(math.sqrt(strata * down / across)), 1, min(down, strata)))
    grid_across = int(np.clip(-(-strata // grid_down), 1, across))
    tops = _one_of_each(down, grid_down, grid_across, generator) * tall
    lefts = _one_of_each(across, grid_across, grid_down, generator).T * wide
    each = -(-count // (grid_down * grid_across))
    parts = [
        _within(top, left, min(top + tall, height), min(left + wide, width), each, width, generator)
        for top, left in zip(tops.ravel().tolist(), lefts.ravel().tolist(), strict=True)
    ]
    return np.unique(np.concatenate(parts))


def sample(
    look: Callable[[Places], tuple[Flags, Float32]],
    valid: Flags,
    cell: tuple[int, int],
    count: int,
    generator: np.random.Generator,
) -> tuple[Places, Float32]:
    """At most ``count`` places (n,), flat and ascending, spread over the ``valid`` (H, W) ones, and their spectra (n, B).

    ``look`` says which of some places hold data, and what. Where too few do, others are looked at, and at last any that are left.
    """
    allowed = valid.ravel()
    unseen, left, share = allowed.copy(), min(count, int(allowed.sum())), float(allowed.mean())
    places, spectra = [np.zeros(0, np.intp)], []
    for anywhere in (False, False, True):
        wanted = math.ceil(left / max(share, _LEAST_SHARE))
        if anywhere:
            rest = np.flatnonzero(unseen)
            tried = np.sort(generator.choice(rest, min(wanted, rest.size), replace=False))
        else:
            tried = stratified(valid.shape, cell, min(wanted, allowed.size), generator)
            tried = tried[unseen[tried]]
        unseen[tried] = False
        held, found = look(tried)
        places.append(tried[held])
        spectra.append(found[held])
        left -= int(held.sum())
        share = float(held.mean()) * float(allowed.mean()) if held.size else share / 2
        if left <= 0:
            break
    together = np.concatenate(places)
    order = np.argsort(together)
    if order.size > count:  # more hold data than was thought
        order = order[np.sort(generator.choice(order.size, count, replace=False))]
    return together[order], np.concatenate(spectra)[order]


def sampled(spectra: Any, valid: Flags, good_bands: Flags, count: int, seed: int) -> tuple[Places, NDArray[np.float64]]:
    """``Cube.sampled``: of (H, W, B) spectra, in memory or in their file."""
    lazy = spectra if isinstance(spectra, LazySpectra) else None

    def looked_at(places: Places) -> tuple[Flags, Float32]:
        found = spectra[np.unravel_index(places, valid.shape)]
        return np.ones(len(places), bool) if lazy is None else lazy.holds_data(found, good_bands), found

    cell = (1, 1) if lazy is None else lazy.cell
    places, found = sample(looked_at, valid, cell, count, np.random.default_rng(seed))
    ranks = np.cumsum(valid.ravel()) - 1
    return ranks[places], found[:, good_bands].astype(np.float64)


def _one_of_each(length: int, strata: int, times: int, generator: np.random.Generator) -> Places:
    """(strata, times) a number below ``length`` at random in each of the strata."""
    edges = np.arange(strata + 1) * length // strata
    return generator.integers(edges[:-1, None], edges[1:, None], (strata, times))


def _within(
    top: int, left: int, bottom: int, right: int, count: int, width: int, generator: np.random.Generator
) -> Places:
    """Flat places of ``count`` pixels of a cell, one of each stretch of it; all where it has no more."""
    pixels, across = (bottom - top) * (right - left), right - left
    stretches = (np.arange(count) + generator.random(count)) * (pixels / count)
    chosen = np.arange(pixels) if count >= pixels else stretches.astype(np.intp)
    return np.asarray((top + chosen // across) * width + left + chosen % across, np.intp)


def _three(index: Any) -> tuple[Any, Any, Any]:
    """What is asked of rows, columns and bands; a mask of pixels stands for the first two."""
    given: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if any(one is Ellipsis for one in given):
        at = next(place for place, one in enumerate(given) if one is Ellipsis)
        given = given[:at] + (slice(None),) * (4 - len(given) - _is_mask(given[0])) + given[at + 1 :]
    if given and _is_mask(given[0]):
        given = (given[0], slice(None), *given[1:])
    if len(given) > 3 or any(one is None for one in given):
        raise IndexError("spectra in a file are sliced by rows, columns and bands")
    rows, columns, bands = [*given, slice(None), slice(None), slice(None)][:3]
    if _is_list(bands) and (_is_list(rows) or _is_list(columns) or (_is_number(rows) and isinstance(columns, slice))):
        raise IndexError("spectra in a file: take the pixels first, and of these the bands")
    if any(_is_list(one) and np.ndim(one) > 1 and not _is_mask(one) for one in (rows, columns, bands)) and not (
        _is_list(rows) and _is_list(columns)
    ):
        raise IndexError("spectra in a file: places of pixels need rows and columns")
    return rows, columns, bands


def _is_number(one: Any) -> bool:
    return not isinstance(one, slice) and np.ndim(one) == 0


def _is_list(one: Any) -> bool:
    return not isinstance(one, slice) and np.ndim(one) > 0


def _is_mask(one: Any) -> bool:
    return _is_list(one) and np.ndim(one) == 2 and np.asarray(one).dtype == bool


def _places(one: Any, length: int) -> Places:
    """The numbers along an axis that are asked for. Raises IndexError beyond its ends."""
    if isinstance(one, slice):
        return np.arange(*one.indices(length))
    found = np.atleast_1d(np.asarray(one))
    if found.dtype == bool:
        if found.shape != (length,):
            raise IndexError(f"a list of {found.size} flags does not fit an axis of {length}")
        return np.flatnonzero(found)
    return _whole(found, length)


def _whole(found: NDArray[Any], length: int) -> Places:
    numbers = found.astype(np.intp) if found.size else np.zeros(found.shape, np.intp)
    if ((numbers < -length) | (numbers >= length)).any():
        raise IndexError(f"a place lies outside of an axis of {length}")
    return np.asarray(np.where(numbers < 0, numbers + length, numbers))
