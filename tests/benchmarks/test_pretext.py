"""What the table of pretexts is made of: the contrast, the probe to abundances, the painter."""

from __future__ import annotations

import numpy as np
import torch

from napari_unmix.masked.architecture import Architecture
from napari_unmix.masked.grid import grid_of
from napari_unmix.masked.pretext import untrained
from napari_unmix.synthetic import blind_scene
from unmix_benchmarks.common.contrastive import Views, chance, contrast
from unmix_benchmarks.pretext import Row, abundance_probe, painted, table

SCENE = blind_scene(5, materials=3, pure=True, kind="linear", decibels=30.0, size=32)
ROWS, COLUMNS = np.nonzero(SCENE.cube.valid_pixels)
ABUNDANCES = SCENE.abundances[SCENE.cube.valid_pixels]


def test_contrast_learns_to_know_the_other_half_of_a_pixel() -> None:
    pixels = SCENE.cube.pixels()
    architecture = Architecture(network="mlp", patch=8, width=16, depth=1, hidden=0.75)
    network = untrained(architecture, grid_of(SCENE.cube), [pixels], seed=0)
    losses = [step.loss for step in contrast(network, pixels, epochs=8, batch=64, learning_rate=5e-3, seed=0)]
    assert np.mean(losses[-10:]) < 0.8 * chance(64)
    # The two views share no group: what one does not see does not change it.
    views, values = Views(network, 0), network.tokens(pixels[:20], network.unit(pixels))
    first, second = torch.arange(0, 13).expand(20, -1), torch.arange(13, 26).expand(20, -1)
    other = values.clone()
    other[:, 13:] = 7.0
    torch.testing.assert_close(views.seen(other, first), views.seen(values, first))
    assert not torch.allclose(views.seen(other, second), views.seen(values, second))


def test_a_linear_probe_reads_what_is_linear_and_nothing_from_noise() -> None:
    generator = np.random.default_rng(0)
    mixed = ABUNDANCES @ generator.normal(size=(3, 10))
    assert abundance_probe(mixed, ABUNDANCES, ROWS, COLUMNS) < 1e-3
    nothing = abundance_probe(generator.normal(size=(len(ABUNDANCES), 10)), ABUNDANCES, ROWS, COLUMNS)
    assert nothing > 0.9 * ABUNDANCES.std(axis=0).mean()


def test_a_painter_paints_some_of_what_a_material_rules() -> None:
    mask, classes, names = painted(SCENE.abundances, SCENE.cube.valid_pixels)
    led = SCENE.abundances[mask]
    assert (led.max(axis=1) >= 0.6).all()
    assert 0 < mask.mean() < 0.45
    assert len(np.unique(classes)) == len(names)


def test_a_line_of_the_table_has_all_that_was_measured() -> None:
    lines = table([Row("scene", "raw", 3, 0.0123, 0.9, 0.8, 1.0, 2.0)])
    assert lines[-1] == "| scene | raw | 3 | 0.0123 | 0.900 (0.80–1.00) | 2.0 |"
