"""Endmembers that a scene does not support: two halves of one material are found, two materials are not taken for them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import FloatArray
from napari_unmix.findings import SupportFound
from napari_unmix.geometry.counting import rising, suggest_endmembers
from napari_unmix.geometry.halves import Halves, find_halves, said_of_support, what_is_supported, why_halves
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import FreeLight, Inversion, SumToOne, inversion
from napari_unmix.rows.subspace import noise_level
from napari_unmix.synthetic import KINDS, Scene, blind_scene
from unmix_benchmarks.common.cases import DC1, HYSU_CROP, JASPER_RIDGE, SAMSON, Case, other_cases

real_data = pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: real scenes are NOT tested"
)


def parted(endmembers: FloatArray, which: int, degrees: float, generator: np.random.Generator) -> FloatArray:
    """(P + 1, B) with one endmember in two halves so far apart, the second at the end."""
    middle = endmembers[which]
    ramp = middle * np.cos(generator.uniform(2, 5) * np.linspace(0, np.pi, len(middle)) + generator.uniform(0, 6))
    ramp -= middle * (ramp @ middle) / (middle @ middle)
    step = np.tan(np.radians(degrees / 2)) * np.linalg.norm(middle) * ramp / np.linalg.norm(ramp)
    halves = endmembers.copy()
    halves[which] = middle + step
    return np.vstack([halves, middle - step])


def halves_of(scene: Scene, endmembers: FloatArray, held: tuple[int, ...] = ()) -> Halves | None:
    pixels = scene.cube.pixels()
    return find_halves(
        pixels, endmembers, inversion(free_light=scene.scaled), noise_level(pixels, len(endmembers)), held
    )


def varied(seed: int, more: float, spread: float = 0.08) -> tuple[FloatArray, FloatArray]:
    """Pixels (2400, B) of three materials and their spectra: the first varies along a ramp, the others ``more`` times that, along another."""
    scene = blind_scene(seed, materials=3, pure=True, kind="linear", decibels=40)
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet([1.2, 0.3, 0.3], 2400)
    ramp = np.cos(np.linspace(0, np.pi, scene.endmembers.shape[1]))
    own = spread * generator.uniform(-1, 1, (2400, 1)) * ramp
    others = more * spread * generator.uniform(-1, 1, (2, 2400, 1)) * np.cos(np.linspace(0, 3 * np.pi, len(ramp)))
    mixed = shares @ scene.endmembers + shares[:, :1] * own * scene.endmembers[0]
    mixed += sum(shares[:, k : k + 1] * others[k - 1] * scene.endmembers[k] for k in (1, 2))
    return mixed + 0.002 * generator.normal(size=mixed.shape), scene.endmembers


# --- properties


@pytest.mark.parametrize("kind", ["linear", "illumination"])
def test_an_endmember_that_was_split_is_found(kind: str) -> None:
    """No theorem: of 439 drawn scenes the halves were found in 437; here in all but one at most, and then they are what was split."""
    missed = 0
    for seed in range(8):
        generator = np.random.default_rng(seed)
        materials, degrees = int(generator.integers(2, 6)), float(generator.uniform(2, 8))
        which = int(generator.integers(materials))
        scene = blind_scene(seed, materials=materials, pure=True, kind=kind, decibels=30, size=40)  # type: ignore[arg-type]
        found = halves_of(scene, parted(scene.endmembers, which, degrees, generator))
        if found is None or (found.first, found.second) != (which, materials):
            missed += 1
            continue
        assert found.left == pytest.approx(1, abs=0.05)
        assert np.degrees(found.apart) == pytest.approx(degrees, rel=0.01)
    assert missed <= 1


@pytest.mark.parametrize(
    ("seed", "order"), [(0, [3, 1, 0, 2]), (1, [1, 0, 2, 3]), (2, [2, 3, 1, 0]), (3, [0, 3, 2, 1])]
)
def test_the_order_of_endmembers_only_renames_the_halves(seed: int, order: list[int]) -> None:
    scene = blind_scene(seed, materials=3, pure=True, kind="linear", decibels=30, size=40)
    split = parted(scene.endmembers, 1, 5.0, np.random.default_rng(seed))
    found, moved = halves_of(scene, split), halves_of(scene, split[order])
    assert found is not None
    assert moved is not None
    assert {order[moved.first], order[moved.second]} == {found.first, found.second} == {1, 3}
    assert moved.first < moved.second
    assert (moved.left, moved.between) == pytest.approx((found.left, found.between), rel=1e-6)


def test_of_the_materials_of_drawn_scenes_hardly_any_are_halves() -> None:
    """A decision, no theorem: of 400 scenes drawn like these none raised an alarm, but seed 349 at 20 dB without pure pixels does."""
    rng, alarms = np.random.default_rng(5), 0
    for seed in rng.integers(0, 10_000, 40).tolist():
        kind, decibels = str(rng.choice(KINDS)), float(rng.choice([20.0, 30.0, 40.0]))
        materials, pure = int(rng.integers(2, 7)), bool(rng.integers(2))
        scene = blind_scene(seed, materials=materials, pure=pure, kind=kind, decibels=decibels, size=48)  # type: ignore[arg-type]
        found = alarm(scene.cube.pixels(), scene.endmembers, inversion(free_light=scene.scaled))
        alarms += found is not None
    assert alarms <= 1


def alarm(pixels: FloatArray, endmembers: FloatArray, way: Inversion) -> SupportFound | None:
    noise = noise_level(pixels, len(endmembers))
    return what_is_supported(pixels, endmembers, way, noise, lambda: suggest_endmembers(pixels))


@pytest.mark.parametrize("way", [SumToOne(), FreeLight()])
@pytest.mark.parametrize(("more", "one"), [(1.5, True), (0.1, False)])
def test_halves_of_a_material_that_varies_are_one_where_the_others_vary_as_much(
    way: Inversion, more: float, one: bool
) -> None:
    pixels, endmembers = varied(4, more)
    ramp = 0.06 * np.cos(np.linspace(0, np.pi, endmembers.shape[1])) * endmembers[0]
    split = np.vstack([endmembers[0] + ramp, endmembers[1:], endmembers[0] - ramp])
    found = find_halves(pixels, split, way, 0.002)
    assert (found is not None) is one
    assert found is None or (found.first, found.second) == (0, 3)


def test_two_materials_between_which_every_pixel_lies_are_two() -> None:
    """What their own pixels do not tell, all the others do: sim2's 13.7° apart are 1.0 on the pixels that hold most of both."""
    generator = np.random.default_rng(4)
    endmembers = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30).endmembers.copy()
    endmembers[1] = 0.8 * endmembers[0] + 0.2 * endmembers[1]
    shares = generator.dirichlet([8.0, 8.0, 2.0], 3000)
    far = generator.dirichlet([3.0, 0.3, 6.0], 3000)
    pixels = np.vstack([shares, far, far[:, [1, 0, 2]]]) @ endmembers
    pixels += 0.001 * generator.normal(size=pixels.shape)
    assert find_halves(pixels, endmembers, SumToOne(), 0.001) is None


