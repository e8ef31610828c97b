"""MATLAB 5 files that claim, repeat, or have no end: damage in a sentence, soon."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.io.arrays.matlab5 import list_version_5, load_version_5
from napari_unmix.sentences import UnmixError

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
CUBE = np.arange(1.0, 61.0).reshape(4, 3, 5)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def described(name: str, shape: tuple[int, ...], number: int = 6) -> bytes:
    head = element(6, struct.pack("<II", number, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return head + element(1, name.encode())


def matrix(name: str, array: np.ndarray) -> bytes:
    return element(14, described(name, array.shape) + element(9, array.astype("<f8").tobytes(order="F")))


def packed(start: bytes, zeros: int) -> bytes:
    packer = zlib.compressobj(9)
    content = (
        packer.compress(start) + b"".join(packer.compress(bytes(1 << 24)) for _ in range(zeros >> 24)) + packer.flush()
    )
    return struct.pack("<II", 15, len(content)) + content


DAMAGED = {
    "has no type or no length": HEAD + matrix("Y", CUBE) + bytes(64),
    "at byte 128 has no type": HEAD + struct.pack("<II", 14, 0) + matrix("Y", CUBE),
    "two arrays called Y": HEAD + matrix("Y", CUBE) + matrix("Y", CUBE[:, :, :1]),
    "two arrays called nRow": HEAD + matrix("nRow", CUBE[:1, :1, 0]) * 2 + matrix("Y", CUBE),
    "more than 10,000 elements": HEAD + element(2, b"12345678") * 10_001,
    "ends after the end of the file": HEAD + struct.pack("<II", 14, 2**31) + bytes(99),
    "no measured cube does": HEAD + packed(
        struct.pack("<II", 14, 2**28 + 64) + described("Y", (256, 512, 256)) + struct.pack("<II", 9, 2**28), 2**28
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sentence", "content"), DAMAGED.items(), ids=DAMAGED)
def test_damage_is_a_sentence(tmp_path: Path, sentence: str, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(UnmixError, match=sentence):
        read_cube(tmp_path / "a.mat")
    can_read(tmp_path / "a.mat")


@pytest.mark.parametrize("size", [2 * 10**9, 10**12])
def test_a_download_that_broke_off_is_told_at_once(tmp_path: Path, size: int) -> None:
    with (tmp_path / "a.mat").open("wb") as stream:
        stream.write(HEAD)
        stream.truncate(size)
    start = time.process_time()
    with pytest.raises(UnmixError, match="has no type or no length"):
        read_cube(tmp_path / "a.mat")
    assert time.process_time() - start < 1


def test_what_is_listed_is_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(HEAD + matrix("Y", CUBE) + matrix("wl", np.arange(5.0)[None]))
    listed = list_version_5(tmp_path / "a.mat")
    assert [entry[0] for entry in listed] == ["Y", "wl"]
    found = load_version_5(tmp_path / "a.mat", ["Y", "nothing"])
    assert list(found) == ["Y"]
    np.testing.assert_array_equal(found["Y"], CUBE)
