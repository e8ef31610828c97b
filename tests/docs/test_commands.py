"""The commands that the workflow and CONTRIBUTING print are there: jobs of setup.sh, environments of tox, paths, marks, profiles."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import settings
from hypothesis.errors import InvalidArgument

from unmix_benchmarks import benchmark_names

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MARKS = {mark.split(":")[0] for mark in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}


def workflow() -> dict[str, object]:
    parsed = yaml.safe_load(WORKFLOW)
    assert isinstance(parsed, dict)
    return parsed


def jobs_of_setup() -> set[str]:
    text = (ROOT / "setup.sh").read_text(encoding="utf-8")
    found = re.search(r'case "\$job" in (.+?)\) shift', text)
    assert found is not None
    return {job.strip() for job in found[1].split("|")}


def environments_of_tox() -> set[str]:
    parsed = configparser.ConfigParser()
    parsed.read(ROOT / "tox.ini", encoding="utf-8")
    return {name.removeprefix("testenv:") for name in parsed.sections() if name.startswith("testenv:")}


def complaints(command: str) -> list[str]:
    """What of a command is not there."""
    words = shlex.split(command, comments=True)
    match words:
        case ["sh", "setup.sh", job, *rest]:
            return [] if job in jobs_of_setup() and not wrong_arguments(rest) else [f"setup.sh {job} {rest}"]
        case ["tox", "-e", environment, *rest]:
            known = environment in environments_of_tox() and not wrong_arguments(rest[1:])
            return [] if known else [f"tox -e {environment} {rest}"]
        case ["pytest", *rest]:
            return wrong_arguments(rest)
        case ["napari-unmix", "benchmark", name, *_]:
            return [] if name in benchmark_names() else [f"benchmark {name}"]
        case ["python", script] if (ROOT / script).is_file():
            return []
        case ["python", "-m", "pip", "install", requirement]:
            return (
                [] if requirement in PROJECT["dependency-groups"]["dev"] else [f"{requirement} is not in the group dev"]
            )
        case [".", ".venv/bin/activate"]:
            return []
    return [command]


def wrong_arguments(words: list[str]) -> list[str]:
    """Arguments of pytest that name a mark, a profile or a path that does not exist."""
    wrong = []
    for place, word in enumerate(words):
        if word.startswith("--hypothesis-profile="):
            try:
                settings.get_profile(word.partition("=")[2])
            except InvalidArgument as error:
                wrong.append(str(error))
        elif place and words[place - 1] == "-m":
            wrong += [mark for mark in word.split() if mark not in {*MARKS, "not", "and", "or"}]
        elif not word.startswith("-") and not (ROOT / word).exists():
            wrong.append(word)
    return wrong


def runs_of(job: object) -> list[str]:
    assert isinstance(job, dict)
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_covers_what_a_release_needs() -> None:
    jobs = workflow()["jobs"]
    assert isinstance(jobs, dict)
    assert set(jobs) == {"lint", "docs", "core", "lowest", "newest", "window", "nightly"}
    matrix = jobs["core"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert PROJECT["project"]["requires-python"] == f">={matrix['python'][0]}"


def test_the_workflow_runs_commands_that_exist() -> None:
    jobs = workflow()["jobs"]
    assert isinstance(jobs, dict)
    runs = [run for job in jobs.values() for run in runs_of(job)]
    assert len(runs) >= 6
    assert [complaint for run in runs for complaint in complaints(run)] == []


def test_the_workflow_names_no_host() -> None:
    assert "://" not in WORKFLOW
    assert not re.search(r"index-url|\.(?:org|com|net)\b", WORKFLOW)


def test_contributing_prints_commands_that_exist() -> None:
    blocks = re.findall(r"```\n(.*?)```", CONTRIBUTING, flags=re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.strip()]
    commands += re.findall(r"`((?:pytest|tox|sh) [^`]+)`", CONTRIBUTING)
    assert len(commands) > 10
    assert [complaint for command in commands for complaint in complaints(command)] == []


@pytest.mark.parametrize(
    "command",
    [
        "sh setup.sh tests",
        "tox -e cores",
        "tox -e core -- -m slwo",
        "pytest tests/nowhere",
        "pytest --hypothesis-profile=daily",
        "napari-unmix benchmark sped",
        "python -m pip install tocks",
        "make",
    ],
)
def test_a_command_that_does_not_exist_is_seen(command: str) -> None:
    assert complaints(command)
