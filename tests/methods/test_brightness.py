"""How bright an endmember is where its abundance is one, under free illumination: its largest value 1, or its own brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from napari_unmix import Cube, Unmixing, drain, unmix
from napari_unmix.findings import NoteKind
from napari_unmix.given import Given
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import FreeLight, Inverted, OwnBrightness, SumToOne, as_bright_as, inversion
from napari_unmix.rows.simplex import scaled

BANDS, SIZE = 24, 22
_AXIS = np.linspace(0, 1, BANDS)
DARK = np.array(  # the second is four times as dark as the others
    [
        0.2 + 0.6 * _AXIS,
        0.25 * (0.8 - 0.5 * _AXIS),
        0.3 + 0.5 * np.exp(-(((_AXIS - 0.5) / 0.1) ** 2)),
    ]
)
METHODS = sorted(name for name, spec in method_specs().items() if not spec.chooser)  # one chooses among what is given


def scene(endmembers: np.ndarray, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """A scene in uneven light, with pure pixels, and its areas (SIZE², 3)."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(3, 0.6), SIZE * SIZE)
    shares[: 3 * 20] = np.repeat(np.eye(3), 20, axis=0)
    light = generator.uniform(0.7, 1.3, (SIZE * SIZE, 1))
    spectra = light * (shares @ endmembers) + 0.001 * generator.normal(size=(SIZE * SIZE, BANDS))
    return Cube(spectra.reshape(SIZE, SIZE, BANDS), np.linspace(400, 900, BANDS)), shares


def fitted(method: str, cube: Cube, brightness: str, given: Given | None = None, **others: Any) -> Unmixing:
    short = {"epochs": 2} if "epochs" in spec_class(method).model_fields else {}
    spec = spec_class(method)(endmembers=3, illumination=True, brightness=brightness, **short, **others)
    return drain(unmix(cube, spec, None, given))


def rmse(result: Unmixing, shares: np.ndarray, endmembers: np.ndarray = DARK) -> float:
    order = match_endmembers(endmembers, result.endmembers)
    return float(np.sqrt(np.mean((result.abundances.reshape(-1, 3) - shares[:, order]) ** 2)))


# --- the inversion


def test_the_words_of_a_spec_choose_the_inversion() -> None:
    assert inversion(free_light=False) == inversion(free_light=False, own_brightness=True) == SumToOne()
    assert inversion(free_light=True) == FreeLight()
    assert inversion(free_light=True, own_brightness=True) == OwnBrightness() != FreeLight()


@drawn(st.integers(0, 2**31 - 1))
def test_own_brightness_is_areas_and_maximum_is_areas_times_the_largest_values(seed: int) -> None:
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(0.05, 1, (4, 12)) * generator.uniform(0.1, 1, (4, 1))
    shares, light = generator.dirichlet(np.ones(4), 30), generator.uniform(0.2, 2, 30)
    spectra = light[:, None] * (shares @ endmembers)
    own = OwnBrightness().invert(spectra, OwnBrightness().written(endmembers))
    np.testing.assert_allclose(own.abundances, shares, atol=1e-6)
    np.testing.assert_allclose(own.illumination, light, atol=1e-6)
    composition = FreeLight().invert(spectra, FreeLight().written(endmembers)).abundances
    amounts = shares * endmembers.max(axis=1)
    np.testing.assert_allclose(composition, amounts / amounts.sum(axis=1, keepdims=True), atol=1e-6)


