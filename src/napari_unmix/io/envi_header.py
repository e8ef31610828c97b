"""The text header of an ENVI file, read as the instruments and programs of this field really write it."""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_unmix.cube import UnmixError
from napari_unmix.io.spy import envi_data_types

INTERLEAVES = ("bsq", "bil", "bip")
_COMPLEX_TYPES = (6, 9)
_LONGEST = 16_000_000  # bytes; real headers are kilobytes
_LIBRARY = "spectral library"
_NOT_CUBES = {_LIBRARY: "a spectral library", "classification": "a classification map"}


@dataclass(frozen=True)
class EnviHeader:
    """What a header says about its data file.

    Attributes
    ----------
    shape : (lines, samples, bands)
    dtype : of the stored numbers, byte order included
    interleave : bsq, bil or bip
    offset : bytes before the first number
    scale : reflectance scale factor, 1 where there is none
    ignore : the number that means "no data", or None
    gains, offsets, bad_bands, wavelengths : (B,) lists, or None; wavelengths as written, of any length. The bands of a spectral
        library are its samples, its lines are spectra
    unit : the unit of the wavelengths as written, may be empty
    fwhm : widths of the bands in the unit of the wavelengths, (B,), or None
    names : of the spectra of a library, or None
    repairs : sentences on what was assumed
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    interleave: str
    offset: int
    scale: float = 1.0
    ignore: float | None = None
    gains: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    bad_bands: tuple[float, ...] | None = None
    wavelengths: tuple[float, ...] | None = None
    unit: str = ""
    fwhm: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = None
    repairs: tuple[str, ...] = ()

    @property
    def data_bytes(self) -> int:
        """Bytes of the data file up to its last number."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def is_envi_header(path: Path) -> bool:
    """Whether the file begins as an ENVI header does. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(256)
    return _first_line(_decode(start)) == "ENVI"


def read_header(path: Path, *, library: bool = False) -> EnviHeader:
    """Read and check the header of an image, or of a library. Raises UnmixError with the line to mend, OSError for an unreadable file."""
    if path.stat().st_size > _LONGEST:
        raise UnmixError(f"{path.name} is too long for an ENVI header: give the small text file that ends in .hdr.")
    return interpret(parse_fields(_decode(path.read_bytes()), path.name), path.name, library=library)


def parse_fields(text: str, name: str) -> dict[str, str]:
    """Field name in lower case -> its text, lists without braces. Raises UnmixError where it is no ENVI header."""
    if _first_line(text) != "ENVI":
        raise UnmixError(
            f"{name} is no ENVI header, its first line is not 'ENVI': give the .hdr that belongs to the image."
        )
    fields: dict[str, str] = {}
    lines = iter(line for line in text.splitlines() if not line.lstrip().startswith(";"))
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            continue
        key = " ".join(key.replace("_", " ").lower().split())
        parts = [value.strip()]
        if parts[0].startswith("{"):
            parts[0] = parts[0][1:]
            while "}" not in parts[-1]:
                following = next(lines, None)
                if following is None:
                    raise UnmixError(f"The list {key!r} in {name} is never closed: add the missing }} at its end.")
                parts.append(following)
            parts[-1] = parts[-1].rpartition("}")[0]
        fields[key] = "\n".join(part.partition(";")[0] for part in parts).strip()
    return fields


def interpret(fields: dict[str, str], name: str, *, library: bool = False) -> EnviHeader:
    """Check the fields of a header and give them their types. Raises UnmixError with the field to mend."""
    _refuse_other_kinds(fields, name, library)
    lines, samples, bands = (_whole_number(fields, key, name, lowest=1) for key in ("lines", "samples", "bands"))
    repairs: list[str] = []
    listed = samples if library else bands
    order = _byte_order(fields, name)
    if order is None:
        repairs.append("the header names no byte order: read as little-endian")
    interleave = fields.get("interleave", "").strip().lower()
    if not interleave and "interleave" not in fields:
        interleave = "bsq"
        repairs.append("the header names no interleave: read as BSQ")
    if interleave not in INTERLEAVES:
        raise UnmixError(f"The interleave {interleave!r} in {name} is unknown: write bsq, bil or bip.")
    return EnviHeader(
        shape=(lines, samples, bands),
        dtype=_data_type(fields, name).newbyteorder("<" if order is None else order),
        interleave=interleave,
        offset=_whole_number(fields, "header offset", name, lowest=0, default=0),
        scale=_scale(fields, repairs),
        ignore=_ignore_value(fields, repairs),
        gains=_per_band(fields, "data gain values", listed, repairs),
        offsets=_per_band(fields, "data offset values", listed, repairs),
        bad_bands=_per_band(fields, "bbl", listed, repairs),
        wavelengths=_wavelengths(fields, repairs),
        unit=fields.get("wavelength units", ""),
        fwhm=_per_band(fields, "fwhm", listed, repairs) if library else None,
        names=_names(fields, lines, repairs) if library else None,
        repairs=tuple(repairs),
    )


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _first_line(text: str) -> str:
    lines = text.lstrip("\ufeff \t\r\n").splitlines()
    return lines[0].strip().upper() if lines else ""


def _refuse_other_kinds(fields: dict[str, str], name: str, library: bool) -> None:
    file_type = fields.get("file type", "").lower()
    if library and (_LIBRARY not in file_type or fields.get("bands", "1").strip() != "1"):
        raise UnmixError(
            f"{name} describes no spectral library (file type {file_type or 'not given'!r}): give a .sli file."
        )
    for words, kind in _NOT_CUBES.items():
        if words in file_type and not library:
            raise UnmixError(f"{name} describes {kind}, not an image: open the hyperspectral image instead.")
    if fields.get("file compression", "0").strip() not in ("", "0"):
        raise UnmixError(f"The data of {name} are compressed: save the image without compression.")


def _whole_number(fields: dict[str, str], key: str, name: str, *, lowest: int, default: int | None = None) -> int:
    text = fields.get(key, "").strip()
    if not text and default is not None:
        return default
    if not text:
        raise UnmixError(f"{name} lacks the line '{key} = …': add it.")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number >= lowest and number.is_integer()):
        raise UnmixError(f"'{key} = {text[:40]}' in {name} is no whole number from {lowest}: correct it.")
    return int(number)


def _byte_order(fields: dict[str, str], name: str) -> Literal["<", ">"] | None:
    text = fields.get("byte order", "").strip()
    if text not in ("", "0", "1"):
        raise UnmixError(f"'byte order = {text[:40]}' in {name} is unknown: write 0 (little-endian) or 1 (big-endian).")
    orders: dict[str, Literal["<", ">"]] = {"0": "<", "1": ">"}
    return orders.get(text)


def _data_type(fields: dict[str, str], name: str) -> np.dtype[Any]:
    code = _whole_number(fields, "data type", name, lowest=0)
    if code in _COMPLEX_TYPES:
        raise UnmixError(f"{name} holds complex numbers (data type {code}): save the magnitude as data type 4.")
    known = envi_data_types()
    if code not in known:
        raise UnmixError(f"'data type = {code}' in {name} is unknown: use one of {', '.join(map(str, known))}.")
    return known[code]


def _scale(fields: dict[str, str], repairs: list[str]) -> float:
    text = fields.get("reflectance scale factor", "").strip()
    if not text:
        return 1.0
    scale = _number(text)
    if scale is not None and math.isfinite(scale) and scale > 0:
        return scale
    repairs.append(f"the reflectance scale factor {text[:40]!r} is no positive number: numbers left as stored")
    return 1.0


def _ignore_value(fields: dict[str, str], repairs: list[str]) -> float | None:
    text = fields.get("data ignore value", "").strip()
    if not text:
        return None
    value = _number(text)
    if value is None:
        repairs.append(f"the data ignore value {text[:40]!r} is no number: not applied")
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(text: str) -> tuple[float, ...] | None:
    numbers = [_number(word) for word in re.split(r"[,\s]+", text) if word]
    return None if None in numbers else tuple(number for number in numbers if number is not None)


def _per_band(fields: dict[str, str], key: str, bands: int, repairs: list[str]) -> tuple[float, ...] | None:
    """A list that is useless unless it has one finite number per band."""
    text = fields.get(key, "")
    if not text:
        return None
    numbers = _numbers(text)
    if numbers is None or not all(map(math.isfinite, numbers)):
        repairs.append(f"'{key}' holds words that are no numbers: not applied")
        return None
    if len(numbers) != bands:
        repairs.append(f"'{key}' has {len(numbers)} entries for {bands} bands: not applied")
        return None
    return numbers


def _names(fields: dict[str, str], spectra: int, repairs: list[str]) -> tuple[str, ...] | None:
    text = fields.get("spectra names", "")
    if not text:
        return None
    names = tuple(" ".join(name.split()) for name in text.split(","))
    if len(names) != spectra:
        repairs.append(f"'spectra names' has {len(names)} entries for {spectra} spectra: numbered instead")
        return None
    return names


def _wavelengths(fields: dict[str, str], repairs: list[str]) -> tuple[float, ...] | None:
    text = fields.get("wavelength", "")
    numbers = _numbers(text) if text else None
    if text and numbers is None:
        repairs.append("wavelengths were not numbers: left out, bands are numbered")
    return numbers
