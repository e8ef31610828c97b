"""A random user of the docks: what may be done, and what has to hold after each step. No window: napari's viewer model, Qt off the screen."""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fakes import Fakes, scene
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.notifications import ErrorNotification, notification_manager
from qtpy.QtCore import QCoreApplication, QEvent, QThreadPool, qInstallMessageHandler
from qtpy.QtWidgets import QApplication

from napari_unmix.cube import Cube, Meaning
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.resting import rests
from napari_unmix.plugin.facts.session import Session, current_report, runs_of, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import ThreadJob
from napari_unmix.plugin.viewer.layers import cube_layers, layer_cube, layer_role
from napari_unmix.plugin.viewer.link import ViewerLink
from napari_unmix.plugin.window.dock import SpectraDock, UnmixDock
from napari_unmix.plugin.window.workspace import Workspace, _open, workspace_of

SIZES = ((12, 10, 8), (12, 10, 8), (9, 14, 12))
MOST_OPEN = 3
LONGEST_RUN = 20.0  # seconds
GONE_SECONDS = 0.3  # a hidden layer is drawn once more before it goes
OURS = (Session, Controller, ViewerLink, Workspace, UnmixDock, SpectraDock, ThreadJob)


class Broken(AssertionError):
    """Something that has to hold does not."""


def hold(condition: bool, what: str) -> None:
    """Raise where it does not."""
    if not condition:
        raise Broken(what)


