"""The pages on adding things, followed to the letter in a copy of the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Follow = Callable[[str], Any]  # the fixture of the common conftest

MENU = """
from qtpy.QtWidgets import QApplication
application = QApplication([])
from napari_unmix.plugin.window.panels.source import SourceButton
print(*[action.text() for action in SourceButton(None).actions_by_name.values()], sep="\\n")
"""


@pytest.mark.slow
def test_a_source_of_side_information(
    follow: Follow, tmp_path: Path, cube_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = follow("adding-a-source.md")
    tests, explained, unmixed = project.commands
    assert " passed" in project.run(tests, project.root)
    assert "position, blocks, rings, superpixels" in " ".join(project.run(explained, tmp_path).split())
    assert "Written to" in project.run(unmixed.replace("scene.npz", str(cube_file)), tmp_path)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["spec"]["auxiliary"] == "position+rings"
    pytest.importorskip("qtpy")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    (tmp_path / "menu.py").write_text(MENU, encoding="utf-8")
    assert "\nRings\n" in project.run("python menu.py", tmp_path)


def test_a_page_that_has_gone_stale_is_seen(follow: Follow, tmp_path: Path) -> None:
    """Its changes must still fit the code."""
    (tmp_path / "stale.md").write_text(
        '```diff title="src/napari_unmix/auxiliary/names.py"\n NO_SUCH_LINE = (\n+x\n```\n'
    )
    with pytest.raises(AssertionError, match="not once in"):
        follow(str(tmp_path / "stale.md"))


FORM = """
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.form import form_fields
print(*[field.name for field in form_fields(spec_class("nfindr"))])
"""


@pytest.mark.slow
def test_a_method(follow: Follow, tmp_path: Path, cube_file: Path) -> None:
    project = follow("adding-a-method.md")
    copied, renamed, cleaned, tests, listed, unmixed, judged, measured = project.commands
    for command in (copied, renamed, cleaned):
        project.run(command, project.root)
    assert " passed" in project.run(tests, project.root)
    assert "nfindr" in project.run(listed, tmp_path)
    assert "Written to" in project.run(unmixed.replace("scene.npz", str(cube_file)), tmp_path)
    assert "Simulated twin" in project.run(judged.replace("scene.npz", str(cube_file)), tmp_path)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["findings"]["recipe"] == {"kind": "largest simplex", "sweeps": 3}
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    refitted = {check["name"]: check["status"] for check in report["checks"]}
    assert refitted["simulated twin"] != "not applicable"
    assert refitted["stable"] != "not applicable"
    (tmp_path / "form.py").write_text(FORM, encoding="utf-8")
    assert "sweeps" in project.run("python form.py", tmp_path).split()
    assert "| nfindr | 2 |" in project.run(measured, tmp_path)


@pytest.mark.slow
def test_a_check(follow: Follow, tmp_path: Path, cube_file: Path) -> None:
    project = follow("adding-a-check.md")
    tests, unmixed, shown = project.commands
    assert " passed" in project.run(tests, project.root)
    assert "Written to" in project.run(unmixed.replace("scene.npz", str(cube_file)), tmp_path)
    assert "Bright enough" in project.run(shown, tmp_path)
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    added = {check["name"]: (check["role"], check["status"]) for check in report["checks"]}
    assert added["bright enough"] == ("veto", "pass")
