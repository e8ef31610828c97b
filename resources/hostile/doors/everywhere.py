"""For every door: what is no file, and good files that were cut or overwritten."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import good
from case import Case, damaged, info, library, no_file_at_all, painting, reference, write

_CUBES = ("s.hdr", "c.npy", "c.npz", "c.mat", "c.h5", "c.nc", "c.tif", "c.fits", "c.lan", "c.img")
_PAINTINGS = ("l.npy", "l.npz", "l.png", "l.tif", "l.mat", "l.geojson", "l.csv", "l.shp", "l.gpkg")
_LIBRARIES = ("l.csv", "l.hdr", "l.db")
Command = Callable[[str], tuple[str, ...]]


def cases() -> Iterator[Case]:
    """All of them."""
    groups: tuple[tuple[str, tuple[str, ...], Command], ...] = (
        ("cube", _CUBES, info),
        ("painting", _PAINTINGS, painting),
        ("library", _LIBRARIES, library),
        ("reference", ("r.npz",), reference),
    )
    for group, files, command in groups:
        for file in files:
            for name, make in no_file_at_all(file):
                yield Case(
                    f"{group} {Path(file).suffix}", name, make, command(file), file=file if group == "cube" else ""
                )
    with tempfile.TemporaryDirectory() as folder:
        yield from _damaged("cube", good.cubes(_new(folder, "cubes")), info)
        yield from _damaged("painting", good.paintings(_new(folder, "paintings")), painting)
        yield from _damaged("library", good.libraries(_new(folder, "libraries")), library)


def _new(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


def _damaged(group: str, files: Mapping[str, bytes], command: Command) -> Iterator[Case]:
    for file, content in files.items():
        beside = {name: other for name, other in files.items() if name != file and Path(name).stem == Path(file).stem}
        if Path(file).suffix in (".shx", ".dbf"):
            asked = "l.shp"
        else:
            beside = beside if Path(file).suffix == ".shp" else {}
            asked = file
        for name, changed in damaged(content):
            yield Case(
                f"{group} {Path(file).suffix}",
                f"{file}, {name}",
                _all(beside, file, changed),
                command(asked),
                "either",
                asked if group == "cube" else "",
            )


def _all(beside: Mapping[str, bytes], file: str, changed: bytes) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        for name, content in {**beside, file: changed}.items():
            write(name, content)(folder)

    return make
