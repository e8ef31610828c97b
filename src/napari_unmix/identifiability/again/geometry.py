"""The geometry's estimate again: by the route that found the result, on other spectra, from the result's endmembers alone."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.coordinates import affine_coordinates, perspective_coordinates
from napari_unmix.geometry.picks import unit_length, vertex_components
from napari_unmix.geometry.volume import hinge_volume, minimum_volume, volume_weights
from napari_unmix.identifiability.again.refits import Refits, Steps, as_bright, silently
from napari_unmix.identifiability.subject import Evidence
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import linear_subspace


def repeatable(evidence: Evidence, made: Refits) -> bool:
    """Whether ``geometry_again`` repeats how the result's endmembers were found: not where strokes led, nor for other methods."""
    method = evidence.result.spec.method
    return evidence.linear and (method == "vca-fcls" or (method == "ivae" and bool(_route(evidence, made))))


def geometry_again(
    evidence: Evidence, made: Refits, spectra: FloatArray, generator: np.random.Generator
) -> Steps[FloatArray]:
    """Endmembers (P, B) of other spectra (N, B), in the result's order, as bright as the result's where brightness is free."""
    if evidence.result.spec.method == "vca-fcls":
        yield
        found = spectra[vertex_components(spectra, evidence.count, generator)]
        found = found[match_endmembers(found, evidence.endmembers)]
    else:
        found = yield from silently(
            refit_geometry(
                spectra,
                evidence.endmembers,
                evidence.noise,
                route=_route(evidence, made),
                pure=bool(evidence.result.details.get("pure", made.search is None or made.search.pure)),
                sum_to_one=not evidence.illuminated,
                hinge=_by_hinge(evidence, made),
            )
        )
    return as_bright(found, evidence.endmembers) if evidence.illuminated else found


def _route(evidence: Evidence, made: Refits) -> str:
    """How the geometry found endmembers: as the result says, else as the new search did; "" where strokes led."""
    route = str(evidence.result.details.get("route") or (made.search.route if made.search is not None else ""))
    return "" if route == "strokes" else route


def _by_hinge(evidence: Evidence, made: Refits) -> bool:
    numbers = evidence.result.details.get("search") or (made.search.numbers if made.search is not None else {})
    return bool(numbers.get("volume_by_hinge", False))


def refit_geometry(
    spectra: FloatArray,
    start: FloatArray,
    noise: float,
    *,
    route: str,
    pure: bool,
    sum_to_one: bool,
    hinge: bool = False,
) -> Generator[float, None, FloatArray]:
    """Endmembers (P, B) of (N, B) spectra by the route that found the result, from ``start`` (P, B) alone; ``hinge``: by SISAL's volume."""
    if route not in ("affine", "perspective"):
        return (yield from _on_sphere(spectra, start, cone=route == "cone", sum_to_one=sum_to_one))
    make = affine_coordinates if route == "affine" else perspective_coordinates
    coordinates = make(spectra, len(start), noise)
    origin = coordinates.to_spectra(np.zeros((1, len(start) - 1)))[0]
    basis = coordinates.to_spectra(np.eye(len(start) - 1)) - origin
    if route == "affine":
        vertices = (start - origin) @ np.linalg.pinv(basis)
    else:
        amounts = start @ np.linalg.pinv(np.vstack([origin, basis]))
        vertices = amounts[:, 1:] / np.where(np.abs(amounts[:, :1]) > 1e-9, amounts[:, :1], 1e-9)
    if pure:
        fit = yield from arch.fit_archetypes(coordinates.scores, vertices, coordinates.weights, 0.05, sweeps=30)
        return coordinates.to_spectra(fit.archetypes)
    scores, spread = coordinates.scores[coordinates.kept], coordinates.noise[coordinates.kept]
    if hinge:
        found = coordinates.to_spectra(hinge_volume(scores, len(start)))
        return found[match_endmembers(found, start)]
    large, small = volume_weights(len(start))
    full = yield from minimum_volume(scores, spread, [vertices], large)
    half = yield from minimum_volume(scores, spread, [vertices], small)
    return coordinates.to_spectra(0.5 * (full + half))


def _on_sphere(
    spectra: FloatArray, start: FloatArray, *, cone: bool, sum_to_one: bool
) -> Generator[float, None, FloatArray]:
    unit, lengths = unit_length(spectra)
    weights = lengths / lengths.mean()
    subspace = linear_subspace(unit, min(len(start) + 2, spectra.shape[1]), weights)
    scores = subspace.scores(unit)
    fit = yield from arch.fit_archetypes(
        scores, subspace.scores(unit_length(start)[0]), weights, 0.1, cone=cone, sweeps=30
    )
    abundances = fully_constrained(scores, fit.archetypes)
    endmembers = arch.purest_mean(unit, abundances)
    return arch.brightness_of_closest(unit, lengths, endmembers, abundances) if sum_to_one else endmembers
