"""The proofs and counterexamples of ``resources/docs/proofs.md``, evaluated: the numbers in the names below are the proofs' steps."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import beta, kstest
from scipy.stats import gamma as gamma_distribution

from napari_unmix.model.logratio import helmert

Array = np.ndarray


def interior(generator: np.random.Generator, size: int, count: int = 400) -> Array:
    """Points of the open simplex, not near its boundary."""
    return 0.02 + (1 - 0.02 * size) * generator.dirichlet(np.ones(size), count)


def centred(values: Array) -> Array:
    return values - values.mean(axis=0)


def unexplained(target: Array, features: Array) -> float:
    """Largest residual of centred columns after least squares on centred features, relative to the target."""
    target, features = centred(target), centred(features)
    residual = target - features @ np.linalg.lstsq(features, target, rcond=None)[0]
    return float(np.abs(residual).max() / np.abs(target).max())


def log_dirichlet(log_abundances: Array, alpha: Array) -> Array:
    """Log density with respect to Lebesgue measure on the simplex: (N, P), (P,) -> (N,)."""
    return np.asarray(log_abundances @ (alpha - 1) + gammaln(alpha.sum()) - gammaln(alpha).sum())


def simplex_map(generator: np.random.Generator, size: int) -> Array:
    """A matrix that maps the simplex into itself (columns on the simplex), far from a permutation."""
    return np.asarray(0.7 * np.eye(size) + 0.3 * generator.dirichlet(np.ones(size), size).T)


# --- common steps and Theorem B


@pytest.mark.parametrize("size", [2, 3, 5])
def test_step_2_logarithms_are_independent_with_the_constant_even_on_a_small_ball(size: int) -> None:
    generator = np.random.default_rng(size)
    near = np.full(size, 1 / size) + 0.1 / size * centred(generator.uniform(-1, 1, (600, size)).T).T
    np.testing.assert_allclose(near.sum(axis=1), 1)
    columns = np.column_stack([np.ones(600), np.log(near)])
    values = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    assert values[-1] > 1e-6
    # Abundances themselves are not: they sum to one.
    assert np.linalg.svd(np.column_stack([np.ones(600), near]), compute_uv=False)[-1] < 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_steps_3_to_5_only_permutations_satisfy_the_ratio_equation(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    abundances = interior(generator, size)
    change = np.where(generator.uniform(size=size) < 0.5, -1, 1) * generator.uniform(0.3, 5, size)  # every α_j varies
    target = np.log(abundances) @ change[:, None]
    mixed = abundances @ simplex_map(generator, size).T
    assert unexplained(target, np.log(mixed)) > 1e-5
    reordered = abundances[:, generator.permutation(size)]
    assert unexplained(target, np.log(reordered)) < 1e-9


def test_step_4_residues() -> None:
    # On the hyperplane, −log distance to {a_j = 0} is the only thing that grows there, at the rate of its residue.
    generator = np.random.default_rng(6)
    change, matrix = np.array([1.5, -0.7, 2.0]), simplex_map(generator, 3)
    ends = [np.array([depth, 0.6 - depth, 0.4]) for depth in (1e-9, 1e-10)]
    rate = np.diff([np.log(end) @ change for end in ends])[0] / np.log(0.1)
    np.testing.assert_allclose(rate, change[0], atol=1e-6)
    elsewhere = np.diff([np.log(matrix @ end) @ change for end in ends])[0] / np.log(0.1)
    np.testing.assert_allclose(elsewhere, 0, atol=1e-6)


@pytest.mark.parametrize("outward", [True, False])
def test_one_constant_evidence_lets_the_others_slide(outward: bool) -> None:
    generator = np.random.default_rng(7)
    size, fixed = 4, 2
    endmembers = generator.uniform(size=(size, 10))
    alphas = generator.uniform(1, 6, (3, size))
    alphas[:, fixed] = 2.5
    factors = np.array([0.8, 0.6, 1.0, 0.9]) if outward else np.array([1.1, 1.0, 1.0, 1.2])
    change = np.diag(factors)
    change[fixed] = 1 - factors
    change[fixed, fixed] = 1
    abundances = generator.dirichlet(np.ones(size) * 3, 4000)
    if not outward:  # no pixel in the way: truncation
        abundances = abundances[abundances[:, fixed] > 0.25]
    other = abundances @ change.T
    assert (other > 0).all()
    np.testing.assert_allclose(other.sum(axis=1), 1)
    slid = endmembers[fixed] + (endmembers - endmembers[fixed]) / factors[:, None]
    np.testing.assert_allclose(other @ slid, abundances @ endmembers, atol=1e-12)  # the same spectra
    # Their law in the other model: a base measure that does not depend on u, times exp(α(u)ᵀ log ã).
    bases = np.array(
        [log_dirichlet(np.log(abundances), alpha) - np.log(other) @ alpha for alpha in alphas]
    )  # log Q̃ − log Z̃(u)
    spread = bases - bases[:1]
    np.testing.assert_allclose(spread, spread[:, :1] * np.ones_like(spread), atol=1e-10)
    # With every α_j varying that fails.
    alphas[:, fixed] = [1.0, 2.5, 4.0]
    bases = np.array([log_dirichlet(np.log(abundances), alpha) - np.log(other) @ alpha for alpha in alphas])
    assert np.ptp(bases[1] - bases[0]) > 0.1


# --- Theorem A


def monomial_sum(parameters: Array, logs: Array) -> float:
    """Mean square of Σ_i w_i ∏_j a_j^E_ij − 1 over points of the simplex."""
    size = logs.shape[1]
    exponents, log_weights = parameters[size:].reshape(size, size), parameters[:size]
    return float(np.mean((np.exp(logs @ exponents.T + log_weights).sum(axis=1) - 1) ** 2))


def test_step_6_is_solved_by_transposes() -> None:
    generator = np.random.default_rng(8)
    change, order = generator.normal(size=(4, 4)), np.array([2, 0, 3, 1])  # columns δ_r; h = a in another order
    other = change[order]
    abundances = interior(generator, 4)
    np.testing.assert_allclose(np.log(abundances) @ change, np.log(abundances[:, order]) @ other)
    exponents = np.linalg.inv(np.linalg.inv(change).T @ other.T)
    np.testing.assert_allclose(exponents, np.eye(4)[order], atol=1e-12)


def test_step_7_a_negative_exponent_makes_a_term_unbounded() -> None:
    exponents = np.array([0.5, -0.01, 2.0])
    depths = 10.0 ** -np.array([1.0, 100.0, 300.0])
    path = np.column_stack([(1 - depths) / 2, depths, (1 - depths) / 2])
    terms = np.exp(np.log(path) @ exponents)
    assert (np.diff(terms) > 0).all()
    np.testing.assert_allclose(terms[2] / terms[1], depths[2] ** -0.01 / depths[1] ** -0.01)


@pytest.mark.parametrize("size", [2, 3])
def test_steps_7_to_9_only_permutations_sum_to_one_everywhere(size: int) -> None:
    generator = np.random.default_rng(size)
    logs = np.log(np.vstack([generator.dirichlet(np.ones(size), 200), generator.dirichlet(np.full(size, 0.2), 200)]))
    logs = np.maximum(logs, -200.0)
    exact = 0
    for _ in range(12):
        start = np.concatenate([0.1 * generator.normal(size=size), generator.uniform(0, 1.5, size * size)])
        found = minimize(monomial_sum, start, args=(logs,), method="BFGS", options={"gtol": 1e-12, "maxiter": 400})
        exponents = found.x[size:].reshape(size, size)
        invertible = abs(np.linalg.det(exponents)) > 1e-3
        if found.fun < 1e-12 and invertible:
            exact += 1
            assert min(np.abs(exponents[list(p)] - np.eye(size)).max() for p in permutations(range(size))) < 1e-3
            np.testing.assert_allclose(found.x[:size], 0, atol=1e-3)
    assert exact > 0


def test_step_9_the_edge_forces_both_powers_to_one() -> None:
    t = np.linspace(0.001, 0.999, 999)
    for first, second in product((0.5, 1.0, 2.0, 3.0), repeat=2):
        gap = np.abs(t**first + (1 - t) ** second - 1).max()
        assert (gap < 1e-12) == (first == second == 1.0)


# --- noise


def test_a_smaller_noise_level_has_no_curve_to_live_on() -> None:
    # Deconvolving too little noise leaves full rank; the law of f(a) has the rank of its P − 1 dimensions.
    generator = np.random.default_rng(9)
    spectra = generator.dirichlet(np.ones(3), 100_000) @ generator.uniform(size=(3, 5)) + 0.05 * generator.normal(
        size=(100_000, 5)
    )
    for level, rank in ((0.05, 2), (0.03, 5)):
        left = np.linalg.eigvalsh(np.cov(spectra.T) - level**2 * np.eye(5))
        assert (left > 5e-4).sum() == rank


# --- sharpness


def test_too_few_regions_leave_a_flow() -> None:
    generator = np.random.default_rng(10)
    size, change = 4, generator.normal(size=(2, 4))  # R = 3 = P − 1 regions
    kernel = np.linalg.svd(change)[2][2:].T  # (P, 2)

    def along(logs: Array) -> Array:
        weights = np.exp(logs) @ kernel
        return np.column_stack([-weights[:, 1], weights[:, 0]]) @ kernel.T

    def flow(logs: Array, time: float, steps: int = 200) -> Array:
        for _ in range(steps):
            h = time / steps
            first = along(logs)
            second = along(logs + h / 2 * first)
            third = along(logs + h / 2 * second)
            logs = logs + h / 6 * (first + 2 * second + 2 * third + along(logs + h * third))
        return logs

    logs = np.log(interior(generator, size))
    moved = flow(logs, 1.5)
    np.testing.assert_allclose(np.exp(moved).sum(axis=1), 1, atol=1e-9)  # stays on the simplex
    np.testing.assert_allclose(moved @ change.T, logs @ change.T, atol=1e-10)  # and on its fibre: (∗) holds
    np.testing.assert_allclose(flow(moved, -1.5), logs, atol=1e-7)  # injective
    assert min(np.abs(np.exp(moved) - np.exp(logs)[:, list(p)]).max() for p in permutations(range(size))) > 0.05


def test_equal_concentrations_leave_a_perturbation() -> None:
    generator = np.random.default_rng(11)
    size, shift = 3, np.array([0.8, -0.3, 0.2])
    alphas = 9.0 * generator.dirichlet(np.full(size, 3.0), size)  # R = P regions
    abundances = interior(generator, size)
    moved = abundances * np.exp(shift)
    moved = moved / moved.sum(axis=1, keepdims=True)
    # Change of variables: |dh/da| = ∏h/∏a on the simplex, because perturbation translates log-ratios.
    slope = np.log(moved).sum(axis=1) - np.log(abundances).sum(axis=1)
    bases = [log_dirichlet(np.log(abundances), alpha) - slope - np.log(moved) @ alpha for alpha in alphas]
    for base in bases[1:]:
        assert np.ptp(base - bases[0]) < 1e-10  # one base measure serves all regions
    different = log_dirichlet(np.log(abundances), 2 * alphas[0]) - slope - np.log(moved) @ (2 * alphas[0])
    assert np.ptp(different - bases[0]) > 0.1


def test_a_kernel_of_one_sign_leaves_another_map() -> None:
    generator = np.random.default_rng(12)
    direction, shift = np.array([1.0, 2.0, 0.5]), np.array([0.5, -0.4, 0.1])
    change = np.linalg.svd(direction[None])[2][1:]
    abundances = interior(generator, 3)
    low, high = np.full(len(abundances), -20.0), np.full(len(abundances), 20.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = (abundances * np.exp(shift + middle[:, None] * direction)).sum(axis=1) > 1
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    moved = abundances * np.exp(shift + low[:, None] * direction)
    np.testing.assert_allclose(moved.sum(axis=1), 1, atol=1e-9)
    assert np.ptp((np.log(moved) - np.log(abundances)) @ change.T, axis=0).max() < 1e-9
    assert np.abs(np.sort(moved, axis=1) - np.sort(abundances, axis=1)).max() > 0.05


def test_concentration_one_half_is_the_exception_for_two_dirichlet_materials() -> None:
    h = np.linspace(0.01, 0.99, 99)
    a, slope = 4 * h / (1 + h) ** 2, 4 * (1 - h) / (1 + h) ** 3
    for total, same in ((0.5, True), (0.6, False), (2.0, False)):
        for first in (0.1 * total, 0.4 * total, 0.8 * total):
            pushed = beta.pdf(a, first, total - first) * slope
            equal = np.allclose(pushed, beta.pdf(h, first, 2 * (total - first)), rtol=1e-9)
            assert equal is same
    # The identity behind it, and that no other whole power has a single term left.
    for power in (2, 4, 6):
        odd = np.polynomial.Polynomial([1, 1]) ** power - np.polynomial.Polynomial([1, -1]) ** power
        assert (np.count_nonzero(odd.coef) == 1) == (power == 2)


# --- M2, M3, mixtures, no side information


def gamma_dirichlet(amounts: Array, alpha: Array, shape: float) -> Array:
    """The page's log density of g = s·a, up to its constant."""
    total = amounts.sum(axis=1)
    return np.asarray(np.log(amounts) @ (alpha - 1) + (shape - alpha.sum()) * np.log(total) - shape * total)


