"""The identifiable VAE: a|u by a region prior, x = s·f(a) + ε (theory M1–M5; s free with illumination, f linear unless asked otherwise).

Endmembers come from the rule that the data allow (``geometry.search``), refined by region moments where painted regions carry them: they
are the anchor. Then two starts far apart, on a sample of the pixels; where they end at other abundances, the inference network and α(u) are
trained by the ELBO for a third (decision 0033). Then every pixel's posterior mode by Gauss–Newton from the best start, α(u) by Newton on the
posterior's moments, and the endmembers within their uncertainty, kept only where the evidence rises. Another mixing starts from there. Last,
region priors compete by evidence.

Where endmembers are given, the search begins with them (``geometry.beside``). Those that are held have an error of zero: region moments, EM and
another mixing leave them in their place, and only the other endmembers, the abundances and α(u) are fitted.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, MixingFound, Note, NoteKind, PriorFound
from napari_unmix.geometry.archetypes import brightness_of_closest
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.picks import unit_length
from napari_unmix.masked.grid import grid_of
from napari_unmix.masked.inference import EncodedInference
from napari_unmix.masked.stored import read_network
from napari_unmix.methods.contract import Problem, QuickLook, Solution
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.ivae.starting import started
from napari_unmix.methods.ivae.variability import learned_variability
from napari_unmix.methods.searched import searched
from napari_unmix.model.compare import choose_prior
from napari_unmix.model.data import Data, State
from napari_unmix.model.elbo import Trained, proposals, train_network
from napari_unmix.model.fit import fit as fit_linear
from napari_unmix.model.fitted import Fitted
from napari_unmix.model.network import InferenceNetwork, Step, dropped_notes, seen_in
from napari_unmix.model.nonlinear import MixingFit, fit_mixing
from napari_unmix.model.settle import numbered
from napari_unmix.model.spread import endmember_error
from napari_unmix.model.start import Start, need_another, two_starts
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Preview, Progress, meanwhile
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.simplex import fully_constrained

T = TypeVar("T")

# Shares of the progress bar.
_SEARCHED, _COMPARED, _TRAINED, _REFINED, _BENT, _VARIED = 0.35, 0.37, 0.5, 0.65, 0.75, 0.9


@steps_on_one_thread
def fit(problem: Problem[IvaeSpec]) -> Fit[Solution]:
    """Fit the model; see the module's text. Khemakhem et al. 2020 (AISTATS) for the conditional prior; the theory page for the rest."""
    spec = problem.spec
    # 1. Endmembers: the search's, refined by region moments where painted regions carry them.
    found = yield from searched(problem, _SEARCHED)
    # Only declared regions: the covariance of automatic segments is variability and not mixing.
    refining = Progress(
        "refining endmembers by regions", 0, 1, _SEARCHED, snapshot=QuickLook(problem, found.endmembers)
    )
    pixels = (problem.spectra, problem.declared, problem.cube.valid_pixels)
    still = problem.held if problem.held.any() else None
    refined = yield from meanwhile(lambda: refine_by_regions(*pixels, found, problem.inversion, still), refining)
    order = yield from meanwhile(lambda: problem.order(refined.endmembers), refining, pixels=len(problem.spectra))
    endmembers = problem.exactly(problem.written(refined.endmembers[order]))
    uncertain = np.where(problem.held, 0.0, endmember_error(refined, found)[order])
    # 2. Two starts; where they disagree, the inference network and α(u) by the ELBO, for a third.
    start, begun = yield from _begun(problem, endmembers, refined.vertex_std[order], found)
    report = _Reporter(problem, start.data, start.state)
    tried = yield from report.steps("comparing starts", numbered(two_starts(start)), (_SEARCHED, _COMPARED))
    trained = (yield from _trained(spec, report, start)) if spec.pretrained or need_another(start, tried) else None
    # 3. Every pixel's posterior, α(u) and the endmembers by EM.
    fitting = numbered(fit_linear(start, tried, None if trained is None else trained.prior), report.look)
    state, restarts = yield from report.steps("refining the posterior", fitting, (_TRAINED, _REFINED))
    report.look(state)
    # 4. Another mixing, where it is asked for.
    mixing, mixing_notes = MixingFound(), tuple[Note, ...]()
    if spec.mixing != "linear" or spec.variability == "latent":
        mixing, mixing_notes = yield from _bent(problem, report, endmembers, uncertain, found)
    # 5. How far the materials' spectra vary, where they do.
    varying = learned_variability(problem, report.data, report.state)
    varied = yield from report.steps("learning how spectra vary", numbered(varying), (_BENT, _VARIED))
    report.data, report.state = varied.data, varied.state
    # 6. The region prior, by evidence.
    competing = choose_prior(varied.data, varied.state, problem.spectra, problem.regions, choice=spec.prior)
    chosen = yield from report.steps("comparing region priors", numbered(competing), (_VARIED, 1.0))
    # 7. How it was found, and what it is.
    fitted = chosen.fitted
    findings = Findings(
        recipe=found.recipe,
        noise=found.noise,
        moments=refined.found,
        prior=PriorFound(chosen=chosen.prior, evidence=dict(chosen.evidence)),
        alpha=tuple(map(tuple, fitted.concentrations()[: problem.side.declared].tolist())) or None,
        mixing=mixing.model_copy(update={"smallest_slope": fitted.smallest_jacobian()}),
        variability=varied.found,
        restarts=restarts,
        endmember_error=tuple(uncertain.tolist()),
        misfit=fitted.misfit(),
        search=found.numbers_in(order),
        strokes=found.strokes,
    )
    dropped = () if trained is None else dropped_notes(trained.last)
    notes = (*begun, *dropped, *mixing_notes, *varied.notes, Note(NoteKind.PRIOR, chosen.note))
    return replace(
        _solution(problem, fitted, findings, uncertain),
        notes=(*_search_notes(found, refined), *refined.notes, *notes),
        history=tuple(report.history),
        model={**({} if trained is None else _network_saved(start)), **fitted.parameters()},
    )


