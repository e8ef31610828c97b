"""Calls in processes of their own, each forked from one that has imported everything: memory is that of one call, imports cost it nothing.

What a call returns comes back pickled; one that raises or dies is a ``Failure``, and the next one begins anew.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from napari_unmix.sentences import UnmixError

T = TypeVar("T")
_SERVE = "import sys; from unmix_benchmarks.common.apart import serve; serve(sys.argv[1:])"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Failure:
    """Why a call returned nothing, in one line."""

    why: str


class Apart:
    """A server that forks: ``with Apart(modules) as apart: apart.call(function, …)``; ``modules`` are imported once, before anything is called.

    Functions are found by their names, as pickle does. Raises UnmixError where the system can't fork.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        if not hasattr(os, "fork"):
            raise UnmixError("This system can't fork, so memory can't be measured: give --here to run without.")
        paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": paths},
        )

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # The server ends where there is nothing more to read, and where nobody waits for its answer.
        for pipe in self._pipes:
            pipe.close()
        self._server.wait()

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        return self._server.stdin, self._server.stdout

    def call(self, function: Callable[..., T], *arguments: object) -> T | Failure:
        """What the function returns there."""
        to_server, from_server = self._pipes
        pickle.dump((function, arguments), to_server)
        to_server.flush()
        answer: T | Failure = pickle.load(from_server)
        return answer


def serve(modules: Sequence[str]) -> None:
    """Answer calls that come by the standard input until it ends; what is printed meanwhile goes to the standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for module in modules:
        importlib.import_module(module)
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer = _forked(call)
        try:
            answers.write(answer)
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # who asked was ended; a normal end would flush once more


def _forked(call: tuple[Callable[..., object], tuple[object, ...]]) -> bytes:
    """The pickled answer of a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_answer(*call))
            code = 0
        finally:
            os._exit(code)  # a child never goes on with what its parent does
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        return pickle.dumps(Failure(f"its process ended with {os.waitstatus_to_exitcode(status)}"))
    return answer


def _answer(function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
    try:
        return pickle.dumps(function(*arguments))
    except UnmixError as error:
        return pickle.dumps(Failure(" ".join(str(error).split())))
    except Exception as error:  # noqa: BLE001 - the boundary of a process: what a method raises is what the table says of it
        return pickle.dumps(Failure(" ".join(f"{type(error).__name__}: {error}".split())))
