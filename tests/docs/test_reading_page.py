"""The page on reading: every option and every rule is on it, and its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cli import main
from napari_unmix.cube import Cube
from napari_unmix.io import read_cube
from napari_unmix.reading import OPTIONS, REPAIRS

PAGE = (Path(__file__).parents[2] / "resources" / "docs" / "reading.md").read_text(encoding="utf-8")


def test_every_option_and_rule_has_its_line() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {option for row in rows for option in re.findall(r"--[a-z-]+", row.split("|")[1])}
    assert named == {option.name for option in OPTIONS}
    assert [row.split("`")[1] for row in rows if not row.startswith("| `--")] == [
        "no-data",
        "bands",
        "saturation",
        "lines",
        "spikes",
    ]
    assert set(REPAIRS) == {"no-data", "bands", "lines", "spikes", "saturation"}


def test_its_commands_run(
    small_cube: Cube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("scene.npz", cube=small_cube.spectra, wavelengths=small_cube.wavelengths)
    block = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    for line in block[1].splitlines():
        assert main(shlex.split(line)[1:]) == 0
    assert "good bands    " in capsys.readouterr().out
    assert '"bands": "2-20"' in (tmp_path / "run" / "run.json").read_text()


def test_its_lines_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.arange(6000, dtype="<u2").tofile("scene.bil")
    Path("scene.hdr").write_text(
        "ENVI\nsamples = 20\nlines = 30\nbands = 10\ndata type = 12\ninterleave = bil\nbyte order = 0\n"
    )
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    names: dict[str, object] = {"read_cube": read_cube}
    exec(block[1], names)
    assert names["spectra"].shape[1:] == (20, 10)  # type: ignore[attr-defined]
    assert names["places"].size == 600  # type: ignore[attr-defined]
