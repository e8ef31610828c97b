"""Do the tests decide? Change one line at a time in a copy of the tree, and see whether the tests of its room notice.

    python resources/mutation/mutate.py --room geometry --mutants 20
    python resources/mutation/mutate.py --room geometry --room rows --mutants 20 --room output/run=12 --resume

Writes a table (Markdown and CSV) of all changes, and exits with 1 where one survives that ``survivors.toml`` does not list with its reason.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, draw, mutants
from trials import PRELOADED, Coverage, Room, copy_of, find_room, measure, preload, try_mutant

HERE = Path(__file__).resolve().parent
_NOTICED = ("killed", "timed out")
_SHOWN = 110  # characters of a line in the table


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant; ``reason`` why its survival is accepted, where it is."""

    room: str
    mutant: Mutant
    state: str
    reason: str = ""

    @property
    def unexplained(self) -> bool:
        return self.state not in _NOTICED and not self.reason


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 0 where every change was noticed or is accepted, 1 where not."""
    options = _options().parse_args(arguments)
    if not hasattr(os, "fork"):
        raise SystemExit("A mutation run forks a process for every change: run it on Linux or macOS.")
    root = options.root.resolve()
    accepted = _Accepted(options.survivors)
    try:
        rooms = [(find_room(root, name), count or options.mutants) for name, count in options.room]
    except LookupError as error:
        raise SystemExit(str(error.args[0])) from error
    preload(tuple(options.preload))
    outcomes = []
    for outcome in _outcomes(root, rooms, options, accepted):
        outcomes.append(outcome)
        print(f"{outcome.state:9}  {outcome.mutant.file}:{outcome.mutant.line}  {outcome.mutant.after}", flush=True)
    _write(outcomes, options.out)
    print(f"\n{_summary(outcomes)}")
    return int(any(outcome.unexplained for outcome in outcomes))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--room",
        action="append",
        type=_room,
        required=True,
        metavar="NAME[=COUNT]",
        help="geometry, output/run …",
    )
    parser.add_argument("--mutants", type=int, default=20, help="changes a room, where it does not say (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="which changes are drawn")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="take what is known of a change while its file and the room's tests are as they were",
    )
    parser.add_argument(
        "--longest", type=float, default=5.0, help="leave out tests that compute for more seconds (default 5)"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=20.0,
        help="seconds of computing over five times the tests', after which a change hangs",
    )
    parser.add_argument("--root", type=Path, default=HERE.parents[1], help="the checkout, which is copied")
    parser.add_argument(
        "--survivors", type=Path, default=HERE / "survivors.toml", help="accepted survivors, each with its reason"
    )
    parser.add_argument(
        "--cache", type=Path, default=None, help="what is known (default build/mutation below the root)"
    )
    parser.add_argument("--out", type=Path, default=HERE / "table", help="the tables, without suffix")
    parser.add_argument("--preload", nargs="*", default=PRELOADED, help="modules to import once for all")
    return parser


def _room(written: str) -> tuple[str, int]:
    name, _, count = written.partition("=")
    return name.strip("/"), int(count or 0)


class _Accepted:
    """The listed survivors: ``after = "*"`` stands for every change of a line."""

    def __init__(self, path: Path) -> None:
        listed = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []) if path.exists() else []
        self.reasons = {(one["file"], one["before"], one["after"]): one["reason"] for one in listed}

    def reason(self, mutant: Mutant) -> str:
        file, before, after = mutant.key
        return self.reasons.get((file, before, after)) or self.reasons.get((file, before, "*"), "")

    def warn_of_stale(self, candidates: list[Mutant]) -> None:
        """Say which listed changes of these files are none any more."""
        files, keys = {one.file for one in candidates}, {one.key for one in candidates}
        lines = {(file, before, "*") for file, before, _ in keys}
        for file, before, after in self.reasons:
            if file in files and (file, before, after) not in keys | lines:
                print(f"listed, but no longer there: {file}  {before}  ->  {after}", file=sys.stderr)


def _outcomes(
    root: Path, rooms: list[tuple[Room, int]], options: argparse.Namespace, accepted: _Accepted
) -> Iterator[Outcome]:
    known = _Known(options.cache or root / "build" / "mutation", resume=options.resume)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder, copy_of(root, Path(folder)) as copy:
        log = Path(folder) / "tests.log"
        for room, count in rooms:
            candidates = [one for file in room.sources for one in mutants((copy / file).read_bytes(), file)]
            accepted.warn_of_stale(candidates)
            coverage: Coverage | None = None
            for mutant in draw(candidates, count, options.seed):
                key = _key(copy, room, mutant)
                state = known.states.get(key)
                if state is None:
                    coverage = coverage or known.coverage(copy, room, log, options.longest)
                    state = try_mutant(copy, room, mutant, coverage, log, options.patience)
                    known.add(key, state)
                yield Outcome(room.name, mutant, state, "" if state in _NOTICED else accepted.reason(mutant))


def _key(copy: Path, room: Room, mutant: Mutant) -> str:
    changed = mutant.applied((copy / mutant.file).read_bytes())
    return _digest(mutant.file.encode(), changed, *_test_bytes(copy, room))


def _test_bytes(copy: Path, room: Room) -> list[bytes]:
    return [
        path.read_bytes() for path in (*(copy / "tests").glob("conftest.py"), *(copy / name for name in room.tests))
    ]


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


class _Known:
    """What earlier runs found, a line each, so that a run that was stopped goes on where it was."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.path = folder, folder / "states.jsonl"
        lines = self.path.read_text().splitlines() if resume and self.path.exists() else []
        self.states: dict[str, str] = dict(json.loads(line) for line in lines)

    def add(self, key: str, state: str) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([key, state]) + "\n")

    def coverage(self, copy: Path, room: Room, log: Path, longest: float) -> Coverage:
        """Which test runs which line: measured anew where any source, or a test of the room, has changed."""
        sources = [path.read_bytes() for path in (HERE / "trials.py", *sorted((copy / "src").rglob("*.py")))]
        path = (
            self.folder
            / f"coverage-{_digest(f'{room.name} {longest}'.encode(), *sources, *_test_bytes(copy, room))[:16]}.json"
        )
        return Coverage.read(path) if path.exists() else measure(copy, room, log, longest, path)


