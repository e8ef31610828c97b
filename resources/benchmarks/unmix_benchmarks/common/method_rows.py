"""One run of the comparison of methods, in a process of its own: what is scored, and what of its answer is kept to compare seeds."""

from __future__ import annotations

import itertools
import re
import shutil
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.nonlinear.metrics import dci, matched
from unmix_benchmarks.common.apart import Failure
from unmix_benchmarks.common.cases import abundance_error, angles
from unmix_benchmarks.common.method_entries import Entry
from unmix_benchmarks.common.method_scenes import Subject
from unmix_benchmarks.common.peak import Peak
from unmix_benchmarks.common.scores import run_method

# DCI's trees are grown on so many pixels in equal distances.
_PIXELS = 1_500
_MEGABYTE = 1e6


class Key(NamedTuple):
    """What a row is of."""

    scene: str
    method: str
    seed: int


@dataclass(frozen=True)
class Row:
    """One run; None where it failed, or where nothing is measured.

    Attributes
    ----------
    scene, method, seed : what was run
    angle : mean spectral angle in degrees
    error : abundance RMSE, of targets the mean relative error of their areas
    found : 1 where every material has an endmember of its own, else 0
    between : mean MCC of the abundances of each two seeds of this method on this scene
    disentanglement, completeness, informativeness : DCI of the abundances against the true ones
    seconds : of one processor, without imports
    memory : the most that the process took above the cube, in megabytes
    failed : why there is no answer, "" where there is one
    commit : of the program that ran it
    """

    scene: str
    method: str
    seed: int
    angle: float | None = None
    error: float | None = None
    found: float | None = None
    between: float | None = None
    disentanglement: float | None = None
    completeness: float | None = None
    informativeness: float | None = None
    seconds: float | None = None
    memory: float | None = None
    failed: str = ""
    commit: str = ""

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.scene, self.method, self.seed)

    def line(self) -> str:
        """For whoever waits."""
        if self.angle is None or self.error is None:
            return f"{self.scene} · {self.method} · {self.seed}: {self.failed}"
        return f"{self.scene} · {self.method} · {self.seed}: {self.angle:.2f}°, {self.error:.4f}, {self.seconds:.1f} s"


@dataclass(frozen=True, eq=False)
class Run:
    """A row, and the abundances (N, P) of valid pixels that it is of."""

    row: Row
    abundances: FloatArray


def measured(subject: Subject, entry: Entry, seed: int, memory: bool) -> Run:
    """Run a method; ``memory`` is only true where nothing else ran in this process."""
    before, begun = Peak() if memory else None, time.process_time()
    held = 0 if before is None else before.bytes()
    result = run_method(
        entry.method,
        subject.cube,
        len(subject.truth.endmembers),
        illumination=subject.illumination,
        seed=seed,
        annotation=subject.annotation,
        plain=subject.plain,
        options=entry.options,
        given=subject.library if entry.knows_more else None,
    )
    seconds = time.process_time() - begun
    taken = None if before is None else (before.bytes() - held) / _MEGABYTE
    valid = np.isfinite(result.abundances).all(axis=-1)
    return Run(_scored(subject, entry, seed, result, seconds, taken), result.abundances[valid])


def _scored(subject: Subject, entry: Entry, seed: int, result: Unmixing, seconds: float, memory: float | None) -> Row:
    found = angles(result, subject.truth)
    parts = _disentangled(result, subject)
    return Row(
        subject.name,
        entry.name,
        seed,
        angle=float(found.mean()),
        error=abundance_error(result, subject.truth),
        found=float(subject.truth.all_found(found)),
        disentanglement=parts[0],
        completeness=parts[1],
        informativeness=parts[2],
        seconds=seconds,
        memory=memory,
    )


def _disentangled(result: Unmixing, subject: Subject) -> tuple[float | None, float | None, float | None]:
    """DCI; None where no abundances are known."""
    truth = subject.truth.abundances
    if truth is None:
        return None, None, None
    valid = np.isfinite(result.abundances).all(axis=-1)
    some = slice(None, None, max(1, int(valid.sum()) // _PIXELS))
    parts = dci(result.abundances[valid][some].astype(float), truth[valid][some])
    return parts.disentanglement, parts.completeness, parts.informativeness


def failed(key: Key, failure: Failure) -> Row:
    """The row of a run that has no answer."""
    return Row(*key, failed=failure.why)


@dataclass
class Answers:
    """The abundances of runs, held to compare seeds; below ``folder``, where there is one, so that a run that was stopped has them."""

    folder: Path | None = None
    _held: dict[Key, FloatArray] = field(default_factory=dict)

    def put(self, key: Key, abundances: FloatArray) -> None:
        """Keep those of one run."""
        self._held[key] = abundances
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(self._file(key), abundances)

    def get(self, key: Key) -> FloatArray | None:
        """None where they are not there."""
        if key not in self._held and self.folder is not None and self._file(key).exists():
            self._held[key] = np.load(self._file(key), allow_pickle=False)
        return self._held.get(key)

    def forget(self) -> None:
        """Remove the files."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, key: Key) -> Path:
        assert self.folder is not None
        return self.folder / (re.sub(r"\W+", "-", f"{key.scene}-{key.method}-{key.seed}") + ".npy")


def between(keys: Iterable[Key], answers: Answers) -> float | None:
    """Mean MCC of each two of these answers; None where there are no two."""
    there = [found for key in keys if (found := answers.get(key)) is not None]
    pairs = list(itertools.combinations(there, 2))
    return statistics.fmean(matched(one, other).correlation for one, other in pairs) if pairs else None


def still_to_run(wanted: Sequence[Key], rows: dict[Key, Row], answers: Answers) -> list[Key]:
    """What is missing, and what has to be run again because its seeds are to be compared with a missing one's and its answer is not there."""
    missing = {(key.scene, key.method) for key in wanted if key not in rows}
    return [
        key
        for key in wanted
        if key not in rows or ((key.scene, key.method) in missing and not rows[key].failed and answers.get(key) is None)
    ]
