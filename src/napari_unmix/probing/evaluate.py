"""How well features tell painted classes apart in places that were not learned from, and which of them speak for which class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.probing.blocks import Folds
from napari_unmix.probing.logistic import Classifier, balanced_accuracy, trained
from napari_unmix.progress import Fit, Progress, drain

# What features are called.
RAW, ABUNDANCES, CODES = "raw spectra", "abundances", "codes"

# The ridge is chosen among these, the strongest of the best, on one fold of those that are learned from.
RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
# Of a class so many pixels are learned from: neighbours say nearly the same.
MOST_OF_A_CLASS = 1_500
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Features:
    """Numbers (N, K) of the painted pixels, what they are called (K,), and ``kind``: what they are as a whole ("raw spectra", "run, abundances")."""

    kind: str
    values: FloatArray
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Probed:
    """What a classifier on some features found.

    Attributes
    ----------
    features : the kind of features, and how many they are
    accuracies : (F,) balanced accuracy of each fold
    low, high : an interval at 95 % about their mean; folds share what they learn from, which the interval counts (Nadeau & Bengio 2003)
    recalls : (C,) share of each class's pixels that is found, over all folds
    ridge : the one chosen, by the median over the folds
    weights : (K, C) log-odds that a spread more of the feature gives a class, of a classifier that learned from all folds
    agreeing : (K, C) in how many of the folds the weight has the same sign
    """

    kind: str
    names: tuple[str, ...]
    accuracies: tuple[float, ...]
    low: float
    high: float
    recalls: tuple[float, ...]
    ridge: float
    weights: FloatArray
    agreeing: IntArray

    @property
    def accuracy(self) -> float:
        """Balanced accuracy, mean over the folds."""
        return float(np.mean(self.accuracies))

    def speaking(self, one: int, *, against: bool = False) -> tuple[tuple[str, float, bool], ...]:
        """What speaks for a class (or against it), the loudest first: (name, log-odds for a spread more, whether all folds agree on the sign)."""
        weights, sign = self.weights[:, one], -1 if against else 1
        order = np.argsort(-sign * weights, kind="stable")
        folds = len(self.accuracies)
        return tuple(
            (self.names[k], float(weights[k]), bool(self.agreeing[k, one] == folds))
            for k in order.tolist()
            if sign * weights[k] > 0
        )


def probe(features: Features, classes: IntArray, count: int, folds: Folds, seed: int = 0) -> Probed:
    """Train on all folds but one, and test on that one, in turn; the ridge is chosen within what is learned from."""
    return drain(probing(features, classes, count, folds, seed))


def probing(features: Features, classes: IntArray, count: int, folds: Folds, seed: int = 0) -> Fit[Probed]:
    """The same, a step for each fold."""
    values, found = features.values, np.full(len(classes), -1)
    accuracies, ridges, made = [], [], list[Classifier]()
    for fold in range(len(folds)):
        yield Progress(features.kind, fold, len(folds), fold / len(folds))
        learned, tested = folds.learned_from[fold], folds.tested_in == fold
        inner = learned & (folds.tested_in == (fold + 1) % len(folds))
        ridge = _ridge(values, classes, count, learned & folds.learned_from[(fold + 1) % len(folds)], inner, seed)
        classifier = _on(values, classes, count, learned, ridge, seed)
        found[tested] = classifier.classes(values[tested])
        accuracies.append(balanced_accuracy(found[tested], classes[tested]))
        ridges.append(ridge)
        made.append(classifier)
    ridge = float(np.median(ridges))
    whole = _on(values, classes, count, np.ones(len(classes), bool), ridge, seed)
    agreeing = np.sum([np.sign(one.weights) == np.sign(whole.weights) for one in made], axis=0)
    low, high = interval(accuracies)
    recalls = tuple(float((found[classes == one] == one).mean()) for one in range(count))
    return Probed(features.kind, features.names, tuple(accuracies), low, high, recalls, ridge, whole.weights, agreeing)


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Of the mean of F folds' accuracies, within 0 and 1: their variance times 1/F + 1/(F − 1), because folds share what they learn from.

    The correction of Nadeau & Bengio (2003, doi 10.1023/A:1024068626366) with n₂/n₁ = 1/(F − 1), and Student's t with F − 1 degrees.
    """
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    variance = float(np.var(values, ddof=1))
    reach = float(t.ppf(0.5 + confidence / 2, count - 1)) * math.sqrt(variance * (1 / count + 1 / (count - 1)))
    return max(0.0, mean - reach), min(1.0, mean + reach)


def _ridge(
    values: FloatArray, classes: IntArray, count: int, learned: BoolArray, tested: BoolArray, seed: int
) -> float:
    """The largest of the ridges whose balanced accuracy on ``tested`` is best; the middle one where a class is missing."""
    if not tested.any() or len(np.unique(classes[learned])) < count:
        return RIDGES[len(RIDGES) // 2]
    scores, before = [], None
    for ridge in RIDGES:
        before = _on(values, classes, count, learned, ridge, seed, before)
        scores.append(balanced_accuracy(before.classes(values[tested]), classes[tested]))
    return RIDGES[int(np.argmax(scores))]


def _on(
    values: FloatArray,
    classes: IntArray,
    count: int,
    learned: BoolArray,
    ridge: float,
    seed: int,
    start: Classifier | None = None,
) -> Classifier:
    """A classifier on the pixels ``learned`` (N,), of each class at most ``MOST_OF_A_CLASS``."""
    generator = np.random.default_rng(seed)
    rows = []
    for one in range(count):
        here = np.flatnonzero(learned & (classes == one))
        rows.append(here if len(here) <= MOST_OF_A_CLASS else generator.choice(here, MOST_OF_A_CLASS, replace=False))
    chosen = np.sort(np.concatenate(rows))
    return trained(values[chosen], classes[chosen], count, ridge, start)
