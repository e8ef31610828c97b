"""What only another process can end: libraries that loop, crash or eat memory on a damaged file do so in a process apart.

``asked`` has a function called there (``walks``). The process is started when it is first needed, works for one file at a time under a
limit of processor time and memory, and ends with ours; where a file ends it, that is a sentence, and the next file gets another.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from napari_unmix.sentences import UnmixError, shown

SECONDS = 6  # of the processor, for one file; each array and group that is found adds to it
MOMENT = 1.0  # seconds by the clock that somebody in haste waits
_PATIENCE = 60  # seconds by the clock, on a busy machine, or where processor time cannot be limited
_MEMORY = 1 << 30  # bytes beside what the libraries take
_LONGEST_REPLY = 1 << 20
_MOST_ASKED = 64  # files whose answer is kept
_ROOM = Path(__file__).with_name("walks.py")
_PACKAGES = Path(__file__).parents[2]


class NotYet(UnmixError):
    """The answer takes longer than somebody in haste waits: it is being found, and there for who asks later."""


_in_haste: ContextVar[bool] = ContextVar("in_haste", default=False)


class _Room:
    """The process apart, and the files that it has answered for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._known: dict[tuple[Any, ...], Any] = {}

    def asked(self, function: str, path: Path, more: float = 0.0) -> Any:
        status = path.stat()
        key = (function, str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            if key not in self._known:
                answer = self._answered(function, path, more)
                while len(self._known) >= _MOST_ASKED:
                    del self._known[next(iter(self._known))]
                self._known[key] = answer
            answer = self._known[key]
        if "refused" in answer:
            raise UnmixError(answer["refused"])
        return answer["value"]

    def closed(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # first: who waits for it in another thread lets go of its streams
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()

    def _answered(self, function: str, path: Path, more: float) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        question = json.dumps({"function": function, "path": os.fspath(path.absolute()), "more": more})
        try:
            process.stdin.write(question.encode() + b"\n")
            process.stdin.flush()
            line = _line(process)
        except BaseException as error:
            self.closed()
            if not isinstance(error, OSError):
                raise
            line = b""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # it is ending by itself, unless it is what takes too long
        self.closed()
        return {"refused": _ended(process, path)}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.closed()
            environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_ROOM), str(_PACKAGES), str(SECONDS), str(_MEMORY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        return self._process


def asked(function: str, path: Path, more: float = 0.0) -> Any:
    """What ``function`` answers for a path, called in the process apart: a name of ``walks``, or "package.module:name" of what JSON can hold.

    Raises UnmixError as the function does, and where the process ends, or takes more than ``SECONDS`` and ``more`` or its memory; NotYet in
    haste where that takes more than ``MOMENT``; OSError where there is no such file.
    """
    if not _in_haste.get():
        return _room.asked(function, path, more)
    found: Future[Any] = Future()

    def ask(room: _Room = _room) -> None:
        try:
            found.set_result(room.asked(function, path, more))
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            found.set_exception(error)

    threading.Thread(target=ask, daemon=True, name="asking of the process apart").start()
    try:
        return found.result(MOMENT)
    except TimeoutError as error:
        raise NotYet(f"{shown(path.name)} is still being looked at: read it to wait for it.") from error


@contextlib.contextmanager
def in_haste() -> Iterator[None]:
    """Within, ``asked`` waits no longer than a moment: a window would stand still."""
    token = _in_haste.set(True)
    try:
        yield
    finally:
        _in_haste.reset(token)


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """The reply, b"" where the process ends without one, or where nothing comes for too long."""
    assert process.stdout is not None
    if os.name == "posix":
        ready, _, _ = select.select([process.stdout], [], [], _PATIENCE)
        return process.stdout.readline(_LONGEST_REPLY) if ready else b""
    timer = threading.Timer(_PATIENCE, process.kill)
    timer.start()
    try:
        return process.stdout.readline(_LONGEST_REPLY)
    finally:
        timer.cancel()


def _ended(process: subprocess.Popen[bytes], path: Path) -> str:
    code = process.returncode or 0
    if code == -getattr(signal, "SIGPROF", 0):
        reason = f"its library was still busy with the header after {SECONDS} s"
    elif code == -getattr(signal, "SIGKILL", 9):
        reason = f"its library was still busy with the header after {_PATIENCE} s"
    else:
        reason = f"its library crashed over the header, code {code}"
    return f"{shown(path.name)} is damaged ({reason}): copy the whole file again."


_room = _Room()
atexit.register(lambda: _room.closed())


def _forget() -> None:
    """A copy of this process asks for a process of its own."""
    global _room
    _room = _Room()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
