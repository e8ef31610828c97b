"""``probe``: painted classes told apart, by materials that are called by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main, probe_command
from napari_unmix.probing.blocks import FOLDS

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cube of three materials in squares, its painting, and runs of two methods."""
    folder = tmp_path_factory.mktemp("probe")
    generator = np.random.default_rng(0)
    wavelengths = np.linspace(450.0, 910.0, 24)
    bells = 0.1 + 0.6 * np.exp(-(((wavelengths - np.array([500.0, 680.0, 860.0])[:, None]) / 90.0) ** 2))
    led = (np.arange(40)[:, None] // 5 + np.arange(40) // 5) % 3
    shares = generator.dirichlet(np.full(3, 0.7), (40, 40)) * 0.4 + 0.6 * np.eye(3)[led]
    shares[0, :3] = np.eye(3)
    spectra = shares @ bells + generator.normal(0, 0.002, (40, 40, 24))
    np.savez(folder / "squares.npz", cube=spectra, wavelength=wavelengths)
    np.save(folder / "labels.npy", np.where(generator.random((40, 40)) < 0.5, led + 1, 0).astype(np.uint8))
    for method in ("vca-fcls", "mae"):
        words = [
            "unmix",
            str(folder / "squares.npz"),
            "--method",
            method,
            "--endmembers",
            "3",
            "--out",
            str(folder / method),
        ]
        more = ["--epochs", "2", "--width", "8", "--patch", "4"] if method == "mae" else []
        assert main([*words, *more, "--json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _there(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def refused(capsys: Capture, *words: str) -> str:
    capsys.readouterr()
    assert main(["probe", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[-1]


def test_the_preset_is_the_rooms() -> None:
    assert probe_command.FOLDS == FOLDS


def test_materials_speak_for_the_classes_that_they_rule(capsys: Capture) -> None:
    capsys.readouterr()
    names = ["--name", "1=rock", "--name", "2=soil", "--name", "3=tree"]
    assert main(["probe", "squares.npz", "labels.npy", "--runs", "vca-fcls", "mae", *names, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["classes"] == ["rock", "soil", "tree"]
    kinds = [row["kind"] for row in said["features"]]
    assert kinds == ["raw spectra", "vca-fcls, abundances", "mae, abundances", "mae, codes"]
    assert said["notes"] == ["vca-fcls keeps no network that gives codes: its abundances alone are read."]
    raw, abundances = said["features"][:2]
    assert raw["balanced_accuracy"] > 0.95
    assert abundances["balanced_accuracy"] > 0.95
    assert abundances["interval"][0] <= abundances["balanced_accuracy"] <= abundances["interval"][1]
    weights = np.array(abundances["log_odds_per_spread"])
    assert sorted(weights.argmax(axis=0)) == [0, 1, 2]
    assert (weights.max(axis=0) > 0).all()
    assert said["features"][3]["count"] == 8
    assert raw["log_odds_per_spread"] is None


def test_the_table_and_the_picture_say_it(capsys: Capture, tmp_path: Path) -> None:
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        figure = tmp_path / f"probe{suffix}"
        words = ["probe", "squares.npz", "labels.npy", "--runs", "vca-fcls", "--figure", str(figure), "--ignore", "3"]
        assert main(words) == 0
        assert figure.read_bytes().startswith(start)
        out = capsys.readouterr().out
        assert "2 classes (class 1 " in out
        assert "vca-fcls, abundances: log-odds of a class for one spread more of a material" in out
        assert out.endswith(f"Figure: {figure}\n")
    assert main(words) == 2
    assert "is there already: choose another --figure" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def test_what_does_not_go_is_one_sentence(capsys: Capture, tmp_path: Path) -> None:
    one, few = tmp_path / "one.npy", tmp_path / "few.npy"
    labels = np.ones((40, 40), np.uint8)
    np.save(one, labels)
    labels[:4, :4] = 2
    np.save(few, labels)
    np.savez(tmp_path / "other.npz", cube=np.ones((9, 9, 24)) * np.linspace(1, 2, 24))
    np.save(tmp_path / "nine.npy", np.ones((9, 9), np.uint8))
    cases = {
        ("squares.npz", str(one)): "tells two classes or more apart, and only class 1 is painted",
        ("squares.npz", str(few)): "class 2 is painted in 1 block of 4 × 4 pixels, and testing apart",
        ("squares.npz", "labels.npy", "--name", "9=rock"): "The labels have no 9 on a valid pixel: name one of 1, 2, 3",
        ("squares.npz", "labels.npy", "--folds", "1"): "--folds is 1: give a whole number from 2 to 20",
        ("squares.npz", "labels.npy", "--figure", "a.gif"): "is neither .png nor .svg",
        ("squares.npz", "labels.npy", "--overwrite"): "--overwrite replaces the file that --figure names",
        ("squares.npz", "labels.npy", "--runs", "nothing"): "is no run, it has no run.json",
        (
            str(tmp_path / "other.npz"),
            str(tmp_path / "nine.npy"),
            "--runs",
            "mae",
        ): "is a run of a cube of 40 × 40 × 24",
    }
    for words, sentence in cases.items():
        said = refused(capsys, *words)
        assert sentence.replace(" × ", "×") in said.replace(" × ", "×"), said
