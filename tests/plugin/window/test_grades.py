"""How far each endmember can be believed, wherever it is shown: by mouse and keys, through renames, edits, cubes and trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.plugin.window.test_editing import Given, choose
from tests.plugin.window.test_where_to_paint import shot

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Check, Grade, Report, Word
from napari_unmix.progress import Fit, Progress

WORDS: tuple[Word, ...] = ("steady", "shaky", "not determined here", "given")
LONG = "a name that is far longer than its row"


def graded(cube: Cube, result: Unmixing) -> Fit[Report]:
    """Every word in turn, with a band where something was searched again."""
    yield Progress("searching again", 0, 1, 0.0)
    grades = []
    for k, name in enumerate(result.names):
        word = WORDS[k % len(WORDS)]
        spread = () if word == "given" else (0.01 * (k + 1),) * int(cube.good_bands.sum())
        remedy = "" if word in ("steady", "given") else f"Paint {name}."
        grades.append(Grade(name, word, f"{name} moves by {k}.0°.", remedy, spread=spread))
    check = Check("enough regions", "fail", 0, 3, "No region is painted.", "Paint 3.", role="required", number=1)
    summary = f"By geometry {result.names[0]} is steady, {result.names[1]} is shaky."
    return Report("not identified", summary, (check,), grades=tuple(grades))


@pytest.fixture
def fit(window: Any) -> Given:
    """A trained scene of three endmembers: steady, shaky, not determined here."""
    window.with_fakes(3)
    made = Given()
    window.seam.put(unmix=made, assess=graded)
    train(window)
    window.wait_for(lambda: len(window.maps()) == 3)
    return made


def train(window: Any, *labels: str) -> None:
    """Press Train, and wait for the verdict."""
    before = len(window.session.runs)
    window.press(*(labels or ("Train",)))
    window.wait_for(lambda: len(window.session.runs) > before and window.session.state == "idle")
    window.qtbot.wait(60)


def told(window: Any) -> dict[str, str]:
    """The word that each row has by its tooltip, "" for none."""
    from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow

    rows = [made for made in window.widget.findChildren(EndmemberRow) if made.isVisible()]
    return {row._name.text(): row._grade.toolTip().partition(":")[0].lower() for row in rows}


def labels(window: Any) -> list[str]:
    """What the rows say, as far as there is room."""
    from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow

    return [made._grade.text() for made in window.widget.findChildren(EndmemberRow) if made.isVisible()]


def undo(window: Any) -> None:
    """Ctrl+Z on the canvas."""
    from qtpy.QtCore import Qt

    canvas = window.viewer.window._qt_viewer.canvas.native
    window.qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def test_rows_have_a_sign_and_a_word_that_gives_way_to_names_and_why_lists_them_all(window: Any, fit: Given) -> None:
    from qtpy.QtWidgets import QLabel

    from napari_unmix.plugin.window.panels.endmember_row import EndmemberRow

    # 1. Signs and words stand in a column, and say why.
    assert list(told(window).values()) == ["steady", "shaky", "not determined here"]
    assert [label[0] for label in labels(window)] == ["●", "◐", "○"]
    row = [made for made in window.widget.findChildren(EndmemberRow) if made.isVisible()][1]
    assert row._grade.toolTip() == "Shaky: endmember 2 moves by 1.0°.\n→ Paint endmember 2."
    assert "Shaky" in row._grade.accessibleName()
    assert row._name.accessibleDescription() == row._grade.toolTip()
    shares = [made._share.geometry().left() for made in window.widget.findChildren(EndmemberRow) if made.isVisible()]
    assert len(set(shares)) == 1  # columns

    # 2. The list of all, what needs something first, by the names of now.
    window.press("Why?")
    window.qtbot.wait(80)
    assert "3 materials: 1 steady, 1 shaky, 1 not determined here." in window.texts()
    materials = window.widget.findChild(QLabel, "materials")
    checks = window.widget.findChild(QLabel, "checks")
    assert window.listed("checks")[:2] == ["✗", "Enough regions"]
    below = materials.mapToGlobal(materials.rect().bottomLeft()).y()
    assert below < checks.mapToGlobal(checks.rect().topLeft()).y()
    assert checks.height() >= checks.heightForWidth(checks.width())
    assert materials.height() >= materials.heightForWidth(materials.width())  # nothing is cut off
    said = [line for line in window.listed("materials") if "moves by" in line]
    assert len(said) == 3
    assert said[0] == "endmember 3 moves by 2.0°."  # what needs something comes first
    window.controller.rename_endmember(2, "<tree>")  # a name is no mark-up
    window.qtbot.wait(60)
    assert "<tree> moves by 2.0°." in window.listed("materials")
    assert "→ Paint <tree>." in window.listed("materials")
    before = materials.text()
    window.viewer.theme = "light" if window.viewer.theme == "dark" else "dark"
    window.qtbot.wait(60)
    assert materials.text() != before  # its quiet colour is the theme's
    window.press("Why?")

    # 3. Words give way to names, signs stay.
    for k, name in enumerate(("rock", "soil", "tree")):
        window.controller.rename_endmember(k, name)
    window.qtbot.wait(60)
    assert labels(window)[:2] == ["● steady", "◐ shaky"]
    for k in range(3):
        window.controller.rename_endmember(k, f"{LONG} {k}")
    window.qtbot.wait(60)
    whole = ("● steady", "◐ shaky", "○ not determined here")
    assert all(len(label) == 1 or label in whole or label.endswith("…") for label in labels(window))
    assert [label[0] for label in labels(window)] == ["●", "◐", "○"]
    for row in window.widget.findChildren(EndmemberRow):
        if row.isVisible():
            words = row._grade.fontMetrics().horizontalAdvance(row._grade.text())
            assert words <= row._grade.width()
            assert row._eye.geometry().right() <= row.width()  # nothing is pushed out


def test_a_grade_follows_its_endmember_through_names_moves_and_edits_and_back(window: Any, fit: Given) -> None:
    for k, name in enumerate(("rock", "soil", "tree")):
        window.controller.rename_endmember(k, name)
    window.qtbot.wait(40)
    before = {"rock": "steady", "soil": "shaky", "tree": "not determined here"}
    assert told(window) == before
    assert "By geometry rock is steady, soil is shaky." in window.texts()
    choose(window, "rock", "Move down")
    window.wait_for(lambda: list(told(window)) == ["soil", "rock", "tree"])
    assert told(window) == before
    choose(window, "soil", "Merge with…", "tree")
    window.wait_for(lambda: len(told(window)) == 2)
    assert told(window) == {"soil + tree": "", "rock": "steady"}
    undo(window)
    window.wait_for(lambda: told(window) == before)
    undo(window)
    window.wait_for(lambda: list(told(window)) == ["rock", "soil", "tree"])
    assert told(window) == before
    undo(window)  # the last name
    window.wait_for(lambda: "endmember 3" in told(window))
    assert told(window)["endmember 3"] == "not determined here"
    assert window.session.run.grades[2].sentence == "endmember 3 moves by 2.0°."


def test_a_move_while_it_is_checked_takes_the_grade_along(window: Any) -> None:
    import time

    held = [True]

    def slow(cube: Cube, result: Unmixing) -> Fit[Report]:
        while held[0]:
            time.sleep(0.01)
            yield Progress("searching again", 0, 1, 0.0)
        return (yield from graded(cube, result))

    window.with_fakes(3)
    window.seam.put(unmix=Given(), assess=slow)
    window.press("Train")
    window.wait_for(lambda: window.session.state == "checking")
    window.controller.move_endmember(0, 1)
    window.wait_for(lambda: list(told(window)) == ["endmember 2", "endmember 1", "endmember 3"])
    assert set(told(window).values()) == {""}
    held[0] = False
    window.wait_for(lambda: window.session.state == "idle")
    window.qtbot.wait(60)
    assert told(window) == {"endmember 2": "shaky", "endmember 1": "steady", "endmember 3": "not determined here"}


def test_each_cube_has_its_own_grades_and_a_new_training_begins_without(window: Any, fit: Given) -> None:
    first = window.session.cube
    window.controller.add_cube(Cube(first.spectra.copy(), first.axis, name="other"))
    window.ready()
    assert told(window) == {}
    window.seam.put(assess=no_grades)
    train(window)
    assert set(told(window).values()) == {""}
    assert labels(window) == ["", "", ""]
    window.controller.set_cube(first)
    window.qtbot.wait(80)
    assert list(told(window).values()) == ["steady", "shaky", "not determined here"]
    window.seam.put(assess=graded)
    before = len(window.session.runs)
    window.controller.train_on()
    window.wait_for(lambda: len(window.session.runs) > before and window.session.state == "idle")
    window.qtbot.wait(60)
    assert list(told(window).values()) == ["steady", "shaky", "not determined here"]


def no_grades(cube: Cube, result: Unmixing) -> Fit[Report]:
    """A report of a method whose endmembers are not searched again."""
    yield Progress("checking", 0, 1, 0.0)
    return Report("not identified", "Not identified.", ())


def test_curves_are_drawn_by_their_grade_with_one_band_and_beside_another_run_dashes_tell_the_run(
    window: Any, fit: Given
) -> None:
    from qtpy.QtCore import Qt

    panel = window.spectra.panel
    window.qtbot.wait(60)
    steady, shaky, lost = (line.opts["pen"] for line in panel.plot.endmembers)
    assert steady.style() == Qt.PenStyle.SolidLine
    assert shaky.style() == lost.style() == Qt.PenStyle.CustomDashLine
    assert shaky.dashPattern() != lost.dashPattern()
    bands = [curve.deviation for curve in panel.plot.drawn.of("endmember")]
    np.testing.assert_allclose([band[0] for band in bands], [0.01, 0.02, 0.03])
    said = panel._legend.text()
    assert "shaky" in said
    assert "not determined here" in said
    assert "parts of the scene are left out" in panel._legend.entries()[-1].tip

    window.controller.set_option("seed", 3)
    train(window)
    window.controller.compare_with(window.session.runs[0].number)
    window.wait_for(lambda: bool(window.session.measured))
    window.qtbot.wait(60)
    assert panel.plot.drawn.of("beside")
    assert all(line.opts["pen"].style() == Qt.PenStyle.SolidLine for line in panel.plot.endmembers)
    assert "shaky" not in panel._legend.text()


def test_maps_keep_their_names_and_carry_the_grade_and_what_was_edited_is_graded_again(window: Any, fit: Given) -> None:
    said = [layer.metadata["napari_unmix_grade"]["word"] for layer in window.maps()]
    assert said == ["steady", "shaky", "not determined here"]
    assert [layer.name for layer in window.maps()] == ["endmember 1", "endmember 2", "endmember 3"]
    window.controller.toggle_dominant()
    window.wait_for(lambda: any(layer.metadata.get("napari_unmix") == "derived" for layer in window.viewer.layers))
    layer = next(layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "derived")
    window.wait_for(lambda: "grade" in layer.features)
    assert list(layer.features["grade"]) == ["", "steady", "shaky", "not determined here"]
    assert any("shaky" in text or "steady" in text for text in layer._get_properties((5, 5), world=True))
    window.controller.merge_endmembers([0, 1])
    window.wait_for(lambda: len(window.maps()) == 2)
    window.wait_for(lambda: "napari_unmix_grade" not in window.maps()[0].metadata)
    window.wait_for(lambda: window.maps()[1].metadata["napari_unmix_grade"]["word"] == "not determined here")
    assert list(told(window).values()) == ["", "not determined here"]
    window.press("Check")
    window.wait_for(lambda: window.session.run.report is not None)
    window.qtbot.wait(60)
    assert list(told(window).values()) == ["steady", "shaky"]


def test_many_materials_are_listed_in_the_turn_that_asks(window: Any) -> None:
    window.with_fakes(3)
    window.seam.put(unmix=Given(), assess=graded)
    window.controller.set_option("endmembers", 30)
    train(window)
    window.wait_for(lambda: len(told(window)) == 30)
    assert {label[0] for label in labels(window)} == set("●◐○◆")
    assert not window.listed("materials")
    window.button("Why?").click()
    assert sum("moves by" in line for line in window.listed("materials")) == 30  # before the event loop turns
    shot(window, "why-dark")
    window.viewer.theme = "light"
    shot(window, "why-light")
    window.press("Why?")
    assert not window.listed("materials")
    window.controller.rename_endmember(0, "rock")
    window.press("Why?")
    assert "rock moves by 0.0°." in window.listed("materials")
