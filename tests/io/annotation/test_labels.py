"""What is a label, what is unpainted, and what is said of it: one rule for all formats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unmix.cube import Georeference
from napari_unmix.io.annotation.labels import Raster, check, to_labels
from napari_unmix.sentences import UnmixError

LABELS = np.array([[0, 1, 2, 9], [3, 0, 0, 1], [7, 7, 0, 0]])


def read(array: np.ndarray, **fields: object) -> tuple[np.ndarray, str]:
    unpainted = fields.pop("unpainted", None)
    found = to_labels(Raster(array=array, **fields), (3, 4), None, "a", unpainted)
    assert found.labels.dtype == np.int32
    return found.labels, "; ".join(found.remarks)


@given(
    hnp.arrays(np.int64, (3, 4), elements=st.integers(0, 2**24)),
    st.sampled_from([np.float32, np.float64, np.int32, np.uint32, np.int64, np.uint64]),
)
def test_whole_numbers_of_any_type_are_the_labels(labels, kind):
    found, said = read(labels.astype(kind))
    np.testing.assert_array_equal(found, labels)
    assert said == ""


@pytest.mark.parametrize(
    ("kind", "fill", "declared"),
    [
        (np.float32, np.nan, None),
        (np.float32, np.nan, np.nan),
        (np.float32, -9999, None),
        (np.float32, -3.4028234663852886e38, None),
        (np.float32, -3.4028234663852886e38, -3.4028234663852886e38),
        (np.float64, 9.969209968386869e36, None),
        (np.float64, np.inf, None),
        (np.int8, -1, None),
        (np.int16, -32768, None),
        (np.int32, -2147483648, -2147483648),
        (np.uint32, 4294967295, None),
        (np.int64, 2**63 - 1, None),
        (np.uint8, 255, 255),
        (np.int16, 99, 99),
    ],
)
def test_what_means_nothing_painted_is_unpainted_and_said(kind, fill, declared):
    array = LABELS.astype(kind)
    array[0] = fill
    found, said = read(array, no_data=declared)
    expected = LABELS.copy()
    expected[0] = 0
    np.testing.assert_array_equal(found, expected)
    assert said.count("4 pixels hold") == 1
    assert "0 is unpainted as well (4 pixels): if it is a class, add 1 to all labels" in said


def test_a_number_is_unpainted_when_its_user_says_so():
    found, said = read(np.where(LABELS == 0, 255, LABELS).astype(np.uint8), unpainted=255.0)
    np.testing.assert_array_equal(found, LABELS)
    assert said == "a: 5 pixels hold 255 (--unpainted): unpainted"


def test_the_highest_number_of_its_type_among_few_labels_is_asked_about():
    array = np.where(LABELS == 0, 255, LABELS).astype(np.uint8)
    found, said = read(array)
    np.testing.assert_array_equal(found, array)
    assert "5 pixels hold 255, the highest number of uint8: a label (--unpainted 255 if it is none)" in said
    assert read(np.where(LABELS > 0, 255, 0).astype(np.uint8))[1] == ""  # a mask


def test_no_data_that_is_zero_or_nowhere_is_not_worth_a_word():
    for declared in (0.0, 200.0, -9999.0, np.nan):
        assert read(LABELS.astype(np.uint8), no_data=declared)[1] == ""


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (LABELS - 2, "run from -2 to 7: number them from 0"),
        (LABELS + 0.5, r"does not hold whole numbers \(12 pixels, such as 0.5\)"),
        (np.where(LABELS == 7, 7.25, LABELS), r"\(2 pixels, such as 7.25\)"),
        (LABELS * 2**40, "run from 0 to"),
    ],
)
def test_what_no_labels_are(array, sentence):
    with pytest.raises(UnmixError, match=sentence):
        read(array)


def test_grey_pictures_are_labels_and_colours_are_not():
    grey = np.repeat(LABELS[:, :, None], 3, axis=2).astype(np.uint8)
    opaque = np.full((3, 4, 1), 255, np.uint8)
    opaque[0, 1] = 0
    assert read(grey)[1] == "a: its three channels are alike: the first was taken"
    found, said = read(np.concatenate([grey, opaque], axis=2))
    np.testing.assert_array_equal(found, np.where(opaque[:, :, 0], LABELS, 0))
    assert "what is transparent is unpainted" in said
    grey[0, 0, 1] += 1
    with pytest.raises(UnmixError, match=r"colour image \(3 channels\)"):
        read(grey)


@given(hnp.arrays(np.uint8, (3, 4)), st.permutations([0, 1, 1]))
def test_axes_of_length_one_are_no_matter(labels, order):
    shape = [1, 3, 4] if order[0] == 0 else [3, 1, 4] if order[1] == 0 else [3, 4, 1]
    check(shape, "u", (3, 4), 5, "a")
    np.testing.assert_array_equal(read(labels.reshape(shape))[0], labels)


def test_what_was_painted_on_some_bands_is_one_image():
    stack = np.zeros((5, 3, 4), np.int64)
    stack[1, 0], stack[2, 0, :2], stack[4, 2] = 3, 3, 8
    check(stack.shape, "i", (3, 4), 5, "a")
    for array in (stack, np.moveaxis(stack, 0, 2)):
        found, said = read(array)
        np.testing.assert_array_equal(found, [[3] * 4, [0] * 4, [8] * 4])
        assert "its labels lie on 3 of 5 bands: taken together" in said
    stack[0, 0, 0] = 1
    with pytest.raises(UnmixError, match="another label in another band at 1 pixels"):
        read(stack)


def test_sizes_are_checked_before_numbers_are_read():
    for shape, remedy in (
        ((4, 3), "transpose it"),
        ((1, 4, 3), "transpose it"),
        ((3, 5), "save it in the cube's size"),
    ):
        with pytest.raises(UnmixError, match=remedy):
            check(shape, "u", (3, 4), 7, "a")
    with pytest.raises(UnmixError, match="6×3×4 but the cube is 3×4"):
        check((6, 3, 4), "u", (3, 4), 7, "a")
    with pytest.raises(UnmixError, match="kind 'c'"):
        check((3, 4), "c", (3, 4), 7, "a")
    with pytest.raises(UnmixError, match="this machine can give"):
        check((10**6, 10**7), "u", (3, 4), 7, "a", on_map=True)


def test_images_in_other_coordinate_systems_are_not_laid_over_each_other():
    here, there = Georeference((1, 0, 0, 0, -1, 6), "EPSG:32633"), Georeference((1, 0, 0, 0, -1, 6), "EPSG:32632")
    raster = Raster(array=np.ones((6, 8), int), georeference=there)
    with pytest.raises(UnmixError, match="is 6×8 but the cube is 3×4"):
        to_labels(raster, (3, 4), here, "a")
    outside = Raster(array=np.ones((6, 8), int), georeference=Georeference((1, 0, 6, 0, -1, 6), "EPSG:32633"))
    np.testing.assert_array_equal(to_labels(outside, (3, 8), here, "a").labels, [[0] * 6 + [1] * 2] * 3)
