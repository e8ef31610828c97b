"""Nearly least squares for a look: close to exact, on the simplex, on a grid that covers every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.quick import grid_side, quick_abundances, quick_pixels


@pytest.mark.parametrize("free_light", [False, True])
@pytest.mark.parametrize("count", [3, 6, 8, 12])
def test_abundances_are_close_to_exact_ones(count: int, free_light: bool) -> None:
    """Mean error of an abundance under a per cent; on the simplex."""
    rng = np.random.default_rng(count)
    endmembers = np.abs(rng.normal(size=(count, 80)).cumsum(axis=1)) + 0.2
    spectra = rng.dirichlet(np.full(count, 0.5), 300) @ endmembers + 0.01 * rng.normal(size=(300, 80))
    invert = inversion(free_light=free_light)
    quick, exact = quick_abundances(spectra, endmembers, invert), invert.invert(spectra, endmembers).abundances
    assert np.abs(quick - exact).mean() < 0.01
    assert quick.min() >= 0
    np.testing.assert_allclose(quick.sum(axis=1), 1, atol=1e-5)


def test_dark_pixels_have_abundances_as_well() -> None:
    """A zero spectrum with free brightness, of eight endmembers: equal shares, no warning."""
    endmembers = np.random.default_rng(0).random((8, 20)) + 0.1
    quick = quick_abundances(np.zeros((2, 20)), endmembers, inversion(free_light=True))
    np.testing.assert_allclose(quick.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(quick).all()


def test_a_grid_covers_every_valid_pixel_with_one_of_its_square() -> None:
    """Also where the first pixels of a square are not valid, and at the edges."""
    valid = np.random.default_rng(1).random((23, 31)) > 0.3
    pixels, shown_as = quick_pixels(valid, 4)
    rows, columns = np.nonzero(valid)
    assert len(shown_as) == valid.sum()
    standing = pixels[shown_as]
    assert (rows[standing] // 4 == rows // 4).all()
    assert (columns[standing] // 4 == columns // 4).all()
    every, itself = quick_pixels(valid, 1)
    np.testing.assert_array_equal(every, np.arange(valid.sum()))
    np.testing.assert_array_equal(every, itself)


def test_the_more_endmembers_the_coarser() -> None:
    """A small scene is done whole; thirty endmembers of a large one are not."""
    assert grid_side(2_500, 5) == 1
    sides = [grid_side(90_000, count) for count in (3, 8, 30)]
    assert sides == sorted(sides)
    assert sides[-1] > 3
