"""A run applied to a scene, as steps with progress: begun or gone on with, tile by tile, and written whole at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.applying.order import Prepared
from napari_unmix.applying.outputs import Told, check_target, write_maps
from napari_unmix.applying.partial import Partial, begun, forget, identity_with, may_go_on, partial_of
from napari_unmix.cube import FloatArray
from napari_unmix.progress import Fit, Progress, meanwhile

# Units that are asked for at once where they are made elsewhere: an answer of megabytes, and seconds of work.
_UNITS_AWAY = 4
# Of the bar, what the tiles take; the rest is writing.
_TILES_SHARE = 0.95

# Makes the tiles that are asked for, in any order; None says that it still waits for one.
Schedule = Callable[[Sequence[slice]], Iterator[tuple[slice, FloatArray] | None]]


@dataclass(frozen=True, eq=False)
class Done:
    """What came of it: the ``files``, the main one first; ``pixels`` with an answer; ``sentences`` on how; tiles ``resumed`` from an earlier call."""

    files: tuple[Path, ...]
    pixels: int
    sentences: tuple[str, ...]
    resumed: int


def apply_steps(
    prepared: Prepared, told: Told, out: str | Path, *, overwrite: bool = False, schedule: Schedule | None = None
) -> Fit[Done]:
    """Apply a run to a scene and write its maps to ``out``; the suffix says the format.

    Whatever ends this before its end leaves the tiles that are done beside ``out``, in a folder ``.OUT.unfinished``; the same call goes on with
    them to the same bytes. Nothing stands at ``out`` before all of it does.

    Parameters
    ----------
    prepared : the run as a function, and the scene
    told : what is said of the maps beside their numbers
    overwrite : replace what ``out`` names, where it is of its kind, and give up what was begun for it with something else
    schedule : makes the tiles elsewhere; they are made here without

    Raises
    ------
    UnmixError : the place is taken, the scene changed, or something else was begun there; OSError : it can't be written
    """
    target = check_target(out, overwrite=overwrite)
    scene, applied = prepared.scene, prepared.applied
    shape = (*scene.cube.shape[:2], applied.columns)
    identity = identity_with(shape, run=applied.digest, scene=scene.identity(), unit=scene.unit)
    partial = _begun(target, identity, shape, overwrite)
    tiles = scene.tiles() if schedule is None else scene.tiles(_UNITS_AWAY)
    asked = [rows for rows in tiles if not partial.is_done(rows)]
    made = schedule(asked) if schedule is not None else ((rows, prepared.tile(rows)) for rows in asked)
    count = len(tiles) - len(asked)
    for tile in made:
        if tile is not None:
            scene.check()
            partial.put(*tile)
            count += 1
        yield Progress("applying the run", count, len(tiles), _TILES_SHARE * count / len(tiles))
    scene.check()
    writing = Progress("writing the maps", 0, 1, _TILES_SHARE)
    files = yield from meanwhile(
        lambda: write_maps(partial.values, applied, scene.cube, told, target, overwrite=overwrite), writing
    )
    pixels = _answered(partial, applied.columns)
    partial.remove()
    return Done(tuple(files), pixels, told.sentences, len(tiles) - len(asked))


def _begun(target: Path, identity: dict[str, object], shape: tuple[int, int, int], overwrite: bool) -> Partial:
    """What was begun for this place; with ``overwrite``, something else that was is given up."""
    if overwrite and not may_go_on(target, identity):
        forget(target)
    return begun(target, identity, shape)


def _answered(partial: Partial, columns: int) -> int:
    """Pixels that have an answer, row by row."""
    return sum(int(np.isfinite(row[:, 0]).sum()) for row in partial.values)


def is_begun(out: str | Path) -> bool:
    """Whether maps for this place were begun and wait to be gone on with."""
    return partial_of(Path(out).expanduser().absolute()).is_dir()
