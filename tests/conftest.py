"""What the tests share: a small cube with known truth, and saying loudly what is left out."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from napari_unmix.cube import Cube

# Wall time per example says nothing on a busy machine: no profile has a deadline. Examples are drawn anew every time, but where CI is set:
# there they are the same, so that a failure comes from the change. `tox -e nightly` draws anew, and more of them (--hypothesis-profile).
settings.register_profile("anew", deadline=None)
settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("same examples" if os.environ.get("CI") else "anew")

WINDOW = all(importlib.util.find_spec(name) for name in ("napari", "pytestqt"))
collect_ignore_glob = [] if WINDOW else ["plugin/*"]
_LEFT_OUT = "napari or pytest-qt is not installed: THE WINDOW'S TESTS ARE LEFT OUT (the gui extra brings them)"


def pytest_report_header() -> list[str]:
    """Say what this run covers, before it."""
    data = os.environ.get("NAPARI_UNMIX_DATA") or "not set, so tests on real scenes are skipped"
    return [f"NAPARI_UNMIX_DATA: {data}", *([] if WINDOW else [_LEFT_OUT])]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it again at the end, where it is read."""
    if not WINDOW:
        terminalreporter.write_line(_LEFT_OUT, yellow=True, bold=True)


KEPT_IN = ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the window keeps by itself goes to folders of the tests' own: nothing that a run before left is found."""
    with pytest.MonkeyPatch.context() as patch:
        for kept in KEPT_IN:
            patch.setenv(kept, str(tmp_path_factory.mktemp("kept")))
        yield


ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Followed:
    """A copy of the project in which the steps of a page were taken."""

    root: Path
    commands: tuple[str, ...]

    def run(self, command: str, folder: Path) -> str:
        """What a command of the page, or Python code, prints in this copy; an AssertionError with its words where it fails."""
        words = shlex.split(command)
        program = {"napari-unmix": ["-m", "napari_unmix"], "pytest": ["-m", "pytest"], "python": []}.get(words[0])
        if program is None:  # cp, sed, rm
            subprocess.run(words, cwd=folder, check=True)
            return ""
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src"), "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, *program, *words[1:]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def follow(tmp_path: Path) -> Callable[[str], Followed]:
    """Take the steps of a page of resources/docs, literally, in a copy: blocks with a title make or change that file, ``sh`` are commands."""

    def steps(page: str) -> Followed:
        root = tmp_path / "copy"
        ignored = shutil.ignore_patterns("__pycache__")
        for folder in ("src", "tests", "resources/docs", "resources/benchmarks"):
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", root)
        commands: list[str] = []
        for language, title, text in _BLOCK.findall((ROOT / "resources" / "docs" / page).read_text(encoding="utf-8")):
            if title:
                _take(root / title, language, text)
            elif language == "sh":
                commands += text.splitlines()
        return Followed(root, tuple(commands))

    return steps


def _take(file: Path, language: str, text: str) -> None:
    """Make a file, or change one by a diff without line numbers, whose old lines stand in it exactly once."""
    if language != "diff":
        assert not file.exists(), f"{file} exists already"
        file.write_text(text, encoding="utf-8")
        return
    lines = text.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] != other) for other in "+-")
    before = file.read_text(encoding="utf-8")
    assert before.count(old) == 1, f"not once in {file}:\n{old}"
    file.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def small_cube() -> Cube:
    """16 × 12 × 24, three endmembers with pure pixels, little noise; two excluded bands and one invalid pixel."""
    generator = np.random.default_rng(3)
    wavelengths = np.linspace(450.0, 910.0, 24)
    centres = np.array([500.0, 680.0, 860.0])
    endmembers = 0.1 + 0.6 * np.exp(-(((wavelengths - centres[:, None]) / 90.0) ** 2))  # (3, 24)
    abundances = generator.dirichlet(np.full(3, 0.6), size=(16, 12))
    abundances[0, 1:4] = np.eye(3)
    spectra = abundances @ endmembers + generator.normal(0, 0.002, (16, 12, 24))
    good = np.ones(24, bool)
    good[[10, 11]] = False
    valid = np.ones((16, 12), bool)
    valid[5, 5] = False
    return Cube(spectra, wavelengths, good_bands=good, valid_pixels=valid, name="small")


@pytest.fixture
def cube_file(small_cube: Cube, tmp_path: Path) -> Path:
    """The small cube as a file."""
    path = tmp_path / "small.npz"
    np.savez(path, cube=small_cube.spectra, wavelength=small_cube.wavelengths)
    return path


@pytest.fixture
def annotation_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a painting of the small cube: label -> slice of rows."""

    def write(**rows: slice) -> Path:
        labels = np.zeros((16, 12), np.uint8)
        for name, place in rows.items():
            labels[place] = int(name.removeprefix("label"))
        path = tmp_path / "painting.npy"
        np.save(path, labels)
        return path

    return write
