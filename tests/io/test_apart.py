"""The process apart: it answers, it is ended where it does not, and the next file gets another."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_unmix import UnmixError
from napari_unmix.io import apart, can_read, read_cube, walks


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A room of the tests' own, which finds the functions below; two seconds for a file."""
    (tmp_path / "rude.py").write_text(
        "import os, time\n"
        "def size(path): return os.path.getsize(path)\n"
        "def pid(path): return os.getpid()\n"
        "def loop(path):\n    while True: pass\n"
        "def sleep(path): time.sleep(2); return 'awake'\n"
        "def crash(path): os.abort()\n"
        "def chatter(path): os.write(1, b'noise\\n'); print('noise'); return 'clear'\n"
        "def eat(path): return len(bytearray(20 << 30))\n"
        "def refuse(path):\n    from napari_unmix.sentences import UnmixError\n    raise UnmixError('too odd: leave it.')\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(apart, "_PACKAGES", tmp_path)
    monkeypatch.setattr(apart, "SECONDS", 1)
    room = apart._Room()
    monkeypatch.setattr(apart, "_room", room)
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


def test_who_is_in_haste_does_not_wait_and_the_answer_is_there_later(elsewhere, tmp_path, monkeypatch):
    elsewhere("size")
    monkeypatch.setattr(apart, "MOMENT", 0.2)
    start = time.monotonic()
    with apart.in_haste(), pytest.raises(apart.NotYet, match="file is still being looked at"):
        apart.asked("rude:sleep", tmp_path / "file")
    assert time.monotonic() - start < 1.5
    assert apart.asked("rude:sleep", tmp_path / "file") == "awake"
    with apart.in_haste():
        assert apart.asked("rude:sleep", tmp_path / "file") == "awake"


def test_a_file_that_takes_longer_than_a_moment_is_claimed_by_its_mark(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["list"] = np.arange(5.0)
    assert not can_read(tmp_path / "a.h5")
    os.utime(tmp_path / "a.h5", ns=(1, 1))  # another file, as far as anyone can tell
    monkeypatch.setattr(apart, "MOMENT", 0.0)
    assert can_read(tmp_path / "a.h5")


def test_many_arrays_are_no_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 1)
    room = apart._Room()
    monkeypatch.setattr(apart, "_room", room)
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        for number in range(2500):
            file.create_dataset(f"group/{number}", data=np.ones((2, 2, 2))).attrs["units"] = "nm"
    try:
        with pytest.raises(UnmixError, match=r"a\.h5 holds 2,500 arrays of three axes: say which is the cube by --key"):
            read_cube(tmp_path / "a.h5")
        assert not can_read(tmp_path / "a.h5")
        assert read_cube(tmp_path / "a.h5", key="group/7").shape == (2, 2, 2)
    finally:
        room.closed()


def test_too_many_arrays_or_attributes_are_refused_by_their_number(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(30):
            file.create_group(f"{number}").attrs["n"] = number
    assert walks.hdf5(str(tmp_path / "a.h5")) == 31
    monkeypatch.setattr(walks, "MOST_ATTRIBUTES", 20)
    with pytest.raises(walks.Refused, match=r"a\.h5 holds more than 20 attributes: save the cube alone"):
        walks.hdf5(str(tmp_path / "a.h5"))
    monkeypatch.setattr(walks, "MOST_NODES", 10)
    with pytest.raises(walks.Refused, match=r"a\.h5 holds more than 10 arrays and groups: save the cube alone"):
        walks.hdf5(str(tmp_path / "a.h5"))
