"""TIFF as it is opened and unpacked here: one file and no other, and no strip or tile beyond what it claims.

tifffile would follow an OME description to other files, and has a dozen dialects of microscopes and scanners, each with a parser of its own;
its decoders write as much as comes. Here it finds the pages, and what is packed is unpacked by ``unpacked``.
"""

from __future__ import annotations

import logging
import lzma
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.files.opened import open_regular, regular
from napari_unmix.io.groups.blocks import MOST_BLOCKS, slices
from napari_unmix.io.unpacked import inflated, unpacked_lzma
from napari_unmix.sentences import UnmixError, shown

_DIALECTS = ("shaped", "lsm", "ome", "imagej", "uniform")  # the arrangements of pages that cubes come in
_NONE, _DEFLATE, _LZMA, _PACKBITS = (1,), (8, 32946), (34925,), (32773,)
_PACKED = 1024  # bytes that a packed strip may have beyond its size, and a quarter
_PAGES, _TAGS = 10_000, 300_000  # of a file
_FURTHEST = 2**63 - 1  # place in a file
_COUNTS = re.compile(r'(?:NumPlanes|PlaneCount|IFD|First[A-Z]|Size[A-Z]) *= *["\'](\d+)')
_DEPTH = 1_000_000  # of a count in an OME description


@contextmanager
def opened_tiff(path: Path, dialects: bool = True) -> Iterator[Any]:
    """The open file (tifffile's); what tifffile logs is not printed. Raises UnmixError, OSError, and what tifffile raises of damage."""
    import tifffile

    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    check_directories(path)
    kept = _DIALECTS if dialects else ()
    off: dict[str, Any] = {
        f"is_{name}": False
        for name in tifffile.TIFF.FILE_FLAGS
        if f"_series_{name}" in dir(tifffile.TiffFile) and name not in kept
    }
    try:
        with tifffile.TiffFile(regular(path), _multifile=False, **off) as tiff:
            if dialects and tiff.is_ome:
                _check_description(str(tiff.ome_metadata), path)
            yield tiff
    finally:
        logger.disabled = before


def check_directories(path: Path) -> None:
    """Raise UnmixError where the chain of a file's pages leads in a circle, or is longer than it can be; tifffile would follow it."""
    with open_regular(path) as stream:
        start = stream.read(16)
        order = ">" if start.startswith(b"MM") else "<"
        big = start[2:4] in (b"\x2b\x00", b"\x00\x2b")
        counts, entry, offsets = ("Q", 20, "Q") if big else ("H", 12, "I")
        seen: set[int] = set()
        place, tags = _number(start[8 if big else 4 :], order + offsets), 0
        while place:
            stream.seek(min(place, _FURTHEST))
            count = _number(stream.read(struct.calcsize(counts)), order + counts)
            tags += count
            if place in seen or len(seen) >= _PAGES or tags > _TAGS:
                reason = (
                    "lead in a circle"
                    if place in seen
                    else f"are more than {_PAGES:,}, or have more than {_TAGS:,} tags"
                )
                raise UnmixError(f"{shown(path.name)} is a damaged TIFF (its pages {reason}): save the image alone.")
            seen.add(place)
            stream.seek(min(place + struct.calcsize(counts) + count * entry, _FURTHEST))
            place = _number(stream.read(struct.calcsize(offsets)), order + offsets)


def _number(raw: bytes, form: str) -> int:
    """The number at the beginning, 0 where the file has ended."""
    return int(struct.unpack_from(form, raw)[0]) if len(raw) >= struct.calcsize(form) else 0


def _check_description(text: str, path: Path) -> None:
    largest = max((len(found[1]) for found in _COUNTS.finditer(text)), default=0)
    if largest > len(str(_DEPTH)):
        raise UnmixError(
            f"The OME description of {shown(path.name)} counts more planes than any file has: it is damaged."
        )


def main_pages(tiff: Any) -> list[Any]:
    """The pages that are images of their own: no smaller copies of another, and no masks."""
    pages = []
    for page in tiff.pages:
        kind = page.tags.valueof(254, 0) if hasattr(page, "tags") else 0
        if not (isinstance(kind, int) and kind & 5):
            pages.append(page)
    return pages


