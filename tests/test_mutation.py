"""The mutation run itself: tests that check everything kill every change, tests that assert nothing kill none."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "resources" / "mutation" / "mutate.py"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutation run forks")

RULE = '''"""Verdicts."""

LIMIT = 3


def share(amount: int, total: int) -> float:
    return amount / (total + 1e-12)


def verdict(amount: int) -> str:
    """What "-1 < 3" says in a docstring is left alone."""
    if amount > LIMIT:
        return f"many: {amount + 1}"
    return "few"


def largest(values: list[int]) -> int:
    return max(values)


def note(into: list[str]) -> None:
    into.append("noted")

'''
CHANGES = {
    ("LIMIT = 3", "LIMIT = 4"), ("LIMIT = 3", "LIMIT = 2"),
    ("return amount / (total + 1e-12)", "return amount * (total + 1e-12)"),
    ("if amount > LIMIT:", "if amount >= LIMIT:"), ("if amount > LIMIT:", "if amount <= LIMIT:"),
    ("return max(values)", "return min(values)"),
    ('into.append("noted")', "pass"),
}  # fmt: skip
EVERYTHING = """
from toy.room.rule import largest, note, share, verdict

def test_everything():
    assert [verdict(3), verdict(4)] == ["few", "many: 5"]
    assert round(share(1, 2), 6) == 0.5
    assert largest([1, 3, 2]) == 3
    noted = []
    note(noted)
    assert noted == ["noted"]
"""
NOTHING = """
from toy.room.rule import largest, note, share, verdict

def test_nothing():
    verdict(3), share(1, 2), note([])
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package of one room, with a test that checks everything."""
    for name, text in {
        "src/toy/__init__.py": "",
        "src/toy/room/__init__.py": "",
        "src/toy/room/rule.py": RULE,
        "tests/room/test_rule.py": EVERYTHING,
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["slow: slow"]\n',
    }.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tree"


def run(tree: Path, *more: str) -> tuple[int, list[dict[str, str]], str]:
    """Exit status, the table's rows, what was printed."""
    out = tree.parent / "table"
    command = [sys.executable, SCRIPT, "--root", tree, "--room", "room", "--mutants", "100", "--preload", "pytest"]
    command += ["--survivors", tree.parent / "survivors.toml", "--out", out, "--patience", "10", *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)
    table = out.with_suffix(".csv").read_text().splitlines() if out.with_suffix(".csv").exists() else []
    return done.returncode, list(csv.DictReader(table)), done.stdout + done.stderr


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "build" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_tests_that_check_everything_kill_every_change_and_the_checkout_stays(tree: Path) -> None:
    before = hashes(tree)
    status, rows, printed = run(tree)
    assert {(row["before"], row["after"]) for row in rows} == CHANGES
    assert {row["state"] for row in rows} == {"killed"}, printed
    assert status == 0
    assert hashes(tree) == before


@pytest.mark.slow
def test_tests_that_assert_nothing_kill_nothing_and_say_what_never_ran(tree: Path) -> None:
    (tree / "tests/room/test_rule.py").write_text(NOTHING)
    status, rows, printed = run(tree)
    assert status == 1
    assert {row["state"] for row in rows} == {"survived", "never run"}
    assert {row["function"] for row in rows if row["state"] == "never run"} == {"largest"}
    assert f"room: killed 0 of {len(CHANGES)} (0 %, 0 by the time limit), 0 survivors accepted" in printed


@pytest.mark.slow
def test_a_loop_without_an_end_is_stopped(tree: Path) -> None:
    (tree / "src/toy/room/rule.py").write_text(
        "def eaten(text):\n    while text:\n        text = text[1:]\n    return text\n"
    )
    (tree / "tests/room/test_rule.py").write_text(
        "from toy.room.rule import eaten\n\ndef test_eaten():\n    assert eaten('abc') == ''\n"
    )
    _, rows, _ = run(tree, "--patience", "2")
    assert {row["after"]: row["state"] for row in rows} == {
        "while not (text):": "killed",
        "text = text[2:]": "survived",
        "text = text[0:]": "timed out",
    }


def test_a_field_is_read_by_the_tests_that_have_the_object(tree: Path) -> None:
    """Another test runs the one line of the room that reads it, and would not notice."""
    (tree / "src/toy/room/rule.py").write_text(
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Kept:\n    enough: bool = False\n\n    @property\n    def said(self):\n"
        "        return str(self.enough)\n\n\ndef made():\n    return Kept()\n"
    )
    (tree / "tests/room/test_rule.py").write_text(
        "from toy.room.rule import Kept, made\n\ndef test_made():\n    assert not made().enough\n\n"
        "def test_said():\n    assert Kept(False).said\n"
    )
    _, rows, printed = run(tree)
    assert {row["after"]: row["state"] for row in rows}["enough: bool = True"] == "killed", printed


def test_a_listed_survivor_needs_its_reason_and_no_more(tree: Path) -> None:
    (tree / "tests/room/test_rule.py").write_text(NOTHING)
    listed = [*CHANGES, ("if amount < LIMIT:", "*")]
    entry = '[[survivor]]\nfile = "src/toy/room/rule.py"\nbefore = {!r}\nafter = {!r}\nreason = "made up"\n'
    (tree.parent / "survivors.toml").write_text("\n".join(entry.format(*change) for change in listed))
    status, rows, printed = run(tree, "--mutants", "2")
    assert (status, {row["why it may survive"] for row in rows}) == (0, {"made up"})
    assert "no longer there: src/toy/room/rule.py  if amount < LIMIT:  ->  *" in printed
    assert printed.count("no longer there") == 1


@pytest.mark.slow
def test_the_same_seed_draws_the_same_and_what_is_known_is_not_run_again(tree: Path) -> None:
    _, first, _ = run(tree, "--mutants", "4", "--seed", "1")
    states = tree / "build" / "mutation" / "states.jsonl"
    known = states.read_text()
    assert [run(tree, "--mutants", "4", "--seed", "1", "--resume")[1], states.read_text()] == [first, known]
    assert len({row["function"] for row in first}) == 4
    (tree / "tests/room/test_rule.py").write_text(NOTHING)
    assert {row["state"] for row in run(tree, "--mutants", "4", "--seed", "1", "--resume")[1]} != {"killed"}


def test_tests_that_fail_beforehand_and_rooms_that_do_not_exist_are_refused(tree: Path) -> None:
    (tree / "tests/room/test_rule.py").write_text(EVERYTHING.replace("0.5", "0.4"))
    assert "The tests of room fail before anything is changed" in run(tree)[2]
    assert "kitchen is no room with tests" in run(tree, "--room", "kitchen")[2]


def test_lines_whose_change_may_survive_are_lines_of_the_code() -> None:
    """A reason for a line that is no more excuses nothing, and hides that the new line was never tried."""
    root = SCRIPT.parents[2]
    accepted = tomllib.loads(SCRIPT.with_name("survivors.toml").read_text(encoding="utf-8"))["survivor"]
    gone = [
        f"{one['file']}: {one['before']}"
        for one in accepted
        if not (path := root / one["file"]).exists() or one["before"] not in path.read_text(encoding="utf-8")
    ]
    assert accepted
    assert gone == []
