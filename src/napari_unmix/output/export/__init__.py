"""Cubes and runs to files of other programs: one table of formats, each whole or not at all, nothing replaced unasked."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_unmix.cube import Cube
from napari_unmix.files.paths import check_name, given_path
from napari_unmix.files.whole import placed_whole
from napari_unmix.output.export.contents import Contents, of_cube, of_result, of_run
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from napari_unmix.answer import Unmixing
    from napari_unmix.output.run import Run

    Subject: TypeAlias = Cube | Run | tuple[Cube, Unmixing] | Contents

__all__ = [
    "EXPORTS",
    "AlreadyThere",
    "Contents",
    "Export",
    "check_free",
    "contents_of",
    "export",
    "format_for",
    "titles",
]


@dataclass(frozen=True)
class Export:
    """A format that cubes or runs are written to. Its function is imported when it is called.

    Attributes
    ----------
    title : for people
    suffixes : of OUT, lower case, the usual one first
    module, write : where ``(contents, folder, stem, suffix) -> None`` is, which writes files into an empty folder
    of_cubes, of_runs : what it is for
    by_lines : whether it is written some lines at a time, so that a cube of any size can be
    """

    title: str
    suffixes: tuple[str, ...]
    module: str
    write: str
    of_cubes: bool = True
    of_runs: bool = True
    by_lines: bool = True

    def writer(self) -> Callable[[Contents, Path, str, str], None]:
        """The function that writes."""
        function: Callable[[Contents, Path, str, str], None] = getattr(importlib.import_module(self.module), self.write)
        return function


_HERE = __name__
EXPORTS = {
    "envi": Export("ENVI", (".hdr", ".img", ".dat", ".bip", ".bil", ".bsq"), f"{_HERE}.envi", "write_envi"),
    "geotiff": Export("GeoTIFF", (".tif", ".tiff"), f"{_HERE}.geotiff", "write_geotiff"),
    "ome-zarr": Export("OME-Zarr", (".ome.zarr", ".zarr"), f"{_HERE}.ome_zarr", "write_ome_zarr"),
    "npz": Export("NumPy", (".npz",), f"{_HERE}.arrays", "write_npz", by_lines=False),
    "matlab": Export("MATLAB", (".mat",), f"{_HERE}.arrays", "write_mat", by_lines=False),
    "netcdf": Export("NetCDF", (".nc",), f"{_HERE}.dataset", "write_netcdf", by_lines=False),
    "table": Export("table of pixels and of endmembers", (".csv",), f"{_HERE}.tables", "write_tables", of_cubes=False),
    "library": Export("spectral library (ENVI)", (".sli",), f"{_HERE}.tables", "write_sli", of_cubes=False),
}


class AlreadyThere(UnmixError):
    """``target`` is there already; whoever has a name for the remedy makes a sentence of its own."""

    def __init__(self, target: Path, why: str = "is there already") -> None:
        super().__init__(f"{target} {why}: choose another name.")
        self.target, self.why = target, why


def titles() -> str:
    """All formats with their suffixes, for a sentence."""
    every = [f"{form.suffixes[0]} ({form.title})" for form in EXPORTS.values()]
    return f"{', '.join(every[:-1])} or {every[-1]}"


def format_for(path: Path) -> tuple[Export, str, str]:
    """The format of a file by its name, the name without suffix, and the suffix. Raises UnmixError with the list of them."""
    name = path.name
    for form in EXPORTS.values():
        for suffix in form.suffixes:
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                return form, name[: -len(suffix)], name[-len(suffix) :].lower()
    raise UnmixError(f"{name or path} names no format that can be written: end it in {titles()}.")


def contents_of(subject: Subject) -> Contents:
    """The images and spectra of a cube, a run, or what ``unmix`` returned for a cube."""
    if isinstance(subject, Contents):
        return subject
    if isinstance(subject, Cube):
        return of_cube(subject)
    return of_result(*subject) if isinstance(subject, tuple) else of_run(subject)


def export(subject: Subject, path: str | Path, form: str | None = None, *, overwrite: bool = False) -> list[Path]:
    """Write a cube, or the maps and endmembers of a run, and return the files, the main one first.

    All files are written beside their place first and appear when all are there: an interrupted write leaves what was there before, and one that
    is killed leaves that or all of the new, as soon as the next command looks.

    Parameters
    ----------
    subject : a cube, a run that was read, or (cube, what ``unmix`` returned)
    path : where; the suffix says the format. A run becomes several files whose names begin alike
    form : a key of ``EXPORTS``, where the suffix is not to decide
    overwrite : replace files of these names, and folders that are Zarr

    Raises
    ------
    AlreadyThere : a file is there already
    UnmixError : no such format, or one that is not for this; a library that is not installed
    OSError : it cannot be written
    """
    target = given_path(path)
    contents = contents_of(subject)
    chosen, stem, suffix = format_for(target) if form is None else _named(form, target)
    if not (chosen.of_runs if contents.is_run else chosen.of_cubes):
        raise UnmixError(
            f"{target.name} is for a {chosen.title}, which a cube is not: give the folder of a run, or another suffix."
        )
    if isinstance(subject, Cube) and subject.lazy is not None and not chosen.by_lines:
        raise UnmixError(
            f"{target.name} would have to be in memory as a whole, {subject.spectra.nbytes / 1e9:.3g} GB: write .bil, .tif or .ome.zarr."
        )
    _check_names(target, [f"{stem}{image.suffix}{suffix}" for image in contents.images])
    if not overwrite and os.path.lexists(target):
        raise AlreadyThere(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with placed_whole(target.parent, lambda place: check_free(place, overwrite)) as room:
        chosen.writer()(contents, room, stem, suffix)
        made = sorted(os.listdir(room), key=lambda name: (name != target.name, len(name), name))
    return [target.with_name(name) for name in made]


def _check_names(target: Path, names: list[str]) -> None:
    """Before anything is made. Raises UnmixError."""
    folder = target.absolute().parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    for name in names:
        check_name(target.with_name(name), folder)


def _named(form: str, target: Path) -> tuple[Export, str, str]:
    if form not in EXPORTS:
        raise UnmixError(f"There is no format {form!r}: choose one of {', '.join(EXPORTS)}.")
    chosen = EXPORTS[form]
    for suffix in chosen.suffixes:
        if target.name.lower().endswith(suffix) and len(target.name) > len(suffix):
            return chosen, target.name[: -len(suffix)], suffix
    return chosen, target.name, chosen.suffixes[0]


def check_free(place: Path, overwrite: bool) -> None:
    """Raise AlreadyThere where a place that is taken may not be replaced."""
    if not overwrite:
        raise AlreadyThere(place)
    if place.is_dir() and not any((place / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        raise AlreadyThere(place, "is a folder, and not of Zarr")
