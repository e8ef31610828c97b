"""A run is repeated from its folder alone: by its cube, its bands and pixels, its painting; as a command and in Python, to the same bits."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cli import main
from napari_unmix.cube import Annotation, Cube, Meaning, Reading
from napari_unmix.io import read_as, read_cube
from napari_unmix.joining import join_cubes
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import Card, read_origin, read_run, rewrite_card, write_run
from napari_unmix.output.run.recipe import as_command, as_python
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

SPEC = spec_class("vae").model_validate({"endmembers": 3, "epochs": 3, "batch": 32, "seed": 4})
ARRAYS = ("abundances.npy", "abundance_std.npy", "model.safetensors", "side_information.npy", "valid_pixels.npy")


@pytest.fixture
def scene(small_cube: Cube, tmp_path: Path) -> Path:
    """A file with a name that a shell has to be told, with a pixel of no data."""
    spectra = small_cube.spectra.copy()
    spectra[5, 5] = -1
    path = tmp_path / "it's a scene" / "field 1.npz"
    path.parent.mkdir()
    np.savez(path, cube=spectra, wavelength=small_cube.wavelengths)
    return path


def painting() -> Annotation:
    labels = np.zeros((16, 12), np.int32)
    labels[:3], labels[4:7], labels[9, :4], labels[15, :2] = 1, 2, 3, 4
    meanings = {2: Meaning("region", "shore"), 3: Meaning("material", "dry 'grass' = 2"), 4: Meaning("ignore")}
    return Annotation(labels, meanings)


def trained(cube: Cube, annotation: Annotation | None, folder: Path, spec: object = SPEC) -> tuple[Unmixing, Path]:
    result = drain(unmix(cube, spec, annotation))
    card = Card("the first", datetime(2026, 11, 30, 20, 41))
    return result, write_run(folder, cube, result, None, annotation=annotation, card=card)


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ARRAYS if (folder / name).exists()]


@pytest.fixture
def run(scene: Path, tmp_path: Path) -> Path:
    """Of a file that was read with no data and bands of the user's, with regions, a material and what is ignored."""
    cube = read_as(scene, Reading(no_data=-1.0, bands="1-9,13-24"))
    spec = spec_class("ivae").model_validate({"endmembers": 3, "epochs": 2, "seed": 4, "illumination": True})
    return trained(cube, painting(), tmp_path / "my runs" / "run", spec)[1]


def test_the_folder_holds_the_painting_the_bands_the_pixels_and_what_the_user_says(
    small_cube: Cube, tmp_path: Path
) -> None:
    result = drain(unmix(small_cube, SPEC, painting()))
    card = Card(
        "of the shore", datetime(2026, 11, 30, 20, 41), ("#aa0000", "#00bb00", "#0000cc"), frozenset({1}), ((3, 4), (0, 1)),
        pin_names={(0, 1): "shore, wet"},
    )  # fmt: skip
    stored = read_run(write_run(tmp_path / "run", small_cube, result, None, annotation=painting(), card=card))
    assert stored.annotation is not None
    np.testing.assert_array_equal(stored.annotation.labels, painting().labels)
    assert stored.annotation.meanings == {1: Meaning(), **painting().meanings}
    np.testing.assert_array_equal(stored.origin.good_bands, small_cube.good_bands)
    np.testing.assert_array_equal(stored.origin.valid_pixels, small_cube.valid_pixels)
    assert (stored.card, stored.report, stored.lacks) == (card, None, "")


