"""``unmix RUN`` and ``open RUN``: what is said, and what is refused before any work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_unmix.cli import main
from napari_unmix.cli.resuming import SECONDS_VARIABLE, checkpoint_of
from napari_unmix.output.run import read_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(cube_file: Path) -> Path:
    assert (
        main(["unmix", str(cube_file), "--method", "vca-fcls", "--endmembers", "3", "--seed", "7", "--out", "run"]) == 0
    )
    return Path("run")


def refused(capsys: Capture, *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    return capsys.readouterr().err.strip()


def test_without_a_place_it_is_numbered_as_any_run(run: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["unmix", str(run)]) == 0
    assert "Written to" in capsys.readouterr().out
    again = read_run("small-vca-fcls-1")
    assert (again.spec, again.abundances.tobytes()) == (read_run(run).spec, read_run(run).abundances.tobytes())


def test_a_process_that_fitted_nothing_reads_what_was_given_to_a_run(run: Path) -> None:
    asked = "from napari_unmix.output.run import read_run; print(read_run('run').given)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "None", done.stderr


def test_it_may_take_its_own_place(run: Path, capsys: Capture) -> None:
    assert "already holds a run" in refused(capsys, "unmix", "run", "--out", "run")
    before = read_run(run).abundances.tobytes()
    assert main(["unmix", "run", "--out", "run", "--overwrite"]) == 0
    assert read_run(run).abundances.tobytes() == before


@pytest.mark.parametrize(
    "words", [["--seed", "5"], ["--bands", "1-9"], ["--method", "vae"], ["--material", "3=rock"], ["--no-illumination"]]
)
def test_whatever_else_is_said_is_refused(run: Path, capsys: Capture, words: list[str]) -> None:
    sentence = refused(capsys, "unmix", "run", *words)
    assert sentence.startswith(
        f"napari-unmix: run is repeated as it was: leave {words[0].replace('--no-', '--')} out, or give the cube"
    )


def test_a_cube_that_moved_is_named(run: Path, cube_file: Path, capsys: Capture) -> None:
    Path("other").mkdir()
    moved = cube_file.rename(Path("other") / "moved.npz")
    assert "is not there any more: bring it back" in refused(capsys, "unmix", "run", "--out", "again")
    assert not Path("again").exists()
    assert main(["unmix", "run", "--cube", str(moved), "--out", "again"]) == 0
    assert read_run("again").origin.parts[0].source == moved.absolute()
    assert "--cube says where the cube of a run is now" in refused(capsys, "unmix", str(moved), "--cube", "x")


def test_a_repetition_that_is_interrupted_goes_on(
    cube_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    quick = ["--method", "vae", "--endmembers", "3", "--epochs", "4", "--batch", "32"]
    assert main(["unmix", str(cube_file), *quick, "--out", "whole"]) == 0
    from napari_unmix.journal import keeper

    real, left = keeper.write_checkpoint, iter(range(6))

    def write(*what: object) -> None:
        real(*what)  # type: ignore[arg-type]
        if next(left, None) is None:
            raise RuntimeError("stopped by the test")

    with monkeypatch.context() as patch:
        patch.setattr(keeper, "write_checkpoint", write)
        patch.setenv(SECONDS_VARIABLE, "0")
        assert main(["unmix", "whole", "--out", "again"]) > 0
    assert checkpoint_of(Path("again").absolute()).exists()
    assert main(["unmix", "--resume", "again"]) == 0
    assert Path("again/abundances.npy").read_bytes() == Path("whole/abundances.npy").read_bytes()


def test_report_of_a_run_that_was_never_checked_asks_for_the_cube(run: Path, cube_file: Path, capsys: Capture) -> None:
    import json

    (run / "report.json").unlink()
    meta = json.loads((run / "run.json").read_text())
    meta["missing"]["report"] = "Not checked."
    (run / "run.json").write_text(json.dumps(meta))
    assert "was written before it was checked: check it now with --cube CUBE" in refused(capsys, "report", "run")
    assert main(["report", "run", "--cube", str(cube_file)]) == 0


def test_open_refuses_what_is_no_run_of_ours_before_a_window_opens(run: Path, capsys: Capture) -> None:
    assert "run is a run, whose cube is read as it was: leave --scale out" in refused(
        capsys, "open", "run", "--scale", "2"
    )
    (run / "run.json").write_text("{")
    assert "is a damaged run" in refused(capsys, "open", "run")
