"""A short random life of the docks without a window; ``resources/life/life.py`` takes as many steps as one wants."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

LIFE = Path(__file__).parents[2] / "resources" / "life"
STEPS = 300

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("qapp")]


@pytest.fixture(scope="module")
def walking() -> Iterator[ModuleType]:
    """The module of the random user."""
    sys.path.insert(0, str(LIFE))
    import walk

    gc.collect()
    gc.freeze()  # what was imported before is no garbage
    yield walk
    gc.unfreeze()
    sys.path.remove(str(LIFE))


@pytest.fixture
def walk(walking: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A user with a viewer and the first dock; everything is closed in the end."""
    made = walking.Walk(0, tmp_path)
    yield made
    for name in list(made.docks):
        made.close_dock(name)
    made.quiet()


def test_a_random_life_leaves_nothing(walk: Any) -> None:
    with walk.listening():
        for step in range(1, STEPS + 1):
            walk.random_step()
            if step % 50 == 0:
                walk.check_memory()
        walk.end()


def test_every_step_can_be_taken_by_itself_and_twice(walk: Any) -> None:
    with walk.listening():
        for name in walk.steps():
            for before in ("open_dock", "open_cube", "new_annotation", "start"):
                walk.take(before)
            walk.take(name)
            walk.take(name)
        walk.end()


def test_a_cube_that_is_held_is_found(walking: ModuleType, walk: Any) -> None:
    walk.take("open_cube")
    held = walk.workspace.session.cube
    walk.take("clear")
    walk.take("open_other")
    with pytest.raises(walking.Broken, match="closed cubes are held"):
        walk.check_memory()
    assert held is not None


def test_an_error_in_a_listener_is_found(walking: ModuleType, walk: Any) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    def spin() -> None:
        for _ in range(30):
            walk.take("spin")

    walk.take("open_cube")
    walk.workspace.link._fitting.timeout.connect(broken)
    with walk.listening(), pytest.raises(walking.Broken, match="ZeroDivisionError"):
        spin()
