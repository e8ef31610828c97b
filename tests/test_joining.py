"""Several acquisitions as one cube: every spectrum is kept and remembers where it came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Cube, SpectralAxis
from napari_unmix.joining import join_cubes, join_labels, mosaic
from napari_unmix.sentences import UnmixError

WAVELENGTHS = np.linspace(500, 590, 10)


def made(height: int, width: int, seed: int = 0, **options: object) -> Cube:
    spectra = np.random.default_rng(seed).uniform(0.1, 0.9, (height, width, 10))
    return Cube(spectra, **{"wavelengths": WAVELENGTHS, "name": f"cube{seed}", **options})  # type: ignore[arg-type]


sizes = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=2, max_size=5)


@given(sizes)
def test_every_pixel_is_kept_with_its_acquisition(shapes: list[tuple[int, int]]) -> None:
    cubes = [made(*shape, seed=k) for k, shape in enumerate(shapes)]
    joined = join_cubes(cubes)
    assert joined.acquisitions is not None
    for k, cube in enumerate(cubes, start=1):
        np.testing.assert_array_equal(joined.spectra[joined.acquisitions == k], cube.spectra.reshape(-1, 10))
    np.testing.assert_array_equal(joined.valid_pixels, joined.acquisitions > 0)


@given(sizes)
def test_parts_lie_apart_and_the_smaller_arrangement_is_taken(shapes: list[tuple[int, int]]) -> None:
    (height, width), places = mosaic(shapes)
    covered = np.zeros((height, width), int)
    for place, shape in zip(places, shapes, strict=True):
        assert covered[place].shape == shape
        grown = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in place)
        assert not covered[grown].any()
        covered[place] = 1
    tall, wide = zip(*shapes, strict=True)
    gaps = len(shapes) - 1
    assert height * width == min(max(tall) * (sum(wide) + gaps), (sum(tall) + gaps) * max(wide))


def test_joining_in_steps_numbers_all_acquisitions() -> None:
    joined = join_cubes([join_cubes([made(4, 5, 1), made(4, 5, 2)]), made(3, 5, 3)])
    assert joined.acquisitions is not None
    assert np.bincount(joined.acquisitions.ravel())[1:].tolist() == [20, 20, 15]


def test_paintings_are_joined_as_the_cubes_are() -> None:
    cubes = [made(4, 5, 1), made(6, 3, 2), made(2, 2, 3)]
    joined = join_cubes(cubes)
    labels = join_labels([np.full(cube.shape[:2], k) for k, cube in enumerate(cubes, start=1)])
    np.testing.assert_array_equal(labels, joined.acquisitions)


def test_masks_and_bands_that_any_excludes_are_excluded() -> None:
    good = np.ones((2, 10), bool)
    good[0, 2] = good[1, 7] = False
    valid = np.ones((4, 5), bool)
    valid[1, 1] = False
    joined = join_cubes([made(4, 5, 1, good_bands=good[0], valid_pixels=valid), made(4, 5, 2, good_bands=good[1])])
    np.testing.assert_array_equal(joined.good_bands, good.all(axis=0))
    assert (~joined.valid_pixels[:4, :5]).sum() == 1
    assert any("the 8 that are good in all of them" in remark for remark in joined.repairs)


def test_what_differs_is_said() -> None:
    bright = Cube(made(4, 5).spectra * 10_000, WAVELENGTHS, name="counts", repairs=("Repaired.",))
    joined = join_cubes([made(4, 5, 1, scale=10_000.0), bright])
    said = " ".join(joined.repairs)
    assert joined.name == "cube1 + counts"
    assert joined.scale == 1.0
    assert "divided by 10000 (cube1), 1 (counts)" in said
    assert "counts is much brighter than cube1" in said
    assert "counts: Repaired." in said
    alike = join_cubes([made(4, 5, 1), made(4, 5, 2)])
    assert len(alike.repairs) == 1


def test_wavelengths_within_the_tolerance_are_the_same_bands() -> None:
    near, far = WAVELENGTHS + 2.4, WAVELENGTHS + 2.6  # the spacing is 10 nm
    np.testing.assert_array_equal(join_cubes([made(2, 2), made(2, 2, 1, wavelengths=near)]).wavelengths, WAVELENGTHS)
    with pytest.raises(UnmixError, match=r"Band \d+ lies at \d+\.0 nm in cube0 but at .* in cube1 \(up to 2\.5 nm"):
        join_cubes([made(2, 2), made(2, 2, 1, wavelengths=far)])
    unknown = join_cubes([made(2, 2, 1, wavelengths=None), made(2, 2)])
    np.testing.assert_array_equal(unknown.wavelengths, WAVELENGTHS)
    assert any("cube1 has no wavelengths" in remark for remark in unknown.repairs)


def test_what_cannot_be_joined_is_one_sentence() -> None:
    with pytest.raises(UnmixError, match="at least two cubes, 1 is given"):
        join_cubes([made(2, 2)])
    with pytest.raises(UnmixError, match="cube0 has 10 bands but short has 9"):
        join_cubes([made(2, 2), Cube(np.ones((2, 2, 9)), name="short")])
    half = np.arange(10) < 5
    with pytest.raises(UnmixError, match="No band is good in all 2 cubes"):
        join_cubes([made(2, 2, good_bands=half), made(2, 2, good_bands=~half)])
    with pytest.raises(UnmixError, match="acquisitions are 3×3 but the cube is 2×2"):
        made(2, 2, acquisitions=np.ones((3, 3), int))


def test_cubes_of_shifts_keep_them_and_join_only_their_like() -> None:
    shifts = SpectralAxis("Raman shift", np.array([-10.0, 0, 10]))
    first = Cube(np.ones((2, 3, 3)), measured_axis=shifts)
    assert join_cubes([first, first]).spectral_axis is shifts
    with pytest.raises(UnmixError, match=r"lies by Raman shift \(cm⁻¹\) but cube by energy \(eV\)"):
        join_cubes([first, Cube(np.ones((2, 3, 3)), measured_axis=SpectralAxis("energy", shifts.values))])
    moved = SpectralAxis("Raman shift", shifts.values + 5)
    with pytest.raises(UnmixError, match=r"at -10\.0 cm⁻¹ in cube but at -5\.0 cm⁻¹"):
        join_cubes([first, Cube(np.ones((2, 3, 3)), measured_axis=moved)])
