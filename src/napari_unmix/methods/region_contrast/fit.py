"""Contrast between regions as a method: endmembers by telling painted regions apart, started from the geometry's; then least squares.

Where the regions don't carry it, or spectra vary more than noise, the answer is the geometry's, and the notes say so and why.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, Note, NoteKind, Recipe
from napari_unmix.geometry.found import Found
from napari_unmix.methods.contract import Problem, QuickLook, Solution
from napari_unmix.methods.least_squares import inverted_in_parts
from napari_unmix.methods.region_contrast.spec import RegionContrastSpec
from napari_unmix.methods.searched import searched
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Progress, meanwhile, staged
from napari_unmix.regions.acceptance import spatial_redundancy, without_brightness
from napari_unmix.regions.contrast import Contrast, ContrastBeside, LinearGcl, linear_gcl, usable_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle

# Shares of the progress bar.
_SEARCHED, _LEARNED = 0.5, 0.9
# Minimum volume may be wrong by this much; further away it is contrastive learning that is starved (as for region moments).
MOST_MOVED = 12.0
# Standard error of the vertices over the simplex's size beyond which the geometry is the better answer (check 2 of the report: pass).
MOST_UNCERTAIN = 0.1
_LIT_ROUNDS = 2


@steps_on_one_thread
def fit(problem: Problem[RegionContrastSpec]) -> Fit[Solution]:
    """Hyvärinen & Morioka, NeurIPS 2016, with regions for segments and a linear head on the simplex; see the module's text and the card."""
    # 1. The geometry's endmembers.
    found = yield from searched(problem, _SEARCHED)
    # 2. What tells the painted regions apart, where they carry it.
    reason = _why_not(problem, found)
    learned = None
    if not reason:
        learned = yield from _learn(problem, found)
        reason = "" if learned else "too few pixels of the painted regions are bright enough"
    endmembers, recipe, notes = _judged(problem, found, learned, reason)
    ordering = Progress("finding abundances", 0, 1, _LEARNED)
    order = yield from meanwhile(partial(problem.order, endmembers), ordering, pixels=len(problem.spectra))
    endmembers = problem.exactly(problem.written(endmembers[order]))
    # 3. Least squares.
    inverted = yield from inverted_in_parts(problem, endmembers, _LEARNED)
    model = {"endmembers": endmembers.astype(np.float32)}
    if learned is not None:
        model |= {"evidence": learned.evidence.astype(np.float32), "offsets": learned.offsets.astype(np.float32)}
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        illumination=inverted.illumination,
        notes=notes,
        findings=Findings(
            recipe=recipe,
            noise=found.noise,
            contrast=None if learned is None else learned.found(used=isinstance(recipe, Contrast)),
            search=found.numbers_in(order),
            strokes=found.strokes,
        ),
        model=model,
    )


def _why_not(problem: Problem[RegionContrastSpec], found: Found) -> str:
    """Why contrastive learning can't be tried here; empty where it can."""
    count, usable = problem.endmember_count, len(usable_regions(problem.declared))
    if problem.held.all():
        return "all endmembers are held"
    if usable < count + 1:
        regions = f"{usable} painted region{'' if usable == 1 else 's'} with {FEWEST_PIXELS_OF_A_REGION} pixels or more"
        return f"{regions}, and {count} endmembers need at least {count + 1} ({2 * count + 1} recommended)"
    if not found.linear_to_noise(problem.inversion):
        return "it needs spectra that vary no more than noise and abundances that sum to one" + (
            "" if problem.spec.illumination else "; with light and shade, free the illumination"
        )
    return ""


def _learn(problem: Problem[RegionContrastSpec], found: Found) -> Fit[LinearGcl | None]:
    """With free illumination the brightness that the endmembers so far give is divided out, then once more with the better ones."""
    inversion = problem.inversion
    endmembers, learned = inversion.written(found.endmembers), None
    rounds = _LIT_ROUNDS if inversion.free_light else 1
    for number in range(rounds):
        spectra, regions, noise = without_brightness(
            problem.spectra, problem.declared, found.noise, endmembers, inversion
        )
        if len(usable_regions(regions)) < problem.endmember_count + 1:
            return None
        centre, painted, held = endmembers.mean(axis=0), regions > 0, problem.held
        grown = [centre + growth * (endmembers - centre) for growth in (1.0, 1.3, 0.8)]
        training = linear_gcl(
            spectra[painted],
            regions[painted],
            [np.where(held[:, None], endmembers, start) for start in grown],
            noise,
            redundancy=spatial_redundancy(spectra, regions, problem.cube.valid_pixels),
            seed=problem.spec.seed,
            held=held,
        )
        width = (_LEARNED - _SEARCHED) / rounds
        share = (_SEARCHED + number * width, _SEARCHED + (number + 1) * width)

        look = QuickLook(problem)

        def show(step: tuple[float, FloatArray], look: QuickLook = look) -> tuple[float, QuickLook]:
            look.show(lambda: step[1])
            return step[0], look

        learned = yield from staged("telling the regions apart", training, share, halfway=40, show=show)
        endmembers = inversion.written(problem.exactly(inversion.written(learned.endmembers)))
    return learned


def _judged(
    problem: Problem[RegionContrastSpec], found: Found, learned: LinearGcl | None, reason: str
) -> tuple[FloatArray, Recipe, tuple[Note, ...]]:
    """Endmembers (P, B) as written, in the search's order, how they were found, and what to tell the user."""
    geometric = problem.inversion.written(found.endmembers)
    if learned is not None:
        endmembers = problem.inversion.written(learned.endmembers)
        endmembers = endmembers[match_endmembers(endmembers, geometric)]
        moved = np.degrees(spectral_angle(endmembers, geometric))
        reason = _refused(learned, moved)
        if not reason:
            held = tuple(np.flatnonzero(problem.held).tolist())
            recipe = ContrastBeside(held=held) if held else Contrast()
            return endmembers, recipe, _accepted(problem.endmember_count, learned, moved)
    unused = f"Region contrast was not used: {reason}. Endmembers come from the geometry alone."
    return geometric, found.recipe, (Note(NoteKind.METHOD, unused), *found.notes)


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


def _accepted(count: int, learned: LinearGcl, moved: FloatArray) -> tuple[Note, ...]:
    regions = len(learned.offsets)
    used = (
        f"Endmembers: from telling {regions} painted regions apart by their abundances ({moved.mean():.1f}° from the geometry's on average, "
        f"standard error {100 * learned.relative_error:.0f} % of the simplex's size)."
    )
    notes = (Note(NoteKind.ENDMEMBERS, used),)
    if regions >= 2 * count + 1:
        return notes
    few = f"{regions} regions are few for {count} endmembers: {2 * count + 1} are recommended for region contrast."
    return (*notes, Note(NoteKind.DOUBT, few))
