"""What regions decide about endmembers: made-up numbers in, accepted, averaged or refused out; and the formulas behind them, written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import gammaln, logsumexp

from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import Corners, MinimumVolume, PlaneArchetypes, SphereArchetypes
from napari_unmix.progress import drain
from napari_unmix.regions import acceptance, contrast
from napari_unmix.regions.acceptance import (
    Refined,
    most_misfit,
    painted_moments,
    refine_by_regions,
    spatial_redundancy,
    without_brightness,
)
from napari_unmix.regions.contrast import ContrastiveHead, LinearGcl, clip_softness, linear_gcl, usable_regions
from napari_unmix.regions.moments import MomentFit, RegionMoments, fit_region_moments, region_moments
from napari_unmix.rows.inversion import FreeLight, Inversion, inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.subspace import Excess, Subspace, affine_subspace

judged = acceptance._judged


def way(sum_to_one: bool) -> Inversion:
    return inversion(free_light=not sum_to_one)


def moments_of(
    spectra: np.ndarray, regions: np.ndarray, valid: np.ndarray, endmembers: np.ndarray, noise: float, sum_to_one: bool
) -> RegionMoments | None:
    lit = without_brightness(spectra, regions, noise, endmembers, way(sum_to_one))
    return painted_moments(*lit, valid, len(endmembers))


def recipe_of(route: str, *, pure: bool) -> Corners:
    if route == "sphere":
        return SphereArchetypes()
    return (PlaneArchetypes if pure else MinimumVolume)(space=route)  # type: ignore[arg-type]


WEAK = contrast._WEAK


# --- what tells regions apart


def learned(pixels: float = 424.0, information: float = 0.05, regions: int = 4, size: int = 3) -> LinearGcl:
    """By default two more nats than chance would give: 2 · 424 · 0.05 = 42.4 against 15 + 5 √30 = 42.39."""
    blank = np.zeros((regions, size))
    return LinearGcl(np.eye(size), blank, blank[:, 0], 1.0, 1.0 + information, 0.05, pixels)


@pytest.mark.parametrize(
    ("pixels", "information", "regions", "apart"),
    [(424, 0.05, 4, True), (423, 0.05, 4, False), (848, 0.025, 4, True), (424, -0.05, 4, False), (424, 0.05, 5, False)],
)
def test_information_tells_regions_apart_from_five_deviations_over_chance_on(
    pixels: float, information: float, regions: int, apart: bool
) -> None:
    made = learned(pixels, information, regions)
    assert made.information == pytest.approx(information)
    assert made.tells_apart is apart


def test_the_freedom_is_that_of_the_evidence_and_of_the_vertices() -> None:
    # Four endmembers, three regions: 2 · 4 + 4 · 3 = 20, and 20 + 5 √40 = 51.6.
    assert learned(1000, 0.0259, 3, 4).tells_apart
    assert not learned(1000, 0.0257, 3, 4).tells_apart


def test_usable_regions_have_thirty_pixels_and_a_label() -> None:
    regions = np.repeat([0, 1, 2, 4, 9], [50, 30, 29, 31, 300])
    np.testing.assert_array_equal(usable_regions(regions), [1, 4, 9])


@pytest.mark.parametrize(("noise", "softness"), [(0.1, 0.025), (0.2, 0.05), (1e-3, 1e-3), (10.0, 0.2)])
def test_the_clip_is_half_the_abundances_noise_within_limits(noise: float, softness: float) -> None:
    # Two endmembers two units apart: noise of one unit is half an abundance.
    subspace = Subspace(np.array([5.0]), np.eye(1))
    np.testing.assert_allclose(clip_softness(np.array([[5.0], [7.0]]), subspace, noise), [softness, softness])


def gcl_data(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Endmembers (3, 5), abundances, spectra and targets of three regions."""
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(0.2, 1, (3, 5))
    alpha = np.array([[8.0, 2, 2], [2, 9, 4], [3, 3, 7]])
    abundances = np.vstack([generator.dirichlet(row, count) for row in alpha])
    return endmembers, abundances, abundances @ endmembers, np.repeat(np.arange(3), count)


def head(softness: float = 1e-3, **changes: np.ndarray) -> ContrastiveHead:
    endmembers, _, spectra, targets = gcl_data()
    start = changes.get("start", endmembers)
    return ContrastiveHead(spectra, targets, affine_subspace(spectra, 2), start, np.full(3, softness))


