"""The identifiable VAE: a|u by a region prior, x = s·f(a) + ε (theory M1–M5; s free with illumination, f linear unless asked otherwise).

Endmembers come from the rule that the data allow (``geometry.route``), refined by region moments where painted regions carry them: they
are the anchor. Then the inference network and α(u), by the ELBO. Then semi-amortised inference: every pixel's posterior mode by
Gauss–Newton from the network's proposal, α(u) by Newton on the posterior's moments, and the endmembers within their uncertainty, kept only
where the evidence rises. Another mixing starts from there. Last, region priors compete by evidence.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from typing import Any, TypeVar, cast

import numpy as np

from napari_unmix.answer import Fit, Preview, Progress
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.archetypes import brightness_of_closest
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.picks import unit_length, vertex_components
from napari_unmix.geometry.search import CONFIRM_BY_PAINT, find_endmembers
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.compare import PriorChoice, choose_prior
from napari_unmix.model.data import Data, State
from napari_unmix.model.elbo import train_network
from napari_unmix.model.fit import fit as fit_linear
from napari_unmix.model.network import InferenceNetwork, Step, dropped_notes
from napari_unmix.model.nonlinear import MixingFit, fit_mixing
from napari_unmix.model.settle import numbered
from napari_unmix.model.spread import endmember_error
from napari_unmix.model.start import Restarts, Start, start_from_least_squares
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.simplex import fully_constrained, scaled

T = TypeVar("T")

# Shares of the progress bar.
_SEARCHED, _TRAINED, _REFINED, _BENT = 0.35, 0.55, 0.75, 0.9
_ORDERED_BY = 20_000


@steps_on_one_thread
def fit(problem: Problem) -> Fit[Solution]:
    """Fit the model; see the module's text. Khemakhem et al. 2020 (AISTATS) for the conditional prior; the theory page for the rest."""
    spec = cast(IvaeSpec, problem.spec)
    # 1. Endmembers: the search's, refined by region moments where painted regions carry them.
    found = yield from _search(problem)
    refined = _refine(problem, found)
    order = _order(problem, refined.endmembers)
    endmembers = _as_written(refined.endmembers[order], spec.illumination)
    uncertain = endmember_error(refined, found)[order]
    # 2. The inference network and α(u), by the ELBO.
    start = _started(problem, endmembers, refined.vertex_std[order], found)
    report = _Reporter(problem, start.data, start.state)
    report.network = start.network
    training = train_network(
        start.network,
        start.data,
        start.state.model,
        start.prior,
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        seed=spec.seed,
    )
    trained = yield from report.steps("training the inference network", training, (_SEARCHED, _TRAINED))
    report.network = None
    # 3. Every pixel's posterior, α(u) and the endmembers by EM.
    fitting = numbered(fit_linear(start, trained.prior), report.look)
    state, restarts = yield from report.steps("refining the posterior", fitting, (_TRAINED, _REFINED))
    report.look(state)
    # 4. Another mixing, where it is asked for.
    data, notes = start.data, [*dropped_notes(trained.last)]
    mixing: dict[str, Any] = {"mixing": "linear", "evidence_by_mixing": None}
    if spec.mixing != "linear" or spec.variability:
        asked = fit_mixing(
            data,
            state,
            problem.spectra,
            spec.mixing,
            variability=spec.variability,
            endmember_error=uncertain,
            purest=_shown(problem, endmembers, found),
            seed=spec.seed,
        )
        mixed = yield from report.steps("fitting the mixing", numbered(asked), (_REFINED, _BENT))
        notes += _mixing_notes(spec, mixed.kept, mixed.evidence - mixed.linear)
        mixing = _mixing_details(spec, mixed)
        data, state = report.data, report.state = mixed.data, mixed.state
    # 5. The region prior, by evidence.
    competing = choose_prior(data, state, problem.spectra, problem.regions, choice=spec.prior)
    chosen = yield from report.steps("comparing region priors", numbered(competing), (_BENT, 1.0))
    return _solution(problem, found, refined, chosen, start.network, restarts, uncertain, mixing, notes, report.history)


class _Reporter:
    """Turns steps into progress: the share of the bar, the history, and a preview of what there is."""

    def __init__(self, problem: Problem, data: Data, state: State) -> None:
        self.problem, self.data, self.state = problem, data, state
        self.network: InferenceNetwork | None = None  # whose means are shown while it trains
        self.history: list[tuple[str, int, float]] = []

    def look(self, state: State) -> None:
        """Show this state from now on."""
        self.state = state

    def steps(
        self, stage: str, inner: Generator[Step, None, T], share: tuple[float, float]
    ) -> Generator[Progress, None, T]:
        start, end = share
        while True:
            try:
                step, steps, loss, _ = next(inner)
            except StopIteration as last:
                result: T = last.value
                return result
            self.history.append((stage, step, loss))
            # Where it is not known how many steps it takes, the bar approaches its share.
            done = step / steps if steps else step / (step + 60)
            yield Progress(stage, step, steps, start + (end - start) * done, loss, self._preview)

    def _preview(self) -> Preview:
        abundances = self.state.abundances()
        if self.network is not None:
            abundances = self.network.abundances(self.data.scores, self.state.model.abundances)
        return self.problem.preview(self.state.endmembers(self.data), abundances)


