"""What an algorithm is asked for, and in which coordinates: the one interface of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import Frozen
from napari_unmix.geometry.coordinates import Coordinates
from napari_unmix.geometry.recipes import Plane, in_plane


class Settings(Frozen):
    """What some of the algorithms can be told, see ``ClassicalSpec``."""

    penalty: float = 30.0
    skewers: int = 5000
    volume: float = 0.1


@dataclass(frozen=True, eq=False)
class Asked:
    """Endmembers are asked for.

    Attributes
    ----------
    spectra : (N, B)
    count : P, with those that are held
    free_light : whether every pixel has a brightness of its own
    noise : white noise level
    generator : of whatever is drawn
    held : (H, B) endmembers that are in the answer as they are, H < P
    begun : (Q, B) further ones from which a search may begin, Q ≤ P − H
    settings : of the algorithms that have any
    """

    spectra: FloatArray
    count: int
    free_light: bool
    noise: float
    generator: np.random.Generator
    held: FloatArray
    begun: FloatArray
    settings: Settings = field(default_factory=Settings)

    @property
    def space(self) -> Plane:
        """Coordinates in which mixtures are a simplex: where brightness is free, in perspective, so that it divides out."""
        return "perspective" if self.free_light else "affine"

    @cached_property
    def plane(self) -> Coordinates:
        """The pixels in P − 1 coordinates of the signal: noise beside these is taken away."""
        return in_plane(self.space, self.spectra, self.count, self.noise)

    @cached_property
    def scores(self) -> FloatArray:
        """(n, P − 1) of the pixels that are bright enough to be placed."""
        return np.asarray(self.plane.scores[self.plane.kept])

    @cached_property
    def held_scores(self) -> FloatArray:
        """(H, P − 1)."""
        return self.plane.vertices(self.held) if len(self.held) else np.empty((0, self.count - 1))

    @property
    def is_held(self) -> BoolArray:
        """(P,) of an answer that begins with the held ones."""
        return np.arange(self.count) < len(self.held)

    def of_picks(self, picked: IntArray) -> FloatArray:
        """(K, B) spectra of pixels picked (K,) among those that are bright enough, without their noise beside the signal."""
        return self.plane.to_spectra(self.scores[picked])

    def of_vertices(self, vertices: FloatArray) -> FloatArray:
        """(P − H, B) spectra of vertices (P, P − 1) that begin with the held ones."""
        return self.plane.to_spectra(vertices[len(self.held) :])


# Asked -> (P − H, B) endmembers beside those that are held. Loops ask ``still_wanted``, which is how a cancel is heard.
Algorithm = Callable[[Asked], FloatArray]
