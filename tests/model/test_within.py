"""Pixels of one region as pairs of each other: what all their pairs say, whoever lies where; and where they are read instead of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.auxiliary.neighbours import Neighbours
from napari_unmix.model import views
from napari_unmix.model.pairs import ALIKE, covariances_from_pairs
from napari_unmix.model.views import FEWEST_PAIRS, RegionViews, views_of
from napari_unmix.model.within import differences_within, of_one_composition, paired_within

BANDS, NOISE = 10, 0.01


def drawn(
    seed: int, regions: int = 6, each: int = 9
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Spectra of regions of one composition each, nearly; abundances, regions, endmembers, and the covariances that were planted."""
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(0.3, 1.0, (3, BANDS))
    factors = generator.normal(size=(3, BANDS, 2)) * 0.06
    labels = np.repeat(np.arange(1, regions + 1), each)
    abundances = np.repeat(generator.dirichlet(np.full(3, 0.5), regions), each, axis=0)
    abundances = 0.95 * abundances + 0.05 * generator.dirichlet(np.ones(3), len(labels))
    varied = (factors[None] @ generator.normal(size=(len(labels), 3, 2, 1)))[..., 0]  # (N, P, B)
    spectra = (abundances[..., None] * (endmembers + varied)).sum(axis=1) + NOISE * generator.normal(
        size=(len(labels), BANDS)
    )
    return spectra, abundances, labels, endmembers, factors @ factors.transpose(0, 2, 1)


def learned(spectra: np.ndarray, abundances: np.ndarray, labels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    bright = np.ones(len(labels), dtype=bool)
    return covariances_from_pairs(
        RegionViews(labels).paired(spectra, abundances, endmembers, bright), NOISE**2, endmembers
    )


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_permuting_the_pixels_within_a_region_changes_nothing_of_the_law(seed: int, shuffled: int) -> None:
    spectra, abundances, labels, endmembers, _ = drawn(seed)
    generator = np.random.default_rng(shuffled)
    order = np.concatenate([generator.permutation(np.flatnonzero(labels == u)) for u in np.unique(labels)])
    before = learned(spectra, abundances, labels, endmembers)
    after = learned(spectra[order], abundances[order], labels, endmembers)
    np.testing.assert_allclose(after, before, atol=1e-6 * np.abs(before).max() + 1e-15)


@given(st.integers(0, 2**31), st.integers(2, 7))
def test_the_deviations_hold_what_all_pairs_of_a_region_hold(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    spectra, abundances = generator.normal(size=(count, BANDS)), generator.dirichlet(np.ones(3), count)
    endmembers = generator.normal(size=(3, BANDS))
    found = paired_within(spectra, abundances, np.ones(count, dtype=int), endmembers)
    left, squares = spectra - abundances @ endmembers, abundances**2
    first, second = np.triu_indices(count, 1)
    apart = left[first] - left[second]
    wanted, seen = (each.T @ each / 2 for each in (apart, found.differences))
    np.testing.assert_allclose((count - 1) / 2 * seen, wanted, atol=1e-9)
    np.testing.assert_allclose(
        (count - 1) / 2 * found.squares.sum(axis=0), (squares[first] + squares[second]).sum(axis=0) / 2, atol=1e-9
    )


def test_a_change_of_composition_that_is_known_is_no_variability() -> None:
    _, abundances, labels, endmembers, _ = drawn(0)
    found = paired_within(abundances @ endmembers, abundances, labels, endmembers)
    np.testing.assert_allclose(found.differences, 0.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_planted_covariances_are_found_and_the_better_the_more_regions_there_are(seed: int) -> None:
    errors = []
    for regions in (10, 300):
        spectra, abundances, labels, endmembers, covariances = drawn(seed, regions, 20)
        found = learned(spectra, abundances, labels, endmembers)
        errors.append(np.linalg.norm(found - covariances) / np.linalg.norm(covariances))
    assert errors[1] < 0.25
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize(("apart", "counts"), [(ALIKE - 1e-6, 4), (ALIKE + 1e-6, 3)])
def test_pixels_count_that_are_like_their_regions_median(apart: float, counts: int) -> None:
    abundances = np.array([[0.5, 0.5]] * 3 + [[0.5 + apart / 2, 0.5 - apart / 2]] + [[0.9, 0.1]] * 2)
    regions = np.array([1, 1, 1, 1, 2, 0])
    kept = of_one_composition(abundances, regions)
    assert np.count_nonzero(kept == 1) == counts
    # Alone in its region, or in none, a pixel has nothing to be held against.
    assert (kept[4:] == 0).all()


def test_each_region_has_one_difference_less_than_pixels() -> None:
    assert differences_within(np.array([0, 0, 1, 1, 1, 3])) == 2
    assert differences_within(np.zeros(4, dtype=int)) == 0


@pytest.mark.parametrize(
    ("neighbours", "within", "source"),
    [
        (FEWEST_PAIRS, 10_000, "neighbours"),
        (FEWEST_PAIRS - 1, FEWEST_PAIRS, "regions"),
        (FEWEST_PAIRS - 1, FEWEST_PAIRS - 1, "neighbours"),
    ],
)
def test_regions_are_read_where_neighbours_are_too_few_and_they_are_enough(
    neighbours: int, within: int, source: str
) -> None:
    valid = np.ones((1, neighbours + 1), dtype=bool)
    assert views_of(Neighbours(valid), np.ones(within + 1, dtype=int)).source == source


def test_no_more_is_read_than_enough_and_regions_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_PAIRS", 20)
    spectra, abundances, labels, endmembers, _ = drawn(0)
    found = RegionViews(labels).paired(spectra, abundances, endmembers, np.ones(len(labels), dtype=bool))
    assert len(found.squares) == 18  # two of six regions of nine
    one = RegionViews(np.ones_like(labels)).paired(
        spectra, np.full_like(abundances, 1 / 3), endmembers, np.ones(len(labels), dtype=bool)
    )
    assert len(one.squares) == len(labels)


def test_dark_pixels_are_not_read() -> None:
    spectra, abundances, labels, endmembers, _ = drawn(0)
    bright = labels != 2
    found = RegionViews(labels).paired(spectra, abundances, endmembers, bright)
    assert len(found.squares) == np.count_nonzero(bright)
