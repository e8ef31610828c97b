"""Whatever stands in a run's folder, reading it ends in the run or in one sentence."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix.methods.contract import implementation
from napari_unmix.output.page.text import report_text
from napari_unmix.output.run import OURS, read_run
from napari_unmix.output.run.arrays import write_array
from napari_unmix.sentences import UnmixError

ARRAYS = ("abundances", "abundance_std", "illumination", "side_information", "annotation", "valid_pixels")
# What this run has not: what a user asks for, and the cube itself, which a run of several keeps (test_keeping).
PICTURES = {"abundances.png", "endmembers.png", "report.html", "pins.csv"}
SAMPLE = {"sample.npy", "acquisitions.npy"}
once = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(folder: Path) -> str:
    """The sentence of a refusal, wherever it comes."""
    with pytest.raises(UnmixError) as error:
        whole(folder)
    return str(error.value)


def whole(folder: Path) -> None:
    """Read all of a run that any command reads."""
    run = read_run(folder)
    run.model()
    implementation(run.spec)  # its recipes
    run._findings()
    assert all(line.isprintable() for line in report_text(run.report, run.names).splitlines())


def changed(folder: Path, *where: Any, to: Any, file: str = "run.json") -> None:
    """Put a value at a place of a JSON file; ``...`` takes it away."""
    values = json.loads((folder / file).read_text())
    place = values
    for key in where[:-1]:
        place = place[key]
    if to is ...:
        del place[where[-1]]
    else:
        place[where[-1]] = to
    (folder / file).write_text(json.dumps(values))


def test_the_run_itself_is_whole(run: Path) -> None:
    whole(run)
    assert {path.name for path in run.iterdir()} == OURS - PICTURES - SAMPLE


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["notes"], 5), (["notes"], [{}]), (["notes", 0, "kind"], "rumour"), (["cube", "name"], ...), (["cube", "shape"], [16, 12]),
        (["cube", "shape"], [16, 12, 0]), (["cube", "shape"], [16, 12, 24.5]), (["cube", "shape"], [10**400, 1, 1]), (["cube", "sha256"], 5),
        (["cube", "georeference", "transform"], [1, 2]), (["cube", "georeference", "crs"], 5), (["cube", "reading"], {"scale": 5}),
        (["annotation"], 5), (["annotation", "labels", 0, "label"], "x"), (["annotation", "labels", 0, "kind"], "evil"), (["method"], ["ivae"]),
        (["method"], "nobody's"), (["spec"], 5), (["spec", "method"], "vae"), (["spec", "seed"], 10**400), (["names"], []), (["names"], ["a"]),
        (["names"], "rock"), (["history"], [["training", 1]]), (["history"], [["training", "1", 0.5]]), (["timings", "unmix_seconds"], -1),
        (["timings"], ...), (["findings"], 5), (["findings", "recipe"], {"kind": ["learned"]}), (["findings", "alpha"], [[1.0]]),
        (["findings", "noise"], -1.0), (["findings", "noise"], "NaN"), (["findings", "declared_regions"], 77),
        (["findings", "endmember_error"], [1.0]), (["versions"], ["0.1"]), (["seed"], None), (["card"], 5), (["card", "title"], 5),
        (["card", "title"], "x" * 201), (["card", "colours"], ["#ff0000"]), (["card", "colours"], ["red", "blue"]), (["card", "hidden"], [2]),
        (["card", "pins"], [[16, 0]]), (["card", "pins"], [[0]]), (["card", "pins"], [[-1, 0]]), (["card", "pin_names"], [[0, 0, "water"]]),
        (["timings", "ended"], "tomorrow"),
        (["timings", "ended"], "9999-12-31T23:59:59-23:00"), (["cube", "excluded_bands"], [25]), (["cube", "excluded_bands"], [0]),
        (["cube", "parts"], [{"source": 5, "reading": {}}]), (["annotation", "sha256"], "0" * 64),
    ],
)  # fmt: skip
def test_run_json_says_what_it_should(run: Path, where: list[Any], value: Any) -> None:
    changed(run, *where, to=value)
    assert "run again" not in (sentence := refused(run))
    assert "is a damaged run (" in sentence or "There is no method" in sentence


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["verdict"], 5), (["verdict"], "certain"), (["summary"], None), (["checks"], {}), (["checks", 0, "status"], "evil"),
        (["checks", 0, "sentence"], 5), (["checks", 0, "numbers"], 5), (["checks", 0, "numbers"], {"a": "1"}), (["checks", 0, "value"], "2"),
        (["checks", 0, "role"], "king"), (["checks", 0, "number"], 1.5), (["checks", 0, "threshold"], []), (["checks", 0, "colour"], "blue"),
    ],
)  # fmt: skip
def test_report_json_says_what_it_should(run: Path, where: list[Any], value: Any) -> None:
    changed(run, *where, to=value, file="report.json")
    assert "is a damaged run (its report is of another version, report.json, " in refused(run)


@pytest.mark.parametrize("text", ["", "5", "[]", "{", '{"a": NaN}', "[" * 100_000, "\x00", "9" * 5000, '"\\ud800"'])
@pytest.mark.parametrize("file", ["run.json", "report.json"])
def test_what_is_no_json_of_ours_is_damage(run: Path, file: str, text: str) -> None:
    (run / file).write_text(text)
    assert refused(run)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([10**400, "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@once
@given(data=st.data())
def test_any_value_at_any_place_is_read_or_refused(run: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(["run.json", "report.json"]))
    before = (run / file).read_text()
    where: list[Any] = []
    place = json.loads(before)
    while isinstance(place, (dict, list)) and place and (not where or data.draw(st.booleans())):
        where.append(data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))))
        place = place[where[-1]]
    try:
        changed(run, *where, to=data.draw(values), file=file)
        with contextlib.suppress(UnmixError):
            whole(run)
    finally:
        (run / file).write_text(before)


# --- arrays


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((16, 12, 2, 1), np.float32), np.zeros((12, 16, 2), np.float32), np.zeros(0, np.float32), np.zeros((16, 12, 2), complex),
        np.zeros((16, 12, 2), "U1"), np.zeros((16, 12, 2), "V0"), np.zeros((16, 11), bool), np.zeros((16, 12), "M8[s]"), np.float32(1),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)  # fmt: skip
def test_an_array_of_another_shape_or_kind_is_damage(run: Path, name: str, array: Any) -> None:
    np.save(run / f"{name}.npy", array)
    assert "is a damaged run (" in refused(run)


def _npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, x=np.zeros(3))


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def _object(path: Path) -> None:
    np.save(path, np.array([{}] * 384, dtype=object).reshape(16, 12, 2), allow_pickle=True)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _longer(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"x")


def _huge(path: Path) -> None:
    os.truncate(path, 1 << 42)  # sparse: 4 TB that are not there


def _header(text: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = text.encode()
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + bytes(16 * 12 * 2 * 4))

    return damage


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "damage",
    [
        _npz, _pickle, _object, _cut, _longer, _huge,
        _header("{'descr': '<f4', 'fortran_order': False, 'shape': (16L, 12L, 2L), }"), _header("{'descr': '<f4',\n  'x': 1L,\n }\n  5\n 3"),
        _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1{'0' * 400}, 1, 1), }}"), _header("{1: 2, 'a': 3}"), _header("("),
        _header("{'descr': '|V0', 'fortran_order': False, 'shape': (16, 12, 2), }"), _header("__import__('os').abort()"),
        _header("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 12, 2), }"),
        _header("{'descr': [('a', '<f4')], 'fortran_order': 0, 'shape': ()}"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_ours_is_damage(run: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(run / f"{name}.npy")
    assert "is a damaged run (" in refused(run)


def test_a_run_of_more_than_the_memory_is_told_by_its_size(run: Path) -> None:
    """All claims agree, and the file is sparse."""
    changed(run, "cube", "shape", to=[16, 1 << 34, 24])
    with (run / "abundances.npy").open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (16, 1 << 34, 2)}
        np.lib.format.write_array_header_1_0(stream, header)
        try:
            stream.truncate(stream.tell() + 16 * 2 * 4 * (1 << 34))
        except OSError:
            pytest.skip("this disk has no sparse files of that size")
    assert "abundances.npy needs 4.4 TB, this machine can give" in refused(run)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("abundances", (0, 0, 0), np.nan), ("abundances", (0, 0, 0), np.inf), ("abundances", (0, 0, 0), -0.5), ("abundances", (0, 0), 0.7),
        ("abundance_std", (0, 0, 0), -0.1), ("abundance_std", (0, 0, 1), np.nan), ("illumination", (3, 3), np.inf),
        ("illumination", (3, 3), np.nan), ("side_information", (0, 0), -1),
    ],
)  # fmt: skip
def test_numbers_that_can_not_be_are_damage(run: Path, name: str, place: tuple[int, ...], value: float) -> None:
    array = np.load(run / f"{name}.npy")
    array[place] = value
    np.save(run / f"{name}.npy", array)
    assert "is a damaged run (" in refused(run)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 0, 3)])
def test_arrays_are_written_as_numpy_writes_them(tmp_path: Path, order: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), order=order)  # type: ignore[call-overload]
    write_array(tmp_path / "ours.npy", array)
    np.save(tmp_path / "theirs.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


# --- the table, and the model


@pytest.mark.parametrize(
    ("row", "column", "cell"),
    [(1, 0, "inf"), (1, 0, "-400"), (1, 0, "1e300"), (3, 0, "nan"), (1, 1, "inf"), (1, 1, "nan"), (5, 2, "1e300"), (5, 2, ""), (5, 2, "x"),
     (0, 0, "x" * 200_000), (5, 1, "9" * 5000)],
)  # fmt: skip
def test_a_cell_that_can_not_be_is_damage(run: Path, row: int, column: int, cell: str) -> None:
    with (run / "endmembers.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[row][column] = cell
    with (run / "endmembers.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    assert "is a damaged run (" in refused(run)


def _saved(run: Path, **changes: Any) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(run / "model.safetensors") | {name.replace("_", "."): array for name, array in changes.items()}
    save_file({name: array for name, array in arrays.items() if array is not None}, run / "model.safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {"contribution_scores": None}, {"contribution_basis": None}, {"contribution_scores": np.zeros((16, 12, 4), np.float32)},
        {"contribution_scores": np.zeros((12, 16, 3), np.float32)}, {"contribution_basis": np.zeros((3, 23))},
        {"contribution_basis": np.zeros(0)}, {"noise_variance": np.array([np.inf])},
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_is_damage(run: Path, changes: dict[str, Any]) -> None:
    _saved(run, **changes)
    assert "is a damaged run (" in refused(run)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 8, b"\xff" * 16, (1 << 63).to_bytes(8, "little") + b"{}", b"\x02\x00\x00\x00\x00\x00\x00\x00[]", pickle.dumps([1])],
)  # fmt: skip
def test_a_model_that_is_none_is_damage(run: Path, content: bytes) -> None:
    (run / "model.safetensors").write_bytes(content)
    assert "is a damaged run (" in refused(run)


# --- what is no file


READ = sorted(OURS - PICTURES - SAMPLE - {"endmembers.hdr", "endmembers.sli", "again.py"})


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["pipe", "link", "dangling link", "link to a device", "folder"])
def test_only_files_of_the_folder_are_read_and_nothing_is_waited_for(run: Path, name: str, kind: str) -> None:
    outside = (run / name).rename(run.parent / "outside")
    make: dict[str, Callable[[Path], object]] = {
        "pipe": os.mkfifo,
        "link": lambda path: path.symlink_to(outside),
        "dangling link": lambda path: path.symlink_to("nowhere"),
        "link to a device": lambda path: path.symlink_to("/dev/zero"),
        "folder": Path.mkdir,
    }
    make[kind](run / name)
    assert f"{name} is a {kind.split()[-1] if 'dangling' in kind else kind.split()[0]}" in refused(run)
