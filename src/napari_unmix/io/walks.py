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
from pathlib import Path
from typing import Any

MOST_NODES = 20_000  # arrays and groups of a file


class TooMany(Exception):
    """More arrays and groups than any product has."""


def hdf5(path: str) -> int:
    """Touch all that a reader of HDF5 touches before it reads numbers; how many arrays and groups there are."""
    import h5py

    count = 0

    def visit(_: str, node: Any) -> None:
        nonlocal count
        count += 1
        if count > MOST_NODES:
            raise TooMany
        _attributes(node)
        if isinstance(node, h5py.Dataset):
            _dataset(node)

    with (
        contextlib.suppress(Exception),
        h5py.File(path, "r") as file,
    ):  # what it raises, it raises where it is read, too
        _attributes(file)
        file.visititems(visit)
    return count


def _attributes(node: Any) -> None:
    for name in node.attrs:
        with contextlib.suppress(Exception):
            node.attrs[name]


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
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends a process that is deep in a library
        answer = _answer(function, question["path"])
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(answer).encode() + b"\n")
        replies.flush()


def _function(name: str) -> Any:
    module, _, function = name.rpartition(":")
    return getattr(importlib.import_module(module), function) if module else globals()[function]


def _answer(function: Any, path: str) -> dict[str, Any]:
    try:
        return {"value": function(path)}
    except ValueError as error:
        if type(error).__name__ != "UnmixError":
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
