"""The one boundary around reading a run: whatever a damaged file raises becomes a sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unmix.sentences import UnmixError, shown

_LONGEST_REASON = 200  # letters
_log = logging.getLogger(__name__)


@contextmanager
def damage(folder: Path) -> Iterator[None]:
    """Raise UnmixError in place of all but our own errors and a failed assertion, which is a mistake of the program."""
    try:
        yield
    except (UnmixError, AssertionError):
        raise
    except MemoryError as error:
        raise UnmixError(
            f"The run {shown(folder)} does not fit into this machine's memory: close other programs, or use a larger machine."
        ) from error
    except Exception as error:  # whatever a library raises
        _log.info("reading %s", folder, exc_info=True)
        reason = shown(str(error).rstrip(".") or type(error).__name__, _LONGEST_REASON)
        raise UnmixError(f"{shown(folder, 120)} is a damaged run ({reason}): write it again.") from error
