"""What the README says was printed by the command beside it, and what it names exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from napari_unmix.cli import main
from napari_unmix.output.run import OURS
from unmix_benchmarks import benchmark_names
from unmix_benchmarks.common.printed import PRINTED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BENCHMARKS = (ROOT / "resources" / "docs" / "benchmarks.md").read_text(encoding="utf-8")
TABLES = ROOT / "resources" / "benchmarks"


@pytest.fixture(scope="module")
def tables() -> Any:
    """The script that fills the pages, as a module."""
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "resources" / "gallery" / "readme_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_that_the_benchmarks_printed(tables: Any) -> None:
    assert re.findall(r"<!-- table (\w+)", README) == ["summary"]
    assert re.findall(r"<!-- table ([\w-]+)", BENCHMARKS) == [
        "accuracy",
        "calibration",
        "calibration-families",
        "trust",
        "screening",
        "noise",
        "speed-least-squares",
        "speed-reading",
        "speed-large",
        "speed-fit",
        "speed-apply",
        "speed-live",
        "stability",
        "regions",
        "sample",
        "window",
    ]
    assert tables.filled(README, TABLES) == README
    assert tables.filled(BENCHMARKS, TABLES) == BENCHMARKS


def test_the_readme_is_short_and_has_one_table() -> None:
    assert README.count("\n") <= 120
    assert README.count("|---") == 5  # the columns of one table
    assert len(re.findall(r"(?m)^\|", README)) <= 2 + 14


LOST = r"(?m)^Lost: on (.+?), (?:automatic|painted regions), the smaller mean error"


def test_the_summary_leaves_out_no_scene_that_is_lost(tables: Any) -> None:
    lost = re.findall(LOST, (TABLES / "accuracy.md").read_text(encoding="utf-8"))
    assert lost
    shown = [line.removeprefix("| ").split(" |")[0].removesuffix(" †") for line in README.splitlines()]
    assert [scene for scene in lost if tables.TITLES.get(scene, scene) not in shown] == []
    assert README.count(": **") == len(lost)  # a bold number in the column of the others


def test_the_usual_scenes_are_rows_of_the_table(tables: Any) -> None:
    accuracy = (TABLES / "accuracy.md").read_text(encoding="utf-8")
    assert {scene for scene in (*tables.USUAL, *tables.TITLES) if f"| {scene} |" not in accuracy} == set()


def test_tables_that_do_not_say_when_they_were_printed_are_named_as_old() -> None:
    shown = re.findall(r"<!-- table ([\w-]+) -->\n(.*?)<!-- end -->", BENCHMARKS, flags=re.DOTALL)
    (old,) = re.findall(r"were not printed again: (.+?\))\.\n", BENCHMARKS, flags=re.DOTALL)
    named = set(re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", old))) - {"and"}
    assert named == {name for name, table in shown if PRINTED not in table}


def printed(ours: str, theirs: str, chosen: str, scene: str = "dc1 (truth)") -> str:
    """The lines of accuracy.md of one scene: what is known of it, ours, peers, one other with strokes, one without."""
    return f"""
| {scene} | 3 | exact | sum to one | 1.00° | 0.0100 |
| {scene} | automatic | ivae | 3 | 1.00° ± 0 | {ours} ± 0 | 0.2 |  | geometry | {chosen} |
| {scene} | | *peers, measured elsewhere: EDAA 0.1* | | | | | | | |
| {scene} | automatic | sisal | 1 | 2.00° | {theirs} | 0.2 |  | geometry |  |
| {scene} | strokes, sloppy | ivae | 3 | 9.00° | 0.9 | 0.9 |  | strokes |  |"""


@pytest.mark.parametrize(
    ("ours", "chosen", "row"),
    [
        ("0.1000", "0007", "| dc1, simulated | exact | **0.1000** / 1.00° | SISAL: 0.2000 / 2.00° | EDAA 0.1 |"),
        ("0.2500", "0007", "| dc1, simulated | exact | 0.2500 / 1.00° | SISAL: **0.2000** / 2.00° | EDAA 0.1 |"),
        ("0.2000", "never", "| dc1, simulated † | exact | 0.2000 / 1.00° | SISAL: 0.2000 / 2.00° | EDAA 0.1 |"),
    ],
)
def test_the_summary_marks_the_smaller_error_and_what_was_never_looked_at(
    tables: Any, ours: str, chosen: str, row: str
) -> None:
    assert tables.summary(printed(ours, "0.2000", chosen)).splitlines()[2:] == [row]


@pytest.mark.parametrize(("ours", "rows"), [("0.2001", 1), ("0.2000", 0), ("0.1000", 0)])
def test_a_scene_that_is_not_usual_is_shown_where_it_is_lost(tables: Any, ours: str, rows: int) -> None:
    assert len(tables.summary(printed(ours, "0.2000", "never", "some scene")).splitlines()) == 2 + rows


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "resources/docs/architecture.md", "resources/docs/methods/index.md"]
)
def test_links_lead_to_files(page: str) -> None:
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!http)([^)#]+)", prose)
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_named_benchmarks_exist() -> None:
    named = set(re.findall(r"napari-unmix benchmark ([\w-]+)", README + BENCHMARKS)) - {"NAME"}
    assert named == set(benchmark_names())


def test_the_page_of_files_lists_all_that_a_run_may_hold() -> None:
    page = (ROOT / "resources" / "docs" / "files.md").read_text(encoding="utf-8")
    assert {name for name in OURS if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^napari-unmix (\w+)", README, flags=re.MULTILINE))))
def test_named_commands_explain_themselves(command: str) -> None:
    assert main([command, "--help"]) == 0


@pytest.mark.parametrize("command", ["unmix", "compare"])
def test_named_options_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(rf"(?m)^napari-unmix {command} .*(?:\n +.*)*", README)
    assert shown is not None
    options = set(re.findall(r"--[a-z-]+", shown[0]))
    assert options
    main([command, "--help"])
    assert options - set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) == set()


@pytest.mark.slow
def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    from napari_unmix.synthetic import blind_scene

    cube = blind_scene(8, materials=4, pure=True, kind="illumination", decibels=30, size=32).cube
    header = (
        f"ENVI\nsamples = 32\nlines = 32\nbands = {cube.shape[2]}\ndata type = 4\ninterleave = bip\nbyte order = 0\n"
    )
    (tmp_path / "scene.hdr").write_text(header)
    cube.spectra.astype("<f4").tofile(tmp_path / "scene.img")
    monkeypatch.chdir(tmp_path)
    example = README.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert capsys.readouterr().out.startswith(("identified", "partly", "not identified"))
    assert np.isfinite(names["result"].abundances).all()  # type: ignore[attr-defined]
