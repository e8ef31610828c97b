"""OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5/): each image a folder with one resolution, (c, y, x), channels named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.io.place.georeference import epsg
from napari_unmix.output.export.contents import CLASSES, Contents, Image
from napari_unmix.output.export.tables import write_endmember_table
from napari_unmix.output.export.units import LISTS

_VERSION = "0.5"
_PIXELS = 64  # a side of a chunk
_CHUNK = 4_000_000  # numbers of a chunk at most
_COLOUR = "FFFFFF"


def write_ome_zarr(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """Each image as a folder ``OUT.ome.zarr``, and the endmembers of a run as a table beside them."""
    for image in contents.images:
        if image.role != CLASSES:
            _write(image, folder / f"{stem}{image.suffix}{suffix}", contents)
    if contents.is_run:
        write_endmember_table(contents, folder, stem)


def _write(image: Image, path: Path, contents: Contents) -> None:
    import zarr

    height, width, bands = image.shape
    depth = max(1, min(bands, _CHUNK // _PIXELS**2))
    group = zarr.create_group(store=str(path), zarr_format=3, attributes=attributes_of(image, contents))
    array = group.create_array(
        "0",
        shape=(bands, height, width),
        chunks=(depth, min(_PIXELS, height), min(_PIXELS, width)),
        dtype=np.float32,
        fill_value=np.nan,
        dimension_names=("c", "y", "x"),
    )
    rows: list[Any] = []
    for lines, block in image.blocks():  # whole chunks at a time, so that none is packed twice
        rows.append(block)
        start = lines.stop - sum(len(one) for one in rows)
        whole = lines.stop if lines.stop == height else lines.stop - lines.stop % _PIXELS
        if whole > start:
            joined = np.concatenate(rows)
            array[:, start:whole, :] = np.moveaxis(joined[: whole - start], 2, 0)
            rows = [joined[whole - start :]]


def attributes_of(image: Image, contents: Contents) -> dict[str, Any]:
    """The metadata of an image: multiscales and channels as OME has them; beside them the lists that it has no place for."""
    low, high = _limits(image)
    window = {"min": low, "max": high, "start": low, "end": high}
    scale = [1.0, 1.0, 1.0]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    channels = [
        {"label": name, "color": _COLOUR, "active": place == 0, "window": window}
        for place, name in enumerate(labels(image))
    ]
    ome = {
        "version": _VERSION,
        "multiscales": [{"name": contents.name, "axes": axes, "datasets": datasets}],
        "omero": {"name": contents.name, "channels": channels},
    }
    said = {"description": contents.description} if contents.is_run else {}
    return {"ome": ome, **said, **lists_of(image), **place_of(contents.georeference)}


def _limits(image: Image) -> tuple[float, float]:
    """The lowest and highest number of an image, read block by block."""
    finite = (block[np.isfinite(block)] for _, block in image.blocks())
    ends = [(float(values.min()), float(values.max())) for values in finite if values.size]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (0.0, 1.0)


def labels(image: Image) -> tuple[str, ...]:
    """Names of channels: with all digits where they are places on the spectral axis, since readers take these from them."""
    if image.axis is None or not image.axis.unit:
        return image.names
    return tuple(f"{float(value)!r} {image.axis.unit}" for value in image.axis.values)


def lists_of(image: Image) -> dict[str, Any]:
    """Places on the spectral axis with their unit, widths and good bands; of abundances the grades of their endmembers."""
    found: dict[str, Any] = {}
    if image.axis is not None and image.axis.unit:
        name, unit = LISTS[image.axis.kind]
        found |= {name: [float(value) for value in image.axis.values], f"{name}_units": unit}
        if image.fwhm is not None:
            found |= {"fwhm": [float(value) for value in image.fwhm], "fwhm_units": unit}
    if image.good_bands is not None and not image.good_bands.all():
        found["good_bands"] = image.good_bands.astype(int).tolist()
    if image.words:
        found["grades"] = image.words
    return found


def place_of(georeference: Georeference | None) -> dict[str, Any]:
    """As GDAL names it in attributes: the transform in its order (c, a, b, f, d, e), and the coordinate system by number or text."""
    if georeference is None:
        return {}
    a, b, c, d, e, f = georeference.transform
    found: dict[str, Any] = {"GeoTransform": " ".join(repr(float(value)) for value in (c, a, b, f, d, e))}
    code = epsg(georeference.crs)
    if code.startswith("EPSG:"):
        return {**found, "epsg": int(code[5:])}
    return {**found, "crs_wkt": georeference.crs} if georeference.crs else found
