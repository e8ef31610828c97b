"""The stage of the iVAE that learns how far the spectra of one material vary, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.auxiliary.neighbours import Neighbours
from napari_unmix.findings import Note, NoteKind, VariabilityFound
from napari_unmix.methods.contract import Problem
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.data import Data, State
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.settle import Steps
from napari_unmix.model.varied import VariationFit, fit_variation, is_of_the_spectra, leftover, may_vary
from napari_unmix.model.views import FEWEST_PAIRS, Source, views_of


@dataclass(frozen=True, eq=False)
class Varied:
    """The state to go on from, with its data; what was found, None where nothing was looked for; and notes."""

    data: Data
    state: State
    found: VariabilityFound | None = None
    notes: tuple[Note, ...] = ()


def learned_variability(problem: Problem[IvaeSpec], data: Data, state: State) -> Steps[Varied]:
    """Learn the law where it is asked for, or where linear mixing leaves more than noise; else everything stays as it is, to the bit."""
    choice = problem.spec.variability
    if choice not in ("auto", "pairs") or (choice == "auto" and problem.spec.mixing != "linear"):
        return Varied(data, state)
    if not isinstance(state.model.mixing, LinearMixing):
        said = "Variability from pairs of neighbours is learned for linear mixing alone: the mixing that was kept has none."
        return Varied(data, state, notes=(Note(NoteKind.VARIABILITY, said),))
    views = views_of(Neighbours(problem.cube.valid_pixels, problem.cube.acquisitions), problem.declared)
    if choice == "auto" and not may_vary(state.misfit(data), views.count, free_light=problem.spec.illumination):
        return Varied(data, state)
    if choice == "auto" and not is_of_the_spectra(leftover(state, problem.spectra, data)):
        return Varied(data, state)
    if views.count < FEWEST_PAIRS:
        return Varied(data, state, notes=(_too_few(views.count, views.source),))
    # Unasked, the law changes what pixels hold, and no endmember: on HySU's blind crop they moved by 12° (decision 0027).
    held = problem.held if choice == "pairs" else np.ones_like(problem.held)
    fit = yield from fit_variation(data, state, problem.spectra, views, held)
    if fit.pairs < FEWEST_PAIRS:
        return Varied(data, state, notes=(_too_few(fit.pairs, views.source, " of like composition"),))
    note = Note(NoteKind.VARIABILITY, variability_note(fit, views.source))
    return Varied(fit.data, fit.state, _found(fit, views.source), (note,))


def _called(source: Source) -> str:
    return "pairs of neighbours" if source == "neighbours" else "pixels beside others of their region"


def _too_few(count: int, source: Source, which: str = "") -> Note:
    takes = f"it takes {FEWEST_PAIRS}, or as many pixels in painted regions of like composition"
    return Note(NoteKind.VARIABILITY, f"Variability can't be learned from {count} {_called(source)}{which}: {takes}.")


def _found(fit: VariationFit, source: Source) -> VariabilityFound:
    evidence = {"none": fit.plain, "pairs": fit.evidence}
    if not fit.kept:
        return VariabilityFound(chosen="none", pairs=fit.pairs, evidence=evidence, source=source)
    variation, endmembers = fit.state.model.variation, fit.state.model.mixing.endmembers
    assert variation is not None
    found = variation.in_bands
    total = variation.covariances.diagonal(dim1=1, dim2=2).sum(dim=1) if found is None else found.totals()
    spread = (total.sqrt() / endmembers.norm(dim=1)).cpu().numpy()
    return VariabilityFound(
        chosen="pairs",
        pairs=fit.pairs,
        evidence=evidence,
        spread=tuple(np.round(spread, 6).tolist()),
        source=source,
    )


def variability_note(fit: VariationFit, source: Source) -> str:
    """What was found, in one sentence."""
    gain = fit.evidence - fit.plain
    pairs = f"{fit.pairs:,} {_called(source)}"
    if fit.kept:
        return f"Spectra of each material vary: learned from {pairs}; evidence {gain:.1f} nats per pixel above plain noise."
    return f"Spectra of each material were taken to be one: {pairs} do not tell that they vary ({gain:+.2f} nats per pixel)."
