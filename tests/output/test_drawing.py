"""One drawing of maps and curves: exact colours, gaps that are gaps, the same bytes whatever a user has set."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_unmix.output.drawing import DARK, FULL_COLOUR, GREY, LIGHT, Curves, curves_svg, png, shaded, with_gaps
from napari_unmix.output.palette import OKABE_ITO, endmember_colours

SVG = "{http://www.w3.org/2000/svg}"


def make(spectra: np.ndarray, *, place: np.ndarray | None = None, name: str = "band") -> Curves:
    bands = np.arange(spectra.shape[1], dtype=float) if place is None else place
    return Curves(bands, spectra, name, "spectrum")


# Maps


def test_a_map_runs_from_black_over_the_colour_to_white() -> None:
    shown = shaded(np.array([[0.0, FULL_COLOUR, 1.0, np.nan, 7.0, -1.0]]), "#e69f00")[0]
    np.testing.assert_array_equal(shown[:3], [[0, 0, 0, 255], [0xE6, 0x9F, 0x00, 255], [255, 255, 255, 255]])
    assert shown[3, 3] == 0
    np.testing.assert_array_equal(shown[4:], shown[[2, 0]])


@pytest.mark.parametrize("colour", endmember_colours(30))
def test_more_of_a_material_is_brighter(colour: str) -> None:
    shown = shaded(np.linspace(0, 1, 64)[None], colour)[0, :, :3].astype(int)
    assert (np.diff(shown, axis=0) >= 0).all()
    assert (np.diff(shown.sum(axis=1)) > 0).all()


def test_a_grey_map_is_linear() -> None:
    levels = np.linspace(0, 1, 256)
    np.testing.assert_allclose(shaded(levels[None], GREY)[0, :, 0], 255 * levels, atol=0.51)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(4))),
    st.integers(1, 40),
    st.sampled_from([1, 64]),  # many colours, or few
)
@settings(deadline=None)
def test_a_png_is_exact_and_not_larger_than_asked(image: np.ndarray, largest: int, coarse: int) -> None:
    image = image // coarse
    with Image.open(io.BytesIO(png(image, largest))) as read:
        assert max(read.size) <= largest
        shown = np.asarray(read.convert("RGBA"))
    step = -(-max(image.shape[:2]) // largest)
    np.testing.assert_array_equal(shown, image[::step, ::step])


def test_maps_take_one_byte_a_pixel() -> None:
    shares = np.random.default_rng(0).random((100, 100))
    assert len(png(shaded(shares, OKABE_ITO[0]), 640)) < 12_000


# Curves


def strokes(svg: bytes, colour: str) -> tuple[int, int]:
    """How many unbroken lines and how many dots of a colour."""
    root = ElementTree.fromstring(svg)
    lines = [
        path for path in root.iter(f"{SVG}path") if f"stroke: {colour}; stroke-width: 1.6" in path.get("style", "")
    ]
    dots = [use for use in root.iter(f"{SVG}use") if f"fill: {colour}" in use.get("style", "")]
    return sum(len(re.findall("M[^ML]*L", path.get("d", ""))) for path in lines), len(dots)


def test_excluded_bands_are_gaps_and_a_band_alone_is_a_dot() -> None:
    whole = np.array([1.0, 3, 2, 4, 1, 3, 2, 4, 1, 2])
    broken = whole.copy()
    broken[[3, 6, 8]] = np.nan  # leaves 0–2, 4–5, and the bands 7 and 9 alone
    svg = curves_svg(make(np.stack([whole, broken])), LIGHT, 4, 3)
    assert strokes(svg, OKABE_ITO[0]) == (1, 0)
    assert strokes(svg, OKABE_ITO[1]) == (2, 2)


def test_curves_are_broken_where_the_file_has_no_bands() -> None:
    place = np.array([400.0, 410.0, 420.0, 430.0, 700.0, 710.0])
    nm, spectrum = with_gaps(place, np.ones(6))
    assert nm[4] == 565.0
    assert np.isnan(spectrum[4])
    assert np.isfinite(np.delete(spectrum, 4)).all()
    assert strokes(curves_svg(make(np.ones((1, 6)), place=place), LIGHT, 4, 3), OKABE_ITO[0]) == (2, 0)


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
def test_the_order_of_bands_in_the_file_does_not_matter(order: list[int], excluded: set[int]) -> None:
    place = np.array([400.0, 410, 420, 430, 700, 710, 720, 730, 2000])
    spectrum = np.where(np.isin(np.arange(9), list(excluded)), np.nan, np.arange(9.0))
    for drawn, expected in zip(with_gaps(place[order], spectrum[order]), with_gaps(place, spectrum), strict=True):
        np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(
    "spectra", [np.full((3, 5), np.nan), np.zeros((2, 5)), -np.ones((2, 5)), np.ones((12, 1)), np.full((1, 4), 6e4)]
)
def test_curves_of_any_values_are_drawn(spectra: np.ndarray) -> None:
    ElementTree.fromstring(curves_svg(make(spectra), DARK, 4, 3))


def test_the_axes_are_named_and_names_stay_text() -> None:
    hostile = "<script>$\\frac$</script> & \"nm\" 'µ'"
    root = ElementTree.fromstring(curves_svg(make(np.ones((1, 4)), name=hostile), LIGHT, 4, 3))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert hostile in words
    assert "spectrum" in words
    assert not list(root.iter(f"{SVG}script"))


def test_the_drawing_loads_nothing() -> None:
    svg = curves_svg(make(np.random.default_rng(0).random((3, 20))), LIGHT, 4, 3).decode()
    assert set(re.findall(r'xlink:href="(.)', svg)) == {"#"}
    assert set(re.findall(r"url\((.)", svg)) == {"#"}
    assert "@import" not in svg


def test_a_users_settings_are_neither_read_nor_changed() -> None:
    curves = make(np.random.default_rng(0).random((3, 20)))
    expected = curves_svg(curves, LIGHT, 4, 3)
    assert curves_svg(curves, LIGHT, 4, 3) == expected
    theirs = {"axes.facecolor": "red", "font.size": 20, "text.usetex": True, "axes.grid": True, "savefig.bbox": "tight"}
    with matplotlib.rc_context(theirs):
        before = dict(matplotlib.rcParams)
        assert curves_svg(curves, LIGHT, 4, 3) == expected
        assert dict(matplotlib.rcParams) == before


def test_drawing_needs_no_pyplot() -> None:
    code = """
import sys, numpy as np
from napari_unmix.output.drawing import LIGHT, Curves, curves_svg
assert "matplotlib" not in sys.modules
curves_svg(Curves(np.arange(4.0), np.ones((1, 4)), "band", ""), LIGHT, 4, 3)
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
