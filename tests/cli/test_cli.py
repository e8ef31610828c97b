"""The command line: what it prints, what it writes, and one sentence for whatever it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cli import COMMANDS, main
from napari_unmix.cli.benchmark_command import from_checkout
from napari_unmix.cli.loading import parse_meanings
from napari_unmix.cli.parsing import explain_validation
from napari_unmix.cli.window import why_no_window
from napari_unmix.cube import Cube, Meaning
from napari_unmix.methods.registry import method_specs
from napari_unmix.output.run import read_run
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import GROUPS, HEADINGS

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys: Capture, *argv: object) -> str:
    """The sentence of a refusal: exit 2, nothing on stdout, one line on stderr, no traceback."""
    before = sorted(Path.cwd().rglob("*"))
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line]
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("napari-unmix: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in err
    assert sorted(Path.cwd().rglob("*")) == before
    return lines[0]


def unmixed(capsys: Capture, *argv: object) -> dict[str, Any]:
    """The JSON of a run that succeeded; stdout held nothing else."""
    assert main(["unmix", *map(str, argv), "--json"]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


# --- unmix


def test_unmix_writes_a_run_and_prints_one_json_object(capsys: Capture, cube_file: Path) -> None:
    values = unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--out", "run")
    assert values["decided"].startswith("Decided by geometry: ")
    assert values["decided"] == values["notes"][0]
    run = read_run("run")
    assert values["endmembers"] == len(run.names) == len(values["names"]) == 3
    assert values["out"] == str(Path("run").resolve())
    assert values["seconds"] == run.meta["timings"]["unmix_seconds"] > 0
    assert values["reconstruction_rmse"] == pytest.approx(run.meta["metrics"]["reconstruction_rmse"])
    assert values["verdict"] == run.report.verdict
    assert values["summary"] == run.report.summary
    assert values["where_to_paint"] == []  # this method reads no paint
    assert run.abundances.dtype == np.float32
    np.testing.assert_allclose(np.nansum(run.abundances, axis=2), 1, atol=1e-5)
    assert run.spec.seed == 0


def test_unmix_prints_for_people_and_counts_folders(capsys: Capture, cube_file: Path) -> None:
    for number in (1, 2):
        assert main(["unmix", str(cube_file), "--method", "vca-fcls", "--endmembers", "3"]) == 0
        out, err = capsys.readouterr()
        assert out.splitlines()[-1] == f"Written to {Path(f'small-vca-fcls-{number}').resolve()}"
        assert "3 endmembers" in out
        assert "Verdict: " in out
        assert "finding endmembers" in err
    assert {path.name for path in Path.cwd().iterdir() if path.is_dir()} == {"small-vca-fcls-1", "small-vca-fcls-2"}


def test_number_of_endmembers_is_suggested_without_being_asked(capsys: Capture, cube_file: Path) -> None:
    assert unmixed(capsys, cube_file, "--method", "vca-fcls")["endmembers"] == 3
    assert unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", "auto")["endmembers"] == 3


def test_same_seed_same_answer(capsys: Capture, cube_file: Path) -> None:
    for name, seed in (("a", 4), ("b", 4)):
        unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--seed", seed, "--out", name)
    np.testing.assert_array_equal(read_run("a").abundances, read_run("b").abundances)
    assert read_run("a").meta["seed"] == 4


def test_free_illumination_writes_it_and_endmembers_of_maximum_one(capsys: Capture, cube_file: Path) -> None:
    unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--illumination", "--out", "run")
    run = read_run("run")
    assert run.illumination is not None
    np.testing.assert_allclose(np.nanmax(run.endmembers, axis=1), 1, rtol=1e-6)


def test_an_existing_run_needs_overwrite(capsys: Capture, cube_file: Path) -> None:
    command = [cube_file, "--method", "vca-fcls", "--endmembers", 3, "--out", "run"]
    unmixed(capsys, *command)
    said = refused(capsys, "unmix", *command, "--seed", 1)
    assert "already holds a run: choose another folder with --out, or replace it with --overwrite." in said
    assert read_run("run").spec.seed == 0
    unmixed(capsys, *command, "--seed", 1, "--overwrite")
    assert read_run("run").spec.seed == 1


def test_overwrite_never_takes_a_folder_of_other_files(capsys: Capture, cube_file: Path) -> None:
    Path("thesis").mkdir()
    Path("thesis/notes.txt").write_text("mine")
    sentence = refused(capsys, "unmix", cube_file, "--out", "thesis", "--overwrite")
    assert "holds notes.txt, so it is not only a run" in sentence


def test_methods_without_paint_say_that_they_ignore_it(
    capsys: Capture, cube_file: Path, annotation_file: Callable[..., Path]
) -> None:
    painting = annotation_file(label1=slice(0, 4), label2=slice(6, 9))
    values = unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--annotation", painting)
    assert any("does not use painting" in note for note in values["notes"])


@pytest.mark.slow
def test_material_strokes_are_anchors_and_give_their_names(
    capsys: Capture, cube_file: Path, annotation_file: Callable[..., Path]
) -> None:
    painting = annotation_file(label1=slice(0, 4), label7=slice(6, 9))
    command = [cube_file, "--endmembers", 3, "--epochs", 1, "--annotation", painting, "--out", "run"]
    values = unmixed(capsys, *command, "--material", "7=rock")
    assert values["names"][0] == "rock"
    labels = read_run("run").meta["annotation"]["labels"]
    assert labels == [{"label": 1, "kind": "region", "name": ""}, {"label": 7, "kind": "material", "name": "rock"}]
    assert any("painted regions" in note for note in values["notes"])
    values = unmixed(capsys, *command, "--material", "7=rock", "--material", 1, "--overwrite")
    assert any("superpixels" in note for note in values["notes"])  # strokes are no side information


def test_materials_are_parsed() -> None:
    assert parse_meanings(["3=rock", "4", " 5 = dry grass "]) == {
        3: Meaning("material", "rock"),
        4: Meaning("material", ""),
        5: Meaning("material", "dry grass"),
    }


def test_ignored_labels_are_parsed_beside_materials() -> None:
    assert parse_meanings(["3=rock"], ["5", " 4 "]) == {
        3: Meaning("material", "rock"),
        4: Meaning("ignore"),
        5: Meaning("ignore"),
    }


def test_ignored_pixels_take_no_part_and_the_run_remembers(
    capsys: Capture, cube_file: Path, annotation_file: Callable[..., Path]
) -> None:
    painting = annotation_file(label1=slice(0, 4), label2=slice(6, 9))
    command = [cube_file, "--method", "vca-fcls", "--annotation", painting, "--out", "run"]
    notes = unmixed(capsys, *command, "--endmembers", 3, "--ignore", 2)["notes"]
    run = read_run("run")
    assert np.isnan(run.abundances[6:9]).all()
    assert np.isfinite(run.abundances[:5]).all()
    assert {"label": 2, "kind": "ignore", "name": ""} in run.meta["annotation"]["labels"]
    assert any("does not use painting: regions and materials were not read" in note for note in notes)
    assert main(["report", "run", "--cube", str(cube_file), "--annotation", str(painting)]) == 0
    capsys.readouterr()
    nothing_painted = unmixed(capsys, *command, "--endmembers", 3, "--ignore", 1, "--ignore", 2, "--overwrite")
    assert nothing_painted["notes"] == [nothing_painted["decided"]]


def test_a_class_has_the_name_of_its_file_and_its_meaning_from_the_user(
    capsys: Capture, cube_file: Path, tmp_path: Path
) -> None:
    labels = np.full((16, 12), -1, np.float32)
    labels[:4], labels[6:9], labels[10:12] = 1, 2, 3
    path = tmp_path / "painting.hdr"
    path.write_text(
        "ENVI\nsamples = 12\nlines = 16\nbands = 1\ndata type = 4\nbyte order = 0\nheader offset = 0\ninterleave = bsq\n"
        "file type = ENVI Classification\nclasses = 4\nclass names = { Unclassified, rock, soil, leaf }\n"
    )
    (tmp_path / "painting.img").write_bytes(labels.tobytes())
    command = [cube_file, "--method", "vca-fcls", "--annotation", path, "--material", 2, "--ignore", 3, "--out", "run"]
    values = unmixed(capsys, *command)
    said = "painting.hdr: 84 pixels hold -1, which is no label: unpainted"
    assert said in values["repairs"]
    annotation = read_run("run").meta["annotation"]
    assert annotation["repairs"] == [said]
    assert annotation["labels"] == [
        {"label": 1, "kind": "region", "name": "rock"},
        {"label": 2, "kind": "material", "name": "soil"},
        {"label": 3, "kind": "ignore", "name": "leaf"},
    ]
    assert main(["report", "run", "--cube", str(cube_file), "--annotation", str(path)]) == 0


def test_options_of_the_painting(capsys: Capture, cube_file: Path, tmp_path: Path) -> None:
    labels = np.full((16, 12), 255, np.uint8)
    labels[:4], labels[6:9] = 1, 2
    np.savez(tmp_path / "painting.npz", first=labels, second=labels)
    command = [cube_file, "--method", "vca-fcls", "--endmembers", 3, "--annotation", "painting.npz"]
    assert "--annotation-key NAME" in refused(capsys, "unmix", *command)
    command += ["--annotation-key", "first"]
    assert any("--unpainted 255" in note for note in unmixed(capsys, *command)["repairs"])
    unmixed(capsys, *command, "--unpainted", 255, "--out", "run")
    assert [one["label"] for one in read_run("run").meta["annotation"]["labels"]] == [1, 2]
    again = ["report", "run", "--cube", cube_file, *command[5:]]
    assert "not the one of this run" in refused(capsys, *again)
    assert main([*map(str, again), "--unpainted", "255"]) == 0
    capsys.readouterr()
    assert "--unpainted is x: give a number" in refused(capsys, "unmix", *command, "--unpainted", "x")
    assert "--unpainted is about a painted file" in refused(capsys, "unmix", cube_file, "--unpainted", "255")


def test_a_label_is_one_thing_in_all_files(capsys: Capture, cube_file: Path, tmp_path: Path) -> None:
    for name, said in (("a", "rock"), ("b", "soil")):
        ring = [[0, 0], [5, 0], [5, 5], [0, 5]]
        feature = {"type": "Feature", "properties": {"label": 1, "name": said}}
        feature["geometry"] = {"type": "Polygon", "coordinates": [ring]}
        (tmp_path / f"{name}.geojson").write_text(json.dumps(feature))
    command = ["unmix", cube_file, cube_file, "--annotation", "a.geojson", "--annotation", "b.geojson"]
    assert "Label 1 is soil in b.geojson but rock in another file" in refused(capsys, *command)


def test_an_empty_painting_is_said(capsys: Capture, cube_file: Path, annotation_file: Callable[..., Path]) -> None:
    for method in ("vca-fcls", "ivae"):
        command = [cube_file, "--method", method, "--endmembers", 3, *(["--epochs", 1] if method == "ivae" else [])]
        assert any(
            "annotation is empty" in note
            for note in unmixed(capsys, *command, "--annotation", annotation_file())["notes"]
        )
        assert not any("annotation" in note for note in unmixed(capsys, *command)["notes"])


@pytest.fixture
def second_file(small_cube: Cube, tmp_path: Path) -> Path:
    """Another acquisition of the small cube's bands: its lower half, mirrored."""
    path = tmp_path / "second.npz"
    np.savez(path, cube=small_cube.spectra[8:, ::-1], wavelength=small_cube.wavelengths)
    return path


