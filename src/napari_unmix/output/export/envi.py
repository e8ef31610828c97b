"""ENVI: images with their headers (SPy writes these), a classification of the largest abundance, endmembers as a spectral library."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.io.place.georeference import epsg
from napari_unmix.io.spy import envi_data_types, spectral_python
from napari_unmix.library.files import plain_name
from napari_unmix.output.export.contents import CLASSES, Contents, Image
from napari_unmix.output.export.mapped import allocate
from napari_unmix.output.export.tables import write_endmember_library
from napari_unmix.output.export.units import ENVI_UNITS
from napari_unmix.sentences import UnmixError

_DATA = ".img"  # beside a header; a suffix that names the interleave keeps it
_ORDERS = {
    "bip": (0, 1, 2),
    "bil": (0, 2, 1),
    "bsq": (2, 0, 1),
}  # axes of (lines, samples, bands) in the order of the file
_COLOURS = (
    (127, 201, 127),
    (190, 174, 212),
    (253, 192, 134),
    (255, 255, 153),
    (56, 108, 176),
    (240, 2, 127),
    (191, 91, 23),
)
_SAME = 1e-9  # of a pixel


def write_envi(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """Each image as data and header; the endmembers of a run as a spectral library."""
    interleave = suffix.removeprefix(".") if suffix.removeprefix(".") in _ORDERS else "bip"
    for image in contents.images:
        data = folder / f"{stem}{image.suffix}{_DATA if suffix == '.hdr' else suffix}"
        _write_numbers(image, data, interleave)
        fields = header_fields(image, contents, interleave)
        spectral_python().io.envi.write_envi_header(str(data.with_suffix(".hdr")), fields)
    if contents.is_run:
        write_endmember_library(contents, folder, stem)


def _write_numbers(image: Image, path: Path, interleave: str) -> None:
    """Some lines at a time; of a bsq file into each band's place."""
    height, width, bands = image.shape
    kind = image.values.dtype.newbyteorder("<")
    with path.open("w+b") as stream:
        stream.truncate(height * width * bands * kind.itemsize)
        allocate(path)
        for lines, block in image.blocks():
            moved = np.ascontiguousarray(block.transpose(_ORDERS[interleave]), kind)
            pieces = moved if interleave == "bsq" else [moved]
            for band, piece in enumerate(pieces):
                place = band * height * width + lines.start * width * (1 if interleave == "bsq" else bands)
                stream.seek(place * kind.itemsize)
                stream.write(piece.data)


def header_fields(image: Image, contents: Contents, interleave: str) -> dict[str, object]:
    """The lines of an image's header. Raises UnmixError where ENVI has no words for where it lies."""
    lines, samples, bands = image.shape
    codes = {np.dtype(kind): code for code, kind in envi_data_types().items()}
    fields: dict[str, object] = {
        "description": f"{{{plain_name(contents.description)}}}",
        "samples": samples,
        "lines": lines,
        "bands": bands,
        "header offset": 0,
        "data type": codes[image.values.dtype],
        "interleave": interleave,
        "byte order": 0,
        "band names": [plain_name(name) for name in image.names],
    }
    if image.words:
        fields["grades"] = [word or "none" for word in image.words]
    fields |= map_fields(contents.georeference)
    if image.role == CLASSES:
        return fields | _class_fields(image)
    fields["data ignore value"] = "NaN"
    if image.axis is not None and image.axis.unit:
        fields |= {"wavelength units": ENVI_UNITS[image.axis.kind], "wavelength": _listed(image.axis.values)}
        if image.fwhm is not None:
            fields["fwhm"] = _listed(image.fwhm)
    if image.good_bands is not None and not image.good_bands.all():
        fields["bbl"] = image.good_bands.astype(int).tolist()
    return fields


def _class_fields(image: Image) -> dict[str, object]:
    colours = [(0, 0, 0), *(_COLOURS[place % len(_COLOURS)] for place in range(len(image.classes) - 1))]
    return {
        "file type": "ENVI Classification",
        "classes": len(image.classes),
        "class names": [plain_name(name) for name in image.classes],
        "class lookup": [value for colour in colours for value in colour],
    }


def _listed(values: Any) -> list[float]:
    """Numbers as the shortest text that reads back as the same."""
    return [float(value) for value in values]


def map_fields(place: Georeference | None) -> dict[str, object]:
    """``map info``, and ``coordinate system string`` where the projection has no name in it. Raises UnmixError for what neither holds."""
    if place is None:
        return {}
    a, b, c, d, e, f = place.transform
    angle = math.atan2(d, a)
    width, height = math.hypot(a, d), b * math.sin(angle) - e * math.cos(angle)
    back = (height * math.sin(angle), -height * math.cos(angle))
    if math.hypot(back[0] - b, back[1] - e) > _SAME * max(width, abs(height)):
        raise UnmixError("The cube's map coordinates are sheared, which an ENVI header can't say: write .tif.")
    info: list[object] = ["Arbitrary", 1, 1, c, f, width, height]
    code = epsg(place.crs)
    utm = re.fullmatch(r"EPSG:32([67])(\d\d)", code)
    system = place.crs
    if utm is not None and 1 <= int(utm[2]) <= 60:
        info = ["UTM", *info[1:], int(utm[2]), "North" if utm[1] == "6" else "South", "WGS-84", "units=Meters"]
    elif code == "EPSG:4326":
        info = ["Geographic Lat/Lon", *info[1:], "WGS-84", "units=Degrees"]
    elif code == system and system.upper().startswith("EPSG:"):
        system = _well_known_text(system)
    if angle:
        info.append(f"rotation={math.degrees(angle)!r}")
    named = info[0] != "Arbitrary" and system == code
    return {"map info": info} | (
        {} if named or not system else {"coordinate system string": f"{{{' '.join(system.split())}}}"}
    )


def _well_known_text(code: str) -> str:
    """The text of a numbered coordinate system, by rasterio."""
    try:
        from rasterio.crs import CRS
        from rasterio.errors import CRSError
    except ImportError as error:
        raise UnmixError(
            f'ENVI writes {code} as text, which rasterio knows: install "napari-unmix[geo]", or write .npz.'
        ) from error
    try:
        return str(CRS.from_string(code).to_wkt())
    except CRSError as error:
        raise UnmixError(
            f"{code} is no coordinate system that rasterio knows: correct it in the cube's file."
        ) from error
