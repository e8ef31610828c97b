"""Unmixing what stays in its file: as the same cube in memory, rare targets found, and a file that changes is a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.large.conftest import Spectra, materials, mixtures

from napari_unmix import assess, drain, read_run, unmix
from napari_unmix.answer import Unmixing
from napari_unmix.cli import main
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.io.budget import lazily
from napari_unmix.methods.registry import spec_class
from napari_unmix.progress import Progress
from napari_unmix.rows.metrics import rmse
from napari_unmix.sentences import UnmixError

InFile = Callable[[Spectra], Cube]


def degrees(found: Spectra, wanted: Spectra) -> Any:
    """(Q,) the smallest angle to one of ``found``."""
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (found, wanted))
    return np.degrees(np.arccos(np.clip(one @ other.T, -1, 1))).min(axis=0)


def spec(method: str = "vca-fcls", **settings: Any) -> Any:
    return spec_class(method)(**{"endmembers": 3, **settings})


def note_of(result: Unmixing) -> str:
    return str(result.notes[-1])


def test_where_all_pixels_are_sampled_the_answer_is_that_of_memory(in_its_file: InFile) -> None:
    """Endmembers to the bit; maps of the default method by the mixture over the regions in place of each segment's law: 0.005 rms."""
    spectra = mixtures(36)
    for method, apart in (("vca-fcls", 1e-6), ("ivae", 0.005)):
        filed, held = (drain(unmix(cube, spec(method))) for cube in (in_its_file(spectra), Cube(spectra)))
        np.testing.assert_array_equal(filed.endmembers, held.endmembers)
        assert rmse(filed.abundances, held.abundances) < apart
        assert (filed.abundance_std is None) == (held.abundance_std is None)


def test_a_painted_region_is_inferred_by_its_own_law(in_its_file: InFile) -> None:
    spectra = mixtures(36)
    labels = np.zeros((36, 36), int)
    for number in range(9):
        labels[12 * (number // 3) : 12 * (number // 3) + 11, 12 * (number % 3) : 12 * (number % 3) + 11] = number + 1
    painting = Annotation(labels, {9: Meaning("ignore")})
    filed, held = (drain(unmix(cube, spec("ivae"), painting)) for cube in (in_its_file(spectra), Cube(spectra)))
    assert filed.regions is not None
    assert held.regions is not None
    painted = (labels > 0) & (labels < 9)
    np.testing.assert_array_equal(filed.regions[painted], held.regions[painted])
    assert np.isnan(filed.abundances[labels == 9]).all()
    assert rmse(filed.abundances[painted], held.abundances[painted]) < 5e-4


@pytest.fixture
def with_a_target(in_its_file: InFile) -> Cube:
    spectra = mixtures(300)
    spectra[100, 100:103] = materials()[3] + np.random.default_rng(5).normal(0, 0.003, (3, spectra.shape[2]))
    return in_its_file(spectra)


def test_a_target_of_three_pixels_is_found(with_a_target: Cube) -> None:
    result = drain(unmix(with_a_target, spec(endmembers=4)))
    assert degrees(result.endmembers, materials()).max() < 3
    assert (result.abundances[100, 100:103].max(axis=1) > 0.95).all()
    assert "3 pixels that stood out were added, and none that are alike stand out" in note_of(result)


def test_a_target_for_which_no_endmember_is_left_is_told_of(with_a_target: Cube) -> None:
    """The three that were asked for are the common ones, as they would be in memory."""
    result = drain(unmix(with_a_target, spec(endmembers=3)))
    assert degrees(result.endmembers, materials()[:3]).max() < 3
    assert "3 alike ones still stand out. Ask for an endmember more." in note_of(result)


def test_a_scene_that_lacks_nothing_is_fitted_once(in_its_file: InFile) -> None:
    stages = []
    result = drain(unmix(in_its_file(mixtures(210)), spec()), lambda step: stages.append((step.stage, step.fraction)))
    assert "no pixels were added, and none that are alike stand out" in note_of(result)
    assert not any("lacked" in stage for stage, _ in stages)
    assert [fraction for _, fraction in stages] == sorted(fraction for _, fraction in stages)


def test_the_report_is_of_the_sample_also_of_a_run_that_was_written(in_its_file: InFile, tmp_path: Path) -> None:
    cube = in_its_file(mixtures(210))
    with lazily(True):
        out, path = tmp_path / "run", str(cube.source)
        reading = ["--bands-axis", "last", "--repair", "none"]
        assert main(["unmix", path, "--method", "vca-fcls", "--endmembers", "3", "--out", str(out), *reading]) == 0
        assert main(["report", str(out), "--cube", path, "--json"]) == 0
    stored = read_run(out)
    assert stored.abundances.shape == (210, 210, 3)
    assert stored.report is not None
    again = drain(assess(cube, stored.unmixing(cube)))
    assert again.verdict == stored.report.verdict
    assert [check.status for check in again.checks] == [check.status for check in stored.report.checks]


def test_a_file_that_changes_meanwhile_is_a_sentence(in_its_file: InFile) -> None:
    cube = in_its_file(mixtures(120))
    assert cube.source is not None
    source = cube.source

    def touched(step: Progress) -> None:
        if step.stage == "inferring all pixels":
            os.utime(source, ns=(1, 1))

    with pytest.raises(UnmixError, match=r"scene\.npy changed while it was read: bring it back"):
        drain(unmix(cube, spec()), touched)


def test_a_command_that_fails_leaves_nothing(in_its_file: InFile, tmp_path: Path, capsys: Any) -> None:
    cube = in_its_file(mixtures(40))
    labels = tmp_path / "labels.npy"
    np.save(labels, np.zeros((3, 3), int))
    with lazily(True):
        command = ["unmix", str(cube.source), "--method", "vca-fcls", "--endmembers", "3", "--bands-axis", "last"]
        assert main([*command, "--annotation", str(labels), "--out", str(tmp_path / "run")]) == 2
        assert not (tmp_path / "run").exists()
        capsys.readouterr()
        assert main([*command, "--json", "--out", str(tmp_path / "run")]) == 0
    assert json.loads(capsys.readouterr().out)["where_to_paint"] == []
