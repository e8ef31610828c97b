"""Cubes in memory of which the search reads a part: a target that it lacked is found, and where nothing is lacking nothing changes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from tests.large.conftest import Spectra, materials, mixtures

from napari_unmix import drain, pipeline, unmix
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.geometry import search
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.progress import Progress
from napari_unmix.rows.metrics import spectral_angle

SIDE, SEED, READ = 100, 0, 8_000


@pytest.fixture(autouse=True)
def a_search_that_reads_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a part of a scene is a matter of a second: 40,000 pixels are read otherwise."""
    monkeypatch.setattr(search, "MOST_PIXELS", READ)


@cache
def unread() -> slice:
    """Three pixels side by side that a search does not draw; the first draw of its generator is which pixels it reads."""
    drawn = np.random.default_rng(SEED).choice(np.arange(SIDE**2), READ, replace=False)
    free = np.setdiff1d(np.arange(SIDE**2), drawn)
    first = int(free[:-2][np.diff(free, 2) + 2 * np.diff(free)[:-1] == 2][0])
    return slice(first, first + 3)


def fit(spectra: Spectra, endmembers: int) -> Unmixing:
    return drain(unmix(Cube(spectra), IvaeSpec(endmembers=endmembers, seed=SEED)))


def test_a_target_of_three_pixels_that_the_search_did_not_read_is_found() -> None:
    spectra = mixtures(SIDE)
    noise = np.random.default_rng(5).normal(0, 0.003, (3, spectra.shape[2]))
    spectra.reshape(SIDE**2, -1)[unread()] = materials()[3] + noise
    result = fit(spectra, 4)
    angles = np.degrees(spectral_angle(result.endmembers, np.tile(materials()[3], (4, 1))))
    assert angles.min() < 3
    assert (result.abundances.reshape(-1, 4)[unread(), angles.argmin()] > 0.95).all()
    assert "fewer than 4 pixels may have been missing in the sample: 3 pixels that stood out were added" in str(
        result.notes[-1]
    )


def test_faults_are_no_materials_and_move_nothing() -> None:
    spectra = mixtures(SIDE)
    spectra[20, 20:24], spectra[30, 30:33, 7], spectra[10, 10] = 0, 0, materials()[3]
    seen: list[Progress] = []
    result = drain(unmix(Cube(spectra), spec := IvaeSpec(endmembers=3, seed=SEED)), seen.append)
    before = drain(pipeline.unmix(Cube(spectra), spec))
    for name in ("endmembers", "abundances", "abundance_std", "reconstruction_error"):
        np.testing.assert_array_equal(getattr(result, name), getattr(before, name))
    said = str(result.notes[-1])
    assert "no pixels were added, and none that are alike stand out" in said
    assert (
        "4 pixels of zeros in all bands, 3 pixels off in one band, as a fault of the detector is, 1 pixel like no other."
        in said
    )
    assert [step.fraction for step in seen] == sorted(step.fraction for step in seen)


def test_a_scene_that_is_read_whole_is_not_looked_at_again() -> None:
    spec = IvaeSpec(endmembers=3, seed=SEED)
    result, before = (drain(way(Cube(mixtures(20)), spec)) for way in (unmix, pipeline.unmix))
    assert result.notes == before.notes
