"""What a raster says of its bands, in GDAL's terms: items for the image and for each band, whether they come from a TIFF's tag or from rasterio.

https://gdal.org/en/stable/drivers/raster/gtiff.html (GDAL_METADATA), https://gdal.org/en/stable/user/raster_data_model.html (IMAGERY)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from napari_unmix.cube import BoolArray
from napari_unmix.io.groups.conventions import number, numbers_of
from napari_unmix.io.groups.spectral_axis import is_unit
from napari_unmix.io.groups.tree import plain_name
from napari_unmix.io.raster.band_names import wavelengths_of_names
from napari_unmix.io.raster.xml_text import local_name, parse_xml, read_xml
from napari_unmix.sentences import UnmixError

_WAVELENGTH = {"wavelength", "wavelengths", "center_wavelength", "central_wavelength", "central_wavelength_nm"}
_IN_MICROMETRES = {"central_wavelength_um", "fwhm_um"}
_BAND_NAME = re.compile(r"band_?(\d+)$")


class Item(NamedTuple):
    """One item: its plain name, the band that it is of (from 0; None = the image), its role (description, scale, offset) and its text."""

    name: str
    band: int | None
    role: str
    text: str


@dataclass(frozen=True, eq=False)
class BandFacts:
    """What is known of the bands: lists of one entry a band, in the terms of ``Stored``; ``names`` may be empty."""

    wavelengths: Any = None
    unit: str = ""
    fwhm: list[float] | None = None
    good_bands: BoolArray | None = None
    gains: list[float] | None = None
    offsets: list[float] | None = None
    names: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


def items_of_tag(text: str, label: str) -> list[Item]:
    """The items of a TIFF's GDAL_METADATA; none where the tag is damaged."""
    try:
        root = parse_xml(text.strip().strip("\x00"), label)
    except UnmixError:
        return []
    found = []
    for element in root.iter():
        if local_name(element) == "item":
            band = element.get("sample", "")
            name, role = plain_name(element.get("name", "")), element.get("role", "").lower()
            found.append(Item(name, int(band) if band.isdigit() else None, role, (element.text or "").strip()))
    return found


def items_beside(path: Path) -> list[Item]:
    """The items of ``scene.tif.aux.xml``, where GDAL, QGIS and ArcGIS keep what they may not write into an image. Raises OSError.

    https://gdal.org/en/stable/drivers/raster/vrt.html (its elements are those of a persistent auxiliary file)
    """
    beside = path.with_name(path.name + ".aux.xml")
    try:
        root = read_xml(beside) if beside.is_file() else None
    except UnmixError:
        return []
    return [] if root is None else _auxiliary(root, None)


def _auxiliary(element: ElementTree.Element, band: int | None) -> list[Item]:
    found = []
    for child in element:
        name, text = local_name(child), (child.text or "").strip()
        if name == "pamrasterband":
            number_of_band = child.get("band", "")
            found += _auxiliary(child, int(number_of_band) - 1 if number_of_band.isdigit() else None)
        elif name == "metadata":
            found += [Item(plain_name(item.get("key", "")), band, "", (item.text or "").strip()) for item in child]
        elif name in ("description", "scale", "offset"):
            found.append(Item(name, band, name, text))
    return found


def facts(items: Iterable[Item], bands: int) -> BandFacts:
    """Wavelengths, widths, bad bands, gains and offsets, from items of each band first, then from lists of the image, then from names."""
    items = list(items)
    names = _names(items, bands)
    wavelengths, unit = _wavelengths(items, bands, names)
    micrometres = _each(items, bands, {"fwhm_um"})
    widths = _each(items, bands, {"fwhm"}) or _listed(items, bands, {"fwhm"})
    if widths is None and micrometres:  # of GDAL's domain IMAGERY, whatever the unit of the wavelengths is
        widths = [value * 1e3 for value in micrometres] if unit.lower().startswith("n") else micrometres
    gains, offsets = _each(items, bands, {"scale"}, "scale"), _each(items, bands, {"offset"}, "offset")
    scaled = any(value != 1 for value in gains or []) or any(value != 0 for value in offsets or [])
    said = ("the scale and offset of each band were applied (--scale 1 leaves the stored numbers)",) * scaled
    return BandFacts(
        wavelengths,
        unit,
        widths,
        _good(items, bands),
        gains if scaled else None,
        offsets if scaled else None,
        names,
        said,
    )


def _wavelengths(items: list[Item], bands: int, names: tuple[str, ...]) -> tuple[Any, str]:
    units = [item.text for item in items if item.name in ("wavelength_units", "wavelength_unit", "wavelengths_units")]
    unit = units[0] if units else ""
    if unit and not is_unit(unit):  # FORCE calls the date of a time series its wavelength, in decimal years
        return None, ""
    each = _each(items, bands, _WAVELENGTH)
    if each:
        return each, unit
    micrometres = _each(items, bands, _IN_MICROMETRES - {"fwhm_um"})
    if micrometres:
        return micrometres, "µm"
    listed = next((numbers_of(item.text) for item in items if item.band is None and item.name in _WAVELENGTH), None)
    if listed:
        return listed, unit
    named = wavelengths_of_names(names) if len(names) == bands else None
    return named or (None, "")


def _names(items: list[Item], bands: int) -> tuple[str, ...]:
    described = {item.band: item.text for item in items if item.band is not None and item.role == "description"}
    if not described:  # GDAL's ENVI driver copies band names to items of the image: Band_1 = 472.02 Nanometers
        numbered = (
            (match, item.text) for item in items if item.band is None and (match := _BAND_NAME.match(item.name))
        )
        described = {int(match[1]) - 1: text for match, text in numbered}
    return tuple(described.get(band, "") for band in range(bands)) if described else ()


def _each(items: list[Item], bands: int, names: set[str], role: str = "") -> list[float] | None:
    """A number for each band, or None where one lacks it."""
    found = {
        item.band: number(item.text)
        for item in items
        if item.band is not None and item.name in names and item.role == role
    }
    values = [found.get(band) for band in range(bands)]
    return (
        [value for value in values if value is not None and math.isfinite(value)]
        if None not in values and values
        else None
    )


def _listed(items: list[Item], bands: int, names: set[str]) -> list[float] | None:
    lists = (numbers_of(item.text) for item in items if item.band is None and item.name in names)
    return next((values for values in lists if len(values) == bands), None)


def _good(items: list[Item], bands: int) -> BoolArray | None:
    """ENVI's list of bad bands, in which 1 is good."""
    flags = _each(items, bands, {"bbl", "bad_band_multiplier"}) or _listed(items, bands, {"bbl", "bad_bands"})
    good = None if flags is None else np.asarray(flags) != 0
    return None if good is None or good.all() or not good.any() else good