def test_the_density_of_illuminated_amounts() -> None:
    generator = np.random.default_rng(13)
    alpha, shape = np.array([2.0, 0.8, 3.0]), 7.0
    amounts = generator.uniform(0.1, 1, (300, 3))
    total = amounts.sum(axis=1)
    product_of_both = (
        log_dirichlet(np.log(amounts / total[:, None]), alpha)
        + gamma_distribution.logpdf(total, shape, scale=1 / shape)
        - 2 * np.log(total)  # dg = s^{P−1} da ds
    )
    assert np.ptp(product_of_both - gamma_dirichlet(amounts, alpha, shape)) < 1e-10


def test_illumination_adds_one_statistic_and_equal_rates_one_direction() -> None:
    generator = np.random.default_rng(14)
    size, regions = 4, 12
    alphas, shapes = generator.uniform(1, 8, (regions, size)), generator.uniform(3, 30, regions)
    amounts = generator.uniform(0.05, 1, (400, size))
    logs = np.array([gamma_dirichlet(amounts, a, k) for a, k in zip(alphas, shapes, strict=True)]).T
    assert np.linalg.matrix_rank(centred(logs) - centred(logs)[:, :1], tol=1e-8) == size + 1
    # Independent Gammas with one rate: T = (log g, g) has 2P entries, its parameters span P + 1.
    rates = generator.uniform(1, 5, (regions, 1))
    assert np.linalg.matrix_rank(np.hstack([alphas, np.repeat(-rates, size, axis=1)])[1:]) == size + 1


