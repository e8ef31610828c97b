"""The benchmarks run, write what they print, and the claims of the README hold on a fresh scene."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import unmix_benchmarks
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import blind_scene, measured_spectra, region_scene, sample_scene
from unmix_benchmarks import benchmark_names, run
from unmix_benchmarks.common.scores import Score, means
from unmix_benchmarks.stability import Stability, mean_angle, summary


@pytest.mark.slow
def test_painted_regions_beat_vca_by_three_and_the_vae(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("regions", ["--seeds", "77", "--out", str(tmp_path)]) == 0
    rows = [Score(**row) for row in json.loads((tmp_path / "regions.json").read_text())]
    found = means(rows)
    assert found["ivae"][0] <= found["vca-fcls"][0] / 3
    assert found["ivae"][1] <= found["vca-fcls"][1] / 2
    assert found["ivae"] < found["vae"]
    assert found["ivae"][1] < found["vae"][1]
    assert (tmp_path / "regions.md").read_text() in capsys.readouterr().out + "\n"
    with (tmp_path / "regions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_noise_and_number_hold_on_a_few_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("noise", ["--scenes", "12", "--out", str(tmp_path)]) == 0
    with (tmp_path / "noise.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 + 9 * 2
    assert sum(row["found"] == row["materials"] for row in rows) >= 27
    assert sum(abs(float(row["noise_over_true"]) - 1) < 0.2 for row in rows) >= 29
    assert (tmp_path / "noise.md").read_text() in capsys.readouterr().out + "\n"


def test_reading_is_measured_in_memory_and_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--held", "40", "30", "20", "--large", "60", "40", "20", "--repeats", "1"]
    assert run("speed", ["reading", *small, "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed-reading.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows][-3:] == ["bsq uint16", "bil uint16", "bip uint16"]
    assert all(float(row["plain"]) > 0 for row in rows[:6])
    assert all(0 < float(row["click"]) < 1000 and float(row["opened"]) > 0 for row in rows[6:])
    assert (tmp_path / "speed-reading.md").read_text() in capsys.readouterr().out + "\n"


@pytest.mark.slow
def test_a_file_beyond_memory_is_unmixed_in_a_process_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("speed", ["large", "--large", "130", "40", "20", "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed-large.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert int(row["pixels"]) == 10 * 40  # one line of thirteen holds data
    assert 50 < float(row["megabytes"]) < 2000
    assert (tmp_path / "speed-large.md").read_text() in capsys.readouterr().out + "\n"


def test_speed_beats_a_loop_and_says_how_exact_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            "speed",
            ["least-squares", "--endmembers", "5", "14", "--pixels", "8000", "--repeats", "1", "--out", str(tmp_path)],
        )
        == 0
    )
    with (tmp_path / "speed-least-squares.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["endmembers"], row["goal"]) for row in rows] == [("5", "3000.0")] * 2 + [("14", "")] * 2
    assert all(float(row["reached"]) > 1.5 * float(row["peer"]) for row in rows)
    assert all(float(row["violation"]) < 1e-10 for row in rows)
    assert (tmp_path / "speed-least-squares.md").read_text() in capsys.readouterr().out + "\n"


def test_a_fit_is_timed_by_stage_in_a_process_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("speed", ["fit", "--scenes", "24x24x20x3", "--no-ladders", "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed-fit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["endmembers"], row["pixels"], row["bands"]) for row in rows] == [
        ("ivae", "3", "576", "20"),
        ("vca-fcls", "3", "576", "20"),
    ]
    ours = rows[0]
    assert "finding endmembers" in ours["stages"]
    by_stage = sum(float(told.rsplit(" ", 1)[1]) for told in ours["stages"].split("; "))
    assert by_stage == pytest.approx(float(ours["seconds"]), abs=0.1)
    assert float(ours["seconds"]) > float(rows[1]["seconds"])
    assert 0 < float(ours["above_cube"]) < 4
    assert float(ours["error"]) < 0.2
    assert "No deep peer is installed" in capsys.readouterr().out


def test_by_which_power_seconds_grow() -> None:
    from unmix_benchmarks.speed.fit import Taken, exponent

    def taken(pixels: int, seconds: float) -> Taken:
        return Taken("s", "ivae", 3, pixels, 9, seconds, 0.0, None, 0.1, 0.1, None, 0.0, 0.0, "")

    assert exponent([taken(100, 1.0), taken(400, 2.0), taken(1600, 4.0)], "pixels") == pytest.approx(0.5)


def test_few_components_are_nearly_all_regions_and_much_sooner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("speed", ["apply", "--pixels", "2000", "--repeats", "1", "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed-apply.csv").open(newline="") as file:
        rows = {(row["prior"], row["how"]): row for row in csv.DictReader(file)}
    for prior in ("dirichlet", "logistic-normal"):
        assert float(rows[prior, "16 components"]["rms"]) < 3e-4 < float(rows[prior, "least squares"]["rms"])
        assert float(rows[prior, "16 components"]["reached"]) > 1.5 * float(rows[prior, "all 400 regions"]["reached"])
    assert (tmp_path / "speed-apply.md").read_text() in capsys.readouterr().out + "\n"


def test_live_maps_are_timed_first_and_final(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAPARI_UNMIX_DATA", raising=False)
    assert run("speed", ["live", "--strokes", "6", "--side", "48", "--no-run", "--out", str(tmp_path)]) == 0
    with (tmp_path / "speed-live.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stroke"] for row in rows] == ["none", *["region"] * 2, *["material"] * 2, *["both"] * 2]
    first, final = (
        [float(row["median"]) for row in rows if row["what"] == f"{what} maps"] for what in ("first", "final")
    )
    assert all(early < late < float(rows[0]["median"]) for early, late in zip(first, final, strict=True))
    assert "Jasper Ridge is left out" in capsys.readouterr().out


def test_every_benchmark_is_listed() -> None:
    names = {"accuracy", "bundles", "calibration", "noise", "paint", "regions", "sample", "screening"}
    names |= {"link", "methods", "nonlinear-ica", "pretext", "seeds", "side-information", "speed", "stability", "trust"}
    assert set(benchmark_names()) == names


def test_benchmarks_import_no_window() -> None:
    """They stand outside the package's import contracts, and keep them."""
    names = [f"unmix_benchmarks.{name.replace('-', '_')}" for name in benchmark_names()]
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]; print(*sys.modules)"
    place = str(Path(unmix_benchmarks.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([place, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not {"napari", "qtpy", "PyQt6", "PySide6", "magicgui"} & set(done.stdout.split())


def test_the_sample_scene_is_what_it_says() -> None:
    scene = sample_scene()
    assert scene.cube.shape == (128, 128, 205)
    assert len(scene.endmembers) == 5
    assert scene.abundances.max() <= 0.85 + 1e-9
    assert len(np.unique(scene.regions)) == 12
    assert 0.4 < (scene.annotation.labels > 0).mean() < 0.6
    np.testing.assert_allclose(scene.abundances.sum(axis=-1), 1)
    clean = scene.illumination[..., None] * (scene.abundances @ scene.endmembers)
    ratio = 10 * np.log10((clean**2).mean() / ((scene.cube.spectra - clean) ** 2).mean())
    np.testing.assert_allclose(ratio, 30, atol=0.1)
    np.testing.assert_array_equal(sample_scene().cube.spectra, scene.cube.spectra)


def test_simulated_scenes_keep_their_conditions() -> None:
    scene = region_scene(1, materials=4, regions=40, painted=0.5, highest=0.85)
    assert scene.abundances.max() <= 0.85
    assert len(np.unique(scene.regions)) == 40
    assert 0.45 < (scene.annotation.labels > 0).mean() < 0.55
    pure, none_pure = (blind_scene(2, materials=3, pure=p, kind="linear", decibels=30) for p in (True, False))
    assert pure.abundances.max() > 0.97
    assert none_pure.abundances.max() <= 0.8 + 1e-9


def test_measured_spectra_are_reflectances() -> None:
    wavelengths, spectra, names = measured_spectra()
    assert spectra.shape == (len(names), len(wavelengths))
    assert spectra.min() >= 0
    assert spectra.max() <= 1


def test_wrong_options_are_one_sentence() -> None:
    with pytest.raises(
        UnmixError, match=r"argument --seeds: invalid int value: 'x': see napari-unmix benchmark regions --help\."
    ):
        run("regions", ["--seeds", "x"])


def stable(verdicts: str, spread: float, worst: float) -> Stability:
    return Stability("a", "ivae", 5, verdicts, spread, worst, worst)


def test_stability_holds_what_was_called_identified_against_spread_and_truth() -> None:
    rows = [stable("identified", 0.2, 1.0), stable("identified, partly", 0.1, 2.5), stable("not identified", 9.0, 30.0)]
    assert "(2 of 3 rows)" in summary(rows)
    assert "spread at most 0.20°" in summary(rows)
    assert "within 2.50°" in summary(rows)
    assert "both kept in 1 of 2" in summary(rows)
    assert summary(rows[2:]) == 'No run was called "identified".'


def test_the_angle_between_two_answers_ignores_their_order() -> None:
    endmembers = np.random.default_rng(0).uniform(size=(4, 30))
    assert mean_angle(endmembers, endmembers[[2, 0, 3, 1]]) < 1e-5
    assert mean_angle(endmembers, endmembers[::-1] + 0.1 * np.eye(4, 30)) > 0.1
