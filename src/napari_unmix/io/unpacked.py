"""Decompressors that stop: what a file packs is unpacked to the size that it claims, and never beyond.

A few kilobytes can be packed so that gigabytes come out. Those of Python's decompressors that are told a limit keep to it; of those that
are not, the packed bytes themselves say first how much they will give.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from typing import Any, Protocol

from napari_unmix.io.budget import readable_size
from napari_unmix.sentences import UnmixError

Buffer = bytes | memoryview

_DICTIONARY = 128 << 20  # bytes that LZMA may keep of what it has written
_ZSTD_MARK = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK = 128 << 10  # bytes that a block gives at most
_ZSTD_SIZES = (0, 2, 4, 8)  # bytes of the content's size, by the frame's flag
_ZSTD_SLACK = 4  # a stream of many short blocks gives less than they could: so much more is let through
_BLOSC_HEADER = 16
_BITSHUFFLE_HEADER = 12


class TooMuch(UnmixError):
    """More comes out than is claimed."""


class _Decompressor(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: Buffer, max_length: int, /) -> bytes: ...


def inflated(packed: Buffer, most: int, label: str) -> bytes:
    """What deflate, with a zlib or gzip header, packed. Raises UnmixError where it is more than ``most`` bytes, or damaged."""
    return _streams(packed, most, label, lambda: zlib.decompressobj(wbits=47))


def unpacked_bz2(packed: Buffer, most: int, label: str) -> bytes:
    """What bzip2 packed. Raises UnmixError where it is more than ``most`` bytes, or damaged."""
    return _streams(packed, most, label, bz2.BZ2Decompressor)


def unpacked_lzma(
    packed: Buffer, most: int, label: str, form: int = lzma.FORMAT_AUTO, filters: list[dict[str, Any]] | None = None
) -> bytes:
    """What LZMA packed. Raises UnmixError where it is more than ``most`` bytes, needs a huge dictionary, or is damaged."""
    if form == lzma.FORMAT_RAW:
        largest = max((int(one.get("dict_size", 0)) for one in filters or ()), default=0)
        if largest > _DICTIONARY:
            raise _damaged(label, f"its dictionary claims {readable_size(largest)}")
        return _streams(packed, most, label, lambda: lzma.LZMADecompressor(form, filters=filters))
    return _streams(packed, most, label, lambda: lzma.LZMADecompressor(form, memlimit=_DICTIONARY))


def check_zstd(packed: Buffer, most: int, label: str) -> None:
    """Raise UnmixError where a frame of Zstandard says, or could have, more than ``most`` bytes of content."""
    if packed[:4] != _ZSTD_MARK or len(packed) < 6:
        raise _damaged(label, "it is not packed by Zstandard")
    descriptor = packed[4]
    single, flag = bool(descriptor & 0x20), descriptor >> 6
    at = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    length = 1 if single and flag == 0 else _ZSTD_SIZES[flag]
    if length:
        size = int.from_bytes(packed[at : at + length], "little") + (256 if length == 2 else 0)
        if size > most:
            raise _too_much(label, most)
        return
    if _zstd_blocks(packed, at) * _ZSTD_BLOCK > max(_ZSTD_SLACK * most, 64 * _ZSTD_BLOCK):
        raise _too_much(label, most)


def check_blosc(packed: Buffer, most: int, label: str) -> None:
    """Raise UnmixError where Blosc's header says more than ``most`` bytes of content, or another length than the packed bytes have."""
    if len(packed) < _BLOSC_HEADER:
        raise _damaged(label, f"its {len(packed)} bytes are fewer than Blosc's header has")
    content, _, whole = struct.unpack_from("<III", packed, 4)
    if content > most:
        raise _too_much(label, most)
    if whole != len(packed):
        raise _damaged(label, f"Blosc's header says {whole:,} bytes, it has {len(packed):,}")


def check_declared(packed: Buffer, most: int, label: str, form: str) -> None:
    """Raise UnmixError where the size at the beginning, of ``form`` in ``struct``'s letters, is more than ``most``, or missing."""
    if len(packed) < struct.calcsize(form):
        raise _damaged(label, f"it has {len(packed)} bytes")
    if not 0 <= struct.unpack_from(form, packed)[0] <= most:
        raise _too_much(label, most)


def check_bitshuffle(packed: Buffer, most: int, label: str, itemsize: int) -> None:
    """Raise UnmixError where the header of packed bits claims more than ``most`` bytes, or its blocks are not what the packed bytes have.

    Whole blocks come first, a last one of a multiple of eight numbers, and what is left over as it is; before each its length.
    """
    check_declared(packed, most, label, ">QI")
    size, block = struct.unpack_from(">QI", packed)
    if not block or block % (8 * itemsize) or size % itemsize:
        raise _damaged(label, f"its bits are shuffled in blocks of {block:,} bytes")
    at, rest = _BITSHUFFLE_HEADER, size % (8 * itemsize)
    for _ in range(-(-(size - rest) // block)):
        at += 4 + int.from_bytes(packed[at : at + 4], "big")
        if at > len(packed):
            break
    if at + rest != len(packed):
        raise _damaged(label, f"its blocks have {at + rest:,} bytes, it has {len(packed):,}")


def _streams(packed: Buffer, most: int, label: str, make: Any) -> bytes:
    """One stream after the other, as long as there are any."""
    parts: list[bytes] = []
    left = most
    while packed:
        decompressor: _Decompressor = make()
        try:
            content = decompressor.decompress(packed, left + 1)
        except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            if parts:  # what follows a whole stream may be anything
                break
            raise _damaged(label, str(error)) from error
        if len(content) > left:
            raise _too_much(label, most)
        if not decompressor.eof:
            raise _damaged(label, "it ends early")
        parts.append(content)
        left -= len(content)
        packed = decompressor.unused_data
    if not parts:
        raise _damaged(label, "it is empty")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _zstd_blocks(packed: Buffer, at: int) -> int:
    """How many blocks of content a frame has."""
    count = 0
    while at + 3 <= len(packed):
        header = int.from_bytes(packed[at : at + 3], "little")
        count += 1
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)  # a block of one byte repeated holds that byte only
        if header & 1:
            break
    return count


def _too_much(label: str, most: int) -> TooMuch:
    return TooMuch(
        f"{label} unpacks to more than the {readable_size(most)} that it claims: it is damaged, copy the whole file again."
    )


def _damaged(label: str, reason: str) -> UnmixError:
    return UnmixError(f"{label} is damaged ({reason}): copy the whole file again.")
