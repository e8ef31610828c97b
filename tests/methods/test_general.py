"""Methods with general networks over cubes: what they find on easy scenes, what they say of themselves, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from napari_unmix import Annotation, Cube, Meaning, UnmixError, Unmixing, assess, drain, read_run, unmix, write_run
from napari_unmix.given import Given
from napari_unmix.methods.coded import values_of_u
from napari_unmix.methods.coded_variational import on_simplex
from napari_unmix.methods.pcl.fit import neighbouring
from napari_unmix.methods.registry import called_now, spec_class, stored_spec
from napari_unmix.nonlinear.coordinates import Coordinates
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.probing.latents import latents
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.synthetic import Scene, blind_scene

GENERAL = ("ivae-general", "gcl", "tcl", "pcl", "beta-vae")
GUIDED = ("ivae-general", "gcl", "tcl")
SMALL = {"endmembers": 3, "epochs": 1, "batch": 256, "units": 8, "starts": 2}


def small(method: str, **changes: Any) -> Any:
    """A training that takes no time."""
    fields = spec_class(method).model_fields
    return spec_class(method).model_validate({name: v for name, v in {**SMALL, **changes}.items() if name in fields})


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Three materials with pure pixels."""
    return blind_scene(8, materials=3, pure=True, kind="linear", decibels=30, size=20)


def quarters(names: tuple[int, ...] = (1, 2, 3, 4)) -> Annotation:
    """Four regions, by these numbers."""
    labels = np.kron(np.array(names, np.int32).reshape(2, 2), np.ones((10, 10), np.int32))
    return Annotation(labels)


def correlation(result: Unmixing, scene: Scene) -> float:
    order = match_endmembers(result.endmembers, scene.endmembers)
    found, true = (values.reshape(-1, 3) for values in (result.abundances[..., order], scene.abundances))
    return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(found.T, true.T, strict=True)]))


# --- what they find


@pytest.mark.parametrize(
    ("method", "options", "least"),
    [
        ("ivae-general", {"latents": "simplex"}, 0.93),
        ("ivae-general", {"latents": "real"}, 0.97),
        ("gcl", {}, 0.95),
        ("gcl", {"read_by": "vertices", "epochs": 5}, 0.8),
    ],
)
def test_abundances_are_found_where_mixing_is_linear_and_pixels_are_pure(
    scene: Scene, method: str, options: dict[str, Any], least: float
) -> None:
    result = drain(unmix(scene.cube, small(method, **{"epochs": 40, "batch": 128, "units": 16, **options}), quarters()))
    assert correlation(result, scene) > least


@pytest.mark.parametrize("method", [*GUIDED, "ivae", "region-contrast"])
def test_the_names_of_regions_do_not_matter(scene: Scene, method: str) -> None:
    one, other = (drain(unmix(scene.cube, small(method), quarters(names))) for names in ((1, 2, 3, 4), (7, 3, 9, 1)))
    np.testing.assert_allclose(one.abundances, other.abundances, atol=5e-3)


@pytest.mark.parametrize("method", GENERAL)
def test_the_codes_of_a_run_are_read_from_what_it_keeps(scene: Scene, method: str) -> None:
    result = drain(unmix(scene.cube, small(method)))
    codes = latents(result.spec, result.model, scene.cube.spectral_axis, scene.cube.pixels())
    assert codes is not None
    assert codes.shape == (400, 2)
    if method in ("ivae-general", "beta-vae"):
        import torch

        shares = on_simplex(torch.from_numpy(codes)).numpy()
        assert matched(shares, result.abundances.reshape(-1, 3)).correlation > 0.999
    assert latents(result.spec, result.model, scene.cube.spectral_axis, scene.cube.pixels()[:, :-1]) is None


@pytest.mark.parametrize("lit", [False, True], ids=["sum to one", "illumination"])
@pytest.mark.parametrize("method", ["gcl", "pcl", "beta-vae"])
def test_vertices_of_latents_keep_what_is_held(scene: Scene, method: str, lit: bool) -> None:
    known = Given.known(scene.endmembers[[1]], ["known"])
    asked = small(method, read_by="vertices", latents="real", illumination=lit)
    result = drain(unmix(scene.cube, asked, None, known))
    np.testing.assert_array_equal(result.endmembers[0], result.inversion.written(known.spectra)[0])
    np.testing.assert_allclose(result.abundances.sum(axis=2), 1, atol=1e-5)
    assert result.abundances.min() >= 0


def test_a_stroke_leads_by_its_mean_spectrum(scene: Scene) -> None:
    labels = quarters().labels.copy()
    labels[:3, :3] = 9
    painted = Annotation(labels, {9: Meaning("material", "rock")})
    result = drain(unmix(scene.cube, small("gcl"), painted))
    assert result.names[0] == "rock"
    np.testing.assert_allclose(result.endmembers[0], scene.cube.spectra[:3, :3].mean(axis=(0, 1)), rtol=1e-5)


