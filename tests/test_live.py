"""Maps that follow a painting: as a run from scratch has them, whatever was painted before and in which order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, FloatArray, Meaning
from napari_unmix.io import read_cube
from napari_unmix.live import Live, prepare
from napari_unmix.methods.ivae.live import LiveMaps
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import blind_scene, region_scene

# Root mean square by which live maps may differ from a run's.
CLOSE = 0.005


def spec(endmembers: int = 3, *, illumination: bool = False) -> IvaeSpec:
    return IvaeSpec(endmembers=endmembers, illumination=illumination, epochs=3)


@pytest.fixture(scope="module")
def scene() -> Cube:
    return blind_scene(777002, materials=3, pure=True, kind="linear", decibels=30.0, size=32).cube


@pytest.fixture(scope="module")
def live(scene: Cube) -> Live:
    return drain(prepare(scene, spec()))


def patches(shape: Sequence[int], *kinds: tuple[str, str, int, int]) -> Annotation:
    """A square of seven pixels for each (kind, name, row, column), labelled 1, 2, …"""
    labels, meanings = np.zeros(shape[:2], np.int32), {}
    for label, (kind, name, row, column) in enumerate(kinds, 1):
        labels[row : row + 7, column : column + 7] = label
        meanings[label] = Meaning(kind, name)  # type: ignore[arg-type]
    return Annotation(labels, meanings)


REGIONS = (("region", "", 2, 2), ("region", "", 2, 25), ("region", "", 25, 2), ("region", "", 25, 25))


def apart(maps: LiveMaps, endmembers: FloatArray, abundances: FloatArray) -> float:
    """Root mean square between live maps and those of a run, endmembers matched."""
    shown = maps.preview
    good = np.isfinite(endmembers).all(axis=0)
    order = match_endmembers(shown.endmembers[:, good], endmembers[:, good])
    return float(np.sqrt(np.nanmean((shown.abundances[..., order] - abundances) ** 2)))


def purest(maps: LiveMaps, shape: Sequence[int], index: int) -> tuple[int, int]:
    """The corner of a square of seven about the pixel that has most of an endmember."""
    row, column = divmod(int(np.nan_to_num(maps.preview.abundances[..., index]).argmax()), shape[1])
    return min(max(row - 3, 0), shape[0] - 7), min(max(column - 3, 0), shape[1] - 7)


def test_final_maps_are_a_runs_for_regions_materials_and_both(scene: Cube, live: Live) -> None:
    corner = purest(live.follow(None), scene.shape, 1)
    for kinds in ((), REGIONS, (("material", "rock", *corner),), (*REGIONS[:2], ("material", "rock", *corner))):
        painting = patches(scene.shape, *kinds)
        run = drain(unmix(scene, spec(), painting))
        followed = live.follow(painting)
        assert apart(followed, run.endmembers, run.abundances) <= CLOSE, kinds
        assert followed.names == run.names


def test_painted_regions_that_refine_the_endmembers_refine_them_here_as_well() -> None:
    made = region_scene(777100, regions=20, size=56)
    asked = spec(len(made.endmembers), illumination=made.scaled)
    run = drain(unmix(made.cube, asked, made.annotation))
    assert run.findings.moments is not None
    assert run.findings.moments.use in ("refined", "averaged")
    followed = drain(prepare(made.cube, asked)).follow(made.annotation)
    assert apart(followed, run.endmembers, run.abundances) <= CLOSE


def test_neither_the_order_of_strokes_nor_what_was_undone_matters(scene: Cube, live: Live) -> None:
    one, both = patches(scene.shape, *REGIONS[:1]), patches(scene.shape, *REGIONS[:2])
    first = live.follow(one)
    begun = drain(live.begin(both, first))
    together = drain(live.finish(begun))
    np.testing.assert_array_equal(together.abundances, live.follow(both).abundances)
    other = replace(both, labels=np.where(both.labels == 2, 2, 0))  # the second stroke alone, then the first
    other_first = drain(live.finish(drain(live.begin(both, live.follow(other)))))
    np.testing.assert_array_equal(together.abundances, other_first.abundances)
    undone = drain(live.finish(drain(live.begin(one, together))))
    np.testing.assert_array_equal(undone.abundances, first.abundances)
    assert not np.array_equal(together.abundances, first.abundances)


def test_first_maps_keep_what_is_not_painted_as_it_is_on_the_screen(scene: Cube, live: Live) -> None:
    before = live.follow(patches(scene.shape, *REGIONS[:1]))
    painting = patches(scene.shape, *REGIONS[:2])
    begun = drain(live.begin(painting, before))
    unpainted = painting.labels[scene.valid_pixels] == 0
    np.testing.assert_array_equal(begun.maps.abundances[unpainted], before.abundances[unpainted])
    assert not np.array_equal(begun.maps.abundances[~unpainted], before.abundances[~unpainted])
    assert (begun.maps.final, drain(live.finish(begun)).final) == (False, True)


def test_a_material_takes_its_name_to_the_front(scene: Cube, live: Live) -> None:
    row, column = purest(live.follow(None), scene.shape, 2)
    painting = patches(scene.shape, ("material", "rock", row, column))
    followed = live.follow(painting)
    assert followed.names[0] == "rock"
    assert followed.abundances[painting.labels[scene.valid_pixels] == 1, 0].mean() > 0.5


def test_pixels_to_be_ignored_ask_for_another_preparation(scene: Cube, live: Live) -> None:
    ignoring = patches(scene.shape, ("ignore", "", 0, 0))
    assert live.fits(None)
    assert live.fits(patches(scene.shape, *REGIONS))
    assert not live.fits(ignoring)
    other = drain(prepare(scene, spec(), ignoring))
    assert other.fits(ignoring)
    assert not other.fits(None)
    assert np.isnan(other.follow(ignoring).preview.abundances[0, 0]).all()


def test_what_cannot_be_followed_is_one_sentence(scene: Cube, live: Live) -> None:
    four = [("material", name, 2 + 9 * k, 2) for k, name in enumerate("abcd")]
    with pytest.raises(UnmixError, match="4 materials are painted but 3 endmembers"):
        live.follow(patches(scene.shape, *four))
    with pytest.raises(UnmixError, match="paint on, or crop to, the cube's size"):
        live.follow(Annotation(np.zeros((3, 3), int)))


def test_a_preparation_that_is_closed_leaves_nothing_running(scene: Cube) -> None:
    steps = prepare(scene, spec())
    stages = {next(steps).stage for _ in range(3)}
    steps.close()
    assert stages


def real(name: str) -> Cube:
    folder = os.environ.get("NAPARI_UNMIX_DATA")
    if not folder or not (Path(folder) / name).exists():
        pytest.skip("set NAPARI_UNMIX_DATA to the folder of the real scenes: live maps are held against runs there")
    samson = name == "samson"
    cube = read_cube(Path(folder) / name / ("samson.hdr" if samson else "jasperRidge2_R198.mat"))
    return Cube(cube.spectra[25:65, 25:65] / np.nanmax(cube.spectra), cube.wavelengths)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "endmembers"), [("samson", 3), ("jasper_ridge", 4)])
def test_on_real_scenes_in_free_light_final_maps_are_a_runs(name: str, endmembers: int) -> None:
    cube, asked = real(name), spec(endmembers, illumination=True)
    followed = drain(prepare(cube, asked))
    corner = purest(followed.follow(None), cube.shape, 0)
    painting = patches(cube.shape, ("material", "one", *corner), ("region", "", 32, 5), ("region", "", 5, 32))
    run = drain(unmix(cube, asked, painting))
    assert apart(followed.follow(painting), run.endmembers, run.abundances) <= CLOSE
