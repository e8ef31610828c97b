"""From the numbers of a label image to labels: what is unpainted, what is said of it, and what is refused. One rule for all formats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import BoolArray, Georeference, IntArray
from napari_unmix.io.budget import check_budget, readable_shape
from napari_unmix.io.place.georeference import epsg, pixel_of
from napari_unmix.io.stored import equals
from napari_unmix.sentences import UnmixError, printable, shown

_HIGHEST = int(np.iinfo(np.int32).max)
_LONGEST_NAME = 200  # letters
_COLOURS = (3, 4)  # channels of a picture: colours, colours and opacity
_OFF = 0.5  # pixels that two images of the same place may lie apart on the map


@dataclass(frozen=True)
class AnnotationReading:
    """How a user wants annotations to be read: ``key`` names the array (or the layer) of a file that holds several,
    ``unpainted`` is a number that means that nothing was painted, beside 0."""

    key: str | None = None
    unpainted: float | None = None


@dataclass(frozen=True, eq=False)
class ReadAnnotation:
    """What was painted: ``labels`` (H, W) int32, 0 where nothing; ``names`` label -> the name that the file gives it;
    ``remarks`` sentences on what was assumed."""

    labels: IntArray
    names: Mapping[int, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {label: shown(name, _LONGEST_NAME) for label, name in self.names.items()})
        object.__setattr__(self, "remarks", printable(self.remarks))


@dataclass(frozen=True, eq=False, kw_only=True)
class Raster:
    """A label image as its file has it: numbers of any kind and order of axes, names, declared no data, place on the map, and remarks."""

    array: NDArray[Any]
    names: Mapping[int, str] = field(default_factory=dict)
    no_data: float | None = None
    georeference: Georeference | None = None
    remarks: tuple[str, ...] = ()


def check(
    found: Sequence[int], kind: str, size: tuple[int, int], bands: int | None, name: str, *, on_map: bool = False
) -> None:
    """Raise UnmixError unless an array of this shape and NumPy kind can be a label image of the cube's size, before its numbers are read.

    ``on_map``: a single channel of any size, since its place on the map may tell which pixels are the cube's.
    """
    if not _fits(found, size, bands) and not (on_map and len(_long(found)) == 2):
        turned = sorted(_long(found)) == sorted(_long(size)) and len(_long(found)) == 2
        remedy = "transpose it" if turned else "save it in the cube's size"
        raise UnmixError(f"{name} is {readable_shape(found)} but the cube is {readable_shape(size)}: {remedy}.")
    if kind not in "uibf":
        raise UnmixError(f"{name} does not hold whole numbers (NumPy kind {kind!r}): save the labels as integers.")
    check_budget(math.prod(found), 8, name)


def _long(shape: Sequence[int]) -> list[int]:
    return [int(length) for length in shape if length != 1]


def _fits(found: Sequence[int], size: tuple[int, int], bands: int | None) -> bool:
    """The cube's size, with or without axes of length 1; a picture's channels behind it; or the cube's bands as an axis as well."""
    found = tuple(int(length) for length in found)
    if _long(found) == _long(size):
        return True
    if len(found) != 3:
        return False
    of_bands = bands is not None and (found == (bands, *size) or found == (*size, bands))
    return of_bands or (found[:2] == size and found[2] in _COLOURS)


def to_labels(
    raster: Raster, size: tuple[int, int], georeference: Georeference | None, name: str, unpainted: float | None = None
) -> ReadAnnotation:
    """Labels (H, W) of a label image, with what was assumed. Raises UnmixError for fractions, several kinds of negative labels, colours."""
    stored, flattened = _one_image(raster.array, size, name)
    moved = _place(raster.georeference, georeference, stored.shape, size, name)
    if stored.shape != size:
        assert raster.georeference is not None
        assert georeference is not None
        stored = _by_the_map(stored, raster.georeference, georeference, size)
    nothing = np.zeros(size, bool)
    said = []
    for where, sentence in _unpainted(stored, raster.no_data, unpainted):
        nothing |= where
        said.append(sentence)
    labels = _whole(stored, nothing, name)
    if nothing.any() and (labels[~nothing] == 0).any():
        zeros = int((labels[~nothing] == 0).sum())
        said.append(f"0 is unpainted as well ({zeros} pixels): if it is a class, add 1 to all labels")
    said += _zero_class(raster.names) + _highest_of_type(stored, labels)
    names = {label: text for label, text in raster.names.items() if label > 0 and text}
    return ReadAnnotation(
        labels, names, tuple(f"{name}: {text}" for text in (*raster.remarks, *flattened, *moved, *said))
    )