def test_the_heads_abundances_are_barycentric_and_clipped_softly() -> None:
    _, abundances, _, _ = gcl_data()
    np.testing.assert_allclose(head().abundances().detach().numpy(), abundances, atol=1e-3)
    clipped = 0.1 * np.log1p(np.exp(abundances / 0.1))
    np.testing.assert_allclose(head(0.1).abundances().detach().numpy(), clipped, rtol=1e-6)


def test_the_head_starts_at_the_dirichlet_of_the_regions_means() -> None:
    targets = gcl_data()[3]
    kept = np.maximum(head().abundances().detach().numpy(), 0.01)
    kept = kept / kept.sum(axis=1, keepdims=True)
    mean = np.array([kept[targets == k].mean(axis=0) for k in range(3)])
    variance = np.array([kept[targets == k].var(axis=0) for k in range(3)])
    concentration = (mean * (1 - mean)).sum(axis=1) / variance.sum(axis=1) - 1
    alpha = concentration[:, None] * mean
    offsets = gammaln(concentration) - gammaln(alpha).sum(axis=1) + np.log(60)
    made = head()
    np.testing.assert_allclose(made.evidence.detach().numpy(), alpha - alpha.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(made.offsets.detach().numpy(), offsets - offsets.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        alpha, [[8, 2, 2], [2, 9, 4], [3, 3, 7]], rtol=0.5
    )  # so the formula is the right one, too


def entropy_by_hand(made: ContrastiveHead, targets: np.ndarray) -> float:
    scores = np.log(made.abundances().detach().numpy()) @ made.evidence.detach().numpy().T
    scores = scores + made.offsets.detach().numpy()
    return float((logsumexp(scores, axis=1) - scores[np.arange(len(targets)), targets]).mean())


def test_the_loss_is_the_cross_entropy_with_four_penalties() -> None:
    _, _, spectra, targets = gcl_data()
    centre = gcl_data()[0].mean(axis=0)
    start = centre + 3 * (gcl_data()[0] - centre)  # some endmembers below zero
    made = head(start=start)
    with torch.no_grad():
        made.evidence += torch.tensor([0.5, -0.2, 0.1])
        made.offsets += 0.3
    evidence, offsets = made.evidence.detach().numpy(), made.offsets.detach().numpy()
    level = np.abs(spectra.mean(axis=0)).mean()
    penalties = (
        100 * (np.maximum(-start, 0) ** 2).mean() / level**2,
        1e-3 * ((evidence.mean(axis=0) ** 2).mean() + offsets.mean() ** 2),
        WEAK * ((evidence - evidence.mean(axis=0)) ** 2).sum() / len(targets),
    )
    np.testing.assert_allclose(made.cross_entropy(), entropy_by_hand(made, targets), rtol=1e-9)
    np.testing.assert_allclose(float(made.loss().detach()), made.cross_entropy() + sum(penalties), rtol=1e-6)


def test_training_goes_down_and_leaves_the_best_point() -> None:
    made = head()
    start = made.value
    values = list(made.train(50))
    assert 1 < len(values) <= 10  # five iterations each
    assert made.value == min(values) < start
    assert float(made.loss().detach()) == pytest.approx(made.value)


def test_the_summary_is_centred_and_counts_independent_pixels() -> None:
    _, _, _, targets = gcl_data()
    made = head()
    with torch.no_grad():
        made.evidence += 2.0
        made.offsets += 1.0
    single, redundant = made.summary(1.0), made.summary(4.0)
    np.testing.assert_allclose(single.evidence.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(single.offsets.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(single.evidence, axis=0), np.diff(made.evidence.detach().numpy(), axis=0))
    np.testing.assert_allclose(single.endmembers, gcl_data()[0], atol=1e-9)
    assert single.chance == pytest.approx(np.log(3))
    assert single.cross_entropy == pytest.approx(entropy_by_hand(made, targets))
    assert (single.pixels, redundant.pixels) == (180, 45)
    assert redundant.relative_error == pytest.approx(2 * single.relative_error)


def test_learning_takes_the_best_start_and_reads_usable_regions_only() -> None:
    endmembers, _, spectra, targets = gcl_data(200)
    centre = endmembers.mean(axis=0)
    wide = centre + 3 * (endmembers - centre)
    stray = np.concatenate([targets + 1, np.full(29, 7)])
    more = np.vstack([spectra, np.full((29, 5), 9.0)])
    fits = [drain(linear_gcl(more, stray, starts, 1e-3)) for starts in ([wide, endmembers], [endmembers])]
    np.testing.assert_allclose(fits[0].endmembers, fits[1].endmembers, atol=0.02)
    assert fits[0].evidence.shape == (3, 3)
    assert fits[0].pixels == 600
    assert fits[0].cross_entropy <= fits[0].chance


# --- moments


def test_moments_are_of_the_regions_with_thirty_pixels_in_scaled_coordinates() -> None:
    generator = np.random.default_rng(1)
    spectra = generator.dirichlet([2.0, 3, 4], 200) @ generator.uniform(size=(3, 6))
    regions = np.repeat([1, 2, 3, 5], [30, 29, 60, 81])
    made = region_moments(spectra, regions, 3, 0.02, redundancy=2.0)
    assert made is not None
    subspace = affine_subspace(spectra, 2)
    scores = subspace.scores(spectra)
    spread = scores.std(axis=0)
    groups = [scores[regions == label] / spread for label in (1, 3, 5)]
    assert (made.regions, made.dimension) == (3, 2)
    np.testing.assert_allclose(made.means, [group.mean(axis=0) for group in groups])
    np.testing.assert_allclose(made.covariances, [np.cov(group.T, bias=True) for group in groups])
    np.testing.assert_allclose(made.counts, [15, 30, 40.5])
    np.testing.assert_allclose(made.noise, 0.02**2 / spread**2)
    np.testing.assert_allclose(made.to_spectra(scores / spread), spectra, atol=1e-9)
    np.testing.assert_allclose(made.to_vertices(spectra), scores / spread, atol=1e-9)
    assert region_moments(spectra, np.repeat([0, 1], [171, 29]), 3, 0.02) is None


SPREAD = np.array([0.5, 0.2])
VERTICES = np.array([[-2.0, -1.0], [2.5, -1.5], [0.5, 2.0]])
SHARES = np.array([[6, 2, 2], [2, 6, 2], [2, 2, 6], [5, 4, 1], [1, 5, 4], [4, 1, 5]]) / 10
CONCENTRATIONS = np.array([4.0, 6, 8, 10, 12, 14])
COUNTS = np.array([100.0, 150, 200, 250, 300, 350])
NOISE = np.array([0.01, 0.02])


def model(vertices: np.ndarray, shares: np.ndarray, concentrations: np.ndarray) -> np.ndarray:
    """(R, d, d) covariances of Dirichlet mixtures."""
    spread = [np.diag(share) - np.outer(share, share) for share in shares]
    parts = [vertices.T @ each @ vertices / (c + 1) for each, c in zip(spread, concentrations, strict=True)]
    return np.array(parts) + np.diag(NOISE)


BASIS = np.array([[0.0, 0.6, 0.8, 0.0], [0.0, 0.8, -0.6, 0.0]])


def exact_moments(factor: float = 1.0, shares: np.ndarray = SHARES, level: float = 3.0) -> RegionMoments:
    """Population moments of six regions; one variance of every second one ``factor`` times as large."""
    covariances = model(VERTICES, shares, CONCENTRATIONS)
    covariances[::2, 0, 0] *= factor
    return RegionMoments(shares @ VERTICES, covariances, COUNTS, NOISE, SPREAD, BASIS, np.full(4, level))


def likelihood(made: RegionMoments, parameters: np.ndarray) -> float:
    """J: twice the negative log-likelihood above that of free covariances; shares of a thousandth at least, and three penalties."""
    vertices, concentrations = parameters[:6].reshape(3, 2), np.exp(parameters[6:])
    lifted = np.column_stack([made.means, np.ones(6)])
    shares = np.linalg.solve(np.vstack([vertices.T, np.ones(3)]), lifted.T).T
    kept = np.maximum(shares, 1e-3)
    kept = kept / kept.sum(axis=1, keepdims=True)
    total = 0.0
    for count, sample, fitted in zip(made.counts, made.covariances, model(vertices, kept, concentrations), strict=True):
        ratio = np.linalg.solve(fitted, sample)
        total += count * (np.trace(ratio) - np.log(np.linalg.det(ratio)) - 2)
    penalties = (
        1e4 * (np.maximum(2e-3 - shares, 0) ** 2).sum(),
        1e2 * (np.maximum(-made.to_spectra(vertices), 0) ** 2).mean() / made.origin.mean() ** 2,
        1e-4 * ((parameters[6:] - np.log(8)) ** 2).mean(),
    )
    return float(total + 2 * made.counts.sum() * sum(penalties))


def starts(made: RegionMoments) -> list[np.ndarray]:
    centre = VERTICES.mean(axis=0)
    return [made.to_spectra(centre + growth * (VERTICES - centre)) for growth in (0.5, 1.1)]


def test_exact_moments_give_the_simplex_and_the_concentrations_back() -> None:
    made = exact_moments()
    fit = fit_region_moments(made, starts(made))
    np.testing.assert_allclose(fit.endmembers, made.to_spectra(VERTICES), atol=5e-3)
    np.testing.assert_allclose(fit.means, SHARES, atol=5e-3)
    np.testing.assert_allclose(fit.concentrations, CONCENTRATIONS, rtol=0.02)
    assert fit.freedom == 6 * 3 - 3 * 2 - 6
    assert fit.misfit < 0.1


SMALL_SHARES = np.vstack([[[0.0005, 0.3, 0.6995]], SHARES[1:]])


@pytest.mark.parametrize(
    ("shares", "level"), [(SMALL_SHARES, 3.0), (SHARES, 0.3)], ids=["no share", "negative endmembers"]
)
def test_shares_of_nothing_and_negative_endmembers_are_penalised(shares: np.ndarray, level: float) -> None:
    made = exact_moments(1.3, shares, level)
    fit = fit_region_moments(made, starts(made))
    best = np.concatenate([made.to_vertices(fit.endmembers).ravel(), np.log(fit.concentrations)])
    assert fit.misfit == pytest.approx(likelihood(made, best) / fit.freedom, rel=1e-3)
    assert level > 1 or fit.endmembers.min() < 0


def test_the_best_start_counts_wherever_it_stands() -> None:
    made = exact_moments()
    good, far = made.to_spectra(VERTICES), made.to_spectra(5 * VERTICES[::-1] + 1)
    fits = [fit_region_moments(made, each, iterations=1).misfit for each in ([good, far], [far, good], [good], [far])]
    assert fits[0] == fits[1] == fits[2] < fits[3]


def test_misfit_and_standard_errors_are_those_of_the_likelihood() -> None:
    made = exact_moments(1.3)
    fit = fit_region_moments(made, starts(made))
    best = np.concatenate([made.to_vertices(fit.endmembers).ravel(), np.log(fit.concentrations)])
    np.testing.assert_allclose(fit.misfit, likelihood(made, best) / fit.freedom, rtol=1e-3)
    assert fit.misfit > 0.3
    step = 1e-3 * np.eye(12)
    hessian = np.array(
        [
            [
                sum(a * b * likelihood(made, best + a * step[i] + b * step[j]) for a in (1, -1) for b in (1, -1))
                for j in range(12)
            ]
            for i in range(12)
        ]
    )
    variances = np.diag(np.linalg.inv(hessian / 4e-6 / 2))[:6].reshape(3, 2)
    vertices = best[:6].reshape(3, 2)
    size = ((vertices - vertices.mean(axis=0)) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(fit.relative_error, np.sqrt(variances.sum(axis=1).mean() / size), rtol=0.02)
    np.testing.assert_allclose(fit.vertex_std, np.sqrt((variances * SPREAD**2).mean(axis=1)), rtol=0.02)


def test_two_regions_leave_the_vertices_without_an_error() -> None:
    made = exact_moments()
    two = replace(made, means=made.means[:2], covariances=made.covariances[:2], counts=made.counts[:2])
    assert fit_region_moments(two, starts(made)).freedom == -2
    assert not fit_region_moments(two, starts(made)).relative_error < 0.5


# --- whether moments are believed


@pytest.mark.parametrize(("freedom", "expected"), [(-2, 1.3), (0, 1.3), (1, 10.828), (5, 4.103), (10_000, 1.3)])
def test_the_most_misfit_is_that_of_one_true_dirichlet_in_a_thousand(freedom: int, expected: float) -> None:
    assert most_misfit(freedom) == pytest.approx(expected, abs=2e-3)


def circle(*degrees: float) -> np.ndarray:
    """Spectra of four bands whose angles to the first band are given; the third and fourth are zero."""
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles])


HELD = circle(20, 45, 70)


def fit_of(endmembers: np.ndarray, *, misfit: float = 1.0, freedom: int = 10_000, error: float = 0.1) -> MomentFit:
    return MomentFit(endmembers, np.zeros((7, 3)), np.ones(7), misfit, freedom, error, np.array([1.0, 2, 3]))


def verdict(fit: MomentFit, *, pure: bool = False) -> Refined:
    return judged(fit, Refined(HELD, np.zeros(3)), pure)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"misfit": 1.31}, "their moments do not fit a Dirichlet mixture (1.3, at most 1.3 expected)"),
        ({"misfit": 4.2, "freedom": 5}, "their moments do not fit a Dirichlet mixture (4.2, at most 4.1 expected)"),
        ({"error": 0.21}, "they do not differ enough"),
        ({"error": np.inf}, "they do not differ enough"),
        ({"error": np.nan}, "they do not differ enough"),
        ({"misfit": 1.29}, ""),
        ({"misfit": 4.0, "freedom": 5}, ""),
        ({"error": 0.2}, ""),
    ],
)
def test_each_reason_alone_refuses_the_moments(changes: dict[str, float], word: str) -> None:
    refined = verdict(fit_of(HELD, **changes))  # type: ignore[arg-type]
    assert refined.accepted is not bool(word)
    if word:
        assert tuple(map(str, refined.notes)) == (f"Painted regions did not refine the endmembers: {word}.",)
        assert not refined.averaged
        np.testing.assert_array_equal(refined.endmembers, HELD)
        np.testing.assert_array_equal(refined.vertex_std, 0)


