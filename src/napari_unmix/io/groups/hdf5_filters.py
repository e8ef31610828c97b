"""The filters of HDF5's chunks by their numbers: those that are undone here, and what others say of the size that they give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from napari_unmix.io.unpacked import check_bitshuffle, check_blosc, check_declared, check_zstd
from napari_unmix.sentences import UnmixError

Buffer = bytes | memoryview

DEFLATE, SHUFFLE, FLETCHER, SZIP, NBIT, SCALE_OFFSET = 1, 2, 3, 4, 5, 6
LZF, BLOSC, LZ4, BITSHUFFLE, ZSTD = 32000, 32001, 32004, 32008, 32015
CHECKSUM = 4  # bytes of Fletcher's
_BLOCK = 4096  # words


def in_order(raw: Buffer, itemsize: int) -> Buffer:
    """First all first bytes, then all second ones …, to numbers; bytes that are left over stay at the end."""
    whole = len(raw) // itemsize
    planes = np.frombuffer(raw, np.uint8, whole * itemsize).reshape(itemsize, whole)
    ordered = np.empty(len(raw), np.uint8)
    numbers = ordered[: planes.size].reshape(whole, itemsize)
    for place, plane in enumerate(planes):  # three times as fast as one transposed copy
        numbers[:, place] = plane
    ordered[planes.size :] = np.frombuffer(raw, np.uint8)[planes.size :]
    return ordered.data


def summed(raw: Buffer, label: str) -> Buffer:
    """Without the checksum, which must be right: Fletcher's sums of words of 16 bits, and of these sums, modulo 65535."""
    content = raw[:-CHECKSUM]
    told = np.frombuffer(raw[len(content) :], np.uint8).tobytes()
    sums = _fletcher(content)
    written = [tuple(int(value) % 65535 for value in np.frombuffer(told, order)) for order in ("<u2", ">u2")]
    if len(raw) < CHECKSUM or sums not in written:  # the second order is that of old big-endian machines
        raise UnmixError(f"{label} has another checksum than its bytes: it is damaged, copy the whole file again.")
    return content


def _fletcher(content: Buffer) -> tuple[int, int]:
    """By blocks, in which doubles count exactly."""
    words = np.frombuffer(content, ">u2", len(content) // 2)
    if len(content) % 2:
        words = np.append(words, np.array(content[-1] << 8, ">u2"))
    whole = words.size // _BLOCK * _BLOCK
    first = second = 0
    falling = _falling()
    for block in (words[:whole].reshape(-1, _BLOCK), words[whole:].reshape(1, -1)):
        length = block.shape[1]
        for plain, weighted in (block.astype(float) @ falling[_BLOCK - length :]).astype(np.int64).tolist():
            second += weighted + first * length
            first += plain
    return first % 65535, second % 65535


@cache
def _falling() -> NDArray[np.float64]:
    return np.stack([np.ones(_BLOCK), np.arange(_BLOCK, 0, -1)], axis=1)


def check_packed(number: int, values: Sequence[int], raw: Buffer, most: int, label: str) -> None:
    """What the first bytes of a packed chunk say of its size."""
    if number == BLOSC:
        check_blosc(raw, most, label)
    elif number == ZSTD:
        check_zstd(raw, most, label)
    elif number == BITSHUFFLE and len(values) > 4 and values[4]:  # else its bits are in another order, and as many
        check_bitshuffle(raw, most, label, int(values[2]))
    elif number in (LZ4, SZIP):
        check_declared(raw, most, label, ">Q" if number == LZ4 else "<I")