# The tables


def _summary(outcomes: list[Outcome]) -> str:
    lines = []
    for room in [*dict.fromkeys(one.room for one in outcomes), ""]:
        of_room = [one for one in outcomes if room in ("", one.room)]
        noticed = [one for one in of_room if one.state in _NOTICED]
        late, accepted = sum(one.state == "timed out" for one in noticed), sum(bool(one.reason) for one in of_room)
        share = 100 * len(noticed) / max(len(of_room), 1)
        unexplained = sum(one.unexplained for one in of_room)
        lines.append(
            f"{room or 'all'}: killed {len(noticed)} of {len(of_room)} ({share:.0f} %, {late} by the time limit), "
            f"{accepted} survivors accepted, {unexplained} not explained"
        )
    return "\n".join(lines)


def _write(outcomes: list[Outcome], out: Path) -> None:
    rows = [_row(outcome) for outcome in outcomes]
    header = ("room", "state", "where", "function", "before", "after", "why it may survive")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([header, *rows])
    table = [header, ("---",) * len(header), *(tuple(_cell(each) for each in row) for row in rows)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in table)
    summary = "\n".join(f"- {line}" for line in _summary(outcomes).splitlines())
    out.with_suffix(".md").write_text(f"# Mutants\n\n{summary}\n\n{text}\n", encoding="utf-8")


def _row(outcome: Outcome) -> tuple[str, ...]:
    one = outcome.mutant
    return (outcome.room, outcome.state, f"{one.file}:{one.line}", one.function, one.before, one.after, outcome.reason)


def _cell(text: str) -> str:
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return short.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    raise SystemExit(main())
