"""The way of all methods that learn codes of pixels by a general network: rows with u, training of all starts, and what is read off the codes.

Codes are P − 1 numbers. No theorem here is about abundances: where one holds, it says that codes are the sources of an unknown mixture up to
order and component-wise maps, and abundances, which sum to one, are no independent sources. So what is read off is said to be what it is:

* probe: one affine map of the codes, fitted to least squares on VCA's vertices of the spectra;
* vertices: the place of a pixel's code within VCA's vertices of the codes;
* simplex: the codes are log-ratios themselves, endmembers are what the decoder makes of pure abundances.

Endmembers that are given, and painted strokes by their mean spectra, lead the vertices; the others are picked beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Findings, Note, NoteKind
from napari_unmix.geometry.picks import vertex_components, vertex_spectra
from napari_unmix.methods.affine import affine_map, best_light, probed
from napari_unmix.methods.coded_spec import CodedSpec
from napari_unmix.methods.contract import Problem, QuickLook, Solution, Spec
from napari_unmix.model.network import Step, device_of, dropped_notes
from napari_unmix.nonlinear.coordinates import Coordinates
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Learning, Trained
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.simplex import fully_constrained, project_to_simplex
from napari_unmix.rows.subspace import noise_level
from napari_unmix.sentences import UnmixError

# Networks learn from, and probes are fitted to, at most so many pixels in equal distances.
_LEARNED_FROM, _PROBED = 40_000, 20_000
# Channels beyond the P − 1 that linear mixing fills: a curved mixture fills more, and noise little of each.
_BEYOND = 2
_START, _TRAINED, _READ = 0.02, 0.85, 0.9

Answer = tuple[FloatArray, Inverted]


@dataclass(frozen=True, eq=False)
class Coded:
    """What is learned from: the problem, how the network sees spectra, scores (N, K) of all pixels, and u (N,), −1 of those that take no part."""

    problem: Problem[Any]  # of any spec: whoever reads it needs what all have
    coordinates: Coordinates
    scores: FloatArray
    u: IntArray

    @property
    def latents(self) -> int:
        """P − 1."""
        return self.problem.endmember_count - 1

    @property
    def learned_from(self) -> IntArray:
        """The numbers of the pixels that the network sees while it learns."""
        taking_part = np.flatnonzero(self.u >= 0)
        return taking_part[:: -(-len(taking_part) // _LEARNED_FROM)]

    def rows(self, which: IntArray) -> Rows:
        """The problem of these pixels."""
        values = np.unique(self.u[which], return_inverse=True)[1].reshape(-1)
        return Rows(self.scores[which], values.astype(np.int64), self.latents, one_scale=True)


# How a method learns from it, and how it reads endmembers and abundances off what was learned; the codes are (N, P − 1).
Learn = Callable[[Coded, Training], Learning]
Read = Callable[[Coded, Trained, FloatArray], Answer]


def coded(problem: Problem[Spec], learn: Learn, read: Read, caveat: str, training: Training) -> Fit[Solution]:
    """Learn codes, encode every pixel, read abundances off; ``caveat`` is the sentence that says what this is."""
    count, history, look = len(problem.spectra), list[tuple[str, int, float]](), QuickLook(problem)
    # 1. The rows.
    starting = Progress("finding a start", 0, 1, 0.01, snapshot=look)
    yield starting
    seen = yield from meanwhile(partial(_seen, problem), starting, pixels=count)
    # 2. The training.
    last, learning = Step(0, 0, 0.0), learn(seen, training)
    while True:
        try:
            last = next(learning)
        except StopIteration as end:
            trained: Trained = end.value
            break
        history.append(("training", last.step, last.loss))
        share = _START + (_TRAINED - _START) * last.step / last.steps
        yield Progress("training", last.step, last.steps, share, last.loss, look)
    # 3. The codes of all pixels, and what is read off them.
    kept = trained.kept()
    reading = Progress("reading codes", 0, 1, _TRAINED, snapshot=look)
    codes = yield from meanwhile(lambda: kept.codes(seen.scores), reading, pixels=count)
    answering = Progress("reading abundances", 0, 1, _READ, snapshot=look)
    endmembers, inverted = yield from meanwhile(lambda: read(seen, trained, codes), answering, pixels=count)
    order = _order(problem, inverted.abundances)
    yield Progress("reading abundances", 1, 1, 1.0, snapshot=look)
    return Solution(
        endmembers=problem.exactly(endmembers[order]),
        abundances=inverted.abundances[:, order],
        illumination=inverted.illumination,
        notes=(Note(NoteKind.METHOD, caveat), *dropped_notes(last)),
        history=tuple(history),
        findings=Findings(noise=noise_level(problem.spectra, problem.endmember_count)),
        model={
            "endmembers": problem.exactly(endmembers[order]).astype(np.float32),
            **{f"network.{name}": value for name, value in (seen.coordinates.arrays() | kept.arrays()).items()},
        },
    )


def training_of(spec: CodedSpec) -> Training:
    """As a spec asks for."""
    return Training(
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        starts=spec.starts,
        width=spec.units,
        depth=spec.layers,
        seed=spec.seed,
        device=device_of(spec),
    )


def _seen(problem: Problem[Spec]) -> Coded:
    dimension = min(problem.endmember_count - 1 + _BEYOND, *problem.spectra.shape)
    coordinates = Coordinates.of(problem.spectra, dimension, free_light=problem.inversion.free_light)
    return Coded(problem, coordinates, coordinates.scores(problem.spectra), values_of_u(problem.regions))


def values_of_u(regions: IntArray) -> IntArray:
    """(N,) 0 … R − 1, −1 for pixels that take no part: those whose u is unknown, unless fewer than two values are known.

    Then what is unpainted is a value of u as well: it tells less, but a single region tells nothing.
    """
    known = np.unique(regions[regions > 0])
    if len(known) < 2:
        return np.asarray(np.unique(regions, return_inverse=True)[1]).reshape(-1)
    return np.asarray(np.where(regions > 0, np.searchsorted(known, regions), -1))


def check_u(seen: Coded) -> None:
    """Raises UnmixError where u has one value: there is nothing to learn from then."""
    values = len(np.unique(seen.u[seen.u >= 0]))
    if values < 2:
        raise UnmixError(
            f"{seen.problem.spec.title} learns from what the side information u changes, and u has {values} value here: "
            "paint two regions or more, or choose a side information that divides the scene."
        )


# --- what is read off


def read_real(read_by: str, seen: Coded, trained: Trained, codes: FloatArray) -> Answer:
    """Of latents that are real numbers."""
    return _by_vertices(seen, trained, codes) if read_by == "vertices" else _by_probe(seen, codes)


def leading(problem: Problem[Spec]) -> FloatArray:
    """(L, B) the endmembers that lead: the given ones, then the mean spectrum of each painted stroke."""
    given = problem.spectra[:0] if problem.given is None else problem.given.spectra
    strokes = [problem.spectra[pixels].mean(axis=0) for pixels in problem.painted.values()]
    return np.vstack([given, *strokes])


def first_vertices(problem: Problem[Spec], spectra: FloatArray, seed: int) -> FloatArray:
    """(P, B) the leading endmembers, and VCA's picks of ``spectra`` (N, B) beside them; non-negative."""
    known, count = leading(problem), problem.endmember_count
    if len(known) >= count:
        return known
    generator = np.random.default_rng(seed)
    found = vertex_spectra(spectra, count, problem.inversion, generator, known)
    return np.vstack([known, np.maximum(found, 0.0)])


