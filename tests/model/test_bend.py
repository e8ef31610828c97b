"""What a nonlinear mixing adds to s·aM is part of the reconstruction, for every mixing."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.answer import Unmixing, drain
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.synthetic import Kind, blind_scene


def bent(mixing: str, kind: Kind, *, variability: bool = False) -> tuple[np.ndarray, Unmixing]:
    scene = blind_scene(3, materials=3, pure=True, kind=kind, decibels=40, size=24)
    spec = spec_class("ivae")(
        endmembers=3, mixing=mixing, variability=variability, illumination=scene.scaled, epochs=2, batch=256
    )
    return scene.cube.spectra, drain(unmix(scene.cube, spec))


@pytest.mark.parametrize(
    ("mixing", "kind", "variability"),
    [
        ("fan", "fan", False),
        ("bilinear", "bilinear", False),
        ("ppnm", "bilinear", False),
        ("post-nonlinear", "post-nonlinear", False),
        ("residual", "fan", False),
        ("linear", "tilt", True),
    ],
)
def test_the_reconstruction_holds_what_the_mixing_adds(mixing: str, kind: Kind, variability: bool) -> None:
    spectra, result = bent(mixing, kind, variability=variability)
    linear = result.abundances.astype(float) @ result.endmembers
    if result.illumination is not None:
        linear *= result.illumination[..., None]
    reconstruction = np.array([[result.reconstruction(row, column) for column in range(24)] for row in range(24)])
    error = np.sqrt(np.mean((spectra - reconstruction) ** 2, axis=2))
    np.testing.assert_allclose(error, result.reconstruction_error, rtol=1e-3, atol=1e-6)
    if result.bend is None:
        assert result.details["mixing"] == "linear"
        np.testing.assert_allclose(reconstruction, linear, rtol=1e-5)
    else:
        assert error.mean() < 0.9 * np.sqrt(np.mean((spectra - linear) ** 2, axis=2)).mean()


def test_at_least_multiple_scattering_is_bent() -> None:
    assert bent("fan", "fan")[1].bend is not None
    assert bent("linear", "fan")[1].bend is None
