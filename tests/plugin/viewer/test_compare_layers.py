"""What the canvas shows of two runs: layers that come, change and go with the comparison, in a viewer without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import Session, shown_hidden
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.viewer.link import ViewerLink

pytestmark = [
    pytest.mark.gui,  # timers need Qt
    pytest.mark.usefixtures("qapp"),
]


class Place:
    """A viewer with a cube and two runs of it, the first beside the second."""

    def __init__(self, session: Session, cube: Cube, tools: Any, qtbot: Any) -> None:
        self.session, self.cube, self.qtbot = session, cube, qtbot
        self.viewer = ViewerModel()
        self.controller = Controller(session, run_inline, tools.make_engine())
        self.link = ViewerLink(self.viewer, session, self.controller)
        self.link.open()
        self.controller.add_cube(cube)
        for seed in (0, 4):
            self.controller.set_option("seed", seed)
            self.controller.start()
        self.controller.compare_with(1)
        self.settle()

    def settle(self) -> None:
        """All turns are over; layers that go are gone."""
        self.qtbot.wait(60)
        self.qtbot.waitUntil(lambda: all(layer.opacity for layer in self.layers))

    def view(self, view: Any) -> Any:
        """Choose a view; its layer."""
        self.controller.view_comparison(view)
        self.settle()
        return next((layer for layer in self.layers if layer.visible), None)

    @property
    def layers(self) -> list[Any]:
        """Those of the comparison."""
        return [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == "comparison"]

    def maps(self) -> list[Any]:
        """The abundance layers."""
        return [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]


@pytest.fixture
def place(session: Session, cube: Cube, tools: Any, qtbot: Any) -> Any:
    """Connected; closed in the end."""
    made = Place(session, cube, tools, qtbot)
    yield made
    made.link.close()


def test_a_comparison_alone_leaves_the_canvas_as_it_is(place: Place) -> None:
    assert place.layers == []


def test_the_difference_is_symmetric_about_nothing(place: Place) -> None:
    layer = place.view("difference")
    overlay: Any = place.session.overlay
    assert layer.data is overlay.plane
    assert layer.contrast_limits == [pytest.approx(-overlay.limit), pytest.approx(overlay.limit)]
    low, middle, high = (layer.colormap.map(np.array([value]))[0] for value in (0.0, 0.5, 1.0))
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert min(middle[:3]) > 0.9
    assert layer.name == "endmember 1: ivae 2 − ivae (%)"
    place.controller.compare_material(2)
    place.settle()
    assert place.layers == [layer]
    assert layer.name == "endmember 3: ivae 2 − ivae (%)"
    overlay = place.session.overlay
    assert layer.data is overlay.plane
    place.controller.rename_endmember(2, "rock")
    place.settle()
    assert layer.name.startswith("rock: ")


def test_flicker_shows_the_other_run_and_says_which(place: Place) -> None:
    layer = place.view("flicker")
    pictures: Any = place.session.overlay
    np.testing.assert_array_equal(layer.data, pictures.shown)
    assert layer.name == "seen: ivae 2"
    assert layer.name_overlay.visible
    place.controller.see_other()
    place.settle()
    np.testing.assert_array_equal(layer.data, pictures.beside)
    assert layer.name == "seen: ivae"


def test_flicker_by_itself_is_below_two_a_second_and_stops(place: Place) -> None:
    place.view("flicker")
    seen: list[bool] = []
    place.session.events.comparing.connect(lambda comparing: seen.append(comparing.other))
    place.controller.flicker(True)
    seen.clear()
    place.qtbot.wait(1600)
    assert seen in ([True, False], [True])  # the slower, the less
    place.controller.flicker(False)
    seen.clear()
    place.qtbot.wait(800)
    assert seen == []


def test_the_split_follows_its_divider(place: Place) -> None:
    layer = place.view("split")
    pictures: Any = place.session.overlay
    place.controller.move_divider(0.3)
    place.settle()
    np.testing.assert_array_equal(layer.data[:, :2], pictures.shown[:, :2])
    np.testing.assert_array_equal(layer.data[:, 5:], pictures.beside[:, 5:])
    assert (layer.data[:, 3] == 255).all()


def test_the_layers_lie_over_the_maps_and_under_paint_and_pixel(place: Place) -> None:
    place.controller.new_annotation()
    place.controller.select_pixel(3, 3)
    place.settle()
    layers = place.viewer.layers
    layer = place.view("split")
    active = layers.selection.active
    assert active is not layer
    assert max(map(layers.index, place.maps())) < layers.index(layer)
    over = [other.metadata["napari_unmix"] for other in layers[layers.index(layer) + 1 :]]
    assert sorted(over) == ["annotation", "mark"]
    layers.move(layers.index(layer), 0)  # the user puts it at the bottom, and asks for another view
    place.view("flicker")
    assert max(map(layers.index, place.maps())) < layers.index(layer)


def test_views_take_turns_without_new_layers_and_all_go_in_the_end(place: Place) -> None:
    difference, pictures = place.view("difference"), place.view("split")
    assert (difference.visible, pictures.visible) == (False, True)
    assert place.view("flicker") is pictures
    assert place.view("difference") is difference
    assert shown_hidden(place.session) == frozenset()  # the maps beneath are as the user wants them
    place.view("one")
    assert place.layers == []
    assert [layer.visible for layer in place.maps()] == [True] * 3
    place.view("split")
    place.controller.compare_with(None)
    place.settle()
    assert place.layers == []


def test_a_layer_that_the_user_deletes_ends_its_view(place: Place) -> None:
    place.viewer.layers.remove(place.view("difference"))
    place.settle()
    assert place.session.comparing.view == "one"
    assert place.layers == []
    assert place.view("difference") is not None


def test_another_cube_and_back(place: Place, tools: Any) -> None:
    place.view("split")
    place.controller.add_cube(tools.make_cube(9, 9, name="other", seed=1))
    place.settle()
    assert place.layers == []
    place.controller.set_cube(place.cube)
    place.settle()
    (layer,) = place.layers
    assert layer.visible
    assert layer.data.shape == (12, 10, 3)
    for image in [layer for layer in place.viewer.layers if layer.name.startswith("scene ")]:
        place.viewer.layers.remove(image)  # the cube is closed
    place.settle()
    assert place.layers == []


def test_a_preview_of_a_run_under_way_is_not_compared(
    session: Session, cube: Cube, tools: Any, qtbot: Any, place: Place
) -> None:
    runner = tools.HeldRunner()
    place.view("split")
    place.controller._one_run._runner = runner
    place.controller.start()
    job = runner.jobs[-1]
    job.step()
    place.settle()
    assert place.session.overlay is None
    assert [layer.visible for layer in place.layers] == [False]
    place.controller.cancel()
    place.settle()
    assert [layer.visible for layer in place.layers] == [True]


def test_closing_takes_the_layers_the_key_and_the_mouse_away(place: Place) -> None:
    before = list(place.viewer.mouse_drag_callbacks)
    place.view("flicker")
    place.link.close()
    place.settle()
    assert place.layers == []
    assert len(place.viewer.mouse_drag_callbacks) < len(before)
    assert not [key for key in place.viewer.keymap if str(key) == "W"]
