"""A bug is never silent: wherever it strikes, it is told in a step with a report to be sent, nothing runs on, the last result stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import Session, current_report, shown_preview
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import ThreadJob, run_in_thread, run_inline
from napari_unmix.progress import Fit, Progress

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("qapp")]  # the thread is Qt's


class Panic(BaseException):
    """As compiled code raises it."""


BUGS = [
    RuntimeError("a bug"),
    KeyError("a bug"),
    MemoryError("a bug"),
    AssertionError("a bug"),
    SystemExit("a bug"),
    Panic("a bug"),
]


def broken(error: BaseException, when: int = 1) -> Callable[..., Fit[Any]]:
    """A generator that raises at a step."""

    def fit(*_: Any) -> Fit[Any]:
        for step in range(when):
            yield Progress(f"step {step}", step, 10, step / 10)
        raise error

    return fit


class Bench:
    """A controller on a cube whose first training went well."""

    def __init__(self, runner: Any, session: Session, cube: Cube, tools: Any, qtbot: Any) -> None:
        self.session, self.qtbot, self.tools = session, qtbot, tools
        self.fakes: dict[str, Callable[..., Any]] = {}
        engine = tools.make_engine()
        parts = {name: getattr(engine, name) for name in engine.__dataclass_fields__}
        calls = {name: None if usual is None else self._call(name, usual) for name, usual in parts.items()}
        self.controller = Controller(session, runner, tools.make_engine(**calls))
        self.controller.add_cube(cube)
        self.controller.start()
        self.wait()
        self.good = session.run
        assert self.good is not None
        assert current_report(session) is not None

    def _call(self, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: self.fakes.get(name, usual)(*arguments)

    def wait(self) -> None:
        """Nothing is under way."""
        self.qtbot.waitUntil(
            lambda: self.session.state == "idle" and not self.controller._chores._jobs and not ThreadJob._alive
        )


@pytest.fixture(params=[run_inline, run_in_thread])
def bench(request: Any, session: Session, cube: Cube, tools: Any, qtbot: Any) -> Any:
    """Closed in the end."""
    made = Bench(request.param, session, cube, tools, qtbot)
    yield made
    made.controller.close()


WORK = {
    "unmix": ("train", lambda controller: controller.start()),
    "assess": ("result", lambda controller: controller.start()),
    "suggest": ("method", lambda controller: controller.suggest()),
    "rebanded": ("cube", lambda controller: controller.exclude_bands("500-600")),
    "read": ("cube", lambda controller: controller.open("none.npz")),
    "sample": ("cube", lambda controller: controller.open_sample()),
    "join": ("cube", lambda controller: controller.join(controller.session.cubes)),
    "export": ("result", lambda controller: controller.export("folder")),
    "save": ("result", lambda controller: controller.save_as("file.nc", "netcdf")),
    "page": ("result", lambda controller: controller.open_report()),
}


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("when", [0, 3])
def test_a_bug_in_a_run(bench: Bench, error: BaseException, when: int) -> None:
    bench.fakes["unmix"] = broken(error, when)
    bench.controller.start()
    bench.wait()
    trouble = bench.session.trouble
    assert trouble is not None
    assert trouble.step == "train"
    assert "a bug" in trouble.sentence
    assert f"{type(error).__name__}: " in trouble.report
    assert "Step: train (training)" in trouble.report
    assert bench.session.run is bench.good
    assert shown_preview(bench.session) is None
    del bench.fakes["unmix"]
    bench.controller.start()  # and life goes on
    bench.wait()
    assert bench.session.trouble is None
    assert bench.session.run is not bench.good


@pytest.mark.parametrize("name", WORK)
def test_a_bug_in_any_work(bench: Bench, name: str) -> None:
    bench.fakes[name] = broken(RuntimeError("a bug"))
    step, verb = WORK[name]
    verb(bench.controller)
    bench.wait()
    assert bench.session.trouble is not None
    assert bench.session.trouble.step == step
    assert "RuntimeError: a bug" in bench.session.trouble.sentence
    assert "RuntimeError: a bug" in bench.session.trouble.report
    assert bench.session.chore is None
    assert bench.session.run is not None


def test_a_bug_in_the_first_look_and_in_warming_up(session: Session, cube: Cube, tools: Any) -> None:
    for name, step in (("survey", "cube"), ("warm_up", "train")):
        controller = Controller(session, run_inline, tools.make_engine(**{name: broken(ImportError("a bug"))}))
        controller.add_cube(cube)
        assert session.trouble is not None
        assert session.trouble.step == step
        assert session.trouble.report
        controller.remove_cube(cube)


@pytest.mark.parametrize("fact", ["training", "run", "runs"])
def test_a_bug_in_a_listener(bench: Bench, fact: str) -> None:
    """A panel that fails to show what came: the run ends, and says so."""

    def listen(value: Any) -> None:
        if value is not None and getattr(value, "preview", value) is not None:
            raise ZeroDivisionError("a bug of a panel")

    getattr(bench.session.events, fact).connect(listen)
    bench.controller.start()
    bench.wait()
    getattr(bench.session.events, fact).disconnect(listen)
    assert bench.session.trouble is not None
    assert "ZeroDivisionError: a bug of a panel" in bench.session.trouble.sentence
    assert bench.session.trouble.report
    assert bench.session.state == "idle"
    bench.controller.start()
    bench.wait()
    assert bench.session.trouble is None


def test_what_was_expected_comes_without_a_report(bench: Bench) -> None:
    bench.controller.read_again({"scale": "many"})
    assert bench.session.trouble is not None
    assert not bench.session.trouble.report
