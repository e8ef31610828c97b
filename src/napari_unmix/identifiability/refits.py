"""Estimate the endmembers again: by the regions, by geometry, on parts of the data, on simulated twins of the scene.

Every estimate starts from the result's endmembers and keeps their order, but for the search that starts afresh. All of them are
read by the checks as spectra (P, B_good) beside the result's.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np

from napari_unmix.alignment import match_endmembers
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.identifiability.evidence import Evidence
from napari_unmix.methods.geometry import archetypes as arch
from napari_unmix.methods.geometry.coordinates import affine_coordinates, perspective_coordinates
from napari_unmix.methods.geometry.found import Found
from napari_unmix.methods.geometry.minimum_volume import minimum_volume
from napari_unmix.methods.geometry.picks import unit_length, vertex_components
from napari_unmix.methods.geometry.refine import AVERAGED_WITHIN, FEWEST_REGIONS, spatial_redundancy
from napari_unmix.methods.geometry.region_moments import MomentFit, RegionMoments, fit_region_moments, region_moments
from napari_unmix.methods.geometry.route import VARIABILITY, find_endmembers
from napari_unmix.metrics import spectral_angle
from napari_unmix.simplex import fully_constrained, scaled
from napari_unmix.subspace import linear_subspace, subspace_excess
from napari_unmix.unmixing import Fit, Progress

T = TypeVar("T")
Steps = Generator[None, None, T]

TWINS = 3
PARTS = 5
# Refits read at most this many pixels: the report has seconds, and more would change its numbers by little.
MOST_PIXELS, SEARCHED_PIXELS = 6000, 3000
# Pixels darker than this share of the median brightness are left out when brightness is divided out.
_DARK = 0.2
_LARGEST_CONCENTRATION = 200.0


@dataclass(frozen=True, eq=False)
class Twin:
    """A refit of a scene simulated from the result: endmembers (P, B_good) and the abundance error that their error makes (root mean square)."""

    endmembers: FloatArray
    abundance_rmse: float


@dataclass(frozen=True, eq=False)
class Refits:
    """What was estimated again; None and empty where it does not apply.

    Attributes
    ----------
    moments, moment_fit : the painted regions' means and covariances, and the endmembers they give
    search : the geometry's own search from another seed
    searched : (P, B_good) its endmembers in the result's order
    twins : refits of simulated scenes
    parts : endmembers (P, B_good) refitted without a part of the data
    without_regions : whether the parts leave out regions (a jackknife) rather than pixels (a bootstrap)
    contrastive : (P, B_good) what tells the regions apart, which assumes no Dirichlet
    """

    moments: RegionMoments | None = None
    moment_fit: MomentFit | None = None
    search: Found | None = None
    searched: FloatArray | None = None
    twins: tuple[Twin, ...] = ()
    parts: tuple[FloatArray, ...] = ()
    without_regions: bool = False
    contrastive: FloatArray | None = None


def angles(first: FloatArray, second: FloatArray) -> FloatArray:
    """(P,) degrees between endmembers in the same order."""
    return np.degrees(spectral_angle(first, second))


def refit(evidence: Evidence) -> Fit[Refits]:
    """Make all refits that apply; yields at every step of each."""
    generator = np.random.default_rng(0)
    stages: tuple[tuple[str, Any], ...] = (
        ("fitting the regions' moments again", lambda made: _moments(evidence)),
        ("finding endmembers from another start", lambda made: _search(evidence, generator)),
        ("refitting simulated twins", lambda made: _twins(evidence, made, generator)),
        ("refitting parts of the data", lambda made: _parts(evidence, made, generator)),
        ("telling regions apart", lambda made: _contrastive(evidence, made)),
    )
    made = Refits()
    for number, (stage, start) in enumerate(stages):
        steps = start(made)
        step = 0
        while True:
            yield Progress(stage, step, 0, (number + step / (step + 20)) / (len(stages) + 1))
            try:
                next(steps)
            except StopIteration as end:
                made = replace(made, **end.value)
                break
            step += 1
    return made


# The regions' own estimate


def _moments(evidence: Evidence) -> Steps[dict[str, Any]]:
    yield
    moments = _painted_moments(evidence)
    if moments is None or moments.regions < FEWEST_REGIONS:
        return {}
    best: MomentFit | None = None
    centre = evidence.endmembers.mean(axis=0)
    for growth in (1.0, 0.8, 1.3):
        yield
        fit = fit_region_moments(moments, [centre + growth * (evidence.endmembers - centre)])
        best = fit if best is None or fit.misfit < best.misfit else best
    return {"moments": moments, "moment_fit": best}


def _painted_moments(evidence: Evidence) -> RegionMoments | None:
    """Moments of spectra with brightness divided out; None where nothing is painted or spectra vary more than noise."""
    if not (evidence.linear and len(evidence.usable_regions)):
        return None
    excess = subspace_excess(evidence.spectra, evidence.count, evidence.noise)
    if excess.linear > VARIABILITY:
        return None
    spectra, regions, noise = evenly_lit(evidence)
    redundancy = spatial_redundancy(spectra, regions, evidence.valid)
    painted = regions > 0
    if not painted.any():
        return None
    return region_moments(spectra[painted], regions[painted], evidence.count, noise, redundancy)


def evenly_lit(evidence: Evidence) -> tuple[FloatArray, IntArray, float]:
    """Spectra (N, B) without their brightness, painted regions (N,) of the pixels bright enough, and the noise that is left."""
    if not evidence.illuminated:
        return evidence.spectra, evidence.regions, evidence.noise
    bright = evidence.illumination > max(_DARK * float(np.median(evidence.illumination)), 1e-12)
    light = np.where(bright, evidence.illumination, np.inf)
    noise = evidence.noise * float(np.sqrt(np.mean(1 / light[bright] ** 2))) if bright.any() else evidence.noise
    return evidence.spectra / light[:, None], np.where(bright, evidence.regions, 0), noise


# The geometry's estimate


def _search(evidence: Evidence, generator: np.random.Generator) -> Steps[dict[str, Any]]:
    """Search afresh with another seed; strokes are not known here, so where they led, there is no such second opinion."""
    if evidence.result.details.get("route") == "strokes" or len(evidence.spectra) < 3 * evidence.count:
        return {}
    rows = some_rows(len(evidence.spectra), generator, SEARCHED_PIXELS)
    search = find_endmembers(
        evidence.spectra[rows],
        evidence.count,
        sum_to_one=not evidence.illuminated,
        strokes=[],
        seed=evidence.result.spec.seed + 1,
    )
    found = yield from _silently(search)
    return {"search": found, "searched": found.endmembers[match_endmembers(found.endmembers, evidence.endmembers)]}


def some_rows(count: int, generator: np.random.Generator, most: int = MOST_PIXELS) -> IntArray:
    """Indices of all of ``count`` pixels, or of ``most`` of them."""
    return np.arange(count) if count <= most else np.sort(generator.choice(count, most, replace=False))


def _silently(steps: Generator[float, None, T]) -> Steps[T]:
    """The same steps without their losses."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        yield


