"""``unmix --resume``: a command that was killed goes on to the same bits, and needs nothing said again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cli.resuming import SECONDS_VARIABLE, checkpoint_of
from napari_unmix.journal.checkpoint import read_checkpoint
from napari_unmix.output.run import read_run

Capture = pytest.CaptureFixture[str]
QUICK = ("--method", "vae", "--endmembers", "3", "--epochs", "5", "--batch", "32", "--seed", "3")
SKIP_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stopped(stop: Callable[..., None]) -> Callable[..., None]:
    """Run ``unmix`` and end it by an exception after so many checkpoints."""
    return partial(stop, "unmix")


def sentence(capsys: Capture, *words: object, code: int = 2) -> str:
    """The last line on stderr of a command that ends with ``code``."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == code
    return capsys.readouterr().err.splitlines()[-1]


def arrays(folder: str) -> list[bytes]:
    """All that a run holds but the seconds, and from where its cube was named."""
    names = ("abundances.npy", "abundance_std.npy", "model.safetensors", "endmembers.csv", "report.json")
    meta = json.loads(Path(folder, "run.json").read_text())
    meta["timings"] = None
    meta["cube"]["source"] = Path(meta["cube"]["source"]).name
    return [*(Path(folder, name).read_bytes() for name in names), json.dumps(meta).encode()]


