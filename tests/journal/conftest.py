"""A painted scene that every method has work on, and fits that are interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube
from napari_unmix.journal.checkpoint import Checkpoint, read_checkpoint, task_of, write_checkpoint
from napari_unmix.journal.loops import Journal, Kept
from napari_unmix.methods.registry import spec_class
from napari_unmix.progress import Fit
from napari_unmix.spec import MethodSpec

QUICK = {"epochs": 2, "batch": 64}


@dataclass(frozen=True, eq=False)
class Painted:
    """A cube and its painting."""

    cube: Cube
    annotation: Annotation


@pytest.fixture(scope="session")
def painted() -> Painted:
    """18 × 18 × 14: nine regions of three materials, of which all but a few pixels are painted."""
    generator = np.random.default_rng(5)
    endmembers = 0.2 + np.abs(np.cumsum(generator.normal(size=(3, 14)), axis=1)) * 0.2
    regions = np.kron(np.arange(9).reshape(3, 3), np.ones((6, 6), int))
    abundances = np.stack([generator.dirichlet(np.roll([3.0, 1.0, 0.4], k) + k / 9) for k in regions.ravel()])
    spectra = (abundances @ endmembers).reshape(18, 18, 14) + generator.normal(0, 0.004, (18, 18, 14))
    return Painted(Cube(spectra), Annotation(np.where(generator.random((18, 18)) < 0.9, regions, 0)))


def quick(method: str, **changes: Any) -> MethodSpec:
    """A short fit."""
    fields = spec_class(method).model_fields
    chosen = {name: value for name, value in {**QUICK, **changes}.items() if name in fields}
    return spec_class(method).model_validate({"method": method, "endmembers": 3, **chosen})


class Killed(Exception):
    """The process is gone."""


@dataclass
class Interrupted:
    """Runs a fit in several lives: in each it goes on from the last checkpoint that was written, and is killed after some steps."""

    path: Path
    every: int = 1  # steps between two checkpoints
    written: int = 0
    kept: Mapping[str, Kept] = field(default_factory=dict)

    def live(self, fit: Fit[Any], steps: int | None = None) -> Any:
        """Drive the fit for so many steps, or to its end; what it returned, None where it was killed."""
        ticks = iter(range(10**9))
        journal = Journal(self.write, self.kept, every=self.every, worth=0.0, clock=lambda: float(next(ticks)) / 3)
        driven = journal.steps(fit)
        try:
            count = 0
            while steps is None or count < steps:
                next(driven)
                count += 1
        except StopIteration as end:
            return end.value
        driven.close()
        if self.path.exists():
            self.kept = read_checkpoint(self.path).kept
        return None

    def write(self, kept: Mapping[str, Kept], fraction: float) -> None:
        """To a file and back: what a killed process leaves."""
        self.written += 1
        write_checkpoint(self.path, Checkpoint(TASK, {}, kept, fraction, circumstances={}))


TASK = task_of(Cube(np.ones((1, 1, 2))), quick("vae"), None)


@pytest.fixture
def interrupted(tmp_path: Path) -> Callable[..., Interrupted]:
    """A fit's lives."""
    return lambda **options: Interrupted(tmp_path / "checkpoint", **options)


def steps_of(make: Callable[[], Fit[Any]]) -> tuple[Any, int]:
    """What a fit returns, and its number of steps."""
    count, fit = 0, make()
    while True:
        try:
            next(fit)
        except StopIteration as end:
            return end.value, count
        count += 1


def assert_same_bits(one: Unmixing, other: Unmixing) -> None:
    """All but the seconds."""
    for name in ("endmembers", "abundances", "abundance_std", "illumination", "reconstruction_error", "regions"):
        _same(name, getattr(one, name), getattr(other, name))
    assert one.model.keys() == other.model.keys()
    for name, values in one.model.items():
        _same(name, values, other.model[name])
    assert (one.contribution is None) == (other.contribution is None)
    if one.contribution is not None and other.contribution is not None:
        _same("scores", one.contribution.scores, other.contribution.scores)
        _same("basis", one.contribution.basis, other.contribution.basis)
    assert repr(one.history) == repr(other.history)
    assert one.findings.model_dump_json() == other.findings.model_dump_json()
    assert (one.notes, one.names, one.spec) == (other.notes, other.names, other.spec)


def _same(name: str, one: Any, other: Any) -> None:
    assert (one is None) == (other is None), name
    if one is not None:
        assert one.dtype == other.dtype, name
        assert one.tobytes() == other.tobytes(), name


def moments(seed: int, count: int, lives: int) -> list[int]:
    """After how many steps each life ends."""
    return [random.Random(seed * 100 + life).randrange(1, count) for life in range(lives)]
