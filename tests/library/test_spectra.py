"""Resampling and continua: their laws first, then what SPy alone would get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_unmix.cube import SpectralAxis
from napari_unmix.library import SpectralLibrary
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import measured_spectra


@st.composite
def libraries(draw: st.DrawFn) -> SpectralLibrary:
    """A few spectra of positive numbers on ascending bands, as uneven as sensors have them."""
    bands, count, seed = draw(st.integers(3, 40)), draw(st.integers(1, 4)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    wavelengths = 400 + np.cumsum(rng.uniform(10, 29, bands))
    return SpectralLibrary(rng.uniform(0.01, 1, (count, bands)), wavelengths, tuple(map(str, range(count))))


def measured() -> SpectralLibrary:
    wavelengths, spectra, names = measured_spectra()
    return SpectralLibrary(spectra, wavelengths, names, name="usgs")


def inner(library: SpectralLibrary, count: int) -> np.ndarray:
    """Bands inside a library's range."""
    assert library.wavelengths is not None
    return np.linspace(library.wavelengths[0], library.wavelengths[-1], count)


# --- resampling


@given(libraries())
def test_on_its_own_bands_a_library_is_left_as_it_is(library: SpectralLibrary) -> None:
    assert library.resampled(library.wavelengths) is library


@given(libraries(), st.integers(2, 30))
def test_a_constant_stays_that_constant(library: SpectralLibrary, count: int) -> None:
    constant = SpectralLibrary(np.full_like(library.spectra, 0.3), library.wavelengths, library.names)
    np.testing.assert_allclose(constant.resampled(inner(library, count)).spectra, 0.3, rtol=1e-12)


@given(libraries(), st.integers(2, 30))
def test_values_stay_within_the_spectrums(library: SpectralLibrary, count: int) -> None:
    new = library.resampled(inner(library, count)).spectra
    assert (new <= library.spectra.max(axis=1, keepdims=True) + 1e-12).all()
    assert (new >= library.spectra.min(axis=1, keepdims=True) - 1e-12).all()


@given(libraries(), st.integers(2, 30), st.randoms(use_true_random=False))
def test_the_order_of_the_bands_does_not_matter(library: SpectralLibrary, count: int, random: object) -> None:
    target, rng = inner(library, count), np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    mine, theirs = rng.permutation(library.spectra.shape[1]), rng.permutation(count)
    shuffled = SpectralLibrary(library.spectra[:, mine], library.wavelengths[mine], library.names)
    assume(not np.array_equal(shuffled.wavelengths, target[theirs]))
    np.testing.assert_allclose(
        shuffled.resampled(target[theirs]).spectra, library.resampled(target).spectra[:, theirs], rtol=1e-10
    )


@pytest.mark.parametrize("fwhm", [None, 12.0])
def test_it_is_spys_resampler_where_that_is_safe(fwhm: float | None) -> None:
    from spectral import BandResampler

    library, target = measured(), np.arange(450.0, 2400.0, 10.0)
    widths = None if fwhm is None else np.full(target.size, fwhm)
    theirs = BandResampler(library.wavelengths, target, None, widths)
    np.testing.assert_allclose(
        library.resampled(target, widths).spectra, library.spectra @ theirs.matrix.T, rtol=1e-12, atol=1e-15
    )


def test_bands_outside_are_empty_and_said() -> None:
    new = measured().resampled(np.arange(300.0, 2600.0, 100.0))
    empty = np.isnan(new.spectra).all(axis=0)
    np.testing.assert_array_equal(np.flatnonzero(empty), [0, 22])
    assert new.repairs == ("2 of 23 bands have no band of usgs (400–2445 nm) over them: left empty",)


def test_a_missing_value_empties_only_the_bands_over_it() -> None:
    library = measured()
    spectra = library.spectra.copy()
    spectra[0, 100:110] = np.nan  # 900–945 nm; SPy alone makes all bands of the spectrum NaN
    target = np.arange(450.0, 2400.0, 10.0)
    new = SpectralLibrary(spectra, library.wavelengths, library.names).resampled(target).spectra
    gap = np.isnan(new[0])
    assert 3 <= gap.sum() <= 5
    assert ((target[gap] >= 895) & (target[gap] <= 950)).all()
    far = (target < 880) | (target > 960)
    np.testing.assert_allclose(new[0][far], library.resampled(target).spectra[0][far])
    assert np.isfinite(new[1:]).all()


def test_steps_of_wide_bands_are_said() -> None:
    wide = measured().resampled(np.arange(450.0, 2400.0, 150.0))
    assert wide.repairs == ()
    back = SpectralLibrary(wide.spectra, wide.wavelengths, wide.names, name="six").resampled(
        np.arange(450.0, 2200.0, 10.0)
    )
    assert back.repairs == ("the bands of six are 150 nm wide, those asked for 10 nm: its values are repeated",)


def test_doubled_bands_of_a_sensor_have_a_value() -> None:
    new = measured().resampled(np.array([500.0, 510, 510, 510, 520, 530]))
    assert np.isfinite(new.spectra).all()


