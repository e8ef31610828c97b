"""The identifiable VAE: a|u by a region prior, x = s·f(a) + ε (theory M1–M5; s free with illumination, f linear unless asked otherwise).

Endmembers come from the rule that the data allow (``geometry.route``), refined by region moments where painted regions carry them: they
are the anchor. Then the inference network and α(u), by the ELBO. Then semi-amortised inference: every pixel's posterior mode by
Gauss–Newton from the network's proposal, α(u) by Newton on the posterior's moments, and the endmembers within their uncertainty, kept only
where the evidence rises. Another mixing starts from there. Last, region priors compete by evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from napari_unmix.answer import (
    Bend,
    Findings,
    Fit,
    MixingFound,
    Note,
    NoteKind,
    Preview,
    PriorFound,
    Progress,
    RestartsFound,
    staged,
)
from napari_unmix.cube import FloatArray
from napari_unmix.geometry.archetypes import brightness_of_closest
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.picks import unit_length
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.methods.contract import Problem, QuickLook, Solution
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.compare import Contest, contest
from napari_unmix.model.infer import smallest_singular_values
from napari_unmix.model.network import one_thread
from napari_unmix.model.nonlinear import bend
from napari_unmix.model.settle import SemiAmortised, Step
from napari_unmix.model.spread import endmember_error, widened
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.simplex import fully_constrained

# Shares of the progress bar.
_SEARCHED, _TRAINED, _REFINED, _BENT = 0.35, 0.55, 0.75, 0.9


def fit(problem: Problem[IvaeSpec]) -> Fit[Solution]:
    """Fit the model; see the module's text. Khemakhem et al. 2020 (AISTATS) for the conditional prior; the theory page for the rest."""
    with one_thread():
        return (yield from _fit(problem))


def _fit(problem: Problem[IvaeSpec]) -> Fit[Solution]:
    spec = problem.spec
    found = yield from _search(problem)
    # Only declared regions: the covariance of automatic segments is variability and not mixing.
    refined = refine_by_regions(problem.spectra, problem.declared, problem.cube.valid_pixels, found, problem.inversion)
    order = problem.order(refined.endmembers)
    endmembers = problem.inversion.written(refined.endmembers[order])
    uncertain = endmember_error(refined, found)[order]
    state = _started(problem, endmembers, refined.vertex_std[order], found)
    report = _Reporter(problem)
    report.state, report.read = state, state.quick_abundances
    yield from report.steps(
        "training the inference network",
        state.train_network(epochs=spec.epochs, batch=spec.batch, learning_rate=spec.learning_rate, seed=spec.seed),
        (_SEARCHED, _TRAINED),
    )
    report.read = state.abundances
    yield from report.steps("refining the posterior", state.refine(), (_TRAINED, _REFINED))
    mixing = MixingFound()
    notes: list[Note] = []
    if spec.mixing != "linear" or spec.variability:
        bending = bend(
            state,
            problem.spectra,
            spec.mixing,
            variability=spec.variability,
            uncertain=uncertain,
            shown=_shown(problem, endmembers, found),
            seed=spec.seed,
        )
        bent, linear, evidence = yield from report.steps("fitting the mixing", bending, (_REFINED, _BENT))
        kept = bent.model.mixing.extras > 0 or type(bent.model.mixing) is not type(state.model.mixing)
        notes += _mixing_notes(spec, kept, evidence - linear)
        fitted = f"{spec.mixing} with variability" if spec.variability else spec.mixing
        mixing = MixingFound(
            kept=spec.mixing if kept else "linear",
            variability=spec.variability and kept,
            evidence={"linear": linear, fitted: evidence},
        )
        state = report.state = bent
        report.read = state.abundances
    competing = contest(state, problem.spectra, problem.regions, choice=spec.prior)
    won = yield from report.steps("comparing region priors", competing, (_BENT, 1.0))
    return _solution(problem, found, refined, won, uncertain, mixing, notes, report.history)


class _Reporter:
    """Turns steps into progress: the share of the bar, the history, and a preview of what there is."""

    def __init__(self, problem: Problem[IvaeSpec]) -> None:
        self.problem = problem
        self.history: list[tuple[str, int, float]] = []
        self.state: SemiAmortised
        self.read: Callable[[], FloatArray]

    def steps(self, stage: str, inner: Iterator[Step], share: tuple[float, float]) -> Generator[Progress, None, Any]:
        start, end = share
        while True:
            try:
                step, steps, loss = next(inner)
            except StopIteration as last:
                return last.value
            self.history.append((stage, step, loss))
            done = start + (end - start) * step / steps
            yield Progress(stage, step, steps, done, loss, self._preview)

    def _preview(self) -> Preview:
        return self.problem.preview(self.state.endmembers(), self.read())


