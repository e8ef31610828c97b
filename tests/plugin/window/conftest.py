"""A real window, a real mouse. Needs the gui extra, and a display or Xvfb."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_unmix
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.progress import Fit, Preview, Progress

if find_spec("napari") is None:  # the core is installed and tested without it
    collect_ignore_glob = ["test_*.py"]

WINDOW = (1390, 890)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked ``gui``."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session", autouse=True)
def manifest() -> None:
    """Make the plugin known to napari where the package runs from its source folder."""
    pytest.importorskip("npe2")
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    manager.discover()
    if "napari-unmix" not in manager:
        manager.register(PluginManifest.from_file(Path(napari_unmix.__file__).parent / "napari.yaml"))


@pytest.fixture(scope="session", autouse=True)
def quick_garbage(manifest: None) -> Iterator[None]:
    """napari looks for garbage whenever a layer goes or a viewer closes: what was imported before is no garbage."""
    pytest.importorskip("napari.viewer")
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def samson() -> Path:
    """The header of the Samson scene."""
    folder = os.environ.get("NAPARI_UNMIX_DATA")
    header = Path(folder or "") / "samson" / "samson.hdr"
    if not folder or not header.exists():
        message = "set NAPARI_UNMIX_DATA to the folder of the real scenes: the main job's test does not run without it"
        pytest.skip(message)
    return header


BANDS = 20
THREE = np.random.default_rng(0).uniform(0.1, 0.9, (3, BANDS))


def scene() -> Cube:
    """A mixture of three spectra."""
    abundances = np.random.default_rng(1).dirichlet(np.ones(3), (40, 50))
    return Cube(abundances @ THREE, np.linspace(450, 900, 20), name="scene")


class FakeFit:
    """A fit of steps of ten milliseconds, which knows whether it was closed, and comes to its end early once the test has seen ``enough``."""

    def __init__(self, steps: int) -> None:
        self.steps, self.closed, self.enough, self.thread = steps, threading.Event(), threading.Event(), 0

    def __call__(self, cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
        self.thread = threading.get_ident()
        self.closed.clear()
        height, width, _ = cube.shape
        rng = np.random.default_rng(0)
        try:
            for step in range(self.steps):
                abundances = rng.dirichlet(np.ones(3), (height, width)).astype(np.float32)
                time.sleep(0.01)
                share = step / self.steps
                yield Progress(f"epoch {step}", step, self.steps, share, 1.0, lambda a=abundances: Preview(THREE, a))
                if self.enough.is_set():
                    break
            error = np.zeros((height, width), np.float32)
            names = ("endmember 1", "endmember 2", "endmember 3")
            return Unmixing(
                THREE,
                abundances,
                None,
                None,
                error,
                names,
                spec,
                notes=(Note(NoteKind.PAINTING, "Paint was not used."),),
                seconds=1.0,
            )
        finally:
            self.closed.set()


def fake_assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """One failed check."""
    yield Progress("refitting a simulated twin", 0, 1, 0.0)
    check = Check(
        "enough regions", "fail", 0, 3, "No region is painted.", "Paint 3 regions.", role="required", number=1
    )
    return Report("not identified", "Not identified by this painting.", (check,))


class Seam:
    """The engine of a window's workspaces: the real one, until a test puts a fake in the place of a generator."""

    def __init__(self) -> None:
        from napari_unmix.plugin.verbs.engine import Engine

        self._now = Engine()
        self.engine = Engine(**{field.name: partial(self._call, field.name) for field in fields(Engine)})

    def _call(self, name: str, *arguments: Any) -> Fit[Any]:
        return getattr(self._now, name)(*arguments)

    def put(self, **fakes: Callable[..., Fit[Any]]) -> None:
        """Fakes by name."""
        self._now = replace(self._now, **fakes)