@pytest.mark.parametrize(
    ("pure", "moved", "accepted", "averaged"),
    [
        (True, 2.9, True, False),
        (True, 3.1, False, False),
        (False, 3.1, True, True),
        (False, 4.9, True, True),
        (False, 5.1, True, False),
        (False, 11.9, True, False),
        (False, 12.1, False, False),
    ],
)
def test_how_far_an_endmember_may_move_and_when_both_are_averaged(
    pure: bool, moved: float, accepted: bool, averaged: bool
) -> None:
    other = circle(20, 45 + moved, 70)
    refined = verdict(fit_of(other), pure=pure)
    assert (refined.accepted, refined.averaged) == (accepted, averaged)
    np.testing.assert_allclose(refined.apart, other - HELD)
    angle = np.degrees(spectral_angle(refined.endmembers[1], HELD[1]))
    assert angle == pytest.approx(0 if not accepted else moved / 2 if averaged else moved, abs=1e-6)
    if accepted:
        how = "by their means and covariances" + ", averaged with minimum volume" * averaged
        assert str(refined.notes[0]).startswith(
            f"Painted regions refined the endmembers {how} (7 regions, the two estimates "
        )
        assert f"{moved / 3:.1f}° apart on average" in str(refined.notes[0])
    else:
        limit = 3 if pure else 12
        assert f"they would move an endmember by {moved:.0f}° (at most {limit}°)" in str(refined.notes[0])


