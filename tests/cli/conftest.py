"""What tests of commands that go on after an interruption share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_unmix.cli import main
from napari_unmix.cli.resuming import SECONDS_VARIABLE


class Stopped(Exception):
    """The tests' own way to end what runs from within."""


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a command and end it by an exception after so many checkpoints."""
    from napari_unmix.journal import keeper

    real = keeper.write_checkpoint

    def run(*words: object, after: int = 20, by: BaseException | None = None) -> None:
        written = iter(range(after))

        def write(*what: Any) -> None:
            real(*what)
            if next(written, None) is None:
                raise by or Stopped

        with monkeypatch.context() as patch:
            patch.setattr(keeper, "write_checkpoint", write)
            patch.setenv(SECONDS_VARIABLE, "0")
            assert main([*map(str, words)]) > 0

    return run