def _started(problem: Problem, endmembers: FloatArray, vertex_std: FloatArray, found: Found) -> Start:
    """The linear state: painted materials are regions of their own, whose α leans to their vertex."""
    spec = cast(IvaeSpec, problem.spec)
    regions, count = problem.regions.copy(), int(problem.regions.max(initial=0))
    for material, pixels in enumerate(problem.materials.values()):
        regions[pixels] = count + 1 + material
    return start_from_least_squares(
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


def _mixing_details(spec: IvaeSpec, mixed: MixingFit) -> dict[str, Any]:
    fitted = f"{spec.mixing} with variability" if spec.variability else spec.mixing
    return {
        "mixing": spec.mixing if mixed.kept else "linear",
        "evidence_by_mixing": {"linear": mixed.linear, fitted: mixed.evidence},
        "variability": spec.variability and mixed.kept,
    }


def _shown(problem: Problem, endmembers: FloatArray, found: Found) -> FloatArray | None:
    """The endmembers whose brightness a nonlinear mixing may change, or None where it is held.

    Off the affine route brightness came from sums that nonlinear mixing breaks: the pixels most alike say better. On it, extrapolation sees
    pixels that light scattered twice has lifted; corners that pure pixels back show what they are.
    """
    spec = cast(IvaeSpec, problem.spec)
    if spec.mixing == "linear" or spec.illumination:
        return None
    if found.route == "affine":
        return endmembers if spec.mixing in ("fan", "bilinear") and not found.pure else None
    unit, lengths = unit_length(problem.spectra)
    directions = endmembers / np.maximum(np.linalg.norm(endmembers, axis=1, keepdims=True), 1e-300)
    return brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))


def _mixing_notes(spec: IvaeSpec, kept: bool, gain: float) -> list[str]:
    name = "linear mixing with endmember variability" if spec.mixing == "linear" else f"{spec.mixing} mixing"
    if spec.variability and spec.mixing != "linear":
        name += " with endmember variability"
    if not kept:
        return [f"Mixing: the evidence is not for {name} ({gain:+.2f} nats per pixel), so linear mixing was kept."]
    said = f"Mixing: {name}, whose evidence is {abs(gain):.2f} nats per pixel {'above' if gain > 0 else 'below'} linear mixing's"
    notes = [said + ("." if gain > 0 else ": the spectra do not ask for it.")]
    if spec.variability:
        notes.append(
            "Endmembers vary from pixel to pixel: no theorem covers that, the endmembers shown are the mean ones."
        )
    return notes


def _search(problem: Problem) -> Fit[Found]:
    spec, strokes = problem.spec, list(problem.materials.values())
    search = find_endmembers(
        problem.spectra, problem.endmember_count, sum_to_one=not spec.illumination, strokes=strokes, seed=spec.seed
    )
    step, quick = 0, _QuickPreview(problem)
    while True:
        try:
            loss = next(search)
        except StopIteration as end:
            return cast(Found, end.value)
        step += 1
        # How many steps it takes is not known beforehand: the bar approaches its share.
        yield Progress("finding endmembers", step, 0, _SEARCHED * step / (step + 60), loss, quick)