def test_several_cubes_are_joined_and_unmixed_by_any_method(
    capsys: Capture, cube_file: Path, second_file: Path
) -> None:
    values = unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--out", "run", second_file)
    assert "Joined from 2 acquisitions: small (16×12), second (8×12)" in values["repairs"][0]
    run = read_run("run")
    assert run.meta["cube"]["name"] == "small + second"
    assert run.meta["cube"]["acquisitions"] == 2
    assert run.abundances.shape == (16 + 1 + 8, 12, 3)
    assert np.isnan(run.abundances[16]).all()
    assert np.isfinite(run.abundances[17:]).all()


def test_acquisitions_are_side_information(capsys: Capture, cube_file: Path, second_file: Path) -> None:
    command = [cube_file, second_file, "--endmembers", 3, "--epochs", 1]
    values = unmixed(capsys, *command, "--auxiliary", "blocks+acquisition", "--out", "run")
    assert read_run("run").spec.model_dump()["auxiliary"] == "acquisition+blocks"
    said = " ".join(values["notes"])
    assert "acquisitions × blocks" in said
    assert "The textbook case" in said
    assert "differ between tiles" in said
    said = " ".join(unmixed(capsys, *command)["notes"])
    assert "auto: no region is painted, 2 acquisitions are joined" in said


