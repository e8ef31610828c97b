"""What is no data or broken is found in scenes of known truth; what is whole comes through untouched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.io import read_cube
from napari_unmix.reading import OPTIONS, REPAIRS
from napari_unmix.screening.screen import Screened, screen
from napari_unmix.synthetic import blind_scene, sample_scene

ALL = frozenset(REPAIRS)


def scene(height: int = 40, width: int = 36, bands: int = 60, noise: float = 0.002, seed: int = 0) -> np.ndarray:
    """(H, W, B) mixtures of three smooth spectra, with pure areas."""
    generator = np.random.default_rng(seed)
    place = np.linspace(0, 1, bands)
    spectra = np.stack(
        [0.12 + 0.07 * k * place + 0.5 * np.exp(-(((place - (k + 0.5) / 3) / 0.2) ** 2)) for k in range(3)]
    )
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = generator.uniform(-2, 2, (3, 3, 3))
    logits = np.stack([sum(np.cos(6 * (a * rows + b * columns) + c) for a, b, c in wave) for wave in waves], axis=2)
    abundances = np.exp(3.5 * logits)
    abundances /= abundances.sum(axis=2, keepdims=True)
    return np.asarray(abundances @ spectra + generator.normal(0, noise, (height, width, bands)))


def screened(
    spectra: np.ndarray, repair: frozenset[str] = ALL, scale: float = 1.0, ceiling: float | None = None
) -> Screened:
    numbers = np.asarray(spectra, np.float32)
    bands, pixels = np.ones(numbers.shape[2], bool), np.ones(numbers.shape[:2], bool)
    return screen(numbers, bands, pixels, repair=repair, scale=scale, ceiling=ceiling)


def said(found: Screened) -> str:
    (remark,) = found.remarks
    return remark


# Whole scenes


def eight_bits(levels: float, bands: int = 25) -> np.ndarray:
    return np.clip(np.rint(scene(60, 60, bands, 0.001) * levels), 0, 255)


def dark_water() -> np.ndarray:
    spectra = scene(60, 60)
    spectra[:25, :, 30:] = np.clip(spectra[:25, :, 30:] - 0.35, 0, None)
    return spectra


def one_pixel_of_its_own() -> np.ndarray:
    spectra = scene()
    spectra[20, 20] = spectra[5, 5][::-1] + np.sin(np.arange(60)) * 0.05
    return spectra


def counted() -> np.ndarray:
    """Raman spectra with sharp peaks and the noise of counting: peaks are noisier than what lies between them."""
    generator = np.random.default_rng(5)
    shift = np.arange(300)
    peaks = np.stack(
        [
            5 + sum(3000 * np.exp(-(((shift - centre) / 2.5) ** 2)) for centre in generator.integers(20, 280, 6))
            for _ in range(3)
        ]
    )
    return generator.poisson(generator.dirichlet(np.ones(3), (30, 30)) @ peaks).astype(float)


WHOLE: dict[str, Callable[[], np.ndarray]] = {
    "float": scene,
    "8 bits": lambda: eight_bits(250),
    "dark 8 bits": lambda: eight_bits(20),
    "darker 8 bits": lambda: eight_bits(6),
    "7 bands": lambda: scene(bands=7),
    "dark 8 bits of 7 bands": lambda: eight_bits(20, 7),
    "3 bands": lambda: scene(bands=3),
    "counts": lambda: np.rint(scene() * 40000),
    "per cent": lambda: scene() * 100,
    "tiny": lambda: scene() * 1e-12,
    "every pixel four times": lambda: np.repeat(np.repeat(scene(30, 30), 2, axis=0), 2, axis=1),
    "every pixel four times, another scene": lambda: np.repeat(np.repeat(scene(30, 30, seed=3), 2, axis=0), 2, axis=1),
    "every column four times": lambda: np.repeat(scene(60, 15, seed=2), 4, axis=1),
    "every line three times": lambda: np.repeat(scene(20, 60), 3, axis=0),
    "without noise": lambda: scene(noise=0),
    "zero in half of the bands over dark water": dark_water,
    "one pixel of its own": one_pixel_of_its_own,
    "one line": lambda: scene(1, 400),
    "few pixels": lambda: scene(5, 5, 200),
    "more bands than pixels": lambda: scene(20, 20, 900),
    "bands scaled to 0–1 each": lambda: scene() / scene().max(axis=(0, 1)),
    "derivative": lambda: np.diff(scene(), axis=2),
    "light that falls off": lambda: scene() * np.linspace(1, 0.4, 36)[:, None] ** 2,
    "counted": counted,
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_scene_comes_through_as_the_same_array(name: str) -> None:
    numbers = np.asarray(WHOLE[name](), np.float32)
    found = screen(numbers, np.ones(numbers.shape[2], bool), np.ones(numbers.shape[:2], bool), repair=ALL)
    assert found.remarks == ()
    assert found.spectra is numbers
    assert found.valid_pixels.all()
    assert found.good_bands.all()


@pytest.mark.parametrize("seed", range(4))
def test_scenes_of_measured_spectra_come_through(seed: int) -> None:
    made = blind_scene(seed, materials=4, pure=True, kind="tilt" if seed % 2 else "linear", decibels=35.0, size=40)
    assert screened(made.cube.spectra).remarks == ()


def test_the_sample_comes_through() -> None:
    assert screened(sample_scene().cube.spectra).remarks == ()


REAL = (
    "samson/samson.hdr",
    "jasper_ridge/jasperRidge2_R198.mat",
    "hysu/hysu.hdr",
    "dc1/dc1_snr30.npz",
    "sim2/sim2.npz",
)
REAL += ("apex_semi/apex_semi.npz", "wdc_semi/wdc_semi.npz", "urban4/urban4.npz", "muufl90/muufl90.npz")
REAL += ("corn_kernel/corn-kernel-hyperspectral.hdr",)


@pytest.mark.real_data
@pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: real scenes are NOT tested"
)
@pytest.mark.parametrize("file", REAL)
def test_real_scenes_come_through(file: str) -> None:
    cube: Cube = read_cube(Path(os.environ["NAPARI_UNMIX_DATA"]) / file, repair="none")
    found = screen(cube.spectra, cube.good_bands, cube.valid_pixels, repair=ALL, scale=cube.scale)
    assert found.remarks == ()
    assert found.spectra is cube.spectra


# No data


def border() -> np.ndarray:
    rows, columns = np.mgrid[0:40, 0:36]
    return np.asarray(np.abs(rows - columns) >= 24)


@pytest.mark.parametrize(
    "value", [-9999.0, -32768.0, -2147483648.0, 65535.0, 9.96921e36, -3.4028235e38, -1.0, 1e20, -777.0]
)
@pytest.mark.parametrize("bands", [slice(None), slice(10, 40)])
def test_a_fill_value_is_no_data_whether_it_is_usual_or_not(value: float, bands: slice) -> None:
    spectra, outside = scene(), border()
    filled = spectra[outside]
    filled[:, bands] = value
    spectra[outside] = filled
    found = screened(spectra)
    np.testing.assert_array_equal(found.valid_pixels, ~outside)
    assert found.good_bands.all()
    assert "no data" in said(found)
    assert "(--no-data none keeps them)" in said(found)


def test_a_fill_value_is_known_after_the_scale_as_well() -> None:
    spectra = scene()
    spectra[3, 4, 7] = -9999 / 10000
    found = screened(spectra, scale=10000)
    assert np.argwhere(~found.valid_pixels).tolist() == [[3, 4]]
    assert "1 of 1440 pixels hold -9999" in said(found)


@pytest.mark.parametrize("count", [1, 500])
def test_pixels_of_zero_are_no_data_however_few(count: int) -> None:
    spectra = scene()
    spectra.reshape(-1, 60)[:count] = 0
    found = screened(spectra)
    assert int((~found.valid_pixels).sum()) == count
    assert (
        said(found) == f"{count} of 1440 pixels are zero in all bands: left out as no data (--no-data none keeps them)"
    )


@pytest.mark.parametrize("spectrum", [np.full(60, 0.3), np.linspace(0.1, 0.2, 60) ** 2])
def test_a_spectrum_that_many_pixels_share_bit_by_bit_is_a_mask(spectrum: np.ndarray) -> None:
    spectra, outside = scene(), border()
    spectra[outside] = spectrum
    found = screened(spectra)
    np.testing.assert_array_equal(found.valid_pixels, ~outside)
    assert "share a spectrum bit by bit" in said(found)


def test_a_masked_border_is_found_where_every_pixel_occurs_four_times() -> None:
    spectra = np.repeat(np.repeat(scene(30, 30), 2, axis=0), 2, axis=1)
    spectra[:, :9] = 0.25
    np.testing.assert_array_equal(screened(spectra).valid_pixels[:, :9], False)
    assert screened(spectra).valid_pixels[:, 9:].all()


def test_who_asks_for_nothing_gets_it() -> None:
    spectra, outside = scene(), border()
    spectra[outside] = -9999
    spectra[0, 0, 3] = np.nan
    found = screened(spectra, repair=frozenset())
    assert found.remarks == ()
    assert found.valid_pixels.all()


def test_what_would_leave_nothing_is_not_done() -> None:
    assert screened(np.zeros((20, 20, 12))).valid_pixels.all()


# Bands


def test_two_holed_bands_are_left_out_and_a_holed_corner_is() -> None:
    spectra = scene()
    spectra[np.random.default_rng(0).random((40, 36)) < 0.8, 20] = np.nan
    spectra[np.random.default_rng(1).random((40, 36)) < 0.8, 21] = np.nan
    spectra[:4, :4, 30:50] = np.nan
    found = screened(spectra)
    assert np.flatnonzero(~found.good_bands).tolist() == [20, 21]
    assert not found.valid_pixels[:4, :4].any()
    assert int(found.valid_pixels.sum()) == 1440 - 16
    assert "2 bands (21–22)" in found.remarks[0]


@pytest.mark.parametrize("times", [10, 30, 250])
@pytest.mark.parametrize("bands", [[0, 1, 2, 57, 58, 59], [11, 30]])
def test_noisy_bands_are_left_out(times: float, bands: list[int]) -> None:
    spectra = scene()
    spectra[..., bands] += np.random.default_rng(2).normal(0, times * 0.002, (40, 36, len(bands)))
    found = screened(spectra)
    assert np.flatnonzero(~found.good_bands).tolist() == bands
    assert "(--bands all keeps them)" in said(found)


def test_water_bands_and_bands_of_one_number_are_left_out() -> None:
    spectra = scene(bands=100)
    bands = [*range(40, 48), *range(66, 76)]
    spectra[..., bands] = np.random.default_rng(4).normal(0, 0.3, (40, 36, 18))
    spectra[..., 96:] = 0
    found = screened(spectra)
    assert np.flatnonzero(~found.good_bands).tolist() == [*bands, *range(96, 100)]
    assert len(found.remarks) == 2


@pytest.mark.parametrize("times", [3, 10])
def test_a_noisier_detector_is_no_fault(times: float) -> None:
    spectra = scene()
    spectra[..., 36:] += np.random.default_rng(3).normal(0, times * 0.002, (40, 36, 24))
    found = screened(spectra)
    assert found.good_bands.all()
    assert all("kept, for they are many" in remark for remark in found.remarks)


# Columns, lines, spikes, saturation


@pytest.mark.parametrize("turned", [False, True])
def test_dead_columns_and_lines_are_left_out(turned: bool) -> None:
    spectra = scene(60, 60)
    spectra[:, 17, 20:40] = 0
    spectra[:, 41, 30:55] = 0
    found = screened(spectra.swapaxes(0, 1) if turned else spectra)
    valid = found.valid_pixels.T if turned else found.valid_pixels
    assert np.flatnonzero(~valid.any(axis=0)).tolist() == [17, 41]
    assert int(valid.sum()) == 58 * 60
    assert ("lines 18, 42" if turned else "columns 18, 42") in said(found)


@pytest.mark.parametrize("column", [0, 1, 20, 59])
def test_a_striped_column_is_left_out_wherever_it_is(column: int) -> None:
    spectra = scene(60, 60)
    spectra[:, column] += np.random.default_rng(7).normal(0, 0.05, 60)
    found = screened(spectra)
    assert np.flatnonzero(~found.valid_pixels.any(axis=0)).tolist() == [column]


def test_a_hot_element_is_filled_from_its_neighbours() -> None:
    whole = scene(60, 60)
    spectra = whole.copy()
    spectra[:, 12, 30] += 0.5
    found = screened(spectra)
    assert "1 detector element" in said(found)
    assert found.valid_pixels.all()
    np.testing.assert_allclose(found.spectra[:, 12, 30], whole[:, 12, 30], atol=0.05)


def test_a_road_along_a_column_is_no_stripe() -> None:
    spectra = scene(60, 60)
    spectra[:, 30] = 0.5 * spectra[5, 5] + 0.5 * spectra[50, 50] + np.random.default_rng(1).normal(0, 0.002, (60, 60))
    assert screened(spectra).remarks == ()


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("band", [0, 100, 190])
def test_spikes_are_replaced_by_what_was_there(width: int, band: int) -> None:
    whole = scene(40, 40, 200, noise=0.005)
    spectra, hit = whole.copy(), np.random.default_rng(2).random((40, 40)) < 0.01
    places = np.argwhere(hit)
    for row, column in places:
        spectra[row, column, band : band + width] += 5
    found = screened(spectra)
    assert f"{len(places) * width} numbers in {len(places)} pixels are spikes" in said(found)
    np.testing.assert_allclose(found.spectra[hit], whole[hit], atol=0.1)
    np.testing.assert_array_equal(found.spectra[~hit], spectra[~hit].astype(np.float32))


@pytest.mark.parametrize("top", [4095, None])
def test_saturated_pixels_are_left_out(top: int | None) -> None:
    spectra, glint = scene(60, 60) * 4000, np.zeros((60, 60), bool)
    glint[10:14, 10:15] = True
    spectra[glint] *= 4
    spectra = np.clip(np.rint(spectra), 0, top) if top else np.clip(spectra, None, 3333.3)
    found = screened(spectra)
    assert not found.valid_pixels[glint].any()
    assert found.valid_pixels[~glint].all()
    assert "are saturated at" in said(found)


def test_every_sentence_names_an_option_that_exists() -> None:
    spectra = scene(60, 60)
    spectra[..., 0] += np.random.default_rng(0).normal(0, 0.5, (60, 60))
    spectra[:, 17, 20:40] = 0
    spectra[30, 30, 50] += 5
    spectra[..., 59] = 1
    spectra[6, :, 20] = np.nan
    spectra[:5] = -9999
    spectra[5, :9] = 0
    remarks = screened(spectra).remarks
    assert len(remarks) >= 6
    names = {option.name for option in OPTIONS}
    for remark in remarks:
        written = [word.strip("(") for word in remark.split() if word.strip("(").startswith("--")]
        assert written
        assert set(written) <= names
        assert len(remark) <= 500
