"""Annotations: images of whole numbers, 0 where nothing was painted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import UnmixError
from napari_unmix.io.budget import readable_shape
from napari_unmix.io.numpy_files import read_array_header

_PNG, _NPY = b"\x89PNG\r\n\x1a\n", b"\x93NUMPY"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_annotation(path: str | Path, shape: Sequence[int]) -> NDArray[np.int32]:
    """Read a label image, chosen by content (.npy, .tif, .png), of the size of a cube.

    Parameters
    ----------
    path : the file
    shape : (H, W) or (H, W, B) of the cube

    Returns
    -------
    (H, W) int32 labels

    Raises
    ------
    UnmixError : no such file, another format, colours, fractions, negative labels, or another size
    """
    path = Path(path).expanduser()
    size = (int(shape[0]), int(shape[1]))
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
        labels = _reader(start, path)(path, size)
    except OSError as error:
        raise UnmixError(
            f"{path.name} could not be read ({error.strerror or error}): check the annotation file."
        ) from error
    return _as_labels(labels, path.name)


def _reader(start: bytes, path: Path) -> Any:
    if start.startswith(_NPY):
        return _read_npy
    if start.startswith(_PNG):
        return _read_png
    if start.startswith(_TIFF):
        return _read_tiff
    raise UnmixError(f"{path.name} is no annotation that can be read: save whole numbers as .npy, .tif or .png.")


def _check(found: Sequence[int], kind: str, size: tuple[int, int], name: str) -> None:
    """Raise UnmixError unless an image of this shape and NumPy kind fits the cube, before its pixels are read."""
    if len(found) == 3 and found[2] in (3, 4) and tuple(found[:2]) == size:
        raise UnmixError(f"{name} is a colour image ({found[2]} channels): save the label numbers on one channel.")
    if tuple(found) != size:
        remedy = "transpose it" if tuple(found) == size[::-1] else "save it in the cube's size"
        raise UnmixError(f"{name} is {readable_shape(found)} but the cube is {readable_shape(size)}: {remedy}.")
    if kind not in "uib":
        raise UnmixError(f"{name} does not hold whole numbers (NumPy kind {kind!r}): save the labels as integers.")


def _read_npy(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            header = read_array_header(stream)
            _check(header.shape, header.dtype.kind, size, path.name)
        return np.asarray(np.load(path, allow_pickle=False))
    except UnmixError:
        raise
    except (ValueError, EOFError) as error:
        raise _damaged(path, error) from error


def _read_png(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    """Pillow itself, because it keeps the numbers of a palette image, which are its labels."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            channels = len(image.getbands())
            _check((image.height, image.width, channels)[: 2 + (channels > 1)], "u", size, path.name)
            return np.asarray(image)
    except UnmixError:
        raise
    except (SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def _read_tiff(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            _check(series.shape, series.dtype.kind, size, path.name)
            return np.asarray(series.asarray())
    except UnmixError:
        raise
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, RuntimeError, EOFError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UnmixError:
    reason = str(error).splitlines()[0] if str(error) else "it ends early"
    return UnmixError(f"{path.name} could not be read ({reason}): save the annotation again without compression.")


def _as_labels(labels: NDArray[Any], name: str) -> NDArray[np.int32]:
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0 or highest > np.iinfo(np.int32).max:
        raise UnmixError(
            f"The labels of {name} run from {lowest} to {highest}: number them from 0 (unpainted) upwards."
        )
    return labels.astype(np.int32)