def test_every_acquisition_may_have_its_own_painting(
    capsys: Capture, cube_file: Path, second_file: Path, tmp_path: Path
) -> None:
    first, second, whole = np.zeros((16, 12), int), np.zeros((8, 12), int), np.zeros((25, 12), int)
    first[:4], second[2:], whole[:4], whole[19:] = 1, 2, 1, 2
    for name, labels in (("first", first), ("second", second), ("whole", whole)):
        np.save(tmp_path / f"{name}.npy", labels)
    hashes = []
    for given in (("first", "second"), ("whole",)):
        options = [word for name in given for word in ("--annotation", tmp_path / f"{name}.npy")]
        out = "-".join(given)
        unmixed(capsys, cube_file, second_file, "--method", "vca-fcls", "--endmembers", 3, "--out", out, *options)
        hashes.append(read_run(out).meta["annotation"]["sha256"])
    assert hashes[0] == hashes[1]
    wrong = ["--annotation", tmp_path / "first.npy"]
    assert "first.npy is 16×12 but the cube is 25×12" in refused(capsys, "unmix", cube_file, second_file, *wrong)


# --- refusals


def test_cubes_of_other_bands_are_not_joined(
    capsys: Capture, cube_file: Path, small_cube: Cube, tmp_path: Path
) -> None:
    np.savez(tmp_path / "few.npz", cube=small_cube.spectra[:, :, :20], wavelength=small_cube.wavelengths[:20])
    np.savez(tmp_path / "shifted.npz", cube=small_cube.spectra, wavelength=small_cube.wavelengths + 15)
    assert "small has 24 bands but few has 20" in refused(capsys, "unmix", cube_file, tmp_path / "few.npz")
    sentence = refused(capsys, "unmix", cube_file, tmp_path / "shifted.npz")
    assert "Band 1 lies at 450.0 nm in small but at 465.0 nm in shifted (up to 5.0 nm is the same band)" in sentence


