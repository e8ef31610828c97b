"""The checks know noise that neighbouring bands share, and say where two endmembers are one spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.checks import injective_mixing, model_fits
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.synthetic import Scene, blind_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return blind_scene(4, materials=3, pure=True, kind="linear", decibels=30, size=36)


def subject_of(spectra: np.ndarray, **options: object) -> Subject:
    cube = Cube(spectra.astype(np.float32))
    return gather(cube, drain(unmix(cube, spec_class("vca-fcls").model_validate(options))))


def smoothed(scene: Scene, width: int = 5) -> np.ndarray:
    """The scene with noise that is averaged over neighbouring bands."""
    clean = scene.illumination[..., None] * (scene.abundances @ scene.endmembers)
    noise = scene.cube.spectra - clean
    padded = np.pad(noise, ((0, 0), (0, 0), (width // 2, width // 2)), mode="edge")
    return np.asarray(clean + sum(padded[..., k : k + noise.shape[2]] for k in range(width)) / width)


def test_smoothed_noise_leaves_no_more_than_noise(scene: Scene) -> None:
    subject = subject_of(smoothed(scene), endmembers=3)
    assert subject.alike is not None
    assert subject.noise_in_plane > 1.8 * subject.noise
    exact = replace(subject, endmembers=scene.endmembers, abundances=scene.abundances.reshape(-1, 3))
    check = model_fits.check(exact, Refits())
    assert check.status == "pass"
    assert "The noise is alike in neighbouring bands (correlation 0.8)." in check.sentence
    assert injective_mixing.check(exact, Refits()).status == "pass"


def test_a_missing_material_shows_in_smoothed_noise_as_well(scene: Scene) -> None:
    subject = subject_of(smoothed(scene), endmembers=2)
    assert model_fits.check(subject, Refits()).status == "fail"


def test_copies_do_not_narrow_what_noise_may_do(scene: Scene) -> None:
    once, copied = subject_of(scene.cube.spectra), subject_of(scene.cube.spectra.repeat(3, 0).repeat(3, 1))
    assert copied.count == once.count == 3
    assert copied.noise_edge == once.noise_edge
    assert copied.directions == once.directions == 3
    np.testing.assert_allclose(copied.noise, once.noise)


def test_two_endmembers_that_are_one_spectrum_in_two_lights_are_told(scene: Scene) -> None:
    two = scene.abundances[..., :2] / np.maximum(scene.abundances[..., :2].sum(axis=-1, keepdims=True), 1e-9)
    light = np.linspace(0.5, 1, two.shape[1])[:, None]
    noise = 0.01 * np.random.default_rng(0).normal(size=scene.cube.shape)
    subject = subject_of(light * (two @ scene.endmembers[:2]) + noise, endmembers=3)
    assert subject.directions == 2
    first, second = scene.endmembers[:2]
    same = replace(subject, endmembers=np.array([first, 0.5 * first + 1e-4, second]))
    check = injective_mixing.check(same, Refits())
    assert check.status == "fail"
    assert check.broken.startswith("endmember 1 and endmember 2 are one spectrum in different brightness")
    # A dark endmember is no other material's shadow where their directions differ.
    dark = replace(subject, endmembers=np.array([first, 1e-3 * second[::-1], second]))
    assert "one spectrum" not in injective_mixing.check(dark, Refits()).broken
    # Nor are two materials where the spectra need three directions.
    third = replace(same, spectra=subject_of(scene.cube.spectra, endmembers=3).spectra)
    assert "one spectrum" not in injective_mixing.check(third, Refits()).broken
