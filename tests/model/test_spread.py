"""How far abundances may be off: the endmembers' errors against refits and against real errors, and the misfit's widening."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import MinimumVolume, PlaneArchetypes
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.model import infer, law
from napari_unmix.model.logratio import softmax_slope
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.spread import abundance_std, endmember_covariance, endmember_error, widened
from napari_unmix.progress import drain
from napari_unmix.regions.acceptance import Refined, refine_by_regions
from napari_unmix.regions.moments import MomentFit
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import FreeLight, SumToOne
from napari_unmix.rows.subspace import Excess
from napari_unmix.synthetic import region_scene, sample_scene

Made = Callable[..., Any]


@pytest.mark.parametrize(
    ("std", "misfit", "expected"),
    [(0.02, 1.0, 0.02), (0.02, 3.0, 0.06), (0.02, 0.5, 0.02), (0.3, 4.0, 0.5), (0.7, 1.0, 0.5), (0.0, 9.0, 0.0)],
)
def test_the_spread_is_widened_by_the_misfit_and_never_narrowed(std: float, misfit: float, expected: float) -> None:
    np.testing.assert_allclose(widened(np.array([[std]]), misfit), expected)


def test_far_from_the_boundary_the_spread_is_that_of_least_squares(setting: Made) -> None:
    made = setting(1, 3, noise=1e-3, hidden=False)
    posterior = infer.solve(*made.pixels, made.model, 60)
    corners = made.data.anchor
    edges = corners[:-1] - corners[-1]
    covariance = 1e-6 * torch.linalg.inv(edges @ edges.T)
    inside = made.model.abundances(posterior.latents).amin(dim=1) > 0.1
    found = abundance_std(posterior, made.model)[inside]
    expected = covariance.diagonal().sqrt().expand(len(found), 2)
    torch.testing.assert_close(found[:, :2], expected, rtol=0.03, atol=0)


def test_errors_of_the_endmembers_widen_the_spread_as_refits_would(setting: Made) -> None:
    made = setting(11, 3, pixels=40, hidden=False)
    model = law.Model(made.model.prior, LinearMixing(torch.eye(3, dtype=torch.float64)), 0.01**2)
    inside = model.abundances(made.truth).amin(dim=1) > 0.15  # where the linearisation is meant to hold
    assert inside.sum() > 10
    scores, labels = model.mixed(made.truth)[inside], made.data.regions[inside]
    posterior = infer.solve(made.truth[inside], scores, labels, model)
    error = torch.tensor([0.02, 0.04, 0.01], dtype=torch.float64)
    # 1. One standard deviation of each of the errors ξ_kj, both ways, refitted: what they shift, squared, adds up.
    corners, refits = model.mixing.endmembers, torch.zeros(len(scores), 3, dtype=torch.float64)
    for k in range(3):
        for j in range(3):
            shift = torch.zeros_like(corners)
            shift[k] = error[k] * (corners[j] - corners.mean(dim=0))
            laws = (law.Model(model.prior, LinearMixing(corners + sign * shift), model.variance) for sign in (1, -1))
            up, down = (one.abundances(infer.solve(posterior.latents, scores, labels, one).latents) for one in laws)
            refits += (0.5 * (up - down)) ** 2
    # 2. In closed form, of the latents; carried to the abundances.
    added = endmember_covariance(posterior, model, error, posterior.covariance())
    slope = softmax_slope(model.abundances(posterior.latents), model.basis())
    closed = torch.einsum("npd,nde,npe->np", slope, added, slope)
    np.testing.assert_allclose((closed / refits).numpy(), 1, atol=0.1)
    assert (abundance_std(posterior, model, error) > abundance_std(posterior, model)).all()


@pytest.mark.slow
def test_standard_errors_of_the_endmembers_are_the_size_of_their_errors() -> None:
    """The log of real over stated error, over scenes: none far off, and on average none. In shares of the simplex, m̄ the mean endmember."""
    ratios = []
    for seed in range(6):
        scene = region_scene(520 + seed, materials=3 + seed % 2, regions=14, size=40)
        spectra, valid, count = scene.cube.pixels(), scene.cube.valid_pixels, len(scene.endmembers)
        found = drain(find_endmembers(spectra, count, SumToOne(), strokes=[], seed=0))  # type: ignore[arg-type]
        refined = refine_by_regions(spectra, scene.annotation.labels.ravel(), valid, found, SumToOne())
        moved = refined.endmembers[match_endmembers(refined.endmembers, scene.endmembers)] - scene.endmembers
        shares = moved @ np.linalg.pinv(scene.endmembers - scene.endmembers.mean(axis=0))
        real = np.sqrt((shares**2).sum() / (count * (count - 1)))
        ratios.append(real / np.sqrt((endmember_error(refined, found) ** 2).mean()))
    assert 0.6 < np.exp(np.mean(np.log(ratios))) < 1.6
    assert 0.2 < min(ratios) < max(ratios) < 4


@pytest.mark.slow
def test_the_endmembers_errors_do_not_depend_on_the_geometrys_brightness() -> None:
    scene = sample_scene()
    spectra, valid = scene.cube.pixels(), scene.cube.valid_pixels
    found = drain(find_endmembers(spectra, 5, FreeLight(), strokes=[], seed=0))  # type: ignore[arg-type]
    dimmed = replace(found, endmembers=found.endmembers * np.array([[0.2], [3.0], [11.0], [1.0], [0.01]]))
    errors = []
    for each in (found, dimmed):
        refined = refine_by_regions(spectra, scene.annotation.labels.ravel(), valid, each, FreeLight())
        assert refined.accepted
        errors.append(endmember_error(refined, each))
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-6)


# Made-up findings in, standard errors out: an equilateral triangle of side √2, its corners the unit vectors.


def found(*, pure: bool, noise: float = 0.0) -> Found:
    recipe = PlaneArchetypes(space="affine") if pure else MinimumVolume(space="affine")
    return Found(np.eye(3), recipe, noise, Excess(1.0, 1.0, np.zeros(3), np.zeros(3)))


def refined(
    *, accepted: bool, averaged: bool = False, shift: float = 0.0, std: float = 0.0, sure: float = 0.1
) -> Refined:
    """Moments whose endmembers are ``shift`` of the simplex off the geometry's, with this standard error."""
    fit = MomentFit(np.eye(3), np.ones((1, 3)) / 3, np.ones(1), 1.0, 1, sure, np.full(3, std))
    centred = np.eye(3) - 1 / 3
    apart = shift * np.sqrt(2) * np.roll(centred, 1, axis=0)  # √2: the rms over directions along the plane
    return Refined(np.eye(3), np.full(3, std), fit, accepted, (), apart, averaged)


