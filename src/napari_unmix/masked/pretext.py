"""Training a masked autoencoder on the pixels of cubes: the pretext."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.masked.architecture import Architecture
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.masked.grid import Grid
from napari_unmix.model.network import Loss, Step, train
from napari_unmix.model.threads import seeded

# Of a cube so many pixels are learned from: more of one cube say little that these do not, and memory is bounded.
MOST_PIXELS = 100_000


def untrained(
    architecture: Architecture, grid: Grid, parts: Sequence[FloatArray], seed: int, device: torch.device | None = None
) -> MaskedAutoencoder:
    """A network with random weights for spectra (N, B) of one or several cubes: their mean shape and spread are measured."""
    shapes = [spectra[:: max(1, len(spectra) // 20_000)] for spectra in parts]
    shapes = [part / np.maximum(_lengths(part), 1e-300)[:, None] for part in shapes]
    together = np.concatenate(shapes)
    mean = together.mean(axis=0)
    if not np.any(np.abs(mean) > 1e-12):
        mean = np.full(mean.shape, 1e-3)
    light = np.maximum(together @ mean / (mean @ mean), 0.1)[:, None]
    spread = max(float(np.sqrt(np.mean((together / light - mean) ** 2))), 1e-6 * float(np.abs(mean).max()))
    with seeded(seed):
        made = MaskedAutoencoder(architecture, grid, mean, spread)
    return made.moved(device or torch.device("cpu"))


def _lengths(spectra: FloatArray) -> FloatArray:
    """(N,) root mean squares; those below a fiftieth of the median are raised to it."""
    lengths = np.sqrt((spectra**2).mean(axis=1))
    return np.asarray(np.maximum(lengths, 0.02 * float(np.median(lengths))))


def fill_in(
    made: MaskedAutoencoder,
    parts: Sequence[FloatArray],
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    seed: int,
) -> Generator[Step, None, Step]:
    """Train ``made`` in place on the spectra (N, B) of one or several cubes; yields after every batch and returns the last step.

    Each cube is in units of its own median brightness. The same seed hides the same groups.
    """
    values = torch.cat([made.tokens(spectra, made.unit(spectra)) for spectra in parts])
    generator = torch.Generator(device=values.device).manual_seed(seed)

    def loss(rows: torch.Tensor, done: float) -> Loss:
        value = made.loss(values[rows], made.orders(len(rows), generator))
        return Loss(value, float(value.detach()))

    last = Step(0, 0, 0.0)
    if values.shape[1] < 2:  # one group: there is nothing to hide
        return last
    for last in train(
        list(made.parameters()),
        loss,
        len(values),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        draws=[generator],
    ):
        yield last
    return last


def pixels_of(cube: Cube, weights: FloatArray, seed: int) -> FloatArray:
    """(N, B') spectra of a cube's valid pixels on a common grid, at most ``MOST_PIXELS`` by chance."""
    spectra = cube.pixels()
    if len(spectra) > MOST_PIXELS:
        rows = np.random.default_rng(seed).choice(len(spectra), MOST_PIXELS, replace=False)
        spectra = spectra[np.sort(rows)]
    return np.asarray(spectra @ weights.T)
