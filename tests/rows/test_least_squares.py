"""What is promised of exact least squares on the simplex: optimality in any coordinates, and an answer that only the pixel decides."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from scipy.optimize import lsq_linear, nnls

from napari_unmix import UnmixError, simplex_least_squares
from napari_unmix.rows.least_squares import Constraint
from napari_unmix.rows.simplex import fully_constrained, non_negative

CONSTRAINTS: tuple[Constraint, ...] = get_args(Constraint)
TWO: tuple[Constraint, ...] = ("sum-to-one", "non-negative")


def smooth(size: int, bands: int, generator: np.random.Generator) -> np.ndarray:
    """(P, B) spectra like measured ones: broad, alike, and nearly collinear where there are many."""
    x = np.linspace(0, 1, bands)
    waves = [np.sin(2 * np.pi * (generator.uniform(0.5, 2.5) * x + generator.uniform())) for _ in range(size)]
    bumps = [np.exp(-(((x - generator.uniform()) / generator.uniform(0.05, 0.3)) ** 2)) for _ in range(size)]
    return 0.4 + 0.2 * np.array(waves) + 0.2 * np.array(bumps)


def mixed(endmembers: np.ndarray, generator: np.random.Generator, pixels: int = 300, noise: float = 0.03) -> np.ndarray:
    """(N, B) sparse mixtures with noise, a few of them far outside."""
    size = len(endmembers)
    spectra = generator.dirichlet(np.full(size, 1.5 / size), pixels) @ endmembers
    spectra += noise * np.abs(endmembers).max() * generator.normal(size=spectra.shape)
    spectra[: pixels // 20] *= generator.normal(0, 5, (pixels // 20, 1))
    return np.asarray(spectra)


def violation(spectra: np.ndarray, endmembers: np.ndarray, found: np.ndarray, constraint: Constraint) -> float:
    """The worst of the optimality conditions of (N, P), each over the largest product that it is a difference of."""
    largest = max(float(np.abs(endmembers).max()), 1e-300)
    endmembers, spectra = endmembers / largest, spectra / largest
    origin = endmembers.mean(axis=0) if constraint == "sum-to-one" else 0.0
    about, data = endmembers - origin, spectra - origin
    # Non-negative amounts have no common scale: each is taken of an endmember of length one.
    lengths = np.linalg.norm(about, axis=1)
    unit = np.full_like(lengths, lengths.max()) if constraint == "sum-to-one" else lengths
    unit = np.where(unit > 0, unit, 1)
    about, amounts = about / unit[:, None], found * unit
    gradient = (amounts @ about - data) @ about.T
    scale = (
        np.linalg.norm(data, axis=1, keepdims=True) + np.linalg.norm(amounts @ about, axis=1, keepdims=True) + 1e-300
    )
    if constraint == "sum-to-one":
        gradient -= (found * gradient).sum(axis=1, keepdims=True)
        assert np.abs(found.sum(axis=1) - 1).max() <= 1e-12
    assert found.min() >= 0
    share = amounts / np.maximum(amounts.max(axis=1, keepdims=True), 1e-300)
    return float(np.maximum(-gradient / scale, share * gradient / scale).max())


def problems() -> dict[str, np.ndarray]:
    """Endmembers of every kind that has made such a solver fail."""
    generator = np.random.default_rng(0)
    plain = generator.uniform(size=(6, 40))
    basis = np.linalg.qr(generator.normal(size=(40, 6)))[0].T
    return {
        **{f"random, {size}": generator.uniform(size=(size, 60)) for size in (1, 2, 5, 7, 12, 20, 40)},
        **{f"smooth, {size}": smooth(size, 60, generator) for size in (3, 6, 9, 13, 18, 30, 40)},
        "corners in fewer coordinates": generator.normal(size=(5, 4)),
        "many corners in fewer coordinates": generator.normal(size=(13, 12)),
        "more endmembers than bands": generator.uniform(size=(9, 4)),
        "far more endmembers than bands": generator.uniform(size=(25, 3)),
        "a duplicate": np.vstack([plain, plain[:1]]),
        "duplicates of twenty": np.repeat(smooth(10, 60, generator), 2, axis=0),
        "all alike": np.repeat(plain[:1], 4, axis=0),
        "a zero endmember": np.vstack([plain, np.zeros((1, 40))]),
        "zero endmembers only": np.zeros((3, 40)),
        "nearly collinear": plain[0] + 1e-5 * plain,
        "nearly collinear, eighteen": np.outer(np.ones(18), plain[0]) + 1e-4 * generator.uniform(size=(18, 40)),
        "tiny": 1e-8 * plain,
        "huge": 1e8 * plain,
        "beyond the range of squares": 1e-170 * plain,
        "each of another size": plain * 10.0 ** np.arange(-8, 10, 3)[:, None],
        "far from the origin": 1e4 + plain,
        "negative": -plain,
        "orthogonal": basis,
    }


PROBLEMS = problems()


@pytest.mark.parametrize("constraint", TWO)
@pytest.mark.parametrize("name", PROBLEMS)
def test_optimality_conditions_hold_in_any_coordinates(name: str, constraint: Constraint) -> None:
    endmembers = PROBLEMS[name]
    spectra = mixed(endmembers, np.random.default_rng(1))
    found = simplex_least_squares(spectra, endmembers, constraint)
    assert violation(spectra, endmembers, found, constraint) <= 1e-8


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", range(1, 6))
def test_the_answer_is_the_best_of_all_supports(size: int, seed: int) -> None:
    generator = np.random.default_rng([size, seed])
    endmembers = generator.uniform(size=(size, 8))
    spectra = mixed(endmembers, generator, pixels=40, noise=0.2)
    for constraint in TWO:
        found = simplex_least_squares(spectra, endmembers, constraint)
        np.testing.assert_allclose(found, best_of_all_supports(spectra, endmembers, constraint), atol=1e-10)


def best_of_all_supports(spectra: np.ndarray, endmembers: np.ndarray, constraint: Constraint) -> np.ndarray:
    """By the definition: of the least squares of every set of endmembers, that are non-negative, those of the smallest residual."""
    size = len(endmembers)
    best, least = np.zeros((len(spectra), size)), np.full(len(spectra), np.inf)
    if constraint == "non-negative":
        least = (spectra**2).sum(axis=1)
    for support in (list(s) for many in range(1, size + 1) for s in combinations(range(size), many)):
        some = endmembers[support]
        if constraint == "sum-to-one":
            rest = np.linalg.lstsq((some[1:] - some[0]).T, (spectra - some[0]).T, rcond=None)[0].T
            amounts = np.column_stack([1 - rest.sum(axis=1), rest])
        else:
            amounts = np.linalg.lstsq(some.T, spectra.T, rcond=None)[0].T
        loss = ((spectra - amounts @ some) ** 2).sum(axis=1)
        better = (amounts >= -1e-13).all(axis=1) & (loss < least)
        least[better] = loss[better]
        best[better] = 0
        best[np.ix_(better, support)] = amounts[better]
    return best


@pytest.mark.parametrize("size", [2, 5, 7, 12, 20, 30])
def test_the_answer_is_that_of_scipys_solvers(size: int) -> None:
    generator = np.random.default_rng(size)
    endmembers = smooth(size, 80, generator) + 0.2 * generator.uniform(size=(size, 80))
    spectra = mixed(endmembers, generator, pixels=120)
    found = simplex_least_squares(spectra, endmembers, "non-negative")
    expected = np.array([nnls(endmembers.T, spectrum)[0] for spectrum in spectra])
    np.testing.assert_allclose(found, expected, atol=1e-9 * max(1.0, float(expected.max())))
    bounded = lsq_linear(endmembers.T, spectra[-1], (0, np.inf), method="bvls", tol=1e-14).x
    np.testing.assert_allclose(found[-1], bounded, atol=1e-7)
    # A row that makes the sum one, as heavy as numbers allow: near, not exact.
    weight = 1e4 * np.abs(endmembers).max()
    heavy = np.vstack([endmembers.T, np.full(size, weight)])
    nearly = np.array([nnls(heavy, np.append(spectrum, weight))[0] for spectrum in spectra])
    np.testing.assert_allclose(simplex_least_squares(spectra, endmembers), nearly, atol=1e-4)


def test_corners_in_one_dimension_less_have_the_answer_that_they_have_in_all() -> None:
    """Their Gram matrix is singular: a ridge alone left three digits."""
    generator = np.random.default_rng(3)
    for size in (3, 5, 8, 12, 20):
        corners = generator.normal(size=(size, size - 1))
        points = mixed(corners, generator, noise=0.2)
        turned = np.linalg.qr(generator.normal(size=(40, 40)))[0][: size - 1]
        away = 3.0 + np.zeros(40)
        found = simplex_least_squares(points, corners)
        np.testing.assert_allclose(
            simplex_least_squares(points @ turned + away, corners @ turned + away), found, atol=1e-10
        )


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("size", [4, 9, 18])
def test_order_of_endmembers_and_pixels_only_permutes_the_answer(size: int, constraint: Constraint) -> None:
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, 50))
    spectra = mixed(endmembers, generator)
    rows, columns = generator.permutation(len(spectra)), generator.permutation(size)
    found = simplex_least_squares(spectra, endmembers, constraint)
    permuted = simplex_least_squares(spectra[rows], endmembers[columns], constraint)
    np.testing.assert_allclose(permuted, found[np.ix_(rows, columns)], atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-8, 0.3, 1e8])
@pytest.mark.parametrize("size", [4, 9, 18])
def test_scale_of_everything_changes_nothing_and_that_of_pixels_only_amounts(size: int, factor: float) -> None:
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, 50))
    spectra = mixed(endmembers, generator)
    for constraint in CONSTRAINTS:
        found = simplex_least_squares(spectra, endmembers, constraint)
        both = simplex_least_squares(factor * spectra, factor * endmembers, constraint)
        np.testing.assert_allclose(both, found, atol=1e-10, rtol=1e-9)
    brighter = simplex_least_squares(factor * spectra, endmembers, "non-negative") / factor
    np.testing.assert_allclose(
        brighter, simplex_least_squares(spectra, endmembers, "non-negative"), atol=1e-10, rtol=1e-9
    )
    one_each = simplex_least_squares(factor * spectra, endmembers, "scaled")
    np.testing.assert_allclose(one_each, simplex_least_squares(spectra, endmembers, "scaled"), atol=1e-9)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("size", [3, 8, 18])
def test_no_start_changes_the_answer(size: int, constraint: Constraint) -> None:
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, 50))
    spectra = mixed(endmembers, generator)
    found = simplex_least_squares(spectra, endmembers, constraint)
    for start in (np.zeros_like(found), np.eye(size)[generator.integers(size, size=len(found))], 1 - found, found):
        started = simplex_least_squares(spectra, endmembers, constraint, start=start)
        np.testing.assert_allclose(started, found, atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("size", [4, 8, 18])
def test_tensors_and_single_precision_have_the_same_answer(size: int, constraint: Constraint) -> None:
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, 50))
    spectra = mixed(endmembers, generator).astype(np.float32)
    expected = simplex_least_squares(spectra.astype(np.float64), endmembers, constraint)
    np.testing.assert_array_equal(simplex_least_squares(spectra, endmembers, constraint), expected)
    tensor = torch.from_numpy(spectra).requires_grad_()
    found = simplex_least_squares(tensor, torch.from_numpy(endmembers), constraint)
    assert found.dtype == torch.float64
    assert found.device == tensor.device
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("size", [3, 7, 18])
def test_a_pixel_alone_has_the_answer_that_it_has_among_many(size: int) -> None:
    generator = np.random.default_rng(size)
    endmembers = generator.uniform(size=(size, 20))
    spectra = mixed(endmembers, generator, pixels=40_000, noise=0.1)
    for constraint in TWO:
        whole = simplex_least_squares(spectra, endmembers, constraint)
        for row in (0, 2047, 2048, 32_767, 32_768, 39_999):
            alone = simplex_least_squares(spectra[row : row + 1], endmembers, constraint)
            np.testing.assert_allclose(whole[row : row + 1], alone, atol=1e-10, rtol=1e-9)


def test_what_determines_nothing_is_answered_by_rule() -> None:
    endmembers = np.random.default_rng(0).uniform(size=(4, 12))
    zero, twins = np.zeros((1, 12)), np.vstack([endmembers, endmembers[:1]])
    none = np.vstack([endmembers, zero])
    # No light: no amounts, equal shares of a composition.
    np.testing.assert_array_equal(simplex_least_squares(zero, endmembers, "non-negative"), 0)
    np.testing.assert_array_equal(simplex_least_squares(-endmembers, endmembers, "scaled"), 0.25)
    # Equal endmembers share.
    np.testing.assert_allclose(simplex_least_squares(endmembers[:1], twins), [[0.5, 0, 0, 0, 0.5]], atol=1e-3)
    shared = simplex_least_squares(2 * endmembers[:1], twins, "non-negative")
    np.testing.assert_allclose(shared, [[1, 0, 0, 0, 1]], atol=1e-3)
    np.testing.assert_allclose(simplex_least_squares(zero, np.repeat(zero, 3, axis=0)), np.full((1, 3), 1 / 3))
    # A zero endmember is a point of the simplex, and explains nothing of a cone.
    np.testing.assert_allclose(simplex_least_squares(0.3 * endmembers[:1], none), [[0.3, 0, 0, 0, 0.7]], atol=1e-12)
    np.testing.assert_array_equal(simplex_least_squares(none, none, "non-negative")[:, -1], 0)
    assert simplex_least_squares(np.empty((0, 12)), endmembers).shape == (0, 4)


@pytest.mark.parametrize(
    ("pixels", "endmembers", "constraint", "sentence"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), "sum-to-one", r"Pixels \(2, 3\) and endmembers \(2, 4\) don't fit"),
        (np.ones(3), np.ones((2, 3)), "sum-to-one", "don't fit"),
        (np.ones((2, 3)), np.ones((0, 3)), "sum-to-one", "don't fit"),
        (np.ones((2, 3)), np.array([[1, np.nan, 1.0], [1, 0, 0]]), "scaled", "1 of 2 endmembers hold numbers"),
        (np.array([[1, np.nan, 1.0], [1, 0, 0]]), np.eye(3), "sum-to-one", "1 of 2 pixels hold numbers"),
        (np.array([[1, 1, 1.0], [np.inf, 0, 0]]), np.eye(3), "non-negative", "1 of 2 pixels hold numbers"),
        (np.ones((2, 3)), np.eye(3), "sum to one", "'sum to one' is unknown: choose 'sum-to-one', 'scaled'"),
    ],
)
def test_what_cannot_be_solved_is_said(
    pixels: np.ndarray, endmembers: np.ndarray, constraint: Constraint, sentence: str
) -> None:
    with pytest.raises(UnmixError, match=sentence):
        simplex_least_squares(pixels, endmembers, constraint)


def test_inside_the_package_what_is_not_finite_stays_with_its_pixel() -> None:
    endmembers = np.eye(3)
    spectra = np.array([[0.2, 0.3, 0.5], [np.nan, 0, 0], [np.inf, 0, 0]])
    for invert in (fully_constrained, non_negative):
        found = invert(spectra, endmembers)
        np.testing.assert_allclose(found[0], spectra[0])
        assert np.isnan(found[1:]).all()
        assert np.isnan(invert(spectra, np.full((2, 3), np.nan))).all()
