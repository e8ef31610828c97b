"""Every way in, walked from an empty viewer to a clicked pixel after training.

The doors (how data come into the viewer) are one table, the orders (when docks open and close) are another; every cell is walked in a
real window, with the mouse. One column fits for real, the others put a quick fit at the seam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QScrollArea, QSpinBox

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.plugin.viewer.link import ViewerLink
from napari_unmix.plugin.window.dock import SpectraDock, UnmixDock
from napari_unmix.plugin.window.launch import open_viewer
from napari_unmix.plugin.window.workspace import _open
from napari_unmix.progress import Fit, Preview, Progress

PLUGIN, SAMPLE = "napari-unmix", "synthetic_mixture"
HEIGHT, WIDTH, BANDS = 24, 30, 12
COUNT = 2  # of the endmembers
PIXEL = (7, 11)
SMALL = (1000, 700)  # drawn in software
SECONDS = 60.0


@dataclass(frozen=True)
class Scenes:
    """The files that are opened, and what is in them."""

    field: Path
    later: Path
    values: np.ndarray  # (H, W, B)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """Two ENVI files: two materials, a little noise."""
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(4)
    endmembers = rng.uniform(0.1, 0.9, (COUNT, BANDS))
    files = []
    for name in ("field", "later"):
        values = rng.dirichlet(np.full(COUNT, 0.5), (HEIGHT, WIDTH)) @ endmembers + rng.normal(
            0, 0.002, (HEIGHT, WIDTH, BANDS)
        )
        values.astype("<f4").tofile(folder / f"{name}.img")
        wavelengths = ", ".join(f"{nm:.1f}" for nm in np.linspace(450, 900, BANDS))
        (folder / f"{name}.hdr").write_text(
            f"ENVI\nsamples = {WIDTH}\nlines = {HEIGHT}\nbands = {BANDS}\nheader offset = 0\ndata type = 4\ninterleave = bip\n"
            f"byte order = 0\nwavelength units = nm\nwavelength = {{{wavelengths}}}\n"
        )
        files.append((folder / f"{name}.hdr", values.astype(np.float32)))
    return Scenes(files[0][0], files[1][0], files[0][1])


# --- the doors: how data come into the viewer


def dropped(walk: Any, scenes: Scenes) -> None:
    """A file dropped on the window."""
    walk.drop(scenes.field)


def opened(walk: Any, scenes: Scenes) -> None:
    """File > Open, and our reader chosen."""
    with walk.choosing():
        walk.viewer.window._qt_viewer._qt_open([str(scenes.field)], stack=False, choose_plugin=True)


def sample(walk: Any, scenes: Scenes) -> None:
    """File > Open Sample."""
    walk.viewer.open_sample(PLUGIN, SAMPLE)


def by_hand(walk: Any, scenes: Scenes) -> None:
    """An array added in the console, or by another plugin."""
    walk.viewer.add_image(np.moveaxis(scenes.values, 2, 0), name="by hand")


def painted(walk: Any, scenes: Scenes) -> None:
    """A layer of labels, painted before there is a cube."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[2:6, 2:9], labels[15:20, 20:28] = 1, 2
    walk.viewer.add_labels(labels, name="theirs")
    walk.viewer.open(scenes.field, plugin=PLUGIN)


def launched(walk: Any, scenes: Scenes) -> None:
    """``napari-unmix open FILE``: it makes its own viewer, and docks in it."""
    walk.viewer = open_viewer(str(scenes.field), block=False, engine=walk.seam.engine)


def several(walk: Any, scenes: Scenes) -> None:
    """Several files at once."""
    walk.viewer.open([scenes.later, scenes.field], plugin=PLUGIN)


DOORS = (dropped, opened, sample, by_hand, painted, launched, several)


# --- the orders: what is done with docks before and after


@dataclass(frozen=True)
class Order:
    """Steps before the data come, and steps after; whether it is fitted for real, and whether all that may go on is tried."""

    before: Callable[[Any, Any], Any]
    after: Callable[[Any], None]
    real: bool = False
    tried: bool = False


def nothing(*_: Any) -> None:
    """No step."""


def dock_first(walk: Any, windows: Any) -> None:
    """The dock stands; the launcher docks by itself."""
    if walk.viewer is not None:
        walk.open_dock()


def dock(walk: Any) -> None:
    """The dock comes to what is there."""
    walk.open_dock()


