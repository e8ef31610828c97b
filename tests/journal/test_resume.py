"""A fit that is killed, and goes on from its checkpoint in another process, gives the bits of one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tests.journal.conftest import Interrupted, Painted, assert_same_bits, moments, quick, steps_of

from napari_unmix.answer import Unmixing
from napari_unmix.journal.loops import Journal, Kept
from napari_unmix.methods.registry import method_specs
from napari_unmix.model.adam import Adam
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

OTHERS = [
    ("ivae", {"illumination": True, "prior": "auto"}),
    ("ivae", {"mixing": "fan", "variability": "latent"}),
    ("ivae", {"mixing": "residual"}),
    ("region-contrast", {"illumination": True}),
    ("vae", {"illumination": True}),
]
FITS = [
    *(pytest.param((method, {}), id=method) for method, spec in method_specs().items() if not spec.chooser),
    *(pytest.param(fit, id=" ".join([fit[0], *fit[1]]), marks=pytest.mark.slow) for fit in OTHERS),
]


class Whole(NamedTuple):
    """A fit, what it gives without interruption, and in how many steps."""

    spec: MethodSpec
    result: Unmixing
    steps: int


@pytest.fixture(scope="module", params=FITS)
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


@pytest.mark.slow
def test_the_report_too(painted: Painted, interrupted: Callable[..., Interrupted]) -> None:
    spec = quick("vca-fcls")
    result = drain(unmix(painted.cube, spec, painted.annotation))
    report, count = steps_of(lambda: assess(painted.cube, result))
    lives = interrupted(every=3)
    for steps in moments(7, count, 2):
        assert lives.live(assess(painted.cube, result), steps) is None
    assert lives.live(assess(painted.cube, result)).as_json() == report.as_json()


@pytest.mark.parametrize("method", ["vae", "region-contrast"])
def test_a_loop_that_ended_does_no_work_again(
    painted: Painted, interrupted: Callable[..., Interrupted], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives, spec = interrupted(every=1), quick(method)
    count = steps_of(lambda: unmix(painted.cube, spec, painted.annotation))[1]
    lives.live(unmix(painted.cube, spec, painted.annotation), count)
    for optimiser in (Adam, torch.optim.LBFGS):
        monkeypatch.setattr(optimiser, "step", lambda *_: pytest.fail("a step"))
    assert lives.live(unmix(painted.cube, spec, painted.annotation)) is not None


def _numbers(tree: Any, found: list[np.ndarray]) -> list[np.ndarray]:
    """Every array of numbers of a tree."""
    if isinstance(tree, np.ndarray) and tree.dtype.kind == "f" and tree.size:
        found.append(tree)
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _numbers(part, found)
    return found


def _bent(tree: Any, bend: Callable[[np.ndarray], Any], place: int) -> Any:
    """The tree with its array number ``place`` bent."""
    count = iter(range(10**6))

    def walk(part: Any) -> Any:
        if isinstance(part, np.ndarray) and part.dtype.kind == "f" and part.size:
            return bend(part) if next(count) == place else part
        if isinstance(part, dict):
            return {name: walk(one) for name, one in part.items()}
        return [walk(one) for one in part] if isinstance(part, list) else part

    return walk(tree)


BENDS: dict[str, Callable[[np.ndarray], Any]] = {
    "a row too many": lambda one: np.concatenate([one.ravel(), one.ravel()[:1]]),
    "another kind": lambda one: one.astype(np.float16),
    "a text": lambda one: "x",
    "nothing": lambda one: None,
}
ANY_LENGTH = "a row too many"  # may be right of a list of losses; whatever else happens is an error of ours


@pytest.mark.parametrize(("method", "share"), [("vae", 0.7), ("region-contrast", 0.2), ("region-contrast", 0.8)])
@pytest.mark.parametrize("bend", BENDS)
def test_a_place_that_does_not_fit_is_a_sentence(
    painted: Painted, interrupted: Callable[..., Interrupted], method: str, share: float, bend: str
) -> None:
    lives, spec = interrupted(every=1), quick(method)
    count = steps_of(lambda: unmix(painted.cube, spec, painted.annotation))[1]
    lives.live(unmix(painted.cube, spec, painted.annotation), int(share * count))
    key, kept = max(lives.kept.items(), key=lambda item: len(_numbers(item[1].place, [])))
    arrays = len(_numbers(kept.place, []))
    for place in range(0, arrays, max(1, arrays // 4)):
        lives.kept = {key: Kept(_bent(kept.place, BENDS[bend], place), 1.0)}
        with pytest.raises(UnmixError, match="start it anew") if bend != ANY_LENGTH else suppress(UnmixError):
            lives.live(unmix(painted.cube, spec, painted.annotation))
