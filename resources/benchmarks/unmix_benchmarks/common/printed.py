"""The line below every table: when it was printed, by which version and which commits."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from napari_unmix import __version__

PRINTED = "Printed on"


@cache
def commit() -> str:
    """The commit of this checkout, with a + where the program or its benchmarks differ from it; "none" outside of a checkout."""
    short = _git("rev-parse", "--short=7", "HEAD")
    if not short:
        return "none"
    return f"{short}+" if _git("status", "--porcelain", "--", "src", "resources/benchmarks/unmix_benchmarks") else short


def printed_by(commits: Sequence[str] = ()) -> str:
    """ "Printed on 2026-12-01 by napari-unmix 0.1.0, commit d08930a.": ``commits`` where rows are kept of others than this one."""
    named = list(dict.fromkeys(commits)) or [commit()]
    rows = f"commit {named[0]}" if len(named) == 1 else f"rows of the commits {', '.join(named)}"
    return f"{PRINTED} {datetime.now(UTC):%Y-%m-%d} by napari-unmix {__version__}, {rows}."


def _git(*arguments: str) -> str:
    """What git says of this checkout; "" where it can't, or where this is none."""
    root = Path(__file__).parents[4]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