def test_wrong_commands_and_options(capsys: Capture, cube_file: Path) -> None:
    assert "no command 'unmx' (did you mean unmix?)" in refused(capsys, "unmx")
    assert "did you mean --epochs?" in refused(capsys, "unmix", cube_file, "--epoch", 3)
    assert "did you mean --endmembers?" in refused(capsys, "unmix", cube_file, "--end", 3)
    assert "did you mean --seed?" in refused(capsys, "unmix", cube_file, "--sede", 3)
    assert "no command 'un' (did you mean unmix?)" in refused(capsys, "un")
    assert "did you mean" not in refused(capsys, "")
    assert "CUBE" in refused(capsys, "unmix")
    assert "expected one argument" in refused(capsys, "unmix", cube_file, "--out")
    assert "no further argument again" in refused(capsys, "info", cube_file, "again")
    assert "There is no file again" in refused(capsys, "unmix", cube_file, "again")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--method", "nmf"], "no method 'nmf': choose one of ivae"),
        (["--endmembers", "1"], "endmembers is 1: choose a number from 2 to 30, or auto"),
        (["--endmembers", "many"], "--endmembers is many: give a whole number or auto"),
        (["--endmembers", "3.5"], "--endmembers is 3.5: give a whole number or auto"),
        (["--epochs", "0"], "--epochs is 0: give at least 1"),
        (["--learning-rate", "fast"], "--learning-rate is fast: give a number"),
        (["--learning-rate", "nan"], "--learning-rate is nan: give a finite number."),
        (["--learning-rate", "inf"], "--learning-rate is inf: give a finite number."),
        (["--seed", "-1"], "--seed is -1: give at least 0"),
        (["--seed", "99999999999999999999"], "give at most 2147483647."),
        (["--seed", "9" * 5000], "give a shorter number."),
        (["--overwrite"], "--overwrite replaces the run that --out names: give --out DIR"),
        (["--ignore", "1"], "--ignore 1 names a painted label: give the painting with --annotation"),
        (["--ignore", "sky"], "--ignore sky names no label: give a whole number from 1."),
        (["--ignore", "9" * 5000], "names no label"),
        (["--material", "1=rock", "--ignore", "1"], "Label 1 is given as --material and as --ignore"),
        (
            ["--auxiliary", "paint"],
            "side information 'paint' is not known: give auto, none, or acquisition, position, blocks",
        ),
        (["--auxiliary", "blocks+auto"], "side information 'auto' can't be combined"),
        (["--auxiliary", "acquisition"], "needs several acquisitions, one cube is given"),
        (["--annotation", "a.png", "--annotation", "b.png"], "2 annotations are given for 1 cube: give one of each"),
        (
            ["--method", "vca-fcls", "--epochs", "3"],
            "--epochs is no option of vca-fcls (it is one of ivae, beta-vae, vae, gcl, ",
        ),
        (["--material", "1"], "--material 1 names a painted label: give the painting with --annotation"),
        (["--material", "rock"], "--material rock names no label"),
        (["--material", "0=rock"], "--material 0=rock names no label"),
        (["--material", "1", "--material", "1=a"], "--material 1 is given twice"),
        (["--annotation", "none.png"], "none.png could not be read"),
        (["--method", "vca-fcls", "--endmembers", "30"], "30 endmembers need more than 30 bands"),
    ],
)
def test_bad_options_are_one_sentence(capsys: Capture, cube_file: Path, options: list[str], sentence: str) -> None:
    assert sentence in refused(capsys, "unmix", cube_file, *options)


