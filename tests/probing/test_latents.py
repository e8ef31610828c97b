"""The codes that a run keeps are those of its network."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from napari_unmix.methods.ivae import fit
from napari_unmix.methods.registry import spec_class
from napari_unmix.model.logratio import helmert
from napari_unmix.pipeline import unmix
from napari_unmix.probing.latents import latents
from napari_unmix.progress import drain
from napari_unmix.synthetic import blind_scene

CUBE = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=20).cube


@pytest.mark.parametrize(("method", "epochs"), [("vae", 60), ("ivae", 60)])
def test_the_mean_of_an_inference_network_is_near_the_abundances(
    method: str, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fit, "need_another", lambda *_: True
    )  # else the iVAE trains its network where starts disagree alone
    spec = spec_class(method).model_validate({"endmembers": 3, "epochs": epochs, "batch": 64})
    result = drain(unmix(CUBE, spec))
    codes = latents(result.spec, result.model, CUBE.spectral_axis, CUBE.pixels())
    assert codes is not None
    read = softmax(codes[:, :2] @ helmert(3).numpy().T, axis=1)
    assert np.sqrt(np.mean((read - result.abundances.reshape(-1, 3)) ** 2)) < 0.1


@pytest.mark.parametrize("network", ["mlp", "transformer"])
def test_a_masked_autoencoders_codes_are_those_of_its_shape(network: str) -> None:
    asked = {"endmembers": 3, "epochs": 1, "network": network, "width": 12, "depth": 3, "patch": 9}
    result = drain(unmix(CUBE, spec_class("mae").model_validate(asked)))
    codes = latents(result.spec, result.model, CUBE.spectral_axis, CUBE.pixels())
    assert codes is not None
    assert codes.shape == (400, 12)
    assert (codes.std(axis=0) > 0).all()


def test_a_method_without_a_network_has_no_codes() -> None:
    result = drain(unmix(CUBE, spec_class("vca-fcls").model_validate({"endmembers": 3})))
    assert latents(result.spec, result.model, CUBE.spectral_axis, CUBE.pixels()) is None
