"""Known spectra of step 3: chosen of a library, held by the next training, removed, undone; they belong to a cube."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.given import Given
from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.plugin.facts.known_spectra import HeldSpectrum, held_of, said_of
from napari_unmix.plugin.facts.locks import all_endmembers, to_train_on, waits_for_training, why_not_train_on
from napari_unmix.plugin.facts.session import Session, current_run, out_of_date
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.progress import Progress

NAMES = ("rock", "soil", "tree")


class Trainer:
    """A fake training that notes what was given to it, and answers with it."""

    def __init__(self, tools: Any) -> None:
        self.tools, self.given = tools, []

    def __call__(self, cube: Cube, spec: Any, annotation: Any, given: Given | None = None) -> Any:
        self.given.append(given)
        yield Progress("training", 0, 1, 0.0)
        known = 0 if given is None else len(given)
        count = max(known, 3 if spec.endmembers == "auto" else spec.endmembers)
        names = (*(() if given is None else given.names), *(f"endmember {k + 1}" for k in range(known, count)))
        result = self.tools.make_unmixing(cube, spec, count, names)
        if given is not None:
            result.endmembers[:known] = given.spectra
        return result.with_given(given)


@pytest.fixture
def trainer(tools: Any) -> Trainer:
    return Trainer(tools)


@pytest.fixture
def controller(session: Session, tools: Any, trainer: Trainer, cube: Cube) -> Controller:
    made = Controller(session, run_inline, tools.make_engine(unmix=trainer))
    made.add_cube(cube)
    return made


@pytest.fixture
def library(cube: Cube, tmp_path: Path) -> Path:
    """Three spectra on finer bands than the cube's, as bright as its pixels."""
    fine = np.linspace(cube.wavelengths.min() - 20, cube.wavelengths.max() + 20, 60)
    level = float(np.median(cube.pixels()))
    spectra = level * np.array([0.5 + np.linspace(0, 1, 60), 1.5 - np.linspace(0, 1, 60), 1 + 0.5 * np.sin(fine / 60)])
    return write_library(SpectralLibrary(spectra, fine, NAMES), tmp_path / "mine.sli")[0]


def held(session: Session) -> tuple[str, ...]:
    return tuple(one.name for one in session.held)


def hold(controller: Controller, library: Path | None, *rows: int, scale: str = "") -> None:
    controller.offer_library(library)
    controller.hold_spectra(rows, scale)


def test_what_is_chosen_is_held_in_its_order_and_the_number_follows(
    session: Session, controller: Controller, trainer: Trainer, library: Path
) -> None:
    hold(controller, library, 2, 0)
    assert (held(session), session.spec.endmembers, session.offered) == (("tree", "rock"), 2, None)
    controller.start()
    (given,) = trainer.given
    assert (given.names, given.sources) == (("tree", "rock"), ("from mine",) * 2)
    assert given.held.all()
    assert current_run(session).look.names == ("tree", "rock")
    assert not waits_for_training(session)
    assert not out_of_date(session)
    assert all_endmembers(current_run(session)).held.all()  # training on holds them too


def test_more_are_asked_for_and_the_others_are_found_beside_them(
    session: Session, controller: Controller, trainer: Trainer, library: Path
) -> None:
    controller.set_option("endmembers", 3)
    hold(controller, library, 1)
    assert session.spec.endmembers == 3
    controller.start()
    assert trainer.given[0].names == ("soil",)
    assert current_run(session).look.names[0] == "soil"
    assert not all_endmembers(current_run(session)).held[1:].any()


def test_training_on_holds_what_is_locked_and_what_is_known(
    session: Session, controller: Controller, trainer: Trainer, library: Path
) -> None:
    controller.start()
    controller.rename_endmember(0, "soil")
    controller.lock_endmember(2)
    before = current_run(session).unmixing.endmembers
    hold(controller, library, 1, 2)
    controller.train_on()
    given = trainer.given[-1]
    # soil takes the place of the endmember of its name, tree is one more; what is locked stays.
    assert given.names == ("soil", "endmember 2", "endmember 3", "tree")
    assert given.held.tolist() == [True, False, True, True]
    assert (given.sources[0], given.sources[3]) == ("from mine", "from mine")
    np.testing.assert_array_equal(given.spectra[[0, 3]], [one.values for one in session.held])
    np.testing.assert_array_equal(given.spectra[[1, 2]], before[[1, 2]])
    assert session.spec.endmembers == 4
    assert not waits_for_training(session)
    # What is known no more is where training on begins, and is free.
    session.held = session.held[1:]
    again = to_train_on(session, current_run(session))
    assert dict(zip(again.names, again.held.tolist(), strict=True))["soil"] is False


