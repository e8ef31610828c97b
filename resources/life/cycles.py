"""A real window that trains, is cancelled, and trains again: memory, turns of the event loop, and what is left when the docks are closed.

    python resources/life/cycles.py --cycles 200 --clicks 1000

Needs a display (``xvfb-run -s "-screen 0 1600x1200x24"`` where there is none). Prints memory after each tenth, against the tenth cycle, by
which everything has been imported and every picture made once; then the turns of the event loop that took longer than 50 ms, by the clock
and by this thread's processor time, and what ran in the latter; then what is left of ours after the docks were closed.
With ``--fakes`` the fits are none, and nothing is kept; with ``--held`` their runs are kept in a temporary folder, and hold so many bytes together.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import psutil
from fakes import Fakes, scene
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt, QThreadPool, QTimer
from qtpy.QtTest import QTest

import napari_unmix
from napari_unmix.plugin.facts.resting import rests
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.runners import ThreadJob
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.plugin.viewer.link import ViewerLink
from napari_unmix.plugin.window.launch import open_viewer
from napari_unmix.plugin.window.workspace import Workspace, _open, workspace_of

SIZE, WINDOW = (24, 20, 30), (1000, 700)
LONG_MS, SAMPLE_SECONDS = 50, 0.005
WARM_CYCLES = 10
CHECKED_EVERY = 10
LONG_FIT = 100_000  # steps, until it is cancelled
OURS = (Session, Controller, ViewerLink, Workspace, ThreadJob)
PACKAGE = str(Path(napari_unmix.__file__).parent)


class Turns:
    """How long the turns of the event loop take, and what runs in the long ones: a thread looks at this one's calls."""

    def __init__(self) -> None:
        self.last, self.last_own = time.perf_counter(), time.thread_time()
        self.long: list[float] = []
        self.busy: list[float] = []  # the processor time of this thread in the long turns
        self.seen: Counter[str] = Counter()  # where the long turns were, by the innermost call of ours
        self.ours = 0.0  # the longest time that one call of ours was seen to run in one turn
        self._looks: list[str] = []
        self._main = threading.get_ident()
        self._stopped = threading.Event()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(0)
        self._thread = threading.Thread(target=self._look, name="looking")
        self._thread.start()

    def _tick(self) -> None:
        now, own = time.perf_counter(), time.thread_time()
        took, self.last = now - self.last, now
        worked, self.last_own = own - self.last_own, own
        looks, self._looks = self._looks, []
        if 1000 * took > LONG_MS:
            self.long.append(took)
        if (
            1000 * worked > LONG_MS
        ):  # another program, or a training that holds Python's lock, is not what this thread did
            self.busy.append(worked)
            where, count = Counter(looks).most_common(1)[0] if looks else ("", 0)
            self.seen[where or "napari, Qt or OpenGL"] += 1
            if where:
                self.ours = max(self.ours, worked * count / len(looks))

    def _look(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            frame: Any = sys._current_frames().get(self._main)
            while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
                frame = frame.f_back
            code = None if frame is None else frame.f_code
            self._looks.append("" if code is None else f"{Path(code.co_filename).name}: {code.co_qualname}")

    def stop(self) -> None:
        """Look no longer."""
        self._timer.stop()
        self._stopped.set()
        self._thread.join()


class Cycles:
    """The window, and a user who trains, cancels, and trains."""

    def __init__(self, fakes: Fakes | None, method: str, held: int | None = None) -> None:
        self._fakes = fakes
        engine = Engine() if fakes is None else fakes.engine()
        if fakes is not None and held is not None:
            engine = replace(engine, keep_run=fakes.keep)
        manager = PluginManager.instance()
        manager.discover()
        if "napari-unmix" not in manager:
            manager.register(PluginManifest.from_file(Path(PACKAGE) / "napari.yaml"))
        self.viewer = open_viewer(block=False, engine=engine)
        self.viewer.window.resize(*WINDOW)
        self.workspace: Workspace = workspace_of(self.viewer)
        self.controller, self.session = self.workspace.controller, self.workspace.session
        if held is not None:
            self.controller.most_held_bytes = held
        for data, options, _ in cube_layers(scene(1, SIZE)):
            self.viewer.add_image(data, **options)
        self.controller.choose_method(method)
        self.controller.set_option("endmembers", 3)
        for name, value in (("epochs", 1), ("auxiliary", "none")):
            if name in type(self.session.spec).model_fields:
                self.controller.set_option(name, value)
        self.random = Random(0)

    def until(self, condition: Any, seconds: float = 120) -> None:
        """Let the window live until something is the case."""
        end = time.monotonic() + seconds
        while not condition():
            QTest.qWait(2)
            if time.monotonic() > end:
                raise TimeoutError(f"state {self.session.state}, trouble {self.session.trouble}")

    def click(self) -> None:
        """Press and release the mouse on a pixel."""
        canvas = self.viewer.window._qt_viewer.canvas
        row, column = self.random.randrange(SIZE[0]), self.random.randrange(SIZE[1])
        x, y = canvas.view.scene.transform.map([column, row, 0, 1])[:2]
        QTest.mouseClick(
            canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y))
        )

    def cycle(self, clicks: int, *, checked: bool) -> int:
        """Train, click, cancel, train to the result, and to the end of its checks or not; how many clicks fell into the training."""
        if self._fakes is not None:
            self._fakes.steps = LONG_FIT
        self.controller.start()
        self.until(lambda: (self.session.progress is not None and self.session.progress.step > 0) or not self.busy)
        during = 0
        for _ in range(clicks):
            during += self.busy
            self.click()
            QTest.qWait(1)
        self.controller.cancel()
        self.until(lambda: not ThreadJob._alive)
        if self._fakes is not None:
            self._fakes.steps = None
        self.controller.start()
        self.until(lambda: not self.busy)
        if not checked:
            self.controller.cancel()
        self.until(lambda: self.session.state == "idle" and not ThreadJob._alive)
        return during

    @property
    def busy(self) -> bool:
        """Whether it trains."""
        return self.session.state == "training"

    def end(self) -> dict[str, int]:
        """Close the docks; what is left of ours."""
        for name in ("Spectra", "Unmix"):
            self.viewer.window.remove_dock_widget(self.viewer.window._wrapped_dock_widgets[f"{name} (napari-unmix)"])
        del self.controller, self.session, self.workspace
        QThreadPool.globalInstance().waitForDone(10_000)
        QTest.qWait(200)
        collect()
        things = gc.get_objects()
        return {
            **{kind.__name__: sum(type(thing) is kind for thing in things) for kind in OURS},
            "open workspaces": len(_open),
            "running jobs": len(ThreadJob._alive),
            "pool threads": QThreadPool.globalInstance().activeThreadCount(),
            "own callbacks of the layer list": sum(
                "unmix" in str(one) for one in self.viewer.layers.events.inserted.callbacks
            ),
            "own mouse callbacks": sum("unmix" in str(one) for one in self.viewer.mouse_drag_callbacks),
        }