@pytest.mark.parametrize(("lowest", "accepted"), [(-0.04, True), (-0.06, False)])
def test_an_endmember_may_be_negative_by_rounding_only_and_is_then_zero(lowest: float, accepted: bool) -> None:
    other = HELD.copy()
    other[0, 2] = lowest * np.abs(HELD).mean()
    refined = verdict(fit_of(other), pure=True)
    assert refined.accepted is accepted
    assert accepted or "an endmember would become negative" in str(refined.notes[0])
    assert refined.endmembers.min() == 0


@pytest.mark.parametrize(
    ("fit", "pure", "use"),
    [
        (fit_of(HELD, misfit=1.31), False, "refused"),
        (fit_of(HELD, misfit=1.29), False, "averaged"),
        (fit_of(HELD, misfit=1.29), True, "refined"),
    ],
)
def test_a_run_keeps_what_the_moments_were_used_for(fit: MomentFit, pure: bool, use: str) -> None:
    kept = verdict(fit, pure=pure).found
    assert kept is not None
    assert (kept.use, kept.misfit, kept.relative_error) == (use, fit.misfit, fit.relative_error)
    assert Refined(HELD, np.zeros(3)).found is None


def test_limits_themselves_are_allowed() -> None:
    held = Refined(np.array([[2.0, 1, 0], [0, 2, 1], [1, 0, 2]]), np.zeros(3))  # their mean is one
    edge = held.endmembers - [[0, 0, 0.05], [0, 0, 0], [0, 0, 0]]
    assert judged(fit_of(edge, misfit=1.3, error=0.2), held, True).accepted
    assert judged(fit_of(held.endmembers), held, False).averaged