def test_bad_paintings_are_one_sentence(
    capsys: Capture, cube_file: Path, annotation_file: Callable[..., Path], tmp_path: Path
) -> None:
    painting = annotation_file(label1=slice(0, 4), label2=slice(6, 9))
    command = ["unmix", cube_file, "--annotation", painting]
    assert "--material 3: painting.npy has no label 3 (it has 1, 2)" in refused(
        capsys, *command, "--material", "3=rock"
    )
    assert "--ignore 4: painting.npy has no label 4 (it has 1, 2)" in refused(capsys, *command, "--ignore", 4)
    np.save(tmp_path / "small.npy", np.ones((4, 4), int))
    assert "is 4×4 but the cube is 16×12" in refused(capsys, "unmix", cube_file, "--annotation", tmp_path / "small.npy")
    annotation_file()
    assert "nothing is painted" in refused(capsys, *command, "--material", "3")


def test_bad_cubes_and_places_are_one_sentence(capsys: Capture, cube_file: Path, tmp_path: Path) -> None:
    assert "no file" in refused(capsys, "unmix", tmp_path / "none.hdr")
    assert "no file" in refused(capsys, "info", tmp_path / "none.hdr")
    (tmp_path / "text.hdr").write_text("hello")
    refused(capsys, "info", tmp_path / "text.hdr")
    (tmp_path / "empty").mkdir()
    assert "empty is no cube" in refused(capsys, "unmix", "empty")
    assert "it is a file" in refused(capsys, "unmix", cube_file, "--out", cube_file / "run")
    assert "is a file: choose another folder with --out." in refused(capsys, "unmix", cube_file, "--out", cube_file)


