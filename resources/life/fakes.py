"""Fits that take no time worth speaking of, and sometimes fail: as a user's do, or as a bug."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.kept import Pins, Stamp
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.store import Store
from napari_unmix.progress import Fit, Preview, Progress
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

OUTCOMES = ("good", "good", "good", "good", "refused", "bug")


class Bug(Exception):
    """Raised on purpose."""


class Fakes:
    """The generators of a life: real ones but for those that would compute or write for long."""

    def __init__(
        self, random: Random, folder: Path, seconds: float = 0.002, outcomes: tuple[str, ...] = OUTCOMES
    ) -> None:
        self._random, self._folder, self._seconds, self._outcomes = random, folder, seconds, outcomes
        self.bugs = 0
        self.steps: int | None = None  # of the next fit; a random number of them where None

    def engine(self) -> Engine:
        """All of them."""
        return Engine(
            unmix=self._unmix,
            assess=self._assess,
            suggest=self._suggest,
            warm_up=self._warm_up,
            export=self._write,
            save=self._write,
            page=self._write,
            keep_run=None,
            keep_strokes=None,
            known=None,
        )

    def keep(self, run: Run, pins: Pins, before: Stamp | None, opened: Collection[Path]) -> Fit[Path]:
        """Keep a run in this life's folder."""
        yield Progress("keeping", 0, 1, 0.0)
        return Store(self._folder).keep(run, pins, before, opened)

    def _end(self, outcome: str) -> None:
        if outcome == "refused":
            raise UnmixError("This cube is too small for 3 endmembers: ask for fewer.")
        if outcome == "bug":
            self.bugs += 1
            raise Bug("raised on purpose")

    def _unmix(self, cube: Cube, spec: MethodSpec, annotation: Annotation | None) -> Fit[Unmixing]:
        random = Random(self._random.random())
        height, width, bands = cube.shape
        count = random.choice((2, 3, 5)) if spec.endmembers == "auto" else int(spec.endmembers)
        generator = np.random.default_rng(random.randrange(2**32))
        endmembers = generator.random((count, bands))
        steps, outcome = self.steps or random.randrange(1, 40), random.choice(self._outcomes)
        for step in range(steps):
            abundances = generator.dirichlet(np.ones(count), (height, width)).astype(np.float32)
            time.sleep(self._seconds)
            share = step / steps
            yield Progress(f"epoch {step}", step, steps, share, 1.0 - share, _snapshot(endmembers, abundances))
        self._end(outcome)
        names = tuple(f"endmember {k + 1}" for k in range(count))
        return Unmixing(endmembers, abundances, None, None, np.zeros((height, width), np.float32), names, spec)

    def _assess(self, cube: Cube, result: Unmixing) -> Fit[Report]:
        outcome = self._random.choice(self._outcomes)
        yield Progress("refitting", 0, 1, 0.0)
        time.sleep(self._seconds)
        self._end(outcome)
        check = Check("enough regions", "fail", 0, 3, "No region is painted.", "Paint.", role="required", number=1)
        return Report("not identified", "Not identified by this painting.", (check,))

    def _suggest(self, cube: Cube) -> Fit[int]:
        yield Progress("counting", 0, 1, 0.0)
        return 3

    def _warm_up(self) -> Fit[None]:
        yield Progress("warming up", 0, 1, 0.0)

    def _write(self, *_: Any) -> Fit[Path]:
        outcome = self._random.choice(self._outcomes)
        yield Progress("writing", 0, 1, 0.0)
        self._end(outcome)
        return self._folder


def _snapshot(endmembers: Any, abundances: Any) -> Callable[[], Preview]:
    return lambda: Preview(endmembers, abundances)


def scene(seed: int, size: tuple[int, int, int]) -> Cube:
    """A noisy mixture of three spectra."""
    height, width, bands = size
    generator = np.random.default_rng(seed)
    pure = generator.uniform(0.1, 0.9, (3, bands))
    spectra = generator.dirichlet(np.ones(3), (height, width)) @ pure + generator.normal(0, 0.002, size)
    return Cube(spectra, np.linspace(450, 900, bands), name=f"scene {seed}")