def test_a_dark_half_is_an_endmember_where_abundances_sum_to_one() -> None:
    """The same shape, half as bright: one material in free light, two where brightness is part of the mixture."""
    scene = blind_scene(11, materials=2, pure=True, kind="linear", decibels=35, size=40)
    dark = np.vstack([scene.endmembers, 0.4 * scene.endmembers[0]])
    shares = np.random.default_rng(1).dirichlet([0.8, 0.8, 0.8], 2000)
    pixels = shares @ dark + 0.001 * np.random.default_rng(2).normal(size=(2000, dark.shape[1]))
    assert find_halves(pixels, dark, SumToOne(), 0.001) is None
    assert rising(pixels, 3, suggest_endmembers(pixels), SumToOne()).number == 3
    assert rising(pixels, 3, suggest_endmembers(pixels), FreeLight()).number == 2


def test_two_that_are_held_are_two() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="linear", decibels=30, size=40)
    split = parted(scene.endmembers, 0, 5.0, np.random.default_rng(0))
    assert halves_of(scene, split, held=(0, 3)) is None
    assert halves_of(scene, split, held=(0,)) is not None


# --- decisions


@pytest.mark.parametrize(
    ("left", "between", "one"), [(1.05, 0.4, True), (1.06, 0.4, False), (1.05, 0.39, False), (0.3, 1.0, True)]
)
def test_what_makes_two_endmembers_one_material(left: float, between: float, one: bool) -> None:
    assert Halves(0, 1, left, between, 0.1).of_one_material is one


@pytest.mark.parametrize(("suggested", "said"), [(2, True), (3, True), (4, True), (1, False)])
def test_halves_are_told_where_more_than_one_rises(suggested: int, said: bool) -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="illumination", decibels=30, size=40)
    split = parted(scene.endmembers, 0, 5.0, np.random.default_rng(0))
    pixels = scene.cube.pixels()
    found = what_is_supported(pixels, split, FreeLight(), noise_level(pixels, 4), lambda: suggested)
    assert (found is not None) is said


