"""How a file is mutated: bits, bytes, numbers at their limits, parts left out, doubled or swapped, words of headers."""

from __future__ import annotations

import random
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

_LIMITS = [
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    -1,
    -(2**31),
]
_WORDS = [
    b"",
    b"0",
    b"-1",
    b"1",
    b"99999999999",
    b"1e400",
    b"nan",
    b"inf",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\x00",
    b",",
    b"\n",
    b"=",
    b"\xff\xfe",
    b"../../x",
    b"1.5",
]
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_MOST = 4  # mutations of one input
_TEXT = (".hdr", ".json", ".zarray", ".zattrs", ".zgroup", ".csv", ".txt", ".xml", ".geojson", ".svg")

Mutation = Callable[[bytearray, random.Random], bytearray]


class Workplace:
    """A folder in which one sample after the other is changed and read: only the file that is changed is written anew."""

    def __init__(self, place: Path) -> None:
        self.place, self._sample = place, Path()
        self._changed: str | None = None
        self._files: dict[Path, dict[str, bytes]] = {}

    def mutated(self, sample: Path, generator: random.Random) -> Path:
        """A copy of a sample (a folder), one of its files changed, or left out."""
        self._restore(sample)
        content = self._files[sample]
        name = generator.choice(sorted(content))
        changed = changed_content(name, content[name], generator)
        self._changed = name
        (self.place / name).unlink()  # a new file is another file to whoever remembers what it has read
        if changed is not None:
            (self.place / name).write_bytes(changed)
        return self.place

    def _restore(self, sample: Path) -> None:
        if sample != self._sample or not self.place.exists():
            shutil.rmtree(self.place, ignore_errors=True)
            shutil.copytree(sample, self.place)
        elif self._changed is not None:
            (self.place / self._changed).unlink(missing_ok=True)
            (self.place / self._changed).write_bytes(self._files[sample][self._changed])
        if sample not in self._files:
            files = (path for path in sample.rglob("*") if path.is_file())
            self._files[sample] = {str(path.relative_to(sample)): path.read_bytes() for path in files}
        self._sample, self._changed = sample, None


def changed_content(name: str, content: bytes, generator: random.Random) -> bytes | None:
    """What a file may hold after some mutations; None where it is left out."""
    words = Path(name).suffix in _TEXT or Path(name).name in _TEXT
    kinds, changed = WORDED if words else BARE, bytearray(content)
    for _ in range(generator.randint(1, _MOST)):
        changed = generator.choice(kinds)(changed, generator)
    return None if generator.random() < 0.02 else bytes(changed)


def _at(content: bytearray, generator: random.Random) -> int:
    """Somewhere; headers more often than numbers."""
    most = len(content) if generator.random() < 0.5 else min(len(content), 512)
    return generator.randrange(max(most, 1))


def flip(content: bytearray, generator: random.Random) -> bytearray:
    """One bit."""
    if content:
        content[_at(content, generator)] ^= 1 << generator.randrange(8)
    return content


def overwrite(content: bytearray, generator: random.Random) -> bytearray:
    """A number at a limit, of 1 to 8 bytes, of either order."""
    size = generator.choice([1, 2, 4, 8])
    value = generator.choice(_LIMITS) & (2 ** (8 * size) - 1)
    order = generator.choice("<>")
    at = _at(content, generator)
    packed = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], value)
    content[at : at + size] = packed
    return content


def cut(content: bytearray, generator: random.Random) -> bytearray:
    """The end is missing."""
    return content[: _at(content, generator)]


def leave_out(content: bytearray, generator: random.Random) -> bytearray:
    """A part in the middle is missing."""
    at = _at(content, generator)
    del content[at : at + generator.randint(1, 64)]
    return content


def double(content: bytearray, generator: random.Random) -> bytearray:
    """A part stands twice."""
    at = _at(content, generator)
    part = content[at : at + generator.randint(1, 64)]
    return content[:at] + part * generator.choice([2, 2, 2, 40]) + content[at:]


def swap(content: bytearray, generator: random.Random) -> bytearray:
    """Two parts change places."""
    size = generator.randint(1, 32)
    one, other = sorted((_at(content, generator), _at(content, generator)))
    if other - one >= size:
        content[one : one + size], content[other : other + size] = (
            content[other : other + size],
            content[one : one + size],
        )
    return content


def renumber(content: bytearray, generator: random.Random) -> bytearray:
    """A number of the text is another."""
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    at = generator.choice(found)
    return content[: at.start()] + str(generator.choice(_LIMITS)).encode() + content[at.end() :]


def reword(content: bytearray, generator: random.Random) -> bytearray:
    """A word is another."""
    found = list(re.finditer(rb"[^\s,={}\[\]\":]+", content))
    if not found:
        return content
    at = generator.choice(found)
    return content[: at.start()] + generator.choice(_WORDS) + content[at.end() :]


def lose_line(content: bytearray, generator: random.Random) -> bytearray:
    """A line is missing, or stands twice."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at = generator.randrange(len(lines))
    lines[at : at + 1] = [] if generator.random() < 0.5 else [lines[at], lines[at]]
    return bytearray(b"".join(lines))


BARE: list[Mutation] = [flip, flip, overwrite, overwrite, overwrite, cut, leave_out, double, swap]
WORDED: list[Mutation] = [renumber, renumber, reword, reword, lose_line, flip, cut, leave_out, double]
