"""``pretrain``: one or many cubes, resumed to the same bytes, never half written; and ``unmix --pretrained``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cli.resuming import checkpoint_of
from napari_unmix.cube import Cube
from napari_unmix.masked.stored import read_network
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain

Capture = pytest.CaptureFixture[str]
QUICK = ("--epochs", "2", "--batch", "32", "--width", "8", "--depth", "1", "--patch", "4")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stopped(stop: Callable[..., None]) -> Callable[..., None]:
    """Run ``pretrain`` and end it by an exception after so many checkpoints."""
    return partial(stop, "pretrain", after=5)


def other_bands(small: Cube, path: str, shift: float = 5.0) -> Path:
    """The small cube on bands between its own."""
    assert small.wavelengths is not None
    target = small.wavelengths[:-1] + shift
    spectra = np.apply_along_axis(lambda one: np.interp(target, small.wavelengths, one), 2, small.spectra)
    np.savez(path, cube=10_000 * spectra, wavelength=target)
    return Path(path)


def refused(capsys: Capture, *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[-1]


def test_two_cubes_of_other_bands_and_units_train_one_network(
    cube_file: Path, small_cube: Cube, capsys: Capture
) -> None:
    other = other_bands(small_cube, "other.npz")
    assert main(["pretrain", str(cube_file), str(other), "--out", "model", *QUICK, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    stored = read_network("model")
    assert said["cubes"] == ["small", "other"] == list(stored.about.cubes)
    assert said["pixels"] == 2 * 16 * 12
    assert said["bands"] == len(stored.network.grid.places) == 22
    assert stored.about.epochs == 2
    assert main(["pretrain", str(other), str(cube_file), "--out", "turned", *QUICK]) == 0
    assert "mlp of width 8 on 384 pixels of other, small" in capsys.readouterr().out


def test_an_interrupted_training_goes_on_to_the_same_bytes(
    cube_file: Path, stopped: Callable[..., None], capsys: Capture
) -> None:
    assert main(["pretrain", cube_file.name, "--out", "whole", *QUICK]) == 0
    stopped(cube_file.name, "--out", "model", *QUICK, by=KeyboardInterrupt())
    assert capsys.readouterr().err.splitlines()[-1] == (
        "napari-unmix: cancelled: go on with napari-unmix pretrain --resume model."
    )
    assert not Path("model").exists()
    assert main(["pretrain", "--resume", "model"]) == 0
    assert Path("model").read_bytes() == Path("whole").read_bytes()
    assert not checkpoint_of(Path.cwd() / "model").exists()
    capsys.readouterr()
    assert main(["pretrain", "--resume", "model"]) == 0
    assert capsys.readouterr().out == "model is complete: there is nothing to go on with.\n"


def test_a_cube_that_changed_is_not_gone_on_with(
    cube_file: Path, small_cube: Cube, stopped: Callable[..., None], capsys: Capture
) -> None:
    stopped(cube_file.name, "--out", "model", *QUICK)
    np.savez(cube_file, cube=small_cube.spectra + 1, wavelength=small_cube.wavelengths)
    said = refused(capsys, "pretrain", "--resume", "model")
    assert "The cubes changed since the training of model was interrupted" in said


def test_what_does_not_go_is_one_sentence_and_nothing_is_written(
    cube_file: Path, small_cube: Cube, capsys: Capture
) -> None:
    np.savez("numbered.npz", cube=small_cube.spectra[..., :20])
    Path("notes.txt").write_text("mine")
    cases = {
        ("pretrain", cube_file): "Pretraining needs cubes and a place: give CUBE … --out MODEL",
        ("pretrain", cube_file, "numbered.npz", "--out", "m"): "one of them says no wavelengths: give cubes with",
        ("pretrain", cube_file, "--out", "notes.txt"): "is there already: choose another file with --out",
        (
            "pretrain",
            cube_file,
            "--out",
            "notes.txt",
            "--overwrite",
        ): "is no network that pretrain wrote, and is not replaced",
        ("pretrain", cube_file, "--out", "no/m"): "is not there: make it, or choose another --out",
        ("pretrain", cube_file, "--out", "m", "--width", "9"): "--width is 9: give a multiple of 4.",
        ("pretrain", cube_file, "--out", "m", "--network", "cnn"): "--network is cnn: give transformer or mlp",
        ("pretrain", cube_file, "--out", "m", "--tolerance", "0"): "--tolerance is 0.0: give more than 0",
        ("pretrain", "--resume", "m"): "There is no interrupted training of",
        ("pretrain", cube_file, "--resume", "m"): "--resume needs nothing else",
    }
    for words, sentence in cases.items():
        assert sentence in refused(capsys, *words), words
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["notes.txt", "numbered.npz", "small.npz"]
    assert Path("notes.txt").read_text() == "mine"


def test_mae_takes_the_network_and_its_run_repeats(cube_file: Path, capsys: Capture) -> None:
    from napari_unmix.output.run import read_run

    assert main(["pretrain", str(cube_file), "--out", "model", *QUICK]) == 0
    words = ["unmix", str(cube_file), "--method", "mae", "--endmembers", "3", "--pretrained", "model"]
    assert main([*words, "--out", "one"]) == 0
    assert "The network is mlp, pretrained on small (" in capsys.readouterr().out
    assert main(["unmix", "one", "--out", "again"]) == 0
    one, again = (read_run(folder) for folder in ("one", "again"))
    np.testing.assert_array_equal(again.abundances, one.abundances)
    assert one.spec.model_dump()["pretrained"] == str(Path("model").absolute())
    said = refused(capsys, "unmix", cube_file, "--method", "mae", "--pretrained", "nothing", "--out", "new")
    assert "There is no pretrained network at" in said
    said = refused(capsys, *words, "--bands", "1-20", "--out", "new")
    assert "is an MLP for 24 bands of its own, this cube has 20" in said
    assert not Path("new").exists()


@pytest.mark.parametrize("network", ["mlp", "transformer"])
def test_the_inference_network_of_the_ivae_begins_from_it(cube_file: Path, small_cube: Cube, network: str) -> None:
    assert main(["pretrain", str(cube_file), "--out", "model", *QUICK, "--network", network]) == 0
    cube = replace(small_cube, good_bands=np.ones(24, bool))
    asked = {"endmembers": 3, "epochs": 1, "batch": 64}
    plain = drain(unmix(cube, IvaeSpec.model_validate(asked)))
    begun = drain(unmix(cube, IvaeSpec.model_validate({**asked, "pretrained": "model"})))
    assert any("began from an encoder that was pretrained on small (" in note.sentence for note in begun.notes)
    assert any(name.startswith("network.encoding.encoder") for name in begun.model)
    # What decides the answer is the posterior's mode, which both networks only propose a beginning of.
    np.testing.assert_allclose(begun.endmembers, plain.endmembers, atol=0.02)
    np.testing.assert_allclose(
        begun.abundances[begun.abundances >= 0], plain.abundances[plain.abundances >= 0], atol=0.02
    )
