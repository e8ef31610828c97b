"""How a classical algorithm found the endmembers, as values that find them again: the report's refits run the same code on other data."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Redraw
from napari_unmix.geometry.beside_recipes import placed
from napari_unmix.geometry.recipes import Corners
from napari_unmix.methods.classical.extraction.algorithms import ALGORITHMS, BEYOND
from napari_unmix.methods.classical.extraction.asked import Asked, Settings
from napari_unmix.methods.classical.spec import Extraction
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.subspace import Excess


class _ByAlgorithm(Corners):
    """``extraction`` in the coordinates ``space``; ``held`` are the numbers of the endmembers that stay as they were given."""

    extraction: Extraction
    space: Literal["affine", "perspective"]
    held: tuple[int, ...] = ()
    settings: Settings = Settings()

    @property
    def route(self) -> str:
        return self.space if self.extraction in BEYOND else "picks"

    def says(self, excess: Excess) -> str:
        return f"Endmembers: by {self.extraction}."

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        yield
        held = np.isin(np.arange(len(start)), self.held)
        asked = Asked(
            spectra=redraw.spectra,
            count=len(start),
            free_light=redraw.inversion.free_light,
            noise=redraw.noise,
            generator=redraw.generator,
            held=start[held],
            begun=start[:0],
            settings=self.settings,
        )
        found = ALGORITHMS[self.extraction](asked)
        return placed(found, start, held) if held.any() else np.asarray(found[match_endmembers(found, start)])


class AmongPixels(_ByAlgorithm):
    """Picked among the pixels, or means of extreme ones."""

    extrapolated: ClassVar[bool | None] = False

    kind: Literal["classical"] = "classical"


class BeyondPixels(_ByAlgorithm):
    """The corners of a smallest simplex."""

    extrapolated: ClassVar[bool | None] = True

    kind: Literal["classical beyond pixels"] = "classical beyond pixels"


def recipe_of(extraction: Extraction, asked: Asked, held: tuple[int, ...]) -> AmongPixels | BeyondPixels:
    """What finds these endmembers again."""
    kind = BeyondPixels if extraction in BEYOND else AmongPixels
    return kind(extraction=extraction, space=asked.space, held=held, settings=asked.settings)
