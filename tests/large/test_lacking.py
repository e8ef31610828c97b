"""What the sample lacked: decisions on both sides of each line, and the order of blocks has no say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.large.lacking import STANDS_OUT, StandingOut, lacking, line_of
from napari_unmix.large.sampling import MOST_ADDED


def test_the_line_is_over_nearly_all_of_the_sample() -> None:
    errors = np.linspace(0, 1, 1001)
    assert line_of(errors) == pytest.approx(STANDS_OUT * 0.999)
    assert line_of(np.append(errors, np.nan)) == line_of(errors)


def test_noise_of_fifty_bands_does_not_get_there() -> None:
    residual = np.random.default_rng(3).normal(size=(200_000, 50))
    errors = np.sqrt((residual**2).mean(axis=1))
    assert errors.max() < line_of(errors[:40_000])


@pytest.mark.parametrize("order", range(5))
def test_the_order_of_blocks_changes_nothing(order: int) -> None:
    generator = np.random.default_rng(7)
    errors = generator.integers(0, 40, 3000) / 10  # many are the same
    spectra = generator.random((3000, 4))
    blocks = np.split(np.arange(3000), [500, 501, 2000])
    first, other = StandingOut(3.0), StandingOut(3.0)
    for block in blocks:
        first.look(block, errors[block], spectra[block])
    for block in np.random.default_rng(order).permutation(np.arange(4)):
        other.look(blocks[block], errors[blocks[block]], spectra[blocks[block]])
    np.testing.assert_array_equal(other.places, first.places)
    np.testing.assert_array_equal(other.spectra, spectra[first.places])
    assert len(first.places) == MOST_ADDED
    assert other.count == int((errors > 3).sum())


def test_two_pixels_alike_are_a_material_and_one_is_not() -> None:
    residual = np.array([[3.0, 0, 0], [2.9, 0.1, 0], [0, 2.0, 0]])
    found = lacking(np.array([70, 10, 30]), residual)
    assert [group.tolist() for group in found.groups] == [[0, 1]]
    assert sorted(found.places.tolist()) == [10, 70]


@pytest.mark.parametrize(("cosine", "materials"), [(0.79, 0), (0.81, 1)])
def test_alike_is_a_matter_of_the_angle(cosine: float, materials: int) -> None:
    residual = np.array([[1.0, 0], [cosine, np.sqrt(1 - cosine**2)]])
    assert len(lacking(np.array([1, 2]), residual).groups) == materials


def test_a_residual_the_other_way_is_another_material() -> None:
    assert not lacking(np.array([1, 2]), np.array([[1.0, 0], [-1.0, 0]])).groups
