"""Masked autoencoding of spectra: three quarters of the groups of bands are hidden, a network fills them in, abundances are read off its code.

The pretext of He et al. (CVPR 2022) on single spectra, as a baseline: the encoder sees visible groups only. Noise that is independent between
groups can't be predicted, so what is filled in is denoised; but no theorem connects the code with abundances (theory page, "What is not
identified"). What is read out rests on vertices of the filled-in spectra, and on least squares on these. Where endmembers are held, the vertices
are picked beside them; those that are given but not held are picked anew.
"""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Findings, Note, NoteKind
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.masked.grid import grid_of
from napari_unmix.masked.pretext import fill_in, untrained
from napari_unmix.masked.stored import arrays_of, read_network
from napari_unmix.methods.affine import affine_map, best_light, probed
from napari_unmix.methods.contract import Problem, QuickLook, Solution
from napari_unmix.methods.mae.readout import FineTuning
from napari_unmix.methods.mae.spec import MaeSpec
from napari_unmix.model.network import Step, device_of, dropped_notes
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit, Preview, Progress, meanwhile
from napari_unmix.rows.inversion import Inverted
from napari_unmix.rows.simplex import project_to_simplex
from napari_unmix.rows.subspace import noise_level

_PROBED = 20_000
_LOOKED_AT = 2_000
# Shares of the progress bar: the pretext, the embedding, the probe; then fine-tuning where it is asked for.
_TRAINED, _EMBEDDED, _PROBE = 0.6, 0.7, 0.75
# Fine-tuning takes this share of the epochs: its encoder is trained already.
_TUNED_SHARE = 0.5
_CAVEAT = "No theorem says that a masked autoencoder's code holds abundances: other seeds may give others."


@steps_on_one_thread
def fit(problem: Problem[MaeSpec]) -> Fit[Solution]:
    """Train on the pretext or read a trained network, pick vertices among what it fills in, and read abundances off its codes."""
    spec, history = problem.spec, list[tuple[str, int, float]]()
    # 1. The network.
    device = device_of(spec)
    yield Progress("hiding bands", 0, 1, 0.01)
    if spec.pretrained:
        stored = read_network(spec.pretrained, device)
        network, last = stored.network.on(grid_of(problem.cube), "The pretrained network"), Step(0, 0, 0.0)
        origin = f"The network is {stored.about.architecture.network}, pretrained on {', '.join(stored.about.cubes)} ({stored.digest})."
    else:
        network = untrained(spec.architecture, grid_of(problem.cube), [problem.spectra], spec.seed, device)
        last = yield from _trained(problem, network, history)
        origin = ""
    # 2. Its codes of all pixels, and vertices of the spectra that it fills in.
    features = yield from _embedded(problem, network)
    restoring = Progress("filling in", 0, 1, _EMBEDDED)
    sample = _sampled(len(features))
    restored = yield from meanwhile(lambda: network.restored(problem.spectra[sample]), restoring, pixels=len(sample))
    # 3. The probe.
    probing = Progress("probing", 0, 1, _EMBEDDED)
    answer = yield from meanwhile(lambda: _probe(problem, features, restored), probing, pixels=len(problem.spectra))
    endmembers, inverted = answer
    # 4. Fine-tuning, where it is asked for.
    if spec.readout == "fine-tune":
        endmembers, inverted, tuned = yield from _tuned(problem, network, features, endmembers, inverted, history)
        last = Step(last.step + tuned.step, last.steps + tuned.steps, tuned.loss, last.dropped + tuned.dropped)
    yield Progress("reading abundances", 1, 1, 1.0)
    notes = (Note(NoteKind.METHOD, f"{_CAVEAT}{' ' if origin else ''}{origin}"), *dropped_notes(last))
    return Solution(
        endmembers=endmembers,
        abundances=inverted.abundances,
        illumination=inverted.illumination,
        notes=notes,
        history=tuple(history),
        findings=Findings(noise=noise_level(problem.spectra, problem.endmember_count)),
        model={
            "endmembers": endmembers.astype(np.float32),
            **{f"network.{name}": value for name, value in arrays_of(network).items()},
        },
    )


