"""NumPy and MATLAB 5 files: headers that claim what is not there, names that repeat, what is packed too well."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from case import Case, info, write
from formats import (
    MAT_HEAD,
    SHAPE,
    archive,
    deflated_zeros,
    element,
    matrix,
    npy,
    npy_claim,
    npy_head,
    packed,
    patched,
    spectra,
)

GOOD = npy(spectra())
PICKLE = npy(np.array([[[{}, 1]]], dtype=object), pickled=True)
_ESCAPE = "\x1b]0;owned\x07"
HEADERS: dict[str, bytes] = {
    "10^12 rows": npy_claim(npy_head("(1000000000000, 1, 1)")),
    "rows below zero": npy_claim(npy_head("(-6, 5, 8)")),
    "two lengths below zero": npy_claim(npy_head("(-6, -5, 8)"), spectra().tobytes()),
    "4000 digits": npy_claim(npy_head("(" + "9" * 4000 + ", 1, 1)")),
    "9000 digits": npy_claim(npy_head("(" + "9" * 9000 + ", 1, 1)")),
    "400 digits": npy_claim(npy_head("(1" + "0" * 400 + ", 1, 1)")),
    "10^5 digits": npy_claim(npy_head("(" + "9" * 100_000 + ", 1, 1)"), version=(2, 0)),
    "brackets": npy_claim(b"(" * 9000),
    "minus signs": npy_claim(b"-" * 9000 + b"1"),
    "dictionaries": npy_claim(b"{1:" * 3000),
    "code": npy_claim(b"__import__('os').system('touch owned')"),
    "numbers of no size": npy_claim(npy_head(kind="'|V0'")),
    "texts of no size": npy_claim(npy_head(kind="'<U0'")),
    "fractions": npy_claim(npy_head("(6.0, 5, 8)")),
    "a truth": npy_claim(npy_head("(True, 5, 8)")),
    "text cut": npy_claim(b"{'descr': '<f4"),
    "zeros": npy_claim(bytes(99)),
    "unknown type": npy_claim(npy_head(kind="'<zzz'")),
    "indented": npy_claim(b"{'descr': '<f4',\n  'x': 1L,\n }\n  5\n 3"),
    "keys of two kinds": npy_claim(b"{'descr': '<f4', 5: 6, 'shape': 3}"),
    "a list": npy_claim(b"[1, 2, 3]"),
    "fields twice": npy_claim(npy_head(kind="[('a','<f4'),('a','<f4')]")),
    "fields within fields": npy_claim(npy_head(kind="[('a'," * 400 + "'<f4'" + ")]" * 400)),
    "not UTF-8": npy_claim(b"\xff\xfe\xfd"),
    "version 9": npy_claim(npy_head(), version=(9, 9)),
    "a header of 4 GB": b"\x93NUMPY\x02\0\xff\xff\xff\xff" + npy_head().encode(),
    "pickled": PICKLE,
    "cut": GOOD[:-5],
    "a matrix": npy(np.ones((3, 4))),
    "four axes": npy(np.ones((2, 2, 2, 9))),
    "complex": npy(np.ones(SHAPE, complex)),
    "texts": npy(np.full((2, 2, 9), "a")),
    "structured": npy(np.zeros((2, 2, 9), [("a", "f4")])),
    "dates": npy(np.zeros((2, 2, 9), "M8[s]")),
    "no rows": npy(np.ones((0, 5, 8))),
    "no number": npy(np.full(SHAPE, np.nan)),
    "infinite": npy(np.full(SHAPE, np.inf)),
    "60 axes": npy_claim(npy_head("(" + "2, " * 60 + ")")),
    "order of no kind": npy_claim(npy_head(order="'C'"), spectra().tobytes()),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, content in HEADERS.items():
        yield Case("cube NumPy", name, write("c.npy", content), info("c.npy"), file="c.npy")
        yield Case(
            "cube NumPy archive", name, write("c.npz", archive([("cube.npy", content)])), info("c.npz"), file="c.npz"
        )
        beside = archive([("cube.npy", GOOD), ("wavelength.npy", content)])
        yield Case(
            "cube NumPy archive",
            f"{name}, beside a good cube",
            write("c.npz", beside),
            info("c.npz"),
            "either",
            "c.npz",
        )
    python_2 = npy_claim(npy_head("(6L, 5L, 8L)"), spectra().tobytes())
    yield Case("cube NumPy", "of Python 2", write("c.npy", python_2), info("c.npy"), "either", "c.npy")
    yield Case(
        "cube NumPy",
        "8 TB of holes",
        _holes("c.npy", npy_claim(npy_head("(1000000, 1000000, 2)")), 8 * 10**12),
        info("c.npy"),
        file="c.npy",
    )
    yield from _archives()
    yield from _matlab()


def _archives() -> Iterator[Case]:
    one = archive([("cube.npy", GOOD)])
    found: dict[str, tuple[bytes, str]] = {
        "two of one name": (archive([("cube.npy", GOOD), ("cube.npy", b"x")]), "refuse"),
        "a name with and without suffix": (archive([("cube.npy", GOOD), ("cube", b"x")]), "either"),
        "a name that leads out": (archive([("../../evil.npy", GOOD)]), "either"),
        "a name from the root": (archive([("/etc/evil.npy", GOOD)]), "either"),
        "encrypted": (patched(one, 6, 8, b"\1\0"), "refuse"),
        "method 99": (patched(one, 8, 10, b"\x63\0"), "refuse"),
        "LZMA that is none": (patched(one, 8, 10, b"\x0e\0"), "refuse"),
        "bzip2 that is none": (patched(one, 8, 10, b"\x0c\0"), "refuse"),
        "LZMA": (archive([("cube.npy", GOOD)], zipfile.ZIP_LZMA), "either"),
        "bzip2": (archive([("cube.npy", GOOD)], zipfile.ZIP_BZIP2), "either"),
        "size 4 GB": (patched(one, 22, 24, b"\xfe\xff\xff\xff"), "refuse"),
        "nothing": (archive([]), "refuse"),
        "60000 members": (archive([(f"a{place}.npy", b"") for place in range(60_000)]), "refuse"),
        "60000 empty names": (archive([(f"a{place}", b"") for place in range(60_000)]), "refuse"),
        "names that ring": (archive([(_ESCAPE + "a.npy", npy(np.ones(3))), ("b.npy", npy(np.ones(4)))]), "refuse"),
        "a cube that rings": (archive([(_ESCAPE + "a.npy", GOOD), ("b.npy", GOOD)]), "either"),
        "a name of 65000 letters": (archive([("a" * 65_000 + ".npy", npy(np.ones(3)))]), "refuse"),
        "a cube of 65000 letters": (archive([("a" * 65_000 + ".npy", GOOD), ("b.npy", GOOD)]), "either"),
        "no array": (archive([("cube.npy", b"hello")]), "refuse"),
        "3 GB of zeros": (_zeros_member(3_200_000_000), "refuse"),
        "3 GB, claimed as 2 kB": (_zeros_member(3_200_000_000, claim=2000), "refuse"),
        "end repeated": (one + one[-22:], "either"),
        "a comment of 60 kB": (one[:-2] + struct.pack("<H", 60_000) + bytes(60_000), "either"),
        "a directory of 4 GB": (one[:-10] + b"\xf0\xff\xff\xff" + one[-6:], "refuse"),
    }
    for name, (content, expect) in found.items():
        yield Case("cube NumPy archive", name, write("c.npz", content), info("c.npz"), expect, "c.npz")  # type: ignore[arg-type]


def _zeros_member(size: int, claim: int | None = None) -> bytes:
    """An archive whose one member unpacks to so many zeros behind an honest header, or to more than it claims."""
    head = npy_claim(npy_head("(1000, 1000, 800)"))
    block = struct.pack("<BHH", 0, len(head), 0xFFFF - len(head)) + head  # stored as it is, then the packed zeros
    raw = block + deflated_zeros(size)[2:-4]
    told = (size if claim is None else claim) + len(head)
    sizes = struct.pack("<III", 0, len(raw), told)
    local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 0) + sizes + struct.pack("<HH", 8, 0) + b"cube.npy"
    central = (
        b"PK\1\2"
        + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 0)
        + sizes
        + struct.pack("<HHHHHII", 8, 0, 0, 0, 0, 0, 0)
        + b"cube.npy"
    )
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(raw), 0)
    return local + raw + central + end


def _matlab() -> Iterator[Case]:
    cube = matrix("Y", spectra())
    large = deflated_zeros(4 << 30)
    tag = struct.pack("<II", 14, 2**32 - 8)
    body = (
        element(6, struct.pack("<II", 6, 0))
        + element(5, struct.pack("<3i", 1000, 1000, 536))
        + element(1, b"Y")
        + struct.pack("<II", 9, 1000 * 1000 * 536 * 8 % 2**32)
    )
    stored = struct.pack("<BHH", 0, len(tag + body), 0xFFFF - len(tag + body)) + tag + body
    claims: dict[str, bytes] = {
        "nothing": MAT_HEAD,
        "head cut": MAT_HEAD[:100],
        "no mark": MAT_HEAD[:126] + b"XX" + cube,
        "length past the end": MAT_HEAD + struct.pack("<II", 14, 2**31) + bytes(99),
        "an element of no length": MAT_HEAD + struct.pack("<II", 14, 0) + cube,
        "zeros inside": MAT_HEAD + struct.pack("<II", 14, 64) + bytes(64),
        "cut": MAT_HEAD + cube[:-9],
        "sides below zero": MAT_HEAD + matrix("Y", spectra(), dims=(-6, 5, 8)),
        "sides of 2^31": MAT_HEAD + matrix("Y", spectra(), dims=(2**31 - 1,) * 3),
        "900 sides of 2^31": MAT_HEAD + matrix("Y", spectra(), dims=(2**31 - 1,) * 900),
        "complex": MAT_HEAD + matrix("Y", spectra(), flags=0x800),
        "numbers of type 77": MAT_HEAD + matrix("Y", spectra(), kind=77),
        "numbers are texts": MAT_HEAD + matrix("Y", spectra(), kind=16),
        "too few numbers": MAT_HEAD + matrix("Y", spectra(), length=8),
        "2 GB of numbers": MAT_HEAD + matrix("Y", spectra(), length=2**31),
        "a cell": MAT_HEAD + matrix("Y", spectra(), cls=1),
        "sparse": MAT_HEAD + matrix("Y", spectra(), cls=5),
        "a structure of garbage": MAT_HEAD + matrix("Y", 1.0, cls=2),
        "two cubes of one name": MAT_HEAD + cube + matrix("Y", [[1.0, 2.0]]),
        "two scalars of one name": MAT_HEAD
        + matrix("nRow", 6.0)
        + matrix("nCol", 5.0)
        + matrix("Y", np.ones((8, 30)))
        + matrix("nRow", [[1.0, 2.0]]),
        "a second cube of 2^93": MAT_HEAD + cube + matrix("Y", spectra(), dims=(2**31 - 1,) * 3),
        "rows nan": MAT_HEAD + matrix("nRow", np.nan) + matrix("nCol", 5.0) + matrix("Y", np.ones((8, 30))),
        "rows 1e300": MAT_HEAD + matrix("nRow", 1e300) + matrix("nCol", 1e300) + matrix("Y", np.ones((8, 30))),
        "packed garbage": MAT_HEAD + packed(b"z" * 99),
        "packed and cut": MAT_HEAD + packed(zlib.compress(cube)[:40]),
        "half a GB of zeros packed": MAT_HEAD + packed(deflated_zeros(1 << 29)),
        "4 GB of a cube packed": MAT_HEAD + packed(b"\x78\xda" + stored + large[2:]),
        "names that ring": MAT_HEAD + matrix(_ESCAPE, [[1.0, 2.0]]),
        "20000 arrays": MAT_HEAD + b"".join(matrix(f"a{place}", 1.0) for place in range(20_000)),
        "no number": MAT_HEAD + matrix("Y", np.full(SHAPE, np.nan)),
        "version 4": struct.pack("<iiiii", 0, 6, 5, 0, 2) + b"Y\0" + bytes(240),
        "packed structures": MAT_HEAD + b"".join(packed(_structure_of_zeros(f"s{place}")) for place in range(20)),
    }
    for name, content in claims.items():
        yield Case("cube MATLAB 5", name, write("c.mat", content), info("c.mat"), file="c.mat")
    either = {
        "a name of 5000 letters": matrix("Y" * 5000, spectra()),
        "scale nan": cube + matrix("scale", np.nan),
        "scale 1e308": matrix("Y", np.rint(spectra() * 99)) + matrix("scale", 1e308),
        "zeros": matrix("Y", np.zeros(SHAPE)),
        "wavelengths nan": cube + matrix("wl", np.full(8, np.nan)),
        "rows complex": cube + matrix("nRow", 6.0, flags=0x800),
    }
    for name, content in either.items():
        yield Case("cube MATLAB 5", name, write("c.mat", MAT_HEAD + content), info("c.mat"), "either", "c.mat")
    for size in (2 * 10**9, 10**12):
        yield Case(
            "cube MATLAB 5", f"{size:.0e} bytes of holes", _holes("c.mat", MAT_HEAD, size), info("c.mat"), file="c.mat"
        )


def _structure_of_zeros(name: str) -> bytes:
    """A packed structure of one element that claims a GB."""
    body = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, name.encode())
    head = struct.pack("<II", 14, 1 << 30) + body
    return b"\x78\xda" + struct.pack("<BHH", 0, len(head), 0xFFFF - len(head)) + head + deflated_zeros(1 << 30)[2:]


def _holes(file: str, start: bytes, size: int) -> Any:
    def make(folder: Path) -> None:
        with (folder / file).open("wb") as stream:
            stream.write(start)
            stream.truncate(size)

    return make
