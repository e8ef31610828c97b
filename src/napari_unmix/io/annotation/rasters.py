"""Label images of any format: which array of a file is meant, its numbers, and the names that the file gives them."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.files.archive import opened_archive
from napari_unmix.files.opened import first_bytes, open_regular, read_regular
from napari_unmix.io.annotation.labels import Raster, check
from napari_unmix.io.arrays.matlab import is_hdf5, is_matlab
from napari_unmix.io.arrays.npy import read_array_header, read_numbers
from napari_unmix.io.bare.envi import checked, find_data, find_header
from napari_unmix.io.bare.envi_fields import is_envi_header, parse_fields, text_of
from napari_unmix.io.bare.envi_header import interpret
from napari_unmix.io.bare.lines import all_lines
from napari_unmix.io.boundary import reason_of, told_by, unprinted
from napari_unmix.io.budget import readable_shape
from napari_unmix.io.formats import format_of
from napari_unmix.io.groups.conventions import meaning
from napari_unmix.io.groups.hdf5_door import opened_hdf5
from napari_unmix.io.groups.hdf5_file import read_tree
from napari_unmix.io.groups.tree import numbers
from napari_unmix.io.groups.zarr_folder import is_zarr, is_zarr_zip, open_tree
from napari_unmix.io.marks import container
from napari_unmix.io.place.map_position import of_geotiff
from napari_unmix.io.raster.tiff_file import main_pages, opened_tiff, unpacked_pages
from napari_unmix.sentences import UnmixError

Reader = Callable[[Path, tuple[int, int], int | None, str | None], Raster]
Size = tuple[int, int]

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_JPEG = b"\xff\xd8\xff"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_GDAL_NO_DATA = 42113
_MARK = 16  # bytes by which content is told
_LONGEST_TABLE = 4_000_000  # bytes of a file of class names
# A file that holds several: what the field calls its labels.
_NAMES = (
    "labels",
    "label",
    "annotation",
    "annotations",
    "gt",
    "groundtruth",
    "ground_truth",
    "classes",
    "regions",
    "mask",
)


def raster_reader(start: bytes, path: Path) -> Reader | None:
    """Who reads a label image that begins so, or None. Raises UnmixError for a format that alters labels, OSError."""
    if path.is_dir():
        return read_tree_labels if is_zarr(path) else None
    if start.startswith(_JPEG):
        raise UnmixError(f"{path.name} is a JPEG, which alters numbers: save the labels as .png or .tif.")
    marks: list[tuple[tuple[bytes, ...], Reader]] = [
        ((_NPY,), read_npy_labels), ((_ZIP,), read_npz_labels), (_PICTURES, read_picture), (_TIFF, read_tiff_labels),
    ]  # fmt: skip
    if is_zarr_zip(path, start):
        return read_tree_labels
    for beginnings, reader in marks:
        if start.startswith(beginnings):
            return reader
    if is_matlab(path):
        return read_mat_labels
    if is_hdf5(path):
        return read_tree_labels
    if is_envi_header(path) or find_header(path) is not None:
        return read_envi_labels
    return None if format_of(path) is None else read_other_labels


def read_npy_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """A NumPy array."""
    with _damage(path), open_regular(path) as stream:
        header = read_array_header(stream)
        check(header.shape, header.dtype.kind, size, bands, path.name)
        return Raster(array=read_numbers(stream, header))


def read_npz_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """One array of an archive."""
    with (
        _damage(path),
        opened_archive(path) as archive,
    ):
        shapes = {}
        for member in archive.namelist():
            with archive.open(member) as stream:
                header = read_array_header(stream)
            shapes[member.removesuffix(".npy")] = (header.shape, header.dtype.kind)
        name = _choose(shapes, key, size, path)
        check(*shapes[name], size, bands, f"{name!r} in {path.name}")
        with archive.open(f"{name}.npy") as stream:
            return Raster(array=read_numbers(stream, read_array_header(stream)))


def read_picture(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """Pillow itself, because it keeps the numbers of a palette image, which are its labels."""
    from PIL import Image

    with _damage(path):  # noqa: SIM117
        with open_regular(path) as stream, Image.open(stream) as opened:
            image = opened.convert("RGBA") if opened.mode == "LA" else opened
            channels = len(image.getbands())
            check((image.height, image.width, channels)[: 2 + (channels > 1)], "u", size, bands, path.name)
            return Raster(array=np.asarray(image), names=category_names(path))


def read_tiff_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """The one page of a file; Pillow where its compression needs more, which QGIS and GDAL offer first (LZW)."""
    with opened_tiff(path, dialects=False) as tiff:
        pages = main_pages(tiff)
        if not pages:
            raise UnmixError(
                f"{path.name} could not be read (it is a TIFF without an image): save the annotation again."
            )
        if len(pages) != 1:
            raise UnmixError(
                f"{path.name} has {len(pages)} pages, a painting has one: save that page as a file of its own."
            )
        page = pages[0]
        place = of_geotiff({tag.name: tag.value for tag in page.tags})
        check(page.shape, page.dtype.kind if page.dtype else "V", size, bands, path.name, on_map=place is not None)
        no_data = _number(page.tags.valueof(_GDAL_NO_DATA))
        array = unpacked_pages([page], page.shape, path)
    return Raster(
        array=_by_pillow(path) if array is None else array,
        names=category_names(path),
        no_data=no_data,
        georeference=place,
    )


def _by_pillow(path: Path) -> NDArray[Any]:
    """Its decoders write into an image of the size that was checked, and nothing beyond; what libtiff finds wrong it prints."""
    from PIL import Image

    with open_regular(path) as stream, unprinted(), Image.open(stream) as image:
        return np.asarray(image)


def read_mat_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """One array of a MATLAB file."""
    from napari_unmix.io.arrays.matlab5 import list_version_5, load_version_5
    from napari_unmix.io.arrays.matlab73 import list_hdf5, load_hdf5

    listed, load = (list_hdf5, load_hdf5) if is_hdf5(path) else (list_version_5, load_version_5)
    shapes = {entry[0]: (entry[1], "f") for entry in listed(path)}
    name = _choose(shapes, key, size, path)
    check(*shapes[name], size, bands, f"{name!r} in {path.name}")
    return Raster(array=load(path, [name])[name])


def read_tree_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """One array of a Zarr folder or archive, or of HDF5 that is not MATLAB's."""
    with told_by(lambda error: _damaged(path, error)), ExitStack() as stack:
        packed = not path.is_dir() and is_hdf5(path)
        tree = read_tree(stack.enter_context(opened_hdf5(path)), path) if packed else open_tree(path, stack)
        shapes = {name: (found.shape, found.array.dtype.kind) for name, found in tree.variables.items()}
        name = _choose(shapes, key, size, path)
        label = f"{name or 'the array'} in {path.name}"
        check(*shapes[name], size, bands, label)
        found = tree.variables[name]
        no_data = meaning(found.attributes, found.array.dtype).no_data
        return Raster(array=numbers(found, label), no_data=no_data[0] if no_data else None)


