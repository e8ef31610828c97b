"""How like two results are, with made-up numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.plugin.facts.likeness import (
    Measured,
    Pair,
    Pictures,
    added_up,
    assigned,
    correlations,
    paired,
    split,
    subtracted,
    with_maps,
)

SPECTRA = np.array([[0.9, 0.1, 0.1, 0.5], [0.1, 0.9, 0.1, 0.4], [0.1, 0.1, 0.9, 0.3]])


def result(endmembers: Any, abundances: Any, illumination: Any = None) -> Unmixing:
    """A result of these endmembers (P, B) and abundances (H, W, P)."""
    endmembers, abundances = np.asarray(endmembers, float), np.asarray(abundances, np.float32)
    names = tuple(f"endmember {k + 1}" for k in range(len(endmembers)))
    error = np.full(abundances.shape[:2], 0.02, np.float32)
    return Unmixing(endmembers, abundances, None, illumination, error, names, spec=None)  # type: ignore[arg-type]


def shares(seed: int, count: int = 3, shape: tuple[int, int] = (6, 5)) -> Any:
    """Random shares (H, W, P)."""
    return np.random.default_rng(seed).dirichlet(np.ones(count), shape)


def test_endmembers_in_another_order_find_each_other_whatever_their_brightness() -> None:
    order = [2, 0, 1]
    pairs = paired(result(SPECTRA, shares(0)), result(3.0 * SPECTRA[order], shares(1)))
    assert [(pair.mine, pair.its) for pair in pairs] == [(0, 1), (1, 2), (2, 0)]
    assert max(pair.degrees or 0.0 for pair in pairs) < 0.01


def test_a_material_of_one_run_alone_has_no_partner() -> None:
    other = np.vstack([SPECTRA[:2], [[0.5, 0.5, 0.0, 0.0]]])
    pairs = paired(result(SPECTRA, shares(0)), result(other, shares(1)))
    assert [(pair.mine, pair.its) for pair in pairs] == [(0, 0), (1, 1)]


def test_a_good_pair_is_not_given_up_for_a_hopeless_one() -> None:
    table = np.array([[5.0, 5.5], [5.9, 90.0]])  # 5 alone would leave the others without a partner
    assert assigned(table, 8.0) == [(0, 1), (1, 0)]
    table = np.array([[1.0, 20.0], [5.0, 60.0]])  # plainly 25 < 61, but 20 degrees are another material
    assert assigned(table, 8.0) == [(0, 0)]


def test_bands_that_one_run_lacks_do_not_count() -> None:
    other = SPECTRA.copy()
    other[:, 3] = np.nan
    pairs = paired(result(SPECTRA, shares(0)), result(other, shares(1)))
    assert [pair.degrees for pair in pairs] == pytest.approx([0, 0, 0], abs=1e-4)


def test_on_other_bands_the_maps_tell_who_is_who() -> None:
    maps = shares(0)
    pairs = paired(result(SPECTRA, maps), result(np.ones((3, 7)), maps[:, :, [1, 2, 0]]))
    assert [(pair.mine, pair.its, pair.degrees) for pair in pairs] == [(0, 2, None), (1, 0, None), (2, 1, None)]
    assert paired(result(SPECTRA, maps), result(np.ones((3, 7)), shares(0, shape=(4, 4)))) == []


def test_two_bands_in_common_are_too_few_for_an_angle() -> None:
    other = SPECTRA.copy()
    other[:, 2:] = np.nan
    maps = shares(0)
    assert {pair.degrees for pair in paired(result(SPECTRA, maps), result(other, maps))} == {None}


def test_the_difference_of_maps_is_in_shares_and_leaves_out_what_has_none() -> None:
    mine, its = shares(0), shares(0)
    its[..., 0] += 0.1
    mine[0, 0] = np.nan
    pair = with_maps(Pair(0, 0, 1.5), result(SPECTRA, mine), result(SPECTRA, its))
    assert pair.difference == pytest.approx(0.1, abs=1e-6)
    assert pair.correlation == pytest.approx(1.0)
    assert pair.degrees == 1.5


def test_a_map_that_does_not_vary_has_no_correlation() -> None:
    flat = np.full((4, 4, 3), 1 / 3)
    assert np.isnan(
        with_maps(Pair(0, 0, 0.0), result(SPECTRA, flat), result(SPECTRA, shares(1, 3, (4, 4)))).correlation
    )
    assert correlations(flat.reshape(-1, 3), flat.reshape(-1, 3)).tolist() == np.zeros((3, 3)).tolist()


def test_a_difference_is_mine_minus_its_in_percentage_points_within_the_99th_percentile() -> None:
    mine, its = np.zeros((10, 10, 3)), np.zeros((10, 10, 3))
    mine[..., 1] = 0.3
    its[0, 0, 2] = 1.0  # one pixel of a hundred
    mine[9, 9] = np.nan
    drawn = subtracted(result(SPECTRA, mine), 1, result(SPECTRA, its), 2)
    assert drawn.plane[0, 0] == pytest.approx(-70)
    assert drawn.plane[5, 5] == pytest.approx(30)
    assert np.isnan(drawn.plane[9, 9])
    assert 30 <= drawn.limit < 35
    same = subtracted(result(SPECTRA, mine), 1, result(SPECTRA, mine), 1)
    assert same.limit > 0


def test_maps_are_added_up_in_their_colours_without_those_that_are_hidden() -> None:
    maps = np.zeros((2, 2, 3), np.float32)
    maps[0, 0], maps[0, 1], maps[1, 1] = (1, 0, 0), (0.5, 0.5, 0), np.nan
    picture = added_up(maps, ["#ff0000", "#00ff00", "#0000ff"], frozenset({2}))
    assert picture[0].tolist() == [[255, 0, 0], [127, 127, 0]]
    assert picture[1].tolist() == [[0, 0, 0]] * 2
    without = added_up(maps, ["#ff0000", "#00ff00", "#0000ff"], frozenset({0, 2}))
    assert without[0].tolist() == [[0, 0, 0], [0, 127, 0]]


@pytest.mark.parametrize("divider", [0.0, 0.25, 0.5, 1.0])
def test_left_of_the_split_is_one_run_and_right_of_it_the_other(divider: float) -> None:
    shown, beside = np.full((3, 40, 3), 10, np.uint8), np.full((3, 40, 3), 20, np.uint8)
    picture = split(Pictures(shown, beside), divider)[:, :, 0]
    line = np.flatnonzero(picture[0] == 255)
    assert len(line) == 1
    assert (picture[:, : line[0]] == 10).all()
    assert (picture[:, line[0] + 1 :] == 20).all()
    assert line[0] == min(round(40 * divider), 39)
    assert (shown == 10).all()


def test_means_leave_out_what_is_not_known() -> None:
    one = result(SPECTRA, shares(0))
    pairs = (Pair(0, 0, 2.0, 0.1, float("nan")), Pair(1, 1, None, 0.3, 0.5))
    measured = Measured(1, one, one, 0.02, pairs)
    assert (measured.apart, measured.correlation) == (2.0, 0.5)
    assert measured.difference == pytest.approx(0.2)
    assert measured.angle is None
    assert Measured(1, one, one, 0.02).difference is None
