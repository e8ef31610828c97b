"""What all verbs stand on: small work in the background, and sentences where something went wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from napari_unmix.plugin.facts.session import Chore, Session, Step, Trouble
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Job, Runner

MOST_CHORES = 32  # finished ones among them; cancelling a finished job does nothing


class Verbs:
    """A session to write to, a runner that drives, and an engine that holds the generators."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        self.session = session
        self._runner = runner
        self._engine = engine or Engine()
        self._chores: deque[Job] = deque(maxlen=MOST_CHORES)

    def _chore(
        self, make: Callable[[], Any], done: Callable[[Any], None], step: Step | None, chore: Chore | None = None
    ) -> None:
        """A small piece of work in the background; without a step its failure is of no matter to the user."""

        def ended() -> None:
            if chore is not None and self.session.chore == chore:
                self.session.chore = None

        def succeeded(value: Any) -> None:
            ended()
            done(value)

        def failed(error: Exception) -> None:
            ended()
            if step is not None:
                self._trouble(step, str(error))

        if chore is not None:
            self.session.chore = chore
        self._chores.append(self._runner(make, Handlers(done=succeeded, failed=failed, stopped=ended)))

    def _trouble(self, step: Step, sentence: str) -> None:
        self.session.trouble = Trouble(step, sentence)

    def _settle(self, step: Step) -> None:
        """The user changed a step: what was wrong with it is past."""
        if self.session.trouble is not None and self.session.trouble.step in (step, "train"):
            self.session.trouble = None

    def _cancel_chores(self) -> None:
        for chore in self._chores:
            chore.cancel()
        self._chores.clear()