def test_how_many_rise_is_not_asked_where_no_two_are_halves() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="linear", decibels=30, size=40)

    def never() -> int:
        raise AssertionError

    assert what_is_supported(scene.cube.pixels(), scene.endmembers, SumToOne(), 0.01, never) is None


FOUND = SupportFound(
    supported=4, rises=(4.2, 3.3), needed=4.4, halves=(1, 4), apart=np.radians(8.4), left=0.56, between=0.62
)
NAMES = ("tree", "grass", "road", "roof", "endmember 5", "endmember 6")


def test_the_sentence_names_the_number_the_halves_and_what_to_do() -> None:
    said, advice = said_of_support(FOUND, NAMES)
    assert said == (
        "The scene supports 4 of 6 endmembers (the further ones rise 4.2× and 3.3× over the noise, a material 4.4×): grass and endmember 5, "
        "8.4° apart, are halves of one material."
    )
    assert why_halves(FOUND) == (
        "One spectrum in their place leaves 0.56× what noise and variability explain, and 62 % of their pixels lie between the two."
    )
    assert advice == "Ask for 4 endmembers, or merge grass and endmember 5."


@pytest.mark.parametrize(("supported", "fewer"), [(5, True), (6, False), (7, False)])
def test_where_as_many_rise_a_material_is_missed(supported: int, fewer: bool) -> None:
    said, advice = said_of_support(FOUND.model_copy(update={"supported": supported, "rises": ()}), NAMES)
    assert (f"The scene supports {supported} of 6" in said) is fewer
    assert (f"Ask for {supported} endmembers" in advice) is fewer
    if not fewer:
        missed = (
            f"though {supported} rise over noise and variability: a material may have no endmember, or spectra vary."
        )
        assert said == f"Grass and endmember 5, 8.4° apart, are halves of one material, {missed}"
        assert advice == "Merge grass and endmember 5, or paint every material, also the one that is missing."


def test_one_further_rise_and_none_are_said_as_such() -> None:
    assert "(the further one rises 4.2× over" in said_of_support(replace_rises(4.2), NAMES)[0]
    assert "supports 4 of 6 endmembers: grass" in said_of_support(replace_rises(), NAMES)[0]


def replace_rises(*rises: float) -> SupportFound:
    return FOUND.model_copy(update={"rises": rises})


def test_what_comes_after_the_supported_ones_is_below_what_is_needed() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="illumination", decibels=30)
    found = rising(scene.cube.pixels(), 5, 3, FreeLight())
    assert (found.number, len(found.rises)) == (3, 2)
    assert found.needed > found.rises[0] >= found.rises[1] > 0


# --- real scenes


# Whose references mean free light, though a case of them asks for both.
SCALED = ("urban4", "urban6", "muufl90")


def case_of(name: str) -> Case:
    data = Path(os.environ["NAPARI_UNMIX_DATA"])
    return next(
        case for case in other_cases(data, ()) if case.name.startswith(name) and case.illumination == (name in SCALED)
    )


@real_data
@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["samson", "jasper", "hysu", "dc1", "apex_semi", "wdc_semi", "sim2", "urban4", "muufl90"]
)
def test_the_materials_of_a_reference_are_not_halves(name: str) -> None:
    known = {"samson": SAMSON, "jasper": JASPER_RIDGE, "hysu": HYSU_CROP, "dc1": DC1}
    case = known[name] if name in known else case_of(name)
    cube, truth = case.load(Path(os.environ["NAPARI_UNMIX_DATA"]))
    pixels = cube.pixels()
    endmembers = (
        truth.endmembers if truth.endmembers.shape[1] == pixels.shape[1] else truth.endmembers[:, cube.good_bands]
    )
    noise, way = noise_level(pixels, len(endmembers)), inversion(free_light=case.illumination)
    assert find_halves(pixels, endmembers, way, noise) is None


@real_data
@pytest.mark.real_data
@pytest.mark.slow
def test_six_endmembers_split_the_grass_of_urban() -> None:
    cube, truth = case_of("urban6").load(Path(os.environ["NAPARI_UNMIX_DATA"]))
    pixels = cube.pixels()
    found = drain(find_endmembers(pixels, 6, FreeLight(), strokes=[], seed=0))
    support = alarm(pixels, found.endmembers, FreeLight())
    assert support is not None
    assert support.supported == 4
    np.testing.assert_allclose(support.rises, (4.2, 3.3), atol=0.06)
    grass = truth.endmembers[1] / np.linalg.norm(truth.endmembers[1])
    halves = found.endmembers[list(support.halves)]
    cosines = halves @ grass / np.linalg.norm(halves, axis=1)
    assert np.degrees(np.arccos(cosines)).max() < 6
