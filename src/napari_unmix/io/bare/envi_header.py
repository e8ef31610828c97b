"""The text header of an ENVI file, read as the instruments and programs of this field really write it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.io.axis.lists import Listed, number, numbers
from napari_unmix.io.axis.units import understood
from napari_unmix.io.axis.wavelengths import names_axis
from napari_unmix.io.bare.envi_fields import HARMLESS_LISTS, KNOWN, is_envi_header, parse_fields, text_of
from napari_unmix.io.bare.envi_map import georeference
from napari_unmix.io.bare.layout import INTERLEAVES, Layout
from napari_unmix.io.spy import envi_data_types
from napari_unmix.sentences import UnmixError

__all__ = ["EnviHeader", "interpret", "is_envi_header", "parse_fields", "read_header"]

_COMPLEX_TYPES = (6, 9)
_LIBRARY = "spectral library"
_NOT_CUBES = {_LIBRARY: "a spectral library", "classification": "a classification map"}
_NAMED_PLACE = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)\s*(?:nm|nanomet\w*|[µμu]m|micro\w*|cm-1|cm⁻¹|eV|Å)\b", re.IGNORECASE
)
_ORDERS = dict.fromkeys(("intel", "host", "little", "lsf", "i"), "0") | dict.fromkeys(
    ("network", "big", "ieee", "msf", "m"), "1"
)
_IN_BRACKETS = re.compile(r"\(\s*([-+]?\d+\.\d+)\s*\)")


@dataclass(frozen=True)
class EnviHeader:
    """What a header says about its data file.

    Attributes
    ----------
    layout : where each number is; of a spectral library lines are spectra, samples its bands
    scale : reflectance scale factor, 1 where there is none
    ignore : the number that means "no data", or None
    gains, offsets, bad_bands : (B,) lists, or None; ``bad_bands`` of any length, where it chooses from a longer list of wavelengths
    wavelengths : as written, of any length, NaN where an entry is no number; or None
    unit : the unit of the wavelengths as written, may be empty
    fwhm : widths of the bands in the unit of the wavelengths, (B,), or None
    names : of the spectra of a library, or None
    georeference : where the image lies, or None
    file_type : as written
    repairs : sentences on what was assumed
    """

    layout: Layout
    scale: float = 1.0
    ignore: float | None = None
    gains: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    bad_bands: tuple[float, ...] | None = None
    wavelengths: tuple[float, ...] | None = None
    unit: str = ""
    fwhm: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = None
    georeference: Georeference | None = None
    file_type: str = ""
    repairs: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(lines, samples, bands)."""
        return self.layout.shape


def read_header(path: Path, *, library: bool = False) -> EnviHeader:
    """Read and check the header of an image, or of a library. Raises UnmixError with the line to mend, OSError for an unreadable file."""
    return interpret(parse_fields(text_of(path), path.name), path.name, library=library)


def interpret(fields: dict[str, str], name: str, *, library: bool = False) -> EnviHeader:
    """Check the fields of a header and give them their types. Raises UnmixError with the field to mend."""
    _refuse_other_kinds(fields, name, library)
    repairs: list[str] = []
    layout = _layout(fields, name, repairs)
    listed = layout.shape[1 if library else 2]
    gains, offsets, scale = _calibration(fields, listed, repairs)
    wavelengths, unit = _wavelengths(fields, listed, repairs)
    return EnviHeader(
        layout=layout,
        scale=scale,
        ignore=_ignore_value(fields, repairs),
        gains=gains,
        offsets=offsets,
        bad_bands=_bad_bands(fields, listed, wavelengths, repairs),
        wavelengths=wavelengths,
        unit=unit,
        fwhm=_per_band(fields, "fwhm", listed, repairs),
        names=_names(fields, layout.shape[0], repairs) if library else None,
        georeference=None if library else georeference(fields),
        file_type=fields.get("file type", ""),
        repairs=tuple(repairs),
    )


def _layout(fields: dict[str, str], name: str, repairs: list[str]) -> Layout:
    lines, samples, bands = (_whole_number(fields, key, name, lowest=1) for key in ("lines", "samples", "bands"))
    order = _byte_order(fields, name)
    if order is None:
        repairs.append("the header names no byte order: read as little-endian")
    interleave = fields.get("interleave", "").strip(" \"'").lower()
    if not interleave and "interleave" not in fields:
        interleave = "bsq"
        repairs.append("the header names no interleave: read as BSQ")
    if interleave not in INTERLEAVES:
        raise UnmixError(f"The interleave {interleave!r} in {name} is unknown: write bsq, bil or bip.")
    return Layout(
        (lines, samples, bands),
        _data_type(fields, name).newbyteorder("<" if order is None else order),
        interleave,
        _whole_number(fields, "header offset", name, lowest=0, default=0),
        _frame(fields, "major frame offsets", name, repairs),
        _frame(fields, "minor frame offsets", name, repairs),
    )


