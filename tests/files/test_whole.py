"""What is written is whole, or was never begun; what a killed writer left is finished by the next."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_unmix.files import exchange
from napari_unmix.files.deferred import uninterrupted
from napari_unmix.files.whole import WRITTEN, placed_whole, sweep, write_whole, written_whole
from napari_unmix.files.workplace import identity, put_in_place, workplace

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


@pytest.fixture(params=["one step", "two steps"])
def _renames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's exchange of names, and as on a system that has none."""
    if request.param == "two steps":
        monkeypatch.setattr(exchange, "_system_rename", lambda: None)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its path from there."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def put(parent: Path, allow: Callable[[Path], None] | None = None, **files: str) -> None:
    with placed_whole(parent, allow) as room:
        for name, content in files.items():
            (room / name).write_text(content)


def test_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for content in ("old", b"new"):
        write_whole(tmp_path / "x", content)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert WRITTEN[-1] == tmp_path / "x"


@pytest.mark.usefixtures("_renames")
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, ValueError])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, stop: type[BaseException]) -> None:
    write_whole(tmp_path / "x", "old")
    before = list(WRITTEN)

    def interrupted() -> None:
        with written_whole(tmp_path / "x") as stream:
            stream.write(b"half")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert contents(tmp_path) == {"x": "old"}
    assert list(WRITTEN) == before


@pytest.mark.usefixtures("_renames")
def test_a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "x").symlink_to("precious")
    write_whole(tmp_path / "x", "page")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "x").is_symlink()


@pytest.mark.usefixtures("_renames")
def test_folders_and_files_are_put_together_and_replace_what_was_there(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with placed_whole(tmp_path, lambda _: None) as room:
            (room / "run").mkdir()
            (room / "run" / content).write_text(content)
            (room / "b").write_text(content)
    assert contents(tmp_path) == {"run/new": "new", "b": "new"}


@pytest.mark.usefixtures("_renames")
def test_what_may_not_be_replaced_stays_and_all_else_with_it(tmp_path: Path) -> None:
    def refuse(place: Path) -> None:
        raise PermissionError(place.name)

    put(tmp_path, b="mine")
    with pytest.raises(PermissionError, match="b"):
        put(tmp_path, refuse, a="new", b="new")
    (tmp_path / "c").mkdir()
    with pytest.raises(IsADirectoryError):  # a folder is never taken away without being asked for
        put(tmp_path, c="new")
    assert contents(tmp_path) == {"b": "mine"}


@pytest.mark.usefixtures("_renames")
def test_what_appears_meanwhile_is_not_replaced_and_the_rest_comes_back(tmp_path: Path) -> None:
    put(tmp_path, a="old")

    def somebody_is_faster(place: Path) -> None:
        if place.name == "b":
            raise PermissionError("b is not ours")
        (tmp_path / "b").write_text("mine")

    with pytest.raises(PermissionError, match="b is not ours"):
        put(tmp_path, somebody_is_faster, a="new", b="new")  # a was in its place already
    assert contents(tmp_path) == {"a": "old", "b": "mine"}


def test_names_may_be_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    name = "x" * 255
    for content in ("old", "new"):
        write_whole(tmp_path / name, content)
    assert contents(tmp_path) == {name: "new"}


# --- what killed writers left


def left_behind(folder: Path, *, ready: bool, moved: tuple[str, ...] = (), **files: str) -> Path:
    """The workplace of a writer that was killed: before its content was complete, or after it moved some of it."""
    with workplace(folder) as place:
        kept = place.with_name("kept")
        for name, content in files.items():
            (place / "new" / name).write_text(content)
        if ready:
            before = {name: identity(folder / name) for name in files}
            child = os.fork()
            if child == 0:  # killed by its own hand as soon as it has done what is wanted

                def die(event: str, arguments: tuple[object, ...]) -> None:
                    if event == "os.mkdir" and not moved:  # the list is written, and "old" is about to be made
                        os.kill(os.getpid(), signal.SIGKILL)

                sys.addaudithook(die)
                put_in_place(place, {name: before[name] for name in before if not moved or name in moved})
                os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(child, 0)
        place.rename(kept)
    kept.rename(place)
    return place


@needs_posix
@pytest.mark.usefixtures("_renames")
def test_what_was_not_complete_is_removed_and_what_was_is_put_in_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, a="old")
    left_behind(tmp_path, ready=False, a="half")
    sweep(tmp_path)
    assert contents(tmp_path) == {"a": "old"}
    assert caplog.messages == []
    left_behind(tmp_path, ready=True, a="new", b="new")
    sweep(tmp_path)
    assert contents(tmp_path) == {"a": "new", "b": "new"}
    assert "was written by a command that was killed" in caplog.text
    assert len(list(tmp_path.iterdir())) == 2


