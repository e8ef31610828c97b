"""The numbers of a bare data file, read some lines at a time: nothing is mapped, so a file that shrinks meanwhile is a sentence and no crash."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.files.opened import open_regular
from napari_unmix.io.bare.layout import Layout
from napari_unmix.sentences import UnmixError, shown


class Lines:
    """(H, W, B) array of a data file whose size was checked. Slicing reads the lines that are asked for; ``close`` closes the file.

    What a slice returns lies in one buffer, and holds until the next slice: fresh memory for each takes longer than the reading.

    Raises UnmixError where the file is no regular one, or, when it is sliced, became shorter; OSError.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._name, self._layout, self._stream = path.name, layout, open_regular(path)
        self._buffer = np.empty(0, np.uint8)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, B)."""
        return self._layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored numbers, byte order included."""
        return self._layout.dtype

    def __getitem__(self, index: Any) -> Any:
        wanted = index if isinstance(index, tuple) else (index,)
        if not wanted or not isinstance(wanted[0], slice):
            return self._read(0, self.shape[0])[index]
        top, bottom, step = wanted[0].indices(self.shape[0])
        if step != 1 or bottom <= top:
            return self._read(0, self.shape[0])[index]
        return self._read(top, bottom)[(slice(None), *wanted[1:])]

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


def all_lines(path: Path, layout: Layout) -> NDArray[Any]:
    """(H, W, B) all numbers of a data file whose size was checked, for small ones. Raises UnmixError, OSError."""
    lines = Lines(path, layout)
    try:
        return np.asarray(lines[:])
    finally:
        lines.close()
