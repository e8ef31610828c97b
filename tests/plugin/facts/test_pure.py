"""The pure parts: pixel view, layers, form, names, colours."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.output.composite import COMPOSITES, composite, composite_bands
from napari_unmix.output.palette import annotation_colours, endmember_colours
from napari_unmix.plugin.facts.band_ranges import excluded_text, good_bands_of
from napari_unmix.plugin.facts.colours import annotation_row_colours, painted_labels
from napari_unmix.plugin.facts.form import form_fields
from napari_unmix.plugin.facts.naming import distinct
from napari_unmix.plugin.facts.pixel_view import pixel_view, share_text
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.viewer.layers import abundance_plane, band_limits, cube_layers
from napari_unmix.progress import Preview
from napari_unmix.sentences import UnmixError


def test_pixel_view_before_a_fit(cube: Cube) -> None:
    view = pixel_view(cube, None, 4, 5)
    good = cube.good_bands
    np.testing.assert_array_equal(view.measured[good], cube.spectra[4, 5, good].astype(float))
    assert np.isnan(view.measured[~good]).all()
    assert view.reconstruction is None
    assert view.abundances is None


def test_pixel_view_of_a_result(cube: Cube, tools: Any) -> None:
    result = tools.make_unmixing(cube, spec_class("ivae")())
    view = pixel_view(cube, result, 4, 5)
    assert view.reconstruction is not None
    assert view.residual is not None
    assert view.spread is not None
    good = cube.good_bands
    np.testing.assert_allclose(view.reconstruction[good] + view.residual[good], view.measured[good])
    np.testing.assert_allclose(view.abundances, result.abundances[4, 5])
    np.testing.assert_allclose(view.spread, result.abundance_std[4, 5])


def test_pixel_view_of_a_preview_matches_the_brightness(cube: Cube) -> None:
    endmembers = np.full((2, 8), 0.5)
    abundances = np.full((*cube.shape[:2], 2), 0.5, np.float32)
    view = pixel_view(cube, Preview(endmembers, abundances), 4, 5)
    assert view.reconstruction is not None
    good = cube.good_bands
    assert view.reconstruction[good].mean() == pytest.approx(view.measured[good].mean())


def test_pixel_without_data_has_no_abundances(cube: Cube, tools: Any) -> None:
    view = pixel_view(cube, tools.make_unmixing(cube, spec_class("ivae")()), 0, 0)
    assert not view.valid
    assert view.abundances is None


@pytest.mark.parametrize(
    ("share", "spread", "text"),
    [
        (0.62, 0.03, "62 ± 3 %"),
        (0.62, None, "62 %"),
        (0.625, 0.001, "62.5 ± 0.1 %"),
        (0.5, float("nan"), "50 %"),
        (0.223, 1e-5, "22.3 ± <0.1 %"),
    ],
)
def test_shares_have_no_more_digits_than_their_spread(share: float, spread: float | None, text: str) -> None:
    assert share_text(share, spread) == text


def test_cube_layers_are_a_view_and_carry_the_cube(cube: Cube) -> None:
    (bands, band_options, _), (image, image_options, _) = cube_layers(cube)
    assert bands.shape == (8, 12, 10)
    assert np.shares_memory(bands, cube.spectra)
    assert band_options["metadata"]["cube"] is cube
    assert image_options["metadata"]["cube"] is cube
    assert not band_options["visible"]
    assert band_options["rgb"] is False
    assert image.shape == (12, 10, 3)
    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("choice", COMPOSITES)
def test_composites_exist_for_any_cube(choice: str) -> None:
    few = Cube(np.random.default_rng(0).uniform(size=(5, 6, 2)))
    assert composite(few, choice).shape == (5, 6, 3)


def test_composite_takes_the_nearest_good_bands() -> None:
    wavelengths = np.linspace(400, 900, 101)
    good = np.ones(101, bool)
    good[48] = False  # 640 nm
    scene = Cube(np.ones((2, 2, 101)), wavelengths, good)
    assert composite_bands(scene, COMPOSITES[0]) == (47, 30, 12)
    assert composite_bands(scene, COMPOSITES[1]) == (92, 50, 30)


def test_limits_of_a_constant_cube() -> None:
    assert band_limits(Cube(np.full((3, 3, 4), 2.0))) == (2.0, 3.0)


def test_planes_have_no_gaps() -> None:
    abundances = np.full((2, 3, 2), np.nan, np.float32)
    plane = abundance_plane(abundances, 1)
    assert plane.flags.c_contiguous
    assert (plane == 0).all()


@pytest.mark.parametrize("method", list(method_specs()))
def test_form_follows_from_every_spec(method: str) -> None:
    fields = form_fields(spec_class(method))
    names = [field.name for field in fields]
    assert "illumination" in names
    assert "seed" in names
    assert not {"method", "endmembers", "auxiliary"} & set(names)
    assert [field.advanced for field in fields] == sorted(field.advanced for field in fields)
    assert all(field.tooltip and field.title for field in fields)
    seed = next(field for field in fields if field.name == "seed")
    assert (seed.annotation, seed.minimum, seed.maximum, seed.advanced) == (int, 0.0, 2**31 - 1, True)


def test_names_are_distinct() -> None:
    assert distinct("tree", []) == "tree"
    assert distinct("tree", ["tree", "tree 2"]) == "tree 3"


def test_material_strokes_take_their_endmembers_colour(cube: Cube) -> None:
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[1], labels[2], labels[3, :4] = 1, 2, 3
    session = Session()
    session.annotation = Annotation(labels, {2: Meaning("material", "rock"), 3: Meaning("ignore")})
    colours = annotation_row_colours(session)
    assert colours[1] == annotation_colours(64)[0]
    assert colours[2] == endmember_colours(2)[0]
    assert colours[3] not in annotation_colours(64)
    assert painted_labels(session) == {1: 10, 2: 10, 3: 4}


def test_excluded_bands_are_written_and_read() -> None:
    wavelengths = np.linspace(400.3, 2500.7, 200)
    scene = Cube(np.ones((2, 2, 200)), wavelengths)
    good = good_bands_of(scene, "1350–1450, 1800 - 1950 nm")
    water = ((wavelengths >= 1350) & (wavelengths <= 1450)) | ((wavelengths >= 1800) & (wavelengths <= 1950))
    np.testing.assert_array_equal(good, ~water)
    excluded = Cube(scene.spectra, wavelengths, good)
    np.testing.assert_array_equal(good_bands_of(scene, excluded_text(excluded)), good)
    assert excluded_text(scene) == ""
    assert good_bands_of(scene, "  ").all()
    numbered = Cube(np.ones((2, 2, 6)))
    np.testing.assert_array_equal(good_bands_of(numbered, "5-4, 1"), [False, True, True, False, False, True])
    assert excluded_text(Cube(np.ones((2, 2, 6)), None, good_bands_of(numbered, "5-4,1"))) == "1, 4–5"


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("water", "“water” is no range: write two numbers such as 1350–1450, and commas between ranges."),
        ("3000–3100", "No band lies in 3000–3100: the cube's bands lie in 450–900 nm."),
        ("400–1000", "That leaves 0 of 8 bands: leave at least 2."),
    ],
)
def test_ranges_that_make_no_sense_are_told(cube: Cube, written: str, sentence: str) -> None:
    with pytest.raises(UnmixError, match=re.escape(sentence)):
        good_bands_of(cube, written)
