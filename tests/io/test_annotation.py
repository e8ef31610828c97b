"""Annotations come back as painted, or say in one sentence why not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_unmix.cube import UnmixError
from napari_unmix.io import read_annotation

LABELS = np.array([[0, 1, 2, 200], [3, 0, 0, 1], [7, 7, 0, 0]])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: hnp.arrays(kind, (3, 4))))
def test_every_format_comes_back(tmp_path, labels):
    np.save(tmp_path / "a.npy", labels)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    tifffile.imwrite(tmp_path / "b.tiff", labels, compression="zlib", bigtiff=True)
    Image.fromarray(labels).save(tmp_path / "a.png")
    for name in ("a.npy", "a.tif", "b.tiff", "a.png"):
        read = read_annotation(tmp_path / name, (3, 4, 156))
        np.testing.assert_array_equal(read, labels)
        assert read.dtype == np.int32


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint32, np.int8, bool])
def test_other_integers(tmp_path, kind):
    labels = (LABELS % 2).astype(kind)
    np.save(tmp_path / "a.npy", labels)
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.npy", (3, 4)), labels)


def test_a_palette_image_keeps_its_label_numbers(tmp_path):
    image = Image.fromarray(LABELS.astype(np.uint8), mode=None)
    image = image.convert("L")
    image.putpalette([value for index in range(256) for value in (255 - index, index // 2, 7)])
    assert image.mode == "P"
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.png", (3, 4)), LABELS)


def test_one_bit_images_and_content_before_suffix(tmp_path):
    Image.fromarray(LABELS > 0).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.tif", (3, 4)), LABELS > 0)


def writers():
    return {
        "a.npy": lambda path, array: np.save(path, array),
        "a.tif": lambda path, array: tifffile.imwrite(path, array),
        "a.png": lambda path, array: Image.fromarray(array).save(path),
    }


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 4), np.uint8), "is 5×4 but the cube is 3×4: save it in the cube's size"),
        (np.zeros((4, 3), np.uint8), "is 4×3 but the cube is 3×4: transpose it"),
        (np.zeros((3, 4, 3), np.uint8), r"is a colour image \(3 channels\): save the label numbers on one channel"),
        (np.zeros((3, 4, 4), np.uint8), r"is a colour image \(4 channels\)"),
        (np.zeros((3, 4), np.float32), r"does not hold whole numbers \(NumPy kind 'f'\)"),
    ],
)
def test_what_does_not_fit(tmp_path, name, array, sentence):
    if name == "a.png" and array.dtype.kind == "f":
        pytest.skip("PNG stores no fractions")
    writers()[name](tmp_path / name, array)
    with pytest.raises(UnmixError, match=sentence):
        read_annotation(tmp_path / name, (3, 4))


def test_labels_outside_the_range(tmp_path):
    for labels, sentence in ((-LABELS, "run from -200 to 0"), (LABELS * 2**30, "run from 0 to 214748364800")):
        np.save(tmp_path / "a.npy", labels)
        with pytest.raises(UnmixError, match=rf"a\.npy {sentence}: number them from 0|The labels of a\.npy {sentence}"):
            read_annotation(tmp_path / "a.npy", (3, 4))


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((3, 4), None), allow_pickle=True)
    with pytest.raises(UnmixError, match="does not hold whole numbers"):
        read_annotation(tmp_path / "a.npy", (3, 4))


def test_missing_unknown_and_damaged_files(tmp_path):
    with pytest.raises(
        UnmixError, match=r"nope\.png could not be read \(No such file or directory\): check the annotation"
    ):
        read_annotation(tmp_path / "nope.png", (3, 4))
    (tmp_path / "a.txt").write_text("0 1 2")
    with pytest.raises(UnmixError, match=r"a\.txt is no annotation that can be read: save whole numbers as \.npy"):
        read_annotation(tmp_path / "a.txt", (3, 4))
    for name, start in (("a.npy", b"\x93NUMPY\x01\x00"), ("a.tif", b"II*\x00"), ("a.png", b"\x89PNG\r\n\x1a\n")):
        (tmp_path / name).write_bytes(start + b"abcdefgh")
        with pytest.raises(UnmixError, match="could not be read"):
            read_annotation(tmp_path / name, (3, 4))


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.png"])
def test_truncated_files(tmp_path, name):
    labels = np.random.default_rng(0).integers(0, 255, (60, 50)).astype(np.uint8)
    writers()[name](tmp_path / name, labels)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnmixError, match="could not be read"):
        read_annotation(tmp_path / name, (60, 50))
