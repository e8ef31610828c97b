"""Label images of every format come back as painted, or say in one sentence why not."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_unmix.cube import Georeference
from napari_unmix.io import read_annotation
from napari_unmix.io.annotation import AnnotationReading
from napari_unmix.sentences import UnmixError

LABELS = np.array([[0, 1, 2, 200], [3, 0, 0, 1], [7, 7, 0, 0]])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: hnp.arrays(kind, (3, 4))))
def test_every_format_comes_back(tmp_path, labels):
    np.save(tmp_path / "a.npy", labels)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    tifffile.imwrite(tmp_path / "b.tiff", labels, compression="zlib", bigtiff=True)
    Image.fromarray(labels).save(tmp_path / "a.png")
    for name in ("a.npy", "a.tif", "b.tiff", "a.png"):
        read = read_annotation(tmp_path / name, (3, 4, 156)).labels
        np.testing.assert_array_equal(read, labels)
        assert read.dtype == np.int32


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint32, np.int8, bool])
def test_other_integers(tmp_path, kind):
    labels = (LABELS % 2).astype(kind)
    np.save(tmp_path / "a.npy", labels)
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.npy", (3, 4)).labels, labels)


def test_a_palette_image_keeps_its_label_numbers(tmp_path):
    image = Image.fromarray(LABELS.astype(np.uint8), mode=None)
    image = image.convert("L")
    image.putpalette([value for index in range(256) for value in (255 - index, index // 2, 7)])
    assert image.mode == "P"
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.png", (3, 4)).labels, LABELS)


def test_one_bit_images_and_content_before_suffix(tmp_path):
    Image.fromarray(LABELS > 0).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.tif", (3, 4)).labels, LABELS > 0)


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
        (
            np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
            r"is a colour image \(3 channels\): save the label numbers on one channel",
        ),
        (np.arange(48, dtype=np.uint8).reshape(3, 4, 4), r"is a colour image \(4 channels\)"),
        (np.full((3, 4), 1.5, np.float32), r"does not hold whole numbers \(12 pixels, such as 1\.5\)"),
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
        with pytest.raises(UnmixError, match=rf"The labels of a\.npy {sentence}: number them from 0"):
            read_annotation(tmp_path / "a.npy", (3, 4))


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((3, 4), None), allow_pickle=True)
    with pytest.raises(UnmixError, match="does not hold whole numbers"):
        read_annotation(tmp_path / "a.npy", (3, 4))


def test_missing_unknown_and_damaged_files(tmp_path):
    with pytest.raises(UnmixError, match=r"nope\.png could not be read \(No such file or directory\): check the file"):
        read_annotation(tmp_path / "nope.png", (3, 4))
    (tmp_path / "a.txt").write_text("0 1 2")
    with pytest.raises(UnmixError, match=r"a\.txt is no annotation that can be read: give a label image"):
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
    with pytest.raises(UnmixError, match=r"could not be read|of its"):
        read_annotation(tmp_path / name, (60, 50))


# --- as other programs write them


def write_npz(path, labels):
    np.savez(path, labels=labels)


def write_mat(path, labels):
    scipy.io.savemat(path, {"gt": labels})


def write_h5(path, labels):
    with h5py.File(path, "w") as file:
        file["exported_data"] = labels[:, :, None]  # as ilastik does


def write_zarr(path, labels):
    zarr.open_group(path, mode="w").create_array("labels", data=labels)


def write_classification(path, labels, **fields):
    """As ENVI writes it; the classes' names stand on several lines."""
    written = {
        "file type": "ENVI Classification",
        "classes": 4,
        "class names": "{\n Unclassified, wet\n soil, bark,\n leaf}",
    } | fields
    lines = [
        f"samples = {labels.shape[1]}",
        f"lines = {labels.shape[0]}",
        "bands = 1",
        "data type = 1",
        "byte order = 0",
    ]
    lines += ["header offset = 0", "interleave = bsq", *(f"{key} = {value}" for key, value in written.items())]
    path.with_suffix(".hdr").write_text("\n".join(["ENVI", *lines]) + "\n")
    path.with_suffix("").write_bytes(labels.astype(np.uint8).tobytes())


def write_qgis(path, labels, no_data="-9999"):
    """float32, and no data as text in GDAL's tag."""
    tifffile.imwrite(path, labels.astype(np.float32), extratags=[(42113, "s", len(no_data) + 1, no_data, True)])


def write_lzw(path, labels):
    Image.fromarray(labels).save(path, compression="tiff_lzw")


OTHERS = {
    "a.npz": write_npz, "a.mat": write_mat, "a.h5": write_h5, "a.zarr": write_zarr, "a.hdr": write_classification, "a.tif": write_qgis,
    "b.tif": write_lzw,
}  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)), st.sampled_from(sorted(OTHERS)))
def test_the_labels_of_every_program_come_back(tmp_path_factory, labels, name):
    path = tmp_path_factory.mktemp("labels") / name
    OTHERS[name](path, labels)
    np.testing.assert_array_equal(read_annotation(path, labels.shape).labels, labels)


def test_what_a_library_of_c_prints_is_no_second_line(tmp_path, capfd):
    labels = np.random.default_rng(0).integers(0, 200, (40, 50)).astype(np.uint8)
    write_lzw(tmp_path / "a.tif", labels)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        start = tiff.pages[0].dataoffsets[0]
    content[start + 20 : start + 40] = b"\xff" * 20
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UnmixError, match=r"a\.tif could not be read"):
        read_annotation(tmp_path / "a.tif", labels.shape)
    assert capfd.readouterr() == ("", "")


