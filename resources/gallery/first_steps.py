"""Walk the way of the page *First steps* in a real window, by mouse and keys; make its pictures, and count what was done and how long it took.

Run on a display, or without one: xvfb-run -s "-screen 0 1280x800x24" python resources/gallery/first_steps.py [FOLDER] [--method ivae]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pictures import live, own_home
from qtpy.QtCore import QPoint, Qt, QThreadPool
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QPushButton, QScrollArea

from napari_unmix.plugin.facts.session import Session, current_report, shown, shown_preview
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.launch import open_viewer
from napari_unmix.plugin.window.panels.endmember_row import NameEdit
from napari_unmix.plugin.window.workspace import workspace_of
from napari_unmix.rows.metrics import angle_table
from napari_unmix.synthetic import sample_scene

SIZE = (1270, 760)
COLOURS = 256  # of a picture: enough for maps and letters, at a third of the bytes
STROKE = ((20, 30), (20, 36), (22, 42))  # row, column
PIXEL = (40, 50)
LEFT = Qt.MouseButton.LeftButton


@dataclass(eq=False)
class Newcomer:
    """Does what the page says, as its reader does, and counts: ``acts`` are presses, strokes and names written.

    ``pictures`` are the files that were made, ``named`` the endmembers' names in the end, ``exported`` the files of the folder that was written.
    """

    viewer: Any
    folder: Path
    acts: int = 0
    pictures: list[str] = field(default_factory=list)
    named: tuple[str, ...] = ()
    exported: list[str] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """The facts."""
        return workspace_of(self.viewer).session

    @property
    def controller(self) -> Controller:
        """The verbs."""
        return workspace_of(self.viewer).controller

    def press(self, label: str) -> None:
        """Press the visible button of this label."""
        buttons = self.viewer.window._qt_window.findChildren(QPushButton)
        button = next(one for one in buttons if one.isVisible() and one.text() == label)
        self._bring(button)
        QTest.mouseClick(button, LEFT)
        self.acts += 1

    def drag(self, *pixels: tuple[int, int]) -> None:
        """Press the mouse on the first pixel, move it over the others, release it."""
        native = self.viewer.window._qt_viewer.canvas.native
        QTest.mouseMove(native, self._place(pixels[0]))
        live(lambda: False, 0.05)
        QTest.mousePress(native, LEFT, Qt.KeyboardModifier.NoModifier, self._place(pixels[0]))
        for pixel in pixels[1:]:
            live(lambda: False, 0.05)
            QTest.mouseMove(native, self._place(pixel))
        live(lambda: False, 0.05)
        QTest.mouseRelease(native, LEFT, Qt.KeyboardModifier.NoModifier, self._place(pixels[-1]))
        self.acts += 1

    def name(self, index: int, name: str) -> None:
        """Double-click an endmember's name, write, Enter."""
        edit = [one for one in self.viewer.window._qt_window.findChildren(NameEdit) if one.isVisible()][index]
        self._bring(edit)
        QTest.mouseDClick(edit, LEFT)
        QTest.keyClicks(edit, name)
        QTest.keyClick(edit, Qt.Key.Key_Return)
        self.acts += 1

    def export(self, folder: Path) -> None:
        """Export… > Folder of the run…, and choose a folder in the dialog of the system, which is no part of the window."""
        buttons = self.viewer.window._qt_window.findChildren(QPushButton)
        button = next(one for one in buttons if one.isVisible() and one.text() == "Export…")
        asked = QFileDialog.getExistingDirectory
        QFileDialog.getExistingDirectory = lambda *_, **__: str(folder)  # type: ignore[method-assign]
        try:
            next(entry for entry in button.menu().actions() if entry.text().startswith("Folder")).trigger()
        finally:
            QFileDialog.getExistingDirectory = asked  # type: ignore[method-assign]
        self.acts += 3
        live(lambda: self.session.exported is not None, 60)

    def picture(self, what: str) -> None:
        """Keep what the window shows."""
        from PIL import Image

        live(lambda: False, 1.0)
        path = self.folder / f"first-{len(self.pictures) + 1}-{what}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        with Image.open(path) as full:
            small = full.convert("RGB").quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        self.pictures.append(path.name)

    def _bring(self, widget: Any) -> None:
        area = widget.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is not None:
            area.ensureWidgetVisible(widget)
            live(lambda: False, 0.05)

    def _place(self, pixel: tuple[int, int]) -> QPoint:
        x, y = self.viewer.window._qt_viewer.canvas.view.scene.transform.map([pixel[1], pixel[0], 0, 1])[:2]
        return QPoint(round(x), round(y))


def walk(newcomer: Newcomer, method: str, exports: Path) -> float:
    """All of the page; the seconds that training and its checks took of it."""
    session = newcomer.session
    newcomer.picture("empty")
    # 1. Open
    newcomer.press("Open the sample")
    live(lambda: session.suggested is not None and session.survey is not None and session.annotation is not None)
    # 2. Paint
    newcomer.press("Next region")
    newcomer.drag(*STROKE)
    newcomer.picture("painted")
    # 3. Train
    newcomer.controller.choose_method(method)  # the preset is ivae: the page has nothing to choose
    newcomer.press("Train")
    began = time.monotonic()
    live(lambda: shown_preview(session) is not None or session.state == "idle")
    newcomer.picture("training")
    live(lambda: session.state == "idle" and current_report(session) is not None)
    trained = time.monotonic() - began
    # 4. Look
    newcomer.drag(PIXEL)
    newcomer.picture("pixel")
    newcomer.press("Why?")
    newcomer.picture("why")
    newcomer.press("Why?")
    # 5. Name
    for index, name in enumerate(materials(session)):
        newcomer.name(index, name)
    newcomer.picture("named")
    # 6. Take along
    newcomer.export(exports)
    return trained


def materials(session: Session) -> list[str]:
    """What each endmember is: of the sample it is known what was mixed. One that is like none of it keeps its name."""
    what, scene = shown(session), sample_scene()
    assert what is not None
    angles = np.degrees(angle_table(what.content.endmembers, scene.endmembers))
    names = [
        scene.names[int(row.argmin())] if row.min() < 15 else own for row, own in zip(angles, what.names, strict=True)
    ]
    return [name if names.count(name) == 1 else own for name, own in zip(names, what.names, strict=True)]


@own_home()
def main(folder: Path, method: str = "ivae") -> Newcomer:
    """Open a window with nothing in it, walk, say what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    began, before = time.monotonic(), time.process_time()
    viewer = open_viewer(block=False)
    viewer.window.resize(*SIZE)
    live(lambda: False, 1.0)
    newcomer = Newcomer(viewer, folder)
    with tempfile.TemporaryDirectory() as exports:
        trained = walk(newcomer, method, Path(exports))
        newcomer.exported = sorted(path.name for path in next(Path(exports).iterdir()).iterdir())
    what = shown(newcomer.session)
    newcomer.named = () if what is None else what.names
    took = f"{time.monotonic() - began:.0f} s, of which training and checks {trained:.0f} s"
    print(f"{newcomer.acts} presses, strokes and names; {took}; {time.process_time() - before:.0f} s of processor time")
    print(f"named {', '.join(newcomer.named)}; exported {', '.join(newcomer.exported)}")
    live(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, 60)
    viewer.close()
    live(lambda: False, 0.2)
    return newcomer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="pictures")
    parser.add_argument("--method", default="ivae")
    options = parser.parse_args()
    main(Path(options.folder), options.method)