def test_all_reasons_are_said_and_moments_come_in_the_order_of_what_is_held() -> None:
    refined = verdict(fit_of(circle(20, 58, 70), misfit=2.0, error=1.0))
    assert str(refined.notes[0]).count(";") == 2
    turned = verdict(fit_of(HELD[[2, 0, 1]]), pure=True)
    np.testing.assert_allclose(turned.endmembers, HELD)
    np.testing.assert_array_equal(turned.vertex_std, [2, 3, 1])
    np.testing.assert_allclose(turned.apart, 0, atol=1e-12)


# --- from spectra


def painted_rows(light: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Endmembers (3, 6) of peak one, spectra of five regions of 200 pixels and a margin, and their labels."""
    generator = np.random.default_rng(3)
    endmembers = np.array(
        [[1.0, 0.8, 0.3, 0.1, 0.2, 0.4], [0.1, 0.4, 1.0, 0.7, 0.3, 0.2], [0.3, 0.2, 0.1, 0.5, 0.9, 1.0]]
    )
    alpha = np.array([[6.0, 2, 1], [1, 6, 2], [2, 1, 6], [4, 4, 1], [1, 3, 4], [1, 1, 1]])
    abundances = np.vstack([generator.dirichlet(row, 200) for row in alpha])
    spectra = np.reshape(light, (-1, 1)) * (abundances @ endmembers)
    return endmembers, spectra + 1e-3 * generator.normal(size=spectra.shape), np.repeat([1, 2, 3, 4, 5, 0], 200)


VALID = np.ones((30, 40), bool)


def found(endmembers: np.ndarray, *, route: str = "affine", linear: float = 1.0, pure: bool = False) -> Found:
    return Found(endmembers, recipe_of(route, pure=pure), 1e-3, Excess(1.0, linear, np.zeros(0), np.zeros(0)))


def test_light_is_divided_out_with_its_noise_and_dark_pixels_are_left_out() -> None:
    generator = np.random.default_rng(4)
    light = generator.uniform(0.5, 2, 1200)
    light[:50] = 0.01
    endmembers, spectra, regions = painted_rows(light)
    plain = moments_of(painted_rows()[1], regions, VALID, endmembers, 1e-3, True)
    lit = moments_of(spectra, regions, VALID, endmembers, 1e-3, False)
    assert plain is not None
    assert lit is not None
    np.testing.assert_allclose(plain.noise * plain.spread**2, 1e-6)
    np.testing.assert_allclose(lit.noise * lit.spread**2, 1e-6 * np.mean(1 / light[50:] ** 2), rtol=0.01)
    np.testing.assert_allclose(lit.counts[0] / lit.counts[1], 150 / 200)
    np.testing.assert_allclose(lit.to_spectra(lit.means)[1:], plain.to_spectra(plain.means)[1:], atol=5e-3)


def test_endmembers_of_peak_one_are_not_negative() -> None:
    np.testing.assert_allclose(
        FreeLight().written(np.array([[2.0, -1, 1], [0, 0.5, 0], [-1, 0, 0]])), [[1, 0, 0.5], [0, 1, 0], [0, 0, 0]]
    )


@pytest.mark.parametrize("sum_to_one", [True, False])
def test_regions_refine_endmembers_that_are_off(sum_to_one: bool) -> None:
    light = 1.0 if sum_to_one else np.random.default_rng(5).uniform(0.5, 2, 1200)
    endmembers, spectra, regions = painted_rows(light)
    wrong = endmembers @ (0.85 * np.eye(6) + 0.025)
    start = found(wrong, route="affine" if sum_to_one else "perspective")
    refined = refine_by_regions(spectra, regions, VALID, start, way(sum_to_one))
    assert refined.accepted
    before, after = (spectral_angle(each, endmembers).mean() for each in (wrong, refined.endmembers))
    assert after < 0.8 * before  # averaged with where it came from
    assert refined.averaged
    assert refined.moments is not None
    if not sum_to_one:
        np.testing.assert_allclose(refined.moments.endmembers.max(axis=1), 1, atol=0.1)


def test_light_is_divided_out_by_the_endmembers_found_and_again_by_the_better_ones() -> None:
    light = np.random.default_rng(5).uniform(0.5, 2, 1200)
    endmembers, spectra, regions = painted_rows(light)
    current = endmembers @ (0.8 * np.eye(6) + 0.03)
    start = found(current, route="perspective")
    fits = []
    for _ in range(2):
        current = FreeLight().written(current)
        once = moments_of(spectra, regions, VALID, current, 1e-3, False)
        assert once is not None
        centre = current.mean(axis=0)
        fits.append(fit_region_moments(once, [centre + growth * (current - centre) for growth in (1.0, 0.8, 1.3)]))
        current = fits[-1].endmembers
    refined = refine_by_regions(spectra, regions, VALID, start, way(False))
    assert refined.moments is not None
    np.testing.assert_allclose(refined.moments.endmembers, fits[1].endmembers, atol=1e-5)
    assert np.abs(fits[1].endmembers - fits[0].endmembers).max() > 1e-3


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        ([0], ""),
        ([1], "1 painted region has enough pixels: from three on"),
        ([1, 2], "2 painted regions have enough pixels: from three on"),
    ],
)
def test_fewer_than_three_regions_are_not_tried(labels: list[int], note: str) -> None:
    endmembers, spectra, regions = painted_rows()
    kept = np.where(np.isin(regions, labels), regions, 0)
    refined = refine_by_regions(spectra, kept, VALID, found(endmembers), way(True))
    assert not refined.accepted
    assert refined.moments is None
    assert [str(said)[: len(note)] for said in refined.notes] == ([note] if note else [])
    np.testing.assert_array_equal(refined.endmembers, endmembers)


def test_regions_too_small_for_moments_are_none() -> None:
    endmembers, spectra, _ = painted_rows()
    small = np.zeros(1200, int)
    small[:20] = 1
    refined = refine_by_regions(spectra, small, VALID, found(endmembers), way(True))
    assert str(refined.notes[0]).startswith("0 painted regions have enough pixels")


@pytest.mark.parametrize(
    ("route", "linear", "sum_to_one", "words"),
    [
        ("sphere", 1.0, True, "and abundances that sum to one; with light and shade, free the illumination"),
        ("affine", 1.26, True, "and abundances that sum to one"),
        ("perspective", 1.0, True, "and abundances that sum to one"),
        ("affine", 1.0, False, "vary no more than noise."),
    ],
)
def test_moments_need_the_simplex_of_the_inversion(route: str, linear: float, sum_to_one: bool, words: str) -> None:
    endmembers, spectra, regions = painted_rows()
    start = found(endmembers, route=route, linear=linear)
    refined = refine_by_regions(spectra, regions, VALID, start, way(sum_to_one))
    assert not refined.accepted
    assert refined.moments is None
    assert str(refined.notes[0]).startswith(
        "Painted regions sharpen the abundances only: their moments need spectra that "
    )
    assert words in str(refined.notes[0])


def test_redundancy_is_of_neighbours_within_a_region_along_both_axes() -> None:
    generator = np.random.default_rng(6)
    valid = generator.uniform(size=(20, 30)) > 0.1
    rough = generator.normal(size=(21, 30))
    image = 0.8 * rough[:-1] + 0.6 * rough[1:]  # neighbours along columns are alike
    labels = np.repeat([[1, 2, 0]], 10, axis=1) + np.zeros((20, 1), int)
    image = np.where(labels == 2, image + 5, image)
    centred = image.copy()
    for label in (0, 1, 2):
        centred[labels == label] -= image[(labels == label) & valid].mean()
    expected = 1.0
    for first, second in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        pairs = valid[first] & valid[second] & (labels[first] == labels[second]) & (labels[first] > 0)
        left, right = centred[first][pairs], centred[second][pairs]
        correlation = np.clip((left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum()), 1e-6, 0.999)
        expected *= max(1, np.sqrt(np.pi / (-2 * np.log(correlation))))
    spectra = image[valid][:, None] * np.array([0.6, 0.8]) + 3
    assert expected > 1.2
    for scale in (1.0, 1e-4):
        assert spatial_redundancy(scale * spectra, labels[valid], valid) == pytest.approx(expected)
