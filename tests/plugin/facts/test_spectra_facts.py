"""What the plot of spectra draws: shapes, windows, spreads, contributions, ranges of bands. Made-up numbers, no window."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Contribution
from napari_unmix.cube import Annotation, Cube
from napari_unmix.findings import Findings
from napari_unmix.library import SpectralLibrary
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.band_ranges import (
    excluded_ranges,
    excluded_text,
    good_bands_of,
    noisy_text,
    presets_of,
    with_presets,
    with_range,
    written_bands,
)
from napari_unmix.plugin.facts.curves import Curve, Drawing, View, Wishes, drawing, nearest, table
from napari_unmix.plugin.facts.endmember_spread import endmember_spread
from napari_unmix.plugin.facts.pixel_view import contributions, pixel_view
from napari_unmix.plugin.facts.region_means import region_means
from napari_unmix.plugin.facts.runs import Run, fresh_look
from napari_unmix.plugin.facts.session import Session, Survey
from napari_unmix.plugin.facts.shapes import Shape, band_text, continuum, shaped, slope

AXIS = np.linspace(400.0, 800.0, 9)


def spectrum(seed: int = 0, size: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 0.9, size)


def with_run(session: Session, cube: Cube, tools: Any, **changes: Any) -> Session:
    """A session that shows a run of the cube."""
    from datetime import datetime

    spec = spec_class("ivae")()
    unmixing = replace(tools.make_unmixing(cube, spec), **changes)
    session.cubes, session.cube = (cube,), cube
    run = Run(1, "run", datetime(2026, 1, 1), cube, spec, None, cube, unmixing, fresh_look(unmixing.endmembers))
    session.runs, session.run = (run,), run
    return session


# --- shapes


def test_a_continuum_is_the_library_s() -> None:
    values = spectrum(1, 60)
    axis = np.linspace(400, 2500, 60)
    library = SpectralLibrary(values[None], axis, ("one",))
    np.testing.assert_allclose(continuum(axis, values), library.continua()[0])


def test_a_continuum_skips_gaps_and_any_order_of_bands() -> None:
    values = spectrum(2)
    values[3] = np.nan
    turned = np.random.default_rng(0).permutation(9)
    straight = continuum(AXIS, values)
    assert np.isnan(straight[3])
    assert (straight[np.isfinite(values)] >= values[np.isfinite(values)] - 1e-12).all()
    np.testing.assert_allclose(continuum(AXIS[turned], values[turned]), straight[turned])


@pytest.mark.parametrize("shape", [Shape.CONTINUUM, Shape.MAXIMUM, Shape.AREA, Shape.LENGTH])
def test_brightness_does_not_change_a_shape_and_its_deviation_goes_with_it(shape: Shape) -> None:
    values, deviation = spectrum(3), np.full(9, 0.05)
    one = shaped(AXIS, values, deviation, shape)
    other = shaped(AXIS, 7 * values, 7 * deviation, shape)
    np.testing.assert_allclose(one[0], other[0])
    np.testing.assert_allclose(one[1], other[1])
    np.testing.assert_allclose(one[1] / one[0], deviation / values)


def test_sizes_are_one() -> None:
    values = spectrum(4)
    assert shaped(AXIS, values, None, Shape.MAXIMUM)[0].max() == pytest.approx(1)
    assert np.linalg.norm(shaped(AXIS, values, None, Shape.LENGTH)[0]) == pytest.approx(1)
    area = shaped(AXIS, values, None, Shape.AREA)[0]
    assert ((area[1:] + area[:-1]) / 2 * 50).sum() == pytest.approx(1)


def test_nothing_has_no_size() -> None:
    assert np.isnan(shaped(AXIS, np.zeros(9), None, Shape.LENGTH)[0]).all()
    assert np.isnan(shaped(AXIS, np.full(9, np.nan), None, Shape.MAXIMUM)[0]).all()


def test_a_slope_never_crosses_a_gap() -> None:
    values = 3 * AXIS
    np.testing.assert_allclose(slope(AXIS, values), 3)
    values[2] = np.nan
    values[4:] += 1000  # a step beyond the gap and one band
    found = slope(AXIS, values)
    assert np.isnan(found[2])
    np.testing.assert_allclose(found[:2], 3)
    assert found[3] == pytest.approx(3 + 1000 / 50)
    alone = np.array([1.0, np.nan, 2.0])
    assert np.isnan(slope(AXIS[:3], alone)).all()


def test_a_band_is_told_by_place_and_number(cube: Cube) -> None:
    assert band_text(cube.spectral_axis, 2) == "579 nm (band 3)"
    assert band_text(Cube(np.ones((2, 2, 5))).spectral_axis, 2) == "band 3"
    fine = Cube(np.ones((2, 2, 3)), np.array([1000.0, 1000.2, 1000.4]))
    assert band_text(fine.spectral_axis, 1) == "1000.2 nm (band 2)"


# --- windows and contributions


def test_a_window_is_the_mean_of_its_valid_pixels(cube: Cube, tools: Any) -> None:
    view = pixel_view(cube, None, 0, 0, 3)  # a corner, whose own pixel holds no data
    pixels = np.array([cube.spectra[0, 1], cube.spectra[1, 0], cube.spectra[1, 1]], float)
    good = cube.good_bands
    assert (view.pixels, view.valid) == (3, True)
    np.testing.assert_allclose(view.measured[good], pixels.mean(axis=0)[good])
    np.testing.assert_allclose(view.deviation[good], pixels.std(axis=0, ddof=1)[good])
    assert np.isnan(view.deviation[~good]).all()


def test_a_window_of_a_result_is_the_mean_of_its_pixels(cube: Cube, tools: Any) -> None:
    light = np.random.default_rng(5).uniform(0.5, 1.5, cube.shape[:2]).astype(np.float32)
    result = replace(tools.make_unmixing(cube, spec_class("ivae")()), illumination=light)
    view = pixel_view(cube, result, 5, 5, 3)
    inside = (slice(4, 7), slice(4, 7))
    good = cube.good_bands
    np.testing.assert_allclose(view.abundances, result.abundances[inside].reshape(9, 3).mean(axis=0), rtol=1e-5)
    each = [result.reconstruction(row, column) for row in (4, 5, 6) for column in (4, 5, 6)]
    np.testing.assert_allclose(view.reconstruction[good], np.mean(each, axis=0)[good], rtol=1e-5)
    np.testing.assert_allclose((view.reconstruction + view.residual)[good], view.measured[good])
    assert view.brightness == pytest.approx(float(light[inside].mean()), rel=1e-5)


def test_one_pixel_has_no_deviation(cube: Cube) -> None:
    assert pixel_view(cube, None, 5, 5).deviation is None


@pytest.mark.parametrize("beyond", [False, True])
def test_contributions_sum_to_the_reconstruction(cube: Cube, tools: Any, beyond: bool) -> None:
    rng = np.random.default_rng(1)
    light = rng.uniform(0.5, 1.5, cube.shape[:2]).astype(np.float32)
    more = Contribution(rng.normal(size=(*cube.shape[:2], 2)), rng.normal(size=(2, 8))) if beyond else None
    result = replace(tools.make_unmixing(cube, spec_class("ivae")()), illumination=light, contribution=more)
    view = pixel_view(cube, result, 5, 5, 3)
    parts, rest = contributions(view, result.endmembers)
    good = cube.good_bands
    np.testing.assert_allclose((parts.sum(axis=0) + rest)[good], view.reconstruction[good])
    assert (np.abs(rest[good]).max() > 1e-3) == beyond


def test_region_means_have_the_deviation_of_their_pixels(cube: Cube) -> None:
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[2:5, 2:5], labels[8, 8] = 1, 2
    means = region_means(cube, Annotation(labels))
    pixels = cube.spectra[2:5, 2:5].reshape(9, -1).astype(float)
    good = cube.good_bands
    np.testing.assert_allclose(means[1].deviation[good], pixels.std(axis=0, ddof=1)[good])
    assert means[2].deviation is None


def test_endmembers_have_the_spread_that_their_error_says(cube: Cube, tools: Any) -> None:
    """δm_k = β_k Σ_j ξ_j (m_j − m̄), drawn many times."""
    error = (0.02, 0.1, 0.3)
    result = replace(tools.make_unmixing(cube, spec_class("ivae")()), findings=Findings(endmember_error=error))
    spread = endmember_spread(result)
    good = cube.good_bands
    centred = (result.endmembers - result.endmembers.mean(axis=0))[:, good]
    drawn = np.random.default_rng(0).normal(size=(40_000, 3)) @ centred
    for k in range(3):
        np.testing.assert_allclose(spread[k, good], error[k] * drawn.std(axis=0), rtol=0.03)
    assert endmember_spread(tools.make_unmixing(cube, spec_class("ivae")())) is None


# --- drawings


def test_nothing_is_drawn_without_a_cube_and_it_says_what_to_do(session: Session) -> None:
    drawn = drawing(session, Wishes())
    assert drawn.curves == ()
    assert drawn.hint.startswith("Open a cube")


@pytest.mark.parametrize("view", list(View))
def test_a_view_without_curves_says_what_to_do(session: Session, cube: Cube, view: View) -> None:
    session.cube = cube
    drawn = drawing(session, Wishes(view))
    assert not drawn.curves
    assert drawn.hint


def test_the_pixel_under_the_pointer_is_drawn_in_place_of_the_selected_one(session: Session, cube: Cube) -> None:
    session.cube, session.pixel = cube, (5, 5)
    selected = drawing(session, Wishes()).of("measured")[0].values
    session.hover = (7, 3)
    hovered = drawing(session, Wishes()).of("measured")[0].values
    good = cube.good_bands
    np.testing.assert_allclose(hovered[good], cube.spectra[7, 3, good])
    session.hover = None
    np.testing.assert_array_equal(drawing(session, Wishes()).of("measured")[0].values, selected)


def test_under_free_illumination_endmembers_keep_still_and_have_their_own_axis(
    session: Session, cube: Cube, tools: Any
) -> None:
    light = np.random.default_rng(5).uniform(0.2, 0.9, cube.shape[:2]).astype(np.float32)
    with_run(session, cube, tools, illumination=light)
    session.survey = Survey(np.zeros(8), 0.0, 0.4)
    drawn = []
    for pixel in ((5, 5), (7, 3)):
        session.pixel = pixel
        drawn.append(drawing(session, Wishes()))
    for one, other in zip(drawn[0].of("endmember"), drawn[1].of("endmember"), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    assert (drawn[0].right, drawn[0].factor) == ("Scaled to maximum 1", 0.4)
    assert drawing(session, Wishes(View.ENDMEMBERS)).left == "Scaled to maximum 1"
    assert drawing(session, Wishes(shape=Shape.MAXIMUM)).right == ""
    with_run(session, cube, tools)
    assert drawing(session, Wishes()).right == ""


def test_contributions_are_stacked_up_to_the_reconstruction(session: Session, cube: Cube, tools: Any) -> None:
    with_run(session, cube, tools)
    session.pixel = (5, 5)
    drawn = drawing(session, Wishes(View.PARTS))
    parts, good = drawn.of("part"), cube.good_bands
    assert len(parts) == 3
    for below, above in pairwise(parts):
        np.testing.assert_array_equal(below.values, above.base)
    np.testing.assert_allclose(parts[-1].values[good], drawn.of("reconstruction")[0].values[good])


def test_many_endmembers_have_no_spreads(session: Session, cube: Cube, tools: Any) -> None:
    spec = spec_class("ivae")()
    for count, wanted in ((3, True), (20, False)):
        many = tools.make_unmixing(cube, spec, count)
        error = Findings(endmember_error=(0.1,) * count)
        with_run(session, cube, tools, endmembers=many.endmembers, names=many.names, findings=error)
        curves = drawing(session, Wishes(View.ENDMEMBERS)).of("endmember")
        assert [curve.deviation is not None for curve in curves] == [wanted] * count
    assert not [c for c in drawing(session, Wishes(View.ENDMEMBERS, spreads=False)).curves if c.deviation is not None]


def test_the_table_is_what_is_drawn(session: Session, cube: Cube, tools: Any) -> None:
    with_run(session, cube, tools)
    session.pixel, session.pins, session.averaging = (5, 5), ((7, 3),), 3
    drawn = drawing(session, Wishes(View.PIXEL))
    stream = io.StringIO()
    csv.writer(stream).writerows(table(drawn))
    rows = list(csv.reader(io.StringIO(stream.getvalue())))
    assert rows[0][0] == "wavelength_nm"
    assert {"pin 1 [Value]", "pin 1 ± [Value]", "mean of 9 pixels [Value]", "residual [Value]"} <= set(rows[0])
    assert len(rows) == 9
    column = rows[0].index("pin 1 [Value]")
    assert rows[1 + 3][column] == ""  # an excluded band
    assert float(rows[1][column]) == pytest.approx(drawn.of("pin")[0].values[0], rel=1e-6)


def test_contributions_are_written_each_by_itself(session: Session, cube: Cube, tools: Any) -> None:
    with_run(session, cube, tools)
    session.pixel = (5, 5)
    rows = table(drawing(session, Wishes(View.PARTS)))
    values = np.array([[float(value or "nan") for value in row] for row in rows[1:]])
    good = cube.good_bands
    np.testing.assert_allclose(values[good, 1:4].sum(axis=1), values[good, 5], rtol=1e-5)


def test_the_nearest_curve_is_found_between_its_bands() -> None:
    axis = Cube(np.ones((1, 1, 9)), AXIS).spectral_axis
    flat, steep = (
        Curve("pin", "flat", "#000000", np.full(9, 0.2)),
        Curve("pin", "steep", "#000000", np.linspace(0, 4, 9)),
    )
    drawn = Drawing(axis, (flat, steep))
    assert nearest(drawn, 475.0, 0.21, (5.0, 0.02)) is flat
    assert nearest(drawn, 425.0, 0.25, (5.0, 0.02)) is steep  # half way between two bands
    assert nearest(drawn, 475.0, 0.5, (5.0, 0.02)) is None
    gap = Curve("pin", "gap", "#000000", np.where(np.arange(9) == 1, np.nan, 0.2))
    assert nearest(Drawing(axis, (gap,)), 450.0, 0.2, (5.0, 0.02)) is None


# --- ranges of bands


def test_round_numbers_come_back_as_they_were_written() -> None:
    """Finding 19: “750-780” became “751–777”."""
    scene = Cube(np.ones((2, 2, 156)), np.linspace(401, 889, 156))
    excluded = replace(scene, good_bands=good_bands_of(scene, "750-780"))
    assert excluded_text(excluded) == "750–780"
    assert written_bands(excluded, "750.2 - 779") == "750.2 - 779"  # as the user wrote it, where it says the same
    assert written_bands(excluded, "600-650") == "750–780"


def test_any_excluded_bands_are_said_exactly() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        axis = np.sort(rng.uniform(0.3, (1, 30, 3000)[seed % 3], 40))
        scene = Cube(np.ones((2, 2, 40)), axis, rng.random(40) > 0.4)
        np.testing.assert_array_equal(good_bands_of(scene, excluded_text(scene)), scene.good_bands)


def test_ranges_are_added_and_taken_away() -> None:
    scene = Cube(np.ones((2, 2, 204)), np.linspace(400, 2500, 204))
    water = replace(scene, good_bands=good_bands_of(scene, "1350-1450, 1800-1950"))
    assert with_range(water, 910, 898, excluded=True, written="1350-1450, 1800-1950") == (
        "900–910, 1350-1450, 1800-1950"
    )
    assert with_range(water, 1340, 1460, excluded=False, written="1350-1450, 1800-1950") == "1800-1950"
    assert with_range(water, 1440, 1500, excluded=True) == "1350–1500, 1800–1950"
    assert with_range(water, 1400, 1850, excluded=False) == "1350–1400, 1850–1950"
    assert with_range(water, 1000.1, 1000.2, excluded=True) == "1350–1450, 1800–1950"  # no band lies there
    assert [found.bands for found in excluded_ranges(water)] == [10, 14]


def test_presets_are_for_wavelengths_that_the_cube_has() -> None:
    full = Cube(np.ones((2, 2, 204)), np.linspace(380, 2500, 204))
    assert len(presets_of(full)) == 4
    assert not presets_of(Cube(np.ones((2, 2, 156)), np.linspace(401, 889, 156)))
    assert not presets_of(Cube(np.ones((2, 2, 2000))))
    full = replace(full, good_bands=good_bands_of(full, "500-600"))
    written = with_presets(full, presets_of(full), "500-600")
    assert written.startswith("500-600, ")
    good = good_bands_of(full, written)
    for low, high in ((1350, 1450), (1800, 1950), (2450, 2600), (0, 400), (500, 600)):
        assert not good[(full.axis >= low) & (full.axis <= high)].any()
    assert good[(full.axis > 605) & (full.axis < 1345)].all()


def test_noisy_bands_are_said_with_their_places(cube: Cube) -> None:
    assert noisy_text(cube, ()) == "No band among those that take part stands out by its noise."
    assert noisy_text(cube, (5,)) == "1 band is mostly noise: 750–800 nm."
    assert noisy_text(cube, (3,)) == noisy_text(cube, ())  # it is left out already
