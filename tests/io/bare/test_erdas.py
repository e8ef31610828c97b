"""ERDAS 7.x images: as SPy reads them, in both versions and both byte orders, and of 4 bits."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from napari_unmix.io import can_read, read_cube
from napari_unmix.io.spy import spectral_python
from napari_unmix.sentences import UnmixError

SMALL = (np.arange(60) * 4 + 1).reshape(4, 3, 5)


def write(path, cube, packing=0, mark=b"HEAD74", order="<"):
    rows, columns, bands = cube.shape
    head = bytearray(128)
    head[:6] = mark
    struct.pack_into(order + "hh", head, 6, packing, bands)
    struct.pack_into(order + ("ii" if mark == b"HEAD74" else "ff"), head, 16, columns, rows)
    struct.pack_into(order + "ffff", head, 112, 100.0, 200.0, 10.0, 20.0)
    lines = np.ascontiguousarray(cube.transpose(0, 2, 1))
    if packing == 1:
        padded = np.concatenate([lines, np.zeros((*lines.shape[:2], columns % 2), int)], axis=2).astype("u1")
        content = (padded[:, :, ::2] | padded[:, :, 1::2] << 4).tobytes()
    else:
        content = lines.astype(order + ("u1" if packing == 0 else "i2")).tobytes()
    path.write_bytes(bytes(head) + content)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mark", [b"HEAD74", b"HEADER"])
@pytest.mark.parametrize("packing", [0, 1, 2])
def test_every_kind(tmp_path, packing, mark, order):
    cube = SMALL % 16 if packing == 1 else SMALL
    path = write(tmp_path / "scene.lan", cube, packing, mark, order)
    read = read_cube(path)
    np.testing.assert_array_equal(read.spectra, cube)
    assert read.georeference.transform == (10, 0, 95, 0, -20, 210)
    assert (read.name, read.repairs) == ("scene", ())
    assert can_read(path)


def test_as_spy_reads_it(tmp_path):
    path = write(tmp_path / "scene.lan", SMALL, 2)
    np.testing.assert_array_equal(
        read_cube(path).spectra, np.asarray(spectral_python().io.erdas.open(str(path)).load())
    )


def test_wavelengths_of_the_list_beside(tmp_path):
    path = write(tmp_path / "scene.lan", SMALL)
    rows = [f"{400.5 + 10 * band:.2f}  9.5  {band}" for band in range(5)]
    (tmp_path / "scene.spc").write_text("\n".join(rows) + "\n")
    cube = read_cube(path)
    assert cube.wavelengths.tolist() == [400.5, 410.5, 420.5, 430.5, 440.5]
    assert cube.repairs[0] == "wavelengths are those of scene.spc beside the image"


def test_a_damaged_header(tmp_path):
    path = write(tmp_path / "scene.lan", SMALL)
    path.write_bytes(path.read_bytes()[:16] + b"\xff" * 200)
    with pytest.raises(UnmixError, match=r"scene\.lan has a damaged ERDAS header"):
        read_cube(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UnmixError, match=r"ends within its header of 128 bytes"):
        read_cube(path)


def test_a_text_that_begins_with_the_word_is_none(tmp_path):
    (tmp_path / "a.txt").write_text("HEADER, 1, 2\n")
    with pytest.raises(UnmixError, match="is no cube that can be read"):
        read_cube(tmp_path / "a.txt")
