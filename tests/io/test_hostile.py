"""A part of the hostile files: each ends in an answer or in one sentence, in time and in memory. All of them: resources/hostile/run.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "resources" / "hostile" / "run.py"
EVERY = 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits of memory are Linux's")
@pytest.mark.slow
def test_hostile_files_end_in_an_answer_or_in_one_sentence() -> None:
    command = [sys.executable, str(SCRIPT), "--every", str(EVERY)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 60
