"""Tables: the abundances of every pixel with its coordinates, the endmembers band by band; and endmembers as an ENVI spectral library."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_unmix.library import SpectralLibrary
from napari_unmix.library.files import fill_library
from napari_unmix.output.export.contents import ABUNDANCES, ENDMEMBERS, GRADES, ILLUMINATION, SPREAD, Contents, Image


def write_tables(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """``OUT.csv``: a row for every pixel with an answer; ``OUT_endmembers.csv``: one for every band; ``OUT_grades.csv``: one for every endmember."""
    _write(folder / f"{stem}{suffix}", _pixels(contents))
    write_endmember_table(contents, folder, stem)
    if contents.main.grades:
        _write(folder / f"{stem}{GRADES}.csv", _grades(contents))


def write_sli(contents: Contents, folder: Path, stem: str, suffix: str) -> None:
    """The endmembers alone."""
    fill_library(_library(contents), folder / f"{stem}{suffix}")


def write_endmember_library(contents: Contents, folder: Path, stem: str) -> None:
    """The endmembers beside images: ``OUT_endmembers.sli`` and its header."""
    fill_library(_library(contents), folder / f"{stem}{ENDMEMBERS}.sli")


def write_endmember_table(contents: Contents, folder: Path, stem: str) -> None:
    """The endmembers beside images: ``OUT_endmembers.csv``, as a run's folder has them."""
    names = contents.image(ABUNDANCES)
    assert contents.endmembers is not None
    assert names is not None
    rows = np.column_stack([contents.axis.values, contents.endmembers.T])
    _write(folder / f"{stem}{ENDMEMBERS}.csv", [[contents.axis.column, *names.names], *map(_texts, rows)])


def _grades(contents: Contents) -> Iterator[list[str]]:
    """How far each endmember can be believed, why, what would help, and the error to expect of its map where one can be told."""
    yield ["endmember", "grade", "why", "remedy", "expected_rmse"]
    for name, grade in zip(contents.main.names, contents.main.grades, strict=True):
        if grade is not None:
            error = "" if grade.expected_rmse is None else f"{grade.expected_rmse:.6g}"
            yield [name, grade.word, grade.sentence, grade.remedy, error]


def _pixels(contents: Contents) -> Iterator[list[str]]:
    """Row and column from 0, x and y of the pixel's centre where the cube lies on a map, then what is known of the pixel, and in what measure."""
    maps = [image for role in (ABUNDANCES, SPREAD, ILLUMINATION) if (image := contents.image(role)) is not None]
    place = contents.georeference
    yield [
        "row",
        "column",
        *(["x", "y"] if place else []),
        *(name for image in maps for name in _headings(image, contents)),
    ]
    for row, column in np.argwhere(contents.main.valid):
        point: list[float] = []
        if place is not None:
            a, b, c, d, e, f = place.transform
            x, y = column + 0.5, row + 0.5
            point = [a * x + b * y + c, d * x + e * y + f]
        values = [value for image in maps for value in image.values[row, column]]
        yield [str(row), str(column), *_texts(point), *_texts(values)]


def _headings(image: Image, contents: Contents) -> tuple[str, ...]:
    """What the columns of an image are called; an abundance by its endmember and by what abundances are here."""
    if image.role != ABUNDANCES or contents.inversion is None:
        return image.names
    return tuple(f"{name} ({contents.inversion.one})" for name in image.names)


def _texts(values: object) -> list[str]:
    """The shortest text that reads back as each number."""
    return [str(value).removesuffix(".0") for value in np.asarray(values).ravel()]


def _write(path: Path, rows: object) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]


def _library(contents: Contents) -> SpectralLibrary:
    assert contents.endmembers is not None
    axis = contents.axis
    measured = None if axis.kind in ("wavelength", "index") else axis
    return SpectralLibrary(
        contents.endmembers, axis.nanometres, contents.main.names, name=contents.name, measured_axis=measured
    )
