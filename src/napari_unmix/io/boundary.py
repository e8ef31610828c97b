"""The one boundary around every reader: what the machine refuses or a library raises becomes a sentence of ours."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_unmix.sentences import UnmixError, shown

_LONGEST_REASON = 200  # letters of what a library says
_OURS = "napari_unmix"
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


class Unreadable(UnmixError):
    """What a library raised over a damaged file that its reader did not foresee; the log has it whole."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise UnmixError in place of all but our own errors and a failed assertion of ours, which is a mistake of the program.

    What libraries log or warn of meanwhile is logged, and not printed beside the sentence.
    """
    name = shown(path.name or path)
    with _unheard():
        try:
            yield
        except UnmixError:
            raise
        except MemoryError as error:
            raise UnmixError(
                f"{name} does not fit into this machine's memory: crop it or close other programs."
            ) from error
        except OSError as error:
            raise UnmixError(f"{name} could not be read ({shown(error.strerror or error)}): check the file.") from error
        except Exception as error:  # whatever a library raises
            if isinstance(error, AssertionError) and _is_ours(error.__traceback__):
                raise
            _log.warning("reading %s", path, exc_info=True)
            reason = shown(error, _LONGEST_REASON) or type(error).__name__
            raise Unreadable(f"{name} could not be read ({reason}): it is damaged, save or copy it again.") from error


@contextmanager
def told_by(failed: Callable[[Exception], Exception]) -> Iterator[None]:
    """Raise what ``failed`` makes of any error of a library: a reader's own words for a damaged file, within ``explained``."""
    try:
        yield
    except (UnmixError, MemoryError, ImportError):
        raise
    except Exception as error:  # whatever a library raises
        told = failed(error)
        if told is error:
            raise
        raise told from error


def reason_of(error: Exception) -> str:
    """What a library says, in one short line."""
    lines = str(error).splitlines()
    return shown(lines[0], _LONGEST_REASON) if lines and lines[0] else type(error).__name__


def existing(path: Path, what: str) -> Path:
    """The path, with its user's home in place of ``~``. Raises UnmixError where there is nothing, OSError where that cannot be told."""
    path = path.expanduser()
    if not path.exists():
        raise UnmixError(f"There is no {what} {shown(path, 200)}: check the path.")
    return path


def answered(path: Path, question: Callable[[], bool]) -> bool:
    """What ``question`` says of a file, and False where that cannot be told: it is damaged, no file, or may not be read."""
    try:
        with explained(path):
            return question()
    except UnmixError:
        return False


def _is_ours(traceback: TracebackType | None) -> bool:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] == _OURS


@contextmanager
def unprinted() -> Iterator[None]:
    """Keep a library of C from printing on stderr, which neither a logger nor Python's streams see. Other threads are not heard meanwhile."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Warnings:
    """Where warnings go while anything is read, in any thread: to the log. Their filters stay as they are."""

    def __init__(self) -> None:
        self._lock, self._readers = threading.Lock(), 0
        self._before = warnings.showwarning

    def hush(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._before, warnings.showwarning = warnings.showwarning, _logged

    def give_back(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0 and warnings.showwarning is _logged:
                warnings.showwarning = self._before


def _logged(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    _log.info("%s:%s: %s: %s", filename, lineno, category.__name__, message)


_warnings = _Warnings()


@contextmanager
def _unheard() -> Iterator[None]:
    """Python prints what nobody takes from a logger: for this time somebody does. Handlers that a program has set up go on hearing all."""
    nobody, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(nobody)
    _warnings.hush()
    try:
        yield
    finally:
        _warnings.give_back()
        root.removeHandler(nobody)
