"""Hostile files through the command line: whether each ends in an answer, or in one sentence and exit code 2, in time and in memory.

    python resources/hostile/run.py [--only PATTERN] [--every N] [--table]

Each case is written into a fresh folder and read in a fork of a warm process. ``--every 10`` takes each tenth case, ``--table`` writes the
table that the documentation shows. Exit code 1 where a case ends otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import re
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import corpus  # noqa: E402
import good  # noqa: E402
from case import Case  # noqa: E402
from limited import Ended, limited  # noqa: E402

SECONDS, MEMORY = 10.0, 2 << 30
LONGEST_SENTENCE = 500
PREFIX = "napari-unmix: "
_HASHED = 1 << 20  # bytes: of a longer file its size and its time are compared


@dataclass(frozen=True)
class Result:
    """A case, how it ended, and what is wrong with that."""

    case: Case
    ended: Ended
    faults: tuple[str, ...]


def results(cases: Iterable[Case], folder: Path) -> Iterator[Result]:
    """Run cases one after the other in ``folder``, which holds the good files."""
    from napari_unmix.cli import main

    working = folder / "working"
    working.mkdir(exist_ok=True)
    for case in cases:
        own = folder / "case"
        own.mkdir()
        case.make(own)
        before = _listing(own, working, folder / "good")
        argv = [word.replace("{d}", str(own)).replace("{good}", str(folder / "good")) for word in case.argv]
        ended = limited(lambda argv=argv: main(argv), SECONDS, MEMORY, working)  # type: ignore[misc]
        after = _listing(own, working, folder / "good")
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        yield Result(case, ended, tuple(_faults(case, ended, changed, own)))
        shutil.rmtree(own)


def _listing(*folders: Path) -> dict[Path, object]:
    found: dict[Path, object] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            status = path.lstat()
            small = stat.S_ISREG(status.st_mode) and status.st_size < _HASHED
            content = hashlib.sha256(path.read_bytes()).digest() if small else status.st_mtime_ns
            found[path] = (status.st_mode, status.st_size, content)
    return found


def _faults(case: Case, ended: Ended, changed: set[Path], own: Path) -> Iterator[str]:
    lines = [line for line in ended.err.splitlines() if line.strip()]
    if ended.late:
        yield f"over {SECONDS:g} s"
    elif ended.status < 0:
        yield f"ended by signal {-ended.status}"
    elif "Traceback" in ended.err:
        yield f"a traceback: {lines[-1][:100]}"
    elif ended.status not in (0, 2):
        yield f"exit code {ended.status}: {lines[-1][:100] if lines else ''}"
    elif ended.status == 0 and case.expect == "refuse":
        yield "read, and should not be"
    if ended.status == 2 and (len(lines) != 1 or not lines[0].startswith(PREFIX)):
        yield f"{len(lines)} lines in place of one sentence: {lines[0][:100] if lines else ''}"
    if ended.status == 2 and len(ended.err.strip()) > LONGEST_SENTENCE + len(PREFIX):
        yield f"a sentence of {len(ended.err.strip())} letters"
    if any(not letter.isprintable() for letter in (ended.out + ended.err).replace("\n", "").replace("\t", "")):
        yield "prints control characters"
    if len(ended.out) > 100_000:
        yield f"prints {len(ended.out)} letters"
    written = [path for path in changed if ended.status != 0 or not path.is_relative_to(own)]
    if written:
        yield f"wrote {sorted(written)[0].name}"
    if ended.megabytes * 2**20 > MEMORY:
        yield f"{ended.megabytes} MB"


def table(found: list[Result]) -> str:
    """Doors in rows: cases, how many were answered and how many refused in one sentence, the longest time, the most memory, and faults."""
    head = ["door", "files", "read", "one sentence", "anything else", "longest (s of processor)", "most memory (MB)"]
    rows = [head, ["---", *(["---:"] * (len(head) - 1))]]
    for door in [*dict.fromkeys(one.case.door for one in found), "all"]:
        own = [one for one in found if door in (one.case.door, "all")]
        count = Counter("else" if one.faults else "read" if one.ended.status == 0 else "refused" for one in own)
        longest, most = max(one.ended.seconds for one in own), max(one.ended.megabytes for one in own)
        rows.append(
            [door, *map(str, (len(own), count["read"], count["refused"], count["else"])), f"{longest:.1f}", str(most)]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def put(name: str, text: str) -> None:
    """Put a table in its part of ``table.md``, under its title and the day."""
    path = HERE / "table.md"
    parts = (
        dict(part.split("\n", 1) for part in path.read_text(encoding="utf-8").split("## ")[1:]) if path.exists() else {}
    )
    parts[name] = f"\n{datetime.now(UTC):%Y-%m-%d}\n\n{text}\n"
    path.write_text(
        "".join(f"## {title}\n{content.rstrip()}\n\n" for title, content in parts.items()).rstrip() + "\n",
        encoding="utf-8",
    )


def main(argv: list[str] | None = None) -> int:
    """Run the chosen cases and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", default="", help="cases in whose door and name (door: name) this regular expression is found"
    )
    parser.add_argument("--every", type=int, default=1, help="each n-th case")
    parser.add_argument("--table", action="store_true", help="write the table")
    arguments = parser.parse_args(argv)
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            good.beside(folder / "good")
        chosen = [
            case for case in corpus.cases(folder / "good") if re.search(arguments.only, f"{case.door}: {case.name}")
        ]
        for one in results(chosen[:: arguments.every], folder):
            found.append(one)
            if one.faults:
                print(f"{one.case.door}: {one.case.name}: {'; '.join(one.faults)}", flush=True)
    bad = sum(bool(one.faults) for one in found)
    print(f"{len(found)} files, {bad} of them with a fault")
    if arguments.table:
        put("Hostile files through the command line", table(found))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
