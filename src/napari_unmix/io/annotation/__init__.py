"""Annotations as other programs write them: label images, and shapes that are painted onto the cube's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unmix.cube import Georeference
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.annotation.labels import AnnotationReading, ReadAnnotation, to_labels
from napari_unmix.io.annotation.rasters import raster_reader
from napari_unmix.io.annotation.shapes import painted
from napari_unmix.io.annotation.vectors import vector_reader
from napari_unmix.io.boundary import explained
from napari_unmix.sentences import UnmixError

__all__ = ["AnnotationReading", "ReadAnnotation", "read_annotation"]

_START = 16  # bytes by which content is told
_KNOWN = "a label image (.npy, .npz, .tif, .png, .mat, .h5, .zarr, ENVI), or shapes (.geojson, .shp, .gpkg, or .csv of napari)"


def read_annotation(
    path: str | Path,
    shape: Sequence[int],
    georeference: Georeference | None = None,
    reading: AnnotationReading | None = None,
) -> ReadAnnotation:
    """Read what was painted on a cube; the format is chosen by content.

    Parameters
    ----------
    path : the file, or the folder of a Zarr array or group
    shape : (H, W) or (H, W, B) of the cube
    georeference : of the cube, for shapes and label images in map coordinates
    reading : which array of several, and which number is unpainted, where the file does not tell

    Returns
    -------
    (H, W) int32 labels with 0 where nothing was painted, the labels' names, and a sentence for everything that was assumed

    Raises
    ------
    UnmixError : no such file, another format, colours, fractions, labels below 0 of several kinds, another size, or another place
    """
    path = Path(path)
    size = (int(shape[0]), int(shape[1]))
    bands = int(shape[2]) if len(shape) > 2 else None
    reading = reading or AnnotationReading()
    with explained(path):
        path = path.expanduser()
        start = b"" if path.is_dir() else first_bytes(path, _START)
        vector = vector_reader(start, path)
        if vector is not None:
            return painted(vector(path, reading.key), size, georeference, path.name)
        raster = raster_reader(start, path)
        if raster is None:
            raise UnmixError(f"{path.name} is no annotation that can be read: give {_KNOWN}.")
        return to_labels(raster(path, size, bands, reading.key), size, georeference, path.name, reading.unpainted)