def _begun(
    problem: Problem[IvaeSpec], endmembers: FloatArray, vertex_std: FloatArray, found: Found
) -> Fit[tuple[Start, tuple[Note, ...]]]:
    """Where least squares on (P, B_good) endmembers of standard errors (P,) begins, and what to say of a network that was trained before."""
    beginning = Progress("comparing starts", 0, 1, _SEARCHED, snapshot=QuickLook(problem, endmembers))
    inverted = yield from meanwhile(
        lambda: problem.inversion.invert(problem.spectra, endmembers), beginning, pixels=len(problem.spectra)
    )
    start = started(problem, endmembers, inverted, np.where(problem.held, 0.0, vertex_std), found)
    return _encoded(problem, start) if problem.spec.pretrained else (start, ())


def _network_saved(start: Start) -> dict[str, FloatArray]:
    """The network's parameters by name, and the subspace that it saw."""
    seen = seen_in(start.data.subspace.origin, start.data.subspace.basis)
    return {**start.network.parameters_by_name(), **seen}


def _encoded(problem: Problem[IvaeSpec], start: Start) -> tuple[Start, tuple[Note, ...]]:
    """The start with an inference network that begins from a masked autoencoder's encoder, and what to say of it."""
    stored = read_network(problem.spec.pretrained, start.data.scores.device)
    encoder = stored.network.on(grid_of(problem.cube), "The pretrained network")
    latents = start.state.latents.shape[1]
    network = EncodedInference(encoder, start.data.subspace, problem.spectra, latents, problem.spec.seed)
    said = f"The inference network began from an encoder that was pretrained on {', '.join(stored.about.cubes)} ({stored.digest})."
    return replace(start, network=network), (Note(NoteKind.METHOD, said),)


def _trained(spec: IvaeSpec, report: _Reporter, start: Start) -> Fit[Trained]:
    """Train the network of ``start``, whose means are shown meanwhile."""
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
    trained = yield from report.steps("training the inference network", training, (_COMPARED, _TRAINED))
    report.network = None
    return trained


