"""The identifiable VAE for linear mixing: a|u ~ Dir(α(u)), x = s·aM + ε (theory M1; s free with illumination).

Three stages. Endmembers by the rule that the data allow (``geometry.route``), refined by region moments where painted regions carry
them: they are the anchor. Then the inference network and α(u), by the ELBO. Then semi-amortised inference: every pixel's posterior mode
by Gauss–Newton from the network's proposal, α(u) by Newton on the posterior's moments, and the endmembers within their uncertainty,
kept only where the evidence rises. With abundances that sum to one, a full-covariance region prior competes by evidence.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.methods.base import Problem, Solution
from napari_unmix.methods.generative.posterior import SemiAmortised
from napari_unmix.methods.generative.region_gaussian import GaussianPosterior, gaussian_posterior
from napari_unmix.methods.geometry.found import Found
from napari_unmix.methods.geometry.picks import vertex_components
from napari_unmix.methods.geometry.refine import Refined, refine_by_regions
from napari_unmix.methods.geometry.route import find_endmembers
from napari_unmix.methods.training import one_thread
from napari_unmix.simplex import fully_constrained, scaled
from napari_unmix.specs.ivae import IvaeSpec
from napari_unmix.unmixing import Fit, Preview, Progress

# Shares of the progress bar.
_SEARCHED, _TRAINED = 0.35, 0.7
_ORDERED_BY = 20_000


def fit(problem: Problem) -> Fit[Solution]:
    """Fit the model; see the module's text. Khemakhem et al. 2020 (AISTATS) for the conditional prior; the theory page for the rest."""
    with one_thread():
        return (yield from _fit(problem))


def _fit(problem: Problem) -> Fit[Solution]:
    spec = cast(IvaeSpec, problem.spec)
    found = yield from _search(problem)
    refined = _refine(problem, found)
    order = _order(problem, refined.endmembers)
    endmembers = _as_written(refined.endmembers[order], spec.illumination)
    model = SemiAmortised.start(
        problem.spectra,
        problem.regions,
        endmembers,
        refined.vertex_std[order],
        found.noise,
        illuminated=spec.illumination,
        seed=spec.seed,
    )
    history: list[tuple[str, int, float]] = []

    def progress(stage: str, step: int, steps: int, loss: float, start: float, end: float) -> Progress:
        history.append((stage, step, loss))
        share = start + (end - start) * step / steps
        return Progress(
            stage, step, steps, share, loss, lambda: problem.preview(model.endmembers(), model.abundances())
        )

    for step, steps, loss in model.train_network(
        epochs=spec.epochs, batch=spec.batch, learning_rate=spec.learning_rate, seed=spec.seed
    ):
        yield progress("training the inference network", step, steps, loss, _SEARCHED, _TRAINED)
    for step, steps, loss in model.refine():
        yield progress("refining the posterior", step, steps, loss, _TRAINED, 1.0)
    gaussian = (
        None
        if spec.illumination
        else gaussian_posterior(problem.spectra, model.endmembers(), problem.regions, found.noise)
    )
    return _solution(problem, found, refined, model, gaussian, tuple(history))


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
    painted = np.where(problem.regions <= len(problem.side.painted_labels), problem.regions, 0)
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
    model: SemiAmortised,
    gaussian: GaussianPosterior | None,
    history: tuple[tuple[str, int, float], ...],
) -> Solution:
    abundances, std, illumination = model.answer()
    evidence, notes, prior = model.evidence(), [], "dirichlet"
    if gaussian is not None and gaussian.evidence > evidence:
        abundances, std, prior = gaussian.abundances, model.widened(gaussian.std), "gaussian"
        notes.append(
            "Abundances: a full-covariance region prior explains the spectra better than the Dirichlet (by evidence), so it was used."
        )
    names = (
        *problem.materials,
        *(f"endmember {k + 1}" for k in range(len(problem.materials), problem.endmember_count)),
    )
    alpha = model.alpha()
    details = {
        "noise": found.noise,
        "route": found.route,
        "pure": found.pure,
        "search": found.numbers,
        "prior": prior,
        "evidence": evidence,
        "evidence_gaussian": None if gaussian is None else gaussian.evidence,
        "alpha": alpha,
        "region_pixels": np.bincount(problem.regions, minlength=len(alpha) + 1)[1:],
        "painted_regions": len(problem.side.painted_labels),
        "moments_accepted": refined.accepted,
        "moments": None if refined.moments is None else (refined.moments.relative_error, refined.moments.misfit),
    }
    return Solution(
        model.endmembers(),
        abundances,
        std,
        illumination,
        names,
        (*_search_notes(found, refined), *refined.notes, *notes),
        history,
        details,
        model.parameters(),
    )


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
    return [said[found.route], *doubts]
