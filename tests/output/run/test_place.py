"""Where a run may be written, and what is found again after a kill."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from napari_unmix.cube import Cube
from napari_unmix.output.run import OURS, DestinationTaken, check_destination, holds_run, read_run, write_run
from napari_unmix.sentences import UnmixError

from .conftest import REPORT, full_result


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["report.html", "abundances.npy", "run.json"])
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_name_of_ours_that_is_no_file_is_never_replaced(run: Path, name: str, kind: str) -> None:
    (run / name).unlink(missing_ok=True)
    if kind == "folder":
        (run / name).mkdir()
        (run / name / "mine.txt").write_text("mine")
    else:
        (run.parent / "mine.txt").write_text("mine")
        (run / name).symlink_to(run.parent / "mine.txt")
    with pytest.raises(
        DestinationTaken, match=f"holds {name}, which is no file of a run but a link or a folder: choose"
    ):
        check_destination(run, overwrite=True)
    assert (run / name).exists()


def test_names_as_long_as_the_disk_takes_are_written_and_longer_ones_told_at_once(
    small_cube: Cube, tmp_path: Path
) -> None:
    result = full_result(small_cube)
    for _ in range(2):
        write_run(tmp_path / ("r" * 255), small_cube, result, REPORT, overwrite=True)
    assert entries(tmp_path) == ["r" * 255]
    for folder in (
        tmp_path / ("r" * 256),
        tmp_path / ("é" * 128),
        tmp_path / ("r" * 256) / "run",
        tmp_path / "new" / ("r" * 256),
    ):
        with pytest.raises(UnmixError, match=r"is a name of 256 bytes, the disk takes 255: choose a shorter one"):
            check_destination(folder)
    assert entries(tmp_path) == ["r" * 255]


def test_what_can_be_no_path_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    for path, words in (
        ("a\0b", "has a zero byte in it"),
        ("~nobody-of-that-name/run", "the home of a user who isn't there"),
        ("circle/run", "links|levels"),
    ):
        for door in (check_destination, read_run):
            with pytest.raises(UnmixError) as error:
                door(path)
            assert door is read_run or any(word in str(error.value) for word in words.split("|"))


def test_a_run_that_an_older_version_moved_aside_is_found_again(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    run.rename(run.with_name(".run-ff6bc733.old"))
    assert read_run(run).names == ("rock", "tree")
    assert "was missing since a command was killed, and is back in its place" in caplog.text
    assert entries(run.parent) == ["run"]
    shutil.copytree(run, run.with_name(".run-ff6bc734.old"))  # and one that is not missing is not touched
    assert holds_run(run)
    assert entries(run.parent) == [".run-ff6bc734.old", "run"]


def test_what_a_killed_writer_left_in_a_run_is_no_reason_to_refuse_it(small_cube: Cube, run: Path) -> None:
    (run / ".napari-unmix-0123456789ab.part").mkdir()
    assert check_destination(run, overwrite=True) == run
    assert set(entries(run)) <= OURS
    assert read_run(run).names == ("rock", "tree")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_run_is_read_where_nothing_may_be_written(run: Path) -> None:
    (run / ".napari-unmix-0123456789ab.part").mkdir()
    run.chmod(0o500)
    run.parent.chmod(0o500)
    try:
        assert read_run(run).names == ("rock", "tree")
    finally:
        run.parent.chmod(0o700)
        run.chmod(0o700)
