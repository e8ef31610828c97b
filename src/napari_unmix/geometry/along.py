"""A search along a route that is known: what a search decided on all of a scene is not decided again on a part of it.

The whole rule, on a part, may take another route, and then endmembers move that the part determines as well as the whole. Which optimum is the
lowest is asked again: fits begin at endmembers that are known and at one set of fresh picks, and the lower end counts.
"""

from __future__ import annotations

from collections.abc import Generator

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Recipe
from napari_unmix.geometry.archetypes import IN_PLANE, ON_SPHERE, Archetypes, fit_archetypes
from napari_unmix.geometry.coordinates import Coordinates, Sphere
from napari_unmix.geometry.facets import settled, too_low
from napari_unmix.geometry.picks import simplex_volume, successive_projection
from napari_unmix.geometry.recipes import FacetEdges, PlaneArchetypes, SphereArchetypes, in_plane
from napari_unmix.geometry.volume import minimum_volume
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import fully_constrained

Route = SphereArchetypes | PlaneArchetypes | FacetEdges

# How often archetypes are moved at most: from corners that are known an optimum is near; from fresh picks as often as in a search.
_SWEEPS, _FRESH_SWEEPS = 30, 80
# Minimum volume begins from the corners that are known, and from the archetypes enlarged by this factor.
_ENLARGED = 1.15


def route_of(recipe: Recipe) -> Route | None:
    """The recipe where it is that of a route that can be searched along; None for all others."""
    return recipe if isinstance(recipe, (SphereArchetypes, PlaneArchetypes, FacetEdges)) else None


def search_along(
    route: Route, spectra: FloatArray, begun: FloatArray, inversion: Inversion, noise: float
) -> Generator[float, None, FloatArray]:
    """Endmembers (P, B) of (N, B) spectra with this noise level, in any order; yields the loss at every step, NaN where there is none.

    ``begun`` (P, B) are endmembers of a larger scene. Brightness is that of the pixels where it counts on the sphere; in perspective coordinates
    only directions are found.
    """
    count = len(begun)
    if isinstance(route, SphereArchetypes):
        sphere = Sphere.of(spectra, count)
        starts = sphere.place(begun), sphere.scores[successive_projection(sphere.scores, count)]
        best = yield from _lowest(sphere.scores, sphere.weights, ON_SPHERE, starts, cone=route.cone)
        abundances = fully_constrained(sphere.scores, best.archetypes) if route.cone else best.abundances
        purest = sphere.purest(abundances)
        return purest if inversion.free_light else sphere.with_brightness(purest, abundances)
    plane = in_plane(route.space, spectra, count, noise)
    known, bright = plane.vertices(begun), plane.scores[plane.kept]
    starts = known, bright[simplex_volume(bright, count)]
    best = yield from _lowest(plane.scores, plane.weights, IN_PLANE, starts)
    corners = best.archetypes
    if isinstance(route, FacetEdges):
        corners = yield from _to_the_edges(route, plane, known, corners)
    return plane.to_spectra(corners)


def _lowest(
    scores: FloatArray, weights: FloatArray, share: float, starts: tuple[FloatArray, FloatArray], *, cone: bool = False
) -> Generator[float, None, Archetypes]:
    """The lower of the optima from corners (P, K) that are known and from fresh ones, which are given up where they can't become that."""
    known, fresh = starts
    first = yield from fit_archetypes(scores, known, weights, share, cone=cone, sweeps=_SWEEPS)
    second = yield from fit_archetypes(
        scores, fresh, weights, share, cone=cone, sweeps=_FRESH_SWEEPS, needed=first.loss
    )
    return first if first.loss <= second.loss else second  # a loss that is no number is none


def _to_the_edges(
    route: FacetEdges, plane: Coordinates, known: FloatArray, corners: FloatArray
) -> Generator[float, None, FloatArray]:
    """Minimum volume around the corners (P, P−1), its facets where the pixels end; the corners themselves where that has collapsed."""
    scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
    centre = corners.mean(axis=0)
    smallest = yield from minimum_volume(scores, noise, [known, centre + _ENLARGED * (corners - centre)], route.weight)
    return corners if too_low(smallest, noise) else (yield from settled(scores, noise, smallest))
