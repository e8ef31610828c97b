"""A function in a child of its own, with an end to its time and its memory; what it printed, and how it ended."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LOOK = 0.01  # seconds between two looks at the child
_MOST_KEPT = 300_000  # bytes of what it printed


@dataclass(frozen=True)
class Ended:
    """How it ended.

    Attributes
    ----------
    status : exit code; below zero the signal
    late : whether it was ended for its time
    seconds : processor time
    megabytes : the most memory, the parent's own left out
    out, err : what it printed
    """

    status: int
    late: bool
    seconds: float
    megabytes: int
    out: str
    err: str


def limited(function: Callable[[], int], seconds: float, memory: int, folder: Path) -> Ended:
    """Run ``function`` in a fork with ``folder`` as its working folder; its return value is the exit code.

    ``seconds`` is of processor time, and six times that by the clock, as others may use the machine; ``memory`` is in bytes over what the
    parent has.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            _child(function, seconds, memory, folder, out.fileno(), err.fileno())
        late = False
        end = time.monotonic() + 6 * seconds
        while True:
            done, status, used = os.wait4(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                _, status, used = os.wait4(child, 0)
                late = True
                break
            time.sleep(_LOOK)
        code = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read(_MOST_KEPT).decode("utf-8", "replace"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    late = late or code == -signal.SIGXCPU
    return Ended(code, late, used.ru_utime + used.ru_stime, max(used.ru_maxrss - before, 0) // 1024, *texts)


def _child(function: Callable[[], int], seconds: float, memory: int, folder: Path, out: int, err: int) -> None:
    status = 99
    try:
        os.chdir(folder)
        os.dup2(out, 1)
        os.dup2(err, 2)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bytes_now = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (bytes_now + memory,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            status = function()
        except BaseException:  # noqa: BLE001 (it is printed, and this child ends)
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
