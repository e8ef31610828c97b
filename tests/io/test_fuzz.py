"""The fuzzer's own parts: samples that are read, mutations that repeat, and a few executions of every target."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from napari_unmix.io import apart

FUZZ = Path(__file__).parents[2] / "resources" / "fuzz"
FINDS = Path(__file__).parent / "finds"
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


def ends(fuzz: ModuleType, names: list[str], tmp_path: Path) -> set[str]:
    """What comes of a few executions of some targets."""
    generator, place, outcomes = random.Random(0), fuzz.Workplace(tmp_path / "input"), set()
    for name in names:
        target = fuzz.TARGETS[name]
        for sample in target.seeds(tmp_path / name):
            for number in range(EXECUTIONS):
                changed = place.mutated(sample, generator)
                outcomes.add(fuzz.execute(target, changed, tmp_path / "finds", name, thorough=number == 0))
    return outcomes


def test_every_target_ends_in_a_cube_or_a_sentence(fuzz: ModuleType, tmp_path: Path) -> None:
    names = [name for name in fuzz.TARGETS if name != "run"]  # whose sample is a fit, which takes its time
    outcomes = ends(fuzz, names, tmp_path)
    said = [path.read_text() for path in (tmp_path / "finds").glob("*.txt")]
    assert {"read", "refused"} <= outcomes <= {"read", "refused", "caught"}, said


@pytest.mark.slow
def test_a_run_ends_in_a_run_or_a_sentence(fuzz: ModuleType, tmp_path: Path) -> None:
    outcomes = ends(fuzz, ["run"], tmp_path)
    assert outcomes <= {"read", "refused", "caught"}, [path.read_text() for path in (tmp_path / "finds").glob("*.txt")]


def test_the_same_seed_mutates_alike_and_leaves_the_sample(fuzz: ModuleType, tmp_path: Path) -> None:
    (sample,) = fuzz.TARGETS["erdas"].seeds(tmp_path / "seeds")
    before, place = content(sample), fuzz.Workplace(tmp_path / "input")
    made = [content(place.mutated(sample, random.Random(seed))) for seed in (1, 1, 2)]
    assert content(sample) == before
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("place", sorted(FINDS.iterdir()), ids=lambda place: place.name)
def test_what_was_found_is_mended(
    fuzz: ModuleType, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SECONDS", 1)  # a header that never ends is known to by then
    monkeypatch.setattr(apart, "_room", apart._Room())
    name = place.name.rpartition("-")[0]
    outcome = fuzz.execute(fuzz.TARGETS[name], place, tmp_path / "finds", name)
    apart._room.closed()
    assert outcome in ("read", "refused", "caught"), [path.read_text() for path in (tmp_path / "finds").glob("*.txt")]


def test_the_table_adds_up(fuzz: ModuleType, tmp_path: Path) -> None:
    for _ in range(2):
        fuzz.add_to_table(tmp_path / "table.md", {"npy": fuzz.Count(1, 2000, 1, 0), "tiff": fuzz.Count(0, 5, 0, 1)})
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[-3:] == [
        "| npy | 4,002 | 2 | 4,000 | 2 | 0 |",
        "| tiff | 10 | 0 | 10 | 0 | 2 |",
        "| **all** | 4,012 | 2 | 4,010 | 2 | 2 |",
    ]


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
