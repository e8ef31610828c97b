"""The suggested number of endmembers, and the picks that keep rare materials."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.geometry.counting import brightness_varies, suggest_endmembers
from napari_unmix.geometry.supported import missed_materials, supported_picks
from napari_unmix.rows.metrics import angle_table
from napari_unmix.synthetic import blind_scene, measured_spectra, smooth_field


@pytest.mark.parametrize("materials", [3, 5])
@pytest.mark.parametrize("kind", ["linear", "illumination", "gains", "bilinear"])
def test_the_suggested_number_is_the_true_one(materials: int, kind: str) -> None:
    scene = blind_scene(5, materials=materials, pure=True, kind=kind, decibels=30)  # type: ignore[arg-type]
    assert suggest_endmembers(scene.cube.pixels()) == materials


def test_suggestion_stays_in_bounds_for_hopeless_input() -> None:
    generator = np.random.default_rng(0)
    assert suggest_endmembers(generator.normal(size=(500, 30))) == 1
    assert suggest_endmembers(np.ones((50, 10))) == 1
    assert suggest_endmembers(np.zeros((50, 10))) == 1
    assert suggest_endmembers(generator.uniform(size=(9, 40))) in (1, 2, 3)


def meadow_with_targets(seed: int, variability: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (6000, B) of two common, slightly varying materials and, in twelve pixels each, three rare ones; and the five spectra."""
    generator = np.random.default_rng(seed)
    _, spectra, names = measured_spectra()
    chosen = ("spruce needles", "dry grass", "calcite", "siderite", "antigorite")
    endmembers = spectra[[names.index(name) for name in chosen]][:, ::4]
    abundances = np.zeros((6000, 5))
    abundances[:, :2] = generator.dirichlet([0.6, 0.6], 6000)
    for rare in (2, 3, 4):
        abundances[12 * rare : 12 * rare + 12] = np.eye(5)[rare]
    ramps = np.cos(np.outer(np.arange(1, 5), np.linspace(0, np.pi, endmembers.shape[1])))
    varied = 1 + variability * generator.normal(size=(6000, 4)) @ ramps / 2
    level = 0.004
    return abundances @ endmembers * varied + level * generator.normal(size=varied.shape), endmembers


def test_rare_materials_are_picked_and_single_outliers_are_not() -> None:
    pixels, endmembers = meadow_with_targets(0, variability=0.0)
    pixels[100] = 0.3 + 0.3 * np.cos(np.arange(pixels.shape[1]))  # one damaged pixel, further out than any material
    picks = supported_picks(pixels, 0.004, 9)
    assert len(picks.groups) == 5
    assert np.degrees(angle_table(picks.means(pixels), endmembers)).min(axis=0).max() < 1.5
    assert all(100 not in group for group in picks.groups)


def test_picks_do_not_depend_on_the_order_of_the_pixels() -> None:
    pixels, _ = meadow_with_targets(1)
    order = np.random.default_rng(0).permutation(len(pixels))
    first, second = supported_picks(pixels, 0.004, 6), supported_picks(pixels[order], 0.004, 6)
    assert [sorted(group) for group in first.groups] == [sorted(order[group]) for group in second.groups]


def test_given_groups_come_first_and_the_rest_is_picked_beside_them() -> None:
    pixels, endmembers = meadow_with_targets(2)
    given = [np.arange(36, 48)]  # the second rare material
    picks = supported_picks(pixels, 0.004, 5, first=given)
    np.testing.assert_array_equal(picks.groups[0], given[0])
    angles = np.degrees(angle_table(picks.means(pixels)[1:], endmembers[3:4]))
    assert angles.min() > 5


def test_a_missed_material_is_noticed_and_a_found_one_is_not() -> None:
    pixels, endmembers = meadow_with_targets(3)
    assert missed_materials(pixels, endmembers, 0.004) is None
    wrong = endmembers.copy()
    wrong[4] = 0.5 * (endmembers[0] + endmembers[1])
    found = missed_materials(pixels, wrong, 0.004)
    assert found is not None
    assert np.degrees(angle_table(found.means(pixels), endmembers[4:])).min() < 2


# --- from 0.1 to 100 pixels a band


def smooth_scene(seed: int, shape: tuple[int, int], bands: int, count: int, noise: float = 0.01) -> np.ndarray:
    """(H, W, B) of smooth spectra in smooth fields."""
    generator = np.random.default_rng(seed)
    fields = np.stack([smooth_field(shape, 3.0, generator) for _ in range(count)], axis=-1)
    abundances = np.exp(2.5 * fields) / np.exp(2.5 * fields).sum(axis=-1, keepdims=True)
    centres = (np.arange(count) + 0.5) / count
    endmembers = 0.1 + np.exp(-(((np.linspace(0, 1, bands) - centres[:, None]) / 0.2) ** 2))
    return np.asarray(abundances @ endmembers + noise * generator.normal(size=(*shape, bands)))


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize(
    ("shape", "bands"), [((8, 9), 700), ((20, 20), 2000), ((16, 16), 256), ((15, 20), 180), ((60, 60), 40)]
)
def test_the_number_is_right_however_few_the_pixels_of_a_band(shape: tuple[int, int], bands: int, count: int) -> None:
    assert suggest_endmembers(smooth_scene(count, shape, bands, count).reshape(-1, bands)) == count


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize(("down", "across"), [(2, 2), (3, 1), (3, 3)])
def test_copies_add_no_material(down: int, across: int, count: int) -> None:
    for seed in range(3):
        cube = smooth_scene(seed, (24, 20), 40, count).repeat(down, 0).repeat(across, 1)
        assert suggest_endmembers(cube.reshape(-1, 40)) == count


def test_interpolated_pixels_add_no_material() -> None:
    for seed in range(3):
        cube = smooth_scene(seed, (24, 20), 60, 3)
        between = np.stack([cube[:, :-1], (cube[:, :-1] + cube[:, 1:]) / 2], axis=2).reshape(24, -1, 60)
        assert suggest_endmembers(between.reshape(-1, 60)) == 3


def test_noise_that_neighbouring_bands_share_adds_no_material() -> None:
    for seed in range(3):
        white = smooth_scene(seed, (30, 30), 60, 3)
        clean = smooth_scene(seed, (30, 30), 60, 3, noise=0.0)
        noise = np.pad(white - clean, ((0, 0), (0, 0), (2, 2)), mode="edge")
        cube = clean + sum(noise[..., k : k + 60] for k in range(5)) / 5
        assert suggest_endmembers(cube.reshape(-1, 60)) == 3


# --- one


@pytest.mark.parametrize(("pixels", "bands"), [(60, 400), (300, 200), (900, 60), (5000, 30)])
def test_one_spectrum_in_varying_light_is_one_and_a_few_pixels_of_another_make_two(pixels: int, bands: int) -> None:
    generator = np.random.default_rng(0)
    spectrum, light = 0.5 + 0.3 * np.cos(np.linspace(0, 3, bands)), np.exp(0.3 * generator.normal(size=(pixels, 1)))
    spectra = light * spectrum + 0.01 * generator.normal(size=(pixels, bands))
    assert suggest_endmembers(spectra) == 1
    assert brightness_varies(spectra)
    assert not brightness_varies(spectra - (light - 1) * spectrum)
    spectra[:8] = spectrum[::-1] + 0.01 * generator.normal(size=(8, bands))
    assert suggest_endmembers(spectra) == 2
