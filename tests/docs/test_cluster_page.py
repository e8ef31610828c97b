"""The page on many cubes: its example for SLURM is Python, and dask-jobqueue makes a script of it where it is installed."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

PAGE = (Path(__file__).parents[2] / "resources" / "docs" / "cluster.md").read_text(encoding="utf-8")


def example() -> str:
    (found,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_example_for_slurm_is_python() -> None:
    compile(example(), "cluster.md", "exec")


def test_dask_jobqueue_makes_a_script_of_it() -> None:
    pytest.importorskip("dask_jobqueue")
    before_jobs = example().split("cluster.scale")[0]  # these are handed to SLURM
    made = ModuleType("example")
    exec(before_jobs, vars(made))
    try:
        script = made.cluster.job_script()
    finally:
        made.cluster.close()
    assert "export OMP_NUM_THREADS=1" in script
    assert "#SBATCH --mem=4G" in script
