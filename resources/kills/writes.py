"""What is killed: every write of the project, each with the command that comes after it, and what a folder may hold then."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from napari_unmix import Cube, Unmixing, assess, drain, export, method_specs, sample_scene, unmix, write_run
from napari_unmix.cli import main
from napari_unmix.cli.page_file import PageFile
from napari_unmix.identifiability.report import Report
from napari_unmix.output.page.contents import page_of
from napari_unmix.output.page.render import page_html
from napari_unmix.output.run.card import Card

Held = dict[str, str]  # path from the folder on -> what it is


@dataclass(frozen=True)
class Subject:
    """A small cube with its result and its page; ``other`` is the result of a second run, which differs."""

    cube: Cube
    result: Unmixing
    other: Unmixing
    report: Report
    page: str


@dataclass(frozen=True)
class Write:
    """One kind of write.

    Attributes
    ----------
    before : puts there what an earlier command had written
    write : what is killed
    after : the words of the command that comes next; it writes to ``aside`` only
    """

    before: Callable[[Subject, Path], object]
    write: Callable[[Subject, Path], object]
    after: Callable[[Path, Path], list[str]]


def subject() -> Subject:
    """A corner of the sample scene, by the quickest method."""
    whole = sample_scene().cube
    cube = Cube(np.ascontiguousarray(whole.spectra[:24, :20, ::4]), whole.wavelengths[::4], name="corner")  # type: ignore[index]
    spec = method_specs()["vca-fcls"](endmembers=3)
    result = drain(unmix(cube, spec))
    report = drain(assess(cube, result))
    page = page_html(page_of(cube, result), report)
    return Subject(cube, result, replace(result, names=("one", "two", "three")), report, page)


def _run(of: str, *, overwrite: bool = True) -> Callable[[Subject, Path], object]:
    def write(subject: Subject, folder: Path) -> object:
        card = Card(ended=datetime(2026, 1, 1))  # each write of the same has the same bytes
        where = folder / "run"
        return write_run(where, subject.cube, getattr(subject, of), subject.report, card=card, overwrite=overwrite)

    return write


def _page(subject: Subject, folder: Path) -> object:
    return PageFile(None, False).write(folder / "run", subject.page)


def _run_and_page(subject: Subject, folder: Path) -> None:
    _run("result")(subject, folder)
    (folder / "run" / "report.html").write_text('<meta name="generator" content="napari-unmix">an older page')


def _export(of: str, name: str) -> Callable[[Subject, Path], object]:
    def write(subject: Subject, folder: Path) -> object:
        return export((subject.cube, getattr(subject, of)), folder / name, overwrite=True)

    return write


def _nothing(subject: Subject, folder: Path) -> None:
    """There is nothing before."""


def _convert(folder: Path, aside: Path) -> list[str]:
    return ["convert", str(folder / "run"), str(aside / "maps.npz"), "--overwrite"]


def _export_beside(folder: Path, aside: Path) -> list[str]:
    return ["convert", str(aside / "run"), str(folder / "another.csv")]


WRITES = {
    "a run over a run": Write(_run("result"), _run("other"), _convert),
    "a first run": Write(_nothing, _run("other", overwrite=False), _convert),
    "a page over a page": Write(_run_and_page, _page, _convert),
    "ENVI files over ENVI files": Write(_export("result", "maps.hdr"), _export("other", "maps.hdr"), _export_beside),
    "Zarr folders over Zarr folders": Write(
        _export("result", "maps.zarr"), _export("other", "maps.zarr"), _export_beside
    ),
}


def next_command(write: Write, folder: Path, aside: Path) -> str:
    """Run the command that comes after; what it complained of, if it ended badly. What it writes itself is taken away."""
    status = _command(write.after(folder, aside))
    for path in folder.glob("another*"):
        path.unlink()
    return "" if status in (0, 2) else f"exit {status}"


def _command(words: list[str]) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return main(words)


def held(folder: Path) -> Held:
    """All that a folder holds, empty folders and hidden names too."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders:
            found[os.path.relpath(os.path.join(place, name), folder)] = "folder"
        for name in files:
            path = Path(place, name)
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def in_a_child(work: Callable[[], object]) -> int:
    """Run in a forked process, and return its number; it ends with status 0, or 1 where the work raised."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is told)
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def emptied(folder: Path) -> Path:
    """The folder, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