def test_held_endmembers_have_the_error_of_how_they_were_found() -> None:
    held = Refined(np.eye(3), np.zeros(3))
    np.testing.assert_allclose(endmember_error(held, found(pure=True)), 0.005)
    np.testing.assert_allclose(endmember_error(held, found(pure=False)), 0.02)
    noisy = endmember_error(held, found(pure=True, noise=0.1))
    np.testing.assert_allclose(noisy, np.hypot(0.005, 0.8 * 0.1))
    np.testing.assert_allclose(endmember_error(held, found(pure=False, noise=10.0)), 0.5)  # never beyond half


def test_accepted_moments_have_their_own_error_and_extrapolated_ones_also_what_parts_them_from_the_geometry() -> None:
    own = endmember_error(refined(accepted=True, std=0.1), found(pure=True))
    np.testing.assert_allclose(own, 0.1)  # (P − 1) / Σ sides² is one for these
    apart = endmember_error(refined(accepted=True, shift=0.3, std=0.1), found(pure=True))
    np.testing.assert_allclose(apart, own)
    apart = endmember_error(refined(accepted=True, shift=0.3, std=0.1), found(pure=False))
    np.testing.assert_allclose(apart, np.sqrt(0.1**2 + 0.06 * measured(0.3) ** 2))


def measured(shift: float) -> float:
    """The rms share by which ``refined`` is apart, as the code measures it."""
    shares = refined(accepted=True, shift=shift).apart @ np.linalg.pinv(np.eye(3) - 1 / 3)
    return float(np.sqrt((shares**2).sum() / 6))


def test_a_mean_of_two_estimates_has_half_the_error_of_both_together() -> None:
    error = endmember_error(refined(accepted=True, averaged=True, shift=0.2, std=0.1), found(pure=False))
    np.testing.assert_allclose(error, 0.5 * np.sqrt(0.1**2 + 0.7 * measured(0.2) ** 2))


def test_refused_moments_leave_the_endmembers_in_dispute() -> None:
    error = endmember_error(refined(accepted=False, shift=0.2, std=0.1), found(pure=True))
    np.testing.assert_allclose(error, np.hypot(0.05, 0.5 * measured(0.2)))
    assert (error > endmember_error(refined(accepted=False, shift=0.1), found(pure=True))).all()
    # Moments that determine nothing dispute nothing.
    unsure = endmember_error(refined(accepted=False, shift=0.2, sure=0.3), found(pure=True))
    np.testing.assert_allclose(unsure, 0.005)