def test_a_run_is_repeated_from_its_folder_to_the_bit(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unmix", str(run), "--out", str(tmp_path / "again")]) == 0
    assert content(tmp_path / "again") == content(run)
    assert (tmp_path / "again" / "annotation.npy").read_bytes() == (run / "annotation.npy").read_bytes()
    again = read_run(tmp_path / "again")
    assert again.report is not None
    assert again.annotation is not None
    assert again.annotation.meanings == read_run(run).annotation.meanings  # type: ignore[union-attr]
    assert main(["unmix", str(run), "--seed", "5"]) == 2
    assert "run is repeated as it was: leave --seed out" in capsys.readouterr().err.replace(str(run.parent) + "/", "")


def test_the_copied_command_gives_the_same_bits(run: Path, tmp_path: Path) -> None:
    stored = read_run(run)
    cube, annotation = stored.repeated()
    command = as_command(cube, stored.spec, annotation, run, out="copied run")
    words = shlex.split(command)
    assert words[:2] == ["napari-unmix", "unmix"]
    assert "--seed=4" in words
    line = f"{shlex.quote(sys.executable)} -m napari_unmix {command.removeprefix('napari-unmix ')}"
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "copied run") == content(run)


def test_the_copied_python_gives_the_same_bits(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = read_run(run)
    cube, annotation = stored.repeated()
    text = as_python(cube, stored.spec, annotation, run, "the first", out="copied")
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, "copied.py", "exec"), {})
    assert content(tmp_path / "copied") == content(run)


