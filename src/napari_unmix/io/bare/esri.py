"""Images with ESRI's header of keywords (.hdr beside .bil, .bip, .bsq), as ArcGIS, GDAL's EHdr and some cameras write them.

Keywords: ESRI, "BIL, BIP, and BSQ raster files" (ArcGIS documentation): NROWS, NCOLS, NBANDS, NBITS, PIXELTYPE, BYTEORDER, LAYOUT,
SKIPBYTES, BANDROWBYTES, TOTALROWBYTES, BANDGAPBYTES, NODATA, ULXMAP, ULYMAP, XDIM, YDIM.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unmix.cube import Georeference, Reading
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.axis.lists import number, numbers
from napari_unmix.io.bare.envi import checked, find_data, find_header
from napari_unmix.io.bare.envi_fields import text_of
from napari_unmix.io.bare.layout import INTERLEAVES, Layout
from napari_unmix.io.bare.lines import Lines
from napari_unmix.io.marks import container
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_WORDS = {"nrows", "ncols", "nbands", "nbits", "byteorder", "layout", "pixeltype"}
_FEWEST = 2  # of these make a header
_SUFFIXES = ("", ".bil", ".bip", ".bsq", ".raw", ".img", ".dat", ".bin", ".flt")
_LIST = "wavelengths"


def is_esri_header(path: Path) -> bool:
    """Whether a file is a text of ESRI's keywords. Raises OSError."""
    if path.suffix.lower() != ".hdr":
        return False
    start = first_bytes(path, 2000).decode("latin-1")
    words = {line.split()[0].lower() for line in start.splitlines() if len(line.split()) > 1}
    return "nrows" in words and len(words & _WORDS) >= _FEWEST and "=" not in start.splitlines()[0]


def is_esri(path: Path, start: bytes) -> bool:
    """Whether a file is such a header, or one lies beside it. Raises OSError."""
    if path.suffix.lower() == ".hdr":
        return is_esri_header(path)
    header = find_header(path)
    return header is not None and is_esri_header(header) and not container(path)


def esri_holds_cube(path: Path) -> bool:
    """Whether there are several bands. Raises OSError."""
    header = path if path.suffix.lower() == ".hdr" else find_header(path)
    return header is not None and (number(_fields(text_of(header)).get("nbands", "1")) or 0) > 1


def read_esri(path: Path, reading: Reading) -> Stored:
    """Read an image, given its header or its data file. Raises UnmixError, OSError."""
    header = path if path.suffix.lower() == ".hdr" else find_header(path)
    if header is None:
        raise UnmixError(f"{path.name} has no header: put {path.stem}.hdr beside it.")
    fields = _fields(text_of(header))
    layout, said = _layout(fields, header.name)
    data, found = find_data(header, layout, _SUFFIXES) if path == header else (path, ())
    layout, cut = checked(data, layout)
    no_data = number(fields.get("nodata", fields.get("nodata_value", "")))
    listed = numbers(fields.get(_LIST, ""))
    lines = Lines(data, layout)
    return Stored(
        array=lines,
        bands_axis=2,
        wavelengths=None if listed is None else listed.values[: layout.shape[2]] if cut else listed.values,
        unit="nm" if listed is None else listed.unit or fields.get("wavelengthunits", ""),
        no_data=() if no_data is None else (no_data,),
        georeference=_georeference(fields),
        repairs=(*said, *found, *cut),
        close=lines.close,
    )


def _fields(text: str) -> dict[str, str]:
    """Keyword in lower case -> its text; the lines of a list of wavelengths under its own name."""
    fields: dict[str, str] = {}
    listing = False
    for line in text.splitlines():
        words = line.split(maxsplit=1)
        if not words:
            continue
        key = words[0].lower().strip(":=")
        if key in (_LIST, "wavelength"):
            listing = True
            fields[_LIST] = words[1] if len(words) > 1 else ""
        elif key.endswith("_end"):
            listing = False
        elif listing and number(words[0].strip(",;")) is not None:
            fields[_LIST] += "\n" + line
        elif len(words) > 1:
            listing = False
            fields[key.replace("_", "") if key.startswith("wave") else key] = words[1].strip()
    return fields


def _layout(fields: dict[str, str], name: str) -> tuple[Layout, tuple[str, ...]]:
    rows, columns = (_whole(fields, key, name, None) for key in ("nrows", "ncols"))
    bands = _whole(fields, "nbands", name, None) if fields.get("nbands") else 1
    interleave = fields.get("layout", "bil").lower()
    if interleave not in INTERLEAVES:
        raise UnmixError(f"The LAYOUT {interleave!r} in {name} is unknown: write BSQ, BIL or BIP.")
    dtype, said = _type(fields, name)
    item = dtype.itemsize
    row = columns * item * (bands if interleave == "bip" else 1)
    band_row = _whole(fields, "bandrowbytes", name, columns * item)
    usual = bands * band_row if interleave == "bil" else row if interleave == "bip" else band_row
    total = _whole(fields, "totalrowbytes", name, usual)
    if band_row < columns * item or total < usual:
        raise UnmixError(
            f"BANDROWBYTES or TOTALROWBYTES in {name} are less than a row of {columns} columns needs: correct them."
        )
    gaps = {"bil": (total - bands * band_row, band_row - columns * item), "bip": (total - row, 0)}
    major, minor = gaps.get(interleave, (_whole(fields, "bandgapbytes", name, 0), max(total, band_row) - row))
    layout = Layout(
        (rows, columns, bands), dtype, interleave, _whole(fields, "skipbytes", name, 0), (0, major), (0, minor)
    )
    return layout, said


def _type(fields: dict[str, str], name: str) -> tuple[np.dtype[np.generic], tuple[str, ...]]:
    bits = _whole(fields, "nbits", name, 8)
    kind = fields.get("pixeltype", "").lower()
    letter = "f" if "float" in kind or bits == 64 else "i" if kind.startswith("signed") else "u"
    if bits not in (8, 16, 32, 64) or (letter == "f" and bits < 32):
        raise UnmixError(f"{name} has numbers of {bits} bits: save the image with 8, 16 or 32.")
    order = fields.get("byteorder", "").lower()
    said = () if order or bits == 8 else ("the header names no byte order: read as little-endian",)
    return np.dtype(f"{'>' if order.startswith('m') else '<'}{letter}{bits // 8}"), said


def _whole(fields: dict[str, str], key: str, name: str, default: int | None) -> int:
    text = fields.get(key, "")
    if not text and default is not None:
        return default
    found = number(text.split()[0]) if text else None
    if found is None or found < 0 or not found.is_integer() or (default is None and found < 1):
        raise UnmixError(f"'{key.upper()} {text[:40]}' in {name} is no whole number: correct it.")
    return int(found)


def _georeference(fields: dict[str, str]) -> Georeference | None:
    """ULXMAP and ULYMAP are the middle of the first pixel."""
    values = [number(fields.get(key, "")) for key in ("ulxmap", "ulymap", "xdim", "ydim")]
    known = [value for value in values if value is not None]
    if len(known) < 4:
        return None
    x, y, width, height = known
    return Georeference((width, 0.0, x - width / 2, 0.0, -height, y + height / 2))
