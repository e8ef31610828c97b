"""The text of an ENVI header as fields, and the closed list of what becomes of each: applied, harmless, or refused.

Fields as of ENVI's documentation ("ENVI Header Files", NV5 Geospatial) and of what recorders add to them.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from napari_unmix.files.opened import first_bytes, read_regular
from napari_unmix.io.axis.wavelengths import names_axis
from napari_unmix.sentences import UnmixError

_LONGEST = 2_000_000  # bytes; real headers are kilobytes
_OPENING = {"{": "}", "[": "]", "(": ")"}
# Lists of one number per band that are applied, or that are known not to change the numbers.
APPLIED_LISTS = (
    "data gain values",
    "data offset values",
    "data reflectance gain values",
    "data reflectance offset values",
    "bbl",
    "fwhm",
)
HARMLESS_LISTS = (
    "band names", "default bands", "solar irradiance", "spectra names", "class names", "class lookup", "map info", "geo points", "rpc info",
    "projection info", "pixel size", "z plot range", "z plot titles", "z plot average", "description", "history", "read procedures",
    "default stretch",     "pseudo projection info", "x range", "y range", "roi", "gain", "exposure", "himg", "vimg", "sw binning", "hw binning",
)  # fmt: skip
_SINGLE = (
    "samples", "lines", "bands", "header offset", "file type", "data type", "interleave", "byte order", "sensor type", "acquisition time",
    "wavelength units", "reflectance scale factor", "data ignore value", "coordinate system string", "cloud cover", "sun azimuth", "sun elevation",
    "file compression", "major frame offsets", "minor frame offsets", "x start", "y start", "complex function", "classes", "dem band", "dem file",
    "product type", "security tag", "smoothing factors", "timestamp", "units", "radiance scale factor",
)  # fmt: skip
KNOWN = frozenset((*APPLIED_LISTS, *HARMLESS_LISTS, *_SINGLE))
_NUMERIC_LINE = re.compile(r"^[\s{\[(]*[-+−.]?\d[^=]*$")


def is_envi_header(path: Path) -> bool:
    """Whether the file begins as an ENVI header does. Raises OSError."""
    return first_line(decoded(first_bytes(path, 256))) == "ENVI"


def text_of(path: Path) -> str:
    """A header's text. Raises UnmixError where it is too long to be one, OSError."""
    if path.stat().st_size > _LONGEST:
        raise UnmixError(f"{path.name} is too long for an ENVI header: give the small text file that ends in .hdr.")
    return decoded(read_regular(path, _LONGEST))


def decoded(content: bytes) -> str:
    """Text of any of the encodings that headers are met in."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def first_line(text: str) -> str:
    """The first line that is not blank, in capitals."""
    lines = text.lstrip("\ufeff \t\r\n").splitlines()
    return lines[0].strip().upper() if lines else ""


def key_of(text: str) -> str:
    """The name of a field as it is looked up: lower case, words parted by one blank."""
    return " ".join(text.replace("_", " ").lower().split())


def parse_fields(text: str, name: str) -> dict[str, str]:
    """Field name in lower case -> its text, lists without brackets. Raises UnmixError where it is no ENVI header.

    A list that is never closed ends where the next known field begins; one without brackets goes on over lines of numbers.
    """
    if first_line(text) != "ENVI":
        raise UnmixError(
            f"{name} is no ENVI header, its first line is not 'ENVI': give the .hdr that belongs to the image."
        )
    fields: dict[str, str] = {}
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(";")]
    place = 0
    while place < len(lines):
        key, equals, value = lines[place].partition("=")
        place += 1
        if not equals:
            continue
        parts = [value.strip()]
        closing = _OPENING.get(parts[0][:1])
        if closing:
            taken = _bracketed(parts, closing, lines, place)
        elif _is_list(key_of(key)):
            taken = _open_ended(lines, place)
            parts += lines[place : place + taken]
        else:
            taken = 0
        place += taken
        fields[key_of(key)] = "\n".join(
            parts if _is_list(key_of(key)) else [part.partition(";")[0] for part in parts]
        ).strip()
    return fields


def _bracketed(parts: list[str], closing: str, lines: list[str], place: int) -> int:
    """Take lines up to the closing bracket, or to the next known field, into ``parts``; how many."""
    parts[0] = parts[0][1:]
    taken = 0
    while closing not in parts[-1] and place + taken < len(lines) and not _begins_field(lines[place + taken]):
        parts.append(lines[place + taken])
        taken += 1
    if closing in parts[-1]:
        parts[-1] = parts[-1].rpartition(closing)[0]
    return taken


def _open_ended(lines: list[str], place: int) -> int:
    """How many lines of numbers follow."""
    taken = 0
    while place + taken < len(lines) and _NUMERIC_LINE.match(lines[place + taken]):
        taken += 1
    return taken


def _begins_field(line: str) -> bool:
    key, equals, _ = line.partition("=")
    return bool(equals) and (key_of(key) in KNOWN or names_axis(key))


def _is_list(key: str) -> bool:
    return key in APPLIED_LISTS or (names_axis(key) and "unit" not in key)
