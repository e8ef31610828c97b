"""A small scene, and fake generators at the seam: no window, no torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from tests.conftest import KEPT_IN

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.progress import Fit, Preview, Progress

if find_spec("napari") is None:  # the core is installed and tested without it
    collect_ignore_glob = ["test_*.py"]

STEPS = 6


def make_cube(height: int = 12, width: int = 10, bands: int = 8, name: str = "scene", seed: int = 0) -> Cube:
    """A mixture of three spectra without noise, one band excluded, one pixel without data."""
    rng = np.random.default_rng(seed)
    endmembers = rng.uniform(0.1, 0.9, (3, bands))
    abundances = rng.dirichlet(np.ones(3), (height, width))
    good = np.ones(bands, bool)
    good[3] = False
    valid = np.ones((height, width), bool)
    valid[0, 0] = False
    return Cube(abundances @ endmembers, np.linspace(450, 900, bands), good, valid, name=name)


def make_unmixing(cube: Cube, spec: Any, count: int = 3, names: tuple[str, ...] = ()) -> Unmixing:
    """A result of the right shapes, different for every seed of the spec."""
    rng = np.random.default_rng(spec.seed)
    height, width, bands = cube.shape
    endmembers = np.random.default_rng(9).uniform(0.1, 0.9, (count, bands))
    endmembers[:, ~cube.good_bands] = np.nan
    abundances = rng.dirichlet(np.ones(count), (height, width)).astype(np.float32)
    abundances[~cube.valid_pixels] = np.nan
    names = names or tuple(f"endmember {k + 1}" for k in range(count))
    error = np.zeros((height, width), np.float32)
    return Unmixing(
        endmembers, abundances, 0.1 * abundances, None, error, names, spec, notes=(Note(NoteKind.METHOD, "A note."),)
    )


def fake_unmix(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """A fit that takes a few steps."""
    result = make_unmixing(cube, spec, 3 if spec.endmembers == "auto" else spec.endmembers)
    for step in range(STEPS):
        preview = Preview(result.endmembers, result.abundances * (step + 1) / STEPS)
        yield Progress(f"epoch {step + 1} of {STEPS}", step, STEPS, step / STEPS, 1.0 / (step + 1), lambda p=preview: p)
    return result


def fake_assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """One check, doubtful."""
    yield Progress("refitting", 0, 1, 0.0)
    check = Check(
        "enough regions", "doubtful", 2, 7, "2 regions are painted.", "Paint 5 more regions.", role="required", number=1
    )
    return Report("partly", "Partly: endmembers 1 and 2 can trade.", (check,))


def _fake_suggest(cube: Cube) -> Fit[int]:
    yield Progress("counting", 0, 1, 0.0)
    return 3


def _fake_survey(cube: Cube) -> Fit[Any]:
    yield Progress("looking", 0, 1, 0.0)
    from napari_unmix.plugin.verbs.engine import survey

    return survey(cube)


def _fake_unfinished(cube: Cube) -> Fit[Any]:
    yield Progress("looking", 0, 1, 0.0)


def _fake_warm_up() -> Fit[None]:
    yield Progress("warming up", 0, 1, 0.0)


def make_engine(**others: Callable[..., Any]) -> Any:
    """An engine of fakes."""
    from napari_unmix.plugin.verbs.engine import Engine

    fakes: dict[str, Any] = {
        "unmix": fake_unmix,
        "assess": fake_assess,
        "suggest": _fake_suggest,
        "survey": _fake_survey,
        "unfinished": _fake_unfinished,
        "warm_up": _fake_warm_up,
        "keep_run": None,
        "keep_strokes": None,
        "known": None,
    }
    return Engine(**{**fakes, **others})


class HeldJob:
    """A job that takes its steps when the test says so, in the test's thread."""

    def __init__(self, make: Callable[[], Fit[Any]], handlers: Any) -> None:
        self.fit, self.handlers = make(), handlers
        self.cancelled = self.paused = self.waited = False

    def step(self) -> None:
        """One event."""
        event = next(self.fit)
        self.handlers.progress(event)
        if event.snapshot is not None:
            self.handlers.preview(event.snapshot())

    def finish(self) -> None:
        """To the end, heard or not."""
        try:
            while True:
                self.step()
        except StopIteration as end:
            self.handlers.done(end.value)

    def cancel(self) -> None:
        """Note it."""
        self.cancelled = True

    def pause(self) -> None:
        """Note it."""
        self.paused = True

    def resume(self) -> None:
        """Note it."""
        self.paused = False

    def wait(self, seconds: float) -> bool:
        """Note it."""
        self.waited = True
        return True


class HeldRunner:
    """A runner whose jobs wait for the test."""

    def __init__(self) -> None:
        self.jobs: list[HeldJob] = []

    def __call__(self, make: Callable[[], Fit[Any]], handlers: Any) -> HeldJob:
        self.jobs.append(HeldJob(make, handlers))
        return self.jobs[-1]


@pytest.fixture(autouse=True)
def own_data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the window keeps by itself goes to folders of the test's own; returns the one of its data."""
    folder = tmp_path_factory.mktemp("kept")
    for kept in KEPT_IN:
        monkeypatch.setenv(kept, str(folder / kept))
    return folder / "XDG_DATA_HOME" / "napari-unmix"


@pytest.fixture
def cube() -> Cube:
    """A small scene."""
    return make_cube()


@pytest.fixture
def session() -> Any:
    """No facts yet."""
    from napari_unmix.plugin.facts.session import Session

    return Session()


@pytest.fixture
def tools() -> Any:
    """The makers above, for tests that need other arguments."""
    import types

    return types.SimpleNamespace(
        make_cube=make_cube,
        make_unmixing=make_unmixing,
        make_engine=make_engine,
        fake_unmix=fake_unmix,
        fake_assess=fake_assess,
        HeldRunner=HeldRunner,
        STEPS=STEPS,
    )