def _started(problem: Problem[IvaeSpec], endmembers: FloatArray, vertex_std: FloatArray, found: Found) -> SemiAmortised:
    """The linear state: painted materials are regions of their own, whose α leans to their vertex."""
    spec = problem.spec
    regions, count = problem.regions.copy(), int(problem.regions.max(initial=0))
    for material, pixels in enumerate(problem.materials.values()):
        regions[pixels] = count + 1 + material
    return SemiAmortised.start(
        problem.spectra,
        regions,
        endmembers,
        vertex_std,
        found.noise,
        illuminated=spec.illumination,
        seed=spec.seed,
        strokes=range(count + 1, count + 1 + len(problem.materials)),
        painted=problem.side.declared,
    )


def _shown(problem: Problem[IvaeSpec], endmembers: FloatArray, found: Found) -> FloatArray | None:
    """The endmembers whose brightness a nonlinear mixing may change, or None where it is held.

    Off the affine route brightness came from sums that nonlinear mixing breaks: the pixels most alike say better. On it, extrapolation sees
    pixels that light scattered twice has lifted; corners that pure pixels back show what they are.
    """
    spec = problem.spec
    if spec.mixing == "linear" or spec.illumination:
        return None
    if found.route == "affine":
        return endmembers if spec.mixing in ("fan", "bilinear") and not found.pure else None
    unit, lengths = unit_length(problem.spectra)
    directions = endmembers / np.maximum(np.linalg.norm(endmembers, axis=1, keepdims=True), 1e-300)
    return brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))


def _mixing_notes(spec: IvaeSpec, kept: bool, gain: float) -> list[Note]:
    name = "linear mixing with endmember variability" if spec.mixing == "linear" else f"{spec.mixing} mixing"
    if spec.variability and spec.mixing != "linear":
        name += " with endmember variability"
    if not kept:
        against = f"Mixing: the evidence is not for {name} ({gain:+.2f} nats per pixel), so linear mixing was kept."
        return [Note(NoteKind.MIXING, against)]
    said = f"Mixing: {name}, whose evidence is {abs(gain):.2f} nats per pixel {'above' if gain > 0 else 'below'} linear mixing's"
    notes = [Note(NoteKind.MIXING, said + ("." if gain > 0 else ": the spectra do not ask for it."))]
    if spec.variability:
        varies = "Endmembers vary from pixel to pixel: no theorem covers that, the endmembers shown are the mean ones."
        notes.append(Note(NoteKind.DOUBT, varies))
    return notes


def _search(problem: Problem[IvaeSpec]) -> Fit[Found]:
    look = QuickLook(problem)
    search = find_endmembers(
        problem.spectra,
        problem.endmember_count,
        problem.inversion,
        strokes=list(problem.materials.values()),
        seed=problem.spec.seed,
    )
    return (yield from staged("finding endmembers", search, (0.0, _SEARCHED), show=lambda loss: (loss, look)))


def _solution(
    problem: Problem[IvaeSpec],
    found: Found,
    refined: Refined,
    won: Contest,
    uncertain: FloatArray,
    mixing: MixingFound,
    notes: list[Note],
    history: list[tuple[str, int, float]],
) -> Solution:
    state = won.state
    misfit = state.misfit()
    if won.gaussian is None:
        abundances, std = state.abundances(), state.std(uncertain)
    else:
        abundances, std = won.gaussian.abundances, won.gaussian.std_with(uncertain)
    alpha = np.asarray(state.model.prior.concentrations().cpu().numpy())[: problem.side.declared]
    smallest = float(smallest_singular_values(state.latents, state.model).min())
    findings = Findings(
        recipe=found.recipe,
        noise=found.noise,
        moments=refined.found,
        prior=PriorFound(chosen=won.prior, evidence=won.evidence),
        alpha=tuple(map(tuple, alpha.tolist())) or None,
        mixing=mixing.model_copy(update={"smallest_slope": smallest}),
        restarts=RestartsFound.model_validate(state.restarts),
        endmember_error=tuple(uncertain.tolist()),
        misfit=misfit,
        search=found.numbers,
    )
    endmembers, inverted = problem.inversion.rewritten(state.endmembers(), Inverted(abundances, state.brightness()))
    bend = state.bend() if won.gaussian is None else None
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        abundance_std=widened(std, misfit),
        illumination=inverted.illumination,
        notes=(*_search_notes(found, refined), *refined.notes, *notes, Note(NoteKind.PRIOR, won.note)),
        history=tuple(history),
        findings=findings,
        model=state.parameters(),
        bend=None if bend is None else Bend(*bend),
    )


def _search_notes(found: Found, refined: Refined) -> list[Note]:
    """Which route was taken and why, then what it found; where regions confirmed the endmembers, no more than the signal's strength."""
    doubts = [note for note in found.notes if not (refined.accepted and note.kind is NoteKind.NO_PURE_PIXELS)]
    if refined.moments is not None:  # regions are painted: the advice to paint some would be odd
        doubts = [replace(note, advice="") for note in doubts]
    return [Note(NoteKind.ENDMEMBERS, found.recipe.says(found.excess)), *doubts]
