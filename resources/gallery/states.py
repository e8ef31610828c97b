"""Make a picture of every state of the window, to be looked at: each way of opening, painting, training, results, errors, themes and sizes.

Run on a display, or without one: xvfb-run -s "-screen 0 2600x1600x24" python resources/gallery/states.py [FOLDER] [--only WORD] [--real FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pictures import live, own_home
from qtpy.QtWidgets import QPushButton, QToolButton

from napari_unmix.cube import Annotation, Meaning
from napari_unmix.identifiability.report import Grade, Word
from napari_unmix.plugin.facts.session import Session, running, shown_preview
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.launch import open_viewer
from napari_unmix.plugin.window.workspace import workspace_of

SMALL, USUAL = (1280, 720), (1390, 890)
QUICK = "vca-fcls"
SETTLES = 0.8  # seconds until a change is drawn


class Scene:
    """One window on its way through its states; ``shot`` saves what it shows."""

    def __init__(self, folder: Path, prefix: str, size: tuple[int, int] = SMALL) -> None:
        self.folder, self.prefix, self.count = folder, prefix, 0
        self.viewer = open_viewer(block=False)
        self.viewer.window.resize(*size)
        live(lambda: False, 1.0)

    @property
    def session(self) -> Session:
        """The facts."""
        return workspace_of(self.viewer).session

    @property
    def controller(self) -> Controller:
        """The verbs."""
        return workspace_of(self.viewer).controller

    def shot(self, what: str) -> None:
        """Save a picture, numbered in the order of the walk."""
        live(lambda: False, SETTLES)
        self.count += 1
        path = self.folder / f"{self.prefix}-{self.count:02d}-{what}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        print(path, flush=True)

    def both(self, what: str) -> None:
        """Save it in the dark theme and in the light one."""
        self.shot(what)
        self.viewer.theme = "light"
        self.shot(f"{what}-light")
        self.viewer.theme = "dark"

    def ready(self) -> None:
        """A cube is open, and looked at."""
        live(lambda: self.session.suggested is not None and self.session.survey is not None, 120)

    def sample(self) -> None:
        """The sample scene."""
        self.viewer.open_sample("napari-unmix", "synthetic_mixture")
        self.ready()

    def train(self, method: str = QUICK, **options: Any) -> None:
        """Train to the end, with the checks."""
        self.controller.choose_method(method)
        for name, value in options.items():
            self.controller.set_option(name, value)
        self.controller.start()
        live(lambda: self.session.state == "idle", 600)

    def press(self, *labels: str) -> None:
        """Press the first visible button of one of these labels."""
        window = self.viewer.window._qt_window
        for kind in (QPushButton, QToolButton):
            for button in window.findChildren(kind):
                if button.isVisible() and button.text() in labels:
                    button.click()
                    live(lambda: False, 0.2)
                    return
        raise LookupError(f"no button reads {' or '.join(labels)}")

    def close(self) -> None:
        """The window is closed."""
        self.viewer.close()
        live(lambda: False, 0.3)


def first_start(folder: Path) -> None:
    """Nothing is open, in both themes."""
    scene = Scene(folder, "start")
    scene.shot("empty")
    scene.viewer.theme = "light"
    scene.shot("empty-light")
    scene.controller.open(Path("no such file.hdr"))
    live(lambda: scene.session.trouble is not None, 10)
    scene.shot("a-file-that-is-none")
    scene.close()


def the_sample(folder: Path) -> None:
    """The sample, from opening to a second run, at the smallest size."""
    scene = Scene(folder, "sample")
    scene.sample()
    scene.shot("ready")
    scene.controller.choose_method("ivae")
    scene.controller.start()
    live(lambda: shown_preview(scene.session) is not None or not running(scene.session), 120)
    scene.shot("training")
    scene.controller.pause()
    scene.shot("paused")
    scene.controller.resume()
    live(lambda: scene.session.state == "idle", 600)
    scene.shot("result")
    scene.controller.select_pixel(40, 50)
    scene.controller.pin()
    scene.controller.select_pixel(100, 20)
    scene.controller.pin()
    scene.shot("pixel-and-pins")
    scene.controller.show_alone(0)
    scene.shot("one-map")
    scene.controller.show_alone(0)
    scene.press("Why?")
    scene.shot("why")
    scene.press("Why?")
    scene.train(QUICK, endmembers=4)
    scene.shot("second-run")
    scene.controller.rename_endmember(0, "clay")
    scene.controller.set_option("seed", 3)
    scene.shot("out-of-date")
    scene.viewer.theme = "light"
    scene.shot("light")
    scene.close()


def two_cubes(folder: Path) -> None:
    """A second cube beside a trained one."""
    scene = Scene(folder, "two")
    scene.sample()
    scene.train()
    generator = np.random.default_rng(0)
    pure = generator.uniform(0.1, 0.9, (3, 60))
    values = generator.dirichlet(np.ones(3), (60, 80)) @ pure + generator.normal(0, 0.003, (60, 80, 60))
    with tempfile.TemporaryDirectory() as place:
        np.savez(Path(place) / "second.npz", cube=values.astype(np.float32), wavelengths=np.linspace(400, 1000, 60))
        scene.controller.open(Path(place) / "second.npz")
        live(lambda: len(scene.session.cubes) == 2, 30)
        scene.ready()
        scene.shot("no-result-yet")
        scene.train()
        scene.both("second-trained")
    scene.controller.set_cube(scene.session.cubes[0])
    scene.both("back")
    scene.close()


def after_the_result(folder: Path) -> None:
    """What is done with a result: two runs compared, areas, further maps, an edit, naming by a library, what is taken along."""
    scene = Scene(folder, "after")
    scene.sample()
    scene.train()
    scene.train(endmembers=4)
    scene.controller.compare_with(scene.session.runs[0].number)
    live(lambda: bool(scene.session.measured), 20)
    scene.both("compare")
    scene.controller.compare_with(None)
    scene.press("Areas…")
    live(lambda: scene.session.areas is not None, 20)
    scene.both("areas")
    scene.press("Areas…")
    scene.controller.toggle_dominant()
    scene.shot("dominant")
    scene.controller.toggle_dominant()
    scene.controller.lock_endmember(0)
    scene.controller.merge_endmembers([1, 2])
    live(lambda: scene.session.chore is None, 20)
    scene.both("edited-and-locked")
    scene.press("Name from library…")
    live(lambda: False, 12)
    scene.both("match")
    scene.close()


def grades(folder: Path) -> None:
    """How far each endmember can be believed: a run whose report has every word, made up where the method gives none."""
    scene = Scene(folder, "grades")
    scene.sample()
    scene.train(endmembers=4)
    for index, name in enumerate(("grass", "asphalt", "roof", "tree")):
        scene.controller.rename_endmember(index, name)
    run = scene.session.run
    assert run is not None
    assert run.report is not None
    words: tuple[Word, ...] = ("steady", "shaky", "not determined here", "given")
    made = []
    for k, (name, word) in enumerate(zip(run.look.names, words, strict=True)):
        curve = np.abs(run.unmixing.endmembers[k][run.cube.good_bands])
        spread = () if word == "given" else tuple((0.004 * 4**k * curve).tolist())
        remedy = f"Paint a stroke where {name} is pure." if word in ("shaky", "not determined here") else ""
        made.append(
            Grade(name, word, f"Left-out parts of the scene move {name} by {0.2 * 4**k:.1f}°.", remedy, spread=spread)
        )
    summary = "By geometry 1 of 3 is steady; asphalt is shaky, roof is not determined here."
    scene.session.run = replace(run, report=replace(run.report, summary=summary, grades=tuple(made)))
    scene.both("result")
    scene.press("Why?")
    scene.both("why")
    scene.press("Why?")
    scene.controller.toggle_dominant()
    scene.shot("dominant")
    scene.close()


def painting(folder: Path) -> None:
    """Paint: an empty painting, few regions, strokes of materials, what is to be ignored."""
    scene = Scene(folder, "paint")
    scene.sample()
    scene.controller.new_annotation()
    scene.shot("brush")
    labels = np.zeros((128, 128), np.int32)
    labels[5:20, 5:30], labels[60:80, 60:90], labels[100:120, 10:40] = 1, 2, 3
    meanings = {1: Meaning("region", "shore"), 2: Meaning("material", "clay"), 3: Meaning("ignore")}
    scene.controller.set_annotation(Annotation(labels, meanings))
    scene.shot("meanings")
    scene.controller.set_option("endmembers", 30)
    scene.controller.choose_method(QUICK)
    scene.controller.start()
    live(lambda: scene.session.state == "idle", 300)
    scene.controller.select_pixel(40, 50)
    scene.both("thirty-endmembers")
    scene.close()


def a_real_scene(folder: Path, data: Path) -> None:
    """A real scene with three strokes."""
    scene = Scene(folder, "real", USUAL)
    scene.viewer.open(str(data / "samson" / "samson.hdr"), plugin="napari-unmix")
    scene.ready()
    scene.shot("opened")
    labels = np.zeros((95, 95), np.int32)
    labels[72:77, 74:78], labels[40:46, 54:60], labels[60:66, 10:16] = 1, 2, 3  # where they are
    strokes = {1: Meaning("material", "rock"), 2: Meaning("material", "tree"), 3: Meaning("material", "water")}
    scene.controller.set_annotation(Annotation(labels, strokes))
    scene.train("ivae")
    scene.controller.select_pixel(40, 50)
    scene.shot("result")
    scene.press("Why?")
    scene.shot("why")
    scene.viewer.theme = "light"
    scene.shot("light")
    scene.close()


WALKS: dict[str, Callable[[Path], None]] = {
    "start": first_start,
    "sample": the_sample,
    "two": two_cubes,
    "paint": painting,
    "after": after_the_result,
    "grades": grades,
}


@own_home()
def main(arguments: argparse.Namespace) -> None:
    """Each walk in a process of its own: a window that was closed leaves something behind, and twice as large is for a whole program."""
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.walk:
        if arguments.walk == "real":
            a_real_scene(folder, Path(arguments.real))
        else:
            WALKS[arguments.walk](folder)
        return
    names = [*WALKS, *(["real"] if arguments.real else [])]
    for name in names:
        if arguments.only in name:
            command = [sys.executable, __file__, str(folder), "--walk", name, "--real", arguments.real]
            subprocess.run(command, check=True)
    if arguments.only in "start sample" and not arguments.plain:
        large = folder / "200"
        large.mkdir(exist_ok=True)
        command = [sys.executable, __file__, str(large), "--walk", "sample"]
        subprocess.run(command, check=True, env={**os.environ, "QT_SCALE_FACTOR": "2"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="pictures")
    parser.add_argument("--only", default="", help="walks whose names hold this word")
    parser.add_argument("--plain", action="store_true", help="not at 200 %% as well")
    parser.add_argument("--walk", default="", help=argparse.SUPPRESS)
    parser.add_argument("--real", default=os.environ.get("NAPARI_UNMIX_DATA", ""), help="the folder of the real scenes")
    main(parser.parse_args())
