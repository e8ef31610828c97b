"""Folds by place: no pixel is learned from beside one that is tested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.probing.blocks import MARGIN, SIDES, Folds, folds_of
from napari_unmix.sentences import UnmixError

NAMES = ("rock", "soil")


def folds(labels: np.ndarray, names: tuple[str, ...] = NAMES, count: int = 5) -> tuple[Folds, np.ndarray]:
    rows, columns = np.nonzero(labels)
    return folds_of(rows, columns, labels[labels > 0] - 1, names, count), np.stack([rows, columns], axis=1)


@settings(max_examples=10)
@given(seed=st.integers(0, 5_000), share=st.floats(0.2, 1.0), count=st.integers(2, 5))
def test_each_pixel_is_tested_once_and_learned_from_only_where_it_is_far_enough(
    seed: int, share: float, count: int
) -> None:
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random((40, 40)) < share, 1 + (np.arange(40)[:, None] + np.arange(40)) // 4 % 2, 0)
    made, places = folds(labels, count=count)
    assert set(made.tested_in) == set(range(count))
    for fold, learned in enumerate(made.learned_from):
        tested = made.tested_in == fold
        assert not (learned & tested).any()
        apart = np.abs(places[learned][:, None] - places[tested][None]).max(axis=2).min()
        assert apart > MARGIN


def test_blocks_are_as_large_as_every_class_allows() -> None:
    labels = np.ones((160, 160), int)
    labels[:, 80:] = 2
    assert folds(labels)[0].side == SIDES[0]
    labels[:] = 0
    labels[:40, :20], labels[:40, 60:80] = 1, 2
    assert folds(labels)[0].side == 16


def test_each_fold_tests_each_class_where_there_is_enough() -> None:
    labels = np.ones((64, 64), int)
    labels[16:48, 16:48] = 2
    made, _ = folds(labels)
    classes = labels[labels > 0]
    assert all(set(classes[made.tested_in == fold]) == {1, 2} for fold in range(5))
    assert 0 < made.left_out < 0.5


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        (np.ones((40, 40), int), ("rock",), "tells two classes or more apart, and only rock is painted: paint another"),
        (np.zeros((40, 40), int), (), "tells two classes or more apart, and nothing is painted: paint another"),
        (
            np.pad(np.full((4, 4), 2), ((0, 36), (0, 36)), constant_values=1),
            NAMES,
            "soil is painted in 1 block of 4 × 4 pixels, and testing apart from learning needs 5 of each class",
        ),
    ],
)
def test_too_little_paint_is_one_sentence(labels: np.ndarray, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(UnmixError, match=said):
        folds(labels, names)


def test_strokes_so_near_that_the_margin_takes_all_are_one_sentence() -> None:
    labels = np.zeros((40, 40), int)
    labels[:, 20:] = 1
    labels[3:5, 3:5] = 2  # four blocks of four meet in it
    with pytest.raises(UnmixError, match="soil is painted in places so near to each other that nothing of it is left"):
        folds(labels, count=2)
