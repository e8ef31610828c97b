"""Wavelengths of the channels of a microscope's stack: OME-TIFF's XML, ImageJ's labels of slices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_unmix.io.groups.conventions import number
from napari_unmix.io.raster.band_names import wavelengths_of_names
from napari_unmix.io.raster.raster_metadata import BandFacts
from napari_unmix.io.raster.xml_text import local_name, parse_xml
from napari_unmix.sentences import UnmixError


def channel_facts(tiff: Any, bands: int, found: BandFacts) -> BandFacts:
    """The same facts with wavelengths and names of channels, where the file lists one for each band."""
    if tiff.is_ome:
        wavelengths, unit, names = ome_channels(str(tiff.ome_metadata))
    elif tiff.is_imagej:
        labels = (tiff.imagej_metadata or {}).get("Labels") or ()
        wavelengths, unit, names = [], "", tuple(str(label).splitlines()[0] for label in labels if label)
    else:
        return found
    if len(wavelengths) == bands and len(set(wavelengths)) == bands:
        return replace(found, wavelengths=wavelengths, unit=unit, names=names)
    named = wavelengths_of_names(names) if len(names) == bands else None
    if named is None:
        return found
    said = "wavelengths were read from the names of the channels"
    return replace(found, wavelengths=named[0], unit=named[1], names=names, repairs=(*found.repairs, said))


def ome_channels(text: str) -> tuple[list[float], str, tuple[str, ...]]:
    """Emission wavelengths, their unit, and names of the channels of the first image (OME schema: nm where no unit is given)."""
    try:
        root = parse_xml(text, "this OME-TIFF")
    except UnmixError:
        return [], "", ()
    image = next((element for element in root.iter() if local_name(element) == "image"), None)
    channels = [] if image is None else [element for element in image.iter() if local_name(element) == "channel"]
    listed = [number(channel.get("EmissionWavelength")) for channel in channels]
    unit = next((channel.get("EmissionWavelengthUnit", "") for channel in channels), "") or "nm"
    names = tuple(channel.get("Name", "") for channel in channels)
    return [value for value in listed if value is not None], unit, names
