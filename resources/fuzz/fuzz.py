"""Mutate small files of every format, and read them: whatever is not a cube must end in one sentence of ours.

    python resources/fuzz/fuzz.py --seconds 60                    all targets, on all cores
    python resources/fuzz/fuzz.py --executions 1000000 --seconds 0 --table resources/fuzz/table.md
    python resources/fuzz/fuzz.py --repeat FOLDER/tiff-1f3a…      what that input does

A find is an input that ends in any exception but ``UnmixError``, in a sentence of more than 500 letters, in more than ten seconds, in more
memory than was allowed, or in the death of the process. Finds are written to FOLDER (``--finds``), named by target and content. The same
``--seed`` gives the same inputs. What readers raise and ``read_cube`` turns into its own sentence is counted as "caught": no find, but worth a look.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from mutations import Workplace
from targets import TARGETS, Target

LONGEST_SENTENCE = 500
MOST_SECONDS = 10
MEMORY = 3 << 30  # bytes of address space that an execution may claim beside what the libraries take
BUDGET = 200 << 20  # what the machine is said to have
_ENDED = "(its library "  # of the sentence on a file that ended the process apart
_THOROUGH = 8  # every so many executions a cube is screened as well, which takes longer than reading it
_STAY = 40  # executions of one target after the other
_EVERY = 200  # executions between two counts


class Count(NamedTuple):
    """What came of some executions."""

    read: int = 0
    refused: int = 0
    caught: int = 0
    finds: int = 0


class TooSlow(BaseException):
    """An execution took more than its seconds; no reader may catch it."""


def main() -> int:
    """Run, repeat, or list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=None, help="stop after this many (default: no limit)")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after this long (default 60; 0: no limit)")
    parser.add_argument("--targets", nargs="+", default=sorted(TARGETS), choices=sorted(TARGETS), metavar="NAME")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finds", type=Path, default=Path("finds"), help="folder for what was found (default: finds)")
    parser.add_argument("--repeat", type=Path, metavar="INPUT", help="read one input again, with its traceback")
    parser.add_argument("--table", type=Path, metavar="FILE", help="add the counts to those of a table in Markdown")
    options = parser.parse_args()
    if options.repeat is not None:
        return repeat(options.repeat)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that workers and scratch go with it
    counts = hunt(options)
    for target in sorted(counts):
        print(f"{target:<14}{_line(counts[target])}")
    total = Count(*map(sum, zip(*counts.values(), strict=True)))
    print(f"{'all':<14}{_line(total)}")
    if options.table is not None:
        add_to_table(options.table, counts)
    return int(total.finds > 0)


def _line(count: Count) -> str:
    done = count.read + count.refused
    return f"{done:>9} executions {count.read:>8} read {count.refused:>8} refused {count.caught:>6} caught {count.finds:>4} finds"


def hunt(options: argparse.Namespace) -> dict[str, Count]:
    """All workers, each with its share; a worker that dies leaves its input as a find, and another takes its place."""
    results: multiprocessing.Queue[tuple[int, str, Count]] = multiprocessing.Queue()
    stop = time.monotonic() + options.seconds if options.seconds else float("inf")
    counts = {target: Count() for target in options.targets}
    memory = Path("/dev/shm")  # where there is one, no disk is touched
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
    seeds = {name: TARGETS[name].seeds(scratch / "seeds" / name) for name in options.targets}
    started, running = 0, {}
    try:
        while True:
            while len(running) < options.workers:
                running[started] = _start(options, started, results, scratch / str(started), seeds)
                started += 1
            _collect(results, counts)
            done = sum(count.read + count.refused for count in counts.values())
            if time.monotonic() > stop or (options.executions is not None and done >= options.executions):
                break
            for number, process in list(running.items()):
                if not process.is_alive():
                    del running[number]
                    _keep_crash(scratch / str(number), options.finds, counts)
    finally:
        for process in running.values():
            process.kill()
            process.join()
        _collect(results, counts)
        shutil.rmtree(scratch, ignore_errors=True)
    return counts


def _start(
    options: argparse.Namespace, number: int, results: object, scratch: Path, seeds: dict[str, list[Path]]
) -> multiprocessing.Process:
    arguments = (seeds, f"{options.seed}/{number}", options.finds.resolve(), results, scratch)
    process = multiprocessing.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def _collect(results: multiprocessing.Queue[tuple[int, str, Count]], counts: dict[str, Count]) -> None:
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            _, target, count = results.get(timeout=0.1)
        except Exception:  # noqa: BLE001 (empty, or a killed worker left half of a message)
            continue
        counts[target] = Count(*map(sum, zip(counts[target], count, strict=True)))


def _keep_crash(scratch: Path, finds: Path, counts: dict[str, Count]) -> None:
    """The input that a worker died on."""
    name = scratch / "current"
    if name.exists():
        target = name.read_text()
        _keep(scratch / "input", target, finds, "the process died")
        counts[target] = counts[target]._replace(finds=counts[target].finds + 1)


