"""Bands in groups, and cubes of other bands on one grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Cube, SpectralAxis
from napari_unmix.masked.grid import Grid, common_grid, grid_of, grouped, interpolation
from napari_unmix.sentences import UnmixError


def cube(wavelengths: np.ndarray | None, name: str = "one", bands: int = 12) -> Cube:
    count = bands if wavelengths is None else len(wavelengths)
    return Cube(np.ones((2, 2, count)), wavelengths, name=name)


@given(count=st.integers(1, 200), patch=st.integers(1, 64))
def test_every_band_is_in_one_group_and_groups_are_four_where_there_are_bands(count: int, patch: int) -> None:
    groups = grouped(Grid("index", np.arange(count) + 1.0), patch)
    inside = groups.bands[groups.weight > 0]
    np.testing.assert_array_equal(np.sort(inside), np.arange(count))
    assert len(groups.bands) >= min(4, count)
    assert groups.bands.shape[1] <= patch


@given(st.permutations(np.linspace(400.0, 1000.0, 31).tolist()), st.floats(1.5, 4.0))
def test_lines_are_kept_in_any_order_of_bands_and_gaps_are_told(places: list[float], tolerance: float) -> None:
    source = np.array(places[:20])
    target = Grid("wavelength", np.linspace(400.0, 1000.0, 31))
    weights, near = interpolation(Grid("wavelength", source), target, tolerance)
    inside = (target.places >= source.min()) & (target.places <= source.max())
    np.testing.assert_allclose((weights @ (2 * source + 1))[inside], 2 * target.places[inside] + 1)
    for place, told in zip(target.places[inside], near[inside], strict=True):
        above, below = source[source >= place].min(), source[source <= place].max()
        assert told == (place in source or max(above - place, place - below) <= tolerance * target.step)
    assert not near[~inside].any()


def test_a_straight_line_stays_one() -> None:
    source = np.array([500.0, 400.0, 700.0, 600.0])  # two detectors, in no order
    weights, near = interpolation(Grid("wavelength", source), Grid("wavelength", np.array([450.0, 600.0, 660.0])))
    np.testing.assert_allclose(weights @ (3 * source), [1350.0, 1800.0, 1980.0])
    assert near.all()


def test_the_common_grid_is_the_first_cubes_where_all_cover_it() -> None:
    first, other = cube(np.arange(400.0, 1000, 10), "first"), cube(np.arange(445.0, 1100, 12), "other")
    grid, weights = common_grid([first, other])
    np.testing.assert_array_equal(grid.places, np.arange(450.0, 1000, 10))
    for one, to_grid in zip((first, other), weights, strict=True):
        assert one.wavelengths is not None
        np.testing.assert_allclose(to_grid @ one.wavelengths, grid.places)


def test_a_gap_within_the_tolerance_is_bridged_and_a_wider_one_left_out() -> None:
    places = np.arange(400.0, 1000, 10)
    gap = cube(places[(places < 600) | (places > 650)], "gap")  # from 590 to 660
    grid, _ = common_grid([cube(places), gap])
    assert {600.0, 610.0, 620.0, 630.0, 640.0, 650.0} & set(grid.places) == set()
    wide, _ = common_grid([cube(places), gap], tolerance=7.0)
    np.testing.assert_array_equal(wide.places, places)


def test_bands_that_are_excluded_are_not_read() -> None:
    good = np.ones(60, bool)
    good[20:40] = False
    left = Cube(np.ones((2, 2, 60)), np.arange(400.0, 1000, 10), good)
    grid, weights = common_grid([cube(np.arange(400.0, 1000, 10)), left])
    assert not ((grid.places > 600) & (grid.places < 780)).any()
    assert weights[1].shape == (len(grid.places), 40)


def test_numbered_bands_go_together_where_their_numbers_agree() -> None:
    grid, weights = common_grid([cube(None, bands=5), cube(np.arange(400.0, 900, 100))])
    assert grid.kind == "index"
    np.testing.assert_array_equal(weights[0], np.eye(5))


@pytest.mark.parametrize(
    ("cubes", "said"),
    [
        (
            [cube(None, "a", 5), cube(None, "b", 6)],
            r"Bands are only numbered, and their numbers differ \(a has 5, b has 6\): give cubes with wavelengths",
        ),
        (
            [cube(np.arange(400.0, 1000, 10), "a"), cube(None, "b", 6)],
            "a has 60 bands and b has 6, and one of them says no wavelengths: give cubes with wavelengths",
        ),
        (
            [cube(np.arange(400.0, 1000, 10), "a"), cube(np.arange(1000.0, 2000, 10), "b")],
            r"Only 0 of the 60 bands of a have neighbours within 20 nm in all cubes \(0 in b\): give cubes of the same range",
        ),
        (
            [
                cube(np.arange(400.0, 1000, 10), "a"),
                Cube(np.ones((2, 2, 3)), measured_axis=SpectralAxis("Raman shift", np.arange(3.0)), name="b"),
            ],
            "a lies by wavelength and b by Raman shift: give cubes of the same kind",
        ),
    ],
)
def test_cubes_that_do_not_go_together_are_one_sentence(cubes: list[Cube], said: str) -> None:
    with pytest.raises(UnmixError, match=said):
        common_grid(cubes)


def test_the_grid_of_a_cube_is_its_good_bands() -> None:
    good = np.array([True, False, True])
    assert grid_of(Cube(np.ones((1, 1, 3)), np.array([400.0, 500, 600]), good)).span == (400, 600)