class Walk:
    """One viewer, and a user who does anything in any order."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self.folder = folder
        self.fakes = Fakes(self.random, folder)
        self.viewer = ViewerModel()
        self.docks: dict[str, Any] = {}
        self.known: list[weakref.ref[Cube]] = []
        self.made = 0
        self.errors: list[str] = []
        self.counts: Counter[str] = Counter()
        self.plain_callbacks = self._callbacks()
        self.plain_threads = set(threading.enumerate())  # a library's, that other work has started
        self.open_unmix()

    # --- what runs it

    def steps(self) -> dict[str, float]:
        """Each thing that may be done, and how often."""
        often = {"start": 6, "spin": 8, "paint": 5, "click": 4, "open_cube": 3, "remove_layer": 2, "cancel": 3}
        rare = {"clear": 0.3, "delete_all": 0.3, "close_unmix": 0.5, "close_spectra": 0.5, "theme": 0.5, "join": 0.5}
        names = [name for name, made in vars(Actions).items() if callable(made) and not name.startswith("_")]
        return {name: {**often, **rare}.get(name, 1.0) for name in names}

    def take(self, name: str) -> None:
        """One step, and what has to hold after it."""
        self.counts[name] += 1
        getattr(Actions(self), name)()
        if self.random.random() < 0.5:
            turn()
        self.check()

    def random_step(self) -> str:
        """One step at random; its name."""
        chances = self.steps()
        name = self.random.choices(list(chances), list(chances.values()))[0]
        self.take(name)
        return name

    @property
    def workspace(self) -> Workspace | None:
        """What the docks share, while there is one."""
        return next(iter(self.docks.values())).workspace if self.docks else None

    def open_unmix(self) -> None:
        """Plugins > Unmix, or Spectra where it is there."""
        for name, kind in (("unmix", UnmixDock), ("spectra", SpectraDock)):
            if name not in self.docks:
                engine = replace(self.fakes.engine(), keep_run=self.fakes.keep)
                workspace_of(self.viewer, engine).controller.most_held_bytes = 0  # what is not looked at rests
                self.docks[name] = kind(self.viewer)
                return

    def close_dock(self, name: str) -> None:
        """The cross in a dock's title."""
        dock = self.docks.pop(name, None)
        if dock is not None:
            dock.close()
            dock.deleteLater()

    def quiet(self) -> None:
        """Until nothing is under way."""
        until = time.monotonic() + LONGEST_RUN
        while self._busy():
            if self.workspace is not None and self.workspace.session.state == "paused":
                self.workspace.controller.resume()
            turn(0.005)
            hold(time.monotonic() < until, f"work does not end: {ThreadJob._alive}")
        turn(0.02)

    def _busy(self) -> bool:
        idle = self.workspace is None or (
            self.workspace.session.state == "idle" and self.workspace.session.chore is None
        )
        return not idle or bool(ThreadJob._alive) or QThreadPool.globalInstance().activeThreadCount() > 0

    # --- what has to hold

    def check(self) -> None:
        """After each step."""
        hold(not self.errors, "an exception: " + " | ".join(self.errors))
        hold(len(_open) == bool(self.docks), f"{len(_open)} workspaces for {len(self.docks)} docks")
        if self.workspace is None:
            hold(self._callbacks() == self.plain_callbacks, f"callbacks left: {self._callbacks()}")
            return
        session, link = self.workspace.session, self.workspace.link
        self._check_cubes(session)
        self._check_run(session, self.workspace.controller)
        if session.annotation is not None:
            hold(session.cube is not None, "a painting without a cube")
            hold(session.annotation.labels.shape == session.cube.shape[:2], "a painting of another size")
            hold(link.painting.layer in self.viewer.layers, "a painting without its layer")
            hold(
                np.array_equal(link.painting.layer.data, session.annotation.labels),
                "the painting differs from its layer",
            )
        for layer in link.maps._layers.values():
            hold(layer in self.viewer.layers, "a map that is no layer")
            hold(same_image(layer_cube(layer), session.cube), "a map of another cube")
        self._check_maps(session, link)
        if session.trouble is not None and session.trouble.report:
            hold("raised on purpose" in session.trouble.report, session.trouble.report)

    def _check_cubes(self, session: Session) -> None:
        images = [layer for layer in self.viewer.layers if layer_role(layer) in ("bands", "composite")]
        hold((session.cube is None) == (not session.cubes), "no current cube among the open ones")
        hold(
            session.cube is None or any(session.cube is cube for cube in session.cubes), "the current cube is not open"
        )
        for cube in session.cubes:
            hold(any(layer_cube(layer) is cube for layer in images), f"{cube} has no layer")
        for layer in images:
            hold(any(layer_cube(layer) is cube for cube in session.cubes), f"{layer} is of no open cube")
        if session.cube is not None:
            rows, columns, _ = session.cube.shape
            places = [*session.pins, *([session.pixel] if session.pixel is not None else [])]
            hold(all(row < rows and column < columns for row, column in places), "a pixel outside the cube")
        for run in session.runs:
            hold(any(same_image(run.home, cube) for cube in session.cubes), "a run of which nothing is open")
        hold(session.run is None or session.run in runs_of(session, session.cube), "a run of another cube is shown")
        hold(len({run.number for run in session.runs}) == len(session.runs), "two runs of one number")
        looked_at = [run for run in (session.run, session.beside) if run is not None]
        hold(not any(rests(run.unmixing) for run in looked_at), "a run that is looked at rests")
        training = session.training
        hold(
            training is None or any(same_image(training.cube, cube) for cube in session.cubes),
            "a training of which nothing is open",
        )

    def _check_maps(self, session: Session, link: ViewerLink) -> None:
        """What is shown is of one run: data, names, colours and eyes; those that wait for their turn are not shown yet."""
        what, maps = shown(session), link.maps
        hold(what is None or same_image(what.cube, session.cube), "what is shown is of another cube")
        if what is None or maps._filled is not what.content.abundances:
            return
        hold(len(what.names) == len(what.colours) == what.content.abundances.shape[2], "a look of another size")
        hold(len(set(what.names)) == len(what.names), f"doubled names {what.names}")
        hold(len(set(what.colours)) == len(what.colours), f"doubled colours {what.colours}")
        for index, layer in maps._layers.items():
            if index not in maps._waiting:
                plane = np.nan_to_num(what.content.abundances[:, :, index])
                hold(np.array_equal(layer.data, plane), f"the map {layer} shows another run's endmember")
                hold(layer.metadata["colour"] == what.colours[index], f"the map {layer} has another's colour")

    def _check_run(self, session: Session, controller: Controller) -> None:
        job = controller._one_run._job
        hold((session.state == "idle") == (job is None), f"{session.state}, and its job is {job}")
        hold(job is None or job in ThreadJob._alive, f"{session.state}, and its job has ended")
        hold(all(job in ThreadJob._alive for job in controller._chores._jobs.values()), "work that has ended is held")
        hold((current_report(session) is None) or (session.run is not None), "a report without a result")
        hold(session.chore is None or bool(controller._chores._jobs), f"{session.chore}, and nothing is under way")

    def check_memory(self) -> None:
        """Now and then, when all is quiet: what is gone is free."""
        self.quiet()
        turn(GONE_SECONDS)
        gc.collect()
        session = None if self.workspace is None else self.workspace.session
        kept = [] if session is None else [*session.cubes, *([session.run.cube] if session.run is not None else [])]
        last = self.viewer.layers.selection._current  # napari holds it until another is current, also when it has gone
        kept += [
            cube
            for layer in [*self.viewer.layers, *([last] if last is not None else [])]
            if (cube := layer_cube(layer)) is not None
        ]
        alive = [cube for known in self.known if (cube := known()) is not None]
        strays = [cube for cube in alive if not any(same_image(cube, one) for one in kept)]
        hold(not strays, f"closed cubes are held: {strays}")
        self.known = [known for known in self.known if known() is not None]
        for kind in OURS:
            found = sum(type(thing) is kind for thing in gc.get_objects())
            hold(found <= bool(self.docks), f"{found} of {kind.__name__} for {len(self.docks)} docks")
        strangers = [one.name for one in threading.enumerate() if one not in self.plain_threads]
        hold(not [name for name in strangers if "Dummy" not in name], f"threads left: {strangers}")

    def end(self) -> None:
        """Everything is closed, and nothing of ours is left."""
        for name in list(self.docks):
            self.close_dock(name)
        self.quiet()
        self.check()
        self.viewer.layers.clear()
        self.viewer.add_image(np.zeros((4, 4)))  # napari itself holds the last current layer
        self.check_memory()
        alive = [cube for known in self.known if (cube := known()) is not None]
        hold(not alive, f"after the end are held: {alive}")

    def _callbacks(self) -> tuple[int, ...]:
        layers, viewer = self.viewer.layers.events, self.viewer
        lists = (
            layers.inserted.callbacks,
            layers.removed.callbacks,
            layers.removing.callbacks,
            viewer.events.theme.callbacks,
        )
        return (*map(len, lists), len(viewer.mouse_drag_callbacks))

    @contextmanager
    def listening(self) -> Any:
        """Hear of every exception, wherever it is raised."""

        def heard(kind: type[BaseException], value: BaseException, trace: Any) -> None:
            self.errors.append("".join(traceback.format_exception(kind, value, trace)))

        def told(notification: Any) -> None:
            if isinstance(notification, ErrorNotification):
                self.errors.append(notification.as_text())

        hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook = heard
        threading.excepthook = lambda hook: heard(hook.exc_type, hook.exc_value, hook.exc_traceback)
        sys.unraisablehook = lambda hook: heard(type(hook.exc_value), hook.exc_value, hook.exc_traceback)
        before = qInstallMessageHandler(self._qt_said)
        notification_manager.notification_ready.connect(told)
        try:
            yield
        finally:
            notification_manager.notification_ready.disconnect(told)
            qInstallMessageHandler(before)
            sys.excepthook, threading.excepthook, sys.unraisablehook = hooks

    def _qt_said(self, kind: Any, context: Any, message: str) -> None:
        if "thread" in message.lower() or "timer" in message.lower():
            self.errors.append(f"Qt: {message}")