def choose_our_reader() -> None:
    """napari asks which reader to take where its own claims a file too: take ours, as a user does."""
    from qtpy.QtWidgets import QApplication, QDialogButtonBox, QRadioButton

    dialog = QApplication.activeModalWidget()
    if dialog is not None:
        ours = [b for b in dialog.findChildren(QRadioButton) if "Hyperspectral" in b.text()]
        assert ours
        ours[0].setChecked(True)
        dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).click()


class Window:
    """What a person does with the window."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot, self.seam = viewer, qtbot, Seam()

    def open_dock(self, name: str = "Unmix") -> None:
        """Plugins > napari-unmix, where the dock is not open yet."""
        assert self.workspace is not None
        self.viewer.window.add_plugin_dock_widget("napari-unmix", name)

    def close_dock(self, name: str = "Unmix") -> None:
        """Click the cross in the dock's title."""
        from qtpy.QtCore import Qt

        dock = self.viewer.window._wrapped_dock_widgets[f"{name} (napari-unmix)"]
        self.qtbot.mouseClick(dock.title.close_button, Qt.MouseButton.LeftButton)
        self.qtbot.wait(20)

    def stands(self, name: str) -> bool:
        """Whether a dock is open."""
        return f"{name} (napari-unmix)" in self.viewer.window._wrapped_dock_widgets

    @property
    def workspace(self) -> Any:
        """What the docks share; made with the engine at the seam where no dock is open."""
        from napari_unmix.plugin.window.workspace import workspace_of

        return workspace_of(self.viewer, self.seam.engine)

    @property
    def session(self) -> Any:
        """The facts."""
        return self.workspace.session

    @property
    def controller(self) -> Any:
        """The verbs."""
        return self.workspace.controller

    @property
    def dock(self) -> Any:
        """The dock of the steps."""
        return self.viewer.window._wrapped_dock_widgets["Unmix (napari-unmix)"]

    @property
    def widget(self) -> Any:
        """The steps."""
        return self.dock.inner_widget()

    @property
    def spectra(self) -> Any:
        """The widget of the spectra."""
        self.open_dock("Spectra")
        return self.viewer.window._wrapped_dock_widgets["Spectra (napari-unmix)"].inner_widget()

    def button(self, *labels: str) -> Any:
        """The visible button that reads so; in a step that is folded, its title is clicked first."""
        from qtpy.QtWidgets import QPushButton

        self.unfold_for(*labels)
        found = [b for b in self.widget.findChildren(QPushButton) if b.text() in labels and b.isVisible()]
        assert found, f"no button reads {labels}"
        return found[0]

    def unfold_for(self, *labels: str) -> None:
        """Click the title of the folded step that holds a button, as a person does who looks for it."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QPushButton, QToolButton

        for panel in self.widget.panels:
            held = [b for b in panel.findChildren(QPushButton) if b.text() in labels and not b.isHidden()]
            if held and not panel._content.isVisible():
                header = panel.findChild(QToolButton, "stepHeader")
                self.qtbot.mouseClick(header, Qt.MouseButton.LeftButton)
                self.qtbot.wait(20)

    def press(self, *labels: str) -> None:
        """Press a button with the mouse."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QScrollArea

        button = self.button(*labels)
        self.widget.findChild(QScrollArea).ensureWidgetVisible(button)
        self.qtbot.wait(20)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def place(self, row: float, column: float) -> Any:
        """Where a pixel is on the canvas."""
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas
        x, y = canvas.view.scene.transform.map([column, row, 0, 1])[:2]
        return QPoint(round(x), round(y))

    def drag(self, *pixels: tuple[float, float]) -> None:
        """Press at the first pixel, move over the others, release."""
        from qtpy.QtCore import Qt

        native = self.viewer.window._qt_viewer.canvas.native
        self.qtbot.mouseMove(native, pos=self.place(*pixels[0]))
        self.qtbot.wait(20)
        self.qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=self.place(*pixels[0]))
        for pixel in pixels[1:]:
            self.qtbot.wait(20)
            self.qtbot.mouseMove(native, pos=self.place(*pixel))
        self.qtbot.wait(20)
        self.qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=self.place(*pixels[-1]))
        self.qtbot.wait(20)

    def click(self, row: int, column: int) -> None:
        """Click a pixel."""
        self.drag((row, column))

    def turn_wheel(self, widget: Any, notches: int) -> None:
        """Turn the mouse wheel over a widget, down where negative."""
        from qtpy.QtCore import QPoint, QPointF, Qt
        from qtpy.QtGui import QWheelEvent
        from qtpy.QtWidgets import QApplication

        middle = widget.rect().center()
        event = QWheelEvent(
            QPointF(middle),
            QPointF(widget.mapToGlobal(middle)),
            QPoint(0, 0),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    def drop(self, *paths: Path) -> None:
        """Drop files on the window."""
        from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
        from qtpy.QtGui import QDropEvent

        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDropEvent(
            QPointF(200, 200),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        with self.choosing():
            self.viewer.window._qt_viewer.dropEvent(event)

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """Answer napari's question for a reader, if it comes."""
        from qtpy.QtCore import QTimer

        answer = QTimer()
        answer.timeout.connect(choose_our_reader)
        answer.start(50)
        yield
        answer.stop()

    def with_fakes(self, steps: int) -> FakeFit:
        """Put fakes at the seam, and open the scene."""
        from napari_unmix.plugin.viewer.layers import cube_layers

        fit = FakeFit(steps)
        self.seam.put(unmix=fit, assess=fake_assess)
        for data, options, _ in cube_layers(scene()):
            self.viewer.add_image(data, **options)
        self.ready()
        return fit

    def texts(self) -> list[str]:
        """What the dock says."""
        from qtpy.QtWidgets import QLabel

        return [label.text() for label in self.widget.findChildren(QLabel) if label.isVisible()]

    def listed(self, name: str) -> list[str]:
        """The lines of a list that is one text ("materials", "checks"), as they are read; none while it is not seen."""
        from qtpy.QtGui import QTextDocument
        from qtpy.QtWidgets import QLabel

        made = self.widget.findChild(QLabel, name)
        if not made.isVisible():
            return []
        document = QTextDocument()
        document.setHtml(made.text())
        return [line for line in document.toPlainText().splitlines() if line]

    def maps(self) -> list[Any]:
        """The abundance layers by endmember."""
        found = [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]
        return sorted(found, key=lambda layer: int(layer.metadata["endmember"]))

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Let the window live until something is the case; the limit is against hanging alone, and far from what a busy machine takes."""
        self.qtbot.waitUntil(condition, timeout=int(1000 * seconds))

    def ready(self) -> None:
        """The small work after opening a cube is done, torch is warm."""
        self.wait_for(lambda: self.session.suggested is not None and self.session.survey is not None, 30)
        self.settle()

    def settle(self, milliseconds: int = 150) -> None:
        """No worker is left, and the window has lived on for so long."""
        from qtpy.QtCore import QThreadPool

        self.wait_for(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, 60)
        self.qtbot.wait(milliseconds)


@pytest.fixture
def windows(make_napari_viewer: Any, qtbot: Any) -> Iterator[Callable[..., Window]]:
    """Make windows; without a viewer where one is launched later. All are left quiet in the end."""
    made: list[Window] = []

    def make(*, viewer: bool = True, show: bool = True) -> Window:
        made.append(Window(make_napari_viewer(show=show) if viewer else None, qtbot))
        return made[-1]

    yield make
    for window in made:
        window.workspace.close()
        window.settle(20)  # no timer of ours runs any more: only what workers said last is heard


@pytest.fixture
def window(windows: Callable[..., Window]) -> Window:
    """napari with the Unmix dock."""
    made = windows()
    made.viewer.window.resize(*WINDOW)
    made.open_dock()
    made.qtbot.wait(50)
    return made
