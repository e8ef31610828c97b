"""An array in blocks of one shape that are fetched one by one: how many may be, and how a part of the array is put together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.budget import byte_budget, readable_shape, readable_size
from napari_unmix.sentences import UnmixError

MOST_BLOCKS = 500_000
_ROOMY = 16  # times its own size that an array's blocks may have: those at the edges reach beyond it

Fetch = Callable[[tuple[int, ...]], NDArray[Any] | None]


def check_blocks(shape: Sequence[int], chunks: Sequence[int], itemsize: int, label: str) -> int:
    """How many blocks an array has. Raises UnmixError where they are too many or too big to be read."""
    if len(chunks) != len(shape) or min(chunks, default=1) < 1:
        raise UnmixError(f"{label} has chunks of {readable_shape(chunks)}: it is damaged, copy the whole file again.")
    count = math.prod(-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
    if count > MOST_BLOCKS:
        raise UnmixError(
            f"{label} is stored in {count:,} chunks of {readable_shape(chunks)}, more than the {MOST_BLOCKS:,} that are read:"
            " save it in bigger chunks."
        )
    size, whole, budget = math.prod(chunks) * itemsize, math.prod(shape) * itemsize, byte_budget()
    if size > budget or count * size > _ROOMY * whole + budget:
        raise UnmixError(
            f"{label} of {readable_size(whole)} unpacks {count:,} chunks of {readable_size(size)}, this machine can give"
            f" {readable_size(budget)}: save it in smaller chunks."
        )
    return count


class Blocks:
    """An array of blocks; ``fetch`` gives the block that begins at a place, whole also at the edges, or None where there is none.

    Raises UnmixError where there are too many.
    """

    def __init__(
        self, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any], fill: Any, fetch: Fetch, label: str
    ) -> None:
        self.shape, self.chunks, self.dtype = shape, chunks, dtype
        self.count = check_blocks(shape, chunks, dtype.itemsize, label)
        self.size = math.prod(chunks) * dtype.itemsize
        self._fill, self._fetch = fill, fetch

    def has(self, place: tuple[int, ...]) -> bool:
        """Whether a block begins there."""
        return all(
            0 <= at < length and at % chunk == 0
            for at, length, chunk in zip(place, self.shape, self.chunks, strict=True)
        )

    def __getitem__(self, index: Any) -> NDArray[Any]:
        wanted, dropped = slices(index, self.shape)
        out = np.empty([len(one) for one in wanted], self.dtype)
        pieces = [list(_pieces(one, chunk)) for one, chunk in zip(wanted, self.chunks, strict=True)]
        for combined in itertools.product(*pieces):
            block = self._fetch(tuple(piece.place for piece in combined))
            target = tuple(piece.target for piece in combined)
            out[target] = (self._fill or 0) if block is None else block[tuple(piece.source for piece in combined)]
        return out.reshape([length for axis, length in enumerate(out.shape) if axis not in dropped])


class _Piece(NamedTuple):
    """Of one axis: where the block begins, what is taken of it, and where that goes."""

    place: int
    source: slice
    target: slice


def slices(index: Any, shape: tuple[int, ...]) -> tuple[list[range], set[int]]:
    """Numbers along each axis, and the axes of which one is taken."""
    given = index if isinstance(index, tuple) else (index,)
    if Ellipsis in given:
        at = given.index(Ellipsis)
        given = given[:at] + (slice(None),) * (len(shape) - len(given) + 1) + given[at + 1 :]
    given += (slice(None),) * (len(shape) - len(given))
    wanted, dropped = [], set()
    for axis, (one, length) in enumerate(zip(given, shape, strict=True)):
        if isinstance(one, slice):
            wanted.append(range(*one.indices(length)))
        else:
            wanted.append(range(length)[int(one) : (int(one) + 1) or None])
            dropped.add(axis)
    return wanted, dropped


def _pieces(wanted: range, chunk: int) -> Iterator[_Piece]:
    at = 0
    while at < len(wanted):
        place = wanted[at] // chunk * chunk
        last = at + (place + chunk - 1 - wanted[at]) // wanted.step + 1
        last = min(last, len(wanted))
        yield _Piece(place, slice(wanted[at] - place, wanted[last - 1] - place + 1, wanted.step), slice(at, last))
        at = last