class Actions:
    """What a user may do, whatever is the case: each method is one step."""

    def __init__(self, walk: Walk) -> None:
        self._walk, self._random, self._viewer = walk, walk.random, walk.viewer

    def _do(self, verb: Callable[[Controller, Session], Any]) -> None:
        if self._walk.workspace is not None:
            verb(self._walk.workspace.controller, self._walk.workspace.session)

    def _layers(self, *kinds: type) -> list[Any]:
        return [layer for layer in self._viewer.layers if not kinds or isinstance(layer, kinds)]

    def _room(self) -> bool:
        roles = [layer_role(layer) for layer in self._viewer.layers]
        return roles.count("bands") < MOST_OPEN

    def open_cube(self) -> None:
        if self._room():
            self._walk.made += 1
            cube = scene(self._walk.made, self._random.choice(SIZES))
            self._walk.known.append(weakref.ref(cube))
            for data, options, _ in cube_layers(cube):
                self._viewer.add_image(data, **options)

    def open_file(self) -> None:
        if self._room():
            self._walk.made += 1
            path = self._walk.folder / f"{self._walk.made % 7}.npz"
            np.savez(path, cube=scene(self._walk.made, self._random.choice(SIZES)).spectra)
            self._do(lambda controller, _: controller.open(path))

    def open_what_is_none(self) -> None:
        self._do(lambda controller, _: controller.open(self._walk.folder / "none.npz"))

    def open_array(self) -> None:
        if self._room():
            self._viewer.add_layer(Image(np.random.default_rng(0).random((9, 12, 10), np.float32), name="array"))

    def open_other(self) -> None:
        if len(self._viewer.layers) < 20:
            self._viewer.add_image(np.zeros((4, 5)), name="other")

    def read_again(self) -> None:
        scale = self._random.choice(("10", "100", "many", ""))
        self._do(lambda controller, _: controller.read_again({"scale": scale}))

    def undo_reading(self) -> None:
        self._do(lambda controller, _: controller.undo_reading())

    def choose_cube(self) -> None:
        self._do(lambda controller, session: session.cubes and controller.set_cube(self._random.choice(session.cubes)))

    def join(self) -> None:
        if self._room():
            self._do(lambda controller, session: controller.join(session.cubes))

    def bands(self) -> None:
        written = self._random.choice(("", "500-600", "1", "abc", "400-950"))
        self._do(lambda controller, _: controller.exclude_bands(written))

    def composite(self) -> None:
        choice = self._random.choice(("true colour", "principal components"))
        self._do(lambda controller, _: controller.set_composite(choice))

    def remove_layer(self) -> None:
        layers = self._layers()
        if layers:
            self._viewer.layers.remove(self._random.choice(layers))

    def remove_cube(self) -> None:
        cubes = [cube for layer in self._layers() if (cube := layer_cube(layer)) is not None]
        if cubes:
            gone = self._random.choice(cubes)
            for layer in self._layers():
                if same_image(layer_cube(layer), gone) and layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)

    def remove_images(self) -> None:
        """The cube is closed, its maps and its painting stay."""
        cubes = [cube for layer in self._layers() if (cube := layer_cube(layer)) is not None]
        if cubes:
            gone = self._random.choice(cubes)
            for layer in self._layers():
                if layer_role(layer) in ("bands", "composite") and same_image(layer_cube(layer), gone):
                    self._viewer.layers.remove(layer)

    def delete_all(self) -> None:
        self._viewer.layers.select_all()
        self._viewer.layers.remove_selected()

    def clear(self) -> None:
        self._viewer.layers.clear()

    def move_layer(self) -> None:
        count = len(self._viewer.layers)
        if count > 1:
            self._viewer.layers.move(self._random.randrange(count), self._random.randrange(count))

    def rename_layer(self) -> None:
        if self._layers():
            self._random.choice(self._layers()).name = self._random.choice(("x", "", "endmember 1", "rock", "rock [1]"))

    def toggle_layer(self) -> None:
        if self._layers():
            layer = self._random.choice(self._layers())
            layer.visible = not layer.visible

    def choose_layer(self) -> None:
        if self._layers():
            self._viewer.layers.selection.active = self._random.choice(self._layers())

    def new_annotation(self) -> None:
        self._do(lambda controller, _: controller.new_annotation())

    def next_region(self) -> None:
        self._do(lambda controller, _: controller.next_region())

    def paint(self) -> None:
        paintings = [layer for layer in self._layers(Labels) if layer.editable]
        if paintings:
            layer = self._random.choice(paintings)
            rows, columns = layer.data.shape
            layer.paint((self._random.randrange(rows), self._random.randrange(columns)), self._random.randrange(5))

    def fill(self) -> None:
        paintings = self._layers(Labels)
        if paintings:
            self._random.choice(paintings).fill((3, 3), self._random.randrange(5))

    def undo(self) -> None:
        for layer in self._layers(Labels)[:1]:
            layer.undo()

    def redo(self) -> None:
        for layer in self._layers(Labels)[:1]:
            layer.redo()

    def brush(self) -> None:
        for layer in self._layers(Labels)[-1:]:
            layer.mode = self._random.choice(("paint", "erase", "fill", "pick", "pan_zoom"))

    def meaning(self) -> None:
        kind, name = self._random.choice(("region", "material", "ignore")), self._random.choice(("", "rock", "tree"))
        self._do(lambda controller, _: controller.set_meaning(self._random.randrange(1, 4), Meaning(kind, name)))

    def method(self) -> None:
        self._do(lambda controller, _: controller.choose_method(self._random.choice(list(controller.methods()))))

    def option(self) -> None:
        name, value = self._random.choice(
            (("endmembers", 3), ("endmembers", "auto"), ("endmembers", -1), ("seed", 5), ("illumination", True))
        )
        self._do(
            lambda controller, session: name in type(session.spec).model_fields and controller.set_option(name, value)
        )

    def suggest(self) -> None:
        self._do(lambda controller, _: controller.suggest())

    def start(self) -> None:
        self._do(lambda controller, _: controller.start())

    def cancel(self) -> None:
        self._do(lambda controller, _: controller.cancel())

    def pause(self) -> None:
        self._do(lambda controller, _: controller.pause())

    def resume(self) -> None:
        self._do(lambda controller, _: controller.resume())

    def finish(self) -> None:
        self._walk.quiet()

    def spin(self) -> None:
        turn(self._random.choice((0.0, 0.01, 0.03)))

    def click(self) -> None:
        row, column = self._random.randrange(-2, 16), self._random.randrange(-2, 16)
        self._do(lambda controller, _: controller.select_pixel(row, column))

    def pin(self) -> None:
        self._do(lambda controller, _: controller.pin())

    def clear_pins(self) -> None:
        self._do(lambda controller, _: controller.clear_pins())

    def rename_endmember(self) -> None:
        name = self._random.choice(("rock", "", "endmember 2", "tree"))
        self._do(lambda controller, _: controller.rename_endmember(self._random.randrange(4), name))

    def colour_endmember(self) -> None:
        colour = self._random.choice(("#e69f00", "#123456"))
        self._do(lambda controller, _: controller.colour_endmember(self._random.randrange(4), colour))

    def alone(self) -> None:
        self._do(lambda controller, _: controller.show_alone(self._random.randrange(4)))

    def show_run(self) -> None:
        self._do(lambda controller, session: controller.show_run(self._a_run(session)))

    def rename_run(self) -> None:
        self._do(lambda controller, session: controller.rename_run(self._a_run(session), "the good one"))

    def forget_run(self) -> None:
        if self._random.random() < 0.3:
            self._do(lambda controller, session: controller.forget_run(self._a_run(session)))

    def _a_run(self, session: Session) -> int:
        return self._random.choice([run.number for run in session.runs] or [1])

    def undo_anything(self) -> None:
        self._do(lambda controller, _: controller.undo())

    def redo_anything(self) -> None:
        self._do(lambda controller, _: controller.redo())

    def eye(self) -> None:
        self._do(lambda controller, _: controller.set_visible(self._random.randrange(4), self._random.random() < 0.5))

    def export(self) -> None:
        self._do(lambda controller, _: controller.export(self._walk.folder))

    def report(self) -> None:
        # The page is not shown: a browser is no part of this.
        self._do(lambda controller, _: controller.save_as(self._walk.folder / "x.nc", "netcdf"))

    def theme(self) -> None:
        self._viewer.theme = self._random.choice(("dark", "light"))

    def open_dock(self) -> None:
        self._walk.open_unmix()

    def close_unmix(self) -> None:
        self._walk.close_dock("unmix")

    def close_spectra(self) -> None:
        self._walk.close_dock("spectra")


def turn(seconds: float = 0.0) -> None:
    """Let the event loop go on, and delete what is to be deleted."""
    until = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.005))