def _frame(fields: dict[str, str], key: str, name: str, repairs: list[str]) -> tuple[int, int]:
    """Bytes before and behind each frame."""
    text = fields.get(key, "")
    found = numbers(text)
    if not text.strip():
        return 0, 0
    values = () if found is None else found.values
    if not 1 <= len(values) <= 2 or not all(value >= 0 and float(value).is_integer() for value in values):
        raise UnmixError(f"'{key} = {text[:40]}' in {name} are no two whole numbers of bytes from 0: correct it.")
    before, behind = int(values[0]), int(values[1]) if len(values) == 2 else 0
    if before or behind:
        repairs.append(f"{key}: {before} bytes before and {behind} behind each were skipped")
    return before, behind


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
        raise UnmixError(
            f"The data of {name} are compressed: unpack them with gunzip and write 'file compression = 0', or save the image without."
        )


def _whole_number(fields: dict[str, str], key: str, name: str, *, lowest: int, default: int | None = None) -> int:
    text = fields.get(key, "").strip()
    if not text and default is not None:
        return default
    if not text:
        raise UnmixError(f"{name} lacks the line '{key} = …': add it.")
    found = number(text)
    if found is None or not (found >= lowest and found.is_integer()):
        raise UnmixError(f"'{key} = {text[:40]}' in {name} is no whole number from {lowest}: correct it.")
    return int(found)


def _byte_order(fields: dict[str, str], name: str) -> Literal["<", ">"] | None:
    text = fields.get("byte order", "").strip(" \"'").lower()
    text = _ORDERS.get(text.split("(")[0].strip().split("-")[0].split(" ")[0], text)
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


def _calibration(
    fields: dict[str, str], bands: int, repairs: list[str]
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None, float]:
    """Gains, offsets and the scale of (stored · gain + offset) / scale: each step once, and reflectance before radiance."""
    scale = _scale(fields, repairs)
    reflectance = [_per_band(fields, f"data reflectance {what} values", bands, repairs) for what in ("gain", "offset")]
    radiance = [_per_band(fields, f"data {what} values", bands, repairs) for what in ("gain", "offset")]
    gains, offsets = reflectance if any(reflectance) else radiance
    if any(reflectance) and any(radiance):
        repairs.append(
            "the header has gains to radiance and to reflectance: those to reflectance were applied (--scale 1: none)"
        )
    if not (gains or offsets):
        return None, None, scale
    if gains is not None and scale != 1 and bool(np.allclose(np.multiply(gains, scale), 1)):
        repairs.append("data gain values and reflectance scale factor say the same: applied once")
        return None, None if offsets is None else tuple(offset * scale for offset in offsets), scale
    if any(reflectance) and scale != 1:
        repairs.append(
            f"gains to reflectance and the scale factor {scale:g}: only the gains were applied (--scale {scale:g}: only that)"
        )
        scale = 1.0
    repairs.append(f"data {'reflectance ' * any(reflectance)}gain and offset values were applied")
    return gains, offsets, scale


def _scale(fields: dict[str, str], repairs: list[str]) -> float:
    text = fields.get("reflectance scale factor", "").strip()
    if not text:
        return 1.0
    scale = number(text)
    if scale is not None and math.isfinite(scale) and scale > 0:
        return scale
    repairs.append(f"the reflectance scale factor {text[:40]!r} is no positive number: numbers left as stored")
    return 1.0


def _ignore_value(fields: dict[str, str], repairs: list[str]) -> float | None:
    text = fields.get("data ignore value", "").strip()
    if not text:
        return None
    value = number(text)
    if value is None:
        repairs.append(f"the data ignore value {text[:40]!r} is no number: not applied (--no-data VALUE declares one)")
    return value


