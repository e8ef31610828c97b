"""Where a run may be written: a new folder, an empty one, or, when asked to, one that holds a run and nothing else."""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path

from napari_unmix.files.paths import check_name, given_path
from napari_unmix.files.whole import placed_whole, sweep
from napari_unmix.files.workplace import is_workplace
from napari_unmix.sentences import UnmixError, shown

OURS = {
    "run.json", "abundances.npy", "abundance_std.npy", "illumination.npy", "side_information.npy", "endmembers.csv",
    "endmembers.sli", "endmembers.hdr", "report.json", "model.safetensors", "annotation.npy", "valid_pixels.npy", "again.py",
    "abundances.png", "endmembers.png", "report.html", "pins.csv", "sample.npy", "acquisitions.npy",
}  # fmt: skip
_log = logging.getLogger(__name__)


class DestinationTaken(UnmixError):
    """A run cannot be written to ``target``, which ``why`` says; ``holds_run``: it is an earlier run, which may be replaced.

    Whoever has a name for the remedy, an option or a dialog, makes a sentence of its own of these.
    """

    def __init__(self, target: Path, why: str, *, holds_run: bool = False) -> None:
        super().__init__(f"{target} {why}: choose another folder.")
        self.target, self.why, self.holds_run = target, why, holds_run


def check_destination(folder: str | Path, *, overwrite: bool = False) -> Path:
    """The absolute path of a run to be written; DestinationTaken where it is taken or out of reach. Leaves nothing behind."""
    target = _absolute(given_path(folder))
    parent = next(path for path in target.parents if path.exists())
    for path in (target, *target.parents):
        if path != parent and path.is_relative_to(parent):
            check_name(path, parent)
    recover(target)
    check_free(target, overwrite)
    try:
        with placed_whole(parent):
            pass
    except OSError as error:
        reason = "it is a file" if not parent.is_dir() else (error.strerror or str(error)).lower()
        raise DestinationTaken(target, f"cannot be written in {parent} ({reason})") from error
    return target


def _absolute(path: Path) -> Path:
    """Links resolved. Raises UnmixError where they lead in a circle, or a name is too long for any disk."""
    try:
        resolved = path.resolve()
        for parent in (resolved, *resolved.parents):
            parent.exists()
    except (OSError, RuntimeError) as error:  # Python before 3.13 has a RuntimeError for circles
        for part in (path, *path.parents):
            check_name(part, Path("/"))
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise UnmixError(f"{shown(path)} can't be a folder ({reason.lower()}): choose another name.") from error
    return resolved


def recover(folder: Path) -> None:
    """Finish what writers of a run, or of a page in it, began when they were killed."""
    sweep(folder.parent)
    sweep(folder)
    if not os.path.lexists(folder):
        _put_back(folder)


def holds_run(folder: Path) -> bool:
    """Whether a folder holds a run, once what a killed command left is finished; whether it can be read is seen when it is."""
    recover(folder)
    return (folder / "run.json").is_file()


def _put_back(folder: Path) -> None:
    """Version 0.1 moved an old run aside before it had the new one in its place."""
    pattern = re.compile(rf"\.{re.escape(folder.name)}-[0-9a-f]{{8}}\.old")
    try:
        left = [
            path for path in folder.parent.iterdir() if pattern.fullmatch(path.name) and (path / "run.json").is_file()
        ]
        if len(left) == 1:
            left[0].rename(folder)
            _log.warning(
                "napari-unmix: %s was missing since a command was killed, and is back in its place.", shown(folder)
            )
    except OSError:
        return  # there is no such folder, or nothing may be changed in it


def free_folder(parent: Path, stem: str) -> Path:
    """``parent/stem-n`` with the first n from 1 that is not taken."""
    number = 1
    while os.path.lexists(parent / f"{stem}-{number}"):
        number += 1
    return parent / f"{stem}-{number}"


def check_free(target: Path, overwrite: bool) -> None:
    """Raise DestinationTaken unless nothing is there, or an empty folder, or, with ``overwrite``, a run and nothing else."""
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise DestinationTaken(target, "is a file")
    contents = sorted(name for name in os.listdir(target) if not is_workplace(name))
    foreign = [name for name in contents if name not in OURS]
    if contents and (foreign or "run.json" not in contents):
        named = (foreign or contents)[0]
        raise DestinationTaken(target, f"holds {shown(named)}, so it is not only a run")
    for name in contents:
        if not stat.S_ISREG(os.lstat(target / name).st_mode):
            raise DestinationTaken(target, f"holds {name}, which is no file of a run but a link or a folder")
    if contents and not overwrite:
        raise DestinationTaken(target, "already holds a run", holds_run=True)
