"""Endmembers are edited and locked from the menus of their rows, by mouse and keys; training goes on from there."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.locks import locked
from napari_unmix.progress import Fit, Progress


class Given:
    """A fake training of three steps, which notes what was given to it."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def __call__(self, cube: Cube, spec: Any, annotation: Any, given: Any = None) -> Fit[Unmixing]:
        self.given.append(given)
        for step in range(3):
            time.sleep(0.01)
            yield Progress("training", step, 3, step / 3)
        count = 3 if spec.endmembers == "auto" else spec.endmembers
        spectra = np.random.default_rng(0).uniform(0.1, 0.9, (count, cube.shape[2]))
        names = tuple(f"endmember {k + 1}" for k in range(count))
        if given is not None:
            spectra[: len(given)], names = given.spectra, (*given.names, *names[len(given) :])
        shares = np.random.default_rng(1).dirichlet(np.ones(count), cube.shape[:2]).astype(np.float32)
        error = np.zeros(cube.shape[:2], np.float32)
        return Unmixing(spectra, shares, 0.1 * shares, None, error, names, spec, seconds=1.0)


@pytest.fixture
def fit(window: Any) -> Given:
    """A trained scene whose endmembers are rock, soil and tree."""
    window.with_fakes(3)
    made = Given()
    window.seam.put(unmix=made)
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.report is not None)
    for k, name in enumerate(("rock", "soil", "tree")):
        window.controller.rename_endmember(k, name)
    window.wait_for(lambda: len(window.maps()) == 3)
    return made


def names(window: Any) -> list[str]:
    """As the rows have them."""
    return list(window.session.run.look.names)


def menu_of(window: Any, name: str) -> Any:
    """Open the menu of a row with the mouse."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QMenu, QScrollArea, QToolButton

    window.qtbot.wait(30)
    more = [b for b in window.widget.findChildren(QToolButton) if b.accessibleName() == f"Actions on {name}"]
    assert more, name
    window.widget.findChild(QScrollArea).ensureWidgetVisible(more[0])
    window.qtbot.wait(20)
    window.qtbot.mouseClick(more[0], Qt.MouseButton.LeftButton)
    return _opened(window, "endmemberMenu", QMenu)


def _opened(window: Any, name: str, kind: Any) -> Any:
    def shown() -> list[Any]:
        return [menu for menu in window.widget.findChildren(kind, name) if menu.isVisible()]

    window.wait_for(lambda: bool(shown()))
    return shown()[0]


def entry_of(menu: Any, title: str) -> Any:
    """The entry of that title."""
    found = [entry for entry in menu.actions() if entry.text() == title]
    assert found, [entry.text() for entry in menu.actions()]
    return found[0]


def click_entry(window: Any, menu: Any, title: str) -> None:
    """Click an entry of an open menu."""
    from qtpy.QtCore import Qt

    place = menu.actionGeometry(entry_of(menu, title)).center()
    window.qtbot.mouseMove(menu, place)
    window.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)


def choose(window: Any, row: str, title: str, choice: str = "") -> None:
    """Choose from the menu of a row, and from the list that it opens."""
    from qtpy.QtWidgets import QMenu

    click_entry(window, menu_of(window, row), title)
    if choice:
        click_entry(window, _opened(window, "choice", QMenu), choice)


def test_merge_by_mouse_and_take_it_back_by_keys(window: Any, fit: Given) -> None:
    from qtpy.QtCore import Qt

    shares = window.session.run.unmixing.abundances
    choose(window, "rock", "Merge with…", "tree")
    window.wait_for(lambda: names(window) == ["rock + tree", "soil"])
    window.wait_for(lambda: len(window.maps()) == 2)
    merged = shares[..., 0] + shares[..., 2]
    window.wait_for(lambda: np.allclose(window.maps()[0].data, merged, atol=1e-6))
    assert "edited: merged rock and tree; not checked, Train on refits it" in window.texts()
    window.qtbot.keyClick(
        window.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
    )
    window.wait_for(lambda: names(window) == ["rock", "soil", "tree"])
    window.wait_for(lambda: len(window.maps()) == 3)
    assert window.session.run.report is not None


def test_lock_to_a_pin_then_train_on_by_mouse(window: Any, fit: Given) -> None:
    window.click(20, 30)
    window.controller.pin()
    menu = menu_of(window, "soil")
    assert entry_of(menu, "Lock to region mean…").toolTip() == "Paint a region first."
    assert not entry_of(menu, "Lock to region mean…").isEnabled()
    menu.close()
    row, column = window.session.pins[0]
    choose(window, "soil", "Lock to pin…", f"Pin 1: row {row}, column {column}")
    window.wait_for(lambda: bool(locked(window.session)))
    assert_allclose(window.session.run.unmixing.endmembers[1], window.session.cube.spectra[row, column], rtol=1e-6)
    window.press("Train on")
    window.wait_for(lambda: len(window.session.runs) == 2 and window.session.state == "idle")
    given = fit.given[-1]
    assert given.names == ("rock", "soil", "tree")
    assert given.held.tolist() == [False, True, False]
    assert names(window) == ["rock", "soil", "tree"]
    assert locked(window.session) == {1}
    choose(window, "soil", "Unlock")
    window.wait_for(lambda: not locked(window.session))


def test_move_and_delete_by_mouse_with_the_names_and_colours_of_the_layers(window: Any, fit: Given) -> None:
    colours = dict(zip(names(window), window.session.run.look.colours, strict=True))
    choose(window, "tree", "Move up")
    window.wait_for(lambda: names(window) == ["rock", "tree", "soil"])
    choose(window, "rock", "Delete")
    window.wait_for(lambda: names(window) == ["tree", "soil"])
    window.wait_for(lambda: len(window.maps()) == 2)
    window.wait_for(lambda: [layer.name for layer in window.maps()] == ["tree", "soil"])
    assert dict(zip(names(window), window.session.run.look.colours, strict=True)).items() <= colours.items()
    assert window.session.run.report is None
    assert window.button("Export…").isEnabled()  # to other programs, unchecked
    assert not window.button("Open report").isEnabled()
    window.press("Check")
    window.wait_for(lambda: window.session.run.report is not None)
    menu = menu_of(window, "tree")
    assert not entry_of(menu, "Delete").isEnabled()
    assert entry_of(menu, "Delete").toolTip() == "2 endmembers are the fewest."
    assert all(entry.toolTip() for entry in menu.actions() if not entry.isSeparator() and entry.menu() is None)
    menu.close()


def test_an_edit_of_one_cube_leaves_the_other(window: Any, fit: Given) -> None:
    from napari_unmix.plugin.viewer.layers import cube_layers

    first = window.session.cube
    other = Cube(np.random.default_rng(4).uniform(0.1, 1, (30, 30, 20)), name="other")
    for data, options, _ in cube_layers(other):
        window.viewer.add_image(data, **options)
    window.wait_for(lambda: window.session.cube is other)
    window.ready()
    window.press("Train")
    window.wait_for(lambda: window.session.run is not None and window.session.run.home is other)
    window.wait_for(lambda: window.session.run.report is not None)
    window.controller.rename_endmember(0, "roof")
    choose(window, "roof", "Lock")
    window.wait_for(lambda: locked(window.session) == {0})
    window.controller.set_cube(first)
    window.wait_for(lambda: window.session.run is not None and window.session.run.home is first)
    assert not locked(window.session)
    assert names(window) == ["rock", "soil", "tree"]