@pytest.mark.parametrize(("degrees", "name"), [(7.9, "water"), (8.1, "endmember 1")])
def test_a_known_spectrum_takes_the_place_of_the_same_material(
    session: Session, controller: Controller, degrees: float, name: str
) -> None:
    controller.start()
    spectrum = current_run(session).unmixing.endmembers[0].copy()
    across = np.where(np.isfinite(spectrum), np.roll(np.nan_to_num(spectrum), 2), np.nan)
    across -= spectrum * np.nansum(across * spectrum) / np.nansum(spectrum**2)
    across *= np.sqrt(np.nansum(spectrum**2) / np.nansum(across**2))
    known = np.cos(np.radians(degrees)) * spectrum + np.sin(np.radians(degrees)) * across
    session.held = (HeldSpectrum("water", "from mine", known),)
    given = to_train_on(session, current_run(session))
    assert given.names[0] == name
    assert ("water" in given.names[3:]) is (name != "water")
    # One that is locked gives its place to nobody.
    controller.lock_endmember(0)
    assert to_train_on(session, current_run(session)).names[0] == "endmember 1"


def test_more_than_can_be_trained_on_is_a_sentence(session: Session, controller: Controller) -> None:
    controller.start()
    session.held = tuple(HeldSpectrum(f"known {k}", "from mine", np.eye(8)[k % 8]) for k in range(28))
    assert why_not_train_on(session) == (
        "3 endmembers and 28 further known spectra are 31, at most 30 can be trained: remove some."
    )
    session.held = session.held[:27]
    assert why_not_train_on(session) == ""


@pytest.mark.parametrize(
    ("known", "asked", "sentence"),
    [
        (0, 3, ""),
        (2, 2, "2 known, and no other is looked for."),
        (2, 3, "2 known; 1 other is found beside them."),
        (1, 4, "1 known; 3 others are found beside it."),
        (1, "auto", "1 known; auto looks for others beside it."),
    ],
)
def test_how_many_there_will_be_is_said(session: Session, known: int, asked: Any, sentence: str) -> None:
    from napari_unmix.plugin.facts.known_spectra import HeldSpectrum

    some = [HeldSpectrum(f"{k}", "", np.ones(3)) for k in range(known)]
    assert said_of(some, session.spec.model_copy(update={"endmembers": asked})) == sentence


def test_holding_and_removing_are_undone_and_done_again(
    session: Session, controller: Controller, library: Path
) -> None:
    hold(controller, library, 0, 1, 2)
    assert session.undoable == "holding 3 known spectra"
    controller.release_spectrum(1)
    assert (held(session), session.undoable) == (("rock", "tree"), "removing soil")
    controller.undo()
    assert held(session) == NAMES
    controller.undo()
    assert (held(session), session.spec.endmembers) == ((), "auto")
    controller.redo()
    assert (held(session), session.spec.endmembers) == (NAMES, 3)


def test_they_belong_to_the_cube(
    session: Session, controller: Controller, trainer: Trainer, library: Path, tools: Any
) -> None:
    hold(controller, library, 0, 1)
    first, other = session.cube, tools.make_cube(name="other", seed=5)
    controller.add_cube(other)
    assert (held(session), session.spec.endmembers) == ((), "auto")
    controller.start()
    assert trainer.given == [None]
    controller.set_cube(first)
    assert held(session) == ("rock", "soil")


def test_a_run_made_with_others_is_out_of_date(session: Session, controller: Controller, library: Path) -> None:
    hold(controller, library, 0, 1, 2)
    controller.start()
    controller.release_spectrum(2)
    assert out_of_date(session) == "known spectra changed since"
    controller.undo()
    assert not out_of_date(session)


def test_settings_that_change_meanwhile_stay(session: Session, tools: Any, cube: Cube, library: Path) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    controller.offer_library(library)
    runner.jobs[-1].finish()
    controller.hold_spectra([0, 1])
    controller.set_option("illumination", True)
    controller.set_option("endmembers", 4)
    runner.jobs[-1].finish()
    assert (held(session), session.spec.illumination, session.spec.endmembers) == (("rock", "soil"), True, 4)


