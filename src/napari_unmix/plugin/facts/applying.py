"""A run that is applied to other cubes: how far it is, and where the maps are. Facts only, pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.cube import FloatArray


@dataclass(frozen=True)
class Applying:
    """A run, by its ``title``, on its way to ``cubes``, the share ``done`` of it and what happens now in ``words``."""

    title: str
    cubes: tuple[Path, ...]
    done: float = 0.0
    words: str = "reading"


@dataclass(frozen=True)
class AppliedTo:
    """Where the maps of each cube are: (cube, its main file, what is to be said of it); ``names`` and ``colours`` are of the run's endmembers."""

    title: str
    maps: tuple[tuple[Path, Path, tuple[str, ...]], ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AppliedMaps:
    """Maps to look at: ``abundances`` (H, W, P) of a cube, NaN without data, with the run's ``names`` and ``colours``; asked for again, others."""

    cube: str
    abundances: FloatArray
    names: tuple[str, ...]
    colours: tuple[str, ...]

    def plane(self, index: int) -> FloatArray:
        """(H, W) contiguous map of one endmember, 0 where there is no data."""
        return np.nan_to_num(np.ascontiguousarray(self.abundances[:, :, index], dtype=np.float32), nan=0.0)
