"""What a file is by its first bytes: containers and texts are never bare numbers, whatever header lies beside them."""

from __future__ import annotations

import struct
from pathlib import Path

from napari_unmix.files.opened import first_bytes

_START = 600
PICTURES = ("PNG", "JPEG", "JPEG 2000", "GIF", "BMP", "WebP")
_MARKS = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "BigTIFF"),
    (b"MM\x00+", "BigTIFF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\x0e\x03\x13\x01", "HDF4"),
    (b"CDF\x01", "NetCDF"),
    (b"CDF\x02", "NetCDF"),
    (b"CDF\x05", "NetCDF"),
    (b"EHFA_HEADER_TAG", "ERDAS Imagine"),
    (b"HEAD74", "ERDAS LAN/GIS"),
    (b"HEADER\x00", "ERDAS LAN/GIS"),
    (b"NITF0", "NITF"),
    (b"NSIF0", "NITF"),
    (b"PK\x03\x04", "zip archive"),
    (b"PK\x05\x06", "zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (b"\xfd7zXZ\x00", "xz archive"),
    (b"%PDF-", "PDF"),
    (b"SIMPLE  =", "FITS"),
    (b"\x93NUMPY", "NumPy array"),
    (b"MATLAB 5", "MATLAB file"),
    (b"MATLAB 7", "MATLAB file"),
    (b"CDF_VERSION", "CDF"),
    (b"PDS_VERSION_ID", "PDS image"),
    (b"LBLSIZE=", "VICAR image"),
    (b"NCOLS ", "ESRI text grid"),
    (b"GRIB", "GRIB"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"\x00\x00\x00\x0cftyp", "video"),
    (b"version https://git-lfs", "pointer of Git LFS, not the data"),
    (b"ZISRAWFILE", "Zeiss CZI"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE document"),
)


def container(path: Path) -> str:
    """What kind of file this is by its own mark, "" where it has none, as bare numbers and texts. Raises OSError."""
    start = first_bytes(path, _START)
    for mark, kind in _MARKS:
        if start.startswith(mark):
            return kind
    if start[512:].startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    return _short_marks(start, path)


def _short_marks(start: bytes, path: Path) -> str:
    """Marks of two bytes are met by chance: what follows them must fit as well."""
    if start.startswith(b"BM") and len(start) > 14 and struct.unpack("<I", start[2:6])[0] == path.stat().st_size:
        return "BMP"
    if start.startswith(b"\xff\xd8\xff") and len(start) > 3 and start[3] >= 0xC0:
        return "JPEG"
    if start.startswith(b"BZh") and start[4:10] == b"1AY&SY":
        return "bzip2 archive"
    if start.startswith(b"\x1f\x8b\x08") and len(start) > 3 and start[3] < 32:
        return "gzip archive"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WebP"
    return ""


def is_text(path: Path) -> bool:
    """Whether a file begins with readable text. Raises OSError."""
    start = first_bytes(path, _START)
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return bool(start) and b"\x00" not in start and printable > 0.97 * len(start)
