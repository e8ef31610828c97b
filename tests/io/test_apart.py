"""The process apart: it answers, it is ended where it does not, and the next file gets another."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from napari_unmix import UnmixError
from napari_unmix.io import apart


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A room of the tests' own, which finds the functions below; two seconds for a file."""
    (tmp_path / "rude.py").write_text(
        "import os, time\n"
        "def size(path): return os.path.getsize(path)\n"
        "def pid(path): return os.getpid()\n"
        "def loop(path):\n    while True: pass\n"
        "def crash(path): os.abort()\n"
        "def chatter(path): os.write(1, b'noise\\n'); print('noise'); return 'clear'\n"
        "def eat(path): return len(bytearray(20 << 30))\n"
        "def refuse(path):\n    from napari_unmix.sentences import UnmixError\n    raise UnmixError('too odd: leave it.')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(apart, "_PACKAGES", tmp_path)
    monkeypatch.setattr(apart, "SECONDS", 1)
    room = apart._Room()
    (tmp_path / "file").write_bytes(b"12345")
    yield lambda name: room.asked(f"rude:{name}", tmp_path / "file")
    room.closed()


def test_it_answers_and_one_process_serves_all(elsewhere):
    assert elsewhere("size") == 5
    first = elsewhere("pid")
    assert first != os.getpid()
    assert elsewhere("chatter") == "clear"
    assert elsewhere("pid") == first


def test_a_loop_and_a_crash_are_sentences_and_the_next_file_is_read(elsewhere):
    start = time.monotonic()
    with pytest.raises(UnmixError, match=r"file is damaged \(its library was still busy with the header after 1 s\)"):
        elsewhere("loop")
    with pytest.raises(UnmixError, match=r"file is damaged \(its library crashed over the header"):
        elsewhere("crash")
    with pytest.raises(UnmixError, match="crashed"):
        elsewhere("eat")
    assert elsewhere("size") == 5
    assert time.monotonic() - start < 30


def test_what_it_refuses_is_refused_here(elsewhere, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(apart.__file__).parents[2]))
    with pytest.raises(UnmixError, match="too odd: leave it"):
        elsewhere("refuse")


def test_a_file_is_walked_once_until_it_changes(elsewhere, tmp_path):
    elsewhere("size")
    (tmp_path / "file").write_bytes(b"123")
    assert elsewhere("size") == 3


def test_a_copy_of_this_process_asks_for_its_own(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    room = apart._room
    pid = os.fork()
    if pid == 0:
        os._exit(int(apart._room is room))
    assert os.waitpid(pid, 0)[1] == 0
