"""What attributes say of numbers."""

from __future__ import annotations

import base64
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.io.groups.conventions import as_scale, is_usual_fill, meaning, number, numbers_of

I2, F4, U2 = np.dtype("i2"), np.dtype("f4"), np.dtype("u2")


@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.integers(-30000, 30000))
def test_unpacking_is_the_conventions(factor, offset, stored):
    said = meaning({"scale_factor": factor, "add_offset": offset}, I2)
    found = (stored * (said.gains or 1.0) + (said.offsets or 0.0)) / said.scale
    assert found == pytest.approx(stored * factor + offset, rel=2e-6, abs=1e-9)


def test_one_factor_for_all_is_a_scale():
    assert as_scale([float(np.float32(0.0001))] * 3, [0.0] * 3) == (10000.0, None, None)
    assert as_scale([0.5, 0.5], [0.0, 1.0]) == (1.0, [0.5, 0.5], [0.0, 1.0])
    assert as_scale([0.5, 0.25], None) == (1.0, [0.5, 0.25], None)
    assert as_scale(None, None) == (1.0, None, None)
    assert as_scale([3.0], [0.0]) == (1 / 3, None, None)


def test_upper_case_divides_and_lower_case_multiplies():
    assert meaning({"Scale_Factor": 10000.0}, I2).scale == 10000
    assert meaning({"scale_factor": 10000.0}, I2).scale == 1 / 10000
    assert meaning({"Scale_Factor": 1.0}, I2).repairs == ()


@pytest.mark.parametrize(
    ("attributes", "dtype", "expected"),
    [
        ({"_FillValue": -9999}, I2, (-9999.0,)),
        ({"_FillValue": -9999, "missing_value": [-9999, -1]}, I2, (-9999.0, -1.0)),
        ({"_FillValue": float("nan")}, F4, ()),
        ({"_FillValue": -9999.0}, U2, ()),  # no unsigned number is it
        ({"nodata": "-1.5"}, F4, (-1.5,)),
        ({"_FillValue": base64.b64encode(struct.pack("<d", -9999.0)).decode()}, F4, (-9999.0,)),
        ({"_FillValue": "nothing"}, F4, ()),
    ],
)
def test_no_data(attributes, dtype, expected):
    assert meaning(attributes, dtype).no_data == expected


def test_a_formats_own_fill_counts_where_it_is_usual():
    assert meaning({}, F4, fill=9.969209968386869e36).no_data == (9.969209968386869e36,)
    assert meaning({}, F4, fill=0.0).no_data == ()
    assert is_usual_fill(-3.4028235e38)
    assert not is_usual_fill(-1.0)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"valid_range": [0, 4095]}, (0, 4095)),
        ({"valid_min": 1}, (1, math.inf)),
        ({"valid_max": 10}, (-math.inf, 10)),
        ({"valid_range": [-0.05, 1.55], "scale_factor": 0.0001}, (-500, 15500)),  # of unpacked numbers
        ({"valid_range": [0]}, None),
        ({}, None),
    ],
)
def test_valid_ranges(attributes, expected):
    found = meaning(attributes, I2).valid_range
    assert found == (None if expected is None else pytest.approx(expected))


def test_numbers_of_texts():
    assert numbers_of("{450.1, 455.2,460}") == [450.1, 455.2, 460]
    assert numbers_of("450.1 nm, 455.2 nm") == [450.1, 455.2]
    assert numbers_of(3) == [3]
    assert numbers_of(None) == []
    assert number("text") is None
    assert number([1, 2]) is None
    assert number(True) is None