def _bent(
    problem: Problem[IvaeSpec], report: _Reporter, endmembers: FloatArray, uncertain: FloatArray, found: Found
) -> Fit[tuple[MixingFound, tuple[Note, ...]]]:
    """Fit the mixing that is asked for, from where the ``report`` stands to where it stands then; ``uncertain`` (P,) as shares of the simplex."""
    spec = problem.spec
    asked = fit_mixing(
        report.data,
        report.state,
        problem.spectra,
        spec.mixing,
        variability=spec.variability == "latent",
        endmember_error=uncertain,
        purest=None if problem.held.any() else _shown(problem, endmembers, found),
        seed=spec.seed,
    )
    mixed = yield from report.steps("fitting the mixing", numbered(asked), (_REFINED, _BENT))
    report.data, report.state = mixed.data, mixed.state
    return _mixing_found(spec, mixed), tuple(_mixing_notes(spec, mixed.kept, mixed.evidence - mixed.linear))


def _solution(problem: Problem[IvaeSpec], fitted: Fitted, findings: Findings, uncertain: FloatArray) -> Solution:
    """What was fitted, endmembers as written; ``uncertain`` (P,) are their standard errors as shares of the simplex."""
    inverted = Inverted(fitted.abundances(), fitted.brightness())
    endmembers, inverted = problem.rewritten(fitted.endmembers(), inverted)
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        abundance_std=fitted.std(uncertain),
        illumination=inverted.illumination,
        findings=findings,
        contribution=fitted.nonlinear_contribution(),
    )


class _Reporter:
    """Turns steps into progress: the share of the bar, the history, and a preview of what there is."""

    def __init__(self, problem: Problem[IvaeSpec], data: Data, state: State) -> None:
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
            has_loss = not math.isnan(loss)
            if has_loss:
                self.history.append((stage, step, loss))
            # Where it is not known how many steps it takes, the bar approaches its share.
            done = step / steps if steps else step / (step + 60)
            yield Progress(stage, step, steps, start + (end - start) * done, loss if has_loss else None, self._preview)

    def _preview(self) -> Preview:
        """The maps as they stand; while the network trains, of each pixel what explains it better: the network's, or least squares."""
        state, data = self.state, self.data
        if self.network is not None:
            every = torch.arange(len(data.scores), device=data.scores.device)
            state = replace(state, latents=proposals(self.network, state, data, every))
        preview = self.problem.preview(state.endmembers(data), state.abundances())
        return replace(preview, misfit=state.misfit(data))


def _mixing_found(spec: IvaeSpec, mixed: MixingFit) -> MixingFound:
    latent = spec.variability == "latent"
    fitted = f"{spec.mixing} with variability" if latent else spec.mixing
    return MixingFound(
        kept=spec.mixing if mixed.kept else "linear",
        variability=latent and mixed.kept,
        evidence={"linear": mixed.linear, fitted: mixed.evidence},
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
    if spec.variability == "latent" and spec.mixing != "linear":
        name += " with endmember variability"
    if not kept:
        against = f"Mixing: the evidence is not for {name} ({gain:+.2f} nats per pixel), so linear mixing was kept."
        return [Note(NoteKind.MIXING, against)]
    said = f"Mixing: {name}, whose evidence is {abs(gain):.2f} nats per pixel {'above' if gain > 0 else 'below'} linear mixing's"
    notes = [Note(NoteKind.MIXING, said + ("." if gain > 0 else ": the spectra do not ask for it."))]
    if spec.variability == "latent":
        varies = "Endmembers vary from pixel to pixel: no theorem covers that, the endmembers shown are the mean ones."
        notes.append(Note(NoteKind.DOUBT, varies))
    return notes


def _search_notes(found: Found, refined: Refined) -> list[Note]:
    """Which route was taken and why, then what it found; where regions confirmed the endmembers, no more than the signal's strength."""
    doubts = [note for note in found.notes if not (refined.accepted and note.kind is NoteKind.NO_PURE_PIXELS)]
    if refined.moments is not None:  # regions are painted: the advice to paint some would be odd
        doubts = [replace(note, advice="") for note in doubts]
    return [Note(NoteKind.ENDMEMBERS, found.recipe.says(found.excess)), *doubts]
