"""What a worker is told: paths, from which it makes run and cube itself and keeps them from one tile to the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

from napari_unmix.applying.scene import Scene, stamp_of
from napari_unmix.applying.tile import Applied
from napari_unmix.cube import FloatArray, Reading, SpectralAxis
from napari_unmix.io import read_as
from napari_unmix.output.run import Run, read_run
from napari_unmix.reading import reading_of, written_as

T = TypeVar("T")

_AS_FOUND = Reading()

# Runs, and scenes, that a process keeps: those of one command, and the one before.
_KEPT = 2


@dataclass(frozen=True)
class Order:
    """To apply the run in a folder to the cube in a file, read as ``reading`` says; small, and the same on every machine that sees these paths."""

    run: Path
    cube: Path
    reading: Reading = _AS_FOUND
    components: int | None = None

    def prepared(self) -> Prepared:
        """The run as a function and the cube as its scene, made once in a process. Raises UnmixError."""
        with _LOCK:
            applied, axis = _kept(_RUNS, (self.run, stamp_of(self.run / "run.json"), self.components), self._run)
            key = (self, stamp_of(self.cube))
            return _kept(
                _SCENES, key, lambda: Prepared(applied, Scene.of(read_as(self.cube, self.reading), applied, axis))
            )

    def _run(self) -> tuple[Applied, SpectralAxis]:
        run = read_run(self.run)
        return Applied.of(run.answer(), components=self.components), run.axis


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run as a function, and a scene for it."""

    applied: Applied
    scene: Scene

    def tile(self, rows: slice) -> FloatArray:
        """(h, W, columns) float32 packed maps of some rows."""
        return self.scene.maps(self.applied, rows)


def worked(order: Order, first: int, last: int) -> FloatArray:
    """The tile from row ``first`` to before row ``last``: what a worker of a cluster does."""
    return order.prepared().tile(slice(first, last))


def reading_for(run: Run, given: Reading) -> Reading:
    """How another cube is read for a run: as the run's own was, but for what is ``given``; which bands take part, the run says."""
    parts = run.origin.parts  # of a joined cube the first says how all are read
    own = written_as(parts[0].reading) if parts else {}
    return replace(reading_of({**own, **written_as(given)}), bands=given.bands)


_RUNS: OrderedDict[Hashable, tuple[Applied, SpectralAxis]] = OrderedDict()
_SCENES: OrderedDict[Hashable, Prepared] = OrderedDict()
_LOCK = Lock()


def _kept(known: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T]) -> T:
    """What is known by this key, made where it is not; the oldest goes."""
    if key not in known:
        while len(known) >= _KEPT:
            known.popitem(last=False)
        known[key] = make()
    known.move_to_end(key)
    return known[key]