def refit_geometry(
    spectra: FloatArray, start: FloatArray, noise: float, *, route: str, pure: bool, sum_to_one: bool
) -> Generator[float, None, FloatArray]:
    """Endmembers (P, B) of (N, B) spectra by the route that found the result, from ``start`` (P, B) alone."""
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
    full = yield from minimum_volume(scores, spread, [vertices], 1.0)
    half = yield from minimum_volume(scores, spread, [vertices], 0.5)
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


# Twins


def _twins(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[dict[str, Any]]:
    method = evidence.result.spec.method
    if method not in ("ivae", "vca-fcls") or not evidence.linear or not _route(evidence, made):
        return {}
    rows = some_rows(len(evidence.spectra), generator)
    twins = []
    for _ in range(TWINS):
        moved = yield from _geometry_moved(evidence, made, rows, generator)
        if accepted(evidence) and made.moments is not None and made.moment_fit is not None:
            by_regions = _moments_moved(made.moments, made.moment_fit, evidence, generator)
            moved = 0.5 * (moved + by_regions) if averaged(evidence, made) else by_regions
            yield
        twins.append(_twin(evidence, rows, moved))
    return {"twins": tuple(twins)}


def accepted(evidence: Evidence) -> bool:
    """Whether the result's endmembers are those of the region moments."""
    return bool(evidence.result.details.get("moments_accepted", False))


def averaged(evidence: Evidence, made: Refits) -> bool:
    """Whether the result's endmembers are the mean of the regions' and the geometry's, as far as this can be told."""
    pure = evidence.result.details.get("pure", made.search is not None and made.search.pure)
    if pure or made.searched is None or made.moment_fit is None:
        return False
    return bool(angles(made.searched, made.moment_fit.endmembers).max() <= AVERAGED_WITHIN)


def _route(evidence: Evidence, made: Refits) -> str:
    """How the geometry found endmembers: as the result says, else as the new search did; "" where strokes led."""
    route = str(evidence.result.details.get("route") or (made.search.route if made.search is not None else ""))
    return "" if route == "strokes" else route


def _geometry_moved(
    evidence: Evidence, made: Refits, rows: IntArray, generator: np.random.Generator
) -> Steps[FloatArray]:
    """How far the geometry's estimate on a simulated scene is from the endmembers it was simulated with: (P, B)."""
    spectra = _simulated(evidence, rows, generator)
    if evidence.result.spec.method == "vca-fcls":
        yield
        found = spectra[vertex_components(spectra, evidence.count, generator)]
        found = found[match_endmembers(found, evidence.endmembers)]
    else:
        pure = evidence.result.details.get("pure", made.search is None or made.search.pure)
        found = yield from _silently(
            refit_geometry(
                spectra,
                evidence.endmembers,
                evidence.noise,
                route=_route(evidence, made),
                pure=bool(pure),
                sum_to_one=not evidence.illuminated,
            )
        )
    return (
        _as_bright(found, evidence.endmembers) - evidence.endmembers
        if evidence.illuminated
        else (found - evidence.endmembers)
    )


def _as_bright(found: FloatArray, reference: FloatArray) -> FloatArray:
    """Each spectrum scaled to the reference's length: only its shape was estimated."""
    lengths = np.linalg.norm(reference, axis=1, keepdims=True)
    return np.asarray(found * lengths / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-300))


