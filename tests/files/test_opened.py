"""Only regular files are opened, at once, and no further than was asked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from napari_unmix.files.opened import first_bytes, open_regular, read_regular, regular
from napari_unmix.sentences import UnmixError


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@pytest.mark.parametrize(
    ("make", "words"),
    [(pipe, "x is a pipe"), (device, "x is a device"), (folder, "x is a folder"), (link_to_pipe, "x is a pipe")],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, make, words: str) -> None:
    make(tmp_path / "x")
    for door in (open_regular, regular, lambda path: read_regular(path, 10), lambda path: first_bytes(path, 10)):
        with pytest.raises(UnmixError, match=words):
            door(tmp_path / "x")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("x")
        with pytest.raises(UnmixError, match="x is a socket"):
            open_regular(Path("x"))


def test_a_link_is_followed_unless_it_may_not_be(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"content")
    (tmp_path / "x").symlink_to("real")
    assert read_regular(tmp_path / "x", 7) == b"content"
    with pytest.raises(UnmixError, match="x is a link"):
        read_regular(tmp_path / "x", 7, follow=False)


def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    assert first_bytes(tmp_path / "x", 3) == b"con"
    with pytest.raises(UnmixError, match="x has more than 6 bytes"):
        read_regular(tmp_path / "x", 6)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "x")