def test_a_wrong_place_is_refused_before_the_cube_is_read(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert "is a file" in refused(capsys, "unmix", tmp_path / "none.hdr", "--out", tmp_path / "taken")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "cancelled, nothing written."),
        (MemoryError("Unable to allocate 9 TiB"), 2, "not enough memory (Unable to allocate 9 TiB)"),
        (OSError(28, "No space left on device", "x.npy"), 2, "x.npy failed, the disk is full: make room"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nmore"), 2, "use a smaller --batch"),
        (np.linalg.LinAlgError("Singular matrix"), 2, "can't be solved (Singular matrix)"),
    ],
)
def test_whatever_fails_is_one_sentence(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, sentence: str
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("napari_unmix.cli.methods_command.run", fail)
    assert main(["methods"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("napari-unmix: ")
    assert len(err.splitlines()) == 1
    assert sentence in err


def wrong_shapes() -> object:
    import torch

    return torch.zeros(3, 4) @ torch.zeros(5, 6)


def no_such_key() -> object:
    return {}["basis"]


def not_even() -> object:
    assert 1 % 2 == 0


@pytest.mark.parametrize(
    ("mistake", "what"),
    [
        (wrong_shapes, "(RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6))"),
        (no_such_key, "(KeyError: 'basis')"),
        (not_even, "(AssertionError"),
    ],
)
@pytest.mark.parametrize("asked", ["", "option", "variable"])
def test_a_mistake_of_ours_is_said_to_be_ours_and_shown_when_asked(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, mistake: Callable[[], object], what: str, asked: str
) -> None:
    monkeypatch.setattr("napari_unmix.cli.methods_command.run", lambda _: mistake())
    monkeypatch.setenv("NAPARI_UNMIX_DEBUG", "1" if asked == "variable" else "")
    assert main(["methods", *(["--debug"] if asked == "option" else [])]) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[-1].startswith("napari-unmix: this is a mistake of the program and not of your input " + what)
    assert lines[-1].endswith("): please report it, with the command and what it prints with --debug.")
    assert ("Traceback" in err and mistake.__name__ in err) == bool(asked)
    assert len(lines) == 1 or asked


def test_torch_that_cannot_solve_is_bad_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("napari_unmix.cli.methods_command.run", lambda _: torch.linalg.cholesky(-torch.eye(3)))
    assert "the cube's numbers can't be solved (linalg.cholesky: " in refused(capsys, "methods")


def test_bad_input_too_shows_where_when_asked(capsys: Capture) -> None:
    assert main(["info", "--debug", "none.hdr"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "There is no file none.hdr" in err.splitlines()[-1]
    assert main(["benchmark", "regions", "--debug", "--seeds", "x"]) == 2  # though the rest is the benchmark's own
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_debug(capsys: Capture, command: str) -> None:
    assert main([command, "--help"]) == 0
    assert "--debug" in capsys.readouterr().out


def test_validation_of_other_errors_passes_through() -> None:
    with pytest.raises(ValueError, match="plain"), explain_validation():
        raise ValueError("plain")
    with pytest.raises(UnmixError, match="ours"), explain_validation():
        raise UnmixError("ours")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_leaves_nothing(tmp_path: Path, cube_file: Path) -> None:
    argv = ["unmix", str(cube_file), "--epochs", "500", "--endmembers", "3"]
    handled = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's background jobs inherit none
    code = f"import signal, sys; {handled}; from napari_unmix.cli import main; sys.exit(main({argv!r}))"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "finding" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "napari-unmix: cancelled, nothing written."
    assert "Traceback" not in rest
    assert [path.name for path in tmp_path.iterdir()] == ["small.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-m", "napari_unmix", "methods"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert process.returncode == 141
    assert process.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file descriptors")
@pytest.mark.parametrize("close", [">&-", "2>&-"])
def test_streams_may_be_closed_or_poor(cube_file: Path, close: str) -> None:
    command = f"{sys.executable} -m napari_unmix info {cube_file} {close}"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("16?12 pixels" in done.stdout) == (close == "2>&-")


# --- help


def test_help_lists_the_commands(capsys: Capture) -> None:
    for argv in ([], ["--help"]):
        assert main(argv) == 0
        out = capsys.readouterr().out
        assert all(f"  {name}" in out for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("napari-unmix 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(capsys: Capture, command: str) -> None:
    assert main([command, "--help"]) == 0
    assert f"usage: napari-unmix {command}" in capsys.readouterr().out


def test_options_of_unmix_are_those_of_the_specs(capsys: Capture) -> None:
    main(["unmix", "--help"])
    out = capsys.readouterr().out
    for spec in method_specs().values():
        for field in spec.model_fields:
            assert f"--{field.replace('_', '-')}" in out
    assert "Linear mixing is kept where the evidence does not ask for a curve" in " ".join(out.split())


def test_methods_are_listed(capsys: Capture) -> None:
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    listed = [line for line in out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in listed] == list(method_specs())
    headings = [line for line in out.splitlines() if not line.startswith("  ")]
    assert headings[0] == "Recommended:"
    assert out.splitlines()[1].startswith("  ivae ")
    assert headings == [
        f"{HEADINGS[group]}:" for group in GROUPS if any(s.group == group for s in method_specs().values())
    ]


# --- info


def test_info_describes_a_file(capsys: Capture, cube_file: Path) -> None:
    assert main(["info", str(cube_file)]) == 0
    out = capsys.readouterr().out
    assert "16×12 pixels, 24 bands" in out
    assert "450–910 nm" in out
    assert main(["info", str(cube_file), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["rows"], values["columns"], values["bands"]) == (16, 12, 24)
    assert values["wavelength_nm"] == [450.0, 910.0]
    assert values["axis"] == {"kind": "wavelength", "unit": "nm", "range": [450.0, 910.0]}
    assert values["suggested_endmembers"] == 3


def test_info_says_what_the_bands_lie_by_and_its_notes_before_its_suggestion(capsys: Capture, tmp_path: Path) -> None:
    cube = np.random.default_rng(0).uniform(0.1, 1, (12, 12, 5)).astype("f4") * np.float32(1e-9)
    np.savez(tmp_path / "a.npz", cube=cube, raman_shift=np.linspace(-100, 3100, 5))
    assert main(["info", str(tmp_path / "a.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    begun = [line.split()[0] for line in lines]
    assert begun[2:5] == ["size", "Raman", "values"]
    assert lines[3].split(maxsplit=2)[2] == "-100–3100 cm⁻¹"
    assert begun.index("Note:") < begun.index("endmembers")
    assert main(["info", str(tmp_path / "a.npz"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["axis"] == {"kind": "Raman shift", "unit": "cm⁻¹", "range": [-100.0, 3100.0]}
    assert values["wavelength_nm"] is None


def test_info_of_a_cube_without_wavelengths(capsys: Capture, tmp_path: Path) -> None:
    np.save(tmp_path / "tiny.npy", np.ones((1, 2, 5), np.float32))
    assert main(["info", str(tmp_path / "tiny.npy")]) == 0
    out = capsys.readouterr().out
    assert "unknown (bands are numbered)" in out
    assert "2 endmembers, the fewest, need at least 6 valid pixels, the cube has 2" in out


@pytest.mark.parametrize("spectra", [np.full((9, 9, 12), 0.3), -np.random.default_rng(0).uniform(size=(9, 9, 12))])
def test_info_says_what_unmix_refuses(capsys: Capture, tmp_path: Path, spectra: np.ndarray) -> None:
    path = tmp_path / "refused.npy"
    np.save(path, spectra.astype(np.float32))
    sentence = refused(capsys, "unmix", path).removeprefix("napari-unmix: ")
    assert main(["info", str(path)]) == 0
    assert sentence in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["suggested_endmembers"], values["refusal"]) == (None, sentence)


# --- compare


@pytest.fixture
def reference(capsys: Capture, cube_file: Path, tmp_path: Path) -> Path:
    """A run of the small cube in ``run``, and itself with its endmembers in another order as the reference."""
    unmixed(capsys, cube_file, "--method", "vca-fcls", "--endmembers", 3, "--out", "run")
    run = read_run("run")
    order = [2, 0, 1]
    endmembers = np.nan_to_num(run.endmembers[order])
    path = tmp_path / "reference.npz"
    np.savez(
        path, E=endmembers, A=run.abundances[:, :, order], E_other=2 * endmembers[:2], A_other=run.abundances[:, :, :2]
    )
    return path


def compared(capsys: Capture, *argv: object) -> dict[str, Any]:
    assert main(["compare", *map(str, argv), "--json"]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)["runs"][0]
    return values


def test_a_run_equals_itself_in_any_order(capsys: Capture, cube_file: Path, reference: Path) -> None:
    figures = compared(capsys, cube_file, "run", "--reference", reference)
    assert figures["mean_spectral_angle_degrees"] == pytest.approx(0, abs=1e-4)
    assert figures["abundance_rmse"] == pytest.approx(0, abs=1e-6)
    assert figures["mcc"] == pytest.approx(1)
    assert figures["matched_names"] == ["endmember 3", "endmember 1", "endmember 2"]
    assert figures["notes"] == []


def test_another_number_of_endmembers_is_matched_and_said(capsys: Capture, cube_file: Path, reference: Path) -> None:
    figures = compared(capsys, cube_file, "run", "--reference", reference, "--reference-suffix", "_other")
    assert figures["mean_spectral_angle_degrees"] == pytest.approx(0, abs=1e-4)  # the angle ignores the factor of two
    assert figures["abundance_rmse"] > 0.1
    assert "has 3 endmembers, the reference 2: the figures are of the 2 matched" in figures["notes"][0]


@pytest.mark.parametrize("key", ["E", "A"])
def test_what_the_reference_lacks_is_left_out(
    capsys: Capture, cube_file: Path, reference: Path, tmp_path: Path, key: str
) -> None:
    with np.load(reference) as stored:
        np.savez(tmp_path / "half.npz", **{key: stored[key]})
    figures = compared(capsys, cube_file, "run", "--reference", tmp_path / "half.npz")
    assert (figures["mean_spectral_angle_degrees"] is None) == (key == "A")
    assert (figures["abundance_rmse"] is None) == (figures["mcc"] is None) == (key == "E")


def test_compare_prints_a_table(capsys: Capture, cube_file: Path, reference: Path) -> None:
    assert main(["compare", str(cube_file), "run", "run", "--reference", str(reference)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[-1] == "steady"
    assert lines[1].split() == ["run", "vca-fcls", "3", "0.00", "0.0000", "1.000", "3/3"]


def test_runs_of_other_data_are_told(capsys: Capture, small_cube: Cube, reference: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "changed.npz", cube=small_cube.spectra + 0.1, wavelength=small_cube.wavelengths)
    figures = compared(capsys, tmp_path / "changed.npz", "run", "--reference", reference)
    assert "was made from other data" in figures["notes"][0]
    np.savez(tmp_path / "cropped.npz", cube=small_cube.spectra[:8])
    sentence = refused(capsys, "compare", tmp_path / "cropped.npz", "run", "--reference", reference)
    assert "is a run of a cube of 16×12×24 but cropped is 8×12×24" in sentence


def test_runs_of_several_cubes_are_compared(
    capsys: Capture, cube_file: Path, second_file: Path, tmp_path: Path
) -> None:
    for name in ("run", "other"):
        unmixed(capsys, cube_file, second_file, "--method", "vca-fcls", "--endmembers", 3, "--out", name)
    run = read_run("run")
    reference = tmp_path / "reference.npz"
    np.savez(reference, E=np.nan_to_num(run.endmembers), A=run.abundances)
    for words in ([cube_file, second_file, "run", "other"], [cube_file, "--reference", reference, second_file, "run"]):
        figures = compared(capsys, *words, *([] if "--reference" in words else ["--reference", reference]))
        assert figures["notes"] == []
        assert figures["abundance_rmse"] == pytest.approx(0, abs=1e-6)
        assert figures["mcc"] == pytest.approx(1)
    figures = compared(capsys, second_file, cube_file, "run", "--reference", reference)
    assert "was made from other data" in figures["notes"][0]  # the same size, another order
    sentence = refused(capsys, "compare", cube_file, "run", "--reference", reference)
    assert "give the 2 cubes that it unmixed, in their order" in sentence
    assert "There is no file rnu" in refused(capsys, "compare", cube_file, "rnu", "run", "--reference", reference)


def test_bad_references_are_one_sentence(capsys: Capture, cube_file: Path, reference: Path, tmp_path: Path) -> None:
    command = ["compare", cube_file, "run", "--reference"]
    assert "no reference" in refused(capsys, *command, tmp_path / "none.npz")
    sentence = refused(capsys, *command, reference, "--reference-suffix", "_third")
    assert "has no E_third and no A_third, it holds A, A_other, E, E_other" in sentence
    np.savez(tmp_path / "bands.npz", E=np.ones((3, 7)))
    assert "E of bands.npz is 3×7 but the cube has 24 bands" in refused(capsys, *command, tmp_path / "bands.npz")
    np.savez(tmp_path / "size.npz", A=np.ones((3, 7, 2)))
    assert "A of size.npz is 3×7×2 but the cube is 16×12" in refused(capsys, *command, tmp_path / "size.npz")
    np.savez(tmp_path / "count.npz", A=np.ones((16, 12, 2)), E=np.ones((3, 24)))
    assert "have [2, 3] endmembers" in refused(capsys, *command, tmp_path / "count.npz")
    np.savez(tmp_path / "pickled.npz", E=np.array([{}], dtype=object))
    refused(capsys, *command, tmp_path / "pickled.npz")
    (tmp_path / "text.npz").write_text("hello")
    assert "text.npz is an archive that ends early (5 bytes)" in refused(capsys, *command, tmp_path / "text.npz")
    assert "is no run" in refused(capsys, "compare", cube_file, tmp_path, "--reference", reference)
    assert "--reference" in refused(capsys, "compare", cube_file, "run")


# --- windows, demo, benchmarks


def test_no_window_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("napari")
    assert "there is no display" in str(why_no_window({}, "linux"))
    assert "does not answer" in str(why_no_window({"DISPLAY": ":4711"}, "linux"))
    assert "does not answer" in str(why_no_window({"DISPLAY": "nonsense"}, "linux"))
    assert "does not answer" in str(why_no_window({"WAYLAND_DISPLAY": "none", "XDG_RUNTIME_DIR": "/none"}, "linux"))
    assert why_no_window({}, "darwin") is None
    monkeypatch.setattr("napari_unmix.cli.window._NEEDED", ("a_package_that_is_not_there",))
    assert "needs a_package_that_is_not_there: pip install" in str(why_no_window({}, "linux"))


def test_open_without_a_display_is_one_sentence(
    capsys: Capture, cube_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    refused(capsys, "open", cube_file)
    assert "no file" in refused(capsys, "open", tmp_path / "none.hdr")
    (tmp_path / "text.txt").write_text("hello")
    assert "is no cube" in refused(capsys, "open", tmp_path / "text.txt")


def test_benchmarks_are_listed_and_unknown_ones_refused(capsys: Capture) -> None:
    assert main(["benchmark"]) == 0
    names = capsys.readouterr().out.split()
    assert names
    assert f"choose one of {', '.join(names)}" in refused(capsys, "benchmark", "nonsense")


def test_without_a_checkout_the_benchmarks_say_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match="are in resources/benchmarks of the project's source: get it, install it"):
        from_checkout(tmp_path)


@pytest.mark.slow
def test_benchmarks_run_from_a_checkout_whose_folder_is_not_on_the_path(tmp_path: Path) -> None:
    """In a fresh interpreter, as the command is: pytest's own path has the folder."""
    code = "from napari_unmix.cli import main; main(['benchmark']); main(['benchmark', 'regions', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "regions\nsample" in done.stdout
    assert "usage: napari-unmix benchmark regions" in done.stdout


def test_the_demo_replaces_only_what_is_named(capsys: Capture) -> None:
    assert "--overwrite replaces the run that --out names" in refused(capsys, "demo", "--headless", "--overwrite")


@pytest.mark.slow
def test_the_demo_runs_headless_and_its_last_line_is_the_folder(capsys: Capture, tmp_path: Path) -> None:
    assert main(["demo", "--headless", "--out", str(tmp_path / "demo")]) == 0
    out, err = capsys.readouterr()
    folder = Path(out.splitlines()[-1])
    assert folder == (tmp_path / "demo").resolve()
    assert {"abundances.png", "endmembers.png", "report.json", "run.json"} <= {path.name for path in folder.iterdir()}
    assert "headless" in err
    assert read_run(folder).illumination is not None
