"""The classifier: its optimum, what does not change it, and balanced accuracy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.probing.logistic import balanced_accuracy, trained


def drawn(seed: int, count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Three classes around three centres in four features."""
    generator = np.random.default_rng(seed)
    classes = np.append(np.arange(3), generator.integers(0, 3, count - 3))
    return generator.normal(size=(3, 4))[classes] + generator.normal(size=(count, 4)), classes


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), ridge=st.sampled_from([1e-1, 1e-2, 1e-3]))
def test_it_is_the_optimum_of_what_it_says_it_minimises(seed: int, ridge: float) -> None:
    features, classes = drawn(seed)
    found = trained(features, classes, 3, ridge)
    scores = found.scores(features)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    weight = 1 / (3 * np.bincount(classes, minlength=3))[classes]
    slope = (shares - np.eye(3)[classes]) * weight[:, None]
    inputs = (features - found.centre) / found.spread
    np.testing.assert_allclose(inputs.T @ slope + ridge * found.weights, 0, atol=2e-5)
    np.testing.assert_allclose(slope.sum(axis=0), 0, atol=2e-5)
    np.testing.assert_allclose(found.weights.sum(axis=1), 0, atol=1e-12)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_units_and_the_names_of_classes_change_nothing(seed: int) -> None:
    features, classes = drawn(seed)
    found = trained(features, classes, 3, 1e-2)
    other = trained(features * [1, 100, 0.01, 5] + 7, classes, 3, 1e-2)
    np.testing.assert_allclose(other.weights, found.weights, atol=2e-3)
    renamed = np.array([2, 0, 1])
    turned = trained(features, renamed[classes], 3, 1e-2)
    np.testing.assert_allclose(turned.weights[:, renamed], found.weights, atol=2e-3)


def test_a_feature_that_does_not_vary_has_no_voice() -> None:
    features, classes = drawn(3)
    found = trained(np.column_stack([features, np.full(len(features), 0.3)]), classes, 3, 1e-3)
    np.testing.assert_array_equal(found.weights[-1], 0)
    assert np.isfinite(found.scores(np.ones((2, 5)))).all()


def test_balanced_accuracy_counts_classes_and_not_pixels() -> None:
    classes = np.array([0] * 90 + [1] * 10)
    assert balanced_accuracy(np.zeros(100, int), classes) == 0.5
    assert balanced_accuracy(classes, classes) == 1.0
    assert balanced_accuracy(1 - classes, classes) == 0.0
