"""Layers of further maps, of several cubes in one list, of shapes: with napari's viewer model, no window."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.derived import DOMINANT, View
from napari_unmix.plugin.facts.session import Session, shown_names
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.viewer import quiet
from napari_unmix.plugin.viewer.link import ViewerLink

pytestmark = [
    pytest.mark.gui,  # timers need Qt
    pytest.mark.usefixtures("qapp"),
]

SPREAD = View("spread")


class Place:
    """A viewer without a window, with a trained cube and another one that is not open yet."""

    def __init__(self, session: Session, cube: Cube, other: Cube, tools: Any, qtbot: Any) -> None:
        self.session, self.cube, self.other, self.qtbot = session, cube, other, qtbot
        self.viewer = ViewerModel()
        self.controller = Controller(session, run_inline, tools.make_engine())
        self.link = ViewerLink(self.viewer, session, self.controller)
        self.link.open()
        self.train(cube)

    def train(self, cube: Cube) -> None:
        """Train on a cube, opening it where it is not."""
        self.controller.add_cube(cube)
        self.controller.set_cube(cube)
        self.controller.start()
        self.settle()

    def settle(self) -> None:
        """Let the turns of the event loop pass."""
        self.qtbot.wait(120)

    def of(self, role: str) -> list[Any]:
        """The layers of a role, from the bottom."""
        return [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == role]

    def names(self) -> list[str]:
        """Of all layers, from the bottom."""
        return [layer.name for layer in self.viewer.layers]


@pytest.fixture
def place(session: Session, cube: Cube, tools: Any, qtbot: Any) -> Any:
    """Connected; closed in the end."""
    made = Place(session, cube, tools.make_cube(9, 9, bands=14, name="other", seed=1), tools, qtbot)
    yield made
    made.link.close()


# --- further maps


def test_no_layer_is_made_that_was_not_asked_for_and_none_stays_that_is_not_any_more(place: Place) -> None:
    assert place.of("derived") == []
    place.controller.show_view(DOMINANT)
    place.controller.show_view(SPREAD)
    place.settle()
    dominant, spread = place.of("derived")
    assert isinstance(dominant, Labels)
    assert isinstance(spread, Image)
    assert dominant.data.max() == 3
    assert spread.colorbar.visible
    assert spread.contrast_limits[1] == pytest.approx(np.nanpercentile(spread.data, 99), rel=1e-5)
    place.controller.show_alone(0)
    place.settle()
    assert place.of("derived") == []


def test_further_maps_lie_above_the_maps_and_below_paint_and_are_no_painting(place: Place) -> None:
    place.controller.new_annotation()
    painting = place.of("annotation")[0]
    place.controller.show_view(DOMINANT)
    place.settle()
    assert place.names()[-2:] == ["dominant endmember", "annotation"]
    place.viewer.layers.remove(painting)
    assert place.session.annotation is None
    place.controller.set_cube(None)
    place.controller.set_cube(place.cube)
    assert place.session.annotation is None  # the labels of the dominant endmember were not taken for one


def test_names_and_colours_follow_the_endmembers(place: Place) -> None:
    place.controller.show_view(DOMINANT)
    place.controller.show_view(View("spread", 1))
    place.settle()
    place.controller.rename_endmember(1, "rock")
    place.controller.colour_endmember(1, "#010203")
    dominant, spread = place.of("derived")
    assert spread.name == "spread of rock"
    assert list(dominant.features["endmember"]) == ["no data", "endmember 1", "rock", "endmember 3"]
    np.testing.assert_allclose(dominant.colormap.map(2)[:3], np.array([1, 2, 3]) / 255, atol=1e-3)


def test_further_maps_follow_the_run_that_is_shown(place: Place) -> None:
    place.controller.show_view(DOMINANT)
    place.settle()
    layer = place.of("derived")[0]
    before = layer.data.copy()
    place.controller.set_option("seed", 4)
    place.train(place.cube)
    assert place.of("derived") == [layer]  # updated in place
    np.testing.assert_array_equal(layer.data[1:], place.session.run.unmixing.abundances[1:].argmax(axis=2) + 1)
    assert not np.array_equal(layer.data, before)
    data = layer.data
    place.controller.rename_endmember(0, "tree")
    place.settle()
    assert layer.data is data  # a rename makes nothing anew
    place.controller.show_run(1)
    place.settle()
    np.testing.assert_array_equal(layer.data, before)


def test_what_this_run_can_not_have_is_away_until_one_can(place: Place, tools: Any) -> None:
    place.controller.show_view(View("illumination"))
    place.settle()
    assert place.of("derived") == []
    assert place.session.views == (View("illumination"),)


def test_a_deleted_layer_is_no_longer_asked_for(place: Place) -> None:
    place.controller.show_view(SPREAD)
    place.settle()
    place.viewer.layers.remove(place.of("derived")[0])
    place.settle()
    assert place.session.views == ()
    assert place.of("derived") == []


def test_each_cube_has_its_further_maps(place: Place) -> None:
    place.controller.show_view(SPREAD)
    place.settle()
    place.train(place.other)
    assert place.of("derived") == []
    place.controller.set_cube(place.cube)
    place.settle()
    assert [layer.name for layer in place.of("derived")] == ["scene · spread"]


def test_a_dock_that_opens_again_takes_up_what_was_asked_for(place: Place, session: Session, tools: Any) -> None:
    place.controller.show_view(SPREAD)
    place.settle()
    place.link.close()
    assert len(place.of("derived")) == 1
    fresh = Session()
    controller = Controller(fresh, run_inline, tools.make_engine())
    link = ViewerLink(place.viewer, fresh, controller)
    link.open()
    place.settle()
    assert fresh.views == (SPREAD,)
    assert len(place.of("derived")) == 1
    link.close()


# --- several cubes


def test_the_cubes_name_stands_before_the_layers_while_several_are_open(place: Place) -> None:
    place.controller.new_annotation()
    assert place.names()[-1] == "annotation"
    place.train(place.other)
    assert "scene · annotation" in place.names()
    assert [name for name in place.names() if name.startswith("other · ")] == [
        f"other · {name}" for name in shown_names(place.session)
    ]
    place.viewer.layers["other · endmember 2"].name = "rock"
    assert shown_names(place.session)[1] == "rock"
    assert "other · rock" in place.names()
    place.viewer.layers["other · rock"].name = "other · slate"
    assert shown_names(place.session)[1] == "slate"
    for layer in place.of("bands") + place.of("composite"):
        if layer.name.startswith("scene"):
            place.viewer.layers.remove(layer)
    assert "slate" in place.names()


def test_the_layers_of_other_cubes_lie_below(place: Place) -> None:
    place.viewer.add_image(np.zeros((5, 5)), name="mine")
    place.train(place.other)
    scene = [name.startswith("scene") for name in place.names()]
    assert scene == sorted(scene, reverse=True)
    place.controller.set_cube(place.cube)
    place.settle()
    other = [name.startswith("other") for name in place.names()]
    assert other == sorted(other, reverse=True)
    assert place.names().index("mine") > place.names().index("other composite")
    assert not any(layer.visible for layer in place.viewer.layers if layer.name.startswith("other"))


def test_the_band_slider_has_the_bands_of_the_current_cube(place: Place) -> None:
    assert place.viewer.dims.range[0].stop == 7
    place.train(place.other)
    assert place.viewer.dims.range[0].stop == 13
    place.controller.set_cube(place.cube)
    place.settle()
    assert place.viewer.dims.range[0].stop == 7
    place.viewer.layers["scene composite"].translate = (0, 0)  # napari spans all layers again
    assert place.viewer.dims.range[0].stop == 7
    place.viewer.add_image(np.zeros((20, 5, 5)), name="another's volume")
    assert place.viewer.dims.range[0].stop == 19


# --- layers that come and go


def test_many_maps_go_without_a_search_for_garbage(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.controller.set_option("endmembers", 12)
    place.train(place.cube)
    place.qtbot.waitUntil(lambda: len(place.of("abundance")) == 12)
    frozen: list[int] = []
    place.viewer.layers.events.removed.connect(lambda: frozen.append(gc.get_freeze_count()))
    thawed = gc.get_freeze_count()
    place.controller.set_option("endmembers", 3)
    place.train(place.cube)
    place.qtbot.waitUntil(lambda: len(place.of("abundance")) == 3)
    assert len(frozen) == 9
    assert min(frozen) > 1000  # what napari would search is out of its reach meanwhile
    assert gc.get_freeze_count() == thawed


def test_removing_stops_after_its_time_and_passes_over_what_is_gone() -> None:
    viewer = ViewerModel()
    layers = [viewer.add_image(np.zeros((4, 4))) for _ in range(4)]
    viewer.layers.remove(layers[1])
    left = quiet.remove(viewer.layers, layers, seconds=0.0)
    assert left == [layers[2], layers[0]]  # the topmost goes first
    assert quiet.remove(viewer.layers, left, seconds=60.0) == []
    assert len(viewer.layers) == 0


def test_a_layer_that_comes_quietly_takes_nothing_from_the_active_one() -> None:
    viewer = ViewerModel()
    first = viewer.add_image(np.zeros((4, 4)))
    seen: list[Any] = []
    viewer.layers.selection.events.active.connect(lambda event: seen.append(event.value))
    quiet.insert(viewer.layers, 1, Image(np.zeros((4, 4))))
    assert viewer.layers.selection.active == first
    assert seen == []
    viewer.add_image(np.zeros((4, 4)))
    assert viewer.layers.selection.active == viewer.layers[-1]  # other people's layers as ever


# --- shapes


@pytest.fixture
def draw(place: Place) -> Callable[..., Any]:
    """Draw shapes as a user does, and wait until they are taken in."""

    def made(*corners: Any, kind: str = "polygon", **options: Any) -> Any:
        layer = place.viewer.add_shapes([np.asarray(one, float) for one in corners], shape_type=kind, **options)
        place.qtbot.wait(250)
        return layer

    return made


SQUARE = [[1, 1], [1, 4], [3, 4], [3, 1]]


def test_shapes_on_a_cube_become_outlines_in_its_pixels(place: Place, draw: Callable[..., Any]) -> None:
    layer = draw(SQUARE)
    np.testing.assert_allclose(place.session.outlines[0].corners, SQUARE)
    assert place.session.outlines[0].name == "shape 1"
    layer.translate = (2, 0)
    layer.features = {"name": ["field"]}
    place.qtbot.wait(250)
    np.testing.assert_allclose(place.session.outlines[0].corners, np.add(SQUARE, (2, 0)))
    assert place.session.outlines[0].name == "field"
    place.viewer.layers.remove(layer)
    place.qtbot.wait(250)
    assert place.session.outlines == ()


def test_shapes_of_napari_s_own_button_have_a_band_too_and_lines_enclose_nothing(
    place: Place, draw: Callable[..., Any]
) -> None:
    draw([[3, *corner] for corner in SQUARE], kind="rectangle")
    draw([[1, 1], [5, 5]], kind="line")
    assert len(place.session.outlines) == 1
    np.testing.assert_allclose(sorted(map(tuple, place.session.outlines[0].corners)), sorted(map(tuple, SQUARE)))


def test_an_ellipse_is_round(place: Place, draw: Callable[..., Any]) -> None:
    draw([[0, 0], [0, 8], [8, 8], [8, 0]], kind="ellipse")
    corners = place.session.outlines[0].corners
    np.testing.assert_allclose(np.hypot(*(corners - 4).T), 4)


def test_shapes_belong_to_the_cube_that_they_were_drawn_on(place: Place, draw: Callable[..., Any]) -> None:
    draw(SQUARE)
    place.train(place.other)
    assert place.session.outlines == ()
    assert "scene · Shapes" in place.names()
    place.controller.set_cube(place.cube)
    assert len(place.session.outlines) == 1