def unpacked_pages(pages: list[Any], shape: tuple[int, ...], path: Path) -> NDArray[Any] | None:
    """The image of some pages of one kind; None where they are packed in a way that is not undone here. Raises UnmixError."""
    key = pages[0].keyframe
    compression, plain = int(key.compression), key.fillorder == 1
    if compression not in _NONE + _DEFLATE + _LZMA + _PACKBITS or not plain or key.dtype is None:
        return None
    if key.predictor not in (1, 2) or (compression in _PACKBITS and key.bitspersample < 8):
        return None
    result = np.empty((len(pages), *key.shaped), key.dtype)
    claimed = math.prod(key.chunks) * key.dtype.itemsize
    parts = math.prod(key.chunked)
    if parts * len(pages) > MOST_BLOCKS:
        raise UnmixError(
            f"{path.name} has {parts * len(pages):,} strips or tiles, more than the {MOST_BLOCKS:,} that are read: save it in bigger ones."
        )
    key.compression = 1  # what tifffile is given is unpacked; it puts numbers in order
    with open_regular(path) as stream:
        for page, image in zip(pages, result, strict=True):
            _fill(page, image, _Strips(stream, compression, claimed, shown(path.name)))
    return result.reshape(shape)


class _Strips:
    """The strips and tiles of a page, unpacked."""

    def __init__(self, stream: Any, compression: int, claimed: int, name: str) -> None:
        self._stream, self._compression, self._claimed = stream, compression, claimed
        self._label = f"A strip or tile of {name}"

    def read(self, offset: int, count: int) -> bytes:
        """One of them. Raises UnmixError where it is not whole, or gives more than it claims."""
        if count > self._claimed + self._claimed // 4 + _PACKED:
            raise UnmixError(
                f"{self._label} is stored in {count:,} bytes and claims to hold {self._claimed:,}: it is damaged, copy the whole file again."
            )
        self._stream.seek(offset)
        raw: bytes = self._stream.read(count)
        if len(raw) < count:
            raise UnmixError(f"{self._label} has {len(raw):,} of its {count:,} bytes: copy the whole file again.")
        if self._compression in _DEFLATE:
            return inflated(raw, self._claimed, self._label)
        if self._compression in _LZMA:
            return unpacked_lzma(raw, self._claimed, self._label, lzma.FORMAT_AUTO)
        return _unpacked_bits(raw, self._claimed) if self._compression in _PACKBITS else raw


def _fill(page: Any, image: NDArray[Any], strips: _Strips) -> None:
    key = page.keyframe
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        if index >= math.prod(key.chunked):
            break
        raw = strips.read(int(offset), int(count)) if count else None
        part, (sample, depth, line, column, _), size = key.decode(raw, index)
        target = image[sample, depth : depth + size[0], line : line + size[1], column : column + size[2]]
        target[...] = key.nodata if part is None else part[: target.shape[0], : target.shape[1], : target.shape[2]]


def _unpacked_bits(packed: bytes, most: int) -> bytes:
    """PackBits: a count and so many bytes, or a count and one byte to repeat; what is beyond the limit is left."""
    out, at = bytearray(), 0
    while at < len(packed) and len(out) < most:
        count = packed[at]
        if count < 128:
            out += packed[at + 1 : at + 2 + count]
            at += 2 + count
        else:
            out += packed[at + 1 : at + 2] * (257 - count) if count > 128 else b""
            at += 2 if count > 128 else 1
    return bytes(out[:most])


class Uncompressed:
    """Numbers that lie in a file as they are, read when they are sliced; a file that became shorter is a sentence."""

    def __init__(self, path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> None:
        self._path, self._offset, self.dtype, self.shape = path, offset, dtype, shape

    def __getitem__(self, index: Any) -> NDArray[Any]:
        wanted, dropped = slices(index, self.shape)
        outer, line, last = wanted[:-2], wanted[-2], wanted[-1]
        width = self.shape[-1]
        out = np.empty([len(one) for one in wanted], self.dtype)
        low, high = (min(line), max(line) + 1) if len(line) else (0, 0)
        with open_regular(self._path) as stream:
            for place in np.ndindex(*(len(one) for one in outer)):
                at = 0
                for chosen, number, length in zip(outer, place, self.shape, strict=False):
                    at = at * length + chosen[number]
                start = (at * self.shape[-2] + low) * width
                read = self._read(stream, start, (high - low) * width).reshape(high - low, width)
                out[place] = read[line.start - low :: line.step][: len(line), last.start : last.stop : last.step]
        return out.reshape([length for axis, length in enumerate(out.shape) if axis not in dropped])

    def _read(self, stream: Any, start: int, count: int) -> NDArray[Any]:
        size = self.dtype.itemsize
        stream.seek(self._offset + start * size)
        raw = stream.read(count * size)
        if len(raw) < count * size:
            raise UnmixError(
                f"{shown(self._path.name)} ends {count * size - len(raw):,} bytes before its image does: copy the whole file again."
            )
        return np.frombuffer(raw, self.dtype)
