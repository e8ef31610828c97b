"""ESRI's header of keywords: every layout with padded rows and gaps comes back as the same cube."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.io import can_read, read_cube
from napari_unmix.sentences import UnmixError

SMALL = (np.arange(60) * 7 + 1).reshape(4, 3, 5)
TYPES = {
    "u1": (8, ""),
    "i2": (16, "SIGNEDINT"),
    "u2": (16, "UNSIGNEDINT"),
    "f4": (32, "FLOAT"),
    "i4": (32, "SIGNEDINT"),
}


def write(folder, cube, layout, order="I", row_gap=0, line_gap=0, before=0, **more):
    """The image and its header; gaps are bytes behind each row of a band and behind each line, or each band of a BSQ."""
    bits, kind = TYPES[cube.dtype.str[1:]]
    rows, columns, bands = cube.shape
    stored = cube.astype(cube.dtype.newbyteorder(">" if order == "M" else "<"))
    axes = {"BSQ": (2, 0, 1), "BIL": (0, 2, 1), "BIP": (0, 1, 2)}[layout]
    content = b"s" * before
    for frame in np.ascontiguousarray(stored.transpose(axes)):
        if layout == "BIP":
            content += frame.tobytes() + b"p" * line_gap
        else:
            content += b"".join(row.tobytes() + b"p" * row_gap for row in frame) + b"q" * line_gap
    fields = {"NROWS": rows, "NCOLS": columns, "NBANDS": bands, "NBITS": bits, "LAYOUT": layout, "BYTEORDER": order}
    fields |= {"PIXELTYPE": kind} if kind else {}
    row = columns * bits // 8 + row_gap
    if layout == "BIL":
        fields |= {"BANDROWBYTES": row, "TOTALROWBYTES": bands * row + line_gap}
    elif layout == "BIP":
        fields |= {"TOTALROWBYTES": columns * bands * bits // 8 + line_gap}
    else:
        fields |= {"BANDROWBYTES": row, "BANDGAPBYTES": line_gap}
    fields |= {"SKIPBYTES": before} if before else {}
    data = folder / f"scene.{layout.lower()}"
    data.write_bytes(content)
    lines = [f"{key:<14} {value}" for key, value in (fields | more).items()]
    (folder / "scene.hdr").write_text("\n".join(lines) + "\n")
    return data


@settings(max_examples=80, deadline=None)
@given(
    code=st.sampled_from(sorted(TYPES)),
    layout=st.sampled_from(["BSQ", "BIL", "BIP"]),
    order=st.sampled_from("IM"),
    row_gap=st.integers(0, 5),
    line_gap=st.integers(0, 5),
    before=st.integers(0, 9),
)
def test_every_layout_comes_back(code, layout, order, row_gap, line_gap, before):
    cube = (SMALL % 120).astype(code)
    with tempfile.TemporaryDirectory() as folder:
        data = write(Path(folder), cube, layout, order, row_gap, line_gap, before)
        for path in (data, data.with_suffix(".hdr")):
            read = read_cube(path)
            np.testing.assert_array_equal(read.spectra, cube.astype(np.float32))
            assert read.repairs == ()
            assert can_read(path)


def test_no_data_map_and_wavelengths(tmp_path):
    data = write(tmp_path, SMALL.astype("i2"), "BIL", NODATA=-9999, ULXMAP=100, ULYMAP=200, XDIM=10, YDIM=20)
    header = data.with_suffix(".hdr")
    header.write_text(header.read_text() + "WAVELENGTHS\n400.0\n500\n600\n700\n800\nWAVELENGTHS_END\n")
    cube = read_cube(header)
    assert cube.wavelengths.tolist() == [400, 500, 600, 700, 800]
    assert cube.georeference.transform == (10, 0, 95, 0, -20, 210)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"NROWS": "four"}, r"'NROWS four' in scene\.hdr is no whole number: correct it"),
        ({"NBANDS": 0}, r"'NBANDS 0' in scene\.hdr is no whole number: correct it"),
        ({"LAYOUT": "BIX"}, r"The LAYOUT 'bix' in scene\.hdr is unknown"),
        ({"NBITS": 4}, r"scene\.hdr has numbers of 4 bits"),
        ({"BANDROWBYTES": 2}, r"are less than a row of 3 columns needs"),
        ({"NROWS": 400}, r"ends early|need"),
    ],
)
def test_headers_that_are_wrong(tmp_path, changes, sentence):
    data = write(tmp_path, SMALL.astype("i2"), "BIL", **changes)
    if "NROWS" in changes and changes["NROWS"] == 400:
        assert "its 4 whole lines of 400 were read" in " ".join(read_cube(data).repairs)
        return
    with pytest.raises(UnmixError, match=sentence):
        read_cube(data)
