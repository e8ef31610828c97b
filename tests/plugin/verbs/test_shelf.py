"""A training of the window that was killed is offered with its cube, and goes on to the same bits; one that ends or is cancelled leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.verbs.shelf import MOST, Shelf
from napari_unmix.progress import drain

SPEC = spec_class("vae").model_validate({"method": "vae", "endmembers": 3, "epochs": 4, "batch": 16})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "trainings", every=0.0)


@pytest.fixture
def painting() -> Annotation:
    labels = np.zeros((12, 10), np.int32)
    labels[:4], labels[6] = 1, 2
    return Annotation(labels, {2: Meaning("material", "rock")})


def training(shelf: Shelf, cube: Cube, painting: Annotation | None = None) -> Any:
    return shelf.kept(cube, SPEC, painting, unmix(cube, SPEC, painting))


def killed(shelf: Shelf, cube: Cube, painting: Annotation | None = None, steps: int = 9) -> None:
    """What is there when the process goes without a word: the file as it was, put back after the generator was closed."""
    fit = training(shelf, cube, painting)
    for _ in range(steps):
        next(fit)
    left = {path: path.read_bytes() for path in shelf.folder.iterdir()}
    fit.close()
    for path, content in left.items():
        path.write_bytes(content)


def test_what_was_killed_goes_on_to_the_same_bits(shelf: Shelf, cube: Cube, painting: Annotation) -> None:
    whole = drain(unmix(cube, SPEC, painting))
    killed(shelf, cube, painting)
    seen: list[Any] = []
    result = drain(training(replace(shelf, every=1e9), replace(cube), painting), seen.append)
    assert result.abundances.tobytes() == whole.abundances.tobytes()
    assert result.history == whole.history
    assert list(shelf.folder.iterdir()) == []


def test_it_is_offered_with_its_settings_and_painting(shelf: Shelf, cube: Cube, painting: Annotation) -> None:
    killed(shelf, cube, painting)
    found = drain(shelf.unfinished(cube))
    assert found is not None
    assert found.spec == SPEC
    np.testing.assert_array_equal(found.annotation.labels, painting.labels)
    assert found.annotation.meanings == painting.meanings
    assert 0 < found.fraction < 1


@pytest.mark.parametrize("end", ["done", "cancelled"])
def test_nothing_is_left_of_one_that_ends(shelf: Shelf, cube: Cube, end: str) -> None:
    fit = training(shelf, cube)
    next(fit)
    next(fit)
    assert len(list(shelf.folder.iterdir())) == 1
    if end == "done":
        drain(fit)
    else:
        fit.close()
    assert list(shelf.folder.iterdir()) == []


def test_an_error_leaves_what_was_kept(shelf: Shelf, cube: Cube) -> None:
    def breaks() -> Generator[Any, None, Unmixing]:
        yield next(unmix(cube, SPEC))
        raise MemoryError

    with pytest.raises(MemoryError):
        drain(shelf.kept(cube, SPEC, None, breaks()))
    assert len(list(shelf.folder.iterdir())) == 1


def other_cubes(cube: Cube) -> dict[str, Cube]:
    spectra = cube.spectra.copy()
    spectra[3, 4, 5] += 1
    good, valid = cube.good_bands.copy(), cube.valid_pixels.copy()
    good[0], valid[5, 5] = False, False
    return {
        "spectra": replace(cube, spectra=spectra),
        "bands": replace(cube, good_bands=good),
        "mask": replace(cube, valid_pixels=valid),
        "axis": replace(cube, wavelengths=cube.axis + 1),
    }


@pytest.mark.parametrize("what", ["spectra", "bands", "mask", "axis"])
def test_another_cube_is_offered_nothing(shelf: Shelf, cube: Cube, what: str) -> None:
    killed(shelf, cube)
    assert drain(shelf.unfinished(other_cubes(cube)[what])) is None


def test_other_settings_start_anew(shelf: Shelf, cube: Cube, painting: Annotation) -> None:
    killed(shelf, cube, painting)
    whole = drain(unmix(cube, SPEC))
    assert drain(training(shelf, cube)).history == whole.history


@pytest.mark.parametrize("content", [b"", b"x" * 4000, b"\xff" * 9])
def test_damage_is_nothing_to_offer(shelf: Shelf, cube: Cube, content: bytes) -> None:
    killed(shelf, cube)
    (file,) = shelf.folder.iterdir()
    file.write_bytes(content)
    assert drain(shelf.unfinished(cube)) is None
    assert drain(training(shelf, cube)) is not None


def test_the_last_ones_stay(shelf: Shelf, tools: Any) -> None:
    for seed in range(MOST + 2):
        killed(shelf, tools.make_cube(seed=seed), steps=4)
        for age, path in enumerate(sorted(shelf.folder.iterdir(), key=os.path.getmtime, reverse=True)):
            os.utime(path, (1e9 - age, 1e9 - age))
    assert len(list(shelf.folder.iterdir())) == MOST
    assert drain(shelf.unfinished(tools.make_cube(seed=0))) is None
    assert drain(shelf.unfinished(tools.make_cube(seed=MOST + 1))) is not None


def test_the_controller_takes_it_up(shelf: Shelf, cube: Cube, painting: Annotation, session: Any, tools: Any) -> None:
    killed(shelf, cube, painting)
    engine = tools.make_engine(unfinished=shelf.unfinished, unmix=lambda *what: shelf.kept(*what, unmix(*what)))
    controller = Controller(session, run_inline, engine)
    controller.add_cube(cube)
    assert session.unfinished is not None
    controller.take_up()
    assert session.unfinished is None
    assert session.spec == SPEC
    assert session.annotation.meanings == painting.meanings
    assert session.run.unmixing.history == drain(unmix(cube, SPEC, painting)).history
    assert list(shelf.folder.iterdir()) == []


def test_another_training_is_not_asked_about_the_old_one(shelf: Shelf, cube: Cube, session: Any, tools: Any) -> None:
    killed(shelf, cube)
    controller = Controller(session, run_inline, tools.make_engine(unfinished=shelf.unfinished))
    controller.add_cube(cube)
    controller.start()
    assert session.unfinished is None
    controller.set_cube(None)
    assert session.unfinished is None
