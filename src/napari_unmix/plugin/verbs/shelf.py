"""Where the window's trainings keep their checkpoints, for the next start of the program: in the user's cache, the last three.

One that ends, or is cancelled, takes its checkpoint away; what is left is of a program that was killed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.given import Given
from napari_unmix.plugin.facts.session import Unfinished
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from napari_unmix.journal.checkpoint import Checkpoint
    from napari_unmix.journal.loops import Kept

MOST = 3
_SUFFIX = ".checkpoint"


def user_shelf() -> Shelf:
    """The shelf in the user's cache folder."""
    from platformdirs import user_cache_path

    return Shelf(user_cache_path("napari-unmix", appauthor=False) / "trainings")


@dataclass(frozen=True)
class Shelf:
    """A folder of checkpoints, one of each cube; ``every`` seconds one is written."""

    folder: Path
    every: float = 60.0

    def kept(
        self,
        cube: Cube,
        spec: MethodSpec,
        annotation: Annotation | None,
        fit: Fit[Unmixing],
        given: Given | None = None,
    ) -> Fit[Unmixing]:
        """The steps of a training, from the checkpoint of the very same training where there is one; closing it takes the checkpoint away."""
        from napari_unmix.journal.checkpoint import task_of
        from napari_unmix.journal.keeper import Keeper

        keeper = Keeper(
            lambda: self._path(cube),
            lambda: task_of(cube, spec, annotation, given),
            lambda: _written(spec, annotation, given),
            first=self._keep_the_last,
        )
        before: dict[str, Kept] = {}
        if self._files():
            checkpoint = self._found(cube)
            if checkpoint is not None and checkpoint.task == task_of(cube, spec, annotation, given):
                before = dict(checkpoint.kept)
        try:
            result = yield from keeper.journal(before, every=self.every).steps(fit)
        except GeneratorExit:
            self._remove(keeper, begun=bool(before))
            raise
        self._remove(keeper, begun=bool(before))
        return result

    def unfinished(self, cube: Cube) -> Fit[Unfinished | None]:
        """The interrupted training of this cube; None where there is none, or nothing can be made of it."""
        yield Progress("looking for an interrupted training", 0, 1, 0.0)
        checkpoint = self._found(cube) if self._files() else None
        if checkpoint is None:
            return None
        try:
            spec, annotation, given = _read(checkpoint.owner)
        except (UnmixError, ValueError, TypeError, KeyError):  # of another version, or no checkpoint of ours
            return None
        return Unfinished(cube, spec, annotation, checkpoint.written, checkpoint.fraction, given)

    def _found(self, cube: Cube) -> Checkpoint | None:
        from napari_unmix.journal.checkpoint import read_checkpoint
        from napari_unmix.journal.circumstances import check_same

        with contextlib.suppress(UnmixError, OSError):
            checkpoint = read_checkpoint(self._path(cube))
            check_same(checkpoint.circumstances)
            return checkpoint
        return None

    def _path(self, cube: Cube) -> Path:
        from napari_unmix.journal.checkpoint import cube_digest

        return self.folder / f"{cube_digest(cube)[:32]}{_SUFFIX}"

    def _files(self) -> list[Path]:
        """The checkpoints, the newest first."""
        with contextlib.suppress(OSError):
            return sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        return []

    def _keep_the_last(self) -> None:
        with contextlib.suppress(OSError):
            for old in self._files()[MOST:]:
                old.unlink()

    @staticmethod
    def _remove(keeper: Any, *, begun: bool) -> None:
        """Where there may be one."""
        if begun or keeper.written:
            with contextlib.suppress(OSError):
                keeper.remove()


def _written(spec: MethodSpec, annotation: Annotation | None, given: Given | None) -> dict[str, Any]:
    """What the window needs to show the training again."""
    meanings = {} if annotation is None else annotation.meanings
    return {
        "method": spec.method,
        "spec": spec.model_dump(mode="json"),
        "labels": None if annotation is None else annotation.labels,
        "meanings": [[int(label), meaning.kind, meaning.name] for label, meaning in meanings.items()],
        "given": None if given is None else given.spectra,
        "given_as": []
        if given is None
        else [list(one) for one in zip(given.held.tolist(), given.names, given.sources, strict=True)],
    }


def _read(owner: Any) -> tuple[MethodSpec, Annotation | None, Given | None]:
    from napari_unmix.methods.registry import stored_spec

    spec = stored_spec(owner["method"], owner["spec"])
    given = _read_given(owner)
    if owner["labels"] is None:
        return spec, None, given
    meanings = {int(label): Meaning(kind, str(name)) for label, kind, name in owner["meanings"]}
    return spec, Annotation(owner["labels"], meanings), given


def _read_given(owner: Any) -> Given | None:
    """The endmembers that were given; an earlier version knew of none."""
    if owner.get("given") is None:
        return None
    held, names, sources = zip(*owner["given_as"], strict=True)
    return Given(owner["given"], np.array(held, bool), tuple(map(str, names)), tuple(map(str, sources)))
