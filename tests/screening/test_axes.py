"""The axis of the bands is told by the numbers, in any order, and never wrongly without a word."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.io import read_cube
from napari_unmix.screening.axes import LAST, axis_of_bands, decide, outside, roughness
from napari_unmix.synthetic import blind_scene

from .test_screen import REAL, eight_bits, scene

SCENES = {
    "40×36×60": scene,
    "a cube of cubes": lambda: scene(60, 60, 60),
    "7 bands": lambda: scene(bands=7),
    "8 bits": lambda: eight_bits(250),
    "few pixels": lambda: scene(5, 6, 200),
    "noisy": lambda: scene(noise=0.05),
    "measured spectra": lambda: (
        blind_scene(3, materials=5, pure=True, kind="tilt", decibels=25.0, size=40).cube.spectra
    ),
    "every pixel four times": lambda: np.repeat(np.repeat(scene(20, 20), 2, axis=0), 2, axis=1),
    "a third is -9999": lambda: np.where(np.arange(40)[:, None, None] < 13, -9999, scene()),
    "two missing": lambda: np.where(np.arange(60) == 7, np.nan, scene()),
}


@pytest.mark.parametrize("name", SCENES)
def test_every_order_is_told(name: str) -> None:
    spectra = SCENES[name]()
    for order in permutations(range(3)):
        decision = axis_of_bands(spectra.transpose(order))
        assert decision.axis == order.index(2)
        assert decision.certain
        assert bool(decision.sentence) == (decision.axis != LAST)


@pytest.mark.real_data
@pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: real scenes are NOT tested"
)
@pytest.mark.parametrize("file", REAL)
def test_every_order_of_a_real_scene_is_told(file: str) -> None:
    spectra = read_cube(Path(os.environ["NAPARI_UNMIX_DATA"]) / file, repair="none").spectra
    for order in permutations(range(3)):
        assert axis_of_bands(spectra.transpose(order)).axis == order.index(2)


@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 24)] * 3))
def test_noise_is_read_as_it_is_stored(seed: int, shape: tuple[int, int, int]) -> None:
    generator = np.random.default_rng(seed)
    for array in (
        generator.normal(size=shape),
        generator.integers(0, 3, shape),
        np.arange(np.prod(shape)).reshape(shape),
    ):
        assert axis_of_bands(array).axis == LAST or np.sum(np.array(shape) > 1) == 1


def test_axes_of_length_one_do_not_count() -> None:
    assert axis_of_bands(scene().transpose(2, 0, 1)[None]).axis == 0
    assert axis_of_bands(scene()[:, :, None]).axis == LAST
    assert axis_of_bands(np.ones((240, 1, 1))).axis == 0
    assert axis_of_bands(np.ones((1, 1, 240))).axis == LAST


def test_the_sentence_names_the_axis_and_the_option() -> None:
    sentence = axis_of_bands(scene().transpose(2, 0, 1)).sentence
    assert sentence.startswith("the first axis of 60×40×36 looks like the bands")
    assert "--bands-axis last" in sentence


@pytest.mark.parametrize(
    ("left", "rough", "axis", "certain"),
    [
        ([0.1, 0.1, 0.01], [0.1, 0.1, 0.9], 2, True),  # what is left outside decides
        ([0.01, 0.1, 0.1], [0.9, 0.1, 0.1], 0, True),
        ([0.1, 0.01, 0.1], [0.9, 0.1, 0.1], 1, True),
        ([0.100, 0.101, 0.101], [0.1, 0.5, 0.5], 0, True),  # noise covers it: much smoother
        ([0.100, 0.101, 0.101], [0.1, 0.2, 0.2], 2, False),  # smoother: said, not done
        ([0.100, 0.101, 0.101], [0.2, 0.2, 0.2], 2, True),
        ([0.1, np.inf, 0.2], [0.1, np.inf, 0.5], 2, True),  # two axes are unfolded alike
        ([0.1, np.inf, 0.2], [0.01, np.inf, 0.5], 0, True),
        ([0.1, 0.2, np.inf], [0.1, 0.2, np.inf], 2, True),
    ],
)
def test_decisions(left: list[float], rough: list[float], axis: int, certain: bool) -> None:
    decision = decide(np.array(left), np.array(rough), (60, 60, 60))
    assert (decision.axis, decision.certain) == (axis, certain)
    assert bool(decision.sentence) == (axis != LAST or not certain)


def test_noise_leaves_the_same_outside_along_every_axis_and_is_rough_along_each() -> None:
    noise = np.random.default_rng(0).normal(size=(40, 30, 50))
    np.testing.assert_allclose(outside(noise), outside(noise)[0], rtol=0.05)
    np.testing.assert_allclose(roughness(noise), 1, atol=0.05)