def test_the_script_in_the_folder_gives_the_same_bits(run: Path) -> None:
    done = subprocess.run([sys.executable, str(run / "again.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run.with_name("run-again"))
    assert content(run.with_name("run-again")) == content(run)


def test_bands_that_were_left_out_after_reading_are_left_out_again(scene: Path, tmp_path: Path) -> None:
    from napari_unmix.plugin.verbs.engine import Engine

    good = np.ones(24, bool)
    good[[3, 4, 20]] = False
    cube = drain(Engine().rebanded(read_cube(scene, no_data=-1), good))
    _, folder = trained(cube, None, tmp_path / "run")
    again, annotation = read_run(folder).repeated()
    assert annotation is None
    assert (again.good_bands.tolist(), again.valid_pixels.tolist()) == (good.tolist(), cube.valid_pixels.tolist())
    assert again.spectra.tobytes() == cube.spectra.tobytes()
    assert main(["unmix", str(folder), "--out", str(tmp_path / "again")]) == 0
    assert content(tmp_path / "again") == content(folder)


def test_joined_cubes_are_joined_again(scene: Path, tmp_path: Path) -> None:
    other = scene.with_name("field 2.npz")
    shutil.copy(scene, other)
    cube = join_cubes([read_cube(scene, no_data=-1), read_cube(other, no_data=-1)])
    _, folder = trained(cube, None, tmp_path / "run")
    again, _ = read_run(folder).repeated()
    assert again.spectra.tobytes() == cube.spectra.tobytes()
    assert again.acquisitions is not None
    assert as_command(cube, SPEC, None, folder) == f"napari-unmix unmix {folder} --out run-again"
    assert "run.repeated()" in as_python(cube, SPEC, None, folder, "run")


def test_a_cube_of_no_file_is_asked_for_and_the_sample_is_made_anew(small_cube: Cube, tmp_path: Path) -> None:
    _, folder = trained(small_cube, None, tmp_path / "run")
    with pytest.raises(UnmixError, match="small, the cube of the run run, was not read from a file: open it as before"):
        read_run(folder).repeated()
    text = as_python(small_cube, SPEC, None, folder, "run")
    assert "was not read from a file: put its values, (16, 12, 24), in the place of the dots" in text
    compile(text, "text", "exec")
    np.savez(tmp_path / "saved.npz", cube=small_cube.spectra, wavelength=small_cube.wavelengths)
    again, _ = read_run(folder).repeated([tmp_path / "saved.npz"])
    np.testing.assert_array_equal(again.valid_pixels, small_cube.valid_pixels)
    np.testing.assert_array_equal(again.good_bands, small_cube.good_bands)


def test_the_sample_needs_no_file(tmp_path: Path) -> None:
    from napari_unmix.synthetic import sample_scene

    scene = sample_scene()
    spec = spec_class("vca-fcls").model_validate({"endmembers": 3})
    _, folder = trained(scene.cube, scene.annotation, tmp_path / "run", spec)
    cube, annotation = read_run(folder).repeated()
    assert cube.spectra.tobytes() == scene.cube.spectra.tobytes()
    assert annotation is not None


def test_a_file_that_is_gone_or_changed_is_a_sentence_and_one_beside_the_run_is_found(run: Path, scene: Path) -> None:
    moved = run.parent / scene.name
    scene.rename(moved)
    assert read_run(run).repeated()[0].source == moved
    moved.rename(scene.with_name("elsewhere.npz"))
    with pytest.raises(
        UnmixError, match=r"field 1\.npz, the cube of the run run, is not there any more: bring it back, "
    ):
        read_run(run).repeated()
    cube, _ = read_run(run).repeated([scene.with_name("elsewhere.npz")])
    np.savez(scene, cube=2 * cube.spectra, wavelength=cube.wavelengths)
    with pytest.raises(UnmixError, match=r"not the cube of the run run any more, .* \(its values are others\): bring"):
        read_run(run).repeated()
    np.savez(scene, cube=cube.spectra[:9], wavelength=cube.wavelengths)
    with pytest.raises(UnmixError, match=r"\(it is 9×12×24 now\)"):
        read_run(run).repeated()
    with pytest.raises(UnmixError, match="is of 1 file, 2 are given"):
        read_run(run).repeated([scene, scene])


def test_only_which_cube_it_is_of_is_read_without_the_maps(run: Path) -> None:
    (run / "abundances.npy").unlink()
    origin = read_origin(run)
    assert origin.cube().shape == (16, 12, 24)
    assert int(origin.good_bands.sum()) == 21


def test_names_and_colours_are_written_anew_and_the_maps_stay(run: Path) -> None:
    stored = read_run(run)
    cube, _ = stored.repeated()
    before = {name: (run / name).stat().st_ino for name in ("abundances.npy", "model.safetensors", "annotation.npy")}
    named = replace(stored.unmixing(cube), names=("water", "tree", "rock"))
    colours = ("#000000", "#111111", "#222222")
    rewrite_card(run, cube, named, None, Card("renamed", stored.card.ended, colours, frozenset({2}), ((0, 0),)))
    again = read_run(run)
    assert (again.names, again.card.title, again.card.colours) == (("water", "tree", "rock"), "renamed", colours)
    assert again.card.ended == stored.card.ended
    assert {name: (run / name).stat().st_ino for name in before} == before
    assert (run / "endmembers.csv").read_text().startswith("wavelength_nm,water,tree,rock")
    with pytest.raises(UnmixError, match="holds another run"):
        rewrite_card(run, cube, replace(named, names=("one",)), None, Card())


# --- folders of the version before


def as_version_2(folder: Path) -> None:
    """What that version wrote."""
    for name in ("annotation.npy", "valid_pixels.npy", "again.py"):
        (folder / name).unlink(missing_ok=True)
    meta = json.loads((folder / "run.json").read_text())
    meta["format"] = "napari-unmix run 2"
    del meta["card"], meta["timings"]["ended"], meta["cube"]["excluded_bands"], meta["cube"]["parts"]
    (folder / "run.json").write_text(json.dumps(meta))


def test_a_run_of_the_version_before_opens_and_says_what_it_lacks(run: Path) -> None:
    before = read_run(run)
    as_version_2(run)
    stored = read_run(run)
    assert (stored.annotation, stored.origin.valid_pixels, stored.card.title, stored.card.ended) == (
        None,
        None,
        "",
        None,
    )
    np.testing.assert_array_equal(stored.origin.good_bands, before.origin.good_bands)
    np.testing.assert_array_equal(stored.abundances, before.abundances)
    assert stored.lacks.startswith("It was written by napari-unmix 0.1.0 without its painting, its mask of pixels")
    assert stored.origin.cube().shape == (16, 12, 24)
    np.testing.assert_array_equal(read_origin(run).good_bands, before.origin.good_bands)
    with pytest.raises(UnmixError, match=r"can't be repeated from its folder\. It was written by napari-unmix 0\.1\.0"):
        stored.repeated()
    cube = stored.origin.cube()
    with pytest.raises(UnmixError, match="one of an older version: write it anew"):
        rewrite_card(run, cube, stored.unmixing(cube), None, Card())