def collect() -> None:
    """What Qt is to delete, and what nobody holds."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()


def memory() -> float:
    """Resident memory of this process in MB."""
    collect()
    return float(psutil.Process().memory_info().rss / 2**20)


def run(cycles: int, clicks: int, method: str, *, fakes: bool, held: int | None = None) -> None:
    """All cycles, and the table."""
    with tempfile.TemporaryDirectory() as folder:
        instead = Fakes(Random(0), Path(folder), 0.005, ("good",)) if fakes else None
        window, start, during = Cycles(instead, method, held), time.monotonic(), 0
        window.until(lambda: window.session.chore is None and not ThreadJob._alive)
        first, turns = 0.0, None
        for number in range(1, cycles + 1):
            during += window.cycle(-(-clicks // cycles), checked=number % CHECKED_EVERY == 0)
            if number == WARM_CYCLES:
                first, turns = memory(), Turns()
            if number % max(1, cycles // 10) == 0:
                print(
                    f"{number:5d} cycles {time.monotonic() - start:6.0f} s {memory():7.1f} MB, after {WARM_CYCLES}: {first:.1f}",
                    flush=True,
                )
        last = memory()
        print(
            f"memory {first:.1f} -> {last:.1f} MB: {100 * (last / max(first, 1e-9) - 1):+.1f} %; {during} clicks while it trained"
        )
        if turns is not None:
            turns.stop()
            print(
                f"{len(turns.long)} turns longer than {LONG_MS} ms, the longest {1000 * max(turns.long, default=0):.0f} ms"
            )
            print(f"the longest that one call of ours was seen in one: {1000 * turns.ours:.0f} ms")
            for where, count in turns.seen.most_common(12):
                print(f"{count:6d} × {where}")
        resting = sum(rests(known.unmixing) for known in window.session.runs)
        print(f"{len(window.session.runs)} runs, of which {resting} rest")
        print("left after the docks were closed:", window.end())
        sys.stdout.flush()
        os._exit(0)  # software OpenGL may crash where a viewer is closed; this is no part of what is measured


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--clicks", type=int, default=1000)
    parser.add_argument("--method", default="ivae")
    parser.add_argument("--fakes", action="store_true")
    parser.add_argument("--held", type=int, help="bytes that the runs may hold, of fakes that are kept")
    options = parser.parse_args()
    run(options.cycles, options.clicks, options.method, fakes=options.fakes, held=options.held)


if __name__ == "__main__":
    main()
