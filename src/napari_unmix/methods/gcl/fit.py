"""Contrastive learning as a method: endmembers by telling painted regions apart, started from the geometry's; then least squares.

Where the regions don't carry it, or spectra vary more than noise, the answer is the geometry's, and the notes say so and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from napari_unmix.answer import Fit, Preview, Progress
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.model.network import one_thread
from napari_unmix.regions.acceptance import spatial_redundancy
from napari_unmix.regions.contrast import LinearGcl, linear_gcl, usable_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, scaled

_CHUNK = 50_000
# Shares of the progress bar.
_SEARCHED, _LEARNED = 0.5, 0.9
# Minimum volume may be wrong by this much; further away it is contrastive learning that is starved (as for region moments).
MOST_MOVED = 12.0
# Standard error of the vertices over the simplex's size beyond which the geometry is the better answer (check 2 of the report: pass).
MOST_UNCERTAIN = 0.1
# Pixels darker than this share of the median brightness are left out where brightness is divided out: their noise is not.
_DARK = 0.2
_LIT_ROUNDS = 2


def fit(problem: Problem) -> Fit[Solution]:
    """Hyvärinen, Sasaki, Turner, AISTATS 2019, with a linear head on the simplex; see the module's text and the card."""
    with one_thread():
        return (yield from _fit(problem))


def _fit(problem: Problem) -> Fit[Solution]:
    found = yield from _search(problem)
    painted = np.where(problem.regions <= problem.side.declared, problem.regions, 0)
    reason = _why_not(problem, painted, found)
    learned = None
    if not reason:
        learned = yield from _learn(problem, painted, found)
        reason = "" if learned else "too few pixels of the painted regions are bright enough"
    endmembers, notes = _judged(problem, found, learned, reason)
    order = _order(problem, endmembers, len(problem.materials))
    endmembers = endmembers[order]
    abundances, illumination = yield from _abundances(problem, endmembers)
    names = (*problem.materials, *(f"endmember {k + 1}" for k in range(len(problem.materials), len(endmembers))))
    details = {
        "noise": found.noise,
        "route": found.route,
        "pure": found.pure,
        "search": found.numbers,
        "region_pixels": np.bincount(painted)[1:],
        "painted_regions": problem.side.declared,
        "contrastive": None if learned is None else _numbers(learned),
    }
    model = {"endmembers": endmembers.astype(np.float32)}
    if learned is not None:
        model |= {"evidence": learned.evidence.astype(np.float32), "offsets": learned.offsets.astype(np.float32)}
    return Solution(
        endmembers, abundances, illumination=illumination, names=names, notes=notes, details=details, model=model
    )


def _numbers(learned: LinearGcl) -> dict[str, Any]:
    return {
        "cross_entropy": learned.cross_entropy,
        "chance": learned.chance,
        "relative_error": learned.relative_error,
        "regions": len(learned.offsets),
    }


def _search(problem: Problem) -> Fit[Found]:
    spec = problem.spec
    search = find_endmembers(
        problem.spectra,
        problem.endmember_count,
        sum_to_one=not spec.illumination,
        strokes=list(problem.materials.values()),
        seed=spec.seed,
    )
    step, first = 0, _Preview(problem)
    while True:
        try:
            loss = next(search)
        except StopIteration as end:
            return cast(Found, end.value)
        step += 1
        # How many steps it takes is not known beforehand: the bar approaches its share.
        yield Progress("finding endmembers", step, 0, _SEARCHED * step / (step + 60), loss, first)


@dataclass(eq=False)
class _Preview:
    """Least squares with the endmembers so far (VCA's where there are none yet): made where somebody looks, and only once."""

    problem: Problem
    endmembers: FloatArray | None = None
    made: Preview | None = None

    def __call__(self) -> Preview:
        problem, endmembers = self.problem, self.endmembers
        if self.made is None:
            if endmembers is None:
                generator = np.random.default_rng(problem.spec.seed)
                endmembers = problem.spectra[vertex_components(problem.spectra, problem.endmember_count, generator)]
            endmembers = _as_written(endmembers, problem.spec.illumination)
            anchored = 0 if self.endmembers is None else len(problem.materials)
            endmembers = endmembers[_order(problem, endmembers, anchored)]
            self.made = problem.preview(endmembers, _invert(problem.spectra, endmembers, problem)[0])
        return self.made


def _why_not(problem: Problem, painted: IntArray, found: Found) -> str:
    """Why contrastive learning can't be tried here; empty where it can."""
    count, usable = problem.endmember_count, len(usable_regions(painted))
    if usable < count + 1:
        regions = f"{usable} painted region{'' if usable == 1 else 's'} with {FEWEST_PIXELS_OF_A_REGION} pixels or more"
        return f"{regions}, and {count} endmembers need at least {count + 1} ({2 * count + 1} recommended)"
    if not found.linear_to_noise(sum_to_one=not problem.spec.illumination):
        return "it needs spectra that vary no more than noise and abundances that sum to one" + (
            "" if problem.spec.illumination else "; with light and shade, free the illumination"
        )
    return ""