def _one_image(array: NDArray[Any], size: tuple[int, int], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(H, W) numbers of an image with axes of length 1, with equal channels, or painted band by band."""
    if _long(array.shape) == _long(size):
        return array.reshape(size), ()
    if len(_long(array.shape)) == 2:
        return array.reshape(_long(array.shape)), ()
    if array.shape[:2] == size and array.shape[2] in _COLOURS:
        return _one_channel(array, name)
    axis = 0 if array.shape[1:] == size else 2
    return _one_band(np.moveaxis(array, axis, 0), name)


def _one_channel(array: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    channels = array.shape[2]
    first = array[:, :, 0]
    if not ((first == array[:, :, 1]) & (first == array[:, :, 2])).all():
        raise UnmixError(f"{name} is a colour image ({channels} channels): save the label numbers on one channel.")
    if channels == 3:
        return first, ("its three channels are alike: the first was taken",)
    opaque = array[:, :, -1] > 0
    return np.where(opaque, first, 0), ("its channels are grey and opacity: what is transparent is unpainted",)


def _one_band(array: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(H, W) of labels (B, H, W), as napari's own new layer over a cube makes them: painted on some bands, without contradiction."""
    labels = np.zeros(array.shape[1:], array.dtype)
    bands = 0
    for band in array:
        painted = band != 0
        bands += bool(painted.any())
        clash = int((painted & (labels != 0) & (labels != band)).sum())
        if clash:
            raise UnmixError(
                f"{name} has another label in another band at {clash} pixels: paint on two axes, as “New annotation” of the window does."
            )
        labels[painted] = band[painted]
    return labels, (f"its labels lie on {bands} of {len(array)} bands: taken together as one image",)


def _unpainted(stored: NDArray[Any], declared: float | None, wanted: float | None) -> Iterator[tuple[BoolArray, str]]:
    """Where nothing was painted, other than 0, and why. A number below 0 is no label; two of them may be classes of something."""
    known = {wanted: "--unpainted", declared: "its no data"}
    for value, why in known.items():
        if value is None or value == 0 or (math.isnan(value) and stored.dtype.kind != "f"):
            continue
        where = equals(stored, value)
        if where.any():
            yield where, f"{int(where.sum())} pixels hold {value:g} ({why}): unpainted"
    if stored.dtype.kind == "f" and not (declared is not None and math.isnan(declared)):
        where = ~np.isfinite(stored)
        if where.any():
            yield where, f"{int(where.sum())} pixels hold no finite number: unpainted"
    yield from _no_labels(stored, [value for value in known if value is not None])


def _no_labels(stored: NDArray[Any], known: Sequence[float]) -> Iterator[tuple[BoolArray, str]]:
    """The one number below 0, and the one beyond what labels reach: fills that nobody declared."""
    rest = np.isfinite(stored) if stored.dtype.kind == "f" else np.ones(stored.shape, bool)
    for value in known:
        rest &= ~equals(stored, value)
    for beyond in (stored < 0, stored > _HIGHEST):
        where = rest & beyond
        if where.any() and (stored[where] == stored[where][0]).all():
            yield where, f"{int(where.sum())} pixels hold {stored[where][0]:g}, which is no label: unpainted"


def _whole(stored: NDArray[Any], nothing: BoolArray, name: str) -> IntArray:
    """int32 labels where something was painted. Raises UnmixError for fractions and for labels outside the range."""
    kept = np.where(nothing, stored.dtype.type(0), stored)
    fractions = kept != np.rint(kept) if kept.dtype.kind == "f" else np.zeros(kept.shape, bool)
    if fractions.any():
        raise UnmixError(
            f"{name} does not hold whole numbers ({int(fractions.sum())} pixels, such as {kept[fractions][0]:g}): save the labels as integers."
        )
    lowest, highest = int(kept.min()), int(kept.max())
    if lowest < 0 or highest > _HIGHEST:
        raise UnmixError(
            f"The labels of {name} run from {lowest} to {highest}: number them from 0 (unpainted) upwards."
        )
    return kept.astype(np.int32)


def _zero_class(names: Mapping[int, str]) -> list[str]:
    """A class 0 that has a real name would be lost without a word."""
    word = names.get(0, "").strip()
    empty = not word or word.lower().startswith(
        ("unclass", "unlabel", "unpaint", "background", "no data", "nodata", "none")
    )
    return [] if empty else [f"its class 0, {word}, is unpainted: number classes from 1"]


def _highest_of_type(stored: NDArray[Any], labels: IntArray) -> list[str]:
    """255 among labels of a handful is often what nobody painted; as nothing says so, it is only asked."""
    if stored.dtype.kind not in "ui":
        return []
    top = int(np.iinfo(stored.dtype).max)
    others = labels[(labels > 0) & (labels != top)]
    count = int((labels == top).sum())
    if not count or not others.size or int(others.max()) > top // 2:
        return []
    return [
        f"{count} pixels hold {top}, the highest number of {stored.dtype.name}: a label (--unpainted {top} if it is none)"
    ]


def _place(
    mine: Georeference | None, cubes: Georeference | None, found: tuple[int, ...], size: tuple[int, int], name: str
) -> tuple[str, ...]:
    """What is said of where a label image lies on the map. Raises UnmixError where it is of another size and that is not known."""
    if mine is None or cubes is None:
        if found != size:
            check(found, "u", size, None, name)
        return ()
    same = epsg(mine.crs) == epsg(cubes.crs) or not (mine.crs and cubes.crs)
    if found != size:
        if not same:
            check(found, "u", size, None, name)
        return (f"brought from {readable_shape(found)} pixels onto the cube's by the map, each to the nearest",)
    corner = pixel_of(cubes, np.array([[mine.transform[2], mine.transform[5]]]))[0]
    if same and max(abs(corner)) > _OFF:
        return (f"lies {corner[0]:.1f} columns and {corner[1]:.1f} rows off the cube on the map: read pixel by pixel",)
    return ()


def _by_the_map(stored: NDArray[Any], mine: Georeference, cubes: Georeference, size: tuple[int, int]) -> NDArray[Any]:
    """The label under the centre of each of the cube's pixels, 0 outside."""
    rows, columns = np.indices(size) + 0.5
    a, b, c, d, e, f = cubes.transform
    points = np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=-1).reshape(-1, 2)
    column, row = np.floor(pixel_of(mine, points)).astype(np.int64).T
    inside = (row >= 0) & (row < stored.shape[0]) & (column >= 0) & (column < stored.shape[1])
    found = np.zeros(len(points), stored.dtype)
    found[inside] = stored[row[inside], column[inside]]
    return found.reshape(size)