@needs_posix
@pytest.mark.usefixtures("_renames")
def test_what_changed_since_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, a="old")
    left_behind(tmp_path, ready=True, a="new")
    (tmp_path / "a").rename(tmp_path / "moved")
    (tmp_path / "a").write_text("mine")
    sweep(tmp_path)
    assert contents(tmp_path) == {"a": "mine", "moved": "old"}


@needs_posix
def test_a_writer_that_lives_is_left_alone(tmp_path: Path) -> None:
    with placed_whole(tmp_path) as room:
        (room / "a").write_text("slow")
        put(tmp_path, b="quick")  # another writer, who cleans up first
        code = (
            "import sys; from pathlib import Path; from napari_unmix.files.whole import sweep; sweep(Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert contents(tmp_path) == {"a": "slow", "b": "quick"}


def test_what_looks_like_a_workplace_and_is_none_is_left_alone(tmp_path: Path) -> None:
    name = ".napari-unmix-0123456789ab.part"
    (tmp_path / name).write_text("mine")
    sweep(tmp_path)
    assert contents(tmp_path) == {name: "mine"}
    (tmp_path / name).unlink()
    outside = tmp_path / "outside"
    (tmp_path / "folder" / name / "new").mkdir(parents=True)
    outside.write_text("mine")
    (tmp_path / "folder" / name / "lock").symlink_to(outside)
    sweep(tmp_path / "folder")
    sweep(tmp_path / "nowhere")
    assert outside.read_text() == "mine"


@needs_posix
@pytest.mark.parametrize(
    "said", ["[]", '{"a": 5}', '{"a": [[1, 2]]}', '{"..": [null, null]}', '{"a": [null, null]}', "{", '{"": [[0], 0]}']
)
def test_a_list_that_nobody_of_ours_wrote_puts_nothing_in_place(tmp_path: Path, said: str) -> None:
    put(tmp_path, b="old")
    place = left_behind(tmp_path, ready=False, a="new")
    (place / "ready").write_text(said)
    sweep(tmp_path)
    assert contents(tmp_path) == {"b": "old"}


# --- signals, and disks that are full


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_what_is_taken_whole(number: int) -> None:
    done: list[str] = []

    def end(*_: object) -> None:
        done.append("signal")

    before = signal.signal(number, end)
    try:
        with uninterrupted():
            signal.raise_signal(number)
            done.append("block")
        assert done == ["block", "signal"]
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)


@needs_posix
@pytest.mark.parametrize("numbers", [False, True], ids=["without a number", "with its number"])
def test_a_file_beyond_the_limit_is_a_full_disk_with_its_name(tmp_path: Path, numbers: bool) -> None:
    """NumPy says how much it wrote, and no number; the system says its number."""
    import resource

    import numpy as np

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError) as error, placed_whole(tmp_path) as room:  # noqa: PT012
            if numbers:
                (room / "x.npy").write_bytes(bytes(200_000))
            else:
                np.save(room / "x.npy", np.zeros(200_000, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(tmp_path / "x.npy"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        write_whole(tmp_path / "nowhere" / "x", "page")
    assert error.value.filename == str(tmp_path / "nowhere")
