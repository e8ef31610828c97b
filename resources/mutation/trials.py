"""Runs a room's tests against a copy of the tree with one line changed, each time in a forked process of its own.

The packages that take long to import are imported once, before forking; the package under test never is.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib
import json
import math
import os
import py_compile
import re
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from mutants import Mutant

PRELOADED = (
    "pytest",
    "hypothesis",
    "numpy",
    "scipy.optimize",
    "scipy.stats",
    "pydantic",
    "skimage.segmentation",
    "torch",
)

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "dist", "site")
# A mutant may compute this many times longer than the tests do before it counts as hanging; where it only waits, ten times that.
_SLOWER, _WAITING = 5.0, 10.0
_MEMORY = 12 << 30  # bytes of address space: a loop without an end must not take the machine with it


@dataclass(frozen=True)
class Room:
    """Source files and the tests that have to notice a change in them; ``name`` is ``geometry`` or ``output/run``."""

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass
class Coverage:
    """Which test runs which lines, and for how many seconds it computes; ``imported`` are the lines that run before any test."""

    lines: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    imported: list[tuple[str, int]] = field(default_factory=list)

    def tests_of(self, places: set[tuple[str, int]], *, imported: bool) -> list[str]:
        """Tests that run any of the places (file, line), the quickest first; all of them where ``imported`` ones count and importing does."""
        all_of_them = imported and not places.isdisjoint(self.imported)
        hit = [test for test, lines in self.lines.items() if all_of_them or not places.isdisjoint(lines)]
        return sorted(hit, key=lambda test: (self.seconds.get(test, 0.0), test))

    @classmethod
    def read(cls, path: Path) -> Coverage:
        """As ``measure`` wrote it."""
        stored = json.loads(path.read_text())
        lines = {test: [tuple(one) for one in seen] for test, seen in stored["lines"].items()}
        return cls(lines, stored["seconds"], [tuple(one) for one in stored["imported"]])

    def total(self, tests: list[str]) -> float:
        """Seconds that the tests take."""
        return sum(self.seconds.get(test, 0.0) for test in tests)


def find_room(root: Path, name: str) -> Room:
    """The room of that name below ``src/PACKAGE``. Raises LookupError where there is no such source, or no test of it."""
    package = next(path for path in sorted((root / "src").iterdir()) if (path / "__init__.py").exists())
    source, folder = package / name, root / "tests" / name.split("/")[0]
    sources = sorted(source.rglob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
    alone = folder.with_name(f"test_{folder.name}.py")
    tests = sorted(folder.rglob("test_*.py")) if folder.is_dir() else [alone]
    missing = [path for path in (*sources, *tests) if not path.exists()] or ([] if sources and tests else [source])
    if missing:
        raise LookupError(f"{name} is no room with tests: there is no {missing[0].relative_to(root)}.")
    kept = [path for path in sources if path.name != "__main__.py"]
    return Room(name, *(tuple(path.relative_to(root).as_posix() for path in paths) for paths in (kept, tests)))


@contextlib.contextmanager
def copy_of(root: Path, folder: Path) -> Iterator[Path]:
    """A copy of the tree below ``folder``, gone afterwards: the checkout itself is never changed."""
    copy = folder / "tree"
    shutil.copytree(root, copy, ignore=_LEFT_OUT, symlinks=True)
    # Checked by what the source says, not by its time: two changes within a second may have the same length.
    compileall.compile_dir(copy / "src", quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    try:
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


@contextlib.contextmanager
def changed(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The copy with one change, taken back afterwards."""
    path = copy / mutant.file
    source = path.read_bytes()
    path.write_bytes(mutant.applied(source))
    try:
        yield
    finally:
        path.write_bytes(source)


