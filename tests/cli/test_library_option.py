"""``unmix CUBE --method library --library LIBRARY``, and the classical choices: what is written, and what can't be is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.output.run import read_run
from napari_unmix.synthetic import measured_spectra

Capture = pytest.CaptureFixture[str]
WAVELENGTHS, SPECTRA, NAMES = measured_spectra()
TRUE = [NAMES.index(name) for name in ("calcite", "dry grass", "siderite")]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(1)
    spectra = generator.dirichlet([0.7] * 3, (20, 20)) @ SPECTRA[TRUE]
    np.savez("scene.npz", cube=spectra + 0.004 * generator.normal(size=spectra.shape), wavelength=WAVELENGTHS)
    write_library(SpectralLibrary(100 * SPECTRA, WAVELENGTHS, NAMES, name="percent"), Path("percent.sli"))


def refused(capsys: Capture, *words: str) -> str:
    """One sentence on stderr, exit 2, no run."""
    capsys.readouterr()
    assert main(["unmix", "scene.npz", *words, "--out", "refused"]) == 2
    out, err = capsys.readouterr()
    assert (out, Path("refused").exists(), len(err.strip().splitlines())) == ("", False, 1)
    return err.strip().removeprefix("napari-unmix: ")


def test_entries_are_chosen_named_written_and_repeated_to_the_bit(capsys: Capture) -> None:
    words = ["--method", "library", "--library", "percent.sli", "--spectra-scale", "0.01", "--json"]
    assert main(["unmix", "scene.npz", *words, "--out", "run"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert sorted(said["names"]) == ["calcite", "dry grass", "siderite"]
    assert any("3 of 23 entries of the library are kept" in note for note in said["notes"])
    assert main(["unmix", "run", "--cube", "scene.npz", "--out", "again"]) == 0
    one, other = read_run("run"), read_run("again")
    np.testing.assert_array_equal(one.abundances, other.abundances)
    assert one.names == other.names
    assert one.given is not None
    assert one.given.sources == ("from percent",) * 3


def test_what_can_not_be_is_one_sentence(capsys: Capture) -> None:
    library = ("--library", "percent.sli")
    assert refused(capsys, *library).startswith("--library is what --method library chooses from: add that")
    assert "so they are in other units: give --spectra-scale 0.01" in refused(capsys, "--method", "library", *library)
    both = refused(capsys, "--method", "library", "--spectra", "percent.sli")
    assert both.startswith("--method library chooses among the entries of --library")
    assert "missing.sli" in refused(capsys, "--method", "library", "--library", "missing.sli")
    signed = refused(capsys, "--method", "classical", "--abundances", "scls", "--illumination")
    assert signed.endswith("choose fcls or nnls, or leave the illumination out.")
    assert "is kmeans: give vca, n-findr, ppi, " in refused(capsys, "--method", "classical", "--extraction", "kmeans")


def test_classical_choices_are_written_with_what_their_maps_are(capsys: Capture) -> None:
    words = ["--method", "classical", "--extraction", "spa", "--abundances", "nnls", "--endmembers", "3"]
    assert main(["unmix", "scene.npz", *words, "--out", "run"]) == 0
    assert "Note: Abundances are amounts, not negative, whose sum is free (NNLS)" in capsys.readouterr().out
    run = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert run["abundances"] == "amounts, not negative, whose sum is free"
    assert (run["spec"]["extraction"], run["spec"]["abundances"]) == ("spa", "nnls")
    assert main(["convert", "run", "maps.nc"]) == 0
    assert main(["report", "run", "--cube", "scene.npz"]) == 0


def test_info_has_second_opinions_on_the_number(capsys: Capture) -> None:
    assert main(["info", "scene.npz"]) == 0
    out = capsys.readouterr().out
    assert "directions over noise: HySime 3, HFC " in out
    assert main(["info", "scene.npz", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["second_opinions"]
    assert (said["hysime"], said["eigenvalues"], said["false_alarm"]) == (3, 3, 0.001)
