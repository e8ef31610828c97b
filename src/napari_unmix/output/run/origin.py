"""Which cube a run is of, and how to have it again from where it was: found by its hash, with the bands and pixels that took part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray, Cube, Part, Reading
from napari_unmix.output.run.damage import damage
from napari_unmix.output.run.identity import cube_hash
from napari_unmix.output.run.keeping import read_kept
from napari_unmix.output.run.schema import KeptAxis, RunJson
from napari_unmix.reading import exactly, reading_of
from napari_unmix.sentences import UnmixError, shown

SAMPLE = "sample"  # what ``synthetic.sample_scene`` calls its cube


@dataclass(frozen=True, eq=False)
class Origin:
    """Which cube a run is of.

    Attributes
    ----------
    folder : of the run
    name : of the cube
    parts : the file it was read from, or the files that were joined, each with how it was read; empty where it came from no file
    shape : (H, W, B)
    sha256 : of spectra and axis, as ``identity.cube_hash`` has it
    good_bands : (B,) bool, the bands that took part
    valid_pixels : (H, W) bool, the pixels that took part; None where an older version did not write them: as they are read
    kept : where the bands lie of a cube that the run's folder itself holds, a sample of its parts; None of all others
    """

    folder: Path
    name: str
    parts: tuple[Part, ...]
    shape: tuple[int, int, int]
    sha256: str
    good_bands: BoolArray
    valid_pixels: BoolArray | None
    kept: KeptAxis | None = None

    @property
    def is_sample(self) -> bool:
        """Whether it may be the sample scene, which is made anew and needs no file."""
        return not self.parts and self.name == SAMPLE

    def is_of(self, cube: Cube) -> bool:
        """Whether a cube is the run's, whatever bands it excludes. Reads all of its values where the shape is the same."""
        return cube.shape == self.shape and cube_hash(cube) == self.sha256

    def with_masks(self, cube: Cube) -> Cube:
        """The run's cube with the bands and pixels that took part; the spectra are shared."""
        valid = cube.valid_pixels if self.valid_pixels is None else self.valid_pixels
        if np.array_equal(cube.good_bands, self.good_bands) and np.array_equal(cube.valid_pixels, valid):
            return cube
        reading = replace(cube.reading, bands=exactly(self.good_bands)) if cube.source else cube.reading
        return replace(cube, good_bands=self.good_bands, valid_pixels=valid, reading=reading)

    def cube(self, places: Sequence[Path] = ()) -> Cube:
        """The cube as it took part, to the bit: read from where it was, from beside the run, or from ``places``.

        Raises
        ------
        UnmixError : it came from no file; its file is gone, or holds other values; it can't be read
        """
        if self.kept is not None:
            return self._kept(self.kept, places)
        parts = self._found(places)
        if not parts:
            return self.with_masks(self._sample())
        sentence = ""
        for readings in self._readings(parts):
            cube = _read(readings)
            if self.is_of(cube):
                return self.with_masks(cube)
            sentence = sentence or self._other(cube, readings)
        raise UnmixError(sentence)

    def _kept(self, axis: KeptAxis, places: Sequence[Path]) -> Cube:
        """The sample that is in the folder, whatever became of the files it is from."""
        if places:
            raise UnmixError(
                f"The run {shown(self.folder.name)} keeps the sample that it was fitted on: leave its cubes out."
            )
        with damage(self.folder):
            cube = self.with_masks(read_kept(self.folder, self.name, self.shape, axis, self.parts, self.valid_pixels))
            if not self.is_of(cube):
                raise ValueError("its sample is not the one that run.json tells of")
        return cube

    def _found(self, places: Sequence[Path]) -> tuple[Part, ...]:
        """The parts where they are now. Raises UnmixError where one is nowhere."""
        if not places:
            return tuple(replace(part, source=self._place(part.source)) for part in self.parts)
        if self.parts and len(places) != len(self.parts):
            raise UnmixError(
                f"The run {shown(self.folder.name)} is of {len(self.parts)} file{'s' if len(self.parts) > 1 else ''}, "
                f"{len(places)} are given: give one for each, in their order."
            )
        known = self.parts or tuple(Part(place, Reading()) for place in places)
        return tuple(replace(part, source=place) for part, place in zip(known, places, strict=True))

    def _place(self, source: Path) -> Path:
        """Where it was, or of the same name beside the run's folder."""
        for place in (source, self.folder.absolute().parent / source.name):
            with contextlib.suppress(OSError, ValueError):
                if place.exists():
                    return place
        raise UnmixError(
            f"{shown(source, 200)}, the cube of the run {shown(self.folder.name)}, is not there any more: "
            "bring it back, put it beside the run's folder, or open it from where it is and then the run."
        )

    def _sample(self) -> Cube:
        if self.is_sample:
            from napari_unmix.synthetic import sample_scene

            cube = sample_scene().cube
            if self.is_of(cube):
                return cube
        raise UnmixError(
            f"{shown(self.name)}, the cube of the run {shown(self.folder.name)}, was not read from a file: "
            "open it as before, and then the run."
        )

    @staticmethod
    def _readings(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
        """As they were read; and as their files say which bands are good, where bands were left out after that."""
        yield parts
        if any(part.reading.bands for part in parts):
            yield tuple(replace(part, reading=replace(part.reading, bands=None)) for part in parts)

    def _other(self, cube: Cube, parts: tuple[Part, ...]) -> str:
        (rows, columns, bands), (height, width, depth) = self.shape, cube.shape
        other = "its values are others" if cube.shape == self.shape else f"it is {height}×{width}×{depth} now"
        return (
            f"{shown(parts[0].source.name)} is not the cube of the run {shown(self.folder.name)} any more, "
            f"{shown(self.name)} of {rows}×{columns}×{bands} ({other}): bring back the file as it was, or train anew."
        )


def origin_of(folder: Path, said: RunJson, valid: BoolArray | None, good: BoolArray | None = None) -> Origin:
    """What run.json says of its cube; ``good`` are the bands where it does not say. Raises ValueError where that does not fit, UnmixError."""
    cube = said.cube
    if cube.excluded_bands is not None:
        if any(band > cube.shape[2] for band in cube.excluded_bands):
            raise ValueError(f"run.json excludes a band that is none of its {cube.shape[2]}")
        good = np.ones(cube.shape[2], bool)
        good[[band - 1 for band in cube.excluded_bands]] = False
    assert good is not None
    parts = tuple(Part(Path(part.source), reading_of(part.reading)) for part in cube.parts)
    if cube.source is not None:
        parts = (Part(Path(cube.source), reading_of(cube.reading)),)
    return Origin(folder, cube.name, parts, cube.shape, cube.sha256, good, valid, cube.kept)


def _read(parts: tuple[Part, ...]) -> Cube:
    from napari_unmix.io import read_as
    from napari_unmix.joining import join_cubes

    cubes = [read_as(part.source, part.reading) for part in parts]
    return cubes[0] if len(cubes) == 1 else join_cubes(cubes)