@pytest.mark.parametrize(
    ("wavelengths", "target", "sentence"),
    [
        (None, [500, 600], r"lib numbers its bands only: give it wavelengths in nm"),
        (
            [400, 500, 600],
            [900, 1000],
            r"lib covers 400–600 nm, the bands asked for 900–1000 nm: give a library of the same",
        ),
        ([400, 500, 600], [500], r"Resampling lib needs two bands or more, from 3 to 1 were asked for"),
    ],
)
def test_what_cannot_be_resampled(wavelengths: list[float] | None, target: list[float], sentence: str) -> None:
    library = SpectralLibrary(np.ones((1, 3)), wavelengths, ("a",), name="lib")
    with pytest.raises(UnmixError, match=sentence):
        library.resampled(np.array(target, float))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"names": ("a",)}, "has 2 spectra but 1 names: give one each"),
        ({"wavelengths": np.array([1.0, 2.0])}, "has 3 bands: give wavelengths as 3 positive numbers in nm"),
        ({"wavelengths": np.array([1.0, 2.0, np.nan])}, "give wavelengths as 3 positive numbers"),
        ({"fwhm": np.array([1.0, 2.0, 0.0])}, "give fwhm as 3 positive numbers"),
        ({"spectra": np.ones((2, 3, 1))}, r"has spectra of shape \(2, 3, 1\): give \(spectra, bands\)"),
    ],
)
def test_what_is_no_library(changes: dict[str, object], sentence: str) -> None:
    whole: dict[str, object] = {"spectra": np.ones((2, 3)), "wavelengths": np.arange(1.0, 4), "names": ("a", "b")}
    with pytest.raises(UnmixError, match=sentence):
        SpectralLibrary(**{**whole, **changes})  # type: ignore[arg-type]


# --- continua


@given(libraries())
def test_a_continuum_lies_on_its_spectrum_and_is_concave(library: SpectralLibrary) -> None:
    continua = library.continua()
    assert (continua >= library.spectra - 1e-9).all()
    np.testing.assert_allclose(continua[:, [0, -1]], library.spectra[:, [0, -1]])
    slopes = np.diff(continua, axis=1) / np.diff(library.wavelengths)
    assert (np.diff(slopes, axis=1) <= 1e-9).all()


@given(libraries(), st.floats(1e-3, 1e3))
def test_continuum_removal_is_blind_to_brightness(library: SpectralLibrary, brightness: float) -> None:
    removed = library.continuum_removed().spectra
    assert ((removed > 0) & (removed <= 1 + 1e-9)).all()
    brighter = SpectralLibrary(brightness * library.spectra, library.wavelengths, library.names)
    np.testing.assert_allclose(brighter.continuum_removed().spectra, removed, rtol=1e-6)


@given(libraries(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_a_continuum_does_not_depend_on_the_order_of_the_bands(library: SpectralLibrary, random: object) -> None:
    order = np.random.default_rng(random.randrange(2**32)).permutation(library.spectra.shape[1])  # type: ignore[attr-defined]
    shuffled = SpectralLibrary(library.spectra[:, order], library.wavelengths[order], library.names)
    np.testing.assert_allclose(shuffled.continua(), library.continua()[:, order])


def test_continua_of_dark_negative_missing_and_flat_values() -> None:
    wavelengths = np.linspace(400, 2400, 3000)
    spectra = np.stack([np.zeros(3000), np.full(3000, 0.2), np.sin(wavelengths / 50), np.full(3000, np.nan)])
    spectra[1, 5] = np.nan
    removed = SpectralLibrary(spectra, wavelengths, tuple("abcd")).continuum_removed().spectra
    np.testing.assert_allclose(removed[0], 1)
    np.testing.assert_allclose(np.delete(removed[1], 5), 1)
    assert np.isnan(removed[1, 5])
    assert ((removed[2] > 0) & (removed[2] <= 1 + 1e-9)).all()
    assert np.isnan(removed[3]).all()


def test_a_continuum_needs_three_bands() -> None:
    with pytest.raises(UnmixError, match="needs three bands, lib has 2"):
        SpectralLibrary(np.ones((1, 2)), None, ("a",), name="lib").continua()


def raman(places: np.ndarray, kind: str = "Raman shift") -> SpectralLibrary:
    axis = SpectralAxis(kind, places)  # type: ignore[arg-type]
    return SpectralLibrary(np.stack([places, places**2]), None, ("line", "square"), name="raman", measured_axis=axis)


def test_a_library_of_shifts_is_interpolated_to_other_shifts_and_to_nothing_else() -> None:
    target = SpectralAxis("Raman shift", np.array([-50.0, 100, 250, 990, 1200]))
    found = raman(np.linspace(1000, 0, 101)).interpolated(target)
    np.testing.assert_allclose(found.spectra[0], [np.nan, 100, 250, 990, np.nan])
    assert found.spectral_axis is target
    assert "was interpolated to the bands at -50–1200 cm⁻¹" in found.repairs[-1]
    with pytest.raises(
        UnmixError, match=r"lies by Raman shift .* asked for by energy .*: give a library of the same kind"
    ):
        raman(np.linspace(0, 1000, 101)).interpolated(SpectralAxis("energy", target.values))
    with pytest.raises(UnmixError, match="covers 2000–3000 cm⁻¹, the bands asked for -50–1200 cm⁻¹"):
        raman(np.linspace(2000, 3000, 101)).interpolated(target)
    with pytest.raises(UnmixError, match="has 2 bands but 3 places on its axis"):
        SpectralLibrary(np.ones((1, 2)), None, ("a",), measured_axis=SpectralAxis("energy", np.ones(3)))
