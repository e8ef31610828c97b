"""Writes that are killed before each of their file operations, one after the other; the next command finds old or new and leaves nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[2] / "resources" / "kills"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(sys, "addaudithook") or sys.platform == "win32", reason="forks"),
]


@pytest.mark.parametrize(("write", "more"), [("a run over a run", ["--two-steps"]), ("ENVI files over ENVI files", [])])
def test_a_kill_at_any_file_operation_loses_nothing_and_leaves_nothing(write: str, more: list[str]) -> None:
    words = ["--kills", "0", "--layer", "files", "--table", "-", *more, "--writes", write]
    done = subprocess.run(
        [sys.executable, str(KILLS / "kills.py"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills, old, new, left, bad = map(int, re.findall(r"\*\*(\d+)\*\*", done.stdout.splitlines()[-2]))
    assert (kills, bad) == (old + new, 0)
    assert min(old, new, left) > 5  # it was killed on both sides of the change, and there was something to clean up


def test_the_table_is_of_a_thousand_kills_and_none_was_bad() -> None:
    text = (KILLS / "table.md").read_text(encoding="utf-8")
    kills, old, new, _, bad = map(int, re.findall(r"\*\*(\d+)\*\*", text))
    assert kills >= 1000
    assert (old + new, bad) == (kills, 0)
    chosen = [int(row.split("|")[3]) for row in text.splitlines() if "| system call |" in row]
    assert sum(chosen) >= 200
