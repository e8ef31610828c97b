"""Searches that reports have made, kept by their pixels: a later report of the same ones need not make them again."""

from __future__ import annotations

from collections.abc import Generator
from hashlib import blake2b

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion

# So many sets of picks are begun from, a third of what an answer's search takes: its time is that of its starts.
MOST_STARTS = 3
# Those of two scenes, or of two numbers of endmembers.
_KEPT = 8


class Searches:
    """What the geometry's rule found, by all that it read: spectra, number, how brightness counts, seed, what is held. The latest few are kept.

    Strokes that name endmembers change none of these, so a report after a stroke finds its searches made.
    """

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    def __len__(self) -> int:
        return len(self._found)

    def find(
        self, spectra: FloatArray, count: int, inversion: Inversion, seed: int, given: Given | None
    ) -> Generator[float, None, Found]:
        """Search (N, B) spectra for P = ``count`` endmembers; yields the loss at every step, nothing where it was searched before."""
        key = _key(spectra, f"{spectra.shape} {count} {inversion} {seed}", given)
        found = self._found.pop(key, None)
        if found is None:
            found = yield from find_endmembers(
                spectra, count, inversion, strokes=[], seed=seed, given=given, most_starts=MOST_STARTS
            )
        self._found[key] = found
        while len(self._found) > _KEPT:
            del self._found[next(iter(self._found))]
        return found


def _key(spectra: FloatArray, asked: str, given: Given | None) -> str:
    digest = blake2b(np.ascontiguousarray(spectra).tobytes(), digest_size=16)
    digest.update(asked.encode())
    if given is not None:
        digest.update(np.ascontiguousarray(given.spectra).tobytes())
    return digest.hexdigest()
