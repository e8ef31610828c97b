"""Multinomial logistic regression with a ridge, every class of the same weight, by SciPy's L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.wanted import still_wanted

_STEPS = 300
_TINY = 1e-12  # a feature that does not vary is divided by no less than this share of its size, so that it stays without a voice


@dataclass(frozen=True, eq=False)
class Classifier:
    """Log-odds of C classes: features (N, K) less ``centre`` over ``spread``, times ``weights`` (K, C), plus ``offsets`` (C,).

    The rows of ``weights`` have a sum of zero: what is common to all classes decides nothing.
    """

    centre: FloatArray
    spread: FloatArray
    weights: FloatArray
    offsets: FloatArray

    def scores(self, features: FloatArray) -> FloatArray:
        """(N, K) -> (N, C)."""
        return np.asarray((features - self.centre) / self.spread @ self.weights + self.offsets)

    def classes(self, features: FloatArray) -> IntArray:
        """(N, K) -> (N,)."""
        return np.asarray(self.scores(features).argmax(axis=1))


def trained(
    features: FloatArray, classes: IntArray, count: int, ridge: float, start: Classifier | None = None
) -> Classifier:
    """The classifier of features (N, K) and classes (N,) 0 … ``count`` − 1 of which each occurs.

    Minimised is the mean cross-entropy, each class counted as one, plus half of ``ridge`` times the sum of squares of the weights of features
    of spread one. It is convex: a ``start`` changes the time alone.
    """
    from scipy.optimize import minimize

    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > _TINY * np.abs(features).max(axis=0, initial=0.0), spread, np.inf)
    inputs = (features - centre) / spread
    wanted = np.eye(count)[classes]
    weight = 1.0 / (count * np.bincount(classes, minlength=count))[classes]
    width = inputs.shape[1]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        still_wanted()
        weights, offsets = flat[: width * count].reshape(width, count), flat[width * count :]
        scores = inputs @ weights + offsets
        scores -= scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores).sum(axis=1))
        value = float(weight @ (total - (scores * wanted).sum(axis=1))) + 0.5 * ridge * float((weights**2).sum())
        slope = (np.exp(scores - total[:, None]) - wanted) * weight[:, None]
        return value, np.concatenate([(inputs.T @ slope + ridge * weights).ravel(), slope.sum(axis=0)])

    first = np.zeros((width + 1) * count) if start is None else np.append(start.weights.ravel(), start.offsets)
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "gtol": 1e-6})
    weights, offsets = found.x[: width * count].reshape(width, count), found.x[width * count :]
    return Classifier(
        centre, spread, weights - weights.mean(axis=1, keepdims=True), np.asarray(offsets - offsets.mean())
    )


def balanced_accuracy(found: IntArray, classes: IntArray) -> float:
    """The mean over the classes that occur of the share of their pixels that is found: 1/C by chance, whatever their sizes."""
    return float(np.mean([(found[classes == one] == one).mean() for one in np.unique(classes)]))
