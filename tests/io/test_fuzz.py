"""The fuzzer's own parts: samples that are read, mutations that repeat, and a few executions of every target."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FUZZ = Path(__file__).parents[2] / "resources" / "fuzz"
EXECUTIONS = 6


@pytest.fixture(scope="module")
def fuzz() -> Iterator[ModuleType]:
    """The script, as a module."""
    sys.path.insert(0, str(FUZZ))
    import fuzz

    yield fuzz
    sys.path.remove(str(FUZZ))


def content(folder: Path) -> list[bytes]:
    """All that is in a folder."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def test_every_target_ends_in_a_cube_or_a_sentence(fuzz: ModuleType, tmp_path: Path) -> None:
    generator = random.Random(0)
    outcomes = set()
    for name, target in fuzz.TARGETS.items():
        for sample in target.seeds(tmp_path / name):
            for _ in range(EXECUTIONS):
                changed = fuzz.mutated(sample, tmp_path / "input", generator)
                outcomes.add(fuzz.execute(target, changed, tmp_path / "finds", name))
    assert {"read", "refused"} <= outcomes <= {"read", "refused", "caught"}, [
        path.read_text() for path in (tmp_path / "finds").glob("*.txt")
    ]


def test_the_same_seed_mutates_alike_and_leaves_the_sample(fuzz: ModuleType, tmp_path: Path) -> None:
    (sample,) = fuzz.TARGETS["erdas"].seeds(tmp_path / "seeds")
    before = content(sample)
    made = [content(fuzz.mutated(sample, tmp_path / "input", random.Random(seed))) for seed in (1, 1, 2)]
    assert content(sample) == before
    assert made[0] == made[1] != made[2]


def test_what_is_found_is_kept_with_its_reason(fuzz: ModuleType, tmp_path: Path) -> None:
    def broken(path: Path) -> None:
        raise KeyError("nobody foresaw this")

    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "scene.x").write_text("x")
    target = fuzz.Target("scene.x", (), broken)
    assert fuzz.execute(target, tmp_path / "input", tmp_path / "finds", "broken") == "find"
    (said,) = (tmp_path / "finds").glob("broken-*.txt")
    assert said.read_text() == "KeyError: 'nobody foresaw this'\n"
    assert content(said.with_suffix("")) == [b"x"]
