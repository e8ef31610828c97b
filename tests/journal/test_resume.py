"""A fit that is killed, and goes on from its checkpoint in another process, gives the bits of one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.journal.conftest import Interrupted, Painted, assert_same_bits, moments, quick, steps_of

from napari_unmix.answer import Unmixing, drain
from napari_unmix.journal.loops import Journal
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import unmix
from napari_unmix.spec import MethodSpec

OTHERS = [
    ("ivae", {"illumination": True, "prior": "auto"}),
    ("ivae", {"mixing": "fan", "variability": True}),
    ("ivae", {"mixing": "residual"}),
    ("gcl", {"illumination": True}),
    ("vae", {"illumination": True}),
]
FITS = [*((method, {}) for method in method_specs()), *OTHERS]


class Whole(NamedTuple):
    """A fit, what it gives without interruption, and in how many steps."""

    spec: MethodSpec
    result: Unmixing
    steps: int


@pytest.fixture(scope="module", params=FITS, ids=lambda fit: " ".join([fit[0], *fit[1]]))
def whole(request: pytest.FixtureRequest, painted: Painted) -> Whole:
    method, changes = request.param
    spec = quick(method, **changes)
    result, count = steps_of(lambda: unmix(painted.cube, spec, painted.annotation))
    return Whole(spec, result, count)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_moment(
    painted: Painted, whole: Whole, interrupted: Callable[..., Interrupted], seed: int
) -> None:
    lives = interrupted(every=(1, 4, 9)[seed])  # the checkpoint is of the last step, or of an earlier one
    for steps in moments(seed, whole.steps, 1 + seed):
        assert lives.live(unmix(painted.cube, whole.spec, painted.annotation), steps) is None
    result = lives.live(unmix(painted.cube, whole.spec, painted.annotation))
    assert_same_bits(result, whole.result)


def test_nothing_changes_where_nothing_is_kept(painted: Painted, whole: Whole) -> None:
    journal = Journal(lambda *_: pytest.fail("written"), every=1e9)
    assert_same_bits(drain(journal.steps(unmix(painted.cube, whole.spec, painted.annotation))), whole.result)
