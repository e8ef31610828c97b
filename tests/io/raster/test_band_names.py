"""Wavelengths in names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.io.raster.band_names import series_of, wavelengths_of_names


@given(st.lists(st.integers(200, 3000), min_size=3, unique=True))
def test_any_numbers_with_a_unit(places):
    assert wavelengths_of_names([f"band {at} ({place} nm)" for at, place in enumerate(places)]) == (places, "nm")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["ChS1-457", "ChS1-466", "ChS1-475"], [457, 466, 475]),
        (["410-420 nm", "420-430 nm", "430-440 nm"], [415, 425, 435]),
        (["0.45 µm", "0.55 µm", "0.65 µm"], [0.45, 0.55, 0.65]),
        (["450", "500.5", "551"], [450, 500.5, 551]),
        (["band 1", "band 2", "band 3"], None),
        (["B101", "B102", "B999 QA 12"], None),
        (["roof", "tree", "water"], None),
        (["450 nm", "450 nm", "500 nm"], None),
        (["450", "440", "460"], None),
        (["450 nm", "0.5 µm", "600 nm"], None),
        (["450 nm", "500 nm"], None),
        (["19850724", "19850823", "19850901"], None),
    ],
)
def test_names(names, expected):
    found = wavelengths_of_names(names)
    assert (found and found[0]) == expected


def test_a_series_is_told_by_the_number_in_which_names_differ():
    names = ["run2_01", "run2_10", "run2_02", "run3_01", "notes"]
    assert series_of(names) == [0, 2, 1]
    assert series_of(["roof", "tree"]) == []
