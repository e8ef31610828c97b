"""What is fuzzed: for each kind of file, small samples that are read as they are, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (6, 5, 8)
WAVELENGTHS = np.linspace(400, 1000, SHAPE[2])


@dataclass(frozen=True)
class Target:
    """``make`` writes samples into a folder each, and returns the name of the file to open in each of them."""

    make: tuple[Callable[[Path], str], ...]
    how: Callable[[Path], object]

    def seeds(self, place: Path) -> list[Path]:
        """Folders of samples, each with a file ``.open`` that names what to open; every one is read once, to see that it is read."""
        folders = []
        for number, make in enumerate(self.make):
            folder = place / str(number)
            folder.mkdir(parents=True)
            name = make(folder)
            (folder / name).rename(folder / name) if not name else None
            self.how(folder)
            folders.append(folder)
        return folders

    def read(self, folder: Path) -> object:
        """Read the sample in a folder."""
        return self.how(folder)


def spectra() -> np.ndarray[Any, Any]:
    """A small cube of numbers that are no others twice."""
    return np.random.default_rng(0).uniform(0.1, 0.9, SHAPE).astype(np.float32)


TARGETS: dict[str, Target] = {}
