"""Many scenes as one sample that is fitted: each gives its part, drawn where it lies by a task of its own, and the parts are joined.

A part is a thinned image of its scene (``sampling``), so that superpixels and segments keep their neighbours, and the joined cube knows which scene
a pixel is of. Scenes are opened and not read as a whole, whatever memory there is: the same files give the same sample, whoever draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_unmix.applying.bands import bands_for, in_one_unit
from napari_unmix.applying.scene import stamp_of
from napari_unmix.cube import Annotation, Cube, IntArray, Meaning, Reading
from napari_unmix.io import read_annotation, read_as
from napari_unmix.io.annotation import AnnotationReading, ReadAnnotation
from napari_unmix.io.budget import lazily
from napari_unmix.joining import join_cubes, join_labels
from napari_unmix.large.sampling import Sample, drawn
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError, shown

# A scene gives at least so many pixels, or all that it has: of fewer no superpixel of its thinned image has more than a few.
FEWEST_EACH = 100
_NOTHING = np.zeros(0, np.intp)


@dataclass(frozen=True, eq=False)
class Painted:
    """What was painted on a scene: the file, how it is read, and which of its labels are no regions."""

    file: Path
    reading: AnnotationReading
    meanings: Mapping[int, Meaning] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SceneOrder:
    """To draw at most ``pixels`` of the ``number``-th scene, read as ``reading`` says: small, and the same on every machine that sees these paths."""

    number: int
    cube: Path
    reading: Reading
    pixels: int
    seed: int
    painted: Painted | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """What a scene gives.

    Attributes
    ----------
    cube : thinned, in memory
    labels : (h, w) what is painted there, or None
    painted : labels that are painted anywhere in the scene
    names : label -> the name that the painting's file gives it
    remarks : sentences on how the painting was read
    step : one pixel of each square of so many rows and columns; 1: all
    whole : pixels of the scene
    """

    cube: Cube
    labels: IntArray | None
    painted: tuple[int, ...]
    names: Mapping[int, str]
    remarks: tuple[str, ...]
    step: int
    whole: int


@dataclass(frozen=True, eq=False)
class Joined:
    """All parts as one ``cube``, and what is painted there, as in ``Part``; ``names`` of each scene."""

    cube: Cube
    labels: IntArray | None
    painted: tuple[int, ...]
    names: tuple[Mapping[int, str], ...]
    remarks: tuple[str, ...]


# Draws what is asked for, in any order; None says that it still waits for one.
Draw = Callable[[Sequence[SceneOrder]], Iterator["tuple[SceneOrder, Part] | None"]]


def orders_of(
    cubes: Sequence[Path], reading: Reading, pixels: int, seed: int, paintings: Sequence[Painted] = ()
) -> list[SceneOrder]:
    """An order for each of two or more scenes, which have an equal part in ``pixels``. Raises UnmixError where that is too few."""
    each = pixels // max(len(cubes), 1)
    if each < FEWEST_EACH:
        raise UnmixError(
            f"{pixels:,} pixels of {len(cubes)} cubes are {each} of each: sample at least {FEWEST_EACH * len(cubes):,}."
        )
    of: Sequence[Painted | None] = paintings or [None] * len(cubes)
    return [
        SceneOrder(number, cube, reading, each, seed, painted)
        for number, (cube, painted) in enumerate(zip(cubes, of, strict=True))
    ]


def sampled_scenes(orders: Sequence[SceneOrder], draw: Draw | None = None) -> Fit[Joined]:
    """The parts of all scenes, joined on the first one's bands; drawn here, one after the other, unless ``draw`` does it elsewhere.

    Raises UnmixError where a scene can't be read, changes meanwhile, holds no data, or has other bands.
    """
    parts: dict[int, Part] = {}
    yield (progress := Progress("sampling the cubes", 0, len(orders), 0.0))
    made = draw(orders) if draw is not None else ((order, drawn_part(order)) for order in orders)
    for one in made:
        if one is not None:
            parts[one[0].number] = one[1]
        yield replace(progress, step=len(parts), fraction=len(parts) / len(orders))
    return _joined([parts[order.number] for order in orders])


def drawn_part(order: SceneOrder) -> Part:
    """What a scene gives, and nothing of it is drawn by what else there is: what a worker of a cluster does."""
    stamp = stamp_of(order.cube) if order.cube.exists() else None  # one that is not there is refused below, as any file
    with lazily(True):
        cube = read_as(order.cube, order.reading)
    found = None if order.painted is None else _read(order.painted, cube)
    annotation = (
        None if order.painted is None or found is None else Annotation(found.labels, dict(order.painted.meanings))
    )
    sample = drawn(cube, annotation, (order.seed, order.number), _NOTHING, order.pixels, 0)
    if stamp is not None and stamp_of(order.cube) != stamp:
        raise UnmixError(
            f"{shown(order.cube)} changed while it was read: bring it back as it was, and run the same again."
        )
    if not sample.cube.valid_pixels.any():
        raise UnmixError(
            f"{shown(order.cube)} holds no data where {sample.places.size:,} pixels were looked at: leave it out."
        )
    return _part(cube, sample, found)


def _read(painted: Painted, cube: Cube) -> ReadAnnotation:
    return read_annotation(painted.file, cube.shape, cube.georeference, painted.reading)


def _part(cube: Cube, sample: Sample, found: ReadAnnotation | None) -> Part:
    height, width, _ = cube.shape
    return Part(
        sample.cube,
        None if sample.annotation is None else sample.annotation.labels,
        () if found is None else tuple(int(label) for label in np.unique(found.labels) if label > 0),
        {} if found is None else dict(found.names),
        () if found is None else tuple(found.remarks),
        sample.step,
        height * width,
    )


def _joined(parts: Sequence[Part]) -> Joined:
    first = parts[0].cube
    cube = join_cubes([first, *(on_bands_of(first, part.cube) for part in parts[1:])])
    cube = replace(
        cube, thinned=True, repairs=(_said(parts), *cube.repairs[1:])
    )  # in place of the sizes of what was joined
    labels = [np.zeros(part.cube.shape[:2], np.int32) if part.labels is None else part.labels for part in parts]
    return Joined(
        cube,
        None if all(part.labels is None for part in parts) else join_labels(labels),
        tuple(sorted({label for part in parts for label in part.painted})),
        tuple(part.names for part in parts),
        tuple(remark for part in parts for remark in part.remarks),
    )


def on_bands_of(first: Cube, other: Cube) -> Cube:
    """A cube in memory on the bands of the ``first``, near as a run that is applied wants them (``applying.bands``); itself where they are the same.

    Raises UnmixError where a band of the first lies too far from all of the other's.
    """
    if in_one_unit(first.spectral_axis, other.spectral_axis)[0] is None:
        return other  # joining says whether as many bands will do
    axis, good = first.spectral_axis, first.good_bands
    bands = bands_for(axis, good, other.spectral_axis, other.good_bands, whose=(shown(first.name), shown(other.name)))
    if not bands.share.any() and other.shape[2] == first.shape[2] and not bands.moved:
        return other
    height, width, _ = other.shape
    spectra = np.zeros((height, width, first.shape[2]), np.float32)
    spectra[..., good] = bands.of(other.spectra.reshape(-1, other.shape[2])).reshape(height, width, -1)
    said = (
        f"its bands were interpolated to those of {first.name}: they lie up to {bands.moved:.3g} {axis.unit} from them."
    )
    return replace(
        other,
        spectra=spectra,
        wavelengths=first.wavelengths,
        measured_axis=first.measured_axis,
        good_bands=good,
        fwhm=first.fwhm,
        repairs=(*other.repairs, said),
    )


def _said(parts: Sequence[Part]) -> str:
    """What was fitted on."""
    pixels, whole = sum(int(part.cube.valid_pixels.sum()) for part in parts), sum(part.whole for part in parts)
    steps = sorted({part.step for part in parts})
    which = "all of each" if steps == [1] else f"one of each {_squares(steps)}"
    return (
        f"Fitted and judged on {pixels:,} of {whole:,} pixels of {len(parts)} cubes ({which}, and what is painted): "
        "napari-unmix apply makes the maps of all their pixels."
    )


def _squares(steps: Sequence[int]) -> str:
    low, high = steps[0], steps[-1]
    return f"{low}×{low}" if low == high else f"{low}×{low} to {high}×{high}"
