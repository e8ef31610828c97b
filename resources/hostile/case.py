"""A hostile file: what is written, the command that reads it, and how that may end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Make = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes
    ----------
    door : who reads it, as the table names it
    name : what is wrong with it
    make : writes it into an empty folder
    argv : the command; ``{d}`` is the case's folder, ``{good}`` that of good files
    expect : "refuse": exit code 2; "either": that, or an answer
    file : what peers open, "" where it is no cube
    """

    door: str
    name: str
    make: Make
    argv: tuple[str, ...]
    expect: Literal["refuse", "either"] = "refuse"
    file: str = ""


def info(file: str) -> tuple[str, ...]:
    """The command that reads a cube."""
    return ("info", f"{{d}}/{file}")


def painting(file: str) -> tuple[str, ...]:
    """The command that reads a painting, with the fastest method."""
    return (
        "unmix", "{good}/cube.npz", "--method", "vca-fcls", "--endmembers", "3", "--annotation", f"{{d}}/{file}", "--out", "{d}/out",
    )  # fmt: skip


def library(file: str) -> tuple[str, ...]:
    """The command that reads a spectral library."""
    return ("match", "{good}/run", f"{{d}}/{file}")


def reference(file: str) -> tuple[str, ...]:
    """The command that reads a reference."""
    return ("compare", "{good}/cube.npz", "{good}/run", "--reference", f"{{d}}/{file}")


def write(file: str, content: bytes) -> Make:
    """A maker of one file."""
    return lambda folder: (folder / file).write_bytes(content)


def no_file_at_all(file: str) -> Iterator[tuple[str, Make]]:
    """What may stand in the place of any file, and is none."""
    yield "a pipe", lambda folder: os.mkfifo(folder / file)
    yield "a folder", lambda folder: (folder / file).mkdir()
    yield "a link to /dev/zero", lambda folder: (folder / file).symlink_to("/dev/zero")
    yield "a link to /dev/urandom", lambda folder: (folder / file).symlink_to("/dev/urandom")
    yield "a link to a pipe", lambda folder: (os.mkfifo(folder / "pipe"), (folder / file).symlink_to("pipe"))
    yield "a link to nothing", lambda folder: (folder / file).symlink_to("nowhere")
    yield "a link to itself", lambda folder: (folder / file).symlink_to(file)
    yield "empty", write(file, b"")


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A good file, cut and overwritten at places that are the same in every run."""
    size = len(content)
    for tenth in (1, 3, 5, 7, 9):
        yield f"cut at {tenth}0 %", content[: size * tenth // 10]
    yield "cut by one byte", content[:-1]
    for name, byte in (("zeros", b"\0"), ("ones", b"\xff")):
        for tenth in (0, 2, 5, 8):
            start = min(16 + size * tenth // 10, max(size - 8, 0))
            yield f"eight {name} at byte {start}", content[:start] + 8 * byte + content[start + 8 :]
    yield "twice", content + content