def test_classes_have_names_and_the_header_or_the_data_may_be_given(tmp_path):
    labels = LABELS.clip(0, 3)
    write_classification(tmp_path / "a.hdr", labels)
    for name in ("a.hdr", "a"):
        read = read_annotation(tmp_path / name, (3, 4))
        assert read.names == {1: "wet soil", 2: "bark", 3: "leaf"}
        np.testing.assert_array_equal(read.labels, labels)
        assert read.remarks == ()
    write_classification(tmp_path / "b.hdr", labels, **{"class names": "{rock, soil, bark, leaf}"})
    assert read_annotation(tmp_path / "b.hdr", (3, 4)).remarks == (
        "b.hdr: its class 0, rock, is unpainted: number classes from 1",
    )


def test_the_names_that_gdal_keeps_beside_an_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LABELS.astype(np.uint8))
    names = "".join(f"<Category>{name}</Category>" for name in ("", "soil", "bark"))
    text = f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames></PAMRasterBand></PAMDataset>'
    (tmp_path / "a.tif.aux.xml").write_text(text)
    assert read_annotation(tmp_path / "a.tif", (3, 4)).names == {1: "soil", 2: "bark"}
    for damaged in (text[:40], "<!DOCTYPE a [<!ENTITY b 'c'>]>" + text):
        (tmp_path / "a.tif.aux.xml").write_text(damaged)
        assert read_annotation(tmp_path / "a.tif", (3, 4)).names == {}


@pytest.mark.parametrize("name", ["a.npz", "a.mat", "a.h5", "a.zarr"])
def test_of_several_arrays_the_one_of_the_cubes_size_or_the_one_that_is_named(tmp_path, name):
    arrays = {"cube": np.zeros((3, 4, 5)), "gt": LABELS, "wavelength": np.arange(5.0), "rows": np.float64(3)}
    more = {**arrays, "depth": LABELS + 1}
    for file, content in ((name, arrays), ("b" + name, more)):
        path = tmp_path / file
        if name == "a.npz":
            np.savez(path, **content)
        elif name == "a.mat":
            scipy.io.savemat(path, content)
        elif name == "a.h5":
            with h5py.File(path, "w") as stored:
                stored.update(content)
        else:
            group = zarr.open_group(path, mode="w")
            for key, value in content.items():
                group.create_array(key, data=np.asarray(value))
    np.testing.assert_array_equal(read_annotation(tmp_path / name, (3, 4)).labels, LABELS)
    np.testing.assert_array_equal(
        read_annotation(tmp_path / ("b" + name), (3, 4)).labels, LABELS
    )  # called as labels are
    chosen = read_annotation(tmp_path / ("b" + name), (3, 4), reading=AnnotationReading(key="depth"))
    np.testing.assert_array_equal(chosen.labels, LABELS + 1)
    with pytest.raises(UnmixError, match=r"has no array 'x', it holds .*gt 3×4.*: name one with --annotation-key"):
        read_annotation(tmp_path / name, (3, 4), reading=AnnotationReading(key="x"))
    with pytest.raises(UnmixError, match=r"holds .*gt 3×4.*, nothing of the cube's 6×4: save the labels in its size"):
        read_annotation(tmp_path / name, (6, 4))


def test_which_of_two_is_the_painting_is_asked(tmp_path):
    np.savez(tmp_path / "a.npz", first=LABELS, second=LABELS)
    with pytest.raises(
        UnmixError, match=r"holds first 3×4, second 3×4: say which array is the painting with --annotation-key NAME"
    ):
        read_annotation(tmp_path / "a.npz", (3, 4))


def test_a_label_image_of_another_size_is_brought_onto_the_cube_by_the_map(tmp_path):
    labels = np.arange(1, 6 * 8 + 1).reshape(6, 8).astype(np.uint8)
    scale, tie = (33550, "d", 3, (5.0, 5.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 100.0, 200.0, 0.0), True)
    tifffile.imwrite(tmp_path / "a.tif", labels, extratags=[scale, tie])
    cube = Georeference((5.0, 0.0, 110.0, 0.0, -5.0, 195.0))  # two columns and one row further
    read = read_annotation(tmp_path / "a.tif", (3, 4), cube)
    np.testing.assert_array_equal(read.labels, labels[1:4, 2:6])
    assert "brought from 6×8 pixels onto the cube's by the map" in read.remarks[0]
    finer = Georeference((2.5, 0.0, 100.0, 0.0, -2.5, 200.0))
    np.testing.assert_array_equal(
        read_annotation(tmp_path / "a.tif", (4, 4), finer).labels, labels[:2, :2].repeat(2, 0).repeat(2, 1)
    )
    shifted = read_annotation(tmp_path / "a.tif", (6, 8), cube)
    np.testing.assert_array_equal(shifted.labels, labels)
    assert "lies -2.0 columns and -1.0 rows off the cube on the map" in shifted.remarks[0]
    with pytest.raises(UnmixError, match="is 6×8 but the cube is 3×4"):
        read_annotation(tmp_path / "a.tif", (3, 4))


def test_formats_that_alter_numbers_and_folders_of_nothing(tmp_path):
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(UnmixError, match=r"a\.jpg is a JPEG, which alters numbers: save the labels as \.png or \.tif"):
        read_annotation(tmp_path / "a.jpg", (3, 4))
    with pytest.raises(UnmixError, match="is no annotation that can be read"):
        read_annotation(tmp_path, (3, 4))
