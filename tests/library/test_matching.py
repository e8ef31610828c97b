"""Naming endmembers by a library: each of the measured spectra finds itself, and what is none of them finds none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.cube import FloatArray
from napari_unmix.library import SpectralLibrary, match
from napari_unmix.library.matching import Candidate, Ranking, decided, merged, one_to_one
from napari_unmix.library.slopes import derivative, noise_angles
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import measured_spectra

VISIBLE_TO_SHORTWAVE = np.arange(405.0, 2440.0, 9.7)
WINDOWS = VISIBLE_TO_SHORTWAVE[
    ~((VISIBLE_TO_SHORTWAVE > 1340) & (VISIBLE_TO_SHORTWAVE < 1430))
    & ~((VISIBLE_TO_SHORTWAVE > 1800) & (VISIBLE_TO_SHORTWAVE < 1960))
]
SENSORS = {
    "9.7 nm": VISIBLE_TO_SHORTWAVE,
    "9.7 nm without the water bands": WINDOWS,
    "25 nm": np.arange(420.0, 2420.0, 25.0),
    "7 nm, short-wave infrared": np.arange(1000.0, 2430.0, 7.0),
}


def library() -> SpectralLibrary:
    wavelengths, spectra, names = measured_spectra()
    return SpectralLibrary(spectra, wavelengths, names, name="usgs")


def noisy(spectra: FloatArray, seed: int, decibels: float = 30.0) -> FloatArray:
    level = np.sqrt((spectra**2).mean(axis=1, keepdims=True) / 10 ** (decibels / 10))
    return spectra + level * np.random.default_rng(seed).normal(size=spectra.shape)


@pytest.mark.parametrize("sensor", SENSORS)
def test_every_measured_spectrum_finds_itself_through_noise_on_other_bands(sensor: str) -> None:
    usgs = library().resampled(SENSORS[sensor])
    for seed in range(5):
        endmembers = SpectralLibrary(noisy(usgs.spectra, seed), usgs.wavelengths, usgs.names)
        for found in match(endmembers, usgs):
            assert found.best is not None
            fitting = {found.name, *found.also}
            assert found.endmember in fitting, f"{found.endmember} is called {found.name}, best {found.best}"
            if not found.also:  # of alike spectra (calcite, dolomite) noise may put either first
                assert found.name == found.endmember
        named_first = sum(found.name == found.endmember for found in match(endmembers, usgs))
        assert named_first >= len(usgs.names) - 1


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("decibels", [30.0, 60.0, np.inf])
def test_a_flat_spectrum_finds_nothing(sensor: str, decibels: float) -> None:
    usgs = library().resampled(SENSORS[sensor])
    flat = noisy(np.full((1, usgs.spectra.shape[1]), 0.4), 1, decibels)
    (found,) = match(SpectralLibrary(flat, usgs.wavelengths, ("flat",)), usgs)
    assert (found.name, found.reason) == (None, "flat")
    (found,) = match(SpectralLibrary(flat, usgs.wavelengths, ("flat",)), usgs, within=8.0)
    assert found.name is None  # at no tolerance: it is no one's shape


def test_what_is_not_in_the_library_finds_nothing() -> None:
    usgs = library().resampled(VISIBLE_TO_SHORTWAVE)
    alone = ["melting snow", "jarosite and muscovite", "siderite", "topaz", "buddingtonite", "dry grass", "muddy water"]
    for name in alone:
        row = usgs.names.index(name)
        others = usgs.chosen(np.arange(len(usgs.names)) != row)
        (found,) = match(usgs.chosen([row]), others)
        assert (found.name, found.reason) == (None, "far"), name
        assert found.best is not None
        assert max(found.best.spectral_angle, found.best.absorption_angle) > 4


def test_a_slope_is_no_mineral() -> None:
    usgs = library().resampled(VISIBLE_TO_SHORTWAVE)
    slope = np.linspace(0.3, 0.6, usgs.spectra.shape[1])[None]
    (found,) = match(SpectralLibrary(slope, usgs.wavelengths, ("slope",)), usgs)
    assert (found.name, found.reason) == (None, "far")


@settings(max_examples=30, deadline=None)
@given(row=st.integers(0, 22), brightness=st.floats(1e-3, 1e3), other=st.integers(0, 22))
def test_brightness_and_the_librarys_order_do_not_matter(row: int, brightness: float, other: int) -> None:
    usgs = library()
    (found,) = match(usgs.chosen([row]), usgs)
    assert found.best is not None
    assert found.best.score == pytest.approx(0, abs=1e-4)
    assert found.name == usgs.names[row]
    brighter = SpectralLibrary(brightness * usgs.spectra[[row]], usgs.wavelengths, ("x",))
    order = np.roll(np.arange(23), other)
    (again,) = match(brighter, usgs.chosen(order))
    assert (again.name, again.runner_up.name) == (found.name, found.runner_up.name)
    assert again.runner_up.score == pytest.approx(found.runner_up.score, rel=1e-6)


def test_a_slope_over_a_mineral_is_told_from_it_by_the_whole_shape_alone() -> None:
    """The two angles are two questions: of whole shape, and of absorptions under any continuum."""
    usgs = library()
    row = usgs.names.index("antigorite")
    slope = np.linspace(1, 3, usgs.spectra.shape[1])
    tilted = SpectralLibrary(usgs.spectra[[row]] * slope, usgs.wavelengths, ("tilted",))
    (found,) = match(tilted, usgs.chosen([row]))
    assert found.reason == "far"
    assert found.best.spectral_angle > 10
    assert found.best.absorption_angle < 3


def test_missing_bands_and_spectra_of_other_bands() -> None:
    usgs = library()
    spectra = usgs.spectra.copy()
    spectra[0, :300] = np.nan  # the first has a quarter of the bands, the second nearly all
    spectra[1, 50:60] = np.nan
    holes = SpectralLibrary(spectra, usgs.wavelengths, usgs.names)
    endmembers = usgs.chosen([0, 1])
    first, second = match(endmembers, holes)
    assert first.name is None
    assert second.name == usgs.names[1]
    (alone,) = match(usgs.chosen([0]), holes.chosen([0]))
    assert (alone.name, alone.reason, alone.best) == (None, "no common bands", None)
    excluded = usgs.spectra[[1]].copy()
    excluded[:, 100:150] = np.nan
    (found,) = match(SpectralLibrary(excluded, usgs.wavelengths, ("x",)), holes)
    assert found.name == usgs.names[1]


def test_spectra_that_noise_cannot_tell_apart_are_named_together() -> None:
    usgs = library()
    row = usgs.names.index("calcite")
    (clean,) = match(usgs.chosen([row]), usgs)
    assert (clean.name, clean.also) == ("calcite", ())
    assert clean.runner_up.name == "calcite and dolomite"
    dozen = noisy(np.repeat(usgs.spectra[[row]], 12, axis=0), 0, decibels=27.0)
    named = match(SpectralLibrary(dozen, usgs.wavelengths, tuple("abcdefghijkl")), usgs)
    assert all("calcite" in (found.name, *found.also) for found in named)
    assert sum("calcite and dolomite" in (found.name, *found.also) for found in named) > 3


def test_what_cannot_be_matched() -> None:
    usgs = library()
    with pytest.raises(
        UnmixError, match=r"endmembers have 410 bands but usgs has 210: resample it with library\.resampled"
    ):
        match(usgs, usgs.resampled(VISIBLE_TO_SHORTWAVE))
    with pytest.raises(UnmixError, match=r"within 0° is no angle"):
        match(usgs, usgs, within=0)


# --- derivatives


def test_a_relative_is_told_by_its_derivative_alone() -> None:
    """Two bright carbonates, whose absorptions lie 15 nm apart: two angles call them the same, the derivative does not."""
    usgs = library().resampled(VISIBLE_TO_SHORTWAVE)
    calcite, dolomite = (usgs.names.index(name) for name in ("calcite", "dolomite"))
    (found,) = match(usgs.chosen([dolomite]), usgs.chosen([calcite]))
    best = found.best
    assert best is not None
    assert max(best.spectral_angle, best.absorption_angle) < 4
    assert best.derivative_angle > 15
    assert (found.name, found.reason) == (None, "far")


def test_noise_widens_the_limit_of_the_derivative_and_of_nothing_else() -> None:
    clean = Candidate("x", 1.0, 1.0, 20.0)
    assert not clean.fits(4.0)
    assert replace(clean, noise_angle=15.0).fits(4.0)
    assert not replace(clean, noise_angle=15.0, spectral_angle=4.1).fits(4.0)
    assert clean.fits(6.0)  # it moves with the angle allowed


def test_the_noise_angle_is_what_noise_does() -> None:
    usgs = library().resampled(VISIBLE_TO_SHORTWAVE)
    axis = usgs.wavelengths
    operator, order = derivative(axis, 75.0), np.argsort(axis)
    clean = usgs.spectra @ operator.T
    drawn = noisy(usgs.spectra, 3)
    turned = np.degrees(spectral_angle(drawn @ operator.T, clean))
    told = noise_angles(drawn, operator, order)
    assert np.median(told / turned) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("axis", [np.arange(400.0, 900.0, 7.0), np.array([400.0, 410, 430, 900, 910, 950, 1600])])
def test_a_straight_line_has_its_slope_everywhere(axis: FloatArray) -> None:
    for line in (axis, axis[::-1]):
        found = derivative(line, 75.0) @ (3 + 0.25 * line)
        assert found == pytest.approx(np.full(line.size, 0.25))
        assert derivative(line, 75.0) @ np.ones(line.size) == pytest.approx(np.zeros(line.size), abs=1e-12)


def test_a_slope_does_not_look_over_a_gap() -> None:
    axis = np.concatenate([np.arange(400.0, 600.0, 10.0), np.arange(900.0, 1100.0, 10.0)])
    step = (axis > 700).astype(float)
    assert derivative(axis, 75.0) @ step == pytest.approx(np.zeros(axis.size), abs=1e-12)


# --- one to one


def of(endmember: str, **scores: float) -> Ranking:
    return Ranking(endmember, tuple(sorted((Candidate(n, s, s) for n, s in scores.items()), key=lambda c: c.score)))


def names_of(*rankings: Ranking, within: float = 4.0) -> list[str | None]:
    return [None if one is None else one.name for one in one_to_one(rankings, within)]


def test_two_that_compete_for_a_name_share_out_what_fits() -> None:
    assert names_of(of("1", calcite=1.0, dolomite=1.5), of("2", calcite=1.2, dolomite=3.9)) == ["dolomite", "calcite"]
    assert names_of(of("1", calcite=1.0, dolomite=5.0), of("2", calcite=1.2, dolomite=9.0)) == ["calcite", None]


def test_naming_two_is_better_than_naming_one_well() -> None:
    assert names_of(of("1", calcite=0.1, dolomite=3.9), of("2", calcite=3.9)) == ["dolomite", "calcite"]


def test_what_fits_nothing_or_is_flat_is_left_without_a_name() -> None:
    flat = replace(of("3", calcite=0.1), flat=2.0)
    assert names_of(of("1", calcite=7.0), of("2"), flat) == [None, None, None]
    assert names_of(flat, of("2", calcite=3.0)) == [None, "calcite"]
    assert names_of() == []


def test_the_better_of_two_spectra_of_one_name_is_taken() -> None:
    one, other = Candidate("calcite", 2.0, 2.0, library="a"), Candidate("calcite", 1.0, 1.0, library="b")
    (chosen,) = one_to_one([Ranking("1", (other, one))])
    assert chosen is other


def test_libraries_are_merged_by_score() -> None:
    found = merged([of("1", calcite=3.0), of("1", dolomite=1.0)])
    assert [one.name for one in found.candidates] == ["dolomite", "calcite"]
    assert decided(found).name == "dolomite"
