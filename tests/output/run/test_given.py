"""A run to which endmembers were given is repeated with them; an edited one says that it can't be; locks come back."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unmix import Annotation, Cube, Given, Meaning, UnmixError, drain, read_run, unmix, write_run
from napari_unmix.cli import main
from napari_unmix.findings import Note, NoteKind
from napari_unmix.io import read_cube
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run.card import Card
from napari_unmix.output.run.recipe import as_command, as_python

SPEC = spec_class("vca-fcls")(endmembers=4, seed=3)


@pytest.fixture
def cube(small_cube: Cube, tmp_path: Path) -> Cube:
    """Of a file."""
    path = tmp_path / "field.npz"
    np.savez(path, cube=small_cube.spectra, wavelength=small_cube.wavelengths)
    return read_cube(path)


@pytest.fixture
def run(cube: Cube, tmp_path: Path) -> Path:
    """One endmember held, one begun from; a stroke has the name of the held one."""
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[3:5, 3:5] = 1
    painted = Annotation(labels, {1: Meaning("material", "rock")})
    spectra = np.array([cube.spectra[4, 4], cube.spectra[9, 7]], float)
    given = Given(spectra, np.array([True, False]), ("rock", "soil"), ("pin 1", ""))
    result = drain(unmix(cube, SPEC, painted, given))
    card = Card(colours=("#aa0000", "#00bb00", "#0000cc", "#cccc00"), locked={0: "pin 1", 2: ""})
    return write_run(tmp_path / "run", cube, result, None, annotation=painted, card=card)


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("abundances.npy", "endmembers.csv", "model.safetensors")]


def test_the_folder_knows_what_was_given_and_what_is_locked(run: Path) -> None:
    stored = read_run(run)
    given = stored.given
    assert given is not None
    assert (given.names, given.sources, given.held.tolist()) == (("rock", "soil"), ("pin 1", ""), [True, False])
    assert stored.card.locked == {0: "pin 1", 2: ""}
    values = json.loads((run / "run.json").read_text())
    values["card"]["locked"] = [[9, ""]]
    (run / "run.json").write_text(json.dumps(values))
    with pytest.raises(UnmixError, match="locks an endmember that is none of its 4"):
        read_run(run)


def test_command_script_and_python_repeat_it_to_the_bit(run: Path, tmp_path: Path) -> None:
    stored = read_run(run)
    cube, annotation = stored.repeated()
    command = as_command(cube, stored.spec, annotation, run, given=True)
    assert command.startswith(f"napari-unmix unmix {run} --out")
    assert main(["unmix", str(run), "--out", str(tmp_path / "again")]) == 0
    assert content(tmp_path / "again") == content(run)
    assert "read_run(folder).given" in (run / "again.py").read_text()
    text = as_python(cube, stored.spec, annotation, run, "it", out=str(tmp_path / "copied"), given=True)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, "copied.py", "exec"), {})
    assert content(tmp_path / "copied") == content(run)


def test_an_edited_run_is_not_repeated_and_says_so(run: Path, cube: Cube, tmp_path: Path) -> None:
    result = read_run(run).unmixing(cube)
    edited = replace(
        result, notes=(*result.notes, Note(NoteKind.EDITED, "Deleted soil: its share goes to the others."))
    )
    folder = write_run(tmp_path / "edited", cube, edited, None)
    assert not (folder / "again.py").exists()
    stored = read_run(folder)
    assert stored.edited
    with pytest.raises(UnmixError, match="edited by hand since it was trained, which no command repeats"):
        stored.repeated()
