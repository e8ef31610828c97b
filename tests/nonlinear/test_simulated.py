"""The data are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.nonlinear.simulated import CORRELATION, DEVIATIONS, SLOPES, bent, nonstationary, temporal


def test_every_segment_has_its_own_deviation_in_old_and_fresh_rows() -> None:
    data = nonstationary(3, 2, 2, 2, "leaky", segments=8, length=4000, fresh=4000)
    seen, fresh = (
        np.array([draw.sources[draw.u == k].std(axis=0) for k in range(8)]) for draw in (data.seen, data.fresh)
    )
    assert seen.min() > DEVIATIONS[0] * 0.95
    assert seen.max() < DEVIATIONS[1] * 1.05
    np.testing.assert_allclose(seen, fresh, rtol=0.08)
    assert np.ptp(seen, axis=0).min() > 0.5
    assert abs(data.seen.sources.mean()) < 0.05
    assert not np.array_equal(data.seen.x, data.fresh.x)


@pytest.mark.parametrize(("channels", "activation"), [(2, "leaky"), (6, "xtanh")])
def test_a_seed_is_a_mixture(channels: int, activation: str) -> None:
    first, again, other = (
        nonstationary(seed, 2, channels, 3, activation, segments=3, length=5, fresh=1)  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.seen.x, again.seen.x)
    assert not np.array_equal(first.seen.x, other.seen.x)
    assert first.seen.x.shape == (15, channels)


def test_one_layer_is_linear_and_more_are_not() -> None:
    for layers, linear in ((1, True), (2, False)):
        draw = nonstationary(0, 2, 2, layers, "leaky", segments=4, length=100, fresh=1).seen
        left = np.linalg.lstsq(draw.sources, draw.x, rcond=None)[1]
        assert bool(left.max() < 1e-20) is linear


def test_activations_are_strictly_increasing() -> None:
    x = np.linspace(-5, 5, 101)
    assert (np.diff(bent(x, "leaky")) >= SLOPES["leaky"] * 0.0999).all()
    assert (np.diff(bent(x, "xtanh")) >= SLOPES["xtanh"] * 0.0999).all()
    np.testing.assert_allclose(bent(np.array([-2.0, 3.0]), "leaky"), [-0.4, 3.0])
    np.testing.assert_allclose(bent(np.array([1.0]), "xtanh"), np.tanh(1.0) + 0.1)


@pytest.mark.parametrize(("law", "excess"), [("laplace", True), ("gauss", False)])
def test_sources_in_time_depend_on_their_past(law: str, excess: bool) -> None:
    sources = temporal(0, 2, 2, 1, "leaky", length=20_000, fresh=1, law=law).seen.sources  # type: ignore[arg-type]
    np.testing.assert_allclose(sources.std(axis=0), 1.0, atol=0.05)
    follows = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in sources.T]
    np.testing.assert_allclose(follows, CORRELATION, atol=0.03)
    kurtosis = float(((sources / sources.std(axis=0)) ** 4).mean()) - 3
    assert (kurtosis > 0.5) is excess
