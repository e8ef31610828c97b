"""Verbs on reading out: pins, windows, bands, what is written. Fakes at the seam, no window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.verbs.spectra_work import noisy_bands_of
from napari_unmix.progress import Fit, Progress, drain


@pytest.fixture
def controller(session: Session, cube: Cube, tools: Any) -> Controller:
    made = Controller(session, run_inline, tools.make_engine())
    made.add_cube(cube)
    return made


def pins(controller: Controller, *places: tuple[int, int]) -> None:
    for place in places:
        controller.select_pixel(*place)
        controller.pin()


def test_a_click_on_a_pin_picks_it_and_elsewhere_none(controller: Controller) -> None:
    session = controller.session
    pins(controller, (2, 2), (8, 6))
    controller.ask(3, 2, reach=1.5)
    assert (session.picked, session.pixel) == ((2, 2), (2, 2))
    controller.ask(5, 5, reach=1.5)
    assert (session.picked, session.pixel) == (None, (5, 5))
    controller.ask(50, 5, reach=1.5)
    assert session.pixel == (5, 5)


def test_pins_are_removed_one_by_one_and_come_back(controller: Controller) -> None:
    session = controller.session
    pins(controller, (2, 2), (8, 6), (4, 4))
    controller.pick_pin(1)
    controller.unpin(0)
    assert session.pins == ((8, 6), (4, 4))
    assert session.picked == (8, 6)
    controller.unpin(0)
    assert session.picked is None
    controller.undo()
    controller.undo()
    assert session.pins == ((2, 2), (8, 6), (4, 4))
    controller.clear_pins()
    assert session.pins == ()
    controller.undo()
    assert len(session.pins) == 3


def test_pins_belong_to_their_cube(controller: Controller, cube: Cube, tools: Any) -> None:
    session = controller.session
    pins(controller, (2, 2), (8, 6))
    controller.pick_pin(1)
    other = tools.make_cube(name="other", seed=1)
    controller.add_cube(other)
    assert (session.pins, session.picked) == ((), None)
    controller.set_cube(cube)
    assert (session.pins, session.picked) == (((2, 2), (8, 6)), (8, 6))


def test_the_pointer_reads_out_inside_the_cube_only(controller: Controller) -> None:
    controller.hover(3, 4)
    assert controller.session.hover == (3, 4)
    controller.hover(-1, 4)
    assert controller.session.hover is None
    controller.hover(3, 4)
    controller.leave_hover()
    assert controller.session.hover is None


def test_windows_are_of_the_sizes_there_are(controller: Controller) -> None:
    controller.average(5)
    controller.average(4)
    assert controller.session.averaging == 5


def test_a_band_that_is_not_there_is_the_nearest(controller: Controller) -> None:
    for asked, shown in ((3, 3), (99, 7), (-2, 0)):
        controller.show_band(asked)
        assert controller.session.band == shown


def test_ranges_are_excluded_and_taken_in_again_as_they_were_written(controller: Controller) -> None:
    session = controller.session
    controller.exclude_bands("500-600")
    controller.exclude_range(740, 790)
    np.testing.assert_array_equal(~session.cube.good_bands, [0, 1, 1, 0, 0, 1, 0, 0])
    assert session.bands_written == "500-600, 750–800"
    controller.exclude_range(500, 520, excluded=False)
    np.testing.assert_array_equal(~session.cube.good_bands, [0, 0, 1, 0, 0, 1, 0, 0])
    controller.undo()
    np.testing.assert_array_equal(~session.cube.good_bands, [0, 1, 1, 0, 0, 1, 0, 0])


def test_what_was_written_of_bands_belongs_to_its_cube(controller: Controller, cube: Cube, tools: Any) -> None:
    """Finding 19: after another cube, “500-640” came back in other numbers."""
    session = controller.session
    controller.exclude_bands("500-640")
    mine = session.cube
    controller.add_cube(tools.make_cube(name="other", seed=1))
    assert session.bands_written == ""
    controller.set_cube(mine)
    assert session.bands_written == "500-640"


def test_noisy_bands_are_suggested_and_excluded(session: Session, cube: Cube, tools: Any) -> None:
    def noisy(asked: Cube) -> Fit[tuple[int, ...]]:
        yield Progress("looking", 0, 1, 0.0)
        return (1, 6)

    controller = Controller(session, run_inline, tools.make_engine(noisy=noisy))
    controller.add_cube(cube)
    before = session.cube.good_bands.copy()
    controller.suggest_noisy()
    assert session.noisy == (1, 6)
    assert (session.cube.good_bands == before).all()
    controller.exclude_noisy()
    expected = before.copy()
    expected[[1, 6]] = False
    np.testing.assert_array_equal(session.cube.good_bands, expected)
    assert session.noisy is None


def test_bands_of_noise_are_found() -> None:
    rng = np.random.default_rng(0)
    endmembers = 0.5 + 0.3 * np.sin(np.linspace(0, 6, 60)[None] + np.array([0, 1, 2.5])[:, None])
    spectra = rng.dirichlet(np.ones(3), (50, 50)) @ endmembers + rng.normal(0, 0.002, (50, 50, 60))
    spectra[..., [20, 21]] += rng.normal(0, 0.6, (50, 50, 2))
    fit = noisy_bands_of(Cube(spectra.astype(np.float32), np.linspace(400, 2500, 60)))
    assert drain(fit) == (20, 21)


def test_what_is_drawn_is_written_whole_or_a_sentence_says_why_not(controller: Controller, tmp_path: Path) -> None:
    session = controller.session
    controller.write_spectra(tmp_path / "spectra.csv", b"a,b\n")
    assert (tmp_path / "spectra.csv").read_bytes() == b"a,b\n"
    assert session.spectra_written == tmp_path / "spectra.csv"
    assert session.chore is None
    controller.write_spectra(tmp_path / "nowhere" / "spectra.csv", b"a,b\n")
    assert session.spectra_written is None
    assert "cannot be written" in session.trouble.sentence
