"""A part of a scene's pixels, on which archetypes are followed first: what is in it, and what the answer is of."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.archetypes import IN_PLANE, ON_SPHERE, Archetypes, fit_from_starts
from napari_unmix.geometry.parts import EVERY, Part, fit_by_a_part
from napari_unmix.geometry.picks import starting_picks
from napari_unmix.geometry.search import MOST_PIXELS, followed
from napari_unmix.geometry.seen import LossOf
from napari_unmix.model.fit import most_learned
from napari_unmix.progress import drain
from napari_unmix.rows.subspace import linear_subspace
from napari_unmix.synthetic import blind_scene


@cache
def pixels() -> tuple[FloatArray, list[IntArray], FloatArray]:
    """Scores of 2,304 pixels, starts, and weights that are not all alike."""
    scene = blind_scene(5104, materials=3, pure=True, kind="illumination", decibels=35, size=48)
    spectra = scene.cube.pixels()
    scores = linear_subspace(spectra, 4).scores(spectra)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(scores))
    return scores, starting_picks(spectra, 3, np.random.default_rng(0)), weights


def loss_of(found: Archetypes) -> float:
    scores, _, weights = pixels()
    return float(weights @ ((scores - found.abundances @ found.archetypes) ** 2).sum(axis=1))


def test_a_part_holds_every_so_many_th_pixel_and_all_starts() -> None:
    part = Part.of(20, [np.array([7, 3]), np.array([4, 19])], 4)
    np.testing.assert_array_equal(part.rows, [0, 3, 4, 7, 8, 12, 16, 19])
    np.testing.assert_array_equal(part.rows[part.starts[0]], [7, 3])
    np.testing.assert_array_equal(part.rows[part.starts[1]], [4, 19])


@pytest.mark.parametrize("cone", [False, True])
def test_every_pixel_is_the_search_without_parts_to_the_bit(cone: bool) -> None:
    scores, starts, weights = pixels()
    plain = drain(fit_from_starts(scores, starts, weights, ON_SPHERE, cone=cone, sweeps=20))
    found = drain(fit_by_a_part(scores, starts, weights, ON_SPHERE, every=1, cone=cone, sweeps=20))
    assert [one.loss for one in found] == [one.loss for one in plain]
    np.testing.assert_array_equal(found[0].archetypes, plain[0].archetypes)


@pytest.mark.parametrize(("cone", "share"), [(False, IN_PLANE), (True, ON_SPHERE)])
def test_the_answer_is_of_all_pixels_and_ends_as_low(cone: bool, share: float) -> None:
    scores, starts, weights = pixels()
    plain = drain(fit_from_starts(scores, starts, weights, share, cone=cone))
    seen: list[float] = []
    found = drain(fit_by_a_part(scores, starts, weights, share, every=EVERY, cone=cone), seen.append)
    assert len(found) == len(starts)
    assert [one.loss for one in found] == sorted(one.loss for one in found)
    for one in found:
        assert one.abundances.shape == (len(scores), 3)
        assert one.loss == pytest.approx(loss_of(one))
    assert found[0].loss < 1.001 * plain[0].loss
    # What is seen on the way is in the units of the answer, and what is seen last is the answer.
    shown = [loss for loss in seen if isinstance(loss, LossOf)]
    assert min(shown) > 0.8 * found[0].loss
    np.testing.assert_array_equal(shown[-1].corners(), found[0].archetypes)


def test_only_scenes_of_which_a_part_is_read_are_followed_on_a_part() -> None:
    assert [followed(count) for count in (9, MOST_PIXELS, MOST_PIXELS + 1, 10**6)] == [1, 1, EVERY, EVERY]


def test_the_prior_is_learned_from_all_pixels_up_to_forty_thousand() -> None:
    assert [most_learned(count) for count in (9, 40_000, 40_001, 10**6)] == [9, 40_000, 20_000, 20_000]
