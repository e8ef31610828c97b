"""A sample of several scenes: an equal part of each, the same bits whoever draws it, on the bands of the first, and better than any scene alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube, FloatArray, Meaning, Reading
from napari_unmix.io.annotation import AnnotationReading
from napari_unmix.large.scenes import (
    Joined,
    Painted,
    Part,
    SceneOrder,
    drawn_part,
    on_bands_of,
    orders_of,
    sampled_scenes,
)
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.sentences import UnmixError

WAVELENGTHS = np.linspace(400, 1000, 30)
MATERIALS = np.array([0.15 + 0.6 * np.exp(-(((WAVELENGTHS - at) / 90) ** 2)) for at in (500, 700, 900)])
SIDE = 40
# No scene has a pixel that holds more than this of one of its three materials, another in each.
MOST_OF_ONE = 0.6


def mixtures(seed: int, lacks: int, height: int = SIDE) -> FloatArray:
    """(height, 40, B) float32 of a scene that has no pure pixel of the material ``lacks``."""
    generator = np.random.default_rng([seed, lacks])
    shares = generator.dirichlet(np.full(3, 0.6), (height, SIDE))
    while (over := shares[..., lacks] > MOST_OF_ONE).any():
        shares[over] = generator.dirichlet(np.full(3, 0.6), int(over.sum()))
    noise = generator.normal(0, 0.003, (height, SIDE, len(WAVELENGTHS)))
    return np.asarray(shares @ MATERIALS + noise, np.float32)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return written(tmp_path, 0)


def written(folder: Path, seed: int) -> list[Path]:
    """Three scenes of 30, 40 and 50 lines."""
    paths = [folder / f"scene{k}.npz" for k in range(3)]
    for k, path in enumerate(paths):
        np.savez(path, cube=mixtures(seed, k, 30 + 10 * k), wavelength=WAVELENGTHS)
    return paths


def orders(files: Sequence[Path], pixels: int = 1200, *paintings: Painted) -> list[SceneOrder]:
    return orders_of(files, Reading(), pixels, 0, paintings)


def test_every_scene_gives_as_much_and_knows_its_own(files: list[Path]) -> None:
    cube = drain(sampled_scenes(orders(files))).cube
    assert cube.acquisitions is not None
    given = np.bincount(cube.acquisitions.ravel())[1:]
    assert (given <= 400).all()
    assert (given >= 150).all()  # squares of a whole number of pixels
    for number, path in enumerate(files, 1):
        own = {row.tobytes() for row in np.load(path)["cube"].reshape(-1, len(WAVELENGTHS))}
        assert {row.tobytes() for row in cube.spectra[cube.acquisitions == number]} <= own
    assert "of 4,800 pixels of 3 cubes (one of each 2×2 to 3×3, and what is painted)" in cube.repairs[0]
    assert cube.thinned


def backwards(asked: Sequence[SceneOrder]) -> Iterator[tuple[SceneOrder, Part] | None]:
    """Who draws the last scene first, and lets wait."""
    for order in reversed(asked):
        yield None
        yield order, drawn_part(order)


def test_the_order_in_which_scenes_are_drawn_changes_no_bit(files: list[Path]) -> None:
    one, other = drain(sampled_scenes(orders(files))).cube, drain(sampled_scenes(orders(files), backwards)).cube
    np.testing.assert_array_equal(one.spectra, other.spectra)
    np.testing.assert_array_equal(one.acquisitions, other.acquisitions)
    another = drain(sampled_scenes([replace(order, seed=1) for order in orders(files)])).cube
    assert not np.array_equal(one.spectra, another.spectra)


def test_threads_give_the_same_bits(files: list[Path]) -> None:
    pytest.importorskip("distributed")
    from napari_unmix.applying.scheduling import workers_of

    with workers_of("threads", 2, "") as workers:
        made = drain(sampled_scenes(orders(files), lambda asked: workers.each(drawn_part, asked, called=str)))
    np.testing.assert_array_equal(made.cube.spectra, drain(sampled_scenes(orders(files))).cube.spectra)


def test_what_is_painted_comes_along(files: list[Path], tmp_path: Path) -> None:
    paintings = []
    for k, path in enumerate(files):
        labels = np.zeros(np.load(path)["cube"].shape[:2], np.int32)
        labels[5:9, 5:9] = 1 + k
        labels[0, 0] = 9
        np.save(tmp_path / f"painted{k}.npy", labels)
        paintings.append(Painted(tmp_path / f"painted{k}.npy", AnnotationReading(), {9: Meaning("ignore")}))
    made: Joined = drain(sampled_scenes(orders(files, 1200, *paintings)))
    assert made.labels is not None
    assert made.painted == (1, 2, 3, 9)
    assert np.bincount(made.labels.ravel(), minlength=4)[1:4].tolist() == [16, 16, 16]
    assert made.cube.acquisitions is not None
    for label in (1, 2, 3):
        assert (made.cube.acquisitions[made.labels == label] == label).all()


def cube_at(wavelengths: FloatArray, name: str = "other") -> Cube:
    line = 0.1 + 1e-4 * np.broadcast_to(wavelengths, (3, 4, wavelengths.size))
    return Cube(line, wavelengths, name=name)


def test_bands_near_enough_are_interpolated_and_others_refused() -> None:
    first = cube_at(WAVELENGTHS, "first")
    assert on_bands_of(first, same := cube_at(WAVELENGTHS)) is same
    moved = on_bands_of(first, cube_at(np.linspace(395, 1010, 60)))
    np.testing.assert_allclose(moved.spectra, first.spectra, atol=1e-6)  # on a straight line interpolation is exact
    np.testing.assert_array_equal(moved.axis, first.axis)
    assert "its bands were interpolated to those of first: they lie up to" in moved.repairs[-1]
    with pytest.raises(
        UnmixError, match=r"first needs a band at .*, other's nearest lies .* take a cube of the same sensor"
    ):
        on_bands_of(first, cube_at(WAVELENGTHS[::3]))
    numbered = replace(first, wavelengths=None)
    assert on_bands_of(numbered, same) is same


def test_too_few_pixels_a_changed_file_and_no_data_are_one_sentence(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match="299 pixels of 3 cubes are 99 of each: sample at least 300"):
        orders(files, 299)
    files[1].unlink()
    with pytest.raises(UnmixError, match=r"scene1\.npz"):
        drain(sampled_scenes(orders(files)))
    np.savez(files[1], cube=np.full((20, 20, 30), np.nan, np.float32), wavelength=WAVELENGTHS)
    with pytest.raises(UnmixError, match=r"scene1\.npz has no finite number"):
        drain(sampled_scenes(orders(files)))


def worst(cube: Cube) -> float:
    """The largest angle (degrees) between the materials and what VCA finds."""
    spec: Any = spec_class("vca-fcls")(endmembers=3)
    found = drain(unmix(cube, spec)).endmembers
    return float(np.degrees(spectral_angle(found[match_endmembers(found, MATERIALS)], MATERIALS)).max())


def test_scenes_that_each_lack_a_pure_material_are_better_together(tmp_path: Path) -> None:
    better = 0
    for seed in range(3):
        files = written(tmp_path, seed)
        together = worst(drain(sampled_scenes(orders(files, 3600))).cube)
        alone = [worst(Cube(np.load(path)["cube"], WAVELENGTHS)) for path in files]
        better += together < 0.5 * min(alone)
    assert better >= 2
