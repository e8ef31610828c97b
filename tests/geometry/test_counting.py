"""The suggested number of endmembers, and the picks that keep rare materials."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.geometry.counting import suggest_endmembers
from napari_unmix.geometry.supported import missed_materials, supported_picks
from napari_unmix.rows.metrics import angle_table
from napari_unmix.synthetic import blind_scene, measured_spectra


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
