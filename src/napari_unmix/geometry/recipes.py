"""How the geometry found endmembers, as values that can find them again: the judge repeats the search itself and keeps no copy of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Recipe, Redraw
from napari_unmix.geometry.anchoring import fit_anchored, spectra_of
from napari_unmix.geometry.archetypes import IN_PLANE, ON_SPHERE, fit_archetypes
from napari_unmix.geometry.coordinates import Coordinates, Sphere, affine_coordinates, perspective_coordinates
from napari_unmix.geometry.facets import settled
from napari_unmix.geometry.picks import vertex_spectra
from napari_unmix.geometry.supported import supported_picks
from napari_unmix.geometry.volume import VOLUME_WEIGHT, at_two_weights, hinge_volume, minimum_volume
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import Excess

Plane = Literal["affine", "perspective"]

# From the result's own corners an optimum is near.
_SWEEPS = 30


class Corners(Recipe):
    """What the recipes of the geometry share: ``route``, the branch of the search, and what it says of itself."""

    @property
    def route(self) -> str:
        """The branch of the search: "affine", "perspective", "sphere", "cone", "rare" or "strokes"; "picks" where nothing was searched."""
        raise NotImplementedError

    def says(self, excess: Excess) -> str:
        """A sentence for the user: what was taken, and why."""
        raise NotImplementedError


class VertexPicks(Corners):
    """Pixels that stand at the corners by VCA, their noise off the signal subspace taken away."""

    kind: Literal["vertex picks"] = "vertex picks"

    @property
    def route(self) -> str:
        return "picks"

    def says(self, excess: Excess) -> str:
        return "Endmembers: pixels at the corners of the data (VCA)."

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        yield
        return _in_order(vertex_spectra(redraw.spectra, len(start), redraw.inversion, redraw.generator), start)


class _InPlane(Corners):
    """A search in simplex coordinates."""

    space: Plane

    @property
    def route(self) -> str:
        return self.space

    def says(self, excess: Excess) -> str:
        if self.space == "affine":
            return f"Endmembers: corners of the data's simplex, because mixing is linear to the noise (residual {excess.affine:.2f}× the noise)."
        return (
            f"Endmembers: corners of the data's cone, because brightness varies (residual {excess.linear:.2f}× the noise once brightness is "
            "free)."
        )


class PlaneArchetypes(_InPlane):
    """Robust archetypes in simplex coordinates: averages of the pixels that stand at each corner."""

    extrapolated: ClassVar[bool | None] = False

    kind: Literal["archetypes in the plane"] = "archetypes in the plane"

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        plane = in_plane(self.space, redraw.spectra, len(start), redraw.noise)
        fit = yield from fit_archetypes(plane.scores, plane.vertices(start), plane.weights, IN_PLANE, sweeps=_SWEEPS)
        return plane.to_spectra(fit.archetypes)


class SphereArchetypes(Corners):
    """Robust archetypes among unit-length spectra, or of the exact cone: the purest spectra, where they vary more than noise."""

    extrapolated: ClassVar[bool | None] = False

    kind: Literal["archetypes on the sphere"] = "archetypes on the sphere"
    cone: bool = False

    @property
    def route(self) -> str:
        return "cone" if self.cone else "sphere"

    def says(self, excess: Excess) -> str:
        where = "of the cone" if self.cone else "on the sphere"
        return f"Endmembers: purest spectra {where}, because spectra vary more than noise (residual {excess.linear:.1f}× the noise)."

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        sphere = Sphere.of(redraw.spectra, len(start))
        fit = yield from fit_archetypes(
            sphere.scores, sphere.place(start), sphere.weights, ON_SPHERE, cone=self.cone, sweeps=_SWEEPS
        )
        abundances = fully_constrained(sphere.scores, fit.archetypes)
        purest = sphere.purest(abundances)
        return purest if redraw.inversion.free_light else sphere.with_brightness(purest, abundances)


class SupportedPicks(Corners):
    """The furthest spectra that others stand by: they keep a rare material that least squares gives up."""

    extrapolated: ClassVar[bool | None] = False

    kind: Literal["supported picks"] = "supported picks"

    @property
    def route(self) -> str:
        return "rare"

    def says(self, excess: Excess) -> str:
        return "Endmembers: furthest spectra that others stand by, because rare materials rise over the noise."

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        yield
        # How many there are was decided by the result; what is not found again counts as lost, not as found.
        found = supported_picks(redraw.spectra, redraw.noise, len(start), rises=0.0).means(redraw.spectra)
        lost = np.tile(redraw.spectra.mean(axis=0), (len(start) - len(found), 1))
        return _in_order(np.vstack([found, lost]), start)


class MinimumVolume(_InPlane):
    """The smallest simplex around the data: by SISAL's hinge at ``penalty``, or, in runs of earlier versions, noise-calibrated at two weights."""

    extrapolated: ClassVar[bool | None] = True

    kind: Literal["minimum volume"] = "minimum volume"
    hinge: bool = False
    penalty: float = 30.0

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        plane = in_plane(self.space, redraw.spectra, len(start), redraw.noise)
        if self.hinge:
            yield
            return _in_order(hinge_simplex(plane, len(start), self.penalty), start)
        scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
        full, half = yield from at_two_weights(scores, noise, [plane.vertices(start)])
        return plane.to_spectra(0.5 * (full + half))


