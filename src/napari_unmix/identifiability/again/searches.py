"""Searches that reports have made, kept by what they read: a later report of the same need not make them again."""

from __future__ import annotations

from collections.abc import Generator
from hashlib import blake2b

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry.along import Route, search_along
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion

# So many sets of picks are begun from, a third of what an answer's search takes: its time is that of its starts.
MOST_STARTS = 3
# Those of two scenes, or of two numbers of endmembers.
_KEPT = 8

Steps = Generator[float, None, FloatArray]


class Searches:
    """Endmembers (P, B) that were found, by all that a search read. The latest few are kept.

    Strokes that name endmembers change nothing of that but their order, so a report after a stroke finds its searches made.
    """

    def __init__(self) -> None:
        self._found: dict[str, FloatArray] = {}

    def __len__(self) -> int:
        return len(self._found)

    def find(self, spectra: FloatArray, count: int, inversion: Inversion, seed: int, given: Given | None) -> Steps:
        """P = ``count`` endmembers of (N, B) spectra by the geometry's whole rule; yields the loss at every step."""
        arrays = [spectra] if given is None else [spectra, given.spectra]
        steps = _by_the_rule(spectra, count, inversion, seed, given)
        return (yield from self._once(f"{spectra.shape} {count} {inversion} {seed}", arrays, steps))

    def along(self, route: Route, spectra: FloatArray, begun: FloatArray, inversion: Inversion, noise: float) -> Steps:
        """The same along a route, from endmembers (P, B) that are known; their order does not matter."""
        begun = begun[np.lexsort(begun.T)]
        steps = search_along(route, spectra, begun, inversion, noise)
        asked = f"{spectra.shape} {route.model_dump_json()} {inversion} {noise}"
        return (yield from self._once(asked, [spectra, begun], steps))

    def _once(self, asked: str, arrays: list[FloatArray], steps: Steps) -> Steps:
        """What the steps find, or found before; then they yield nothing."""
        key = _key(asked, arrays)
        found = self._found.pop(key, None)
        if found is None:
            found = yield from steps
        self._found[key] = found
        while len(self._found) > _KEPT:
            del self._found[next(iter(self._found))]
        return found


def _by_the_rule(spectra: FloatArray, count: int, inversion: Inversion, seed: int, given: Given | None) -> Steps:
    search = find_endmembers(spectra, count, inversion, strokes=[], seed=seed, given=given, most_starts=MOST_STARTS)
    return (yield from search).endmembers


def _key(asked: str, arrays: list[FloatArray]) -> str:
    digest = blake2b(asked.encode(), digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
