"""What lies around a file: the cube in a folder that was given, the cube beside a picture, the references beside raw counts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from napari_unmix.cube import Reading
from napari_unmix.io.bare.envi import find_header
from napari_unmix.io.bare.envi_fields import is_envi_header
from napari_unmix.io.bare.envi_header import read_header
from napari_unmix.io.boundary import answered
from napari_unmix.io.formats import format_of, titles
from napari_unmix.io.marks import PICTURES, container
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_MOST_ENTRIES = 100_000  # of a folder that are listed
_MOST_FILES = 400  # of a folder that are looked at
_DEPTH = 2  # folders of a recording lie at most so deep: 007/results/REFLECTANCE_007.dat
_NAMED = 6  # files in a sentence
_REFERENCE = re.compile(
    r"(dark|white)[ _-]*(?:ref|cal|frame|current|board|panel|tile|$)|^(dark|white)[ _-]|[ _-](dark|white)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(r"(dark|white)[ _-]*ref", re.IGNORECASE)
# What GDAL's command line turns into ENVI's bare numbers.
_FOR_GDAL = {"HDF4", "ERDAS Imagine", "NITF", "PDS image", "VICAR image", "GRIB", "ESRI text grid"}


def within(path: Path) -> tuple[Path, tuple[str, ...]]:
    """The file to read: of a folder that is no cube itself the one cube in it, which is said. Raises UnmixError, OSError."""
    if not path.is_dir() or format_of(path) is not None:
        return path, ()
    found = cubes_in(path)
    chosen = found if len(found) == 1 else [cube for cube in found if "reflectance" in cube.name.lower()]
    names = ", ".join(str(cube.relative_to(path)) for cube in found[:_NAMED]) + ", …" * (len(found) > _NAMED)
    if not found:
        raise UnmixError(
            f"{path.name or path} is no cube that can be read, nor a folder with one in it: give {titles()}."
        )
    if len(chosen) != 1:
        raise UnmixError(f"{path.name or path} holds {len(found)} cubes ({names}): give one of these files.")
    others = f", of {len(found)} cubes ({names})" if len(found) > 1 else ""
    return chosen[0], (f"{chosen[0].relative_to(path)} was read in the folder {path.name or path}{others}",)


def holds_cube(path: Path) -> bool:
    """Whether ``within`` finds a cube in a folder. Raises OSError."""
    try:
        return path.is_dir() and within(path)[0] != path
    except UnmixError:
        return False


def cubes_in(folder: Path, depth: int = _DEPTH) -> list[Path]:
    """The cubes of a folder and those below it: ENVI images by their headers, others where there are none; no references. Raises OSError."""
    files = list(_files(folder, depth))
    headers = [path for path in files if path.suffix.lower() == ".hdr" and _is_cube(path)]
    scenes = [path for path in headers if not _SUBJECT.search(path.name)]
    return scenes or headers or [path for path in files if path.suffix.lower() != ".hdr" and _is_cube(path)]


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """At most ``_MOST_FILES`` of them, those higher up first."""
    entries = sorted(islice(folder.iterdir(), _MOST_ENTRIES))[:_MOST_FILES]
    yield from (entry for entry in entries if entry.is_file() and not entry.name.startswith("."))
    if depth:
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
                yield from _files(entry, depth - 1)


def _is_cube(path: Path) -> bool:
    def told() -> bool:
        form = format_of(path)
        return form is not None and container(path) not in PICTURES and form.has_cube(path)

    return answered(path, told)


def refusal(path: Path) -> UnmixError:
    """Why a file of no format of ours is not read: what it is, and where the cube lies or how it is converted. Raises OSError."""
    kind = "" if path.is_dir() else container(path)
    if kind in PICTURES:
        cubes = cubes_in(path.parent, 0)
        own = [cube for cube in cubes if cube.name.startswith(path.stem)] or cubes
        remedy = f"open {own[0].name} beside it" if own else f"give {titles()}"
        return UnmixError(f"{path.name} is a picture ({kind}), not a cube: {remedy}.")
    if kind in _FOR_GDAL:
        command = f"gdal_translate -of ENVI {shlex.quote(path.name)} {shlex.quote(path.stem)}.img"
        return UnmixError(f"{path.name} is a file of a format that is not read ({kind}): convert it with {command}.")
    if "archive" in kind:
        return UnmixError(f"{path.name} is packed ({kind}): unpack it and give the cube in it.")
    said = f"; this is {kind}" if kind else ""
    return UnmixError(f"{path.name or path} is no cube that can be read: give {titles()}{said}.")


def remarks(stored: Stored, path: Path, reading: Reading) -> tuple[str, ...]:
    """What the files beside a recording say of it: references that raw counts can be calibrated by. Raises OSError."""
    named = _SUBJECT.search(path.name)
    if named:
        return (
            f"its name says that it is a {named[1].lower()} reference, not a scene: --{named[1].lower()} takes it for another cube",
        )
    raw = stored.array.dtype.kind in "ui" and stored.scale == 1 and stored.gains is None
    if not raw or reading.dark is not None or reading.white is not None or reading.scale is not None:
        return ()
    header = path if path.suffix.lower() == ".hdr" else find_header(path)
    if header is None or not is_envi_header(header):
        return ()
    found = _references(header)
    if not found:
        return ()
    options = " ".join(f"--{what} {shlex.quote(str(file))}" for what, file in found.items())
    names = " and ".join(file.name for file in found.values())
    lie = "lie" if len(found) > 1 else "lies"
    return (f"{names} {lie} beside these raw counts, which were not calibrated: {options} does",)


def _references(header: Path) -> dict[str, Path]:
    """Dark and white references beside a header, by their names and sizes; of several that with the scene's own name in it."""
    _, samples, bands = read_header(header).shape
    found: dict[str, list[Path]] = {"dark": [], "white": []}
    for path in sorted(islice(header.parent.iterdir(), _MOST_ENTRIES))[:_MOST_FILES]:
        named = _REFERENCE.search(path.stem) if path.suffix.lower() == ".hdr" and path != header else None
        if named and _fits(path, samples, bands):
            found[next(group for group in named.groups() if group).lower()].append(path)
    own = header.stem.lower()
    return {what: min(paths, key=lambda path: own not in path.stem.lower()) for what, paths in found.items() if paths}


def _fits(path: Path, samples: int, bands: int) -> bool:
    def told() -> bool:
        shape = read_header(path).shape
        return shape[2] == bands and shape[1] in (1, samples)

    return answered(path, told)
