"""What is kept of a training gives the codes of the training, to single precision and without torch."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import nonstationary
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.stored import Encoder
from napari_unmix.progress import drain


def test_the_encoder_is_kept() -> None:
    seen = nonstationary(3, 2, 3, 1, "leaky", segments=6, length=50, fresh=1).seen
    found = drain(gcl(Rows(seen.x, seen.u, 2), Training(epochs=2, batch=64, starts=2, width=6)))
    kept = Encoder.of_arrays(found.kept().arrays())
    np.testing.assert_allclose(kept.codes(seen.x), found.latents_of(seen.x), atol=1e-4)
    assert kept.codes(seen.x[:0]).shape == (0, 2)
    with pytest.raises(KeyError):
        Encoder.of_arrays({"encoder.centre": np.zeros(3)})


def test_one_scale_keeps_weak_channels_weak() -> None:
    x = np.random.default_rng(0).normal(size=(100, 2)) * [1.0, 0.01]
    each, together = (Rows(x, np.zeros(100, int), 1, one_scale=one) for one in (False, True))
    np.testing.assert_allclose(each.scaling.scaled(x).std(axis=0), 1)
    scaled = together.scaling.scaled(x).std(axis=0)
    np.testing.assert_allclose(np.mean(scaled**2), 1)
    assert scaled[1] < 0.02 * scaled[0]
    assert together.without_u().one_scale


def test_without_a_linear_start_all_are_random() -> None:
    seen = nonstationary(3, 2, 2, 1, "leaky", segments=4, length=50, fresh=1).seen
    rows = Rows(seen.x, seen.u, 2)
    starts = Starts.of(rows, Training(starts=2, linear_first=False))
    assert (starts.bent > 0).all()
    assert (Starts.of(rows, Training(starts=2)).bent > 0).tolist() == [False, True]


def test_shuffled_u_takes_away_what_general_contrastive_learning_found() -> None:
    """Of a linear mixture from random rotations, whose truth only u tells."""
    seen = nonstationary(4, 2, 2, 1, "leaky", segments=12, length=200, fresh=1).seen
    shuffled = np.random.default_rng(0).permutation(seen.u)
    training = Training(epochs=30, batch=256, starts=3, width=8, linear_first=False)
    true, false = (drain(gcl(Rows(seen.x, u, 2), training)) for u in (seen.u, shuffled))
    reached = [
        np.mean([matched(found.latents_of(seen.x, start), seen.sources).correlation for start in range(3)])
        for found in (true, false)
    ]
    assert true.objectives.max() > false.objectives.max() + 0.02
    assert reached[0] > reached[1] + 0.04
