"""The numbers of a bare data file, read some at a time: nothing is mapped, so a file that shrinks meanwhile is a sentence and no crash."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.files.opened import open_regular
from napari_unmix.io.bare.layout import Layout
from napari_unmix.io.budget import check_budget
from napari_unmix.sentences import UnmixError, shown

Places = NDArray[np.intp]
_ORDERS = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}  # of (lines, samples, bands): major, minor, numbers
_CALL = 8192  # bytes that are read in the time that one more call takes: so far apart, two pieces are read as one


class Lines:
    """(H, W, B) array of a data file whose size was checked. Slicing reads the lines that are asked for; ``close`` closes the file.

    What a slice of lines returns lies in one buffer, and holds until the next slice: fresh memory for each takes longer than the reading.
    ``picked`` reads any places into an array of its own, for several threads.

    Raises UnmixError where the file is no regular one, or, when it is sliced, became shorter; OSError.
    """

    can_stay = True  # in its file

    def __init__(self, path: Path, layout: Layout) -> None:
        self._name, self._layout, self._stream = path.name, layout, open_regular(path)
        self._buffer = np.empty(0, np.uint8)
        self._lock = threading.Lock()

    @property
    def cell(self) -> tuple[int, int]:
        """Rows and columns of what is read in the time of one pixel of it: of a bip file a pixel, else a line."""
        return (1, 1) if self._layout.interleave == "bip" else (1, self.shape[1])

    @property
    def scattered(self) -> bool:
        """Whether a spectrum lies in as many places as it has bands."""
        return self._layout.interleave == "bsq"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        return self._layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored numbers, byte order included."""
        return self._layout.dtype

    def __getitem__(self, index: Any) -> Any:
        wanted: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
        if Ellipsis in wanted:
            at = wanted.index(Ellipsis)
            wanted = wanted[:at] + (slice(None),) * (4 - len(wanted)) + wanted[at + 1 :]
        if wanted and isinstance(wanted[0], slice) and all(one == slice(None) for one in wanted[1:]):
            top, bottom, step = wanted[0].indices(self.shape[0])
            if step == 1 and bottom > top:
                return self._read(top, bottom)
        whole = (*wanted, *(slice(None),) * (3 - len(wanted)))
        places = [np.atleast_1d(np.arange(length)[one]) for one, length in zip(whole, self.shape, strict=True)]
        return self.picked(*places)[tuple(slice(None) if isinstance(one, slice) else 0 for one in whole)]

    def picked(self, rows: Places, columns: Places, bands: Places) -> NDArray[Any]:
        """(len(rows), len(columns), len(bands)) stored numbers at these places, in memory of their own. Raises UnmixError, OSError."""
        order = _ORDERS[self._layout.interleave]
        majors, minors, numbers = ((rows, columns, bands)[axis] for axis in order)
        found = np.empty((majors.size, minors.size, numbers.size), self.dtype)
        if found.size:
            with self._lock:
                pick = self._picker(minors, numbers)
                for major, frame in zip(majors.tolist(), found, strict=True):
                    pick(major, frame)
        return found.transpose(np.argsort(order))

    def _picker(self, minors: Places, numbers: Places) -> Callable[[int, NDArray[Any]], None]:
        """What reads these numbers of these minor frames of a major one: in one piece, or each frame by itself where far less lies in between."""
        layout, item = self._layout, self.dtype.itemsize
        first, last, low = int(minors.min()), int(minors.max()), int(numbers.min())
        span = (int(numbers.max()) - low + 1) * item
        start, frame = layout.offset + layout.major[0] + layout.minor[0] + low * item, layout.frames[1]
        of_frames, inside = _as_slice(minors - first), _as_slice(numbers - low)

        def together(major: int, out: NDArray[Any]) -> None:
            piece = self._piece(start + major * layout.frames[0] + first * frame, (last - first) * frame + span)
            lying = np.ndarray((last - first + 1, span // item), self.dtype, piece, strides=(frame, item))
            out[...] = lying[of_frames][:, inside]

        def apart(major: int, out: NDArray[Any]) -> None:
            for piece, place in zip(pieces, places, strict=True):
                self._fill(piece, place + major * layout.frames[0])
            out[...] = pieces.view(self.dtype)[:, inside]

        if (last - first) * frame + span <= minors.size * (span + _CALL):
            return together
        pieces, places = np.empty((minors.size, span), np.uint8), (start + minors * frame).tolist()
        return apart

    def _piece(self, place: int, size: int) -> NDArray[np.uint8]:
        if self._buffer.size < size:
            self._buffer = np.empty(size, np.uint8)
        self._fill(self._buffer[:size], place)
        return self._buffer[:size]

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _read(self, top: int, bottom: int) -> NDArray[Any]:
        """(bottom − top, W, B) view of bytes as they lie in the file: of a bsq file one piece a band, else one piece."""
        layout, count = self._layout, bottom - top
        _, samples, bands = layout.shape
        major, minor = layout.frames
        item = layout.dtype.itemsize
        by_bands = layout.interleave == "bsq"
        before, frame, pieces = (layout.major[0], minor, bands) if by_bands else (0, major, 1)
        if self._buffer.size < pieces * count * frame:
            self._buffer = np.empty(pieces * count * frame, np.uint8)
        content = self._buffer[: pieces * count * frame].reshape(pieces, -1)
        for place, piece in enumerate(content):
            self._fill(piece, layout.offset + place * major + before + top * frame)
        strides = {"bsq": (minor, item, count * frame), "bil": (major, item, minor), "bip": (major, minor, item)}
        start = layout.minor[0] + (0 if by_bands else layout.major[0])
        return np.ndarray((count, samples, bands), layout.dtype, content, start, strides[layout.interleave])

    def _fill(self, piece: NDArray[np.uint8], place: int) -> None:
        """Past Python's own buffer, which would give what a file no longer holds."""
        raw: io.RawIOBase = self._stream.raw  # type: ignore[attr-defined] # (BinaryIO does not tell that it is buffered)
        raw.seek(place)
        view, held = piece.data, 0
        while held < piece.size and (count := raw.readinto(view[held:])):
            held += count
        if held < piece.size:
            raise UnmixError(
                f"{shown(self._name)} became shorter while it was read ({place + held} of {self._layout.data_bytes} bytes):"
                " wait until nothing writes it, and read it again."
            )


class Turned:
    """An array in its file whose axes are read in the reverse order, as Fortran and MATLAB count them."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape[::-1])
        self.dtype: np.dtype[Any] = array.dtype
        self.size, self.ndim = math.prod(self.shape), len(self.shape)
        self.can_stay = bool(getattr(array, "can_stay", False))
        chunks = getattr(array, "chunks", None)
        self.chunks: tuple[int, ...] | None = None if chunks is None else tuple(chunks[::-1])
        self.scattered = chunks is None

    def __getitem__(self, index: Any) -> Any:
        whole = index if isinstance(index, tuple) else (index,)
        whole = (*whole, *(slice(None),) * (len(self.shape) - len(whole)))
        return np.asarray(self._array[whole[::-1]]).T

    def close(self) -> None:
        """Close the file."""
        self._array.close()


def _as_slice(places: Places) -> slice | Places:
    """Places that are evenly apart as a slice, which is taken without a copy."""
    if places.size == 1:
        return slice(int(places[0]), int(places[0]) + 1)
    step = int(places[1]) - int(places[0])
    even = step > 0 and bool((np.diff(places) == step).all())
    return slice(int(places[0]), int(places[-1]) + 1, step) if even else places


def all_lines(path: Path, layout: Layout) -> NDArray[Any]:
    """(H, W, B) all numbers of a data file whose size was checked, for small ones. Raises UnmixError, OSError."""
    check_budget(math.prod(layout.shape), layout.dtype.itemsize, path.name)
    lines = Lines(path, layout)
    try:
        return np.asarray(lines[:])
    finally:
        lines.close()
