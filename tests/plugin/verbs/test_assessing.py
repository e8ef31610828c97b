"""Reports in the window: what one before has searched is not searched again, and goes with its cube."""

from __future__ import annotations

import gc
from dataclasses import replace

from tests.identifiability.test_grading import answered, mixed_scene

from napari_unmix.identifiability.again.quadrants import QUADRANTS
from napari_unmix.plugin.verbs.assessing import Assess
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.progress import drain


def test_a_second_report_says_the_same_without_searching_again_while_its_cube_is_there() -> None:
    cube = mixed_scene()
    result, assess = answered(cube), Assess()
    first = drain(assess(cube, result))
    kept = dict(assess._searches[cube]._found)
    assert (len(first.grades), len(kept)) == (3, QUADRANTS)
    assert drain(assess(cube, result)) == first == drain(Assess()(cube, result))
    now = assess._searches[cube]._found
    assert list(now) == list(kept)
    assert all(now[key] is kept[key] for key in kept)
    del cube, result
    gc.collect()
    assert not assess._searches


def test_each_cube_and_each_window_has_its_own() -> None:
    assess, cube = Assess(), mixed_scene(size=12)
    result = answered(cube)
    drain(assess(cube, result))
    other = replace(cube, name="other")
    drain(assess(other, result))
    assert assess._searches[other] is not assess._searches[cube]
    assert Engine().assess is not Engine().assess
