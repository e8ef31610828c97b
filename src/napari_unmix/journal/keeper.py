"""Who writes the checkpoints of one fit, and takes them away when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from napari_unmix.journal.checkpoint import Checkpoint, Task, write_checkpoint
from napari_unmix.journal.circumstances import circumstances
from napari_unmix.journal.loops import EVERY, Journal, Kept
from napari_unmix.journal.trees import Tree


class Keeper:
    """Keeps the checkpoint of a fit.

    A checkpoint that can't be written ends no training: ``failed`` is told why, once. ``path``, ``task`` and ``owner`` are asked when the first
    one is written, so that a short fit pays nothing; ``first`` is told of it.
    """

    def __init__(
        self,
        path: Callable[[], Path],
        task: Callable[[], Task],
        owner: Callable[[], Tree],
        *,
        failed: Callable[[OSError], None] = lambda _: None,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._task, self._owner, self._failed, self._first = path, task, owner, failed, first
        self.written = False
        self._known: tuple[Task, Tree, Mapping[str, str]] | None = None
        self._told = False

    @cached_property
    def path(self) -> Path:
        """Where the checkpoint is, or will be."""
        return self._path()

    def journal(self, kept: Mapping[str, Kept] | None = None, *, every: float = EVERY) -> Journal:
        """Where the fit's loops keep their places, from those that were ``kept`` on."""
        return Journal(self._write, kept or {}, every=every)

    def _write(self, kept: Mapping[str, Kept], fraction: float) -> None:
        try:
            task, owner, facts = self._known = self._known or (self._task(), self._owner(), circumstances())
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_checkpoint(self.path, Checkpoint(task, owner, kept, fraction, circumstances=facts))
        except OSError as error:
            if not self._told:
                self._told = True
                self._failed(error)
            return
        if not self.written:
            self.written = True
            self._first()

    def remove(self) -> None:
        """Take the checkpoint away. Raises OSError."""
        self.path.unlink(missing_ok=True)
