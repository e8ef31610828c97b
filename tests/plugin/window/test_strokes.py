"""A person paints materials, and each stroke's row says at once what the stroke is worth, and after training what the run made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox
from superqt import QElidingLabel

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import Findings, StrokeFound
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.progress import Fit, Preview, Progress

SPECTRA = np.random.default_rng(5).uniform(0.1, 0.9, (3, 20))


def thin_scene() -> Cube:
    """Left and right are of one material each, in between they mix; a third is pure in one line and a corner."""
    right = np.clip((np.arange(50) - 15) / 20, 0, 1)
    shares = np.zeros((40, 50, 3))
    shares[..., 0], shares[..., 1] = 1 - right, right
    shares[20, :] = shares[:4, 40:] = (0.0, 0.0, 1.0)
    noise = 0.003 * np.random.default_rng(0).normal(size=(40, 50, 20))
    return Cube(shares @ SPECTRA + noise, np.linspace(450, 900, 20), name="thin")


def made(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """A fit that found the stroke of road to be background, and that roof contradicts the scene."""
    height, width, _ = cube.shape
    abundances = np.full((height, width, 3), 1 / 3, np.float32)
    yield Progress("finding", 0, 1, 0.5, 1.0, lambda: Preview(SPECTRA, abundances))
    strokes = (
        StrokeFound(material="grass", how="confirms", purity=0.97),
        StrokeFound(material="road", how="names", purity=0.08),
        StrokeFound(material="roof", how="refused", purity=0.2, cost=3.04),
    )
    names = ("grass", "road", "roof")
    error = np.zeros((height, width), np.float32)
    return Unmixing(
        SPECTRA, abundances, None, None, error, names, spec, findings=Findings(strokes=strokes), seconds=1.0
    )


@pytest.fixture
def place(window: Any) -> Any:
    """A window with the scene, three endmembers asked for, and a fit that is made up."""
    window.with_fakes(3)
    window.seam.put(unmix=made)
    for data, options, _ in cube_layers(thin_scene()):
        window.viewer.add_image(data, **options)
    window.ready()
    window.controller.set_option("endmembers", 3)
    return window


def row_of(window: Any, label: int) -> Any:
    return window.widget.panels[1]._by_label[label]


def verdict_of(window: Any, label: int) -> QElidingLabel:
    return row_of(window, label).findChild(QElidingLabel)


def called_material(window: Any, label: int) -> None:
    """Choose "material" in the row's box, as with the mouse."""
    box = row_of(window, label).findChild(QComboBox)
    box.setCurrentIndex(box.findText("material"))
    box.activated.emit(box.currentIndex())


def test_a_person_paints_and_reads_what_the_stroke_is_worth(place: Any) -> None:
    place.press("New annotation")
    place.drag((8, 3), (8, 8), (10, 10))
    called_material(place, 1)
    place.wait_for(lambda: verdict_of(place, 1).isVisible())
    assert verdict_of(place, 1).text().endswith("% is one material")
    # A thin thing, painted roughly: across the line, and not along it.
    place.press("Next region")
    place.drag((11, 24), (18, 24), (28, 26))
    assert not verdict_of(place, 2).isVisible()  # of a region nothing is asked
    called_material(place, 2)
    place.wait_for(lambda: verdict_of(place, 2).text().startswith("mostly background?"))
    assert "Paint only where the material is pure." in verdict_of(place, 2).toolTip()
    assert "material 2" in verdict_of(place, 2).toolTip()
    # It is a region again: nothing is told of it.
    box = row_of(place, 2).findChild(QComboBox)
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert not verdict_of(place, 2).isVisible()


def painted() -> Annotation:
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 2:8], labels[15:25, 24:26], labels[30:32, 20:30] = 1, 2, 3
    return Annotation(labels, {k + 1: Meaning("material", name) for k, name in enumerate(("grass", "road", "roof"))})


def train(window: Any) -> None:
    before = len(window.session.runs)
    window.controller.start()
    window.wait_for(lambda: len(window.session.runs) > before and window.session.state == "idle")
    window.widget.panels[1].unfold()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_after_training_the_rows_say_what_the_run_made_of_the_strokes(place: Any, theme: str) -> None:
    place.viewer.theme = theme
    place.controller.set_annotation(painted())
    train(place)
    assert [verdict_of(place, k).text() for k in (1, 2, 3)] == [
        "confirms its endmember, 97 % of the stroke",
        "mostly background: 8 % is what it names",
        "contradicts the scene: leaves 3.0 × as much",
    ]
    assert (
        verdict_of(place, 3).toolTip().startswith("Stroke “roof”: contradicts the rest of the scene, with it the fit")
    )
    assert place.session.theme.muted in place.widget.styleSheet()  # the colour of notes, in either theme
    # What is painted on is judged anew; the others stay as the run found them.
    labels = painted().labels.copy()
    labels[26:28, 5:20] = 2
    place.controller.set_labels(labels)
    place.wait_for(lambda: "one material" in verdict_of(place, 2).text() or "?" in verdict_of(place, 2).text())
    assert verdict_of(place, 1).text() == "confirms its endmember, 97 % of the stroke"
    assert "by the maps of the run" in verdict_of(place, 2).toolTip().lower()


def test_in_the_narrowest_dock_a_verdict_is_cut_and_pushes_nothing(place: Any) -> None:
    place.controller.set_annotation(painted())
    place.wait_for(lambda: verdict_of(place, 2).isVisible())
    row = row_of(place, 2)
    least = row.minimumSizeHint().width()
    train(place)
    place.widget.setFixedWidth(280)
    place.qtbot.wait(50)
    assert row_of(place, 3).minimumSizeHint().width() == least
    assert row_of(place, 3).width() <= 280
    verdict = verdict_of(place, 3)
    assert verdict.mapTo(place.widget, verdict.rect().topRight()).x() <= 280
    assert verdict._elidedText().endswith("…")
    assert len(verdict.toolTip()) > len(verdict.text())


def test_rows_of_what_is_no_longer_painted_are_gone_in_the_same_turn(place: Any) -> None:
    """Also before Qt deletes them, which it does when its loop comes round: else they are drawn over those that are left."""
    place.controller.set_annotation(painted())
    rows = [row_of(place, label) for label in (1, 2, 3)]
    assert all(row.isVisible() for row in rows)
    place.controller.set_labels(np.where(painted().labels == 2, 2, 0).astype(np.int32))
    assert [row.isVisible() for row in rows] == [False, True, False]
