"""The folder of a run is written whole or not at all, and read back as it was."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.cube import Annotation, AxisKind, Cube, Georeference, Meaning, Reading, SpectralAxis
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import (
    DestinationTaken,
    check_destination,
    cube_hash,
    free_folder,
    json_text,
    read_run,
    write_run,
)
from napari_unmix.sentences import UnmixError

REPORT = Report(
    "partly", "Partly: a test.", (Check("regions", "doubtful", 2.0, 3.0, "Two.", "Paint one more.", role="required"),)
)


def make_result(cube: Cube, *, std: bool = True, names: tuple[str, ...] = ("rock", 'tree, "tall"')) -> Unmixing:
    generator = np.random.default_rng(0)
    height, width, bands = cube.shape
    abundances = generator.dirichlet(np.ones(2), size=(height, width)).astype(np.float32)
    abundances[~cube.valid_pixels] = np.nan
    endmembers = generator.random((2, bands))
    endmembers[:, ~cube.good_bands] = np.nan
    return Unmixing(
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=0.1 * abundances if std else None,
        illumination=np.where(cube.valid_pixels, 1.5, np.nan).astype(np.float32) if std else None,
        reconstruction_error=np.where(cube.valid_pixels, 0.02, np.nan).astype(np.float32),
        names=names,
        spec=spec_class("ivae")(endmembers=2, seed=5, epochs=3),
        notes=(Note(NoteKind.METHOD, "A note."),),
        history=(("training", 1, float("nan")), ("training", 2, 0.5)),
        model={"endmembers": generator.random((2, bands)), "scale": np.float32(2.0)},
        seconds=1.25,
    )


def test_a_run_is_read_back_as_it_was_written(small_cube: Cube, tmp_path: Path) -> None:
    result = make_result(small_cube)
    folder = write_run(tmp_path / "deep" / "run", small_cube, result, REPORT)
    run = read_run(folder)
    np.testing.assert_array_equal(run.abundances, result.abundances)
    np.testing.assert_array_equal(run.abundance_std, result.abundance_std)
    np.testing.assert_array_equal(run.illumination, result.illumination)
    np.testing.assert_array_equal(run.endmembers, result.endmembers)
    np.testing.assert_array_equal(run.wavelengths, small_cube.wavelengths)
    assert (run.spec, run.names, run.report) == (result.spec, result.names, REPORT)
    model = run.model()
    np.testing.assert_array_equal(model["endmembers"], result.model["endmembers"])
    assert model["scale"] == 2.0


def test_the_folder_holds_the_files_of_the_documentation_and_no_others(small_cube: Cube, tmp_path: Path) -> None:
    files = {"run.json", "report.json", "abundances.npy", "endmembers.csv", "model.safetensors"}
    files |= {"endmembers.sli", "endmembers.hdr", "valid_pixels.npy", "again.py"}
    bare = write_run(tmp_path / "bare", small_cube, make_result(small_cube, std=False), REPORT)
    full = write_run(tmp_path / "full", small_cube, make_result(small_cube), REPORT)
    assert {path.name for path in bare.iterdir()} == files
    assert {path.name for path in full.iterdir()} == files | {"abundance_std.npy", "illumination.npy"}
    assert "abundance_std" in json.loads((bare / "run.json").read_text())["missing"]
    assert read_run(bare).abundance_std is None
    assert {path.name for path in tmp_path.iterdir()} == {"bare", "full"}  # nothing unfinished is left beside them


def test_run_json_is_strict_and_says_where_the_run_comes_from(small_cube: Cube, tmp_path: Path) -> None:
    labels = np.zeros((16, 12), int)
    labels[:2], labels[3:5] = 1, 2
    annotation = Annotation(labels, {2: Meaning("material", "rock")})
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT, annotation=annotation)

    def refuse(token: str) -> None:
        pytest.fail(f"{token} is not JSON")

    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert meta["history"] == [["training", 1, None], ["training", 2, 0.5]]
    assert (meta["seed"], meta["spec"]["epochs"], meta["timings"]["unmix_seconds"]) == (5, 3, 1.25)
    assert set(meta["versions"]) >= {"napari-unmix", "numpy", "torch", "python"}
    assert meta["cube"]["sha256"] == cube_hash(small_cube)
    assert meta["metrics"]["reconstruction_rmse"] == pytest.approx(0.02)
    assert sum(meta["metrics"]["mean_abundances"]) == pytest.approx(1, abs=1e-6)
    assert meta["annotation"]["labels"][1] == {"label": 2, "kind": "material", "name": "rock"}


def test_endmembers_table(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)
    with (folder / "endmembers.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["wavelength_nm", "rock", 'tree, "tall"']
    assert [row[1] == "nan" for row in rows] == list(~small_cube.good_bands)
    plain = replace(small_cube, wavelengths=None)
    write_run(tmp_path / "bands", plain, make_result(plain), REPORT)
    assert (tmp_path / "bands" / "endmembers.csv").read_text().startswith("band,")
    assert read_run(tmp_path / "bands").wavelengths is None


def test_hash_is_of_spectra_and_wavelengths(small_cube: Cube) -> None:
    plain = hashlib.sha256(small_cube.spectra.tobytes() + small_cube.wavelengths.tobytes()).hexdigest()
    assert cube_hash(small_cube) == plain
    assert cube_hash(small_cube.renamed("other")) == plain
    assert cube_hash(replace(small_cube, wavelengths=small_cube.wavelengths + 1)) != plain


def test_an_existing_run_is_replaced_only_when_asked_to(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)
    before = (folder / "run.json").read_text()
    other = make_result(small_cube, std=False, names=("a", "b"))
    with pytest.raises(DestinationTaken, match="already holds a run: choose another folder") as taken:
        write_run(folder, small_cube, other, REPORT)
    assert (taken.value.target, taken.value.holds_run) == (folder, True)
    assert (folder / "run.json").read_text() == before
    write_run(folder, small_cube, other, REPORT, overwrite=True)
    assert read_run(folder).names == ("a", "b")
    assert not (folder / "abundance_std.npy").exists()  # no file of the old run stays
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("stray", ["notes.txt", "run.json"])
def test_a_folder_that_is_not_only_a_run_is_never_replaced(small_cube: Cube, tmp_path: Path, stray: str) -> None:
    folder = tmp_path / "thesis"
    if stray == "run.json":  # a run to which its owner added something
        write_run(folder, small_cube, make_result(small_cube), REPORT)
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UnmixError, match=r"holds notes.txt"):
        write_run(folder, small_cube, make_result(small_cube), REPORT, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_taken(small_cube: Cube, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert read_run(write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)).names[0] == "rock"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, MemoryError])
def test_an_interrupt_before_the_end_leaves_the_old_run(
    small_cube: Cube, tmp_path: Path, stop: type[BaseException]
) -> None:
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)

    def interrupt(unfinished: Path) -> None:
        assert (unfinished / "run.json").exists()
        raise stop

    with pytest.raises(stop):
        write_run(folder, small_cube, make_result(small_cube), REPORT, overwrite=True, decorate=interrupt)
    with pytest.raises(stop):
        write_run(tmp_path / "new", small_cube, make_result(small_cube), REPORT, decorate=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert read_run(folder).names[0] == "rock"


def test_the_old_run_is_there_until_the_new_one_is_complete(small_cube: Cube, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)
    seen = []
    write_run(
        folder,
        small_cube,
        make_result(small_cube, names=("a", "b")),
        REPORT,
        overwrite=True,
        decorate=lambda _: seen.append(read_run(folder).names),
    )
    assert seen == [("rock", 'tree, "tall"')]
    assert read_run(folder).names == ("a", "b")


def test_a_run_that_appears_meanwhile_is_not_replaced(small_cube: Cube, tmp_path: Path) -> None:
    def race(_: Path) -> None:
        write_run(tmp_path / "run", small_cube, make_result(small_cube, names=("first", "one")), REPORT)

    with pytest.raises(UnmixError, match="already holds a run"):
        write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT, decorate=race)
    assert read_run(tmp_path / "run").names == ("first", "one")


def test_places_that_cannot_be_written_are_named_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnmixError, match="is a file"):
        check_destination(tmp_path / "file")
    with pytest.raises(UnmixError, match=r"cannot be written in .*file \(it is a file\)"):
        check_destination(tmp_path / "file" / "run")
    check_destination(tmp_path / "a" / "b" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_free_folder_counts_from_one(tmp_path: Path) -> None:
    assert free_folder(tmp_path, "samson-ivae").name == "samson-ivae-1"
    (tmp_path / "samson-ivae-1").mkdir()
    assert free_folder(tmp_path, "samson-ivae").name == "samson-ivae-2"


def damage_csv(folder: Path) -> None:
    (folder / "endmembers.csv").write_text("wavelength_nm,a\n1,x\n")


def damage_shape(folder: Path) -> None:
    np.save(folder / "abundances.npy", np.zeros((2, 2, 2), np.float32))


def damage_json(folder: Path) -> None:
    (folder / "run.json").write_text("{")


def damage_pickle(folder: Path) -> None:
    np.save(folder / "abundances.npy", np.array([{}], dtype=object), allow_pickle=True)


def damage_missing(folder: Path) -> None:
    (folder / "report.json").unlink()


@pytest.mark.parametrize("damage", [damage_csv, damage_shape, damage_json, damage_pickle, damage_missing])
def test_damaged_runs_are_refused(small_cube: Cube, tmp_path: Path, damage) -> None:
    folder = write_run(tmp_path / "run", small_cube, make_result(small_cube), REPORT)
    damage(folder)
    with pytest.raises(UnmixError, match="is a damaged run"):
        read_run(folder)


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UnmixError, match=r"is no run, it has no run.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": "something else"}')
    with pytest.raises(UnmixError, match="was written by an unknown version, as 'something else'; this one, "):
        read_run(tmp_path)


def test_json_text_is_strict() -> None:
    values = {"a": float("nan"), "b": np.float32(np.inf), "c": np.arange(3), "d": Path("x"), "e": (np.int64(1), "é")}
    assert json.loads(json_text(values)) == {"a": None, "b": None, "c": [0, 1, 2], "d": "x", "e": [1, "é"]}
    assert json_text("é", ascii_only=True) == '"\\u00e9"'


def test_the_spectral_library_of_a_run_is_read_by_spectral_python(small_cube: Cube, tmp_path: Path) -> None:
    import spectral.io.envi as envi

    result = make_result(small_cube)
    folder = write_run(tmp_path / "run", small_cube, result, REPORT)
    library = envi.open(str(folder / "endmembers.hdr"))
    np.testing.assert_array_equal(library.spectra, result.endmembers)
    np.testing.assert_allclose(library.bands.centers, small_cube.wavelengths)
    assert library.names[0] == "rock"


def test_a_losses_gap_in_the_history_is_read_back(small_cube: Cube, tmp_path: Path) -> None:
    result = make_result(small_cube)
    again = read_run(write_run(tmp_path / "run", small_cube, result, REPORT)).unmixing(small_cube)
    assert [step[:2] for step in again.history] == [step[:2] for step in result.history]
    assert np.isnan(again.history[0][2])
    assert again.history[1][2] == 0.5


# --- whatever is written is read


def shares(generator: np.random.Generator, shape: tuple[int, int], count: int, valid: np.ndarray) -> np.ndarray:
    abundances = generator.dirichlet(np.ones(count), size=shape).astype(np.float32)
    abundances[~valid] = np.nan
    return abundances


@st.composite
def written(draw: st.DrawFn) -> tuple[Cube, Unmixing, Annotation | None]:
    """A cube, a result of any shape with or without each of its parts, and a painting or none."""
    height, width, bands, count = (draw(st.integers(low, high)) for low, high in ((1, 4), (1, 4), (2, 6), (1, 3)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    kind: AxisKind = draw(st.sampled_from(["wavelength", "wavenumber", "Raman shift", "energy", "frequency", "index"]))
    axis = SpectralAxis(kind, np.sort(generator.uniform(-5 if kind == "Raman shift" else 0.5, 2000, bands)))
    good = generator.random(bands) < 0.7
    valid = generator.random((height, width)) < 0.8
    cube = Cube(
        generator.uniform(size=(height, width, bands)),
        None if kind == "index" else axis.nanometres,
        good,
        valid,
        name=draw(st.text()),
        source=draw(st.none() | st.just(Path("/x/\udcff.hdr"))),
        measured_axis=axis if kind not in ("wavelength", "index") else None,
        georeference=draw(st.none() | st.builds(Georeference, st.tuples(*[st.floats(-1e9, 1e9)] * 6), st.text())),
        reading=draw(st.just(Reading()) | st.builds(Reading, no_data=st.floats(allow_infinity=False, allow_nan=False))),
    )
    endmembers = generator.normal(size=(count, bands)) * draw(st.sampled_from([1e-30, 1.0, 1e30]))
    endmembers[:, ~good] = np.nan
    part = st.booleans()
    abundances = shares(generator, (height, width), count, valid)
    result = Unmixing(
        endmembers=endmembers,
        abundances=np.asfortranarray(abundances) if draw(part) else abundances,
        abundance_std=np.abs(abundances) if draw(part) else None,
        illumination=np.where(valid, 1.5, np.nan).astype(np.float32) if draw(part) else None,
        reconstruction_error=np.where(valid, 0.02, np.nan).astype(np.float32),
        names=tuple(draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=count, max_size=count))),
        spec=spec_class("vca-fcls")(seed=draw(st.integers(0, 2**31 - 1))),
        notes=tuple(draw(st.lists(st.builds(Note, st.sampled_from(NoteKind), st.text(), st.text()), max_size=2))),
        history=tuple(draw(st.lists(st.tuples(st.text(), st.integers(0, 9), st.floats()), max_size=3))),
        regions=generator.integers(0, 3, (height, width)) if draw(part) else None,
        model={"weights": generator.random(draw(st.integers(0, 3)))},
        contribution=Contribution(generator.random((height, width, 2)), generator.random((2, bands)))
        if draw(part)
        else None,
    )
    painting = draw(st.none() | st.builds(Meaning, st.sampled_from(["region", "material", "ignore"]), st.text()))
    if painting is None:
        return cube, result, None
    return cube, result, Annotation(generator.integers(0, 3, (height, width)), {1: painting}, ("one",))


def same(one: object, other: object) -> bool:
    """Alike, NaN to NaN, or both None."""
    return one is other or bool(np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=written())
def test_whatever_is_written_is_read_back(tmp_path: Path, given: tuple[Cube, Unmixing, Annotation | None]) -> None:
    cube, result, annotation = given
    run = read_run(write_run(tmp_path / "run", cube, result, REPORT, annotation=annotation, overwrite=True))
    assert same(run.endmembers, result.endmembers)
    for name in ("abundances", "abundance_std", "illumination", "regions"):
        assert same(getattr(run, name), getattr(result, name)), name
    assert (run.axis.kind, run.names, run.spec, run.report) == (
        cube.spectral_axis.kind,
        result.names,
        result.spec,
        REPORT,
    )
    assert same(run.axis.values, cube.axis)
    assert run.notes == result.notes
    assert (run.georeference, run.reading_or(Reading())) == (cube.georeference, cube.reading)
    model = run.model()
    assert same(model["weights"], result.model["weights"])
    assert ("contribution.scores" in model) == (result.contribution is not None)