def spectra_then_dock(walk: Any) -> None:
    """The spectra stand alone for a while."""
    for name in ("Unmix", "Spectra"):
        if walk.stands(name):
            walk.close_dock(name)
    walk.open_dock("Spectra")
    walk.wait_for(lambda: walk.session.cube is not None)
    assert not walk.stands("Unmix")
    walk.open_dock()


def close_and_open(walk: Any) -> None:
    """Close the steps alone and open them again; then close everything and open again."""
    walk.close_dock()
    walk.open_dock()
    walk.qtbot.wait(50)
    for name in ("Unmix", "Spectra"):
        if walk.stands(name):
            walk.close_dock(name)
    assert hash(walk.viewer) not in _open
    walk.open_dock()


def another_viewer(walk: Any, windows: Any) -> Any:
    """Another viewer has docks and a cube of its own."""
    other = windows(show=False)
    other.seam.put(warm_up=no_warm_up)
    other.open_dock()
    other.viewer.add_image(np.random.default_rng(0).uniform(size=(9, 8, 7)), name="other")
    other.wait_for(lambda: other.session.cube is not None)
    return other


ORDERS = {
    "dock before": Order(dock_first, nothing),
    "dock after": Order(nothing, dock, real=True, tried=True),
    "spectra alone": Order(nothing, spectra_then_dock),
    "closed and reopened": Order(dock_first, close_and_open, tried=True),
    "second viewer": Order(another_viewer, dock),
}


# --- the walk


def no_warm_up() -> Fit[None]:
    """Nothing is imported."""
    yield Progress("warming up", 0, 1, 0.0)