def test_what_is_held_of_a_cube_that_was_left_meanwhile_is_given_up(
    session: Session, tools: Any, cube: Cube, library: Path
) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(cube)
    controller.offer_library(library)
    runner.jobs[-1].finish()
    controller.hold_spectra([0, 1])
    job = runner.jobs[-1]
    controller.add_cube(tools.make_cube(name="other", seed=5))
    job.finish()
    assert held(session) == ()


def test_back_to_the_settings_of_a_run_brings_its_spectra_back(
    session: Session, controller: Controller, library: Path
) -> None:
    hold(controller, library, 0, 1)
    controller.start()
    controller.release_spectrum(0)
    controller.release_spectrum(0)
    controller.use_run(current_run(session).number)
    assert held(session) == ("rock", "soil")
    assert not out_of_date(session)
    controller.undo()
    assert held(session) == ()


def test_a_run_that_was_read_has_those_of_a_library(cube: Cube) -> None:
    spectra = np.array([cube.spectra[2, 2], cube.spectra[5, 5], cube.spectra[7, 7]], float)
    sources = ("from mine", "pin 1", "from mine")
    given = Given(spectra, np.array([True, True, False]), NAMES, sources)
    (one,) = held_of(given)
    assert (one.name, one.source, one.values.tolist()) == ("rock", "from mine", spectra[0].tolist())
    assert held_of(None) == ()


def test_a_locked_endmember_is_held_beside_them_once(
    session: Session, controller: Controller, trainer: Trainer, library: Path
) -> None:
    hold(controller, library, 0)
    controller.set_option("endmembers", 3)
    controller.start()
    controller.rename_endmember(1, "clay")
    controller.lock_endmember(0)  # which is known anyway
    controller.lock_endmember(1)
    controller.start()
    assert trainer.given[-1].names == ("rock", "clay")
    assert trainer.given[-1].held.all()


def test_other_units_are_a_sentence_where_brightness_counts(
    session: Session, controller: Controller, trainer: Trainer, library: Path, cube: Cube, tmp_path: Path
) -> None:
    fine = np.linspace(cube.wavelengths.min() - 20, cube.wavelengths.max() + 20, 60)
    per_cent = np.array([100 + np.linspace(0, 1, 60), 200 - np.linspace(0, 90, 60)])
    path, _ = write_library(SpectralLibrary(per_cent, fine, ("a", "b")), tmp_path / "percent.sli")
    hold(controller, path, 0, 1)
    controller.start()
    assert (session.trouble.step, trainer.given) == ("train", [])
    assert "hold them again with the scale 0.01" in session.trouble.sentence
    controller.set_option("illumination", True)
    controller.start()
    assert len(trainer.given) == 1
    controller.set_option("illumination", False)
    controller.release_spectrum(0)
    controller.release_spectrum(0)
    hold(controller, path, 0, 1, scale="0,01")
    controller.start()
    np.testing.assert_allclose(trainer.given[-1].spectra.max(), 2.0, rtol=0.05)


def test_what_can_not_be_held_is_a_sentence_in_the_step(
    session: Session, controller: Controller, library: Path, tmp_path: Path
) -> None:
    hold(controller, library, 0, scale="ten")
    assert "The scale is ten: give a number above zero" in session.trouble.sentence
    controller.hold_spectra([0])
    hold(controller, library, 0)
    assert "the same spectrum" in session.trouble.sentence
    assert held(session) == ("rock",)
    controller.offer_library(tmp_path / "nothing.csv")
    assert (session.trouble.step, "There is no library" in session.trouble.sentence) == ("method", True)
    controller.close_library()
    assert session.offered is None
    controller.hold_spectra([0])
    assert held(session) == ("rock",)


def test_the_cube_read_on_other_bands_has_none(
    session: Session, tools: Any, trainer: Trainer, library: Path, tmp_path: Path, cube: Cube
) -> None:
    from dataclasses import replace

    parted = replace(cube, spectra=cube.spectra[..., :6], wavelengths=cube.wavelengths[:6], good_bands=np.ones(6, bool))
    read = iter([replace(cube, source=tmp_path / "a.npy"), parted, replace(cube, source=tmp_path / "a.npy")])

    def reads(path: Path, reading: Any) -> Any:
        yield Progress("reading", 0, 1, 0.0)
        return replace(next(read), source=path, reading=reading)

    controller = Controller(session, run_inline, tools.make_engine(unmix=trainer, read=reads))
    controller.open(tmp_path / "a.npy")
    hold(controller, library, 0, 1)
    controller.read_again({"scale": "2"})
    assert session.cube.shape[2] == 6
    assert held(session) == ()
