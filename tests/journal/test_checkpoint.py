"""The file of a checkpoint: it comes back as it was, and whatever was done to it is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.conftest import quick

from napari_unmix.cube import Annotation, Cube, Georeference, Meaning
from napari_unmix.journal.checkpoint import (
    FORMAT,
    Checkpoint,
    Task,
    annotation_digest,
    cube_digest,
    read_checkpoint,
    task_of,
    write_checkpoint,
)
from napari_unmix.journal.circumstances import check_same, circumstances
from napari_unmix.journal.loops import Kept
from napari_unmix.sentences import UnmixError

PLACE = {
    "weights": [np.arange(6.0).reshape(2, 3), np.array(2.5)],
    "seen": np.zeros(0),
    "best": float("-inf"),
    "over": False,
}


def written(path: Path) -> bytes:
    """The bytes of a checkpoint."""
    task = Task("c" * 64, "", "{}")
    kept = {"training 1": Kept(PLACE, 7.5), "settling 2/posterior 1": Kept([], 0.5)}
    write_checkpoint(path, Checkpoint(task, {"labels": np.ones((2, 2), np.int32)}, kept, 0.25, 1e9, {"numpy": "2"}))
    return path.read_bytes()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("raw") / "c")


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    written(tmp_path / "c")
    found = read_checkpoint(tmp_path / "c")
    assert (found.task.cube, found.fraction, found.written, found.circumstances) == (
        "c" * 64,
        0.25,
        1e9,
        {"numpy": "2"},
    )
    np.testing.assert_array_equal(found.owner["labels"], np.ones((2, 2)))
    kept = found.kept["training 1"]
    assert kept.seconds == 7.5
    np.testing.assert_array_equal(kept.place["weights"][0], PLACE["weights"][0])  # type: ignore[index]
    assert kept.place["weights"][1].shape == ()
    assert kept.place["seen"].shape == (0,)
    assert kept.place["best"] == float("-inf")
    assert kept.place["over"] is False
    assert found.kept["settling 2/posterior 1"].place == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_changed_is_a_sentence(raw: bytes, tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(raw)
    kind = data.draw(st.sampled_from(["turned", "cut", "longer", "noise"]))
    if kind == "turned":
        place = data.draw(st.integers(0, len(raw) - 1))
        changed[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del changed[data.draw(st.integers(0, len(raw) - 1)) :]
    elif kind == "longer":
        changed += data.draw(st.binary(min_size=1, max_size=20))
    else:
        changed = bytearray(data.draw(st.binary(max_size=80)))
    path = tmp_path / "c"
    path.write_bytes(changed)
    with pytest.raises(UnmixError) as refused:
        read_checkpoint(path)
    assert str(refused.value).endswith(("anew.", "file."))


@pytest.mark.parametrize(
    "header", [[], 5, None, {"a": [[[]]] * 3}, {"__metadata__": {}}, {"__metadata__": {"format": FORMAT}}]
)
def test_other_headers_are_a_sentence(tmp_path: Path, header: Any) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "c").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(UnmixError, match="anew"):
        read_checkpoint(tmp_path / "c")


def test_another_version_is_named(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(raw.replace(FORMAT.encode(), FORMAT.encode()[:-1] + b"9"))
    with pytest.raises(UnmixError, match="is of the format napari-unmix checkpoint 9"):
        read_checkpoint(tmp_path / "c")


def changes(cube: Cube) -> dict[str, Cube]:
    """The cube, changed in one thing each."""
    spectra = cube.spectra.copy()
    spectra[1, 2, 3] = np.nextafter(spectra[1, 2, 3], np.float32(9))
    good, valid = cube.good_bands.copy(), cube.valid_pixels.copy()
    good[0], valid[0, 0] = False, False
    return {
        "one number": replace(cube, spectra=spectra),
        "bands": replace(cube, good_bands=good),
        "mask": replace(cube, valid_pixels=valid),
        "axis": replace(cube, wavelengths=cube.axis + 1),
        "shape": Cube(
            cube.spectra.reshape(12, 16, 24), cube.wavelengths, cube.good_bands, cube.valid_pixels.reshape(12, 16)
        ),
        "acquisitions": replace(cube, acquisitions=np.ones(cube.shape[:2], np.int32)),
        "place": replace(cube, georeference=Georeference((1.0, 0.0, 0.0, 0.0, 1.0, 0.0))),
    }


def test_every_change_of_a_cube_is_another(small_cube: Cube) -> None:
    digests = {cube_digest(cube) for cube in changes(small_cube).values()} | {cube_digest(small_cube)}
    assert len(digests) == 1 + len(changes(small_cube))
    assert cube_digest(replace(small_cube, name="other", source=Path("elsewhere"))) == cube_digest(small_cube)


def test_labels_and_meanings_are_the_painting(small_cube: Cube) -> None:
    labels = np.zeros((16, 12), int)
    labels[2] = 1
    paintings = [
        None, Annotation(labels), Annotation(labels.T.reshape(16, 12)), Annotation(labels, {1: Meaning("ignore")}),
        Annotation(labels, {1: Meaning("material", "a")}), Annotation(labels, {1: Meaning("material", "b")}),
    ]  # fmt: skip
    assert len({annotation_digest(painting) for painting in paintings}) == len(paintings)


def test_the_spec_is_the_task_s(small_cube: Cube) -> None:
    assert task_of(small_cube, quick("vae"), None) != task_of(small_cube, quick("vae", seed=1), None)
    assert task_of(small_cube, quick("vae"), None) == task_of(small_cube, quick("vae"), None)


@pytest.mark.parametrize("name", sorted(circumstances()))
def test_other_circumstances_are_refused_by_name(name: str) -> None:
    check_same(circumstances())
    with pytest.raises(UnmixError, match=f"The training began with {name} other, here it is"):
        check_same({**circumstances(), name: "other"})
    with pytest.raises(UnmixError, match=f"{name} unknown"):
        check_same({key: value for key, value in circumstances().items() if key != name})