def _trained(problem: Problem[MaeSpec], network: MaskedAutoencoder, history: list[tuple[str, int, float]]) -> Fit[Step]:
    """Train on the pretext; the last step."""
    spec, last = problem.spec, Step(0, 0, 0.0)
    training = fill_in(
        network,
        [problem.spectra],
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        seed=spec.seed,
    )
    for last in training:
        history.append(("filling in hidden bands", last.step, last.loss))
        share = 0.02 + (_TRAINED - 0.02) * last.step / last.steps
        yield Progress(
            "filling in hidden bands", last.step, last.steps, share, last.loss, lambda: _look(problem, network)
        )
    return last


def _embedded(problem: Problem[MaeSpec], network: MaskedAutoencoder) -> Fit[FloatArray]:
    """(N, K) features of all pixels; with free light without the brightness, which is no part of the answer then."""
    parts, done, count = [], 0, len(problem.spectra)
    for part in network.embedded(problem.spectra):
        parts.append(part[:, :-1] if problem.inversion.free_light else part)
        done += len(part)
        yield Progress("embedding", done, count, _TRAINED + (_EMBEDDED - _TRAINED) * done / count)
    return np.concatenate(parts)


def _sampled(count: int) -> IntArray:
    """The pixels, of ``count``, that the probe is fitted to."""
    return np.arange(0, count, max(1, count // _PROBED))


def _probe(problem: Problem[MaeSpec], features: FloatArray, restored: FloatArray) -> tuple[FloatArray, Inverted]:
    """Endmembers (P, B) from vertices of the ``restored`` spectra, and abundances (N, P) by an affine map of the features (N, K)."""
    inversion, count = problem.inversion, problem.endmember_count
    sample = _sampled(len(features))
    picked = vertex_components(restored, count, np.random.default_rng(problem.spec.seed), problem.held_spectra)
    found = np.maximum(restored[picked], 0.0)  # what is filled in may be a little below zero
    endmembers = problem.exactly(problem.written(problem.beside_held(found)))
    targets = inversion.invert(problem.spectra[sample], endmembers).abundances
    read = affine_map(features[sample], targets)
    abundances = project_to_simplex(probed(features, read), np.eye(count))
    first = 0 if problem.given is None else len(problem.given)
    others = first + np.argsort(-abundances[:, first:].mean(axis=0), kind="stable")
    order = np.concatenate([np.arange(first), others])
    endmembers, abundances = endmembers[order], abundances[:, order]
    light = best_light(problem.spectra, abundances @ endmembers) if inversion.free_light else None
    return endmembers, Inverted(abundances, light)


def _tuned(
    problem: Problem[MaeSpec],
    network: MaskedAutoencoder,
    features: FloatArray,
    endmembers: FloatArray,
    inverted: Inverted,
    history: list[tuple[str, int, float]],
) -> Fit[tuple[FloatArray, Inverted, Step]]:
    """Endmembers as written and abundances after training on by linear mixing, and the last step."""
    spec = problem.spec
    sample = _sampled(len(features))
    tuning = FineTuning(network, problem.spectra, endmembers, problem.held, free_light=problem.inversion.free_light)
    tuning.begin(features[sample], inverted.abundances[sample])
    last = Step(0, 0, 0.0)
    for last in tuning.train(max(1, round(_TUNED_SHARE * spec.epochs)), spec.batch, spec.learning_rate, spec.seed):
        history.append(("fine-tuning", last.step, last.loss))
        share = _PROBE + (0.98 - _PROBE) * last.step / last.steps
        yield Progress("fine-tuning", last.step, last.steps, share, last.loss, QuickLook(problem, tuning.endmembers()))
    parts = []
    for part in tuning.abundances():
        parts.append(part)
        yield Progress("reading abundances", len(parts), 0, 0.98)
    found, shares = tuning.endmembers(), np.concatenate(parts)
    light = best_light(problem.spectra, shares @ found) if problem.inversion.free_light else None
    written, inverted = problem.rewritten(found, Inverted(shares, light))
    return written, inverted, last


def _look(problem: Problem[MaeSpec], network: MaskedAutoencoder) -> Preview:
    """What vertices of the filled-in spectra give now, on few pixels and by nearly least squares: the probe itself is for the end."""
    few = problem.spectra[:: max(1, len(problem.spectra) // _LOOKED_AT)]
    restored = np.maximum(network.restored(few), 0.0)
    picked = vertex_components(restored, problem.endmember_count, np.random.default_rng(problem.spec.seed))
    return QuickLook(problem, restored[picked])()
