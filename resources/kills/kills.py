"""Kill what writes, at random moments and at chosen ones, run the next command, and look: old or new, whole, and nothing left behind.

    python resources/kills/kills.py --kills 1000 --chosen 200    and the table, resources/kills/table.md
    python resources/kills/kills.py --kills 0 --layer files --table -    at every file operation, without strace: any system

Random: SIGKILL after a random time. Chosen: SIGKILL on entering one system call (``strace``), one kill for each call of a write that touches
files, as many for each write, evenly over all its calls; with ``--layer files``, before one of the file operations of Python.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from writes import WRITES, Held, Subject, Write, emptied, held, in_a_child, next_command, subject

from napari_unmix import write_run
from napari_unmix.files import exchange

CALLS = (
    "openat", "write", "pwrite64", "writev", "fsync", "fallocate", "ftruncate", "rename", "renameat2", "link", "unlink", "unlinkat",
    "mkdir", "rmdir", "flock", "close",
)  # fmt: skip
_OPERATIONS = ("open", "os.", "shutil.")  # of Python's audit events
Outcome = str
Counts = dict[tuple[str, str], collections.Counter[Outcome]]


class Stand:
    """One kind of write on its folder: what it held before, and what it holds when nobody kills it."""

    def __init__(self, name: str, write: Write, subject: Subject, place: Path) -> None:
        self.name, self._write, self._subject = name, write, subject
        self._folder, self._aside = place / "folder", place / "aside"
        self._aside.mkdir()
        write_run(self._aside / "run", subject.cube, subject.result, subject.report)
        self.old = self._set_out()
        start = time.perf_counter()
        _wait(in_a_child(self.work))
        self.seconds = time.perf_counter() - start
        self.new = self._looked_at()

    def _set_out(self) -> Held:
        self._write.before(self._subject, emptied(self._folder))
        return held(self._folder)

    def _looked_at(self) -> Held:
        return held(self._folder)

    def work(self) -> None:
        """Write."""
        self._write.write(self._subject, self._folder)

    def killed(self, how: Callable[[Callable[[], None]], bool]) -> Outcome:
        """Set out, write and be killed, run the next command, look. ``how`` says whether the write was killed before its end."""
        self._set_out()
        if not how(self.work):
            return "ended before"
        left = self._looked_at()
        complaint = ""

        def look() -> None:
            nonlocal complaint
            complaint = next_command(self._write, self._folder, self._aside)
            if complaint:
                raise RuntimeError(complaint)

        status = _wait(in_a_child(look))
        found = self._looked_at()
        litter = ", left to clean up" if left not in (self.old, self.new) else ""
        if status != 0:
            return "NEXT COMMAND FAILED"
        if found == self.old:
            return f"old{litter}"
        if found == self.new:
            return f"new{litter}"
        return f"DAMAGED: {_difference(found, self.old, self.new)}"


def _difference(found: Held, old: Held, new: Held) -> str:
    strange = [name for name, what in found.items() if what not in (old.get(name), new.get(name))]
    missing = [name for name in {**old, **new} if name not in found]
    return f"strange {strange[:3]}, missing {missing[:3]}"


# --- ways to be killed


def at_random(seconds: float, generator: random.Random) -> Callable[[Callable[[], None]], bool]:
    """SIGKILL within the time that the write takes."""

    def how(work: Callable[[], None]) -> bool:
        child = in_a_child(work)
        time.sleep(generator.random() * seconds)
        os.kill(child, signal.SIGKILL)
        return _wait(child) == -signal.SIGKILL

    return how


def at_operation(number: int, seen: list[str] | None = None) -> Callable[[Callable[[], None]], bool]:
    """SIGKILL before the file operation of that number, from 1, as Python tells them to whoever audits it."""

    def how(work: Callable[[], None]) -> bool:
        def audited() -> None:
            count = 0

            def hook(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal count
                if event.startswith(_OPERATIONS):
                    count += 1
                    if count == number:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            work()

        return _wait(in_a_child(audited)) == -signal.SIGKILL

    return how


def at_call(call: str, number: int) -> Callable[[Callable[[], None]], bool]:
    """SIGKILL on entering the system call of that name and number, from 1."""

    def how(work: Callable[[], None]) -> bool:
        child = in_a_child(lambda: _held_back(work))
        strace = _strace(
            child, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}", "-o", os.devnull
        )
        os.kill(child, signal.SIGCONT)
        status = _wait(child)
        strace.wait()
        return status == -signal.SIGKILL

    return how


def calls_of(stand: Stand, place: Path) -> list[tuple[str, int]]:
    """Every system call of a write that touches files, as (name, number from 1)."""
    log = place / "calls"

    def how(work: Callable[[], None]) -> bool:
        child = in_a_child(lambda: _held_back(work))
        strace = _strace(child, "-e", f"trace={','.join(CALLS)}", "-o", str(log))
        os.kill(child, signal.SIGCONT)
        _wait(child)
        strace.wait()
        return False

    stand.killed(how)
    counts: collections.Counter[str] = collections.Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        name = line.split("(")[0].split()[-1]
        if name in CALLS and "resumed" not in line:
            counts[name] += 1
            found.append((name, counts[name]))
    return found


def operations_of(stand: Stand) -> int:
    """How many file operations a write has."""
    low = 1
    while stand.killed(at_operation(low)) != "ended before":
        low *= 2
    high, low = low, low // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if stand.killed(at_operation(middle)) != "ended before" else (low, middle)
    return low


def _held_back(work: Callable[[], None]) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    work()


def _strace(child: int, *words: str) -> subprocess.Popen[bytes]:
    """strace on a process that stands still; it returns once it is attached."""
    os.waitpid(child, os.WUNTRACED)
    process = subprocess.Popen(
        ["strace", "-f", "-q", *words, "-p", str(child)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while f"TracerPid:\t{process.pid}" not in Path(f"/proc/{child}/status").read_text():
        time.sleep(0.002)
    return process


def _wait(child: int) -> int:
    """How a process ended: its status, or minus the signal."""
    while True:
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)


# --- all of it


def trials(stands: list[Stand], arguments: argparse.Namespace, place: Path) -> Iterator[tuple[str, Stand, Outcome]]:
    """Way, stand and outcome of every kill."""
    generator = random.Random(arguments.seed)
    if arguments.layer == "files":
        for stand in stands:
            for number in range(1, operations_of(stand) + 1):
                yield "file operation", stand, stand.killed(at_operation(number))
    elif arguments.chosen:
        for index, stand in enumerate(stands):
            points = calls_of(stand, place)
            share = arguments.chosen // len(stands) + (index < arguments.chosen % len(stands))
            evenly = [points[one * len(points) // share] for one in range(share)]
            for point in itertools.islice(itertools.cycle([*evenly, *points]), 3 * share + len(points)):
                outcome = stand.killed(at_call(*point))
                if outcome == "ended before":  # threads take turns, so not every call comes every time
                    continue
                yield "system call", stand, outcome
                share -= 1
                if share == 0:
                    break
    for number in range(arguments.kills - (arguments.chosen if arguments.layer == "calls" else 0)):
        stand = stands[number % len(stands)]
        while (outcome := stand.killed(at_random(stand.seconds, generator))) == "ended before":
            continue  # no kill
        yield "random moment", stand, outcome


def table(counts: Counts, command: str) -> str:
    """The counts for people, as Markdown."""
    lines = [
        f"Made by `{command}`.", "",
        "| Write | Killed at | Kills | Old | New | Had left something, cleaned up by the next command | Damaged, lost, or left behind |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    sums = [0] * 5
    for (name, way), seen in sorted(counts.items()):
        seen = collections.Counter({outcome: count for outcome, count in seen.items() if outcome != "ended before"})
        good = {"old": 0, "new": 0}
        for outcome, count in seen.items():
            if outcome[:3] in good:
                good[outcome[:3]] += count
        litter = sum(count for outcome, count in seen.items() if "left" in outcome and outcome[:3] in good)
        row = [seen.total(), good["old"], good["new"], litter, seen.total() - sum(good.values())]
        sums = [one + other for one, other in zip(sums, row, strict=True)]
        lines.append(f"| {name} | {way} | {' | '.join(map(str, row))} |")
    return "\n".join([*lines, f"| **all** | | {' | '.join(f'**{number}**' for number in sums)} |"]) + "\n"


def main() -> int:
    """Kill, count, print; 1 where anything was lost or left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="of all kinds, with those at chosen calls")
    parser.add_argument("--chosen", type=int, default=200, help="of them at chosen system calls")
    parser.add_argument(
        "--layer", choices=("calls", "files"), default="calls", help="system calls, or every file operation of Python"
    )
    parser.add_argument("--writes", nargs="+", choices=list(WRITES), default=list(WRITES))
    parser.add_argument(
        "--two-steps", action="store_true", help="as on a file system where names can't change places in one step"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--table", default=str(Path(__file__).with_name("table.md")), help="where it goes; - only prints it"
    )
    arguments = parser.parse_args()
    if arguments.layer == "calls" and arguments.chosen and shutil.which("strace") is None:
        parser.error("--chosen needs strace: install it, or take --layer files")
    if arguments.two_steps:
        exchange._system_rename = lambda: None  # type: ignore[assignment]
    made, counts = subject(), collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as folder:
        stands = []
        for number, name in enumerate(arguments.writes):
            place = Path(folder, str(number))
            place.mkdir()
            stands.append(Stand(name, WRITES[name], made, place))
        for number, (way, stand, outcome) in enumerate(trials(stands, arguments, Path(folder))):
            counts[stand.name, way][outcome] += 1
            if outcome[:3] not in ("old", "new", "end") or number % 100 == 0:
                print(f"{number}: {stand.name}, {way}: {outcome}", file=sys.stderr, flush=True)
    words = [word for word in sys.argv[1:] if word not in ("--table", arguments.table)]
    text = table(counts, " ".join(["python resources/kills/kills.py", *words]))
    print(text)
    if arguments.table != "-":
        Path(arguments.table).write_text(text, encoding="utf-8")
    return int(any(outcome[:3] not in ("old", "new", "end") for seen in counts.values() for outcome in seen))


if __name__ == "__main__":
    sys.exit(main())
