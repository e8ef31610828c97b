"""The cube and the annotation refuse what does not fit, in one sentence with the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.sentences import UnmixError


def test_invalid_values_in_good_bands_make_invalid_pixels() -> None:
    spectra = np.ones((3, 4, 5))
    spectra[0, 0, 1], spectra[2, 3, 4] = np.nan, np.inf
    good = np.array([True, True, True, True, False])
    cube = Cube(spectra, good_bands=good)
    assert not cube.valid_pixels[0, 0]
    assert cube.valid_pixels[2, 3]
    assert cube.pixels().shape == (11, 4)


def test_values_go_back_to_their_pixels() -> None:
    mask = np.array([[True, False], [False, True]])
    cube = Cube(np.arange(12.0).reshape(2, 2, 3), valid_pixels=mask)
    image = cube.image(cube.pixels())
    np.testing.assert_array_equal(image[mask], cube.spectra[mask])
    assert np.isnan(image[~mask]).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"spectra": np.ones((3, 4))}, "needs three axes"),
        ({"spectra": np.ones((0, 4, 2))}, "The cube is empty \\(0×4×2\\)"),
        ({"spectra": np.ones((2, 2, 3)), "wavelengths": np.arange(4.0)}, "has 3 bands but 4 wavelengths"),
        ({"spectra": np.ones((2, 2, 3)), "good_bands": np.ones(2, bool)}, "has 3 bands but 2 good-band flags"),
        ({"spectra": np.ones((2, 2, 3)), "valid_pixels": np.ones((3, 2), bool)}, "mask is 3×2 but the cube is 2×2"),
    ],
)
def test_wrong_shapes_are_named(arguments: dict[str, np.ndarray], sentence: str) -> None:
    with pytest.raises(UnmixError, match=sentence):
        Cube(**arguments)  # type: ignore[arg-type]


def test_annotations_are_integers_of_the_cubes_size() -> None:
    with pytest.raises(UnmixError, match="whole numbers on two axes, this one is float64"):
        Annotation(np.ones((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(UnmixError, match="the lowest here is -1"):
        Annotation(np.array([[-1, 0]]))
    with pytest.raises(UnmixError, match="is 1×2 pixels but the cube is 2×2"):
        Annotation(np.array([[1, 0]])).check_against(Cube(np.ones((2, 2, 3))))


def test_labels_are_sorted_by_their_meaning() -> None:
    annotation = Annotation(np.array([[1, 2, 3, 0]]), {2: Meaning("material", "rock"), 3: Meaning("ignore")})
    assert (annotation.of_kind("region"), annotation.of_kind("material"), annotation.of_kind("ignore")) == (
        [1],
        [2],
        [3],
    )


@pytest.mark.parametrize(
    ("wavelengths", "said"),
    [
        (np.linspace(400.6, 889.2, 7), "Cube 'samson', 5×4 pixels, 7 bands (401–889 nm)"),
        (None, "Cube 'samson', 5×4 pixels, 7 bands"),
    ],
)
def test_a_cube_says_what_it_is_in_one_line(wavelengths: np.ndarray | None, said: str) -> None:
    cube = Cube(np.ones((5, 4, 7)), wavelengths, name="samson")
    assert repr(cube) == str(cube) == said
    assert repr((cube,)) == f"({said},)"