@pytest.mark.parametrize("varies", ["concentration", "shape", "neither"])
def test_two_lit_regions_fix_brightness_only_if_concentration_or_shape_varies(varies: str) -> None:
    generator = np.random.default_rng(15)
    first, second = np.array([2.0, 3.0, 4.0]), np.array([4.0, 1.0, 4.5 if varies == "concentration" else 4.0])
    if varies != "concentration":
        second = second * first.sum() / second.sum()
    shapes = (6.0, 11.0) if varies == "shape" else (6.0, 6.0)
    amounts = generator.uniform(0.05, 1, (500, 3))
    target = (gamma_dirichlet(amounts, second, shapes[1]) - gamma_dirichlet(amounts, first, shapes[0]))[:, None]

    def misfit(matrix: Array) -> float:
        other = amounts @ matrix.T
        return unexplained(target, np.column_stack([np.log(other), np.log(other.sum(axis=1)), other.sum(axis=1)]))

    assert misfit(np.eye(3)[[2, 0, 1]]) < 1e-9
    assert (misfit(np.diag([1.0, 0.7, 1.4])) < 1e-9) == (varies == "neither")
    assert misfit(simplex_map(generator, 3)) > 1e-4


def test_the_statistic_of_illumination_takes_every_value_twice() -> None:
    darker = np.linspace(0.05, 0.9, 30)
    value = np.log(darker) - darker
    low, high = np.ones(30), np.full(30, 50.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = np.log(middle) - middle > value
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    np.testing.assert_allclose(np.log(low) - low, value, atol=1e-9)
    assert (low > 1).all()


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_logistic_normal_needs_one_region_more_than_it_has_statistics(dimension: int) -> None:
    generator = np.random.default_rng(16)
    count = dimension * (dimension + 3) // 2
    z = generator.normal(size=(500, dimension))
    pairs = [(i, j) for i in range(dimension) for j in range(i, dimension)]
    columns = np.column_stack([np.ones(500), z, *(z[:, i] * z[:, j] for i, j in pairs)])
    assert np.linalg.matrix_rank(columns) == count + 1
    for regions in (count, count + 1, count + 3):
        logs = []
        for _ in range(regions):
            root = np.eye(dimension) + 0.4 * generator.normal(size=(dimension, dimension))
            moved = (z - generator.normal(size=dimension)) @ root
            logs.append(-0.5 * (moved**2).sum(axis=1))
        rank = np.linalg.matrix_rank((centred(np.array(logs).T).T - centred(np.array(logs).T)[:, 0]), tol=1e-8)
        assert rank == min(regions - 1, count)


def test_diagonal_covariances_do_not_survive_another_order_of_the_materials() -> None:
    basis = helmert(3).numpy()
    turn = basis.T @ np.eye(3)[[2, 0, 1]] @ basis
    np.testing.assert_allclose(turn @ turn.T, np.eye(2), atol=1e-12)
    assert abs((turn @ np.diag([1.0, 3.0]) @ turn.T)[0, 1]) > 0.5


def test_linear_mixing_removes_the_affine_map_of_the_logistic_normal() -> None:
    generator = np.random.default_rng(17)
    basis, abundances = helmert(4).numpy(), interior(generator, 4)
    coordinates = np.log(abundances) @ basis
    assert unexplained(np.log(abundances[:, [3, 1, 0, 2]]) @ basis, coordinates) < 1e-10
    for _ in range(10):
        assert unexplained(np.log(abundances @ simplex_map(generator, 4).T) @ basis, coordinates) > 1e-3


def test_a_dirichlet_is_a_mixture_of_other_dirichlets() -> None:
    alpha, logs = np.array([2.0, 0.6, 3.5]), np.log(interior(np.random.default_rng(18), 3))
    parts = [alpha[j] / alpha.sum() * np.exp(log_dirichlet(logs, alpha + np.eye(3)[j])) for j in range(3)]
    np.testing.assert_allclose(np.sum(parts, axis=0), np.exp(log_dirichlet(logs, alpha)), rtol=1e-12)


def test_one_flat_prior_is_preserved_by_maps_that_are_no_permutation() -> None:
    generator = np.random.default_rng(19)
    abundances = generator.dirichlet(np.ones(3), 20_000)
    share = abundances[:, 1] / (1 - abundances[:, 0])  # uniform on (0, 1), independent of the first abundance
    turned = (share + 0.3) % 1
    moved = np.column_stack([abundances[:, 0], (1 - abundances[:, 0]) * turned, (1 - abundances[:, 0]) * (1 - turned)])
    for column in moved.T:
        assert kstest(column, beta(1, 2).cdf).pvalue > 1e-3
    assert kstest(moved[:, 1] / (moved[:, 1] + moved[:, 0]), "uniform").pvalue > 1e-3
    assert np.abs(np.sort(moved, axis=1) - np.sort(abundances, axis=1)).max() > 0.2


# --- variability with a law


def laws(generator: np.random.Generator, count: int, bands: int, rank: int | None = None) -> Array:
    """(P, B, B) positive semidefinite covariances."""
    roots = generator.normal(size=(count, bands, rank or bands))
    return np.asarray(0.01 * roots @ roots.transpose(0, 2, 1))


def law_at(abundances: Array, covariances: Array, noise: float) -> Array:
    """(N, B, B) C(a) = Σ a_k² Σ_k + σ²I."""
    return np.asarray(np.einsum("nk,kij->nij", abundances**2, covariances) + noise**2 * np.eye(covariances.shape[1]))


def squares(abundances: Array) -> Array:
    """(N, P + 1) a_k² and the constant."""
    return np.column_stack([abundances**2, np.ones(len(abundances))])


def drawn(
    generator: np.random.Generator, abundances: Array, endmembers: Array, covariances: Array, noise: float
) -> Array:
    """(N, B) spectra whose materials are drawn anew in every pixel."""
    roots = np.linalg.cholesky(covariances + 1e-12 * np.eye(covariances.shape[1]))
    varied = endmembers + np.einsum("kij,nkj->nki", roots, generator.normal(size=(len(abundances), *endmembers.shape)))
    mixed = np.einsum("nk,nki->ni", abundances, varied)
    return np.asarray(mixed + noise * generator.normal(size=mixed.shape))


def test_step_10_differences_hold_the_law_and_cross_moments_the_composition() -> None:
    generator = np.random.default_rng(20)
    endmembers, covariances, noise, size = generator.uniform(size=(3, 4)), laws(generator, 3, 4), 0.05, 100_000
    abundances = generator.dirichlet([1.0, 2.0, 0.7], size)
    first, second = (drawn(generator, abundances, endmembers, covariances, noise) for _ in range(2))
    difference = first - second
    np.testing.assert_allclose(
        difference.T @ difference / size, 2 * law_at(abundances, covariances, noise).mean(axis=0), atol=4e-3
    )
    shared = endmembers.T @ (abundances.T @ abundances / size) @ endmembers
    np.testing.assert_allclose(first.T @ second / size, shared, atol=4e-3)
    assert np.abs(first.T @ first / size - shared).max() > 0.01  # a single pixel's second moments hold all three


def test_step_11_differences_identify_the_law_exactly_where_the_squares_are_independent() -> None:
    generator = np.random.default_rng(21)
    covariances, noise = laws(generator, 3, 5) + 0.01 * np.eye(5), 0.1
    planted = np.concatenate([covariances.reshape(3, -1), noise**2 * np.eye(5).reshape(1, -1)])
    for compositions, rank in (
        (generator.dirichlet(np.ones(3), 4), 4),  # P + 1 of them
        (generator.dirichlet(np.ones(3), 3), 3),
        (np.eye(3), 3),  # pure pixels alone
        (np.repeat(generator.dirichlet(np.ones(3), 1), 9, axis=0), 1),
    ):
        design = squares(compositions)
        assert np.linalg.matrix_rank(design) == rank
        moments = law_at(compositions, covariances, noise).reshape(len(compositions), -1)
        found = np.linalg.lstsq(design, moments, rcond=None)[0]
        assert np.allclose(found, planted) == (rank == 4)
        # What is not identified is another law with the same moments.
        beyond = np.linalg.svd(design)[2][rank:]
        for direction in beyond:
            other = covariances + 0.005 * direction[:3, None, None] * np.eye(5)
            level = np.sqrt(noise**2 + 0.005 * direction[3])
            assert np.linalg.eigvalsh(other).min() > 0
            np.testing.assert_allclose(law_at(compositions, other, level), law_at(compositions, covariances, noise))
    # Of known noise, pure pixels give every Σ_k.
    assert np.linalg.matrix_rank(np.eye(3) ** 2) == 3


@pytest.mark.parametrize("size", [2, 3, 5])
def test_step_11_squares_and_the_constant_are_independent_on_a_small_ball(size: int) -> None:
    generator = np.random.default_rng(size)
    near = np.full(size, 1 / size) + 0.1 / size * centred(generator.uniform(-1, 1, (600, size)).T).T
    values = np.linalg.svd(squares(near) / np.linalg.norm(squares(near), axis=0), compute_uv=False)
    assert values[-1] > 1e-6


def test_step_11_a_singular_law_shows_its_noise() -> None:
    generator = np.random.default_rng(22)
    low = law_at(generator.dirichlet(np.ones(3), 1), laws(generator, 3, 9, rank=2), 0.1)[0]  # rank 6 of 9
    np.testing.assert_allclose(np.linalg.eigvalsh(low)[0], 0.01)
    full = laws(generator, 3, 9) + 0.01 * np.eye(9)
    assert np.linalg.eigvalsh(law_at(np.eye(3)[:1], full, 0.1)[0])[0] > 0.0199


def test_step_12_of_correlated_draws_only_the_independent_part_is_seen() -> None:
    generator = np.random.default_rng(23)
    size, share = 100_000, 0.6
    abundances, covariances = generator.dirichlet(np.ones(2), size), laws(generator, 2, 3)
    endmembers, none = generator.uniform(size=(2, 3)), np.zeros((2, 3))
    common = drawn(generator, abundances, endmembers, share * covariances, 0.0)
    first, second = (common + drawn(generator, abundances, none, (1 - share) * covariances, 0.0) for _ in range(2))
    difference = first - second
    whole = 2 * law_at(abundances, covariances, 0.0).mean(axis=0)
    np.testing.assert_allclose(difference.T @ difference / size, (1 - share) * whole, atol=8e-4)
    # Off the endmembers' span a pixel's own residual has all of it.
    off = np.linalg.svd(endmembers[:1] - endmembers[1:])[2][1]
    np.testing.assert_allclose(np.var(first @ off), off @ whole @ off / 2, rtol=0.02)


def test_step_13_an_edge_bends_the_law_down_with_a_free_constant_and_up_without() -> None:
    share = np.linspace(0, 1, 20_001)
    abundances = np.column_stack([share, 1 - share])
    added = 1 - (abundances**2).sum(axis=1)  # times cGᵀG
    free = np.linalg.lstsq(squares(abundances), added, rcond=None)[0]
    np.testing.assert_allclose(free, [-1, -1, 1], atol=1e-9)
    known = np.linalg.lstsq(abundances**2, added, rcond=None)[0]
    np.testing.assert_allclose(known, 3 / 7, rtol=1e-3)


def test_step_13_moments_across_an_edge() -> None:
    generator = np.random.default_rng(24)
    endmembers, covariances, size = generator.uniform(size=(3, 4)), laws(generator, 3, 4), 100_000
    one, other = np.array([[0.7, 0.2, 0.1]]), np.array([[0.3, 0.3, 0.4]])
    first = drawn(generator, np.repeat(one, size, axis=0), endmembers, covariances, 0.02)
    second = drawn(generator, np.repeat(other, size, axis=0), endmembers, covariances, 0.02)
    step = (one - other) @ endmembers
    expected = step.T @ step + law_at(one, covariances, 0.02)[0] + law_at(other, covariances, 0.02)[0]
    difference = first - second
    np.testing.assert_allclose(difference.T @ difference / size, expected, atol=4e-3)


def test_step_14_subtracting_the_fitted_change_takes_all_of_the_span() -> None:
    generator = np.random.default_rng(25)
    endmembers = generator.uniform(size=(3, 6))
    edges = endmembers[1:] - endmembers[:1]
    pairs = [
        drawn(generator, generator.dirichlet(np.ones(3), 50), endmembers, laws(generator, 3, 6), 0.1) for _ in "ab"
    ]
    fitted = [(spectra - endmembers[0]) @ np.linalg.pinv(edges) for spectra in pairs]
    left = pairs[0] - pairs[1] - (fitted[0] - fitted[1]) @ edges
    np.testing.assert_allclose(left @ edges.T, 0, atol=1e-12)
    # Within the span a change of composition does what variability does.
    inside = edges.T @ laws(generator, 1, 2)[0] @ edges
    change = np.linalg.pinv(edges.T) @ inside @ np.linalg.pinv(edges)
    np.testing.assert_allclose(edges.T @ change @ edges, inside)
    assert np.linalg.eigvalsh(change).min() > 0


def gaussian_function(at: Array, means: Array, covariances: Array) -> Array:
    """(N,) E[exp(i z·x)] of N(means, covariances) at a complex z (B,)."""
    return np.exp(1j * means @ at - 0.5 * np.einsum("i,nij,j->n", at, covariances, at))


@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_step_15_pairs_show_the_law_of_what_they_share(shared: float) -> None:
    # x and x′ given a: at (z, iz) with z = y/(1 + i) the quadratic forms of any C(a) cancel.
    generator = np.random.default_rng(26)
    size, endmembers = 40, generator.uniform(size=(3, 4))
    points, weights = generator.dirichlet(np.ones(3), size), generator.dirichlet(np.ones(size))
    spread = law_at(points, laws(generator, 3, 4), 0.2) * generator.uniform(0.5, 2, (size, 1, 1))  # any function of a
    means, common = points @ endmembers, shared * spread
    for y in 2 * generator.normal(size=(6, 4)):
        pair = np.zeros(size, dtype=complex)
        for sign in (0.5, -0.5):  # cosh(½ y·d)
            both = np.concatenate([0.5 * y - 1j * sign * y, 0.5 * y + 1j * sign * y])
            joint = np.block([[spread, common], [common, spread]])
            pair += 0.5 * gaussian_function(both, np.hstack([means, means]), joint)
        content = gaussian_function(y.astype(complex), means, common)
        np.testing.assert_allclose(weights @ pair, weights @ content, rtol=1e-9)
        single = weights @ gaussian_function(y.astype(complex), means, spread)
        assert abs(single - weights @ content) > 1e-3  # a single pixel's does not


def test_step_15_against_sampling_with_the_law_of_variability() -> None:
    generator = np.random.default_rng(27)
    endmembers, covariances, size = generator.uniform(size=(2, 3)), laws(generator, 2, 3), 150_000
    abundances = generator.dirichlet([1.5, 0.8], size)
    first, second = (drawn(generator, abundances, endmembers, covariances, 0.1) for _ in range(2))
    mean, difference = (first + second) / 2, first - second
    y, off = np.array([1.5, -2.0, 1.0]), np.array([0.4, 0.3, -1.0])
    found = np.mean(np.exp(1j * mean @ y) * np.cosh(difference @ y / 2))
    assert abs(found - np.mean(np.exp(1j * abundances @ endmembers @ y))) < 8e-3
    weighted = np.mean((difference @ off) * np.exp(1j * mean @ y) * np.sinh(difference @ y / 2))
    law = law_at(abundances, covariances, 0.1) @ y @ off
    assert abs(weighted - np.mean(law * np.exp(1j * abundances @ endmembers @ y))) < 8e-3


def roots_off(y: Array, covariances: Array, off: Array) -> Array:
    """y + Σ ζ_k n_k with ζ_k the roots of step 16."""
    at = y.astype(complex)
    for covariance, direction in zip(covariances, off, strict=True):
        form = [direction @ covariance @ direction, 2 * direction @ covariance @ y, y @ covariance @ y]
        at = at + np.roots(form)[0] * direction
    return at


@pytest.mark.parametrize("alike", [False, True])
def test_step_16_a_known_law_vanishes_at_isotropic_vectors(alike: bool) -> None:
    generator = np.random.default_rng(28)
    size, bands, noise = 3, 16, 0.3
    endmembers, others = generator.uniform(size=(2, size, bands))
    span = np.vstack([endmembers, others])
    points = generator.dirichlet(np.ones(size), 30)
    if alike:
        covariances = np.array([1.0, 0.4, 2.0])[:, None, None] * laws(generator, 1, bands, rank=8)
        off = np.linalg.svd(span)[2][2 * size :][:1]
    else:
        roots = generator.normal(size=(size, bands, 2))
        covariances = 0.01 * roots @ roots.transpose(0, 2, 1)
        kept = [np.vstack([span, *[roots[j].T for j in range(size) if j != k]]) for k in range(size)]
        off = np.array([np.linalg.svd(rows)[2][len(rows)] for rows in kept])
    for y in generator.normal(size=(5, bands)):
        at = roots_off(y, covariances[: len(off)], off)
        for covariance in covariances:
            assert abs(at @ covariance @ at) < 1e-10
        np.testing.assert_allclose(span @ at, span @ y, atol=1e-10)
        whole = gaussian_function(at, points @ endmembers, law_at(points, covariances, noise))
        signal = np.exp(1j * points @ endmembers @ y)
        np.testing.assert_allclose(whole / np.exp(-0.5 * noise**2 * (at @ at)), signal, rtol=1e-8)


def test_step_17_light_is_a_gain_of_all_materials_and_single_gains_look_like_composition() -> None:
    generator = np.random.default_rng(29)
    abundances, endmembers = generator.dirichlet(np.ones(3), 200), generator.uniform(size=(3, 5))
    gains, light = generator.uniform(0.5, 2, (200, 1)), generator.uniform(0.5, 2, (200, 1))
    brighter = np.einsum("nk,nki->ni", abundances, gains[:, :, None] * endmembers)
    np.testing.assert_allclose(light / gains * brighter, light * (abundances @ endmembers))
    # Gains of single materials: to first order a change of composition, none at a vertex.
    deviations, size = np.array([0.01, 0.02, 0.015]), 200_000
    for share in (np.array([0.5, 0.3, 0.2]), np.eye(3)[1]):
        amounts = share * (1 + deviations * generator.normal(size=(size, 3)))
        moved = amounts / amounts.sum(axis=1, keepdims=True)
        slope = np.diag(share) - np.outer(share, share)
        np.testing.assert_allclose(np.cov(moved.T), slope @ np.diag(deviations**2) @ slope, atol=3e-7)