class _QuickPreview:
    """VCA and least squares, once and only where somebody looks: the first maps come long before the endmembers are found."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._made: Preview | None = None

    def __call__(self) -> Preview:
        if self._made is None:
            problem, lit = self._problem, self._problem.spec.illumination
            picked = vertex_components(
                problem.spectra, problem.endmember_count, np.random.default_rng(problem.spec.seed)
            )
            endmembers = _as_written(problem.spectra[picked], lit)
            abundances = (
                scaled(problem.spectra, endmembers)[0] if lit else fully_constrained(problem.spectra, endmembers)
            )
            order = np.argsort(-abundances.mean(axis=0), kind="stable")
            self._made = problem.preview(endmembers[order], abundances[:, order])
        return self._made


def _refine(problem: Problem, found: Found) -> Refined:
    """Only painted regions: automatic segments are too homogeneous, their covariance is variability and not mixing."""
    painted = np.where(problem.regions <= problem.side.declared, problem.regions, 0)
    return refine_by_regions(
        problem.spectra, painted, problem.cube.valid_pixels, found, sum_to_one=not problem.spec.illumination
    )


def _as_written(endmembers: FloatArray, illumination: bool) -> FloatArray:
    endmembers = np.maximum(endmembers, 0.0)
    return endmembers / np.maximum(endmembers.max(axis=1, keepdims=True), 1e-12) if illumination else endmembers


def _order(problem: Problem, endmembers: FloatArray) -> IntArray:
    """Painted materials first, the others by mean abundance, so that a second run gives the same order."""
    sample = problem.spectra[:: max(1, len(problem.spectra) // _ORDERED_BY)]
    endmembers = _as_written(endmembers, problem.spec.illumination)
    abundances = scaled(sample, endmembers)[0] if problem.spec.illumination else fully_constrained(sample, endmembers)
    anchored = len(problem.materials)
    return np.concatenate(
        [np.arange(anchored), anchored + np.argsort(-abundances.mean(axis=0)[anchored:], kind="stable")]
    )


def _solution(
    problem: Problem,
    found: Found,
    refined: Refined,
    won: PriorChoice,
    network: InferenceNetwork,
    restarts: Restarts,
    uncertain: FloatArray,
    mixing: dict[str, Any],
    notes: list[str],
    history: list[tuple[str, int, float]],
) -> Solution:
    fitted, count = won.fitted, max(1, int(problem.regions.max(initial=0)))
    misfit = fitted.misfit()
    names = (
        *problem.materials,
        *(f"endmember {k + 1}" for k in range(len(problem.materials), problem.endmember_count)),
    )
    alpha = fitted.concentrations()[:count]
    details = {
        "noise": found.noise,
        "route": found.route,
        "pure": found.pure,
        "search": found.numbers,
        "prior": won.prior,
        "evidence": won.evidence[won.prior],
        "evidence_by_prior": won.evidence,
        "evidence_gaussian": won.evidence.get("gaussian"),
        "alpha": alpha,
        "region_pixels": np.bincount(problem.regions, minlength=count + 1)[1:],
        "painted_regions": problem.side.declared,
        "moments_accepted": refined.accepted,
        "moments_averaged": refined.averaged,
        "moments": None if refined.moments is None else (refined.moments.relative_error, refined.moments.misfit),
        "jacobian_smallest": fitted.smallest_jacobian(),
        "restarts": asdict(restarts),
        "residual_scale": misfit,
        "endmember_error": uncertain,
        **mixing,
    }
    endmembers, abundances, illumination = _peak_one(fitted.endmembers(), fitted.abundances(), fitted.brightness())
    return Solution(
        endmembers,
        abundances,
        fitted.std(uncertain),
        illumination,
        names,
        (*_search_notes(found, refined), *refined.notes, *notes, won.note),
        tuple(history),
        details,
        {**network.parameters_by_name(), **fitted.parameters()},
        fitted.nonlinear_contribution(),
    )


def _peak_one(
    endmembers: FloatArray, abundances: FloatArray, illumination: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Free illumination: endmembers are written with maximum 1, what they had goes into the abundances and the brightness."""
    if illumination is None:
        return endmembers, abundances, None
    peak = np.maximum(endmembers.max(axis=1), 1e-12)
    amounts = abundances * peak
    total = amounts.sum(axis=1)
    return endmembers / peak[:, None], amounts / total[:, None], illumination * total


def _search_notes(found: Found, refined: Refined) -> list[str]:
    """Which route was taken and why, then what it found; where regions confirmed the endmembers, no more than the signal's strength."""
    chi = found.excess.linear
    said = {
        "sphere": f"Endmembers: purest spectra on the sphere, because spectra vary more than noise (residual {chi:.1f}× the noise).",
        "cone": f"Endmembers: purest spectra of the cone, because spectra vary more than noise (residual {chi:.1f}× the noise).",
        "rare": "Endmembers: furthest spectra that others stand by, because rare materials rise over the noise.",
        "strokes": "Endmembers: purest spectra on the sphere, anchored by the painted materials.",
        "affine": "Endmembers: corners of the data's simplex, because mixing is linear to the noise "
        f"(residual {found.excess.affine:.2f}× the noise).",
        "perspective": f"Endmembers: corners of the data's cone, because brightness varies (residual {chi:.2f}× the noise once brightness is free).",
    }
    doubts = [note for note in found.notes if not (refined.accepted and note.startswith("No pure pixels"))]
    if refined.moments is not None:  # regions are painted: the advice to paint some would be odd
        doubts = [note.replace(CONFIRM_BY_PAINT, ".") for note in doubts]
    return [said[found.route], *doubts]