def test_the_vae_may_have_a_network_for_a_decoder_and_is_as_before_without(scene: Scene) -> None:
    before = {"method": "vae", "endmembers": 3, "epochs": 1, "batch": 256}
    old, network = (spec_class("vae").model_validate({**before, **more}) for more in ({}, {"decoder": "network"}))
    assert old.decoder == "linear"  # type: ignore[attr-defined]
    linear, general = (drain(unmix(scene.cube, spec)) for spec in (old, network))
    assert linear.abundance_std is not None
    assert general.abundance_std is None
    assert any(name.startswith("network.encoder.") for name in general.model)


@pytest.mark.parametrize("method", ["ivae-general", "beta-vae"])
def test_no_report_calls_it_identified(scene: Scene, method: str) -> None:
    result = drain(unmix(scene.cube, small(method), quarters()))
    assert drain(assess(scene.cube, result)).verdict == "not identified"
    said = " ".join(map(str, result.notes))
    assert ("Experimental" in said) is (method != "beta-vae")
    assert spec_class(method).group == ("baseline" if method == "beta-vae" else "experimental")


# --- u


@pytest.mark.parametrize(
    ("regions", "values"),
    [
        ([1, 2, 0, 2], [0, 1, -1, 1]),  # two are known: what is unknown takes no part
        ([5, 0, 5, 9], [0, -1, 0, 1]),
        ([1, 0, 1, 0], [1, 0, 1, 0]),  # one is known: what is unpainted is the other
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_what_u_is_where_some_of_it_is_unknown(regions: list[int], values: list[int]) -> None:
    assert values_of_u(np.array(regions)).tolist() == values


@pytest.mark.parametrize("method", GUIDED)
def test_without_u_there_is_nothing_to_learn_from(scene: Scene, method: str) -> None:
    with pytest.raises(UnmixError, match=r"u has 1 value here: paint two regions or more"):
        drain(unmix(scene.cube, small(method, auxiliary="none")))


def test_neighbours_are_pairs_that_touch() -> None:
    valid = np.array([[True, True], [False, True]])
    assert sorted(map(tuple, neighbouring(valid).tolist())) == [(0, 1), (1, 2)]
    assert len(neighbouring(np.eye(5, dtype=bool))) == 0


def test_without_neighbours_there_are_no_pairs(scene: Scene) -> None:
    rows, columns = np.mgrid[:20, :20]
    lonely = Cube(scene.cube.spectra, scene.cube.wavelengths, valid_pixels=(rows + columns) % 2 == 0)
    with pytest.raises(UnmixError, match="the cube has 0 pairs of them"):
        drain(unmix(lonely, small("pcl")))


@pytest.mark.parametrize(
    ("method", "wrong"),
    [("beta-vae", {"beta": 0}), ("gcl", {"form": "free"}), ("tcl", {"units": 1}), ("ivae-general", {"auxiliary": "x"})],
)
def test_settings_out_of_range_are_refused(method: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec_class(method).model_validate(wrong)


# --- what the network sees


def test_free_light_takes_brightness_out() -> None:
    generator = np.random.default_rng(0)
    spectra = generator.uniform(0.2, 1, (50, 8))
    dark = spectra * generator.uniform(0.3, 2, (50, 1))
    for free in (True, False):
        seen = Coordinates.of(spectra, 3, free_light=free)
        assert np.allclose(seen.scores(dark), seen.scores(spectra)) is free
        again = Coordinates.of_arrays(seen.arrays())
        np.testing.assert_allclose(again.scores(dark), seen.scores(dark), atol=1e-5)


# --- runs of before


def test_what_was_gcl_is_region_contrast() -> None:
    before = {"method": "gcl", "endmembers": 3, "illumination": False, "seed": 4}
    assert called_now("gcl", before) == ("region-contrast", {**before, "method": "region-contrast"})
    assert (stored_spec("gcl", before).method, stored_spec("gcl", before).seed) == ("region-contrast", 4)
    today = small("gcl").model_dump(mode="json")
    assert called_now("gcl", today) == ("gcl", today)
    assert stored_spec("gcl", today) == small("gcl")
    assert called_now("vae", {"method": "vae"}) == ("vae", {"method": "vae"})


def test_a_folder_of_before_opens(scene: Scene, tmp_path: Path) -> None:
    result = drain(unmix(scene.cube, small("region-contrast")))
    folder = write_run(tmp_path / "run", scene.cube, result, None)
    said = json.loads((folder / "run.json").read_text())
    assert said["method"] == said["spec"]["method"] == "region-contrast"
    said["method"] = said["spec"]["method"] = "gcl"
    (folder / "run.json").write_text(json.dumps(said))
    again = read_run(folder).unmixing(scene.cube)
    assert again.spec == result.spec
    np.testing.assert_array_equal(again.abundances, result.abundances)
