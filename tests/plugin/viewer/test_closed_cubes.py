"""A cube that is closed is freed, whatever was done with it before; only its own last result may hold it, while a map of that is open."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_unmix.cube import Cube, Meaning, Reading
from napari_unmix.methods.registry import method_specs
from napari_unmix.plugin.facts.session import Session, current_report
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.runners import ThreadJob, run_in_thread
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.plugin.viewer.link import ViewerLink
from napari_unmix.progress import Fit, Progress

pytestmark = [
    pytest.mark.gui,  # the threads are Qt's
    pytest.mark.usefixtures("qapp"),
]


@pytest.fixture(scope="module", autouse=True)
def quick_garbage() -> Iterator[None]:
    """What was imported before is no garbage."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Life:
    """A viewer without a window, the real link, controller and threads; the generators are fakes but for reading and joining."""

    def __init__(self, tools: Any, qtbot: Any, folder: Path) -> None:
        self.tools, self.qtbot, self.folder = tools, qtbot, folder
        self.engine = tools.make_engine(page=self.write, export=self.write)
        self.viewer = ViewerModel()
        self.known: list[weakref.ref[Any]] = []
        self.made = 0
        self.begin()

    def begin(self) -> None:
        """A dock opens."""
        self.session = Session()
        self.controller = Controller(self.session, run_in_thread, self.engine)
        self.link = ViewerLink(self.viewer, self.session, self.controller)
        self.link.open()

    def end(self) -> None:
        """The last dock closes."""
        self.link.close()
        self.controller.close()

    def write(self, *_: Any) -> Fit[Path]:
        """Instead of writing."""
        yield Progress("writing", 0, 1, 0.0)
        return self.folder

    def quiet(self) -> None:
        """Nothing is under way."""
        self.qtbot.waitUntil(lambda: not self.controller._chores._jobs and self.session.state == "idle", timeout=20_000)
        self.qtbot.wait(60)

    def know(self, cube: Cube) -> Cube:
        """Remember a cube without holding it."""
        self.known += [weakref.ref(cube), weakref.ref(cube.spectra)]
        return cube

    def open(self) -> None:
        """As napari does with what a reader returns."""
        self.made += 1
        cube = self.know(self.tools.make_cube(name=f"scene {self.made}", seed=self.made))
        for data, options, _ in cube_layers(cube):
            self.viewer.add_image(data, **options)
        self.quiet()

    def read(self) -> None:
        """Read a file, then read it in another way."""
        path = self.folder / f"cube{self.made}.npz"
        np.savez(path, cube=self.tools.make_cube().spectra * 100)
        self.controller.open(path)
        self.quiet()
        self.know(self.session.cube)

    @property
    def alive(self) -> int:
        """How many of the cubes and their spectra are held."""
        gc.collect()
        return sum(known() is not None for known in self.known)

    def layers(self, *roles: str) -> list[Any]:
        """Layers of ours."""
        return [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") in roles]

    def remove(self, *roles: str) -> None:
        """Remove layers of ours, and keep no name for any."""
        for layer in self.layers(*roles):
            self.viewer.layers.remove(layer)


@pytest.fixture
def life(tools: Any, qtbot: Any, tmp_path: Path) -> Any:
    """Closed in the end."""
    made = Life(tools, qtbot, tmp_path)
    yield made
    made.end()
    made.quiet()


def _nothing(life: Life) -> None:
    life.open()


def _read(life: Life) -> None:
    life.read()


def _read_again(life: Life) -> None:
    life.read()
    for verb in (lambda: life.controller.read_again({"scale": "50"}), life.controller.undo_reading):
        verb()
        life.quiet()
        life.know(life.session.cube)


def _rebanded(life: Life) -> None:
    life.open()
    for written in ("1-2", "", "5"):
        life.controller.exclude_bands(written)
        life.quiet()
        life.know(life.session.cube)


def _painted(life: Life) -> None:
    life.open()
    life.controller.new_annotation()
    painting = life.layers("annotation")[-1]
    painting.paint((3, 3), 2)
    painting.undo()
    life.controller.set_meaning(1, Meaning("material", "rock"))
    life.controller.select_pixel(2, 2)
    life.controller.pin()
    life.qtbot.wait(30)


def _unmixed(life: Life) -> None:
    _painted(life)
    life.controller.start()
    life.quiet()
    life.controller.rename_endmember(0, "rock")
    life.controller.export(life.folder)
    life.controller.open_report()
    life.quiet()


def _cancelled(life: Life) -> None:
    life.open()
    life.controller.start()
    life.qtbot.wait(5)
    life.controller.cancel()
    life.quiet()


def _compared(life: Life) -> None:
    """Two methods on one cube, then on another."""
    for _ in range(2):
        _unmixed(life)
        life.controller.choose_method("vca-fcls")
        life.controller.start()
        life.quiet()


def _joined(life: Life) -> None:
    life.open()
    life.open()
    life.controller.join(life.session.cubes)
    life.quiet()
    life.know(life.session.cube)


def _adopted(life: Life) -> None:
    data = np.random.default_rng(0).random((9, 12, 10), np.float32)
    life.known.append(weakref.ref(data))
    life.viewer.add_layer(Image(data, name="theirs"))
    del data
    life.quiet()
    life.know(life.session.cube)


def _by_removing(life: Life) -> None:
    for layer in list(life.viewer.layers):
        life.viewer.layers.remove(layer)


def _images_last(life: Life) -> None:
    for layer in sorted(
        life.viewer.layers, key=lambda layer: layer.metadata.get("napari_unmix") in ("bands", "composite")
    ):
        life.viewer.layers.remove(layer)


def _by_clearing(life: Life) -> None:
    life.viewer.layers.clear()


def _after_the_dock(life: Life) -> None:
    life.end()
    life.viewer.layers.clear()
    life.viewer.add_image(np.zeros((4, 4)))  # napari itself holds the last current layer until there is another
    life.begin()


def _with_the_dock(life: Life) -> None:
    life.end()
    life.begin()
    life.viewer.layers.clear()


DONE = (_nothing, _read, _read_again, _rebanded, _painted, _unmixed, _cancelled, _compared, _joined, _adopted)


WAYS = [
    *((done, _by_clearing) for done in DONE),
    *((_compared, closed) for closed in (_by_removing, _images_last, _after_the_dock, _with_the_dock)),
]


@pytest.mark.parametrize(("done", "closed"), WAYS)
def test_a_closed_cube_is_freed(life: Life, done: Callable[[Life], None], closed: Callable[[Life], None]) -> None:
    done(life)
    assert life.alive
    closed(life)
    life.quiet()
    assert life.alive == 0


@pytest.mark.parametrize("done", [_painted, _unmixed, _compared])
def test_what_stays_of_a_closed_cube_does_not_hold_it(life: Life, done: Callable[[Life], None]) -> None:
    """The painting and the maps stay in the layer list; the runs go with their cube."""
    done(life)
    life.remove("bands", "composite")
    life.quiet()
    assert life.session.cubes == ()
    assert life.layers("annotation")
    assert life.session.run is None
    assert life.session.runs == ()
    assert current_report(life.session) is None
    assert life.alive == 0


def test_a_painting_of_a_closed_cube_is_not_taken_for_another(life: Life) -> None:
    _painted(life)
    life.controller.set_labels(np.ones((12, 10), np.int32))
    life.remove("bands", "composite")
    life.open()
    assert life.session.annotation is None


def test_a_dock_that_opens_again_finds_what_stayed(life: Life) -> None:
    _unmixed(life)
    life.controller.set_labels(np.ones((12, 10), np.int32))
    life.end()
    life.begin()
    life.quiet()
    assert life.session.cube is not None
    assert life.session.annotation is not None
    assert life.session.annotation.labels.all()
    assert len(life.link.maps._layers) == 3
    assert life.session.run is not None  # its run, too
    assert current_report(life.session) is not None
    assert all("napari_unmix_left" not in layer.metadata for layer in life.viewer.layers)


@pytest.mark.parametrize("error", [None, RuntimeError("a bug")])
def test_ended_work_is_let_go(life: Life, error: Exception | None) -> None:
    """Not only by the controller: no job that has ended is held anywhere."""
    if error is not None:

        def broken(path: Path, reading: Reading) -> Fit[Cube]:
            yield Progress("reading", 0, 1, 0.0)
            raise error

        object.__setattr__(life.engine, "read", broken)
    life.controller.open(life.folder / "none.npz")
    job = weakref.ref(next(iter(life.controller._chores._jobs.values())))
    life.quiet()
    gc.collect()
    assert job() is None


@pytest.mark.parametrize("other", [False, True])
def test_the_brush_is_put_down_before_its_layer_goes(life: Life, other: bool) -> None:
    """Also that of a painting of the cube before."""
    _painted(life)
    (painting,) = life.layers("annotation")
    if other:
        life.open()
        painting.visible = True
        painting.mode = "erase"
    assert painting.mode in ("paint", "erase")
    modes: list[str] = []
    life.viewer.layers.events.removed.connect(lambda event: modes.append(str(event.value.mode)), position="first")
    life.viewer.layers.remove(painting)
    assert modes == ["pan_zoom"]


def test_all_layers_are_removed_at_once(life: Life) -> None:
    """Select all, Delete: napari goes through its list, and what we take away ourselves must still be in it."""
    _unmixed(life)
    assert life.layers("mark")
    life.viewer.layers.select_all()
    life.viewer.layers.remove_selected()
    life.quiet()
    assert list(life.viewer.layers) == []
    assert life.alive == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", list(method_specs()))
def test_the_methods_themselves_hold_no_cube(life: Life, method: str) -> None:
    life.end()
    life.engine = Engine()
    life.begin()
    life.open()
    life.controller.choose_method(method)
    if "epochs" in type(life.session.spec).model_fields:
        life.controller.set_option("epochs", 1)
    life.controller.set_option("endmembers", 3)
    life.controller.start()
    life.qtbot.waitUntil(lambda: life.session.state != "training", timeout=120_000)
    life.qtbot.wait(500)  # into its checks
    life.controller.cancel()
    life.qtbot.waitUntil(lambda: not ThreadJob._alive, timeout=60_000)
    assert life.session.run is not None, life.session.trouble
    life.viewer.layers.clear()
    life.quiet()
    life.qtbot.waitUntil(
        lambda: life.alive == 0, timeout=30_000
    )  # a call of its checks that can't be divided comes to its end
