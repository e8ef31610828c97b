"""How well codes (N, K) tell the factors (N, F) that made the data: MCC, DCI and MIG, after the definitions of their papers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.nonlinear.boosting import boosted

# As disentanglement_lib's configurations have it (Locatello et al. 2019).
BINS = 20
# DCI is measured on so many rows in equal distances, of which every other one is held back.
_MEASURED = 8_000


@dataclass(frozen=True, eq=False)
class Matched:
    """The code of each factor, and the mean of their absolute correlations."""

    order: IntArray
    correlation: float


def matched(codes: FloatArray, factors: FloatArray) -> Matched:
    """MCC: mean |Pearson| over the assignment of codes to factors that makes it largest (Hyvärinen & Morioka 2016); needs K ≥ F."""
    from scipy.optimize import linear_sum_assignment

    table = np.abs(_correlations(codes, factors))  # (K, F)
    rows, columns = linear_sum_assignment(-table.T)
    return Matched(columns, float(table[columns, rows].mean()))


def mean_correlation_of(codes: FloatArray, factors: FloatArray, order: IntArray) -> float:
    """The same for an assignment that was made on other rows."""
    return float(np.abs(np.diagonal(_correlations(codes[:, order], factors))).mean())


def _correlations(codes: FloatArray, factors: FloatArray) -> FloatArray:
    """(K, F); 0 for what does not vary."""
    first, second = (values - values.mean(axis=0) for values in (codes, factors))
    lengths = [np.linalg.norm(values, axis=0) for values in (first, second)]
    size = np.outer(*lengths)
    return np.asarray(np.where(size > 0, first.T @ second / np.where(size > 0, size, 1.0), 0.0))


@dataclass(frozen=True)
class Dci:
    """Disentanglement, completeness and informativeness, 1 is best."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(codes: FloatArray, factors: FloatArray) -> Dci:
    """Eastwood & Williams, ICLR 2018, section 2, with boosted trees as disentanglement_lib has them, of regression because factors are continuous.

    Disentanglement and completeness are from the trees' importances; informativeness is the mean over factors of R² on rows that
    the trees did not see, 0 where it is negative.
    """
    some = slice(None, None, max(1, len(codes) // _MEASURED))
    codes, factors = codes[some], factors[some]
    fitted = [boosted(codes[::2], factor[::2]) for factor in factors.T]
    importance = np.stack([trees.importance for trees in fitted], axis=1)  # (K, F)
    explained = [
        _explained(trees.predict(codes[1::2]), factor[1::2]) for trees, factor in zip(fitted, factors.T, strict=True)
    ]
    return Dci(disentanglement(importance), completeness(importance), float(np.mean(explained)))


def _explained(predicted: FloatArray, factor: FloatArray) -> float:
    spread = float(np.var(factor))
    return max(0.0, 1 - float(np.mean((predicted - factor) ** 2)) / spread) if spread > 0 else 0.0


def disentanglement(importance: FloatArray) -> float:
    """Of an importance matrix (K, F): one minus the entropy over factors of each code, weighted by the code's share of all importance."""
    return _focus(importance)


def completeness(importance: FloatArray) -> float:
    """Of an importance matrix (K, F): one minus the entropy over codes of each factor, weighted by the factor's share."""
    return _focus(importance.T)


def _focus(importance: FloatArray) -> float:
    totals = importance.sum(axis=1)
    if totals.sum() <= 0 or importance.shape[1] < 2:
        return 0.0
    shares = importance / np.where(totals > 0, totals, 1.0)[:, None]
    logs = np.log(np.where(shares > 0, shares, 1.0))
    single = 1 + (shares * logs).sum(axis=1) / np.log(importance.shape[1])
    return float((single * totals).sum() / totals.sum())


def mutual_information_gap(codes: FloatArray, factors: FloatArray) -> float:
    """MIG (Chen, Li, Grosse, Duvenaud, NeurIPS 2018): mean over factors of (largest − second largest information of a code)/entropy.

    All are cut into 20 intervals of equal width, the factors too, because they are continuous here.
    """
    first, second = ([_intervals(column) for column in values.T] for values in (codes, factors))
    gaps = []
    for factor in second:
        informed = sorted((_information(code, factor) for code in first), reverse=True)
        entropy = _information(factor, factor)
        gaps.append((informed[0] - (informed[1] if len(informed) > 1 else 0.0)) / entropy if entropy > 0 else 0.0)
    return float(np.mean(gaps))


def _intervals(column: FloatArray) -> IntArray:
    low, high = float(column.min()), float(column.max())
    if high <= low:
        return np.zeros(len(column), dtype=np.int64)
    return np.minimum(((column - low) * (BINS / (high - low))).astype(np.int64), BINS - 1)


def _information(first: IntArray, second: IntArray) -> float:
    """Mutual information in nats of two labellings."""
    joint = np.bincount(first * BINS + second, minlength=BINS**2).reshape(BINS, BINS) / len(first)
    alone = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / alone[seen])).sum())