def work(
    seeds: dict[str, list[Path]],
    seed: str,
    finds: Path,
    results: multiprocessing.Queue[tuple[int, str, Count]],
    scratch: Path,
) -> None:
    """Execute until killed, and tell of it now and then."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _limit()
    scratch.mkdir(parents=True)
    targets, generator, place = list(seeds), random.Random(seed), Workplace(scratch / "input")
    told = {name: Count() for name in targets}
    for number in range(1, sys.maxsize):
        if number % _STAY == 1:  # some of one target, so that its files stay where they are
            name = targets[number // _STAY % len(targets)]
            target, sample = TARGETS[name], generator.choice(seeds[name])
            (scratch / "current").write_text(name)
        path = place.mutated(sample, generator)
        told[name] = _added(told[name], execute(target, path, finds, name, thorough=number % _THOROUGH == 0))
        if number % _EVERY == 0:
            for one, count in told.items():
                results.put((os.getpid(), one, count))
            told = {one: Count() for one in targets}


def _added(count: Count, outcome: str) -> Count:
    return count._replace(
        read=count.read + (outcome == "read"),
        refused=count.refused + (outcome != "read"),
        caught=count.caught + (outcome == "caught"),
        finds=count.finds + (outcome == "find"),
    )


def execute(target: Target, path: Path, finds: Path, name: str, thorough: bool = True) -> str:
    """Read one input: read, refused, caught, or find; a cube to its checked end only where it is ``thorough``, else to its numbers."""
    from napari_unmix import UnmixError
    from napari_unmix.io.boundary import Unreadable

    try:
        with _seconds(MOST_SECONDS):
            target.read(path, thorough)
    except UnmixError as error:
        if len(str(error)) > LONGEST_SENTENCE or "\n" in str(error):
            _keep(path, name, finds, f"a sentence of {len(str(error))} letters: {str(error)[:200]!r}")
            return "find"
        if _ENDED in str(error):  # no find: the process apart is there for it; but a sample to keep
            _keep(path, name, finds / "ended", str(error))
        return "caught" if isinstance(error, Unreadable) else "refused"
    except TooSlow:
        _keep(path, name, finds, f"more than {MOST_SECONDS} s")
        return "find"
    except Exception as error:  # noqa: BLE001 (what is looked for)
        _keep(path, name, finds, f"{type(error).__name__}: {error}")
        return "find"
    return "read"


def _keep(path: Path, target: str, finds: Path, why: str) -> None:
    """Copy an input, once, and say why."""
    finds.mkdir(parents=True, exist_ok=True)
    content = b"".join(part.read_bytes() for part in sorted(path.rglob("*")) if part.is_file())
    place = finds / f"{target}-{hashlib.sha256(content).hexdigest()[:12]}"
    if not place.exists():
        shutil.copytree(path, place)
        (finds / f"{place.name}.txt").write_text(f"{why}\n", encoding="utf-8")


def add_to_table(path: Path, counts: dict[str, Count]) -> None:
    """Write the counts, added to those that the table has."""
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in before if line.startswith("| ")]
    known = {row[0]: Count(*(int(cell.replace(",", "")) for cell in row[2:])) for row in rows if row[0] in TARGETS}
    for name, count in counts.items():
        known[name] = Count(*map(sum, zip(known.get(name, Count()), count, strict=True)))
    total = Count(*map(sum, zip(*known.values(), strict=True)))
    lines = [_row(name, known[name]) for name in sorted(known)] + [_row("**all**", total)]
    head = ["| target | executions | read | refused | caught | finds |", "|---|---:|---:|---:|---:|---:|"]
    said = f"Made by `resources/fuzz/fuzz.py --table`, last on {time.strftime('%Y-%m-%d')}; finds of all runs, whether mended since or not."
    path.write_text("\n".join(["# Fuzz", "", said, "", *head, *lines, ""]), encoding="utf-8")


def _row(name: str, count: Count) -> str:
    cells = (count.read + count.refused, *count)
    return f"| {name} | " + " | ".join(f"{cell:,}" for cell in cells) + " |"


def repeat(place: Path) -> int:
    """Read an input again, and let what it raises through."""
    target = TARGETS[place.name.rpartition("-")[0]]
    _limit()
    with _seconds(MOST_SECONDS):
        target.read(place)
    print("read")
    return 0


def _limit() -> None:
    """Little memory, no warnings, no log; one thread."""
    import napari_unmix.io.budget as budget

    os.environ["OMP_NUM_THREADS"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    budget._available_memory = lambda: BUDGET
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))


@contextmanager
def _seconds(most: float) -> Iterator[None]:
    """Raise TooSlow after so many seconds of the processor."""

    def late(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, most)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2 * most)  # whose signal ends a process that is deep in a library
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGPROF, before)


if __name__ == "__main__":
    sys.exit(main())
