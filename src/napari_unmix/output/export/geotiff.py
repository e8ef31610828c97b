"""GeoTIFF: float32 with NaN as no data, bands named; by rasterio where the image lies on a map, else by tifffile with the tags that GDAL reads."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_unmix.cube import Georeference
from napari_unmix.io.place.georeference import epsg
from napari_unmix.output.export.contents import CLASSES, Contents, Image
from napari_unmix.output.export.mapped import allocate
from napari_unmix.output.export.tables import write_endmember_library
from napari_unmix.output.export.units import ENVI_UNITS
from napari_unmix.sentences import UnmixError

_MOST = 65_535  # samples of a pixel
_METADATA, _NO_DATA = 42112, 42113  # GDAL's tags
_NM = 1e-3  # µm
_BIG = 2**32 - 2**25  # bytes beyond which a TIFF is a BigTIFF

Items = dict[str, str]


def write_geotiff(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """Each image as one file of all its bands, and the endmembers of a run as an ENVI spectral library. Raises UnmixError."""
    for image in contents.images:
        if image.role == CLASSES:
            continue
        if image.shape[2] > _MOST:
            raise UnmixError(
                f"A TIFF holds {_MOST} bands, this image has {image.shape[2]}: write .zarr or .hdr instead."
            )
        path = folder / f"{stem}{image.suffix}{suffix}"
        if contents.georeference is None:
            _by_tifffile(image, path, contents.description)
        else:
            _by_rasterio(image, path, contents.georeference, contents.description)
    if contents.is_run:
        write_endmember_library(contents, folder, stem)


def band_items(image: Image) -> Iterator[Items]:
    """What GDAL keeps of each band: place, width and unit as its ENVI driver calls them, whether it is a good band; an endmember's grade."""
    bands = range(image.shape[2])
    for band in bands:
        items: Items = {}
        if image.axis is not None and image.axis.unit:
            items |= {
                "wavelength": repr(float(image.axis.values[band])),
                "wavelength_units": ENVI_UNITS[image.axis.kind],
            }
            if image.fwhm is not None:
                items["fwhm"] = repr(float(image.fwhm[band]))
        if image.good_bands is not None and not image.good_bands.all():
            items["bbl"] = str(int(image.good_bands[band]))
        if image.words and image.words[band]:
            items["grade"] = image.words[band]
        yield items


def _imagery(image: Image, band: int) -> Items:
    """GDAL's own domain of optical images (since 3.10), in µm."""
    if image.axis is None or image.axis.kind != "wavelength":
        return {}
    items = {"CENTRAL_WAVELENGTH_UM": repr(float(image.axis.values[band]) * _NM)}
    return items if image.fwhm is None else {**items, "FWHM_UM": repr(float(image.fwhm[band]) * _NM)}


def _by_rasterio(image: Image, path: Path, place: Georeference, description: str) -> None:
    try:
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.transform import Affine
        from rasterio.windows import Window
    except ImportError as error:
        raise UnmixError(
            'A GeoTIFF with its place on the map is written by rasterio: install "napari-unmix[geo]", or write .hdr.'
        ) from error
    height, width, bands = image.shape
    profile = {
        "driver": "GTiff", "height": height, "width": width, "count": bands, "dtype": "float32", "nodata": np.nan, "interleave": "pixel",
        "transform": Affine(*place.transform), "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    try:
        with rasterio.open(path, "w", crs=epsg(place.crs) or None, **profile) as file:
            for lines, block in image.blocks():
                window = Window(0, lines.start, width, lines.stop - lines.start)
                file.write(np.moveaxis(block, 2, 0), window=window)
            file.update_tags(TIFFTAG_IMAGEDESCRIPTION=description)
            for band, (name, items) in enumerate(zip(image.names, band_items(image), strict=True)):
                file.set_band_description(band + 1, name)
                file.update_tags(band + 1, **items)
                file.update_tags(band + 1, ns="IMAGERY", **_imagery(image, band))
    except (RasterioError, ValueError) as error:
        raise UnmixError(f"{path.name} could not be written ({str(error)[:200]}): write .hdr instead.") from error


def _by_tifffile(image: Image, path: Path, description: str) -> None:
    import tifffile

    height, width, bands = image.shape
    text = _metadata_text(image)
    stored = tifffile.memmap(
        path,
        shape=(height, width, bands) if bands > 1 else (height, width),
        dtype=np.float32,
        photometric="minisblack",
        planarconfig="contig" if bands > 1 else None,
        bigtiff=image.values.nbytes > _BIG,
        description=description.encode("utf-8"),
        metadata=None,
        extratags=[(_METADATA, "s", 0, text, True), (_NO_DATA, "s", 0, "nan", True)],
    )
    allocate(path)
    for lines, block in image.blocks():
        stored[lines] = block if bands > 1 else block[:, :, 0]
    stored.flush()


def _metadata_text(image: Image) -> bytes:
    """GDAL_METADATA, as GDAL writes it."""
    root = ElementTree.Element("GDALMetadata")
    for band, (name, items) in enumerate(zip(image.names, band_items(image), strict=True)):
        sample = {"sample": str(band)}
        ElementTree.SubElement(root, "Item", {"name": "DESCRIPTION", **sample, "role": "description"}).text = name
        for key, value in items.items():
            ElementTree.SubElement(root, "Item", {"name": key, **sample}).text = value
        for key, value in _imagery(image, band).items():
            ElementTree.SubElement(root, "Item", {"name": key, **sample, "domain": "IMAGERY"}).text = value
    return bytes(ElementTree.tostring(root, encoding="utf-8"))
