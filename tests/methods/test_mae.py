"""The masked autoencoder as a method: its read-outs, its caveat, and runs of earlier versions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.given import Given
from napari_unmix.methods.affine import affine_map, probed
from napari_unmix.methods.mae.spec import MaeSpec
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import mean_correlation, rmse
from napari_unmix.synthetic import blind_scene

SMALL = {"endmembers": 3, "epochs": 2, "width": 16, "depth": 1}


def spec(**fields: object) -> MaeSpec:
    return MaeSpec.model_validate({**SMALL, **fields})


def test_an_affine_map_is_read_back() -> None:
    generator = np.random.default_rng(0)
    features, weights = generator.normal(2, 3, (200, 5)), generator.normal(size=(5, 3))
    targets = features @ weights + [1, 2, 3]
    np.testing.assert_allclose(probed(features, affine_map(features, targets)), targets, atol=1e-3)


@pytest.mark.parametrize("network", ["mlp", "transformer"])
@pytest.mark.parametrize("readout", ["probe", "fine-tune"])
@pytest.mark.parametrize("lit", [False, True], ids=["sum to one", "illumination"])
def test_every_network_and_read_out_gives_a_composition(network: str, readout: str, lit: bool) -> None:
    cube = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=12).cube
    result = drain(unmix(cube, spec(network=network, readout=readout, illumination=lit)))
    np.testing.assert_allclose(result.abundances.sum(axis=2), 1, atol=1e-5)
    assert result.abundances.min() >= 0
    assert np.nanmin(result.endmembers) >= 0
    assert (result.illumination is not None) is lit
    stages = {stage for stage, _, _ in result.history}
    assert stages == {"filling in hidden bands", *(["fine-tuning"] if readout == "fine-tune" else [])}
    again = drain(unmix(cube, spec(network=network, readout=readout, illumination=lit)))
    np.testing.assert_array_equal(again.abundances, result.abundances)
    assert any(note.sentence.startswith("No theorem says") for note in result.notes)


@pytest.mark.slow
def test_filling_in_learns_the_signal_and_the_probe_reads_abundances() -> None:
    scene = blind_scene(5, materials=3, pure=True, kind="linear", decibels=25, size=48)
    result = drain(unmix(scene.cube, MaeSpec(endmembers=3)))
    losses = [loss for _, _, loss in result.history]
    assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:5])
    order = match_endmembers(result.endmembers, scene.endmembers)
    estimated = result.abundances.reshape(-1, 3)[:, order]
    assert mean_correlation(estimated, scene.abundances.reshape(-1, 3)) > 0.97
    assert rmse(estimated, scene.abundances.reshape(-1, 3)) < 0.1


def test_fine_tuning_leaves_what_is_held_and_explains_more_as_it_goes() -> None:
    scene = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=16)
    held = Given(scene.endmembers[:1], np.ones(1, bool), ("known",))
    before, after = (
        drain(unmix(scene.cube, spec(readout=readout, epochs=20, batch=16), given=held))
        for readout in ("probe", "fine-tune")
    )
    np.testing.assert_array_equal(after.endmembers[0], before.endmembers[0])
    np.testing.assert_allclose(after.endmembers[0], scene.endmembers[0])
    losses = [loss for stage, _, loss in after.history if stage == "fine-tuning"]
    assert losses[-1] < 0.8 * losses[0]
    assert not np.allclose(after.endmembers[1:], before.endmembers[1:])


def test_a_spec_of_an_earlier_version_is_read() -> None:
    """As version 0.1 wrote it into run.json."""
    stored = {
        "method": "mae",
        "endmembers": 3,
        "illumination": True,
        "brightness": "maximum",
        "seed": 2,
        "epochs": 150,
        "batch": 512,
        "learning_rate": 0.003,
    }
    read = MaeSpec.model_validate(stored)
    assert (read.epochs, read.batch, read.readout, read.pretrained) == (150, 512, "probe", "")
    assert MaeSpec.model_validate(read.model_dump(mode="json")) == read


def test_excluded_bands_and_pixels_take_no_part() -> None:
    scene = blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=12).cube
    good = np.ones(scene.shape[2], bool)
    good[50:60] = False
    spectra = scene.spectra.copy()
    spectra[..., ~good] = 1e5
    spoiled = Cube(spectra, scene.wavelengths, good)
    left_out = Cube(np.delete(scene.spectra, np.flatnonzero(~good), axis=2), np.asarray(scene.wavelengths)[good])
    one, other = (drain(unmix(cube, spec())) for cube in (spoiled, left_out))
    np.testing.assert_array_equal(one.abundances, other.abundances)
