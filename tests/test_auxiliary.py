"""Side information: who wins where paint and generators meet, and what may be claimed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.auxiliary import blocks, side_information, superpixels
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.synthetic import region_scene


@pytest.fixture(scope="module")
def cube() -> Cube:
    spectra = region_scene(3, size=40, regions=8).cube.spectra.copy()
    spectra[:5, :5] = np.nan
    return Cube(spectra)


def painted(cube: Cube) -> Annotation:
    labels = np.zeros(cube.shape[:2], dtype=np.int32)
    labels[10:20, 10:20], labels[25:30, 5:15], labels[35:38, 30:38] = 7, 3, 9
    return Annotation(labels, {9: Meaning("material", "rock")})


def test_painted_regions_are_numbered_without_gaps_and_the_rest_is_unknown(cube: Cube) -> None:
    annotation = painted(cube)
    side = side_information(cube, annotation, "auto")
    assert (side.source, side.count, side.painted_labels) == ("painted regions", 2, {3: 1, 7: 2})
    assert (side.labels[annotation.labels == 7] == 2).all()
    assert (side.labels[annotation.labels == 0] == 0).all()
    # A material stroke is an anchor, not a region.
    assert (side.labels[annotation.labels == 9] == 0).all()


@pytest.mark.parametrize("choice", ["superpixels", "blocks"])
def test_painted_labels_win_where_a_generator_is_asked_for_too(cube: Cube, choice: str) -> None:
    annotation = painted(cube)
    side = side_information(cube, annotation, choice)
    assert (side.labels[annotation.labels == 3] == 1).all()
    assert (side.labels[cube.valid_pixels] > 0).all()
    assert set(np.unique(side.labels[cube.valid_pixels])) == set(range(1, side.count + 1))
    assert choice in side.status


def test_without_regions_the_default_is_superpixels_even_beside_material_strokes(cube: Cube) -> None:
    only_material = Annotation(np.where(painted(cube).labels == 9, 9, 0), {9: Meaning("material", "rock")})
    for annotation in (None, only_material):
        side = side_information(cube, annotation, "auto")
        assert side.source == "superpixels"
        assert "no claim of identifiability" in side.status


def test_none_is_one_prior_for_all_valid_pixels(cube: Cube) -> None:
    side = side_information(cube, None, "none")
    np.testing.assert_array_equal(side.labels, cube.valid_pixels.astype(int))


def test_segments_have_the_size_that_was_asked_for(cube: Cube) -> None:
    for labels in (blocks(cube, 50), superpixels(cube, 50)):
        inside = labels[cube.valid_pixels]
        assert 0.4 * len(inside) / 50 < len(np.unique(inside)) < 2.5 * len(inside) / 50
