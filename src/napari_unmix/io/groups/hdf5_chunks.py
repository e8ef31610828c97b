"""The chunks of an HDF5 array, unpacked here and never beyond what they claim; those that were never written are counted.

HDF5's own deflate writes as much as comes, so gzip, shuffle and Fletcher's checksum, which is how nearly all files are packed, are undone
here. What other filters say of their size is compared with the chunk's, and HDF5 unpacks them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.budget import byte_budget, readable_size
from napari_unmix.io.groups.blocks import Blocks, slices
from napari_unmix.io.groups.hdf5_filters import (
    BITSHUFFLE,
    BLOSC,
    CHECKSUM,
    DEFLATE,
    FLETCHER,
    LZ4,
    LZF,
    NBIT,
    SCALE_OFFSET,
    SHUFFLE,
    SZIP,
    ZSTD,
    Buffer,
    check_packed,
    in_order,
    summed,
)
from napari_unmix.io.groups.tree import Unwritten, plain_value
from napari_unmix.io.unpacked import TooMuch, inflated
from napari_unmix.sentences import UnmixError, shown

_OURS = {DEFLATE, SHUFFLE, FLETCHER}
_OVERHEAD = 1024  # bytes that a packed chunk may have beyond its size, and an eighth: filters may be of no use


class Hdf5Array:
    """A dataset of an open file, as an array that is read when it is sliced.

    Parameters
    ----------
    dataset : h5py's
    label : how it is called in a sentence
    """

    can_stay = True  # in its file

    def __init__(self, dataset: Any, label: str) -> None:
        self.dataset, self.label = dataset, shown(label)
        self.shape: tuple[int, ...] = tuple(int(length) for length in dataset.shape)
        self.dtype: np.dtype[Any] = np.dtype(dataset.dtype)
        self.chunks: tuple[int, ...] | None = None if dataset.chunks is None else tuple(map(int, dataset.chunks))
        self._blocks: Blocks | None = None
        self._stored: dict[tuple[int, ...], tuple[int, int]] | None = None
        self._filters: list[tuple[int, tuple[int, ...]]] = []

    def __getitem__(self, index: Any) -> Any:
        if self.chunks is None or not self.shape:
            self._check_piece(index)
            return self.dataset[index]
        if self._blocks is None:
            self._blocks = self._opened()
        if self._is_ours:
            return self._blocks[index]
        return self.dataset[index]

    @property
    def fillvalue(self) -> Any:
        """What numbers are that were never written."""
        return self.dataset.fillvalue

    def unwritten(self) -> tuple[Unwritten, ...]:
        """How many chunks were never written; an array in one piece is one chunk."""
        fill = plain_value(np.asarray(self.fillvalue))
        fill = float(fill) if isinstance(fill, int | float) else 0.0
        if self.chunks is None:
            import h5py

            space = self.dataset.id.get_space_status()
            return (
                Unwritten(int(space == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED and math.prod(self.shape) > 0), 1, fill),
            )
        if self._blocks is None:
            self._blocks = self._opened()
        return (Unwritten(self._blocks.count - len(self._stored or ()), self._blocks.count, fill),)

    @property
    def _is_ours(self) -> bool:
        return {number for number, _ in self._filters} <= _OURS and self._is_plain

    @property
    def _is_plain(self) -> bool:
        """Whether its numbers lie in the file as in NumPy: not of 12 bits, nor texts that lie elsewhere."""
        import h5py

        if self.dtype.kind not in "uif":
            return False
        return bool(self.dataset.id.get_type().equal(h5py.h5t.py_create(self.dtype)))

    def _check_piece(self, index: Any) -> None:
        """No more of one piece comes than is asked for: what the file has, or all fill value."""
        size, budget = math.prod(map(len, slices(index, self.shape)[0])) * self.dtype.itemsize, byte_budget()
        if size > budget:
            raise UnmixError(
                f"{self.label} needs {readable_size(size)}, this machine can give {readable_size(budget)}: crop it or bin it."
            )

    def _opened(self) -> Blocks:
        """What is stored, and that it can be true. Raises UnmixError."""
        assert self.chunks is not None
        blocks = Blocks(self.shape, self.chunks, self.dtype, self.fillvalue, self._chunk, self.label)
        properties = self.dataset.id.get_create_plist()
        self._filters = [
            (int(number), tuple(values))
            for number, _, values, _ in map(properties.get_filter, range(properties.get_nfilters()))
        ]
        size = blocks.size
        for number, values in self._filters:
            self._check_filter(number, values, size)
        stored: dict[tuple[int, ...], tuple[int, int]] = {}

        def one(chunk: Any) -> None:
            if int(chunk.size) > size + size // 8 + _OVERHEAD:
                raise UnmixError(
                    f"A chunk of {self.label} is stored in {int(chunk.size):,} bytes and claims to hold {size:,}:"
                    " it is damaged, copy the whole file again."
                )
            stored[tuple(int(place) for place in chunk.chunk_offset)] = (int(chunk.filter_mask), int(chunk.size))

        self.dataset.id.chunk_iter(one)
        self._stored = {place: found for place, found in stored.items() if blocks.has(place)}
        if not self._is_ours:
            self._check_chunks(size)
        return blocks

    def _check_filter(self, number: int, values: Sequence[int], size: int) -> None:
        """The parameters of a filter that say how much it gives."""
        known = _OURS | {SZIP, NBIT, SCALE_OFFSET, LZF, BLOSC, LZ4, BITSHUFFLE, ZSTD}
        if number not in known:
            raise UnmixError(
                f"{self.label} is packed by HDF5's filter {number}, whose size cannot be checked: save it with gzip."
            )
        own = int(self.dataset.id.get_type().get_size())
        if number == SHUFFLE and (not values or values[0] != own):
            raise UnmixError(
                f"{self.label} is damaged (its bytes are shuffled by {values[0] if values else 0:,}, its numbers have {own}):"
                " copy the whole file again."
            )
        if number == LZF and (len(values) < 3 or not size <= values[2] <= 2 * size):
            raise self._untrue(number, values[2] if len(values) > 2 else 0, size)
        if number == BITSHUFFLE and (len(values) < 3 or values[2] != own):
            raise self._untrue(number, values[2] if len(values) > 2 else 0, own)
        if number in (NBIT, SCALE_OFFSET):
            elements = values[2] if len(values) > 2 else 0
            if elements * self.dtype.itemsize != size:
                raise self._untrue(number, elements * self.dtype.itemsize, size)

    def _untrue(self, number: int, said: int, size: int) -> UnmixError:
        return UnmixError(
            f"{self.label} is damaged (its filter {number} gives chunks of {said:,} bytes, they have {size:,}): copy the whole file again."
        )

    def _check_chunks(self, size: int) -> None:
        """Of chunks that HDF5 unpacks, what each says of its size; those that gzip packed are unpacked here first, to see."""
        for place, (mask, stored) in (self._stored or {}).items():
            try:
                self._check_chunk(place, mask, size)
            except TooMuch:
                raise
            except UnmixError as error:
                if mask or not self._may_be_bare(place, stored):
                    raise
                raise UnmixError(
                    f"A chunk at the edge of {self.label} is damaged or was left unpacked, which cannot be told: save it with gzip."
                ) from error

    def _check_chunk(self, place: tuple[int, ...], mask: int, size: int) -> None:
        label = f"A chunk of {self.label}"
        raw: Buffer = self.dataset.id.read_direct_chunk(place)[1]
        for at in reversed(range(len(self._filters))):
            number, values = self._filters[at]
            if mask >> at & 1:
                continue
            if number not in _OURS:
                check_packed(number, values, raw, size + 64, label)
                return
            raw = self._undone(at, raw, size + 64, label)

    def _chunk(self, place: tuple[int, ...]) -> NDArray[Any] | None:
        """A chunk's numbers, None where it was never written. Raises UnmixError."""
        found = (self._stored or {}).get(place)
        if found is None:
            return None
        mask, stored = found
        if mask or not self._filters or not self._may_be_bare(place, stored):
            return self._unpacked(place, mask)
        if DEFLATE not in {number for number, _ in self._filters}:
            return self._told(place)
        try:
            return self._unpacked(place, mask)
        except TooMuch:
            raise
        except UnmixError as error:
            try:
                return self._told(place)
            except OSError:
                raise error from None

    def _may_be_bare(self, place: tuple[int, ...], stored: int) -> bool:
        """Whether HDF5 may have left a chunk unpacked because it reaches beyond the array: an option that it tells nobody."""
        assert self.chunks is not None
        ends = (at + chunk for at, chunk in zip(place, self.chunks, strict=True))
        whole = math.prod(self.chunks) * self.dtype.itemsize
        return stored == whole and any(end > length for end, length in zip(ends, self.shape, strict=True))

    def _told(self, place: tuple[int, ...]) -> NDArray[Any]:
        """A chunk at the edge as HDF5 reads it."""
        assert self.chunks is not None
        ends = [min(at + chunk, length) for at, chunk, length in zip(place, self.chunks, self.shape, strict=True)]
        found = np.zeros(self.chunks, self.dtype)
        inside = tuple(slice(end - at) for at, end in zip(place, ends, strict=True))
        found[inside] = self.dataset[tuple(map(slice, place, ends))]
        return found

    def _unpacked(self, place: tuple[int, ...], mask: int) -> NDArray[Any]:
        assert self._blocks is not None
        assert self.chunks is not None
        size, label = self._blocks.size, f"A chunk of {self.label}"
        raw: Buffer = self.dataset.id.read_direct_chunk(place)[1]
        for at in reversed(range(len(self._filters))):
            if not mask >> at & 1:
                raw = self._undone(at, raw, size + CHECKSUM * len(self._filters), label)
        if len(raw) != size:
            raise UnmixError(
                f"{label} has {len(raw):,} of its {size:,} bytes: it is damaged, copy the whole file again."
            )
        return np.frombuffer(raw, self.dtype).reshape(self.chunks)

    def _undone(self, at: int, raw: Buffer, most: int, label: str) -> Buffer:
        """What a filter of ours was given when the chunk was written."""
        number, values = self._filters[at]
        if number == DEFLATE:
            return inflated(raw, most, label)
        if number == SHUFFLE:
            return in_order(raw, int(values[0]))
        return summed(raw, label)
