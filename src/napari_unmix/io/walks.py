"""What runs in the process apart (``apart``): headers are walked there first, where a library may loop or crash.

This file is run by its path and imports nothing of the package until it is asked for, so that the process is there within a moment.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

MOST_NODES = 20_000  # arrays and groups of a file
MOST_ATTRIBUTES = 200_000
EACH = 0.002  # seconds of the processor that each of these adds to the limit: who has many is no loop


class Refused(ValueError):
    """What a walk refuses, in one sentence."""


class _Allowance:
    """The time of the processor that a question may take; its signal ends a process that is deep in a library."""

    def __init__(self) -> None:
        self._left, self._begun = 0.0, -1.0

    def begin(self, seconds: float) -> None:
        self._left, self._begun = seconds, time.process_time()
        self._arm(seconds)

    def more(self, seconds: float) -> None:
        """So much is added to what was begun."""
        if self._begun >= 0:
            self._left += seconds
            self._arm(max(self._left - (time.process_time() - self._begun), 0.001))

    def end(self) -> None:
        self._begun = -1.0
        self._arm(0)

    def _arm(self, seconds: float) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, seconds)


_allowance = _Allowance()


def hdf5(path: str) -> int:
    """Touch all that a reader of HDF5 touches before it reads numbers; how many arrays and groups there are. Raises Refused."""
    import h5py

    count = attributes = 0

    def visit(_: str, node: Any) -> None:
        nonlocal count, attributes
        count += 1
        _allowance.more(EACH)
        if count > MOST_NODES:
            raise _too_many(path, f"{MOST_NODES:,} arrays and groups")
        for name in node.attrs:
            attributes += 1
            _allowance.more(EACH)
            if attributes > MOST_ATTRIBUTES:
                raise _too_many(path, f"{MOST_ATTRIBUTES:,} attributes")
            with contextlib.suppress(Exception):
                node.attrs[name]
        if isinstance(node, h5py.Dataset):
            _dataset(node)

    refused: Refused | None = None
    with contextlib.suppress(Exception):  # what HDF5 raises, it raises where it is read, too
        try:
            with h5py.File(path, "r") as file:
                visit("", file)
                file.visititems(visit)
        except Refused as error:
            refused = error
    if refused is not None:
        raise refused
    return count


def _too_many(path: str, what: str) -> Refused:
    return Refused(f"{Path(path).name} holds more than {what}: save the cube alone.")


def _dataset(node: Any) -> None:
    with contextlib.suppress(Exception):
        shape, chunks = node.shape, node.chunks
        _ = (node.dtype, node.fillvalue, node.external, node.is_virtual, node.id.get_space_status())
        if shape and chunks:
            node.id.chunk_iter(lambda chunk: None)
        for dimension in node.dims:
            _ = (dimension.label, [(scale.name, scale.shape) for scale in dimension.values()])
        if shape is not None and node.size <= 1:
            node[()]


def serve(packages: str, seconds: int, memory: int) -> None:
    """Answer questions line by line, until nobody asks any more."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    sys.path.append(packages)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the window goes on after it, and so does its process apart
    limited = False
    for line in sys.stdin.buffer:
        question = json.loads(line)
        function = _function(question["function"])
        if not limited:
            limited = True
            _limit(memory)
        _allowance.begin(seconds + question["more"])
        answer = _answer(function, question["path"])
        _allowance.end()
        replies.write(json.dumps(answer).encode() + b"\n")
        replies.flush()


def _function(name: str) -> Any:
    module, _, function = name.rpartition(":")
    return getattr(importlib.import_module(module), function) if module else globals()[function]


def _answer(function: Any, path: str) -> dict[str, Any]:
    try:
        return {"value": function(path)}
    except ValueError as error:
        if type(error).__name__ not in ("UnmixError", "Refused"):
            raise
        return {"refused": str(error)}


def _limit(memory: int) -> None:
    """No more than so many bytes of addresses beside those that are taken, where the machine can be asked."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, resource.RLIM_INFINITY))


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