def _learn(problem: Problem, painted: IntArray, found: Found) -> Fit[LinearGcl | None]:
    """With free illumination the brightness that the endmembers so far give is divided out, then once more with the better ones."""
    lit, endmembers = problem.spec.illumination, _as_written(found.endmembers, problem.spec.illumination)
    rounds = _LIT_ROUNDS if lit else 1
    step, learned = 0, None
    for _ in range(rounds):
        spectra, regions, noise = problem.spectra, painted, found.noise
        if lit:
            spectra, regions, noise = _without_brightness(spectra, regions, noise, endmembers)
        if len(usable_regions(regions)) < problem.endmember_count + 1:
            return None
        centre = endmembers.mean(axis=0)
        rows = regions > 0
        training = linear_gcl(
            spectra[rows],
            regions[rows],
            [centre + growth * (endmembers - centre) for growth in (1.0, 1.3, 0.8)],
            noise,
            redundancy=spatial_redundancy(spectra, regions, problem.cube.valid_pixels),
            seed=problem.spec.seed,
        )
        while True:
            try:
                loss, so_far = next(training)
            except StopIteration as end:
                learned = cast(LinearGcl, end.value)
                break
            step += 1
            share = _SEARCHED + (_LEARNED - _SEARCHED) * step / (step + 40 * rounds)
            yield Progress("telling the regions apart", step, 0, share, loss, _Preview(problem, so_far))
        endmembers = _as_written(learned.endmembers, lit)
    return learned


def _without_brightness(
    spectra: FloatArray, regions: IntArray, noise: float, endmembers: FloatArray
) -> tuple[FloatArray, IntArray, float]:
    brightness = scaled(spectra, endmembers)[1]
    bright = brightness > _DARK * np.median(brightness)
    brightness = np.where(bright, brightness, np.inf)
    level = float(np.sqrt(np.mean(1 / brightness[bright] ** 2)))
    return spectra / brightness[:, None], np.where(bright, regions, 0), noise * level


def _judged(
    problem: Problem, found: Found, learned: LinearGcl | None, reason: str
) -> tuple[FloatArray, tuple[str, ...]]:
    """Endmembers (P, B) in the search's order, and what to tell the user."""
    geometric = _as_written(found.endmembers, problem.spec.illumination)
    if learned is not None:
        endmembers = _as_written(learned.endmembers, problem.spec.illumination)
        endmembers = endmembers[match_endmembers(endmembers, geometric)]
        moved = np.degrees(spectral_angle(endmembers, geometric))
        reason = _refused(learned, moved)
        if not reason:
            return endmembers, _accepted(problem.endmember_count, learned, moved)
    return geometric, (
        f"Contrastive learning was not used: {reason}. Endmembers come from the geometry alone.",
        *found.notes,
    )


def _refused(learned: LinearGcl, moved: FloatArray) -> str:
    reasons = []
    if not learned.tells_apart:
        reasons.append("the abundances tell the painted regions apart no better than chance")
    elif not learned.relative_error <= MOST_UNCERTAIN:
        value = learned.relative_error
        size = f"{100 * value:.0f} % of the simplex's size" if np.isfinite(value) else "without bound"
        reasons.append(
            f"the regions differ too little (standard error {size}, at most {100 * MOST_UNCERTAIN:.0f} % allowed)"
        )
    if not moved.max() <= MOST_MOVED:
        reasons.append(f"it would move an endmember by {moved.max():.0f}° (at most {MOST_MOVED:.0f}°)")
    return "; ".join(reasons)


def _accepted(count: int, learned: LinearGcl, moved: FloatArray) -> tuple[str, ...]:
    regions = len(learned.offsets)
    note = (
        f"Endmembers: from telling {regions} painted regions apart by their abundances ({moved.mean():.1f}° from the geometry's on average, "
        f"standard error {100 * learned.relative_error:.0f} % of the simplex's size)."
    )
    if regions >= 2 * count + 1:
        return (note,)
    return (
        note,
        f"{regions} regions are few for {count} endmembers: {2 * count + 1} are recommended for contrastive learning.",
    )


def _as_written(endmembers: FloatArray, illumination: bool) -> FloatArray:
    endmembers = np.maximum(endmembers, 0.0)
    return endmembers / np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12) if illumination else endmembers


def _order(problem: Problem, endmembers: FloatArray, anchored: int) -> IntArray:
    """The ``anchored`` first ones first, the others by mean abundance, so that a second run gives the same order."""
    sample = problem.spectra[:: max(1, len(problem.spectra) // 20_000)]
    share = _invert(sample, endmembers, problem)[0].mean(axis=0)
    return np.concatenate([np.arange(anchored), anchored + np.argsort(-share[anchored:], kind="stable")])


def _invert(spectra: FloatArray, endmembers: FloatArray, problem: Problem) -> tuple[FloatArray, FloatArray | None]:
    if problem.spec.illumination:
        return scaled(spectra, endmembers)
    return fully_constrained(spectra, endmembers), None


def _abundances(problem: Problem, endmembers: FloatArray) -> Fit[tuple[FloatArray, FloatArray | None]]:
    parts = []
    starts = range(0, len(problem.spectra), _CHUNK)
    for step, start in enumerate(starts):
        parts.append(_invert(problem.spectra[start : start + _CHUNK], endmembers, problem))
        share = _LEARNED + (1 - _LEARNED) * (step + 1) / len(starts)
        yield Progress("finding abundances", step + 1, len(starts), share)
    abundances = np.concatenate([part[0] for part in parts])
    light = [part[1] for part in parts if part[1] is not None]
    return abundances, np.concatenate(light) if light else None
