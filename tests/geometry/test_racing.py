"""Which descents are given up, on both sides of each line; and that giving up changes no search's answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_ndtr

from napari_unmix.geometry import archetypes, racing
from napari_unmix.geometry.archetypes import IN_PLANE, ON_SPHERE, fit_archetypes, fit_from_starts
from napari_unmix.geometry.picks import starting_picks
from napari_unmix.geometry.racing import out_of_reach
from napari_unmix.geometry.volume import minimum_volume, volume_objective
from napari_unmix.progress import drain
from napari_unmix.rows.subspace import linear_subspace
from napari_unmix.synthetic import blind_scene


@pytest.mark.parametrize(
    ("losses", "needed", "given_up"),
    [
        ([9.0, 8.0, 7.0, 6.9, 6.8], 1.0, False),  # too few to tell
        ([9.0, 8.0, 7.0, 6.9, 6.8, 6.7], 3.71, False),  # 0.1 a step: 3.7 after thirty more
        ([9.0, 8.0, 7.0, 6.9, 6.8, 6.7], 3.69, True),
        ([5.0] * 6, 5.0, False),
        ([5.0] * 6, 4.9999, True),
        ([4.0, 5.0, 5.0, 5.0, 5.0, 6.0], 4.5, False),  # it was there already
        ([-1.0, -2.0, -3.0, -3.0, -3.0, -3.0], -3.1, True),
    ],
)
def test_a_descent_is_given_up_where_thirty_more_steps_would_not_do(
    losses: list[float], needed: float, given_up: bool
) -> None:
    assert out_of_reach(losses, needed) is given_up


@pytest.mark.parametrize(("cone", "share"), [(False, IN_PLANE), (False, ON_SPHERE), (True, ON_SPHERE)])
def test_the_lowest_of_all_starts_is_that_of_every_start_to_its_end(cone: bool, share: float) -> None:
    for seed in range(2):
        scene = blind_scene(5100 + seed, materials=4, pure=True, kind="illumination", decibels=30, size=24)
        spectra = scene.cube.spectra.reshape(-1, scene.cube.shape[2]).astype(float)
        scores = linear_subspace(spectra, 6).scores(spectra)
        starts = starting_picks(spectra, 4, np.random.default_rng(seed))
        weights = np.ones(len(scores))
        every = [drain(fit_archetypes(scores, scores[each], weights, share, cone=cone, sweeps=30)) for each in starts]
        lowest = min(every, key=lambda one: one.loss)
        found = drain(fit_from_starts(scores, starts, weights, share, cone=cone, sweeps=30))
        assert len(found) == len(starts)
        assert found[0].loss == lowest.loss
        np.testing.assert_array_equal(found[0].archetypes, lowest.archetypes)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=5000),
        np.arange(5000.0),  # the sample is even
        np.arange(5000.0) % 16,  # all of the sample is the smallest
        -(np.arange(5000.0) % 16),  # none of it is
        np.zeros(5000),
        np.random.default_rng(1).normal(size=40),  # too few for a sample
    ],
    ids=["drawn", "in order", "sample lowest", "sample highest", "all alike", "few"],
)
def test_the_smallest_are_the_smallest_whatever_the_sample_says(values: np.ndarray) -> None:
    for number in (1, 3, len(values) // 50 + 1, len(values) // 2):
        found = archetypes.smallest(values, number)
        assert len(np.unique(found)) == number
        np.testing.assert_array_equal(np.sort(values[found]), np.sort(values)[:number])


def test_most_starts_are_not_followed_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = blind_scene(5103, materials=4, pure=True, kind="illumination", decibels=30, size=24)
    spectra = scene.cube.spectra.reshape(-1, scene.cube.shape[2]).astype(float)
    scores = linear_subspace(spectra, 6).scores(spectra)
    starts = starting_picks(spectra, 4, np.random.default_rng(0))
    taken = []
    for module, more in ((racing, 30), (racing, 10**9)):
        monkeypatch.setattr(module, "_FURTHER", more)
        steps = fit_from_starts(scores, starts, np.ones(len(scores)), IN_PLANE)
        taken.append(sum(1 for _ in steps))
    assert taken[0] < taken[1]
    assert racing.TRIED * len(starts) <= taken[0]


def test_a_volume_beside_which_pixels_lie_far_out_is_as_scipy_has_it() -> None:
    generator = np.random.default_rng(2)
    data = np.column_stack([generator.dirichlet(np.ones(3), 40)[:, :2], np.ones(40)])
    noise = generator.uniform(0.003, 0.006, 40)
    corners = np.array([[0.4, 0.3], [0.7, 0.3], [0.4, 0.6]])
    inverse = np.linalg.inv(np.vstack([corners.T, np.ones(3)]))
    ratio = data @ inverse.T / (noise[:, None] * np.sqrt((inverse[:, :-1] ** 2).sum(axis=1)))
    for scale in (1.0, 30.0):  # with more noise no pixel is beyond where Φ is a number
        expected = np.log(0.09) - log_ndtr(ratio / scale).sum() / 40
        assert (ratio / scale < -35).any() == (scale == 1.0)
        assert volume_objective(corners.ravel(), data, scale * noise, 1.0)[0] == pytest.approx(expected, rel=1e-12)


def test_of_four_starts_the_smallest_volume_is_that_of_each_alone() -> None:
    generator = np.random.default_rng(3)
    abundances = generator.dirichlet(np.ones(3), 1500)
    abundances = abundances[abundances.max(axis=1) < 0.8]
    triangle = 10 * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    scores = abundances @ triangle + 0.05 * generator.normal(size=(len(abundances), 2))
    centre = triangle.mean(axis=0)
    starts = [centre + growth * (triangle - centre) for growth in (0.6, 0.8, 1.0, 1.5)]
    alone = [drain(minimum_volume(scores, 0.05, [start])) for start in starts]
    together = drain(minimum_volume(scores, 0.05, starts))
    assert min(np.abs(together - one).max() for one in alone) == 0
    assert np.abs(together - triangle).max() < 0.5
