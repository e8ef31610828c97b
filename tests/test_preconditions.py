"""What a cube has to bring: refusals before any work, whose remedies work, and no refusal of what can be unmixed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Annotation, Cube, FloatArray, Meaning
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import make_problem, unmix
from napari_unmix.preconditions import LARGEST, SMALLEST, check_size, check_values
from napari_unmix.progress import Progress, drain
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec
from napari_unmix.synthetic import Scene, blind_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return blind_scene(3, materials=3, pure=True, kind="linear", decibels=40, size=20)


def refusal(spectra: FloatArray, **options: object) -> str:
    """The sentence with which ``unmix`` refuses (H, W, B), while it reads the pixels, before any work."""
    spec: MethodSpec = spec_class("vca-fcls").model_validate(options)
    steps: list[Progress] = []
    with pytest.raises(UnmixError) as caught:
        drain(unmix(Cube(spectra), spec), steps.append)
    assert {step.stage for step in steps} == {"reading the pixels"}
    return str(caught.value)


def noise(*shape: int) -> FloatArray:
    return np.random.default_rng(0).uniform(0.1, 1, size=shape)


# --- values


def test_negative_cubes_are_refused_with_their_share(scene: Scene) -> None:
    assert refusal(-scene.cube.spectra).startswith(
        "100 % of the values are negative, up to 40 % may be: give reflectance"
    )
    centred = scene.cube.spectra - np.median(scene.cube.spectra)
    assert refusal(centred).startswith("50 % of the values are negative")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_some_negative_values_are_normal(scene: Scene, share: float) -> None:
    shifted = scene.cube.spectra - np.quantile(scene.cube.spectra, share)
    assert drain(unmix(Cube(shifted), spec_class("vca-fcls")(endmembers=3))).names


def test_bands_of_noise_alone_are_not_refused(scene: Scene) -> None:
    spectra = scene.cube.spectra.copy()
    spectra[..., ::2] = np.random.default_rng(0).normal(0, 0.01, spectra[..., ::2].shape)
    assert (spectra < 0).mean() > 0.2
    check_values(Cube(spectra).pixels())  # does not raise
    assert np.isfinite(drain(unmix(Cube(spectra), spec_class("vca-fcls")(endmembers=3))).abundances).all()


def test_values_out_of_range_are_refused_with_their_size(scene: Scene) -> None:
    huge, tiny = scene.cube.spectra * np.float32(1e30), scene.cube.spectra * np.float32(1e-12)
    assert re.match(r"Values are as large as \d.*e\+\d\d, more than 1e\+15", refusal(huge))
    assert "mark them as no data" in refusal(-huge)
    assert "less than 1e-06 can't be told from rounding: give a smaller --scale" in refusal(tiny)
    spectra = scene.cube.spectra.copy()
    spectra[3, 4, 5] = 1e31  # a value that means no data
    assert "Values are as large as 1e+31" in refusal(spectra)


@pytest.mark.parametrize("method", ["vca-fcls", "sisal"])
def test_within_the_range_a_constant_factor_changes_nothing(scene: Scene, method: str) -> None:
    spec, highest = spec_class(method)(endmembers=3), float(scene.cube.spectra.max())
    expected = drain(unmix(scene.cube, spec)).abundances
    for limit in (1.01 * SMALLEST, 0.99 * LARGEST):
        cube = Cube(scene.cube.spectra * np.float32(limit / highest))
        np.testing.assert_allclose(drain(unmix(cube, spec)).abundances, expected, atol=1e-4)


# --- sizes


@pytest.mark.parametrize("bands", [1, 2])
def test_too_few_bands_for_any_number_are_not_told_to_ask_for_fewer(bands: int) -> None:
    for options in ({}, {"endmembers": 2}, {"endmembers": 5}):
        sentence = refusal(noise(9, 9, bands), **options)
        even = "even 2 need 3, so " if options == {"endmembers": 5} else ""
        assert f"the cube has {bands} good one{'s' * (bands > 1)}: {even}exclude fewer bands" in sentence
        assert "ask for" not in sentence


@pytest.mark.parametrize("pixels", [1, 4, 5])
def test_too_few_pixels_for_any_number_are_not_told_to_ask_for_fewer(pixels: int) -> None:
    for options in ({}, {"endmembers": 2}, {"endmembers": 5}):
        sentence = refusal(noise(1, pixels, 20), **options)
        even = "even 2 need 6, so " if options == {"endmembers": 5} else ""
        assert f"valid pixels, the cube has {pixels}: {even}check its mask" in sentence
        assert "ask for" not in sentence


def test_a_cube_without_pixels_left_is_one_sentence() -> None:
    everything = Annotation(np.ones((9, 9), int), {1: Meaning("ignore")})
    with pytest.raises(UnmixError, match="the cube has 0: check its mask and what is ignored"):
        drain(unmix(Cube(noise(9, 9, 20)), spec_class("ivae")(), everything))


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 4), st.integers(2, 9), st.booleans())
def test_what_a_refusal_asks_for_works(pixels: int, bands: int, rank: int, count: int, lit: bool) -> None:
    rng = np.random.default_rng(pixels + 100 * bands)
    spectra = rng.dirichlet(np.ones(rank), pixels) @ rng.uniform(0.1, 1, (rank, bands))
    for _ in range(4):  # each refusal names one limit
        try:
            assert check_size(spectra, count, lit) >= count
            return
        except UnmixError as error:
            found = re.search(r"ask for at most (\d+)\.$", str(error))
            if found is None:
                return
            assert 2 <= int(found[1]) < count
            count = int(found[1])
    pytest.fail("asked for fewer and fewer")


def test_the_suggestion_never_asks_for_more_than_the_spectra_tell_apart() -> None:
    two = np.linspace(0, 1, 100)[:, None] * noise(2, 30)[1] + noise(1, 30)  # on a line: two endmembers, no noise
    problem = drain(make_problem(Cube(two.reshape(10, 10, 30)), spec_class("vca-fcls")()))
    assert problem.endmember_count == 2


@pytest.mark.parametrize(("empty", "refused"), [(0.4, False), (0.5, True), (0.8, True), (1.0, True)])
def test_pixels_that_are_mostly_zero_are_refused_with_their_number(scene: Scene, empty: float, refused: bool) -> None:
    spectra = scene.cube.spectra.copy()
    pixels = round(empty * 400)
    spectra.reshape(400, -1)[:pixels] = 0
    for light in (False, True):
        if refused:
            said = refusal(spectra, illumination=light)
            assert said.startswith(f"{pixels} of 400 valid pixels are zero in all good bands")
            assert "--no-data 0" in said
        else:
            result = drain(
                unmix(Cube(spectra), spec_class("ivae").model_validate({"illumination": light, "epochs": 1}))
            )
            assert np.isfinite(result.abundances).all()
    valid = spectra.any(axis=2)
    if valid.any():  # the remedy works
        answer = drain(unmix(Cube(spectra, valid_pixels=valid), spec_class("vca-fcls").model_validate({})))
        assert np.isfinite(answer.abundances[valid]).all()