def _per_band(fields: dict[str, str], key: str, bands: int, repairs: list[str]) -> tuple[float, ...] | None:
    """A list that is useless unless it has one finite number per band."""
    text = fields.get(key, "")
    if not text:
        return None
    found = numbers(text, bands)
    if found is None or found.missing:
        repairs.append(f"'{key}' holds words that are no numbers: not applied")
        return None
    if len(found.values) == 1 and key.endswith("values"):
        return found.values * bands
    if len(found.values) != bands:
        repairs.append(f"'{key}' has {len(found.values)} entries for {bands} bands: not applied")
        return None
    return found.values


def _bad_bands(
    fields: dict[str, str], bands: int, wavelengths: tuple[float, ...] | None, repairs: list[str]
) -> tuple[float, ...] | None:
    """The list of good bands; it may be as long as a longer list of wavelengths, from which it then chooses."""
    found = numbers(fields.get("bbl", ""), bands)
    listed = len(wavelengths or ())
    if found is not None and len(found.values) == listed != bands == sum(value != 0 for value in found.values):
        return found.values
    return _per_band(fields, "bbl", bands, repairs)


def _names(fields: dict[str, str], spectra: int, repairs: list[str]) -> tuple[str, ...] | None:
    text = fields.get("spectra names", "")
    if not text:
        return None
    names = tuple(" ".join(name.split()) for name in text.split(","))
    if len(names) != spectra:
        repairs.append(f"'spectra names' has {len(names)} entries for {spectra} spectra: numbered instead")
        return None
    return names


def _wavelengths(fields: dict[str, str], bands: int, repairs: list[str]) -> tuple[tuple[float, ...] | None, str]:
    """The list of the bands' places and its unit: by its name, else by the bands' names, else the only one that could be it."""
    unit = next(
        (
            fields[key]
            for key in ("wavelength units", "wavelength unit", "wavelengths units", "units", "unit")
            if key in fields
        ),
        "",
    )
    if not unit:
        unit = _unit_of_plot(fields)
    named = [key for key in fields if names_axis(key) and fields[key]]
    for key in sorted(named, key=lambda key: key != "wavelength"):
        found = numbers(fields[key], bands)
        if found is not None:
            said = _unlike_name(key)
            return found.values, unit or found.unit or said
        repairs.append("wavelengths were not numbers: left out, bands are numbered")
        return None, unit
    by_name = _in_band_names(fields, bands)
    if by_name is not None:
        repairs.append("wavelengths were taken from the names of the bands")
        return by_name.values, by_name.unit or unit
    return _only_list(fields, bands, repairs), unit


def _unlike_name(key: str) -> str:
    """A name that says the quantity: wavenumber, Raman shift, wavelength nm."""
    return "" if understood(key).kind in (None, "index") else key


def _unit_of_plot(fields: dict[str, str]) -> str:
    """The title of the horizontal axis, which some recorders write in place of a unit."""
    title = fields.get("z plot titles", "").split(",")[0]
    return title if understood(title).kind else ""


def _in_band_names(fields: dict[str, str], bands: int) -> Listed | None:
    names = [name.strip() for name in fields.get("band names", "").strip("{}").split(",")]
    if len(names) != bands or bands < 2:
        return None
    for pattern in (_NAMED_PLACE, _IN_BRACKETS):
        found = [pattern.search(name) for name in names]
        if all(found):
            return numbers(",".join(one[pattern.groups] for one in found if one), bands)
    places = numbers(",".join(names), bands)
    if places is None or places.missing or len(places.values) != bands or not _monotonic(places.values):
        return None
    return None if places.values[-1] - places.values[0] == bands - 1 else places


def _only_list(fields: dict[str, str], bands: int, repairs: list[str]) -> tuple[float, ...] | None:
    """The one list of as many rising or falling numbers as there are bands, of a name that says nothing; other such lists are named."""
    lists = {}
    for key, text in fields.items():
        if key in KNOWN or re.sub(r"\d+$", "", key) in HARMLESS_LISTS or names_axis(key) or bands < 3:
            continue
        found = numbers(text, bands) if any(part in text for part in ",;\n ") else None
        if found is not None and len(found.values) == bands and not found.missing:
            lists[key] = found.values
    places = [key for key, values in lists.items() if _monotonic(values)]
    chosen = places[0] if len(places) == 1 else None
    if chosen:
        repairs.append(f"wavelengths were taken from '{chosen}', the only list of {bands} rising or falling numbers")
    for key in lists:
        if key != chosen:
            repairs.append(f"'{key}' has one number per band and is not known: not applied")
    return lists[chosen] if chosen else None


def _monotonic(values: tuple[float, ...]) -> bool:
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())