@SKIP_WINDOWS
@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_files(
    cube_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["unmix", str(cube_file), *QUICK, "--out", "whole"]) == 0
    command = [sys.executable, "-m", "napari_unmix", "unmix", str(cube_file), *QUICK, "--out", "run"]
    monkeypatch.setenv(SECONDS_VARIABLE, "0")
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        while not checkpoint_of(tmp_path / "run").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not Path("run").exists()
    assert main(["unmix", "--resume", "run"]) == 0
    assert arrays("run") == arrays("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "small.npz", "whole"]


def test_it_needs_nothing_said_again(
    cube_file: Path, annotation_file: Callable[..., Path], stopped: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting = annotation_file(label1=slice(0, 4), label2=slice(6, 9), label3=slice(12, 14))
    asked = [cube_file.name, *QUICK, "--annotation", painting.name, "--ignore", 3, "--bands", "2-20", "--out"]
    assert main(["unmix", *map(str, asked), "whole"]) == 0
    stopped(*asked, "run")
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["unmix", "--resume", "../run"]) == 0
    assert arrays("../run") == arrays("../whole")


def test_without_out_the_place_is_chosen_at_the_start(cube_file: Path, stopped: Callable[..., None]) -> None:
    stopped(cube_file, *QUICK)
    assert checkpoint_of(Path("small-vae-1")).exists()
    assert main(["unmix", str(cube_file), *QUICK]) == 0  # another training: the place is taken
    assert Path("small-vae-2").is_dir()
    assert main(["unmix", "--resume", "small-vae-1"]) == 0
    assert arrays("small-vae-1") == arrays("small-vae-2")


def test_an_interrupt_says_how_to_go_on(cube_file: Path, stopped: Callable[..., None], capsys: Capture) -> None:
    stopped(cube_file, *QUICK, "--out", "my run", by=KeyboardInterrupt())
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "napari-unmix: cancelled: go on with napari-unmix unmix --resume 'my run'."


def test_so_does_whatever_else_ends_it(cube_file: Path, stopped: Callable[..., None], capsys: Capture) -> None:
    stopped(cube_file, *QUICK, "--out", "run", by=MemoryError("7 GB"))
    kept, why = capsys.readouterr().err.splitlines()[-2:]
    assert kept == "napari-unmix: a checkpoint is kept: go on with napari-unmix unmix --resume run."
    assert "not enough memory" in why


def test_a_run_that_ends_takes_its_checkpoint_away(
    cube_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv(SECONDS_VARIABLE, "0")
    left = tmp_path / ".napari-unmix-0123456789ab.part"  # of a writer that was killed
    (left / "new").mkdir(parents=True)
    (left / "new" / ".run.checkpoint").write_bytes(b"half")
    (left / "lock").touch()
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "small.npz"]
    assert "a checkpoint is kept" in capsys.readouterr().err


def test_a_complete_run_has_nothing_to_go_on_with(cube_file: Path, capsys: Capture) -> None:
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run"]) == 0
    before = arrays("run")
    capsys.readouterr()
    assert main(["unmix", "--resume", "run"]) == 0
    assert capsys.readouterr().out == "run is complete: there is nothing to go on with.\n"
    assert arrays("run") == before


def test_one_killed_after_its_run_was_written_is_complete(cube_file: Path, stopped: Callable[..., None]) -> None:
    stopped(cube_file, *QUICK, "--out", "run")
    checkpoint = checkpoint_of(Path("run"))
    content = checkpoint.read_bytes()
    assert main(["unmix", "--resume", "run"]) == 0
    checkpoint.write_bytes(content)
    assert main(["unmix", "--resume", "run"]) == 0
    assert not checkpoint.exists()


def test_overwriting_goes_on_to_overwrite(cube_file: Path, stopped: Callable[..., None]) -> None:
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run", "--seed", "4"]) == 0
    stopped(cube_file, *QUICK, "--out", "run", "--overwrite")
    assert read_run("run").spec.seed == 4
    assert main(["unmix", "--resume", "run"]) == 0
    assert read_run("run").spec.seed == 3


def test_starting_anew_gives_the_old_one_up_and_says_so(
    cube_file: Path, stopped: Callable[..., None], capsys: Capture
) -> None:
    stopped(cube_file, *QUICK, "--out", "run")
    capsys.readouterr()
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run", "--seed", "4"]) == 0
    assert "the interrupted training of run is given up, this one starts anew." in capsys.readouterr().err
    assert read_run("run").spec.seed == 4
    assert not checkpoint_of(Path("run")).exists()


def test_no_training_no_resume(capsys: Capture) -> None:
    assert "There is no interrupted training of" in sentence(capsys, "unmix", "--resume", "nowhere")
    assert "No CUBE is given" in sentence(capsys, "unmix")


@pytest.mark.parametrize(
    "other",
    [
        ("cube.npz",), ("--seed", "3"), ("--out", "x"), ("--annotation", "a.npy"), ("--bands", "1-3"), ("--overwrite",),
        ("--method", "region-contrast"), ("--no-illumination",), ("--ignore", "3"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_nothing_else_may_be_said(capsys: Capture, other: tuple[str, ...]) -> None:
    said = sentence(capsys, "unmix", "--resume", "run", *other)
    assert "leave" in said
    assert other[0].removeprefix("--no-").removeprefix("--") in said


def test_changed_files_are_refused(
    cube_file: Path, annotation_file: Callable[..., Path], stopped: Callable[..., None], capsys: Capture
) -> None:
    painting = annotation_file(label1=slice(0, 4))
    stopped(cube_file, *QUICK, "--annotation", painting, "--ignore", 1, "--out", "run")
    labels, stored = np.load(painting), dict(np.load(cube_file))
    np.save(painting, np.roll(labels, 1, axis=0))
    assert "painting.npy changed since" in sentence(capsys, "unmix", "--resume", "run")
    np.save(painting, labels)
    np.savez(cube_file, **{**stored, "cube": stored["cube"] * np.float32(1.001)})
    assert "small.npz changed since" in sentence(capsys, "unmix", "--resume", "run")
    cube_file.unlink()
    assert "small.npz" in sentence(capsys, "unmix", "--resume", "run")
    np.savez(cube_file, **stored)
    assert main(["unmix", "--resume", "run"]) == 0


def test_another_number_of_threads_is_refused(
    cube_file: Path, stopped: Callable[..., None], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    stopped(cube_file, *QUICK, "--out", "run")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert "set OMP_NUM_THREADS=1, or start anew." in sentence(capsys, "unmix", "--resume", "run")


@pytest.mark.parametrize("damage", ["cut", "turned", "empty", "other", "folder", "link"])
def test_a_damaged_checkpoint_is_one_sentence(
    cube_file: Path, stopped: Callable[..., None], capsys: Capture, damage: str
) -> None:
    stopped(cube_file, *QUICK, "--out", "run", after=2)
    checkpoint = checkpoint_of(Path("run").resolve())
    content = bytearray(checkpoint.read_bytes())
    checkpoint.unlink()
    if damage == "folder":
        checkpoint.mkdir()
    elif damage == "link":
        Path("elsewhere").write_bytes(content)
        checkpoint.symlink_to("elsewhere")
    else:
        content[-9] ^= 4
        checkpoint.write_bytes(
            {"cut": content[:-50], "turned": content, "empty": b"", "other": cube_file.read_bytes()}[damage]
        )
    before = sorted(path.name for path in Path().iterdir())
    capsys.readouterr()
    assert main(["unmix", "--resume", "run"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(".")
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_disk_that_is_full_ends_no_training(
    cube_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from napari_unmix.journal import keeper

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeper, "write_checkpoint", full)
    monkeypatch.setenv(SECONDS_VARIABLE, "0")
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert said.count("no checkpoint can be written (no space left on device)") == 1


def test_no_checkpoint_before_its_time(
    cube_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, stopped: Callable[..., None]
) -> None:
    monkeypatch.delenv(SECONDS_VARIABLE, raising=False)
    assert main(["unmix", str(cube_file), *QUICK, "--out", "run"]) == 0
    assert "checkpoint" not in capsys.readouterr().err
    monkeypatch.setenv(SECONDS_VARIABLE, "soon")
    assert "give a number of seconds" in sentence(capsys, "unmix", cube_file, *QUICK, "--out", "other")


def test_a_checkpoint_names_no_code(cube_file: Path, stopped: Callable[..., None]) -> None:
    stopped(cube_file, *QUICK, "--out", "run")
    raw = checkpoint_of(Path("run").resolve()).read_bytes()
    assert raw[8:9] == b"{"  # a header of JSON, and then numbers
    assert read_checkpoint(checkpoint_of(Path("run").resolve())).circumstances["threads"].isdecimal()
