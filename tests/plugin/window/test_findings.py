"""What a demanding user found once, each repeated as it was found: it must not come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLineEdit

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.identifiability.checks import injective_mixing
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.session import Trouble, current_report, shown
from napari_unmix.plugin.window.panels.endmember_row import NameEdit
from napari_unmix.progress import Fit, Preview, Progress

SPECTRA = np.random.default_rng(5).uniform(0.1, 0.9, (3, 20))


class Ordered:
    """A fit of three fixed spectra, in an order that the test sets; it goes on while ``held``."""

    def __init__(self) -> None:
        self.order, self.held = [0, 1, 2], False

    def __call__(self, cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
        import time

        height, width, _ = cube.shape
        found = SPECTRA[self.order]
        abundances = np.full((height, width, 3), 1 / 3, np.float32)
        step = 0
        while step < 3 or self.held:
            time.sleep(0.01)
            yield Progress("finding", min(step, 3), 4, 0.5, 1.0, lambda: Preview(found, abundances))
            step += 1
        names = ("endmember 1", "endmember 2", "endmember 3")
        return Unmixing(found, abundances, None, None, np.zeros((height, width), np.float32), names, spec, seconds=1.0)


def assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """A verdict that says whose it is."""
    yield Progress("checking", 0, 1, 0.0)
    check = Check("enough regions", "pass", 7, 7, "Enough.", role="required")
    return Report("partly", f"Partly: this is {cube.name}.", (check,))


def other_cube(name: str = "other") -> Cube:
    """Another image with as many bands."""
    return Cube(np.random.default_rng(3).uniform(0.1, 0.9, (30, 25, 20)), np.linspace(450, 900, 20), name=name)


@pytest.fixture
def fit() -> Ordered:
    """What trains."""
    return Ordered()


@pytest.fixture
def place(window: Any, fit: Ordered) -> Any:
    """A window with a scene and fakes."""
    window.with_fakes(3)
    window.seam.put(unmix=fit, assess=assess)
    return window


def train(window: Any) -> None:
    """Train to the end."""
    before = len(window.session.runs)
    window.controller.start()
    window.wait_for(lambda: len(window.session.runs) > before and window.session.state == "idle")


def named_as_true(window: Any) -> list[str]:
    """The name that each of the three true spectra has in rows and layers just now; they must agree."""
    what = shown(window.session)
    rows = [e.text() for e in window.widget.findChildren(QLineEdit) if isinstance(e, NameEdit) and e.isVisible()]
    assert rows == list(what.names)
    places = [int(np.argmin(np.abs(what.content.endmembers - true).sum(axis=1))) for true in SPECTRA]
    return [what.names[k] for k in places]


def test_1_the_dock_opens_after_the_cube(windows: Any) -> None:
    made = windows()
    made.viewer.open_sample("napari-unmix", "synthetic_mixture")
    made.open_dock()
    made.ready()
    assert made.stands("Unmix")
    assert made.stands("Spectra")
    assert made.session.cube is not None


def test_2_names_stay_with_their_materials_in_a_retraining_and_when_the_dock_is_closed_in_it(
    place: Any, fit: Ordered
) -> None:
    train(place)
    for index, name in enumerate(("water", "tree", "rock")):
        place.controller.rename_endmember(index, name)
    fit.order, fit.held = [2, 0, 1], True
    place.controller.start()
    place.wait_for(lambda: place.session.training is not None and place.session.training.preview is not None)
    assert named_as_true(place) == ["water", "tree", "rock"]
    place.close_dock("Unmix")
    place.close_dock("Spectra")
    place.open_dock()
    place.ready()
    assert named_as_true(place) == ["water", "tree", "rock"]
    assert shown(place.session).run is not None  # the last result, and no preview


def test_3_each_cube_has_its_own_result(place: Any) -> None:
    scene = place.session.cube
    train(place)
    place.controller.add_cube(other_cube())
    place.ready()
    assert "No result for other yet." in place.texts()
    assert not any(text.startswith("Partly") for text in place.texts())
    train(place)
    assert "Partly: this is other." in place.texts()
    place.controller.set_cube(scene)
    place.qtbot.wait(50)
    assert "Partly: this is scene." in place.texts()
    assert "Partly: this is other." not in place.texts()


def test_4_cancelling_with_another_result_open_leaves_no_orphans(place: Any, fit: Ordered) -> None:
    train(place)
    place.controller.add_cube(other_cube())
    place.ready()
    fit.held = True
    place.controller.start()
    place.wait_for(lambda: shown(place.session) is not None)
    place.press("Cancel")
    place.wait_for(lambda: sum(layer.visible for layer in place.maps()) == 3)  # one a turn
    place.qtbot.wait(100)
    visible = [layer for layer in place.maps() if layer.visible]
    rows = [e for e in place.widget.findChildren(QLineEdit) if isinstance(e, NameEdit) and e.isVisible()]
    assert len(visible) == len(rows) == 3  # what is on the canvas has its rows
    assert "the last result stays" not in " ".join(place.texts())


@pytest.mark.parametrize("step", [1, 2])
def test_5_the_wheel_over_the_dock_changes_nothing(place: Any, step: int) -> None:
    labels = np.ones((40, 50), np.int32)
    place.controller.set_annotation(Annotation(labels))
    before = place.session.spec, place.session.annotation.meanings
    for box in place.widget.panels[step].findChildren(QComboBox):
        place.turn_wheel(box, -1)
    assert (place.session.spec, place.session.annotation.meanings) == before


def test_7_settings_of_one_cube_do_not_reach_the_next(window: Any) -> None:
    window.press("Try the sample")
    window.wait_for(lambda: window.session.annotation is not None, 60)
    window.ready()
    sample = window.session.cube
    assert window.session.spec.illumination
    window.controller.add_cube(other_cube())
    window.ready()
    assert not window.session.spec.illumination
    window.controller.set_cube(sample)
    assert window.session.spec.illumination


def test_17_the_two_spreads_say_which_is_which() -> None:
    """The check speaks of noise alone; the ± of a pixel holds more, and it says so."""
    assert injective_mixing.CONDITION.told.startswith("noise alone")


def test_19_the_meaning_of_a_stroke_fits_its_box(place: Any) -> None:
    labels = np.ones((40, 50), np.int32)
    place.controller.set_annotation(Annotation(labels, {1: Meaning("material", "material 1")}))
    place.qtbot.wait(50)
    box = place.widget.panels[1]._by_label[1]._kind
    assert box.currentText() == "material"
    assert box.fontMetrics().horizontalAdvance(box.currentText()) + 26 <= box.width()


def test_19_a_notification_carries_its_sentence(place: Any) -> None:
    from napari.utils.notifications import notification_manager

    place.controller._trouble("cube", "The painting is 3×3 pixels but the cube is 40×50: make a new one.")
    assert notification_manager.records[-1].message == "The painting is 3×3 pixels …: step 1."
    trouble = Trouble("cube", "The painting is 3×3 pixels but the cube is 40×50: make a new one.")
    assert trouble.sentence in place.texts()  # whole, in its step


def test_19_checks_take_no_more_room_than_they_need(place: Any) -> None:
    train(place)
    place.press("Why?")
    place.qtbot.wait(150)
    part = place.widget.panels[4]
    needed = part.body.sizeHint().height()
    place.press("Why?")
    place.qtbot.wait(150)
    assert part._content.height() < needed
    assert part._content.height() <= part._content.layout().heightForWidth(part._content.width()) + 4


def test_ranges_are_kept_as_they_were_written(place: Any) -> None:
    """19: "750-780" became "751–777"."""
    place.press("Bands…")
    edit = next(e for e in place.widget.panels[0].findChildren(QLineEdit) if e.isVisible())
    edit.clear()
    place.qtbot.keyClicks(edit, "750-780")
    place.qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert edit.text() == "750-780"
    assert current_report(place.session) is None
