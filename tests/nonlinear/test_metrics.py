"""MCC, DCI and MIG on made-up codes whose values follow from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.nonlinear.boosting import boosted
from napari_unmix.nonlinear.metrics import (
    BINS,
    completeness,
    dci,
    disentanglement,
    matched,
    mean_correlation_of,
    mutual_information_gap,
)


def factors(count: int = 3, rows: int = 4000, seed: int = 0) -> np.ndarray:
    """(N, F) independent and uniform."""
    return np.random.default_rng(seed).uniform(-1, 1, (rows, count))


def turned(values: np.ndarray, degrees: float = 45.0) -> np.ndarray:
    """The first two columns rotated."""
    angle = np.radians(degrees)
    made = values.copy()
    made[:, :2] = values[:, :2] @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return made


@given(st.permutations(range(3)), st.lists(st.sampled_from([-3.0, -0.1, 0.2, 5.0]), min_size=3, max_size=3))
def test_order_sign_and_scale_of_codes_leave_the_correlation_at_one(order: list[int], scales: list[float]) -> None:
    truth = factors(rows=50)
    codes = truth[:, order] * scales
    found = matched(codes, truth)
    assert found.correlation == pytest.approx(1.0)
    np.testing.assert_array_equal(np.asarray(order)[found.order], range(3))
    assert mean_correlation_of(codes, truth, found.order) == pytest.approx(1.0)


def test_the_order_is_kept_for_fresh_rows() -> None:
    truth = factors(rows=400)
    order = matched(truth[:, [1, 0, 2]], truth).order
    assert mean_correlation_of(truth, truth, order) < 0.5  # they are in another order here
    assert mean_correlation_of(truth[:, [1, 0, 2]], truth, order) == pytest.approx(1.0)


def test_a_rotation_by_45_degrees_costs_the_correlation_what_the_cosine_says() -> None:
    found = matched(turned(factors(2, 20_000)), factors(2, 20_000))
    assert found.correlation == pytest.approx(np.cos(np.pi / 4), abs=0.01)


def test_a_code_that_does_not_vary_correlates_with_nothing() -> None:
    truth = factors(2)
    assert matched(np.column_stack([truth[:, 0], np.zeros(len(truth))]), truth).correlation == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("importance", "of_codes", "of_factors"),
    [
        (np.eye(3), 1.0, 1.0),
        (np.ones((3, 3)), 0.0, 0.0),
        # One minus the entropy of (0.8, 0.2) over that of two equals.
        ([[0.8, 0.2], [0.2, 0.8]], 0.278072, 0.278072),
        # Two codes share one factor: each is disentangled, the factor is not complete. A code that tells nothing has no weight.
        ([[0.5, 0.0], [0.5, 0.0], [0.0, 1.0], [0.0, 0.0]], 1.0, (0.5 + 1.0) / 2),
        # One code tells both factors: complete, not disentangled.
        ([[1.0, 1.0], [0.0, 0.0]], 0.0, 1.0),
        (np.zeros((2, 2)), 0.0, 0.0),
    ],
)
def test_disentanglement_and_completeness_are_those_of_the_importances(
    importance: np.ndarray, of_codes: float, of_factors: float
) -> None:
    assert disentanglement(np.asarray(importance)) == pytest.approx(of_codes, abs=1e-6)
    assert completeness(np.asarray(importance)) == pytest.approx(of_factors, abs=1e-6)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_a_perfect_code_has_all_measures_near_one_in_any_order(order: list[int]) -> None:
    truth = factors()
    found = dci(np.sinh(2 * truth)[:, order], truth)  # a component-wise map is no fault
    assert min(found.disentanglement, found.completeness) > 0.97
    assert found.informativeness > 0.97
    assert mutual_information_gap(truth[:, order], truth) == pytest.approx(1.0, abs=0.03)


def test_a_rotated_code_is_informative_and_not_disentangled() -> None:
    truth = factors(2)
    found = dci(turned(truth), truth)
    assert max(found.disentanglement, found.completeness) < 0.1
    assert found.informativeness > 0.9
    assert mutual_information_gap(turned(truth), truth) < 0.1


def test_a_code_that_knows_nothing_has_nothing() -> None:
    truth, codes = factors(2), factors(2, seed=1)
    assert dci(codes, truth).informativeness < 0.05
    assert mutual_information_gap(codes, truth) < 0.05


def test_a_factor_that_two_codes_tell_alike_has_no_gap() -> None:
    truth = factors(2)
    assert mutual_information_gap(truth[:, [0, 0, 1, 1]], truth) == pytest.approx(0.0, abs=1e-12)


def test_the_gap_is_in_units_of_the_factor_s_entropy() -> None:
    """Of a factor of four equal values one code tells the half it is in: log 2 of log 4."""
    factor = np.repeat([0.0, 1.0, 2.0, 3.0], 1000)
    noise = np.tile([0.0, 1.0], 2000)
    codes = np.column_stack([factor >= 2, noise]).astype(float)
    assert mutual_information_gap(codes, factor[:, None]) == pytest.approx(0.5)
    assert BINS >= 4


def test_trees_find_the_code_that_tells_and_predict_from_it() -> None:
    codes = factors(3)
    target = np.where(codes[:, 1] > 0.3, 2.0, -1.0)
    trees = boosted(codes, target)
    assert trees.importance[1] > 0.99
    assert trees.importance.sum() == pytest.approx(1.0)
    away = np.abs(codes[:, 1] - 0.3) > 0.05  # the cut is at one of 64 quantiles
    np.testing.assert_allclose(trees.predict(codes)[away], target[away], atol=0.1)


def test_trees_of_a_factor_that_does_not_vary_say_its_value() -> None:
    codes = factors(2, 100)
    trees = boosted(codes, np.full(100, 7.0))
    np.testing.assert_allclose(trees.predict(codes), 7.0)
    np.testing.assert_array_equal(trees.importance, 0.0)


def test_more_trees_never_fit_their_own_rows_worse() -> None:
    codes, target = factors(2, 500), np.sin(3 * factors(2, 500)[:, 0])
    trees = boosted(codes, target)
    left = target - trees.mean
    binned = np.stack(
        [np.searchsorted(cuts, column) for cuts, column in zip(trees.edges, codes.T, strict=True)], axis=1
    )
    before = np.inf
    for tree in trees.trees:
        left = left - tree(binned)
        assert (left**2).sum() <= before + 1e-9
        before = (left**2).sum()
