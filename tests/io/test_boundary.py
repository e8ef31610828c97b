"""The boundary around readers: whatever a library raises, logs or warns of ends in one sentence, and nothing beside it is printed."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.io import can_read, read_annotation, read_cube
from napari_unmix.io.boundary import Unreadable, answered, explained, reason_of
from napari_unmix.io.groups.tree import Guarded
from napari_unmix.library import read_library
from napari_unmix.sentences import UnmixError

RAISED = [
    RuntimeError("a\nb\x1b[31m"),
    SystemError(),
    RecursionError("deep"),
    KeyError("x"),
    StopIteration(),
    OverflowError("far"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_library_raises_is_a_printable_sentence_and_the_log_has_it(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises(UnmixError, match=r"^a\?*.*could not be read \(.+\): .*\.$") as caught,
        explained(Path("a\x1bb")),
    ):
        raise error
    assert str(caught.value).isprintable()
    assert any(record.exc_info for record in caplog.records)
    assert not answered(Path("a"), lambda: (_ for _ in ()).throw(error))


def test_an_assertion_of_ours_is_a_mistake_of_the_program_and_that_of_a_library_is_damage() -> None:
    with pytest.raises(Unreadable), explained(Path("a")):
        raise AssertionError("a library's")
    code = compile("assert False, 'ours'", "ours", "exec")
    with pytest.raises(AssertionError, match="ours"), explained(Path("a")):
        exec(code, {"__name__": "napari_unmix.io.somewhere"})


def test_what_libraries_log_and_warn_of_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    shown = warnings.showwarning
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []  # as in a program that sets up no logging
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with explained(Path("a")), explained(Path("b")):
                warnings.warn("from a library", UserWarning, stacklevel=1)
                logging.getLogger("some.library").error("a line")
            with pytest.raises(Unreadable), explained(Path("a")):
                raise ValueError("bad")
            assert root.handlers == []
    finally:
        root.handlers = handlers
    assert warnings.showwarning is shown
    assert capfd.readouterr() == ("", "")


PLACES = [
    "s.hdr",
    "s.img",
    "s.npy",
    "s.npz",
    "s.mat",
    "s.h5",
    "s.tif",
    "s.lan",
    "s.fits",
    "s.nc",
    "s.csv",
    "s.geojson",
    "s.gpkg",
    "s.sli",
]


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_at_once_by_every_reader(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for make in (
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(name),
        lambda: path.symlink_to("nowhere"),
    ):
        make()
        for read in (read_cube, read_library, lambda path: read_annotation(path, (3, 4))):
            with pytest.raises(UnmixError):
                read(path)
        assert not can_read(path)
        path.unlink()


@pytest.mark.parametrize("path", ["~nobody-of-this-name/cube.npy", "a\0b.npy", "n" * 5000, "", "."])
def test_paths_that_no_system_has_are_sentences(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for read in (read_cube, read_library):
        with pytest.raises(UnmixError):
            read(path)
    assert not can_read(path)


def test_names_are_printable_wherever_they_enter(tmp_path: Path) -> None:
    ring = "\x1b]0;owned\x07"
    np.savez(
        tmp_path / f"{ring}.npz", **{ring: np.random.default_rng(0).random((5, 6, 7)), "x" * 9000: np.ones((2, 3, 4))}
    )
    cube = read_cube(tmp_path / f"{ring}.npz")
    rows = "".join(f"{400 + band},1,2\n" for band in range(5))
    (tmp_path / "l.csv").write_text(f"wavelength,{ring},{'n' * 9000}\n{rows}", encoding="utf-8")
    library = read_library(tmp_path / "l.csv")
    texts = (cube.name, *cube.repairs, library.name, *library.names, *library.repairs)
    assert all(text.isprintable() and len(text) <= 500 for text in texts)
    assert any("2 arrays could be the cube" in text for text in cube.repairs)


class Odd(Exception):
    """What no list of errors has."""


class Faulty:
    """An array that raises it when it is read."""

    shape, dtype = (2, 2, 2), np.dtype("f4")

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, index: object) -> object:
        raise self.error


def test_any_error_of_a_library_gets_a_readers_own_words() -> None:
    def failed(error: Exception) -> UnmixError:
        return UnmixError(f"a is damaged ({reason_of(error)}): copy it again.")

    for error in (Odd("first\nsecond"), StopIteration("first"), AssertionError("first"), OSError("first")):
        with pytest.raises(UnmixError, match=r"^a is damaged \(first\): copy it again\.$"):
            Guarded(Faulty(error), failed)[0]
    for own in (UnmixError("ours: leave it."), MemoryError(), KeyboardInterrupt()):
        with pytest.raises(type(own)) as raised:
            Guarded(Faulty(own), failed)[0]  # type: ignore[arg-type]
        assert raised.value is own
    assert reason_of(Odd()) == "Odd"