def _simulated(evidence: Evidence, rows: IntArray, generator: np.random.Generator) -> FloatArray:
    """Spectra of the fitted abundances with fresh noise; where spectra vary more than noise, with residuals drawn from other pixels."""
    clean = (evidence.illumination[rows, None] * evidence.abundances[rows]) @ evidence.endmembers
    fresh = evidence.noise * generator.normal(size=clean.shape)
    residual = evidence.spectra[rows] - clean
    freedom = max(clean.shape[1] - evidence.count + 1, 1)
    if np.mean((residual**2).sum(axis=1)) <= (1.04 * evidence.noise) ** 2 * freedom:
        return np.asarray(clean + fresh)
    basis = np.linalg.qr(evidence.endmembers.T)[0]
    drawn = residual[generator.permutation(len(rows))]
    # Residuals lack what the fit has taken up within the endmembers' span.
    return np.asarray(clean + drawn + (fresh - drawn) @ basis @ basis.T)


def _moments_moved(
    moments: RegionMoments, fit: MomentFit, evidence: Evidence, generator: np.random.Generator
) -> FloatArray:
    """How far the regions' estimate on simulated regions is from the endmembers they were simulated with: (P, B)."""
    twin = simulated_moments(moments, fit, generator)
    moved = fit_region_moments(twin, [fit.endmembers], iterations=200).endmembers - fit.endmembers
    return np.asarray(moved)


def simulated_moments(moments: RegionMoments, fit: MomentFit, generator: np.random.Generator) -> RegionMoments:
    """Moments of as many independent Dirichlet pixels in each region as the fit rests on, with noise."""
    vertices = moments.to_vertices(fit.endmembers)
    shares = np.clip(fit.means, 0.01, None)
    shares = shares / shares.sum(axis=1, keepdims=True)
    concentrations = np.clip(fit.concentrations, 0.5, _LARGEST_CONCENTRATION)
    means, covariances = [], []
    for share, concentration, count in zip(shares, concentrations, moments.counts, strict=True):
        pixels = max(round(count), moments.dimension + 2)
        scores = generator.dirichlet(share * concentration, pixels) @ vertices
        scores = scores + np.sqrt(moments.noise) * generator.normal(size=scores.shape)
        means.append(scores.mean(axis=0))
        covariances.append(np.cov(scores.T, bias=True).reshape(moments.dimension, moments.dimension))
    return replace(moments, means=np.array(means), covariances=np.array(covariances))


