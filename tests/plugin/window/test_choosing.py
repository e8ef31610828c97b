"""In the real window: methods by group, second opinions on the number, and a library of which training keeps what is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton
from tests.plugin.window.conftest import FakeFit

from napari_unmix.library import SpectralLibrary, write_library
from napari_unmix.methods.registry import method_specs
from napari_unmix.plugin.verbs import bookshelf
from napari_unmix.plugin.window.panels.known_spectra import KnownPart
from napari_unmix.spec import GROUPS, HEADINGS

AXIS = np.linspace(450, 900, 20)
MANY = np.random.default_rng(0).uniform(0.1, 0.9, (40, 20))


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's list of libraries."""
    monkeypatch.setattr(bookshelf, "user_list", lambda: tmp_path / "config" / "libraries.json")


def method_panel(window: Any) -> Any:
    return next(panel for panel in window.widget.panels if panel.name == "method")


def click(window: Any, widget: Any) -> None:
    window.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)
    window.qtbot.wait(30)


def test_methods_stand_under_headings_that_keys_pass_over(window: Any) -> None:
    window.with_fakes(2)
    box = method_panel(window)._method
    titles = [box.itemText(place).strip() for place in range(box.count()) if box.itemText(place)]
    groups = [group for group in GROUPS if any(spec.group == group for spec in method_specs().values())]
    expected = []
    for group in groups:
        expected += [HEADINGS[group], *(spec.title for spec in method_specs().values() if spec.group == group)]
    assert titles == expected
    assert titles[0] == "Recommended"
    box.setFocus()
    seen = [window.session.spec.method]
    for _ in range(len(method_specs()) - 1):
        window.qtbot.keyClick(box, Qt.Key.Key_Down)
        seen.append(window.session.spec.method)
    assert seen == list(method_specs())
    window.qtbot.keyClick(box, Qt.Key.Key_Home)
    assert window.session.spec.method == "ivae"


def test_suggest_tells_what_other_rules_say(window: Any) -> None:
    window.with_fakes(2)
    assert not any(text.startswith("Directions over noise") for text in window.texts())
    window.press("Suggest")
    window.wait_for(lambda: window.session.opinions is not None)
    window.wait_for(lambda: any(text.startswith("Directions over noise: HySime ") for text in window.texts()))


def test_all_entries_of_a_library_are_tried_undone_and_closed(window: Any, tmp_path: Path) -> None:
    window.with_fakes(3)
    names = tuple(f"rock {k}" for k in range(40))
    path = write_library(SpectralLibrary(MANY, AXIS, names, name="rocks"), tmp_path / "rocks.sli")[0]
    given: list[Any] = []
    fit = FakeFit(3)

    def noted(cube: Any, spec: Any, annotation: Any, held: Any = None) -> Any:
        given.append((spec.method, held))
        return (yield from fit(cube, spec, annotation))

    window.seam.put(unmix=noted)
    session, known = window.session, window.widget.findChild(KnownPart)
    window.controller.offer_library(path)
    window.wait_for(lambda: session.offered is not None and known._picker.isVisible())
    every = next(button for button in known.findChildren(QPushButton) if button.text() == "Try all")
    click(window, every)
    window.wait_for(lambda: session.candidates is not None)
    window.qtbot.wait(30)
    assert (session.spec.method, session.spec.endmembers, session.offered) == ("library", "auto", None)
    assert "40 entries of rocks.sli: training keeps those that the pixels need." in window.texts()
    window.press("Train")
    window.wait_for(lambda: session.run is not None and session.run.report is not None)
    assert given[0][0] == "library"
    assert given[0][1].names == names
    method_panel(window).unfold()
    close = known._close
    assert close.isVisible()
    close.setFocus()
    window.qtbot.keyClick(close, Qt.Key.Key_Space)
    window.qtbot.wait(30)
    assert session.candidates is None
    assert any(text.startswith("The USGS selection is chosen from") for text in window.texts())
    window.controller.undo()
    assert session.candidates is not None
    window.controller.undo()
    assert (session.candidates, session.spec.method) == (None, "ivae")
