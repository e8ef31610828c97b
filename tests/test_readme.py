"""What the README says was printed by the command beside it, and what it names exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from napari_unmix.cli import main
from napari_unmix.output.run_folder import _OURS
from unmix_benchmarks import benchmark_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_are_those_that_the_benchmarks_printed() -> None:
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "resources" / "gallery" / "readme_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert README.count("<!-- table ") == 5
    assert module.filled(README, ROOT / "resources" / "benchmarks") == README


def test_links_lead_to_files() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    links = re.findall(r"\]\((?!http)([^)#]+)", prose)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_named_benchmarks_exist() -> None:
    named = set(re.findall(r"napari-unmix benchmark (\w+)", README)) - {"NAME"}
    assert named == {"accuracy", "calibration", "regions", "sample", "stability"} == set(benchmark_names())


def test_the_page_of_files_lists_all_that_a_run_may_hold() -> None:
    page = (ROOT / "resources" / "docs" / "files.md").read_text(encoding="utf-8")
    assert {name for name in _OURS if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^napari-unmix (\w+)", README, flags=re.MULTILINE))))
def test_named_commands_explain_themselves(command: str) -> None:
    assert main([command, "--help"]) == 0


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
