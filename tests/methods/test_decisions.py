"""What contrastive learning as a method decides: made-up numbers in, used or refused out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.methods.region_contrast import fit as contrast
from napari_unmix.regions.acceptance import without_brightness
from napari_unmix.regions.contrast import LinearGcl
from napari_unmix.rows.inversion import FreeLight

refused, accepted = contrast._refused, contrast._accepted


def learned(*, apart: bool = True, error: float = 0.05, regions: int = 9) -> LinearGcl:
    blank = np.zeros((regions, 4))
    return LinearGcl(np.eye(4), blank, blank[:, 0], 1.0, 1.5 if apart else 1.0, error, 10_000)


def test_light_is_divided_out_with_its_noise_and_dark_pixels_lose_their_region() -> None:
    endmembers = np.array([[1.0, 0.2, 0.1], [0.1, 0.3, 1.0]])
    light = np.array([2.0, 0.5, 1.0, 1.0, 0.16, 0.14])
    mixed = np.array([[0.5, 0.5], [1, 0], [0, 1], [0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]) @ endmembers
    spectra, regions, noise = without_brightness(light[:, None] * mixed, np.arange(1, 7), 0.1, endmembers, FreeLight())
    np.testing.assert_allclose(spectra[:5], mixed[:5], atol=1e-6)
    np.testing.assert_array_equal(spectra[5], 0)
    np.testing.assert_array_equal(regions, [1, 2, 3, 4, 5, 0])
    assert noise == pytest.approx(0.1 * np.sqrt(np.mean(1 / light[:5] ** 2)), rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "moved", "reason"),
    [
        ({}, 11.9, ""),
        ({"error": 0.1}, 1.0, ""),
        ({"error": 0.11}, 1.0, "the regions differ too little (standard error 11 % of the simplex's size, at most 10 % allowed)"),
        ({"error": np.inf}, 1.0, "the regions differ too little (standard error without bound, at most 10 % allowed)"),
        ({"error": np.nan}, 1.0, "the regions differ too little (standard error without bound, at most 10 % allowed)"),
        ({"apart": False}, 1.0, "the abundances tell the painted regions apart no better than chance"),
        ({"apart": False, "error": 9.0}, 1.0, "the abundances tell the painted regions apart no better than chance"),
        ({}, 12.1, "it would move an endmember by 12° (at most 12°)"),
        ({}, np.nan, "it would move an endmember by nan° (at most 12°)"),
    ],
)  # fmt: skip
def test_each_reason_alone_refuses(changes: dict[str, float], moved: float, reason: str) -> None:
    assert refused(learned(**changes), np.array([0.5, moved])) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(("regions", "notes"), [(8, 2), (9, 1)])
def test_few_regions_are_used_and_said_to_be_few(regions: int, notes: int) -> None:
    said = accepted(4, learned(regions=regions), np.array([1.0, 2, 3, 4]))
    assert len(said) == notes
    assert f"from telling {regions} painted regions apart by their abundances (2.5° from the geometry's" in str(said[0])
    assert "standard error 5 % of the simplex's size" in str(said[0])
    assert notes == 1 or "8 regions are few for 4 endmembers: 9 are recommended" in str(said[1])
