"""The link between facts and layers, with napari's viewer model: no window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.plugin.facts.session import Session, shown_hidden, shown_names
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline
from napari_unmix.plugin.viewer.layers import annotation_layer, cube_layers
from napari_unmix.plugin.viewer.link import ViewerLink

pytestmark = [
    pytest.mark.gui,  # timers need Qt
    pytest.mark.usefixtures("qapp"),
]


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def controller(session: Session, tools: Any) -> Controller:
    """Runs are over at once."""
    return Controller(session, run_inline, tools.make_engine())


@pytest.fixture
def link(viewer: ViewerModel, session: Session, controller: Controller) -> Any:
    """Connected; closed in the end."""
    made = ViewerLink(viewer, session, controller)
    made.open()
    yield made
    made.close()


def add_cube_layers(viewer: ViewerModel, cube: Cube) -> None:
    """As napari does with what a reader returns."""
    for data, options, _ in cube_layers(cube):
        viewer.add_image(data, **options)


def maps(viewer: ViewerModel) -> list[Any]:
    """The abundance layers, by endmember."""
    found = [layer for layer in viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]
    return sorted(found, key=lambda layer: int(layer.metadata["endmember"]))


def settle(qtbot: Any, viewer: ViewerModel, count: int = 3) -> None:
    """Until the maps are there and nothing waits."""
    qtbot.waitUntil(lambda: len(maps(viewer)) == count)
    qtbot.wait(30)


def test_adopts_what_is_already_open(
    viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    add_cube_layers(viewer, cube)
    labels = np.ones(cube.shape[:2], np.int32)
    data, options, _ = annotation_layer(Annotation(labels, {1: Meaning("material", "rock")}), cube)
    viewer.add_labels(data, **options)
    link = ViewerLink(viewer, session, controller)
    link.open()
    assert session.cube is cube
    assert session.annotation is not None
    assert session.annotation.meaning(1).name == "rock"
    link.close()


def test_composite_visible_bands_hidden(
    link: ViewerLink, viewer: ViewerModel, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    assert [layer.visible for layer in viewer.layers] == [False, True]
    controller.set_composite("principal components")
    assert viewer.layers[1].data.shape == (12, 10, 3)


def test_new_annotation_is_ready_to_paint(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    layer = viewer.layers.selection.active
    assert layer.ndim == 2
    assert layer.data.shape == cube.shape[:2]
    assert (layer.mode, layer.selected_label) == ("paint", 1)
    layer.data_setitem((np.array([2, 2]), np.array([3, 4])), 1)
    qtbot.waitUntil(lambda: session.annotation.labels.any(), timeout=2000)
    assert session.annotation.of_kind("region") == [1]
    controller.select_label(2)
    assert layer.selected_label == 2


def test_undoing_a_stroke_is_seen(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    layer = viewer.layers.selection.active
    layer.data_setitem((np.array([2, 2]), np.array([3, 4])), 1)
    layer.contour = 1  # as it is after a training: then napari redraws the layer as a whole
    layer.data_setitem((np.array([5]), np.array([6])), 2)
    assert session.annotation.of_kind("region") == [1, 2]
    layer.undo()
    assert session.annotation.of_kind("region") == [1]
    layer.undo()
    assert session.annotation.of_kind("region") == []
    layer.redo()
    assert session.annotation.of_kind("region") == [1]


def test_a_stroke_is_taken_in_once_when_it_ends(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    from napari.utils._test_utils import read_only_mouse_event
    from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

    controller.add_cube(cube)
    controller.new_annotation()
    layer = viewer.layers.selection.active
    layer.contour = 1
    seen: list[int] = []
    session.events.annotation.connect(lambda painted: seen.append(int((painted.labels > 0).sum())))

    def drag(kind: str, callbacks: Any, column: int) -> None:
        event = read_only_mouse_event(
            type=kind, is_dragging=kind == "mouse_move", position=(5, column), pos=(50, 10 * column), button=1,
            modifiers=[], view_direction=None, dims_displayed=[0, 1],
        )  # fmt: skip
        callbacks(viewer, event)
        callbacks(layer, event)

    drag("mouse_press", mouse_press_callbacks, 1)
    for column in (3, 5, 7):
        drag("mouse_move", mouse_move_callbacks, column)
    assert seen == []
    drag("mouse_release", mouse_release_callbacks, 7)
    assert seen == [int((layer.data > 0).sum())]


def test_train_takes_pending_strokes(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    layer = viewer.layers.selection.active
    layer.data_setitem((np.array([2, 2]), np.array([3, 4])), 1)
    controller.start()  # before the strokes' timer
    assert session.run.annotation.labels[2, 3] == 1
    assert layer.mode == "pan_zoom"


def test_a_second_annotation_leaves_the_first(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    first = viewer.layers.selection.active
    first.data_setitem((np.array([2]), np.array([3])), 1)
    controller.new_annotation()
    second = viewer.layers.selection.active
    assert second != first
    assert first.data[2, 3] == 1
    assert not second.data.any()
    viewer.layers.remove(second)
    assert session.annotation is None


def test_maps_are_2d_additive_and_named(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    controller.add_cube(cube)
    controller.start()
    settle(qtbot, viewer)
    result = session.run.unmixing
    for k, layer in enumerate(maps(viewer)):
        assert layer.ndim == 2
        assert layer.blending == "additive"
        assert tuple(layer.contrast_limits) == (0, 1)
        np.testing.assert_array_equal(layer.data, np.nan_to_num(result.abundances[:, :, k]))
        np.testing.assert_allclose(layer.colormap.colors[0], [0, 0, 0, 1])
    controller.rename_endmember(0, "tree")
    assert maps(viewer)[0].name == "tree"
    maps(viewer)[1].name = "rock"
    assert shown_names(session)[:2] == ("tree", "rock")
    controller.set_visible(2, False)
    assert not maps(viewer)[2].visible
    maps(viewer)[2].visible = True
    assert 2 not in shown_hidden(session)


def test_retraining_updates_in_place_and_recreates_only_what_was_deleted(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    controller.add_cube(cube)
    controller.start()
    settle(qtbot, viewer)
    before = maps(viewer)
    data = before[0].data.copy()
    viewer.layers.remove(before[1])
    controller.set_option("seed", 4)
    controller.start()
    settle(qtbot, viewer)
    after = maps(viewer)
    assert after[0] is before[0]
    assert after[2] is before[2]
    assert after[1] is not before[1]
    assert not np.array_equal(after[0].data, data)


def test_fewer_endmembers_take_their_layers_away(
    link: ViewerLink, viewer: ViewerModel, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    controller.add_cube(cube)
    controller.start()
    settle(qtbot, viewer)
    controller.set_option("endmembers", 2)
    controller.start()
    settle(qtbot, viewer, 2)
    assert [layer.name for layer in maps(viewer)] == ["endmember 1", "endmember 2"]


def test_an_active_brush_is_not_taken_away_by_new_maps(
    link: ViewerLink, viewer: ViewerModel, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    painting = viewer.layers.selection.active
    controller.start()
    settle(qtbot, viewer)
    assert viewer.layers.selection.active == painting
    assert viewer.layers[-1] == painting


def test_deleting_the_cubes_layers_closes_it(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    viewer.layers.clear()
    assert session.cube is None
    assert session.cubes == ()


def test_other_cubes_are_hidden(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, tools: Any
) -> None:
    controller.add_cube(cube)
    controller.new_annotation()
    other = tools.make_cube(9, 9, name="other")
    add_cube_layers(viewer, other)
    assert session.cube is other
    assert session.annotation is None
    assert [layer.name for layer in viewer.layers if layer.visible] == ["other composite"]
    controller.set_cube(cube)
    assert session.annotation is not None
    assert viewer.layers["scene composite"].visible


def test_an_error_is_notified(link: ViewerLink, controller: Controller) -> None:
    seen: list[str] = []
    notification_manager.notification_ready.connect(lambda n: seen.append(n.message))
    controller.start()
    assert seen == ["There is no cube to unmix: see step 4."]  # the whole sentence stands in the step


def test_closing_leaves_nothing_connected(
    viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    callbacks = list(viewer.mouse_drag_callbacks)
    mine = lambda *_: None  # noqa: E731
    viewer.mouse_drag_callbacks.append(mine)
    link = ViewerLink(viewer, session, controller)
    link.open()
    link.close()
    assert viewer.mouse_drag_callbacks == [*callbacks, mine]
    add_cube_layers(viewer, cube)
    assert session.cube is None


def volume(bands: int = 9) -> np.ndarray:
    """(B, H, W) values that say nothing of themselves."""
    return np.random.default_rng(0).uniform(size=(bands, 12, 10)).astype(np.float32)


def test_a_plain_volume_is_adopted_without_a_second_layer(
    viewer: ViewerModel, session: Session, controller: Controller
) -> None:
    theirs = viewer.add_image(volume(), name="by hand")
    link = ViewerLink(viewer, session, controller)
    link.open()
    assert session.cube is not None
    assert session.cube.name == "by hand"
    assert session.cube.wavelengths is None
    assert session.cube.spectra.flags.c_contiguous
    np.testing.assert_array_equal(session.cube.spectra, np.moveaxis(theirs.data, 0, 2))
    assert [layer.name for layer in viewer.layers] == ["by hand", "by hand composite"]
    assert [layer.visible for layer in viewer.layers] == [False, True]
    viewer.layers.clear()
    assert session.cubes == ()
    link.close()


def test_a_volume_beside_a_cube_waits_to_be_chosen(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, cube: Cube
) -> None:
    controller.add_cube(cube)
    theirs = viewer.add_image(volume(), name="by hand")
    assert session.cube is cube
    assert [known.name for known in session.cubes] == ["scene", "by hand"]
    assert theirs.visible
    assert len(viewer.layers) == 3
    controller.set_cube(session.cubes[1])
    assert [layer.name for layer in viewer.layers if layer.visible] == ["by hand composite"]
    controller.set_cube(cube)
    controller.set_cube(session.cubes[1])
    assert len(viewer.layers) == 4
    viewer.layers.remove(theirs)
    viewer.layers.remove("by hand composite")
    assert session.cubes == (cube,)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (volume(7), {}),
        (volume()[0], {}),
        (np.zeros((9, 12, 10, 3), np.float32), {"rgb": True}),
        (np.zeros((2, 9, 12, 10), np.float32), {}),
        (volume(), {"axis_labels": ("z", "y", "x")}),
        (volume() > 0.5, {}),
        ([volume(), volume()[:, ::2, ::2]], {"multiscale": True}),
    ],
    ids=["few bands", "2-D", "rgb", "4-D", "z stack", "mask", "multiscale"],
)
def test_other_images_are_left_alone(
    link: ViewerLink, viewer: ViewerModel, session: Session, data: Any, options: dict[str, Any]
) -> None:
    viewer.add_image(data, **options)
    assert session.cubes == ()
    assert len(viewer.layers) == 1


def test_own_layers_are_never_adopted(
    link: ViewerLink, viewer: ViewerModel, session: Session, controller: Controller, qtbot: Any
) -> None:
    from napari.layers import Image

    controller.add_cube(Cube(np.moveaxis(volume(), 0, 2)))
    controller.start()
    settle(qtbot, viewer)
    assert len(session.cubes) == 1
    lazy = Image(np.zeros((9, 4, 4), np.float32))
    viewer.layers.append(lazy)
    assert len(session.cubes) == 2


def test_marks_of_a_closed_dock_do_not_stay_beside_the_new_ones(
    viewer: ViewerModel, session: Session, controller: Controller, cube: Cube, qtbot: Any
) -> None:
    first = ViewerLink(viewer, session, controller)
    first.open()
    controller.add_cube(cube)
    controller.select_pixel(2, 3)
    controller.pin()
    qtbot.waitUntil(lambda: "selected pixel" in viewer.layers)
    first.close()
    controller.select_pixel(4, 5)
    second = ViewerLink(viewer, session, controller)
    second.open()
    assert not [layer for layer in viewer.layers if layer.metadata.get("napari_unmix") == "mark"]
    controller.select_pixel(6, 7)
    qtbot.waitUntil(lambda: "selected pixel" in viewer.layers)
    second.close()
