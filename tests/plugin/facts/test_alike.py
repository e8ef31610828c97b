"""Which painted regions hardly differ: on made-up pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.plugin.facts.alike import alike_regions, alike_text

BANDS = 6


def painted(*means: float) -> tuple[Cube, Annotation, dict[int, int]]:
    """A region of 100 pixels for each mean, in units of its pixels' spread along one direction."""
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(100, BANDS)) for _ in means]
    rows = [(mean + some - some.mean(axis=0)) / np.sqrt(BANDS) for mean, some in zip(means, noise, strict=True)]
    labels = np.repeat(np.arange(1, len(means) + 1), 100).reshape(len(means), 100).astype(np.int32)
    cube = Cube(np.stack(rows) + 10)
    return cube, Annotation(labels), dict.fromkeys(range(1, len(means) + 1), 100)


def test_the_two_nearest_of_those_that_hardly_differ_are_told() -> None:
    assert alike_regions(*painted(0.0, 2.0, 0.0, 5.0)) == (1, 3)
    assert alike_text((1, 3)) == "Regions 1 and 3 hardly differ: paint where the mixture is another."


def test_regions_that_differ_are_not() -> None:
    assert alike_regions(*painted(0.0, 0.1, 2.0)) == (1, 2)
    assert alike_regions(*painted(0.0, 0.2, 2.0)) is None
    assert alike_text(None) == ""


@pytest.mark.parametrize("kind", ["material", "ignore"])
def test_only_regions_are_compared(kind: str) -> None:
    cube, annotation, counts = painted(0.0, 0.0)
    meanings = {2: Meaning(kind, "rock")}  # type: ignore[arg-type]
    assert alike_regions(cube, replace(annotation, meanings=meanings), counts) is None


def test_small_ones_and_pixels_without_data_are_left_out() -> None:
    cube, annotation, counts = painted(0.0, 0.0)
    assert alike_regions(cube, annotation, counts | {2: 29}) is None
    valid = np.ones(cube.shape[:2], bool)
    valid[1] = False
    assert alike_regions(replace(cube, valid_pixels=valid), annotation, counts) is None


def test_without_a_cube_or_a_painting_there_is_nothing_to_compare() -> None:
    cube, annotation, counts = painted(0.0, 0.0)
    assert alike_regions(None, annotation, counts) is None
    assert alike_regions(cube, None, counts) is None
