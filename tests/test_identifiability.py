"""The report says less where the conditions fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.cube import Annotation
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.pipeline import assess, unmix
from napari_unmix.specs import spec_class
from napari_unmix.synthetic import Scene, blind_scene, region_scene
from napari_unmix.unmixing import Unmixing, drain


@pytest.fixture(scope="module")
def painted() -> Scene:
    return region_scene(31)


def run(
    scene: Scene, annotation: Annotation | None, method: str = "ivae", count: int | None = None
) -> tuple[Unmixing, Report]:
    spec = spec_class(method)(method=method, endmembers=count or len(scene.endmembers), illumination=scene.scaled)
    result = drain(unmix(scene.cube, spec, annotation))
    return result, drain(assess(scene.cube, result))


def named(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_forty_different_regions_identify(painted: Scene) -> None:
    result, report = run(painted, painted.annotation)
    assert report.verdict == "identified"
    assert "if the assumptions" in report.summary
    assert named(report, "enough regions").value == 40
    assert result.details["moments_accepted"]


def test_two_regions_never_identify(painted: Scene) -> None:
    few = Annotation(np.where(painted.annotation.labels <= 2, painted.annotation.labels, 0))
    _, report = run(painted, few)
    assert report.verdict == "partly"
    check = named(report, "enough regions")
    assert (check.status, check.value, check.threshold) == ("fail", 2, 9)
    assert "Paint 7 more regions" in check.remedy


def test_regions_that_do_not_differ_do_not_identify(painted: Scene) -> None:
    shuffled = Annotation(np.random.default_rng(0).permutation(painted.annotation.labels.ravel()).reshape(100, 100))
    _, report = run(painted, shuffled)
    assert report.verdict != "identified"


def test_without_paint_nothing_is_claimed_from_superpixels(painted: Scene) -> None:
    _, report = run(painted, None)
    assert report.verdict == "partly"
    assert "no claim about endmembers rests on them" in named(report, "enough regions").sentence


def test_a_missing_material_shows_in_the_residual(painted: Scene) -> None:
    _, report = run(painted, painted.annotation, count=3)
    assert named(report, "model fits").status != "pass"
    assert report.verdict != "identified"


def test_a_vae_is_never_identified(painted: Scene) -> None:
    _, report = run(painted, painted.annotation, method="vae")
    assert (report.verdict, "Locatello" in report.summary) == ("not identified", True)


def test_variability_beyond_the_linear_model_is_not_identified() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=40)
    _, report = run(scene, None)
    assert named(report, "model fits").status == "fail"
    assert report.verdict == "not identified"


def test_twin_endmembers_are_named(painted: Scene) -> None:
    result, _ = run(painted, painted.annotation, method="vca-fcls")
    twins = result.endmembers.copy()
    twins[1] = twins[0] * (1 + 1e-6 * np.arange(twins.shape[1]))
    check = named(drain(assess(painted.cube, replace(result, endmembers=twins))), "injective mixing")
    assert check.status == "fail"
    assert "endmember 1 and endmember 2" in check.sentence
