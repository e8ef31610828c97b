"""How a file is to be read: what a user writes, and what it means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix import read_cube
from napari_unmix.cube import Cube, Reading, SpectralAxis
from napari_unmix.reading import (
    OPTIONS,
    REPAIRS,
    bands_within,
    chosen_bands,
    reading_of,
    repairs_wanted,
    written_as,
)
from napari_unmix.sentences import UnmixError

sizes = st.tuples(st.integers(1, 9999), st.integers(1, 9999))
readings = st.builds(
    Reading,
    key=st.none() | st.just("scene/data"),
    size=st.none() | sizes,
    bands_axis=st.sampled_from([None, "first", "middle", "last"]),
    no_data=st.none() | st.just("none") | st.floats(allow_nan=False),
    scale=st.none() | st.floats(min_value=1e-30, max_value=1e30),
    bands=st.sampled_from([None, "all", "1-4,7", "all,400-900nm"]),
    dark=st.none() | st.just(Path("dark.hdr")),
    white=st.none() | st.just(Path("white.hdr")),
    repair=st.sampled_from(["all", "none", *REPAIRS, ",".join(REPAIRS[:2])]),
)


@given(readings)
def test_a_reading_is_the_same_after_it_was_written(reading: Reading) -> None:
    assert reading_of(written_as(reading)) == reading


def test_what_nobody_set_is_not_written() -> None:
    assert written_as(Reading()) == {}
    assert reading_of(dict.fromkeys((option.field for option in OPTIONS), "")) == Reading()


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("size", "95", "--size is 95: give ROWSxCOLUMNS"),
        ("size", "0x4", "--size is 0x4"),
        ("bands_axis", "third", "--bands-axis is third: give first, middle or last"),
        ("no_data", "void", "--no-data is void: give the stored number"),
        ("scale", "-1", "--scale is -1: give the positive number"),
        ("scale", "inf", "--scale is inf"),
        ("bands", " , ", "--bands names no band"),
        ("bands", "5-x", "“5-x” is no range of bands"),
        ("repair", "stripes", "--repair is stripes: give all, none, or some of no-data"),
    ],
)
def test_what_cannot_be_understood_names_its_option(field: str, text: str, words: str) -> None:
    with pytest.raises(UnmixError, match=words):
        reading_of({field: text})


@pytest.mark.parametrize(
    ("kind", "written", "inside"),
    [
        ("wavelength", "2-3", [1, 2]),
        ("wavelength", "1, 5", [0, 4]),
        ("wavelength", "410-431nm", [1, 2, 3]),
        ("wavelength", "0.41-0.43 µm; 5", [1, 2, 3, 4]),
        ("wavelength", "430 nm - 410 nm", [1, 2, 3]),
        ("wavenumber", "400-410 cm-1", [0, 1]),
        ("Raman shift", "400-410cm⁻¹", [0, 1]),
        ("energy", "420-500 eV", [2, 3, 4]),
    ],
)
def test_bands_within_ranges(kind: str, written: str, inside: list[int]) -> None:
    axis = SpectralAxis(kind, np.array([400.0, 410, 420, 430, 440]))  # type: ignore[arg-type]
    assert np.flatnonzero(bands_within(axis, 5, written)).tolist() == inside


@pytest.mark.parametrize("written", ["6-9", "500-900nm", "400-410 cm-1"])
def test_ranges_without_a_band(written: str) -> None:
    with pytest.raises(UnmixError):
        bands_within(SpectralAxis("wavelength", np.array([400.0, 410, 420, 430, 440])), 5, written)


def test_ranges_narrow_what_is_good(small_cube: Cube) -> None:
    assert chosen_bands(small_cube, "all") is small_cube.good_bands
    kept = chosen_bands(small_cube, "3-10")
    assert kept.tolist() == [good and 2 <= band < 10 for band, good in enumerate(small_cube.good_bands)]
    with pytest.raises(UnmixError, match="--bands 3 leaves 1 of 24 bands"):
        chosen_bands(small_cube, "3")


@pytest.mark.parametrize(
    ("reading", "wanted"),
    [
        (Reading(), set(REPAIRS)),
        (Reading(repair="none"), set()),
        (Reading(repair="spikes,lines"), {"spikes", "lines"}),
        (Reading(no_data="none"), set(REPAIRS) - {"no-data"}),
        (Reading(no_data=-1.0), set(REPAIRS) - {"no-data"}),
        (Reading(bands="all"), set(REPAIRS) - {"bands"}),
        (Reading(bands="1-4"), set(REPAIRS)),
    ],
)
def test_which_repairs_are_wanted(reading: Reading, wanted: set[str]) -> None:
    assert repairs_wanted(reading) == wanted


# --- read_cube follows


def test_every_option_reaches_the_cube(tmp_path: Path) -> None:
    spectra = np.arange(1.0, 61).reshape(3, 4, 5)
    spectra[0, 0] = -7
    np.savez(tmp_path / "a.npz", stack=np.moveaxis(spectra, 2, 1), other=np.ones((2, 2, 2)))
    cube = read_cube(tmp_path / "a.npz", key="stack", bands_axis="middle", no_data=-7, scale=10, bands="2-5")
    np.testing.assert_allclose(cube.spectra[1:], spectra[1:] / 10, rtol=1e-6)
    assert not cube.valid_pixels[0, 0]
    assert cube.valid_pixels.sum() == 11
    assert cube.good_bands.tolist() == [False, True, True, True, True]
    assert cube.scale == 10
    assert written_as(cube.reading) == {
        "key": "stack",
        "bands_axis": "middle",
        "no_data": "-7",
        "scale": "10",
        "bands": "2-5",
    }


@pytest.mark.parametrize("lines", [1, 6])
def test_raw_counts_are_calibrated_column_by_column(tmp_path: Path, lines: int) -> None:
    generator = np.random.default_rng(0)
    reflectance = generator.uniform(0.1, 0.9, (3, 4, 5))
    dark = generator.uniform(90, 110, (4, 5))
    white = dark + generator.uniform(500, 900, (4, 5))
    np.save(tmp_path / "raw.npy", dark + reflectance * (white - dark))
    np.save(tmp_path / "dark.npy", np.repeat(dark[None], lines, axis=0))
    np.save(tmp_path / "white.npy", np.repeat(white[None], lines, axis=0))
    cube = read_cube(tmp_path / "raw.npy", dark=tmp_path / "dark.npy", white=tmp_path / "white.npy")
    np.testing.assert_allclose(cube.spectra, reflectance, rtol=1e-4)
    assert cube.repairs[-1].startswith("calibrated by the dark reference dark.npy and white reference white.npy")
    only_white = read_cube(tmp_path / "raw.npy", white=tmp_path / "white.npy")
    np.testing.assert_allclose(only_white.spectra, (dark + reflectance * (white - dark)) / white, rtol=1e-4)


def test_a_reference_of_another_camera_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "raw.npy", np.ones((3, 4, 5)))
    np.save(tmp_path / "dark.npy", np.ones((3, 6, 5)))
    with pytest.raises(
        UnmixError, match=r"reference dark\.npy is 3×6 pixels of 5 bands, raw\.npy has 4 columns of 5 bands"
    ):
        read_cube(tmp_path / "raw.npy", dark=tmp_path / "dark.npy")
