"""Where does the iVAE stop, and why there? The same training from its own start, from contrastive learning's encoder, and from the true sources.

If the evidence after training is highest from the truth, what misses it is the training; where training leaves the truth, it is the model: the noise
that it assumes, its posterior, or a decoder that can't make the mixture. Square settings have the exact log p(x|u) beside it, by change of variables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.model.network import Loss, train
from napari_unmix.model.threads import one_thread
from napari_unmix.nonlinear.contrast import encoder_of, tcl
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.networks import placed
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import DEVIATIONS, SLOPES, Draw, bent, mixing_network, nonstationary
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.taught import Passes, taught
from napari_unmix.nonlinear.trained import Trained
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common.nonlinear_rows import SETTINGS
from unmix_benchmarks.common.scores import write_rows

NAME = "nonlinear-ica-from-the-truth"
# The decoder's noise in units of the channels' deviations, and the noise that the data have in the same units.
_CASES = ((0.03, 0.0), (0.1, 0.1))
_LAYERS = 3


@dataclass(frozen=True)
class Beginning:
    """One training: MCC of the latents where it begins and ends, and the bound that it ends with, in nats per row."""

    setting: str
    seed: int
    noise: float
    added: float
    begins: str
    first: float
    last: float
    evidence: float


def run(settings: Sequence[str], seeds: Sequence[int], epochs: int, length: int, out: Path | None) -> int:
    """Run and print; ``epochs`` and ``length`` as of the whole benchmark."""
    in_time = [setting for setting in settings if SETTINGS[setting].in_time]
    if in_time:
        raise UnmixError(f"{in_time[0]} has no segments to learn from: choose settings without time.")
    found = []
    for setting in settings:
        for seed in seeds:
            for noise, added in _CASES:
                for row in beginnings(setting, seed, noise, added, epochs, length):
                    found.append(row)
                    print(row, file=sys.stderr, flush=True)
    write_rows(NAME, found, table(found), out)
    return 0


def beginnings(setting: str, seed: int, noise: float, added: float, epochs: int, length: int) -> Iterator[Beginning]:
    """The exact value without noise, then the three trainings."""
    shape = SETTINGS[setting]
    data = nonstationary(seed, shape.sources, shape.channels, _LAYERS, shape.activation, length=length, fresh=1).seen
    noisy = added * data.x.std(axis=0) * np.random.default_rng(seed + 99).standard_normal(data.x.shape)
    rows, model = Rows(data.x + noisy, data.u, shape.sources), Variational(noise=noise)
    training = Training(seed=seed, epochs=epochs)
    passes = _shortened(epochs)

    def row(begins: str, first: Trained, last: Trained) -> Beginning:
        before, after = (matched(part.latents_of(rows.x), data.sources).correlation for part in (first, last))
        return Beginning(setting, seed, noise, added, begins, before, after, float(last.objectives.max()))

    with one_thread():
        if added == 0 and shape.sources == shape.channels:
            yield Beginning(setting, seed, noise, added, "exact", 1.0, 1.0, exact(setting, seed, data, rows))
        one = replace(training, starts=1)
        own = drain(variational(rows, model, one))
        yield row("own", drain(variational(rows, model, replace(one, epochs=0))), own)
        for name, told in (("tcl", drain(tcl(rows, training))), ("truth", regressed(rows, data.sources, training))):
            yield row(name, told, drain(taught(rows, model, training, told, passes)))


def _shortened(epochs: int) -> Passes:
    share, preset = epochs / Training.epochs, Passes()
    counts = {name: max(1, round(getattr(preset, name) * share)) for name in ("decoder", "held", "together")}
    return replace(preset, **counts)


def regressed(rows: Rows, sources: FloatArray, training: Training) -> Trained:
    """An encoder that was told the sources (N, n), by least squares."""
    encoder = encoder_of(Starts.of(rows, replace(training, starts=1)), training)
    x, wanted = placed(rows.scaling.scaled(rows.x)), placed(sources / sources.std(axis=0))

    def loss(batch: Tensor, _: float) -> Loss:
        here = batch.to(x.device)
        missed = (wanted[here] - encoder(x[here])).square().sum(dim=2).mean()
        return Loss(missed, float(missed.detach()))

    rate = training.learning_rate
    steps = train(
        encoder.parameters,
        loss,
        len(rows.x),
        epochs=training.epochs,
        batch=training.batch,
        learning_rate=rate,
        seed=training.seed,
    )
    for _ in steps:
        pass
    return Trained(rows.scaling, encoder, rows.latents, np.zeros(1))


def exact(setting: str, seed: int, data: Draw, rows: Rows) -> float:
    """Mean log p(x|u) of the scaled rows in nats: log p(z|u) − log |det ∂x/∂z|, of a square mixture without noise."""
    shape, generator = SETTINGS[setting], np.random.default_rng(seed)
    # The generator draws the deviations first, then the mixture (simulated.py).
    deviations = generator.uniform(*DEVIATIONS, (int(data.u.max()) + 1, shape.sources))[data.u]
    mixing = mixing_network(shape.sources, shape.channels, _LAYERS, shape.activation, generator)
    x = data.sources @ mixing.matrices[0]
    slopes = np.broadcast_to(mixing.matrices[0], (len(x), *mixing.matrices[0].shape))
    for matrix in mixing.matrices[1:]:
        bend = np.where(x > 0, 1.0, SLOPES[shape.activation])
        slopes, x = (slopes * bend[:, None, :]) @ matrix, bent(x, shape.activation) @ matrix
    law = -0.5 * (data.sources / deviations) ** 2 - np.log(deviations) - 0.5 * np.log(2 * np.pi)
    return float((law.sum(axis=1) - np.linalg.slogdet(slopes / rows.scaling.spread)[1]).mean())


def table(rows: Sequence[Beginning]) -> list[str]:
    """Markdown."""
    lines = [
        "| sources-channels | seed | decoder's noise | data's noise | begins at | MCC there | MCC after | evidence, nats |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (row.setting, row.seed, f"{row.noise:g}", f"{row.added:g}", row.begins, f"{row.first:.3f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {row.last:.3f} | {row.evidence:.3f} |")
    return lines
