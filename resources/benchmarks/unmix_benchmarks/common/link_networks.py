"""The two opinions on rows x = f(z) with a network f: the general iVAE and general contrastive learning on the same u."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.model.threads import one_thread
from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import DEVIATIONS, mixing_network
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Trained
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import drain
from unmix_benchmarks.common.link_rows import Key, Row, agreement
from unmix_benchmarks.common.printed import commit

# Two sources in six channels by xtanh networks, as in the code of Khemakhem et al. 2020; the middle of the grid.
SOURCES, CHANNELS = 2, 6
SEGMENTS, LENGTH, LAYERS = 20, 200, 2
# Steps are what counts: about this many of each training, whatever the number of rows.
_STEPS, _BATCH = 500, 256


@dataclass(frozen=True, eq=False)
class Nonstationary:
    """Rows, their sources (N, n), and the truth's score (N, R)."""

    x: FloatArray
    u: IntArray
    sources: FloatArray
    score: FloatArray


def nonstationary_rows(key: Key) -> Nonstationary:
    """Sources of mean zero whose deviation differs between segments; noise in units of the channels' deviation."""
    generator = np.random.default_rng(key.seed)
    value = {key.varied: key.value}
    segments, length = int(value.get("segments", SEGMENTS)), int(value.get("length", LENGTH))
    deviations = generator.uniform(*DEVIATIONS, (segments, SOURCES))
    mixing = mixing_network(SOURCES, CHANNELS, int(value.get("layers", LAYERS)), "xtanh", generator)
    u = np.repeat(np.arange(segments), length)
    law = value.get("law", "")
    shape = (len(u), SOURCES)
    standard = generator.laplace(0.0, np.sqrt(0.5), shape) if law == "Laplace" else generator.standard_normal(shape)
    sources = standard * deviations[u]
    clean = mixing(sources)
    noise = float(value.get("noise", 0.0)) * clean.std(axis=0)
    x = clean + noise * generator.standard_normal(clean.shape)
    told = (
        -np.sqrt(2) * np.abs(sources) @ (1 / deviations).T
        if law == "Laplace"
        else -0.5 * sources**2 @ (deviations**-2).T
    )
    return Nonstationary(x, generator.permutation(u) if law == "u shuffled" else u, sources, told)


def run_rows(key: Key) -> Row:
    """Both opinions, and each on the other's latents: an invertible map of x, so that it begins where the other ended."""
    begun = time.process_time()
    made = nonstationary_rows(key)
    rows = Rows(made.x, made.u, SOURCES)
    with one_thread():
        ivae, contrast = _ivae(rows, key.seed), _contrast(rows, key.seed)
        found, told = ivae.latents_of(rows.x), contrast.latents_of(rows.x)
        after_ivae, after_contrast = Rows(found, made.u, SOURCES), Rows(told, made.u, SOURCES)
        again, trained_on = _contrast(after_ivae, key.seed), _ivae(after_contrast, key.seed)
        scores = [learned.score_of(rows.x) for learned in (ivae, contrast)]
    return Row(
        *key,
        ivae=1 - matched(found, made.sources).correlation,
        contrast=1 - matched(told, made.sources).correlation,
        apart=1 - matched(told, found).correlation,
        scores=agreement(*scores),
        scores_ivae=agreement(scores[0], made.score),
        scores_contrast=agreement(scores[1], made.score),
        general=None,
        contrast_from_ivae=1 - matched(again.latents_of(found), made.sources).correlation,
        ivae_from_contrast=1 - matched(trained_on.latents_of(told), made.sources).correlation,
        seconds=time.process_time() - begun,
        commit=commit(),
    )


def _ivae(rows: Rows, seed: int) -> Trained:
    return drain(variational(rows, Variational(), _training(rows, seed)))


def _contrast(rows: Rows, seed: int) -> Trained:
    return drain(gcl(rows, _training(rows, seed)))


def _training(rows: Rows, seed: int) -> Training:
    batch = min(_BATCH, len(rows.x))
    epochs = max(2, round(_STEPS * batch / len(rows.x)))
    return Training(epochs=epochs, batch=batch, starts=3, width=16, seed=seed)
