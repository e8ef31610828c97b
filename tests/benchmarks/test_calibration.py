"""The calibration's scenes are what they say, and its rates count what they name."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.rows.metrics import angle_table
from napari_unmix.sentences import UnmixError
from unmix_benchmarks import run
from unmix_benchmarks.calibration import Row, conditions, summary, table, with_kept, write_numbers
from unmix_benchmarks.common.conditions import FAILURES, HOLDS, OTHER_LAW, Condition, condition_scene
from unmix_benchmarks.common.families import LAWS, NOISES, family_scene

ROW = Row(1, HOLDS, "Dirichlet", 30.0, 3, 9, False, "identified", "", 1.0, 0.02, 0.9, 1.1, 0.025, 1.0)


@pytest.mark.parametrize("failure", [HOLDS, OTHER_LAW, *FAILURES])
def test_scenes_are_what_they_say(failure: str) -> None:
    scene = condition_scene(77, failure)
    assert scene.failure == failure
    np.testing.assert_allclose(scene.abundances.sum(axis=-1), 1)
    assert scene.abundances.min() >= 0
    regions = int(scene.annotation.labels.max())
    assert (regions < 3) == (failure == "too few regions")
    assert failure == "too few regions" or regions >= 2 * len(scene.endmembers) + 1
    assert (scene.asked > len(scene.endmembers)) == (failure == "one endmember too many")
    closest = np.degrees(angle_table(scene.endmembers, scene.endmembers) + 10 * np.eye(len(scene.endmembers))).min()
    assert (closest < 5) == (failure == "two endmembers alike")
    assert np.array_equal(condition_scene(77, failure).cube.spectra, scene.cube.spectra)


def test_one_alpha_is_constant_and_the_others_are_not() -> None:
    """α by moments in every region: mean m and Σv = Σm(1 − m)/(c + 1)."""
    scene = next(
        scene for scene in (condition_scene(seed, "one α constant") for seed in range(20)) if scene.truth == "Dirichlet"
    )
    rows = []
    for label in range(1, int(scene.annotation.labels.max()) + 1):
        drawn = scene.abundances[scene.annotation.labels == label]
        mean = drawn.mean(axis=0)
        rows.append(mean * ((mean * (1 - mean)).sum() / drawn.var(axis=0).sum() - 1))
    spread = np.sort(np.std(rows, axis=0) / np.mean(rows, axis=0))
    assert spread[0] < 0.2 < spread[1]


def test_labels_from_the_noise_know_nothing_of_the_abundances() -> None:
    for failure, knows in (("u from the noise", False), ("u follows a material's amount", True), ("u shuffled", False)):
        scene = condition_scene(80, failure)
        labels = scene.annotation.labels
        shares = np.array([scene.abundances[labels == k].mean(axis=0) for k in range(1, labels.max() + 1)])
        assert bool(shares.std(axis=0).max() > 0.1) is knows


def test_half_of_the_scenes_hold_and_every_failure_takes_its_turn() -> None:
    chosen = conditions(200)
    assert chosen.count(HOLDS) + chosen.count(OTHER_LAW) == 100
    assert all(chosen.count(failure) == 10 for failure in FAILURES)
    assert conditions(40) == chosen[:40]


@pytest.mark.parametrize("seed", range(12))
def test_scenes_of_the_families_are_what_they_say(seed: int) -> None:
    """Abundances of the law that is named, noise of the kind and the level that is named, regions of one size or another."""
    scene = family_scene(seed)
    assert scene.truth in LAWS
    assert scene.failure in NOISES
    np.testing.assert_allclose(scene.abundances.sum(axis=-1), 1)
    assert scene.abundances.min() >= 0
    assert 6 <= scene.annotation.labels.max() <= 40
    highest = {"truncated at 0.85": 0.85, "truncated at 0.75": 0.75}.get(scene.truth, 1.0)
    assert scene.abundances.max() <= highest
    alike = _correlations(scene.cube.spectra - _light(scene)[..., None] * (scene.abundances @ scene.endmembers))
    if not scene.scaled and scene.truth != "patches":
        assert (alike > 0.15).tolist() == [scene.failure == "alike in space", scene.failure == "alike in bands"]
    assert np.array_equal(family_scene(seed).cube.spectra, scene.cube.spectra)


def _light(scene: Condition) -> np.ndarray:
    clean = scene.abundances @ scene.endmembers
    return np.asarray((scene.cube.spectra * clean).sum(axis=-1) / (clean**2).sum(axis=-1))


def _correlations(left: np.ndarray) -> np.ndarray:
    """Of what is left of a scene (H, W, B) in neighbouring rows, and in neighbouring bands."""
    return np.array(
        [np.corrcoef(np.moveaxis(left, k, 0)[:-1].ravel(), np.moveaxis(left, k, 0)[1:].ravel())[0, 1] for k in (0, 2)]
    )


def test_pixels_of_patches_are_alike_and_those_of_other_laws_are_not() -> None:
    """Of neighbours in one region, after its mean."""
    for law, alike in (("patches", True), ("logistic-normal", False), ("mixture of two", False)):
        scene = next(scene for scene in map(family_scene, range(100, 160)) if scene.truth == law)
        labels, shares = scene.annotation.labels, scene.abundances[..., 0].copy()
        for label in range(1, labels.max() + 1):
            shares[labels == label] -= shares[labels == label].mean()
        both = (labels[:-1] == labels[1:]) & (labels[1:] > 0)
        correlation = np.corrcoef(shares[:-1][both], shares[1:][both])[0, 1]
        assert bool(correlation > 0.4) is alike


def test_families_are_told_by_their_law() -> None:
    rows = [replace(ROW, condition="patches", truth="white"), replace(ROW, condition="patches", verdict="partly")]
    assert "| patches | 2 | 2 | 1 | 0 | 1 | 0 |" in table(rows)
    assert "Right answers called identified, whatever the law: 1 of 2 (50 %)" in summary(rows)
    assert "whatever the law" not in summary([ROW])


def test_rates_count_what_they_name() -> None:
    wrong = replace(ROW, angle_degrees=4.0)
    rows = [
        ROW,
        replace(ROW, verdict="partly", expected_abundance_rmse=0.2),  # a false alarm, predicted ten times too large
        replace(wrong, verdict="partly"),  # wrong, and not called identified: no false alarm
        replace(wrong, condition="u shuffled", verdict="not identified"),
        replace(wrong, condition="too few regions"),  # missed
    ]
    text = summary(rows)
    assert "Failing conditions detected: 1 of 2 (50 %)" in text
    assert "not called identified): 1 of 2 (50 %)" in text
    assert "Answers called identified that are wrong, over all scenes: 1 of 2 (50 %)" in text
    assert "within a factor 1.5, where all hold: 2 of 3 (67 %)" in text
    assert "in 3 of 3 scenes" in text
    assert f"| {HOLDS} | 3 | 2 | 1 | 0 | 2 | 0 |" in table(rows)
    assert "| too few regions | 1 | 0 | 1 | 1 | 0 | 0 |" in table(rows)


def test_laws_and_noises_of_families_have_lines_and_noises_count_no_other_scene() -> None:
    drawn = [replace(ROW, condition="patches", truth=noise) for noise in ("white", "white", "alike in space")]
    lines = table([ROW, *drawn]).splitlines()
    assert [line.split(" | ")[:2] for line in lines if line.startswith(("| white", "| alike"))] == [
        ["| white", "2"],
        ["| alike in space", "1"],
    ]
    assert "noise" not in table([ROW])


def test_kept_rows_stay_unless_their_verdict_is_asked_again() -> None:
    kept = {7: replace(ROW, seed=7, commit="old"), 8: replace(ROW, seed=8, verdict="partly", commit="old")}
    run: list[int] = []

    def made(seed: int, condition: str) -> Row:
        run.append(seed)
        return replace(ROW, seed=seed, condition=condition, commit="new")

    rows = list(with_kept([(7, HOLDS), (8, HOLDS), (9, HOLDS)], kept, ["identified"], made))
    assert run == [7, 9]
    assert [(row.seed, row.commit) for row in rows] == [(7, "new"), (8, "old"), (9, "new")]


def test_families_are_kept_under_a_name_of_their_own_and_rows_say_of_which_commit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [replace(ROW, seed=seed, condition="patches", truth="white", commit=f"c{seed}") for seed in (1, 2)]
    write_numbers(rows, tmp_path / "kept", "calibration-families")
    (tmp_path / "out").mkdir()
    options = ["--families", "--scenes", "2", "--keep", str(tmp_path / "kept"), "--out", str(tmp_path / "out")]
    assert run("calibration", options) == 0
    assert "rows of the commits c1, c2." in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        f"calibration-families.{kind}" for kind in ("csv", "json", "md")
    ]
    with pytest.raises(UnmixError, match="give --keep the folder"):
        run("calibration", ["--scenes", "2", "--keep", str(tmp_path / "kept")])


@pytest.mark.slow
def test_it_runs_and_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibration", ["--scenes", "2", "--seed", "1007", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "calibration.md").read_text(encoding="utf-8") in capsys.readouterr().out + "\n"
    rows = [Row(**row) for row in json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8"))]
    assert [row.condition for row in rows] == [HOLDS, "too few regions"]
    assert [row.identified for row in rows] == [True, False]
    with (tmp_path / "calibration.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2
