"""The maps of several cubes in one viewer: whose are on view, what the user hid, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from napari.components import ViewerModel

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.naming import without_number
from napari_unmix.plugin.facts.session import Session, shown_hidden, shown_names
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.viewer.link import ViewerLink

pytestmark = [
    pytest.mark.gui,  # timers need Qt
    pytest.mark.usefixtures("qapp"),
]

DEFAULTS = ("endmember 1", "endmember 2", "endmember 3")


class Place:
    """A viewer without a window, with two cubes; runs are over at once."""

    def __init__(self, session: Session, cube: Cube, other: Cube, tools: Any, qtbot: Any) -> None:
        self.session, self.cube, self.other, self.qtbot = session, cube, other, qtbot
        self.viewer = ViewerModel()
        self.controller = Controller(session, run_inline, tools.make_engine())
        self.link = ViewerLink(self.viewer, session, self.controller)
        self.link.open()
        self.controller.add_cube(cube)

    def train(self, cube: Cube) -> None:
        """Train on a cube, opening it where it is not."""
        self.controller.add_cube(cube)
        self.work_on(cube)
        self.controller.start()
        self.qtbot.waitUntil(lambda: len(self.maps(cube)) == 3)
        self.qtbot.wait(30)

    def work_on(self, cube: Cube) -> None:
        """Choose a cube."""
        self.controller.set_cube(cube)
        self.qtbot.wait(30)

    def maps(self, cube: Cube) -> list[Any]:
        """The abundance layers of a cube, by endmember."""
        found = [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]
        mine = [layer for layer in found if layer.metadata["cube"] is cube]
        return sorted(mine, key=lambda layer: int(layer.metadata["endmember"]))

    def visible(self) -> list[str]:
        """What the canvas shows."""
        return [layer.name for layer in self.viewer.layers if layer.visible]


@pytest.fixture
def place(session: Session, cube: Cube, tools: Any, qtbot: Any) -> Any:
    """Connected; closed in the end."""
    made = Place(session, cube, tools.make_cube(9, 9, name="other", seed=1), tools, qtbot)
    yield made
    made.link.close()


def test_the_maps_of_a_second_cube_are_on_view_and_so_are_the_firsts_when_it_is_trained_again(place: Place) -> None:
    place.controller.new_annotation()
    place.train(place.cube)
    place.train(place.other)
    assert shown_hidden(place.session) == frozenset()
    assert [layer.visible for layer in place.maps(place.other)] == [True] * 3
    assert len(place.visible()) == 3  # neither composite
    layers = place.viewer.layers
    assert min(map(layers.index, place.maps(place.other))) > layers.index("other composite")
    place.work_on(place.cube)
    assert len(place.visible()) == 4  # its own run
    place.train(place.cube)
    assert [layer.visible for layer in place.maps(place.cube)] == [True] * 3
    assert len(place.visible()) == 4


def test_coming_back_to_the_cube_of_the_result_shows_it_again(place: Place) -> None:
    place.train(place.cube)
    place.controller.set_visible(1, False)
    place.controller.rename_endmember(0, "water")
    shown = place.visible()
    place.controller.add_cube(place.other)
    place.work_on(place.other)
    assert place.visible() == ["other composite"]
    place.work_on(place.cube)
    assert shown == ["water", "endmember 3"]
    assert place.visible() == ["scene · water", "scene · endmember 3"]  # two cubes are open by now
    assert shown_names(place.session) == ("water", "endmember 2", "endmember 3")


def test_what_the_user_hides_stays_hidden_and_belongs_to_its_cube(place: Place) -> None:
    place.train(place.cube)
    place.maps(place.cube)[2].visible = False
    assert shown_hidden(place.session) == {2}
    place.viewer.layers["scene composite"].visible = True
    place.controller.set_option("seed", 4)
    place.train(place.cube)
    assert [layer.visible for layer in place.maps(place.cube)] == [True, True, False]
    assert place.viewer.layers["scene composite"].visible  # the user wants it beneath the maps
    place.train(place.other)
    assert [layer.visible for layer in place.maps(place.other)] == [True] * 3
    place.maps(place.cube)[0].visible = True  # to compare: no wish for the other cube's map
    place.maps(place.cube)[0].visible = False
    assert shown_hidden(place.session) == frozenset()
    place.train(place.cube)
    assert [layer.visible for layer in place.maps(place.cube)] == [True, True, False]


def test_a_cube_whose_maps_are_all_hidden_keeps_its_composite(place: Place) -> None:
    place.train(place.cube)
    for index in range(3):
        place.controller.set_visible(index, False)
    place.controller.add_cube(place.other)
    place.work_on(place.cube)
    assert place.visible() == ["scene composite"]


def test_excluding_bands_leaves_what_is_on_view(place: Place) -> None:
    place.train(place.cube)
    place.viewer.layers["scene composite"].visible = True
    place.controller.set_visible(0, False)
    before = place.visible()
    place.controller.exclude_bands("450-500")
    place.qtbot.wait(30)
    assert place.session.cube is not place.cube
    assert place.visible() == before
    assert shown_hidden(place.session) == {0}


def test_numbers_that_napari_adds_to_layers_are_no_names(place: Place) -> None:
    place.train(place.cube)
    place.train(place.other)
    assert [layer.name for layer in place.maps(place.other)] == [f"other · {name}" for name in DEFAULTS]
    assert shown_names(place.session) == DEFAULTS
    place.controller.set_option("seed", 4)
    place.train(place.other)
    assert shown_names(place.session) == DEFAULTS
    place.maps(place.cube)[1].name = "rock"
    assert shown_names(place.session) == DEFAULTS  # not the current cube's
    place.maps(place.other)[2].name = "rock"
    assert shown_names(place.session)[2] == "rock"
    assert place.maps(place.other)[2].name == "other · rock"


def test_a_name_with_a_number_that_the_user_gave_is_one(place: Place) -> None:
    place.train(place.cube)
    place.maps(place.cube)[0].name = "tree [2]"
    assert shown_names(place.session)[0] == "tree [2]"
    place.maps(place.cube)[1].name = "tree [2]"
    assert len(set(shown_names(place.session))) == 3


def test_names_that_change_places_end_without_numbers(place: Place) -> None:
    place.train(place.cube)
    for index, name in enumerate(("rock", "tree", "water")):
        place.controller.rename_endmember(index, name)
    run = place.session.run
    place.controller._put_run(replace(run, look=replace(run.look, names=("tree", "water", "rock"))))
    assert [layer.name for layer in place.maps(place.cube)] == ["tree", "water", "rock"]
    assert shown_names(place.session) == ("tree", "water", "rock")


def test_names_of_one_cube_are_not_given_to_the_next_by_place(place: Place) -> None:
    place.train(place.cube)
    place.controller.rename_endmember(1, "water")
    place.controller.add_cube(place.other)
    place.work_on(place.other)
    assert shown_names(place.session) == ()
    place.controller.start()  # the same spectra in the fake: the name goes to the endmember that looks so
    assert shown_names(place.session) == DEFAULTS  # what another cube's materials are called says nothing of this one


def test_an_export_is_of_the_run_that_is_shown(session: Session, cube: Cube, tools: Any, tmp_path: Any) -> None:
    from napari_unmix.progress import Progress

    written: list[tuple[str, ...]] = []

    def export(parent: Any, run: Any, pins: Any) -> Any:
        yield Progress("writing the result", 0, 1, 0.0)
        written.append(run.named.names)
        return parent

    controller = Controller(session, run_inline, tools.make_engine(export=export))
    controller.add_cube(cube)
    controller.start()
    controller.rename_endmember(1, "water")
    controller.export(tmp_path)
    controller.add_cube(tools.make_cube(name="other", seed=1))
    controller.export(tmp_path)
    assert session.trouble is not None  # this cube has no result
    controller.set_cube(cube)
    controller.export(tmp_path)
    assert written == [("endmember 1", "water", "endmember 3")] * 2


def test_numbers_are_taken_off() -> None:
    assert without_number("endmember 1 [12]") == "endmember 1"
    assert without_number("endmember 1") == "endmember 1"
    assert without_number("tree[2]") == "tree[2]"
