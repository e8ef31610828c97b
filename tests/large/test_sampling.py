"""The sample of a cube: everywhere, all that is painted, and never more than the search reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.geometry.search import MOST_PIXELS
from napari_unmix.large.sampling import MOST_ADDED, MOST_PAINTED, NOWHERE, drawn, saved_sample

NOTHING = np.zeros(0, np.intp)


def numbered(height: int, width: int) -> Cube:
    """A cube whose pixels say where they are."""
    return Cube(np.arange(height * width, dtype=np.float32).reshape(height, width, 1))


def test_a_small_cube_is_its_own_sample() -> None:
    sample = drawn(numbered(60, 50), None, 0, NOTHING)
    assert sample.step == 1
    np.testing.assert_array_equal(sample.places, np.arange(3000).reshape(60, 50))
    np.testing.assert_array_equal(sample.cube.spectra, numbered(60, 50).spectra)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 900), width=st.integers(1, 900), seed=st.integers(0, 99))
def test_one_pixel_of_every_square_and_no_more_than_are_read(height: int, width: int, seed: int) -> None:
    sample = drawn(numbered(height, width), None, seed, NOTHING)
    rows, columns = np.divmod(sample.places, width)
    down, across = np.indices(sample.places.shape)
    np.testing.assert_array_equal(rows // sample.step, down)
    np.testing.assert_array_equal(columns // sample.step, across)
    np.testing.assert_array_equal(sample.cube.spectra[..., 0], sample.places)
    assert sample.places.size <= MOST_PIXELS - MOST_ADDED
    if sample.step > 1:
        finer = sample.step - 1
        assert -(-height // finer) * -(-width // finer) > MOST_PIXELS - MOST_ADDED


def test_what_is_painted_and_added_is_in_it_once() -> None:
    labels = np.zeros((400, 400), int)
    labels[10:20, 30:45], labels[390:, 390:], labels[200, 200:210] = 1, 7, 3
    painting = Annotation(labels, {3: Meaning("material", "road"), 7: Meaning("ignore")})
    added = np.array([5, 399 * 400 + 3])
    sample = drawn(numbered(400, 400), painting, 1, added)
    there = sample.places[sample.places != NOWHERE]
    assert len(np.unique(there)) == len(there)
    assert np.isin([*np.flatnonzero(np.isin(labels.ravel(), [1, 3])), *added], there).all()
    assert sample.annotation is not None
    np.testing.assert_array_equal(np.bincount(sample.annotation.labels.ravel())[[1, 3]], [150, 10])
    assert not sample.cube.valid_pixels[sample.places == NOWHERE].any()


def test_of_large_paintings_every_label_keeps_its_part() -> None:
    labels = np.zeros((400, 400), int)
    labels[:200], labels[200:300], labels[399, :3] = 1, 2, 3
    sample = drawn(numbered(400, 400), Annotation(labels), 0, NOTHING)
    below = sample.places[-(-400 // sample.step) + 1 :]
    of_label = np.bincount(labels.ravel()[below[below >= 0]], minlength=4)
    assert of_label[1:3].sum() <= MOST_PAINTED
    assert of_label[1] == pytest.approx(2 * of_label[2], rel=0.05)
    assert of_label[3] >= 1
    assert int(sample.cube.valid_pixels.sum()) <= MOST_PIXELS


def test_where_half_holds_no_data_more_is_looked_at() -> None:
    spectra = np.ones((600, 600, 1), np.float32)
    spectra[:, ::2] = np.nan
    half, whole = (
        int(drawn(Cube(one), None, 0, NOTHING).cube.valid_pixels.sum()) for one in (spectra, np.ones_like(spectra))
    )
    assert 0.7 * whole < half <= MOST_PIXELS


def test_a_saved_sample_is_read_again() -> None:
    cube = numbered(300, 300)
    sample = drawn(cube, None, 4, np.array([17]))
    again = saved_sample(cube, None, dict(sample.saved))
    assert again is not None
    np.testing.assert_array_equal(again.places, sample.places)
    np.testing.assert_array_equal(again.cube.spectra, sample.cube.spectra)
    assert saved_sample(cube, None, {}) is None
    assert saved_sample(numbered(20, 20), None, dict(sample.saved)) is None  # of another cube