def quick_fit(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """Two of its pixels, and shares by chance."""
    rng = np.random.default_rng(0)
    endmembers = cube.spectra[[1, 5], [2, 6]].astype(np.float64)
    abundances = rng.dirichlet(np.ones(COUNT), cube.shape[:2]).astype(np.float32)
    for step in range(3):
        yield Progress("fitting", step, 3, step / 3, 1.0, lambda: Preview(endmembers, abundances))
    names = ("endmember 1", "endmember 2")
    return Unmixing(endmembers, abundances, None, None, np.zeros(cube.shape[:2], np.float32), names, spec)


def quick_check(cube: Cube, result: Unmixing) -> Fit[Report]:
    """One check."""
    yield Progress("checking", 0, 1, 0.0)
    return Report(
        "partly", "Partly.", (Check("enough regions", "doubtful", 0, 3, "No region.", "Paint.", role="required"),)
    )


def test_every_way_in_leads_to_a_clicked_pixel(walked: tuple[Any, Order]) -> None:
    """The cell's name says which."""
    walk, order = walked
    takes_the_cube_once(walk)
    if order.tried:
        paints_and_undoes(walk)
        wheel_changes_nothing(walk)
    trains(walk)
    clicks(walk)


@pytest.fixture(params=[f"{door.__name__}-{order}" for door in DOORS for order in ORDERS])
def walked(request: pytest.FixtureRequest, windows: Any, scenes: Scenes) -> Iterator[tuple[Any, Order]]:
    """A window after its door and its order."""
    name, _, key = request.param.partition("-")
    door, order = next(door for door in DOORS if door.__name__ == name), ORDERS[key]
    walk = windows(viewer=door is not launched)
    if walk.viewer is not None:
        walk.viewer.window.resize(*SMALL)
    walk.seam.put(warm_up=no_warm_up, assess=quick_check, **({} if order.real else {"unmix": quick_fit}))
    other = order.before(walk, windows)
    door(walk, scenes)
    order.after(walk)
    yield walk, order
    if other is not None:
        assert (other.session.cube.name, other.session.pixel, other.session.run) == ("other", None, None)
    if door is launched:
        walk.workspace.close()
        walk.settle()
        walk.viewer.close()


def takes_the_cube_once(walk: Any) -> None:
    """The cube is taken and all of it is in view; each dock stands once, and everything is connected once."""
    walk.wait_for(lambda: walk.session.cube is not None and walk.stands("Spectra"), SECONDS)
    walk.ready()
    window, link = walk.viewer.window._qt_window, walk.workspace.link
    assert len(window.findChildren(UnmixDock)) == len(window.findChildren(SpectraDock)) == 1
    assert walk.spectra.workspace is walk.widget.workspace is walk.workspace
    assert walk.spectra.isVisible()
    assert walk.widget.isVisible()
    owners = [getattr(callback, "__self__", None) for callback in walk.viewer.mouse_drag_callbacks]
    assert [owner for owner in owners if isinstance(owner, ViewerLink)] == [link]
    composites = [layer for layer in walk.viewer.layers if layer.metadata.get("napari_unmix") == "composite"]
    assert len(composites) == len(walk.session.cubes)
    assert [layer.visible for layer in composites].count(True) == 1
    assert walk.session.trouble is None
    height, width, _ = walk.session.cube.shape
    corners = ((-0.5, -0.5), (height - 0.5, width - 0.5))
    canvas = walk.viewer.window._qt_viewer.canvas.native
    walk.wait_for(lambda: not link._fitting.isActive())
    walk.wait_for(lambda: all(canvas.rect().contains(walk.place(*corner)) for corner in corners))


def paints_and_undoes(walk: Any) -> None:
    """A stroke is seen, its undoing too; the second stroke stays."""
    session = walk.session
    before = 0 if session.annotation is None else int((session.annotation.labels > 0).sum())
    walk.press("New annotation" if session.annotation is None else "Next region")

    def painted_pixels() -> int:
        return int((session.annotation.labels > 0).sum())

    walk.drag((3, 13), (4, 15), (4, 17))
    assert painted_pixels() > before
    canvas = walk.viewer.window._qt_viewer.canvas.native
    walk.qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert painted_pixels() == before
    walk.drag((3, 13), (4, 15), (4, 17))
    assert painted_pixels() > before


def wheel_changes_nothing(walk: Any) -> None:
    """The wheel over a control scrolls the dock."""
    bar = walk.widget.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(0)
    before, meanings = walk.session.spec, walk.session.annotation.meanings
    for kind in (QComboBox, QSpinBox):
        for control in walk.widget.findChildren(kind):
            if control.isVisible() and control.isEnabled():
                for notches in (-1, 1, -1):
                    walk.turn_wheel(control, notches)
    assert walk.session.spec == before
    assert walk.session.annotation.meanings == meanings
    assert bar.value() > 0 or bar.maximum() == 0


def leaves_a_corner(walk: Any) -> None:
    """A large scene would take minutes: all but a corner of it is left out of the fit."""
    session = walk.session
    if session.annotation is None:
        return
    labels = session.annotation.labels.copy()
    if labels.size > HEIGHT * WIDTH:
        ignored = int(labels.max()) + 1
        labels[HEIGHT:], labels[:, WIDTH:] = ignored, ignored
        meanings = {**session.annotation.meanings, ignored: Meaning("ignore")}
        walk.controller.set_annotation(Annotation(labels, meanings))


def trains(walk: Any) -> None:
    """The maps appear and the result belongs to what is painted."""
    leaves_a_corner(walk)
    for name, value in {"epochs": 2, "endmembers": COUNT}.items():
        walk.controller.set_option(name, value)
    walk.press("Train")
    walk.wait_for(lambda: walk.session.state == "idle" and current_report(walk.session) is not None, SECONDS)
    assert walk.session.trouble is None
    walk.wait_for(lambda: len(walk.maps()) == COUNT)
    walk.qtbot.wait(50)
    assert all(layer.visible and layer.data.any() for layer in walk.maps())
    assert walk.session.run.annotation is walk.session.annotation


def clicks(walk: Any) -> None:
    """A click on a pixel shows its spectrum, and is heard once."""
    heard: list[Any] = []
    session = walk.session
    session.events.pixel.connect(heard.append)
    walk.click(*PIXEL)
    assert heard == [PIXEL]
    panel = walk.spectra.panel
    _, shown = panel.plot.measured.getData()
    expected = session.cube.spectra[PIXEL].astype(float)
    np.testing.assert_allclose(shown, np.where(session.cube.good_bands, expected, np.nan), rtol=1e-6)
    np.testing.assert_allclose(panel.plot.reconstruction.getData()[1], session.run.unmixing.reconstruction(*PIXEL))
    assert len(panel.bars.texts()) == len(panel.plot.endmembers) == COUNT
    whose = f"{session.cube.name} · " if len(session.cubes) > 1 else ""
    walk.wait_for(lambda: [layer.name for layer in walk.viewer.layers].count(f"{whose}selected pixel") == 1)
