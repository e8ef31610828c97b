"""A probe finds what is there, finds nothing where there is nothing, and says which features speak."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from napari_unmix.probing.blocks import folds_of
from napari_unmix.probing.evaluate import Features, Probed, interval, probe

ROWS, COLUMNS = (part.ravel() for part in np.meshgrid(np.arange(60), np.arange(60), indexing="ij"))
CLASSES = (ROWS // 10 + COLUMNS // 10) % 3


def probed(values: np.ndarray, classes: np.ndarray = CLASSES) -> Probed:
    names = tuple(f"class {k}" for k in range(3))
    numbers = tuple(f"material {k}" for k in range(values.shape[1]))
    return probe(Features("abundances", values, numbers), classes, 3, folds_of(ROWS, COLUMNS, classes, names))


def test_a_material_that_is_a_class_speaks_for_it_in_every_fold() -> None:
    generator = np.random.default_rng(0)
    values = 0.2 + 0.6 * np.eye(3)[CLASSES] + 0.05 * generator.normal(size=(3600, 3))
    found = probed(values)
    assert found.accuracy > 0.99
    assert all(recall > 0.99 for recall in found.recalls)
    assert (np.sign(found.weights) == 2 * np.eye(3) - 1).all()
    assert (found.agreeing == 5).all()
    assert found.low <= found.accuracy <= found.high


def test_features_that_say_nothing_are_found_to_say_nothing() -> None:
    found = probed(np.random.default_rng(1).normal(size=(3600, 4)))
    assert abs(found.accuracy - 1 / 3) < 0.06
    assert found.low < 1 / 3 < found.high + 0.02


def test_what_only_neighbours_share_does_not_help_in_other_places() -> None:
    """Each block of ten pixels has a mark of its own: tested beside what was learned it would tell the classes, elsewhere it can't."""
    marks = np.random.default_rng(2).normal(size=(36, 6))
    values = marks[ROWS // 10 * 6 + COLUMNS // 10] + 0.01 * np.random.default_rng(3).normal(size=(3600, 6))
    assert probed(values).accuracy < 0.6


def test_more_features_than_pixels_of_a_class_are_no_trouble() -> None:
    generator = np.random.default_rng(4)
    signal = np.eye(3)[CLASSES] @ generator.normal(size=(3, 200))
    assert probed(signal + 0.5 * generator.normal(size=signal.shape)).accuracy > 0.95


@pytest.mark.parametrize("accuracies", [[0.8, 0.9, 0.85, 0.7, 0.95], [0.5, 0.6, 0.7]])
def test_the_interval_is_nadeau_and_bengios(accuracies: list[float]) -> None:
    count = len(accuracies)
    reach = t.ppf(0.975, count - 1) * np.std(accuracies, ddof=1) * np.sqrt(1 / count + 1 / (count - 1))
    low, high = interval(accuracies)
    assert low == pytest.approx(max(0, np.mean(accuracies) - reach))
    assert high == pytest.approx(min(1, np.mean(accuracies) + reach))


def test_an_interval_stays_between_nothing_and_all() -> None:
    assert interval([0.0, 1.0, 0.5]) == (0.0, 1.0)
    assert interval([1.0, 1.0, 1.0]) == (1.0, 1.0)