def preload(names: tuple[str, ...] = PRELOADED) -> None:
    """Import what takes long, once for all trials, on one thread: threads do not survive a fork."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def in_a_child(work: Callable[[], int], seconds: float, log: Path) -> int | None:
    """Exit status of ``work`` in a forked process; None where it took longer than ``seconds``. What it prints goes to ``log``."""
    child = os.fork()
    if child == 0:
        _work_and_leave(work, log)
    deadline, status = time.monotonic() + seconds, None
    try:
        while status is None and time.monotonic() < deadline:
            done, code = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if done else None
            time.sleep(0.0 if done else 0.02)
    finally:
        if status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return status


def _work_and_leave(work: Callable[[], int], log: Path) -> None:
    status = 70
    try:
        os.setsid()
        stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        status = work()
    finally:
        os._exit(status)


def run_tests(copy: Path, tests: list[str], plugin: object | None = None, seconds: float = 0.0) -> int:
    """pytest's exit status on the copy: to be called in a child, which is stopped after ``seconds`` of computing.

    Examples are the same every time, and a slow machine fails none.
    """
    import resource

    import pytest

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
    os.chdir(copy)
    os.environ.pop("CI", None)
    os.environ["PYTHONPATH"] = str(copy / "src")
    sys.path.insert(0, str(copy / "src"))
    arguments = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--rootdir", str(copy), *tests]
    return int(pytest.main(arguments, plugins=[_SameExamples(), *([plugin] if plugin else [])]))


class _SameExamples:
    """A pytest plugin: after any conftest has chosen its profile, and before a test is read."""

    def pytest_collection(self) -> None:
        with contextlib.suppress(ImportError):
            from hypothesis import settings

            settings.register_profile("mutation", derandomize=True, deadline=None)
            settings.load_profile("mutation")


class _Tracer:
    """A pytest plugin that notes which lines of a room each test runs; what a fixture runs counts for all tests of its file.

    A test that computes for more than ``longest`` seconds is skipped, and left out.
    """

    def __init__(self, copy: Path, room: Room, longest: float) -> None:
        self.longest = longest
        self.files = {str(copy / name): name for name in room.sources}
        self.seen = self.imported = set[tuple[str, int]]()
        self.tests: dict[str, set[tuple[str, int]]] = {}
        self.shared: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.seconds: dict[str, float] = {}

    def _call(self, frame: FrameType, event: str, _: object) -> Any:
        name = self.files.get(frame.f_code.co_filename)
        if name is None:
            return None
        seen = self.seen

        def line(inner: FrameType, event: str, _: object) -> Any:
            seen.add((name, inner.f_lineno))
            return line

        return line(frame, event, None)

    def _traced(self) -> Iterator[None]:
        self.seen = set()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)

    def pytest_runtest_setup(self, item: Any) -> Iterator[None]:
        yield from self._traced()
        self.shared[item.location[0]] |= self.seen

    def pytest_runtest_call(self, item: Any) -> Iterator[None]:
        start = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, self.longest)
        yield from self._traced()
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.tests[item.nodeid], self.seconds[item.nodeid] = self.seen, time.process_time() - start

    pytest_runtest_setup.hookwrapper = pytest_runtest_call.hookwrapper = True  # type: ignore[attr-defined]

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.skipped:
            self.tests.pop(report.nodeid, None)

    def write(self, path: Path) -> None:
        """All of it, as JSON."""
        lines = {test: sorted(seen | self.shared[test.split("::")[0]]) for test, seen in self.tests.items()}
        path.write_text(json.dumps({"lines": lines, "seconds": self.seconds, "imported": sorted(self.imported)}))


def _too_long(*_: object) -> None:
    import pytest

    pytest.skip("too long for a mutation run")


def measure(copy: Path, room: Room, log: Path, longest: float, out: Path) -> Coverage:
    """Run a room's fast tests once, traced, and keep that in ``out``.

    Raises RuntimeError where they fail, or import the package from elsewhere.
    """

    def work() -> int:
        signal.signal(signal.SIGPROF, _too_long)
        tracer = _Tracer(copy, room, longest)
        sys.settrace(tracer._call)  # until the first test: what importing runs
        status = run_tests(copy, list(room.tests), tracer)
        if status == 0:
            tracer.write(out)
        return status

    if in_a_child(work, 3600.0, log) != 0:
        raise RuntimeError(f"The tests of {room.name} fail before anything is changed:\n{log.read_text()[-3000:]}")
    coverage = Coverage.read(out)
    if not any(coverage.lines.values()):
        raise RuntimeError(f"The tests of {room.name} run no line of it: they import the package from somewhere else.")
    return coverage


def try_mutant(copy: Path, room: Room, mutant: Mutant, coverage: Coverage, log: Path, patience: float = 20.0) -> str:
    """What becomes of a change: "killed", "timed out", "survived", or "never run" where no test runs the line."""
    tests = coverage.tests_of(_places(copy, room, mutant), imported=not mutant.name)
    if not tests and mutant.name:  # read while modules are imported, if anywhere
        tests = sorted(coverage.lines)
    if not tests:
        return "never run"
    limit = _SLOWER * coverage.total(tests) + patience
    with changed(copy, mutant):
        status = in_a_child(partial(run_tests, copy, tests, seconds=limit), _WAITING * limit, log)
    if status in (None, -signal.SIGXCPU, -signal.SIGKILL):
        return "timed out"
    return "killed" if status else "survived"


def _places(copy: Path, room: Room, mutant: Mutant) -> set[tuple[str, int]]:
    """Lines of which a test has to run one: the change's own, or those that read the name which is assigned outside functions.

    A class's field is read by whoever has the object, a test of its own accord: there lines that name the class count as well.
    """
    if not mutant.name:
        return {(mutant.file, line) for line in range(mutant.lines[0], mutant.lines[1] + 1)}
    of_class = f"|{mutant.function.rpartition('.')[2]}" if mutant.function else ""
    word = re.compile(rf"\b(?:{mutant.name}{of_class})\b")
    return {
        (file, number)
        for file in room.sources
        for number, line in enumerate((copy / file).read_text(encoding="utf-8").splitlines(), start=1)
        if word.search(line)
    }
