"""What files beside a raster say of its bands: an ENVI header, or the metadata of a mission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unmix.io.bare.envi import find_header
from napari_unmix.io.bare.envi_header import EnviHeader, is_envi_header, read_header
from napari_unmix.io.raster.mission_xml import product_of
from napari_unmix.io.raster.raster_metadata import BandFacts
from napari_unmix.sentences import UnmixError


def with_product(found: BandFacts, path: Path, bands: int) -> BandFacts:
    """The lists of a mission's metadata beside the image in place of its own."""
    product = product_of(path, bands) if bands else None
    if product is None:
        return found
    scaled = any(gain != 1 for gain in product.gains) or any(offset != 0 for offset in product.offsets)
    said = f"wavelengths{', gains and offsets' if scaled else ''} are those of {product.source}"
    return replace(
        found,
        wavelengths=product.wavelengths,
        unit="nm",
        fwhm=product.fwhm or None,
        gains=product.gains if scaled and product.gains else None,
        offsets=product.offsets if scaled and product.offsets else None,
        repairs=(said + (" (--scale 1 leaves the stored numbers)" if scaled else ""),),
    )


def with_header(found: BandFacts, path: Path, bands: int) -> BandFacts:
    """The lists of an ENVI header beside the image, where the image has none: the header describes it, whatever its file type."""
    header_path = find_header(path)
    if found.wavelengths is not None or header_path is None or not is_envi_header(header_path):
        return found
    try:
        header = read_header(header_path)
    except UnmixError as error:
        return replace(found, repairs=(*found.repairs, f"{header_path.name} beside the image was not used: {error}"))
    if bands and header.shape[2] != bands:
        said = f"{header_path.name} beside the image describes {header.shape[2]} bands, the image has {bands}: it was not used"
        return replace(found, repairs=(*found.repairs, said))
    said = f"the lists of bands are those of {header_path.name} beside the image"
    return replace(_of_header(found, header), repairs=(*found.repairs, *header.repairs, said))


def _of_header(found: BandFacts, header: EnviHeader) -> BandFacts:
    """The header's lists; scale and gains only where the image has none of its own."""
    good = np.ones(0, bool) if header.bad_bands is None else np.asarray(header.bad_bands) != 0
    unscaled = found.gains is None and found.offsets is None
    gains = header.gains if header.gains is not None or header.scale == 1 else (1 / header.scale,) * header.shape[2]
    return replace(
        found,
        wavelengths=header.wavelengths,
        unit=header.unit,
        fwhm=None if header.fwhm is None else list(header.fwhm),
        good_bands=good if good.any() and not good.all() else found.good_bands,
        gains=None if gains is None else list(gains) if unscaled else found.gains,
        offsets=found.offsets if not unscaled or header.offsets is None else list(header.offsets),
    )


def no_data_beside(path: Path, bands: int) -> tuple[float, ...]:
    """The background value of a mission, or the header's ignore value."""
    product = product_of(path, bands) if bands else None
    if product is not None and product.background is not None:
        return (product.background,)
    header = find_header(path)
    try:
        ignore = read_header(header).ignore if header is not None and is_envi_header(header) else None
    except UnmixError:  # said where its lists are read
        ignore = None
    return () if ignore is None else (ignore,)