def _by_probe(seen: Coded, codes: FloatArray) -> Answer:
    problem = seen.problem
    sample = np.arange(0, len(codes), -(-len(codes) // _PROBED))
    endmembers = problem.exactly(problem.written(first_vertices(problem, problem.spectra, problem.spec.seed)))
    targets = problem.inversion.invert(problem.spectra[sample], endmembers).abundances
    found = probed(codes, affine_map(codes[sample], targets))
    abundances = project_to_simplex(found, np.eye(problem.endmember_count))
    return endmembers, Inverted(abundances, _light(problem, abundances, endmembers))


def _by_vertices(seen: Coded, trained: Trained, codes: FloatArray) -> Answer:
    """Barycentric coordinates in the simplex of P codes; endmembers are the spectra of the pixels whose codes these are."""
    problem, known = seen.problem, leading(seen.problem)
    scale = np.maximum(codes.std(axis=0), 1e-12)
    lifted = _lifted(codes / scale)
    corners = _lifted(trained.kept().codes(seen.coordinates.scores(known)) / scale)
    endmembers = seen.coordinates.unlit(known)
    if len(known) < problem.endmember_count:
        generator = np.random.default_rng(problem.spec.seed)
        picked = vertex_components(lifted, problem.endmember_count, generator, corners)
        corners = np.vstack([corners, lifted[picked]])
        endmembers = np.vstack([endmembers, np.maximum(seen.coordinates.spectra(seen.scores[picked]), 0.0)])
    abundances = fully_constrained(lifted, corners)
    return problem.rewritten(endmembers, Inverted(abundances, _light(problem, abundances, endmembers)))


def read_simplex(seen: Coded, trained: Trained, abundances: FloatArray) -> Answer:
    """Of abundances (N, P) that the latents are log-ratios of: endmembers are what the decoder makes of each alone."""
    problem = seen.problem
    if trained.decoder is None:
        raise TypeError("only a model with a decoder has endmembers of its own")
    made = trained.decoder.of_start(np.eye(problem.endmember_count), trained.best)
    scores = made * trained.scaling.spread + trained.scaling.centre
    endmembers = np.maximum(seen.coordinates.spectra(scores), 0.0)
    return problem.rewritten(endmembers, Inverted(abundances, _light(problem, abundances, endmembers)))


def _light(problem: Problem[Spec], abundances: FloatArray, endmembers: FloatArray) -> FloatArray | None:
    return best_light(problem.spectra, abundances @ endmembers) if problem.inversion.free_light else None


def _lifted(codes: FloatArray) -> FloatArray:
    return np.column_stack([codes, np.ones(len(codes))])


def _order(problem: Problem[Spec], abundances: FloatArray) -> IntArray:
    """(P,) what leads, then the others by their mean abundance."""
    first = min(len(leading(problem)), problem.endmember_count)
    return np.concatenate([np.arange(first), first + np.argsort(-abundances[:, first:].mean(axis=0), kind="stable")])