def read_envi_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """An ENVI image of one band, most of all a classification, whose classes have names."""
    header_path = path if is_envi_header(path) else find_header(path)
    assert header_path is not None
    fields = parse_fields(text_of(header_path), header_path.name)
    fields.pop("file type", None)  # a classification is refused as an image
    header = interpret(fields, header_path.name)
    data_path = find_data(header_path, header.layout)[0] if path == header_path else path
    reader = None if path != header_path else _own_format(data_path)
    if reader is not None:
        return reader(data_path, size, bands, key)
    layout, cut = checked(data_path, header.layout)
    check(layout.shape, layout.dtype.kind, size, bands, data_path.name)
    names = dict(enumerate(" ".join(word.split()) for word in fields.get("class names", "").split(",") if word.strip()))
    return Raster(
        array=all_lines(data_path, layout),
        names=names,
        no_data=header.ignore,
        georeference=header.georeference,
        remarks=cut,
    )


def _own_format(path: Path) -> Reader | None:
    """Who reads the data file of a header that has a mark of its own."""
    return raster_reader(first_bytes(path, _MARK), path) if container(path) else None


def read_other_labels(path: Path, size: Size, bands: int | None, key: str | None) -> Raster:
    """An image of one band in any format of cubes that has no other reader here."""
    form = format_of(path)
    assert form is not None
    stored = form.stored(path, Reading(key=key))
    try:
        check(stored.array.shape, stored.array.dtype.kind, size, bands, path.name)
        array = np.asarray(stored.array[...])
    finally:
        if stored.close is not None:
            stored.close()
    return Raster(array=array, no_data=stored.no_data[0] if stored.no_data else None, georeference=stored.georeference)


def _choose(shapes: Mapping[str, tuple[tuple[int, ...], str]], key: str | None, size: Size, path: Path) -> str:
    """The array that is named, else the only one of the cube's size, of several the one that is called as labels are."""
    listing = (
        ", ".join(f"{name} {readable_shape(shape)}" for name, (shape, _) in list(shapes.items())[:12]) or "no numbers"
    )
    if key is not None:
        if key not in shapes:
            raise UnmixError(f"{path.name} has no array {key!r}, it holds {listing}: name one with --annotation-key.")
        return key
    long = [length for length in size if length != 1]
    fitting = [
        name for name, (shape, kind) in shapes.items() if kind in "uibf" and [n for n in shape if n != 1] == long
    ]
    if not fitting:
        raise UnmixError(
            f"{path.name} holds {listing}, nothing of the cube's {readable_shape(size)}: save the labels in its size."
        )
    named = [name for word in _NAMES for name in fitting if name.lower() == word]
    if len(fitting) > 1 and len(named) != 1:
        raise UnmixError(f"{path.name} holds {listing}: say which array is the painting with --annotation-key NAME.")
    return named[0] if len(fitting) > 1 else fitting[0]


def category_names(path: Path) -> dict[int, str]:
    """Label -> name from the file that GDAL keeps beside an image (``scene.tif.aux.xml``); nothing where it is not there, or damaged."""
    beside = path.with_name(path.name + ".aux.xml")
    try:
        text = read_regular(beside, _LONGEST_TABLE)
    except (UnmixError, OSError):
        return {}
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return {}
    try:
        found = ElementTree.fromstring(text).find(".//CategoryNames")
    except ElementTree.ParseError:
        return {}
    return {} if found is None else {place: " ".join((entry.text or "").split()) for place, entry in enumerate(found)}


def _number(text: object) -> float | None:
    try:
        return None if text is None else float(str(text).strip("\x00 "))
    except ValueError:
        return None


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """What a library says of a damaged file, in a sentence of ours; what the machine says of it passes."""
    with told_by(lambda error: error if isinstance(error, OSError) else _damaged(path, error)):
        yield


def _damaged(path: Path, error: Exception) -> UnmixError:
    reason = reason_of(error) if str(error) else "it ends early"
    return UnmixError(f"{path.name} could not be read ({reason}): save the annotation again without compression.")