def _twin(evidence: Evidence, rows: IntArray, moved: FloatArray) -> Twin:
    endmembers = np.maximum(evidence.endmembers + moved, 0.0)
    return Twin(endmembers, abundance_change(evidence, rows, endmembers))


def abundance_change(evidence: Evidence, rows: IntArray, endmembers: FloatArray) -> float:
    """Root mean square by which abundances change where these endmembers (P, B) stand for the result's."""
    mixed = evidence.abundances[rows] @ evidence.endmembers
    inverted = scaled(mixed, endmembers)[0] if evidence.illuminated else fully_constrained(mixed, endmembers)
    return float(np.sqrt(np.mean((inverted - evidence.abundances[rows]) ** 2)))


# Parts of the data


def _parts(evidence: Evidence, made: Refits, generator: np.random.Generator) -> Steps[dict[str, Any]]:
    if accepted(evidence) and made.moments is not None and made.moment_fit is not None:
        return (yield from _without_regions(made.moments, made.moment_fit, evidence, made, generator))
    route = _route(evidence, made)
    if evidence.result.spec.method != "ivae" or not route:
        return {}
    parts = []
    for _ in range(TWINS):
        rows = generator.choice(len(evidence.spectra), min(len(evidence.spectra), MOST_PIXELS), replace=True)
        pure = evidence.result.details.get("pure", made.search is None or made.search.pure)
        found = yield from _silently(
            refit_geometry(
                evidence.spectra[rows],
                evidence.endmembers,
                evidence.noise,
                route=route,
                pure=bool(pure),
                sum_to_one=not evidence.illuminated,
            )
        )
        parts.append(found)
    return {"parts": tuple(parts)}


def _without_regions(
    moments: RegionMoments, fit: MomentFit, evidence: Evidence, made: Refits, generator: np.random.Generator
) -> Steps[dict[str, Any]]:
    """Leave out a fifth of the regions at a time: whatever differs between regions shows, not the sampling of pixels alone."""
    order = generator.permutation(moments.regions)
    weight = 0.5 if averaged(evidence, made) else 1.0
    parts = []
    for left_out in np.array_split(order, min(PARTS, moments.regions)):
        kept = np.setdiff1d(order, left_out)
        if len(kept) < FEWEST_REGIONS:
            return {}
        fewer = replace(
            moments, means=moments.means[kept], covariances=moments.covariances[kept], counts=moments.counts[kept]
        )
        found = fit_region_moments(fewer, [fit.endmembers], iterations=200).endmembers
        parts.append(evidence.endmembers + weight * (found - fit.endmembers))
        yield
    return {"parts": tuple(parts), "without_regions": True}


# What tells regions apart


def _contrastive(evidence: Evidence, made: Refits) -> Steps[dict[str, Any]]:
    """Linear contrastive learning from the result's endmembers; from 2P + 1 regions on, fewer starve it (theory §1)."""
    if made.moments is None or made.moments.regions < 2 * evidence.count + 1:
        return {}
    try:
        module = importlib.import_module("napari_unmix.methods.contrastive.linear_gcl")
    except ModuleNotFoundError:
        return {}
    spectra, regions, noise = evenly_lit(evidence)
    rows = np.flatnonzero(np.isin(regions, evidence.usable_regions))
    if len(rows) > MOST_PIXELS:
        rows = np.sort(np.random.default_rng(1).choice(rows, MOST_PIXELS, replace=False))
    found = yield from _silently(module.linear_gcl(spectra[rows], regions[rows], [evidence.endmembers], noise))
    endmembers = np.asarray(found.endmembers)
    return {"contrastive": _as_bright(endmembers, evidence.endmembers) if evidence.illuminated else endmembers}
