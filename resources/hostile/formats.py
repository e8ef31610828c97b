"""The bytes of small files of every format, whole or with one claim changed."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

HEIGHT, WIDTH, BANDS = 6, 5, 8
SHAPE = (HEIGHT, WIDTH, BANDS)


def spectra() -> np.ndarray:
    """(6, 5, 8) float32 mixtures of three materials."""
    generator = np.random.default_rng(0)
    return (generator.dirichlet(np.ones(3), SHAPE[:2]) @ generator.uniform(0.1, 0.9, (3, BANDS))).astype(np.float32)


def labels() -> np.ndarray:
    """(6, 5) uint8: two painted regions."""
    found = np.zeros(SHAPE[:2], np.uint8)
    found[:2], found[2:4] = 1, 2
    return found


def deflated_zeros(size: int) -> bytes:
    """So many zeros as zlib packs them, without making them: a thousandth of the size."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    count = size >> 24
    check = struct.pack(">I", ((count << 24) % 65521) << 16 | 1)
    return b"\x78\xda" + piece * count + b"\x03\x00" + check


def gzipped_zeros(size: int) -> bytes:
    """The same as gzip has it; its checksum is wrong, which nobody sees before the end."""
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + deflated_zeros(size)[2:-4] + bytes(8)


# --- NumPy


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    """A NumPy array."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def npy_claim(header: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array with this text as its header."""
    text = header if isinstance(header, bytes) else header.encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(text)) + text + data


def npy_head(shape: str = str(SHAPE), kind: str = "'<f4'", order: str = "False") -> str:
    """The text of a header."""
    return f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def archive(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive; names may repeat."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as file:
        warnings.simplefilter("ignore")  # of names that repeat
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def patched(content: bytes, local: int, central: int, value: bytes) -> bytes:
    """An archive of one member with a field of both of its headers changed."""
    changed = bytearray(content)
    place = content.find(b"PK\x01\x02")
    changed[local : local + len(value)] = value
    changed[place + central : place + central + len(value)] = value
    return bytes(changed)


# --- MATLAB 5

MAT_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind: int, content: bytes) -> bytes:
    """An element, padded to eight bytes."""
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: str | bytes, array: Any, **claims: Any) -> bytes:
    """A matrix of doubles; ``dims``, ``cls``, ``kind``, ``flags`` and ``length`` say something else than is there."""
    numbers = np.asarray(array, "<f8")
    dims = claims.get("dims", numbers.shape or (1, 1))
    content = numbers.tobytes(order="F")
    body = element(6, struct.pack("<II", claims.get("cls", 6) | claims.get("flags", 0), 0))
    body += element(5, struct.pack(f"<{len(dims)}i", *dims))
    body += element(1, name if isinstance(name, bytes) else name.encode())
    body += struct.pack("<II", claims.get("kind", 9), claims.get("length", len(content))) + content
    return struct.pack("<II", 14, len(body)) + body


def packed(content: bytes) -> bytes:
    """A compressed element."""
    return struct.pack("<II", 15, len(content)) + content


# --- ENVI


def envi(folder: Path, raw: bytes = b"", *, data: bool = True, **fields: object) -> None:
    """s.hdr and s.img; ``fields`` replace lines of the header (None drops one), ``raw`` stands behind them."""
    lines: dict[str, object] = {
        "samples": WIDTH, "lines": HEIGHT, "bands": BANDS, "header offset": 0, "data type": 4, "interleave": "bip", "byte order": 0,
    }  # fmt: skip
    lines |= {key.replace("_", " "): value for key, value in fields.items()}
    text = "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)
    (folder / "s.hdr").write_bytes(b"ENVI\n" + text.encode() + raw)
    if data:
        (folder / "s.img").write_bytes(spectra().tobytes())


# --- pictures


def png(width: int, height: int, packed_rows: bytes, *, kind: int = 0, depth: int = 8, before: bytes = b"") -> bytes:
    """A PNG of these packed rows."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + png_chunk(b"IDAT", packed_rows) + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(strip: bytes, **claims: Any) -> bytes:
    """A grey TIFF of one strip; ``claims`` change tags by number as ``t259=8``, or give a ``description`` and the ``following`` directory."""
    height = claims.get("t257", HEIGHT)
    tags: dict[int, tuple[int, int, int]] = {
        256: (4, 1, WIDTH), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1), 278: (4, 1, height),
        339: (3, 1, 1), 279: (4, 1, len(strip)), 273: (4, 1, 0),
    }  # fmt: skip
    for name, value in claims.items():
        if name.startswith("t"):
            tags[int(name[1:])] = (tags.get(int(name[1:]), (4, 1, 0))[0], 1, value)
    description = claims.get("description", b"")
    behind = 8 + 2 + 12 * (len(tags) + bool(description)) + 4
    if description:
        tags[270] = (2, len(description) + 1, behind)
        description += b"\0"
    if "t273" not in claims:
        tags[273] = (4, 1, behind + len(description))
    out = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, (kind, count, value) in sorted(tags.items()):
        out += struct.pack("<HHI", tag, kind, count) + struct.pack(
            "<HH" if kind == 3 else "<I", *((value, 0) if kind == 3 else (value,))
        )
    return out + struct.pack("<I", claims.get("following", 0)) + description + strip
