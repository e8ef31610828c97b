"""The metadata beside the spectral image of EnMAP (L1B, L1C, L2A) and DESIS: wavelengths, widths, gains and offsets of each band.

EnMAP: ``…-SPECTRAL_IMAGE.TIF`` with ``…-METADATA.XML`` (EN-PCV-ICD-2009-2); DESIS: ``…-SPECTRAL_IMAGE.tif`` with ``…-METADATA.xml``. Both list
``wavelengthCenterOfBand`` and its companions once for each band, in nm.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from napari_unmix.cube import Reading
from napari_unmix.io.groups.conventions import number
from napari_unmix.io.raster.xml_text import local_name, read_xml
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_IMAGE = re.compile(r"[-_]SPECTRAL_IMAGE(_VNIR|_SWIR)?(_COG)?\.\w+$", re.IGNORECASE)
_METADATA = re.compile(r"[-_]METADATA\.xml$", re.IGNORECASE)
_READ = (".tif", ".tiff", ".geotiff")
_LISTS = {
    "wavelengthcenterofband": "wavelengths",
    "fwhmofband": "fwhm",
    "wavelengthwidthofband": "fwhm",
    "gainofband": "gains",
    "offsetofband": "offsets",
}


class Product(NamedTuple):
    """What the metadata say of the bands of an image, each list of one entry a band or empty."""

    wavelengths: list[float]
    fwhm: list[float]
    gains: list[float]
    offsets: list[float]
    background: float | None
    source: str


def is_metadata(path: Path, start: bytes) -> bool:
    """Whether a file is the metadata of a mission with its image beside it. Raises OSError."""
    return image_of(path) is not None


def image_of(metadata: Path) -> Path | None:
    """The spectral image that belongs to a file of metadata; of several detectors the first. Raises OSError."""
    match = _METADATA.search(metadata.name)
    if match is None:
        return None
    stem = metadata.name[: match.start()].lower()
    found = ((entry, _IMAGE.search(entry.name)) for entry in sorted(metadata.parent.iterdir()))
    images = (entry for entry, image in found if image and entry.name[: image.start()].lower() == stem)
    return next((entry for entry in images if entry.suffix.lower() in _READ), None)


def read_metadata(path: Path, reading: Reading) -> Stored:
    """Read the image beside the metadata. Raises UnmixError, OSError."""
    from napari_unmix.io.raster.tiff import read_tiff

    image = image_of(path)
    if image is None:
        raise UnmixError(f"{path.name} has no spectral image beside it: unpack the whole product, or give the image.")
    stored = read_tiff(image, reading)
    return replace(stored, repairs=(f"{image.name} was read, which {path.name} belongs to", *stored.repairs))


def product_of(path: Path, bands: int) -> Product | None:
    """The metadata beside the image of a mission, of its bands; None for other files. Raises UnmixError where they do not fit, OSError."""
    match = _IMAGE.search(path.name)
    metadata = None if match is None else _beside(path, path.name[: match.start()])
    if match is None or metadata is None:
        return None
    lists, background = _lists(read_xml(metadata))
    listed = len(lists["wavelengths"])
    if listed < bands or not listed:
        raise UnmixError(
            f"{metadata.name} lists {listed} bands, {path.name} has {bands}: copy the whole product again."
        )
    detector = (match[1] or "").upper()
    chosen = slice(listed - bands, None) if detector == "_SWIR" else slice(0, bands)
    if listed != bands and not detector:
        raise UnmixError(
            f"{metadata.name} lists {listed} bands, {path.name} has {bands}: copy the whole product again."
        )
    kept = {name: values[chosen] if len(values) == listed else [] for name, values in lists.items()}
    return Product(**kept, background=background, source=metadata.name)


def _beside(path: Path, stem: str) -> Path | None:
    wanted = {f"{stem}-metadata.xml".lower(), f"{stem}_metadata.xml".lower()}
    return next((entry for entry in sorted(path.parent.iterdir()) if entry.name.lower() in wanted), None)


def _lists(root: ElementTree.Element) -> tuple[dict[str, list[float]], float | None]:
    lists: dict[str, list[float]] = {"wavelengths": [], "fwhm": [], "gains": [], "offsets": []}
    background = None
    for element in root.iter():
        name, value = local_name(element), number((element.text or "").strip())
        if name in _LISTS and value is not None:
            lists[_LISTS[name]].append(value)
        elif name == "backgroundvalue" and value is not None and background is None:
            background = value
    return lists, background
