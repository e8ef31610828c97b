"""Third moments of regions: they are a Dirichlet's under a Dirichlet, and less where logits are normal; noise and order change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.regions.third import ThirdMoments, third_moments
from napari_unmix.synthetic import region_parameters

BANDS, PIXELS, SEEDS = 30, 80, range(12)
PLACE = np.linspace(0, 1, BANDS)
ENDMEMBERS = np.array([0.2 + 0.6 * np.exp(-(((PLACE - centre) / 0.18) ** 2)) for centre in (0.1, 0.5, 0.9)])


def drawn(law: str, seed: int, regions: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Abundances (N, 3) of the law, and regions (N,) of 80 pixels each."""
    generator = np.random.default_rng(seed)
    alpha = region_parameters(regions, 3, generator)
    if law == "Dirichlet":
        shares = np.vstack([generator.dirichlet(row, PIXELS) for row in alpha])
    else:
        logits = np.repeat(np.log(alpha), PIXELS, axis=0) + 0.5 * generator.normal(size=(regions * PIXELS, 3))
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return shares, np.repeat(np.arange(1, regions + 1), PIXELS)


def measured(law: str, seed: int, noise: float = 0.0, redundancy: float = 1.0) -> ThirdMoments:
    shares, labels = drawn(law, seed)
    spectra = shares @ ENDMEMBERS + noise * np.random.default_rng(seed).normal(size=(len(shares), BANDS))
    found = third_moments(spectra, labels, ENDMEMBERS, noise, redundancy)
    assert found is not None
    return found


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_dirichlet_has_all_of_them_and_a_logistic_normal_about_two_thirds(noise: float) -> None:
    """The means over twelve fixed seeds, and how often one is on its side of .8."""
    one, other = ([measured(law, seed, noise).share for seed in SEEDS] for law in ("Dirichlet", "logistic-normal"))
    assert 0.93 < np.mean(one) < 1.07
    assert 0.5 < np.mean(other) < 0.75
    assert sum(share > 0.8 for share in one) >= 11
    assert sum(share < 0.8 for share in other) >= 11


def test_the_error_of_the_share_is_what_it_scatters_by() -> None:
    found = [measured("Dirichlet", seed) for seed in range(40)]
    scatter = float(np.std([one.share for one in found]))
    assert 0.6 < np.mean([one.share_error for one in found]) / scatter < 1.6


def test_order_of_pixels_regions_and_materials_changes_nothing() -> None:
    shares, labels = drawn("logistic-normal", 1)
    generator = np.random.default_rng(2)
    order = generator.permutation(len(shares))
    one = third_moments(shares @ ENDMEMBERS, labels, ENDMEMBERS, 0.01)
    other = third_moments((shares @ ENDMEMBERS)[order], labels.max() + 1 - labels[order], ENDMEMBERS[[2, 0, 1]], 0.01)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(
        [one.share, one.share_error, one.misfit], [other.share, other.share_error, other.misfit], rtol=1e-6
    )


def test_a_scene_that_is_brighter_is_no_other() -> None:
    shares, labels = drawn("Dirichlet", 3)
    one = third_moments(shares @ ENDMEMBERS, labels, ENDMEMBERS, 0.01)
    other = third_moments(1000 * shares @ ENDMEMBERS, labels, 1000 * ENDMEMBERS, 10.0)
    assert one is not None
    assert other is not None
    assert other.share == pytest.approx(one.share)


def test_neighbours_that_are_alike_say_less_and_not_something_else() -> None:
    one, other = measured("logistic-normal", 4), measured("logistic-normal", 4, redundancy=4.0)
    assert other.share == pytest.approx(one.share)
    assert other.misfit == pytest.approx(one.misfit / 4)
    assert other.share_error >= one.share_error


def test_one_region_alone_is_no_proof() -> None:
    """It has no others to differ from, so its error is that of its draws."""
    shares, labels = drawn("Dirichlet", 5)
    alone = third_moments(shares @ ENDMEMBERS, np.where(labels == 3, 1, 0), ENDMEMBERS, 0.0)
    assert alone is not None
    assert alone.share_error > 0.1


def test_without_pixels_enough_there_are_none() -> None:
    shares, labels = drawn("Dirichlet", 6)
    assert third_moments(shares @ ENDMEMBERS, 0 * labels, ENDMEMBERS, 0.0) is None
    few = np.where(np.arange(len(labels)) < 29, 1, 0)
    assert third_moments(shares @ ENDMEMBERS, few, ENDMEMBERS, 0.0) is None
