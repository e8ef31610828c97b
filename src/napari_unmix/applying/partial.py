"""Maps that are being made: a hidden folder beside their place, in which every tile that is done stays done, whatever ends the program.

The disk gives all of the room before the first tile. A tile is marked once its numbers are in the file, so that none is ever half there: one that
was not marked is made again, to the same bits.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import FloatArray
from napari_unmix.files.opened import read_regular
from napari_unmix.files.whole import write_whole
from napari_unmix.output.export.mapped import allocate
from napari_unmix.sentences import UnmixError, shown

_ORDER, _VALUES, _DONE = "order.json", "values.f32", "done.u8"
_LONGEST = 1 << 16  # bytes


@dataclass(frozen=True, eq=False)
class Partial:
    """Where the maps stand: ``values`` (H, W, C) float32 on the disk, and which rows (H,) of them are ``done``."""

    folder: Path
    values: FloatArray
    done: NDArray[np.uint8]

    def is_done(self, rows: slice) -> bool:
        """Whether all of these rows are there."""
        return bool(self.done[rows].all())

    def put(self, rows: slice, values: FloatArray) -> None:
        """Keep (h, W, C) of some rows; from then on they are done."""
        self.values[rows] = values
        self.values.flush()  # type: ignore[attr-defined]
        self.done[rows] = 1
        self.done.flush()  # type: ignore[attr-defined]

    def remove(self) -> None:
        """The maps are in their place, or not wanted any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def partial_of(out: Path) -> Path:
    """The folder in which the maps for a place are made."""
    return out.parent / f".{out.name}.unfinished"


def begun(out: Path, identity: dict[str, Any], shape: tuple[int, int, int]) -> Partial:
    """What was begun for this place goes on; where there is nothing, all of its room is taken now.

    Raises UnmixError where something else was begun for it, OSError where the disk has no room.
    """
    folder = partial_of(out)
    known = _known(folder)
    if known is not None and known != identity:
        raise UnmixError(_other(out, known, identity))
    if known is None:
        _make(folder, identity, shape)
    values = np.memmap(folder / _VALUES, np.dtype("<f4"), "r+", shape=shape)
    done = np.memmap(folder / _DONE, np.uint8, "r+", shape=shape[:1])
    return Partial(folder, values, done)


def may_go_on(out: Path, identity: dict[str, Any]) -> bool:
    """Whether what was begun for this place is this, or nothing was."""
    return _known(partial_of(out)) in (None, identity)


def forget(out: Path) -> None:
    """Whatever was begun for this place is given up."""
    if partial_of(out).is_dir() and not partial_of(out).is_symlink():
        shutil.rmtree(partial_of(out))


def _known(folder: Path) -> dict[str, Any] | None:
    """What was begun there; None where nothing was, or not so far that a tile could be done."""
    try:
        said = json.loads(read_regular(folder / _ORDER, _LONGEST, follow=False))
    except (OSError, UnmixError, ValueError):
        return None
    return said if isinstance(said, dict) and _whole(folder, said) else None


def _whole(folder: Path, said: dict[str, Any]) -> bool:
    """Whether its files have the sizes that they were made with."""
    sizes = said.get("bytes")
    try:
        return sizes == [os.path.getsize(folder / name) for name in (_VALUES, _DONE)]
    except OSError:
        return False


def identity_with(shape: tuple[int, int, int], **parts: Any) -> dict[str, Any]:
    """What must be the same for the maps of this shape to go on: everything that decides a bit of them."""
    height, width, columns = shape
    return {"bytes": [4 * height * width * columns, height], **parts}


def _make(folder: Path, identity: dict[str, Any], shape: tuple[int, int, int]) -> None:
    """The files at their full size, then what they are of: without that they count for nothing."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UnmixError(f"{shown(folder, 120)} is in the way, and no folder of ours: move it, or choose another name.")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, size in zip((_VALUES, _DONE), identity["bytes"], strict=True):
            with (folder / name).open("xb") as stream:
                stream.truncate(size)
            allocate(folder / name)
        write_whole(folder / _ORDER, json.dumps(identity))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _other(out: Path, known: dict[str, Any], identity: dict[str, Any]) -> str:
    """What is not what it was when this was begun."""
    changed = next((part for part in identity if known.get(part) != identity[part]), "")
    what = {
        "scene": "the cube is another by now",
        "run": "the run is another one",
        "unit": "this version divides a scene in another way",
    }
    return (
        f"The maps for {shown(out.name)} were begun and {what.get(changed, 'what was asked for is something else')}: "
        "bring back what they were begun with, choose another --out, or start anew with --overwrite."
    )
