"""Linear independent component analysis."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.nonlinear.linear import linear_ica, whitening
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.sentences import UnmixError


@pytest.mark.parametrize(("sources", "channels"), [(2, 2), (3, 7)])
def test_sources_that_are_not_gaussian_come_back(sources: int, channels: int) -> None:
    generator = np.random.default_rng(0)
    truth = generator.laplace(size=(8000, sources))
    x = truth @ generator.standard_normal((sources, channels)) + 3.0
    found = linear_ica(x, sources)
    assert matched(found(x), truth).correlation > 0.995
    np.testing.assert_allclose(np.cov(found(x), rowvar=False), np.eye(sources), atol=1e-8)


def test_gaussian_sources_stay_mixed() -> None:
    """What the theory says: over seeds of the start, rotations of Gaussian sources are all alike."""
    generator = np.random.default_rng(1)
    truth = generator.standard_normal((4000, 2))
    reached = [matched(linear_ica(truth, 2, seed)(truth), truth).correlation for seed in range(6)]
    assert min(reached) < 0.95


def test_whitened_components_are_of_variance_one_and_uncorrelated() -> None:
    x = np.random.default_rng(2).standard_normal((500, 4)) @ np.diag([5.0, 2.0, 1.0, 0.1])
    np.testing.assert_allclose(np.cov(whitening(x, 3)(x), rowvar=False), np.eye(3), atol=1e-9)


def test_too_few_directions_are_one_sentence() -> None:
    x = np.outer(np.arange(50.0), [1.0, 2.0, 3.0])
    with pytest.raises(UnmixError, match=r"The data vary in 1 directions only: 2 latents can't be told apart\."):
        linear_ica(x, 2)