@drawn(st.integers(0, 2**31 - 1))
def test_scaled_endmembers_make_the_same_spectra(seed: int) -> None:
    generator = np.random.default_rng(seed)
    endmembers, target = generator.uniform(0, 1, (3, 9)), generator.uniform(0.1, 3, (3, 1))
    inverted = Inverted(generator.dirichlet(np.ones(3), 8), generator.uniform(0.1, 2, 8))
    after = as_bright_as(endmembers, inverted, endmembers * target)
    assert after.illumination is not None
    assert inverted.illumination is not None
    np.testing.assert_allclose(after.abundances.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(
        after.illumination[:, None] * (after.abundances @ (endmembers * target)),
        inverted.illumination[:, None] * (inverted.abundances @ endmembers),
        atol=1e-12,
    )


# --- the methods


@pytest.mark.parametrize("method", METHODS)
def test_held_spectra_keep_their_own_brightness_and_the_others_have_that_of_their_pixels(method: str) -> None:
    cube, _ = scene(DARK)
    known = Given.known(DARK[[1]], ["shadow"])
    result = fitted(method, cube, "own", known)
    np.testing.assert_array_equal(result.endmembers[0], DARK[1])
    assert result.inversion == OwnBrightness()
    np.testing.assert_allclose(result.abundances.sum(axis=2), 1, atol=1e-4)
    note = next(str(note) for note in result.notes if note.kind is NoteKind.BRIGHTNESS)
    assert "held ones as bright as given" in note
    assert note.endswith("abundances estimate areas under uneven light.")
    assert np.abs(result.endmembers[1:].max(axis=1) - 1).min() > 1e-6
    if method in ("ivae", "region-contrast", "sisal", "vca-fcls"):
        lengths = np.linalg.norm(result.endmembers[1:], axis=1)
        true = np.linalg.norm(DARK[match_endmembers(DARK, result.endmembers)[1:]], axis=1)
        np.testing.assert_allclose(lengths, true, rtol=0.15)  # the pixels' own light, 0.7 to 1.3, at its median


@pytest.mark.parametrize("method", ["ivae", "region-contrast", "sisal", "vca-fcls"])
def test_areas_are_told_where_brightness_differs(method: str) -> None:
    cube, shares = scene(DARK)
    own, maximum = (fitted(method, cube, brightness) for brightness in ("own", "maximum"))
    assert rmse(own, shares) < 0.05 < 0.15 < rmse(maximum, shares)
    assert own.reconstruction_rmse == pytest.approx(maximum.reconstruction_rmse, rel=0.02)
    assert not any(note.kind is NoteKind.BRIGHTNESS for note in maximum.notes)


@pytest.mark.parametrize("method", ["ivae", "sisal", "vca-fcls"])
def test_known_spectra_in_the_units_of_the_cube_or_all_in_others_give_the_same_areas(method: str) -> None:
    cube, shares = scene(DARK)
    one = fitted(method, cube, "own", Given.known(DARK, ["a", "b", "c"]))
    percent = fitted(method, cube, "own", Given.known(100 * DARK, ["a", "b", "c"]))
    assert np.sqrt(np.mean((one.abundances.reshape(-1, 3) - shares) ** 2)) < 0.02
    np.testing.assert_allclose(one.abundances, percent.abundances, atol=2e-3)


def test_equal_brightness_is_composition() -> None:
    cube, _ = scene(DARK)
    even = FreeLight().written(DARK)
    known = Given.known(even, ["a", "b", "c"])
    for method in ("vca-fcls", "sisal", "region-contrast", "ivae"):
        own, maximum = (fitted(method, cube, brightness, known) for brightness in ("own", "maximum"))
        np.testing.assert_allclose(own.abundances, maximum.abundances, atol=1e-6)
        np.testing.assert_array_equal(own.endmembers, maximum.endmembers)


def test_the_spread_is_that_of_areas() -> None:
    """What a dark material reflects says little of its area: its spread is wider than that of its part of the light."""
    cube, _ = scene(DARK)
    known = Given.known(DARK, ["a", "dark", "c"])
    own, maximum = (fitted("ivae", cube, brightness, known) for brightness in ("own", "maximum"))
    assert own.abundance_std is not None
    assert maximum.abundance_std is not None
    assert own.abundance_std[..., 1].mean() > 1.5 * maximum.abundance_std[..., 1].mean()


def test_the_order_of_known_spectra_orders_the_areas() -> None:
    cube, _ = scene(DARK)
    names = np.array(["a", "b", "c"])
    one, other = (
        fitted("vca-fcls", cube, "own", Given.known(DARK[rows], names[rows].tolist()))
        for rows in ([0, 1, 2], [2, 0, 1])
    )
    np.testing.assert_allclose(other.abundances, one.abundances[..., [2, 0, 1]], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_without_the_option_it_is_as_before(method: str) -> None:
    spec = spec_class(method)
    assert spec.model_validate({"method": method, "illumination": True}).brightness == "maximum"  # as runs before
    assert spec(illumination=False, brightness="own").brightness == "maximum"  # nothing to choose
    assert spec(illumination=True, brightness="own").own_brightness
    cube, _ = scene(DARK)
    result = fitted(method, cube, "maximum")
    np.testing.assert_allclose(result.endmembers.max(axis=1), 1.0, rtol=1e-12)
    assert result.inversion == FreeLight()


def test_least_squares_of_the_answer_is_the_answer() -> None:
    cube, _ = scene(DARK)
    result = fitted("vca-fcls", cube, "own")
    again, light = scaled(cube.pixels(), result.endmembers)
    np.testing.assert_allclose(result.abundances.reshape(-1, 3), again, atol=1e-6)
    assert result.illumination is not None
    np.testing.assert_allclose(result.illumination.ravel(), light, atol=1e-5)
