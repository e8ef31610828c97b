"""SPy (Spectral Python), reached through here only: it is imported when first needed, and kept quiet.

Its import hangs a handler that prints on its own logger, at the level of remarks; a library inside napari must not print.
What of it is used, and which check of ours stands before it, is said where it is called.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np


def spectral_python() -> ModuleType:
    """The package ``spectral``. Handlers that its user set before stay as they are."""
    first = "spectral" not in sys.modules
    logger = logging.getLogger("spectral")
    level, before = logger.level, tuple(logger.handlers)
    import spectral

    if first:
        logger.setLevel(level)
        for handler in set(logger.handlers) - set(before):
            logger.removeHandler(handler)
    return spectral  # type: ignore[no-any-return]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What SPy remarks on and prints meanwhile is not heard, whoever set up its logger."""
    logger = logging.getLogger("spectral")
    before, logger.disabled = logger.disabled, True
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.disabled = before


def envi_data_types() -> dict[int, np.dtype[Any]]:
    """ENVI's numbers of the data types that hold real numbers."""
    kinds = {int(code): np.dtype(char) for code, char in spectral_python().io.envi.envi_to_dtype.items()}
    return {code: kind for code, kind in kinds.items() if kind.kind != "c"}
