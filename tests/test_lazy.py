"""Spectra that stay in their file are sliced as an array is; samples are spread over all of an image, and the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.cube import Cube
from napari_unmix.lazy import LazySpectra, Overview, row_slices, stratified
from napari_unmix.sentences import UnmixError

GENERATOR = np.random.default_rng(0)
STORED = GENERATOR.random((23, 17, 6), np.float32)


class InMemory:
    """A source that counts what is asked of it."""

    def __init__(self, spectra: np.ndarray, cell: tuple[int, int] = (1, 1), empty: np.ndarray | None = None) -> None:
        self.spectra, self.cell, self.asked = spectra, cell, 0
        self.shape = spectra.shape
        self.empty = np.zeros((0, spectra.shape[2]), np.float32) if empty is None else empty

    def window(self, rows: np.ndarray, columns: np.ndarray, bands: np.ndarray) -> np.ndarray:
        self.asked += 1
        return self.spectra[np.ix_(rows, columns, bands)]


def lazy(spectra: np.ndarray = STORED, most: int = 1 << 40, **options: Any) -> LazySpectra:
    return LazySpectra(InMemory(spectra, **options), lambda: most, 10**9)


ROWS, COLUMNS = np.array([3, 3, 22, 0]), np.array([16, 1, 0, -1])
MASK = GENERATOR.random((23, 17)) < 0.2


@pytest.mark.parametrize("cell", [(1, 1), (1, 17), (8, 5)], ids=str)
@pytest.mark.parametrize(
    "index",
    [
        np.s_[4],
        np.s_[-1, 2],
        np.s_[2, 3, 4],
        np.s_[2:9],
        np.s_[2:9, ::3],
        np.s_[::4, 1:16:5, ::2],
        np.s_[:, :, 3],
        np.s_[:, :, [4, 0, 2]],
        np.s_[..., 1:3],
        np.s_[..., -1],
        np.s_[[5, 2]],
        np.s_[ROWS, COLUMNS],
        np.s_[ROWS, COLUMNS, 2],
        np.s_[ROWS, COLUMNS, 1:4],
        np.s_[ROWS[:, None], COLUMNS],
        np.s_[ROWS[:0], COLUMNS[:0]],
        np.s_[MASK],
        np.s_[5:5],
        np.s_[1:3, :, np.array([True, False, True, True, False, False])],
    ],
    ids=str,
)
def test_slices_as_an_array_does(index: Any, cell: tuple[int, int]) -> None:
    np.testing.assert_array_equal(lazy(cell=cell)[index], STORED[index])


@pytest.mark.parametrize(
    "index", [np.s_[23], np.s_[0, -18], np.s_[0, 0, 0, 0], np.s_[None], np.s_[ROWS, :, [1]], np.s_[0, :, [1]]], ids=str
)
def test_what_it_does_not_slice_is_refused(index: Any) -> None:
    with pytest.raises(IndexError):
        lazy()[index]


def test_all_of_it_comes_only_where_it_fits() -> None:
    np.testing.assert_array_equal(np.asarray(lazy()), STORED)
    with pytest.raises(UnmixError, match=r"23×17 pixels of 6 bands, this machine can give 1e-06 GB: crop the cube"):
        np.asarray(lazy(most=1000))


def test_pixels_of_a_cell_are_read_together() -> None:
    spectra = lazy(cell=(8, 17))
    spectra[np.arange(23), np.zeros(23, int)]
    assert spectra.source.asked == 3  # type: ignore[attr-defined]


@given(st.integers(1, 50), st.integers(1, 1000), st.integers(1, 20_000), st.integers(1, 9))
def test_blocks_part_all_rows_within_the_bytes(height: int, row: int, most: int, tall: int) -> None:
    parts = list(row_slices(height, row, most, tall))
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(height))
    lengths = [part.stop - part.start for part in parts]
    assert all(length * row <= most or length == 1 for length in lengths)
    assert most < tall * row or all(part.start % tall == 0 for part in parts)


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 400),
    st.integers(0, 5),
)
@settings(max_examples=80)
def test_a_stratified_sample_is_as_large_as_asked_and_the_same_for_a_seed(
    shape: tuple[int, int], cell: tuple[int, int], count: int, seed: int
) -> None:
    count = min(count, shape[0] * shape[1])
    once, again = (stratified(shape, cell, count, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(once, again)
    assert (np.diff(once) > 0).all()
    assert once[-1] < shape[0] * shape[1]


@pytest.mark.parametrize("cell", [(1, 1), (1, 200), (16, 16)], ids=str)
def test_no_corner_is_left_out(cell: tuple[int, int]) -> None:
    """Each sixteenth of the image gets near its share."""
    places = stratified((160, 200), cell, 1600, np.random.default_rng(3))
    rows, columns = np.divmod(places, 200)
    counts = np.histogram2d(rows, columns, bins=4, range=[(0, 160), (0, 200)])[0]
    assert places.size >= 1600
    assert counts.min() > 0.6 * places.size / 16


def holed(kind: str) -> Cube:
    """A cube in memory or in its file, of whose pixels a third holds no data: a stripe of NaN, and one of a spectrum that stands for nothing."""
    spectra = STORED.copy()
    spectra[:, :3] = np.nan
    spectra[:, 3:6] = 7
    if kind == "memory":
        valid = np.ones((23, 17), bool)
        valid[:, :6] = False
        return Cube(spectra, valid_pixels=valid, good_bands=np.arange(6) != 2)
    source = LazySpectra(
        InMemory(spectra, (1, 17), np.full((1, 6), 7, np.float32)),
        lambda: 1 << 40,
        10**9,  # type: ignore[arg-type]
    )
    return Cube(source, good_bands=np.arange(6) != 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_sample_holds_data_and_knows_its_places(kind: str) -> None:
    cube = holed(kind)
    places, spectra = cube.sampled(100, seed=1)
    assert spectra.shape == (100, 5)
    assert spectra.dtype == np.float64
    assert np.isfinite(spectra).all()
    assert (np.diff(places) > 0).all()
    flat = np.flatnonzero(cube.valid_pixels)[places]
    np.testing.assert_array_equal(spectra, STORED.reshape(-1, 6)[flat][:, cube.good_bands])
    assert (flat % 17 >= 6).all()
    assert all(np.array_equal(a, b) for a, b in zip(cube.sampled(100, seed=1), (places, spectra), strict=True))
    assert not np.array_equal(cube.sampled(100, seed=2)[0], places)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_where_fewer_hold_data_all_of_them_come(kind: str) -> None:
    places, _ = holed(kind).sampled(10_000)
    assert places.size == 23 * 11


def test_a_cube_without_data_gives_an_empty_sample() -> None:
    places, spectra = Cube(LazySpectra(InMemory(np.full((4, 5, 3), np.nan, np.float32)), lambda: 0)).sampled(7)  # type: ignore[arg-type]
    assert (places.size, spectra.shape) == (0, (0, 3))


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_blocks_hold_all_of_a_cube_and_say_where_it_has_data(kind: str) -> None:
    cube = holed(kind)
    parts = [cube.block(rows) for rows in cube.blocks(4000)]
    assert len(parts) == 3  # 9 rows of 408 bytes each
    valid = np.concatenate([valid for _, valid in parts])
    np.testing.assert_array_equal(
        np.concatenate([spectra for spectra, _ in parts])[valid], STORED[:, 6:].reshape(-1, 6)
    )


def test_a_cube_in_its_file_is_never_taken_whole() -> None:
    cube = holed("file")
    assert cube.lazy is not None
    with pytest.raises(UnmixError, match="Unmixing needs 1 GB for 23×17 pixels of 6 bands"):
        cube.pixels()
    assert cube.renamed("other").spectra is cube.spectra


def test_the_overview_is_a_thinned_cube_in_memory() -> None:
    grid = np.arange(1, 23, 3), np.arange(1, 17, 3)
    seen = Overview(3, *grid, STORED[np.ix_(*grid)])
    valid = np.ones((23, 17), bool)
    valid[4] = False
    cube = Cube(LazySpectra(InMemory(STORED), lambda: 0, 0, seen), valid_pixels=valid)  # type: ignore[arg-type]
    assert cube.overview.shape == (8, 6, 6)
    assert cube.overview_step == 3
    assert not cube.overview.valid_pixels[1].any()
    assert cube.overview.valid_pixels[2].all()
    whole = Cube(STORED)
    assert whole.overview is whole