class FacetEdges(_InPlane):
    """The smallest simplex by its likelihood, at ``weight`` of the volume, its facets then moved to where the pixels end."""

    extrapolated: ClassVar[bool | None] = True

    kind: Literal["facet edges"] = "facet edges"
    weight: float = VOLUME_WEIGHT

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        plane = in_plane(self.space, redraw.spectra, len(start), redraw.noise)
        scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
        smallest = yield from minimum_volume(scores, noise, [plane.vertices(start)], self.weight)
        vertices = yield from settled(scores, noise, smallest)
        return _in_order(plane.to_spectra(vertices), start)


class Strokes(Corners):
    """Painted strokes anchored what the search had not found: without the painter that can't be repeated.

    ``halves`` (2, Q, B_good): the mean directions of the two halves, by place, of the pixels that count of each stroke that anchors. With them the
    rest of the scene can be searched again; () in runs of earlier versions.
    """

    repeatable: ClassVar[bool] = False
    extrapolated: ClassVar[bool | None] = False
    by_strokes: ClassVar[bool] = True

    kind: Literal["strokes"] = "strokes"
    halves: tuple[tuple[tuple[float, ...], ...], ...] = ()

    @property
    def route(self) -> str:
        return "strokes"

    def says(self, excess: Excess) -> str:
        return "Endmembers: purest spectra on the sphere, anchored by the painted materials."

    def beside_half(self, redraw: Redraw, start: FloatArray, half: int) -> Generator[Any, None, FloatArray]:
        """Endmembers (P, B_good) of other data that this half of each stroke anchors, in the order of ``start`` (P, B_good), the result's."""
        sphere = Sphere.of(redraw.spectra, len(start))
        means = sphere.subspace.scores(np.array(self.halves[half]))
        fit = yield from fit_anchored(sphere, means, len(start))
        return _in_order(spectra_of(sphere, fit, redraw.inversion), start)


def in_plane(space: Plane, spectra: FloatArray, count: int, noise: float) -> Coordinates:
    """Simplex coordinates of (N, B) spectra for P = ``count`` endmembers."""
    return (affine_coordinates if space == "affine" else perspective_coordinates)(spectra, count, noise)


def hinge_simplex(plane: Coordinates, count: int, penalty: float) -> FloatArray:
    """(count, B) vertices by SISAL's hinge, of the pixels that are bright enough to be placed."""
    return plane.to_spectra(hinge_volume(plane.scores[plane.kept], count, penalty))


def _in_order(found: FloatArray, start: FloatArray) -> FloatArray:
    return np.asarray(found[match_endmembers(found, start)])
