"""``napari-unmix unmix CUBE CUBE … --sample PIXELS``: a run that keeps its sample, the same whoever draws it; and apply by processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cli.resuming import Order
from napari_unmix.output.run import read_run
from napari_unmix.sentences import UnmixError

Capture = pytest.CaptureFixture[str]
BANDS = np.linspace(400, 1000, 20)
PLAIN = ("--method", "vca-fcls", "--endmembers", "3")


@pytest.fixture(autouse=True)
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scenes of three materials, in the folder that all is done in; half of the second is painted."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    materials = np.array([0.15 + 0.6 * np.exp(-(((BANDS - at) / 90) ** 2)) for at in (500, 700, 900)])
    for k in range(3):
        mixed = generator.dirichlet(np.full(3, 0.5), (20 + 4 * k, 24)) @ materials
        noise = generator.normal(0, 0.003, mixed.shape)
        np.savez(f"scene{k}.npz", cube=(mixed + noise).astype(np.float32), wavelength=BANDS)
        np.save(f"painted{k}.npy", np.full(mixed.shape[:2], k == 1, np.int32))


SCENES = ("scene0.npz", "scene1.npz", "scene2.npz")


def test_a_run_keeps_its_sample_and_is_repeated_when_the_cubes_are_gone(capsys: Capture) -> None:
    assert main(["unmix", *SCENES, "--sample", "600", *PLAIN, "--out", "run", "--scheduler", "threads"]) == 0
    assert "of 1,728 pixels of 3 cubes" in capsys.readouterr().out
    cube, _ = read_run("run").repeated()
    again, _ = Order(
        cubes=tuple(Path(scene).absolute() for scene in SCENES), method="vca-fcls", spec={}, named=True, sample=600
    ).load()
    np.testing.assert_array_equal(cube.spectra, again.spectra)  # drawn by no dask
    for one, other in ((cube.axis, again.axis), (cube.acquisitions, again.acquisitions)):
        np.testing.assert_array_equal(one, other)
    for words in (
        ["compare", SCENES[1], "run", "--reference", "run/endmembers.csv"],
        ["probe", SCENES[1], "painted1.npy", "--runs", "run"],
    ):
        capsys.readouterr()
        assert main(words) == 2
        assert "run was fitted on a sample of its cubes" in capsys.readouterr().err
    for scene in SCENES:
        Path(scene).unlink()
    assert main(["unmix", "run", "--out", "repeated"]) == 0
    for name in ("abundances.npy", "sample.npy", "endmembers.csv"):
        assert Path("run", name).read_bytes() == Path("repeated", name).read_bytes()
    capsys.readouterr()
    assert main(["unmix", "run", "--cube", "a", "b", "c", "--out", "third"]) == 2
    assert "keeps the sample that it was fitted on: leave its cubes out" in capsys.readouterr().err
    assert main(["report", "run", "--cube", *SCENES]) == 2
    assert "keeps the sample that it was fitted on: leave its cubes out" in capsys.readouterr().err
    stored = bytearray(Path("run", "sample.npy").read_bytes())
    stored[-2] ^= 1
    Path("run", "sample.npy").write_bytes(stored)
    with pytest.raises(UnmixError, match=r"damaged run .its sample is not the one that"):
        read_run("run").repeated()


def test_painted_regions_of_every_scene_are_in_the_sample(capsys: Capture) -> None:
    paintings = [word for k in range(3) for word in ("--annotation", f"painted{k}.npy")]
    assert main(["unmix", *SCENES, *paintings, "--sample", "600", *PLAIN, "--out", "run"]) == 0
    stored = read_run("run")
    assert stored.annotation is not None
    _, acquisitions = stored.annotation, stored.origin.cube().acquisitions
    assert acquisitions is not None
    assert set(acquisitions[stored.annotation.labels == 1]) == {2}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([*SCENES, "--sample", "many"], "--sample is many: give a whole number of pixels"),
        ([*SCENES, "--sample", "60"], "60 pixels of 3 cubes are 20 of each: sample at least 300"),
        ([SCENES[0], "--sample", "600"], "--sample is of several cubes: name two or more"),
        ([*SCENES, "--scheduler", "threads"], "--scheduler says who draws a sample of several cubes"),
        ([*SCENES, "--sample", "600", "--workers", "2"], "--workers says how many of this machine"),
        ([*SCENES, "--sample", "600", "--annotation", "painted0.npy"], "1 annotation is given for a sample of 3 cubes"),
        ([*SCENES[:2], "gone.npz", "--sample", "600"], "gone.npz"),
        ([*SCENES[:2], "coarse.npz", "--sample", "600"], "scene0 needs a band at 1000 nm, coarse's nearest lies"),
        (
            [*SCENES, "--sample", "600", "--scheduler", "tcp://127.0.0.1:9"],
            "No dask scheduler answers at tcp://127.0.0.1:9",
        ),
    ],
)
def test_one_sentence_and_nothing_written(words: list[str], sentence: str, capsys: Capture) -> None:
    np.savez("coarse.npz", cube=np.ones((20, 20, 5), np.float32), wavelength=BANDS[::4])
    before = sorted(Path.cwd().rglob("*"))
    assert main(["unmix", *words, *PLAIN, "--out", "run"]) == 2
    out, err = capsys.readouterr()
    assert (out, sentence in err) == ("", True), err
    assert len(err.splitlines()) == 1, err
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.slow
def test_apply_by_two_processes_gives_the_same_bits(capsys: Capture) -> None:
    assert main(["unmix", *SCENES[:2], "--sample", "600", *PLAIN, "--out", "run"]) == 0
    for name, more in (("here", ()), ("there", ("--scheduler", "processes", "--workers", "2"))):
        assert main(["apply", "run", *SCENES[:2], "--out", f"{name}.npz", *more]) == 0
    for scene in ("scene0", "scene1"):
        here, there = (np.load(f"{name}-{scene}.npz") for name in ("here", "there"))
        assert here.files == there.files
        for array in here.files:
            np.testing.assert_array_equal(here[array], there[array])
