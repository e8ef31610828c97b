"""The one boundary around every reader: what the machine refuses or a library raises becomes a sentence of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unmix.sentences import UnmixError

_LONGEST_REASON = 200  # letters of what a library says
_log = logging.getLogger(__name__)


class Unreadable(UnmixError):
    """What a library raised over a damaged file that its reader did not foresee; the log has it whole."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise UnmixError in place of all but our own errors and a failed assertion, which is a mistake of the program."""
    try:
        yield
    except MemoryError as error:
        raise UnmixError(
            f"{path.name} does not fit into this machine's memory: crop it or close other programs."
        ) from error
    except OSError as error:
        raise UnmixError(f"{path.name} could not be read ({error.strerror or error}): check the file.") from error
    except (UnmixError, AssertionError):
        raise
    except Exception as error:  # whatever a library raises
        _log.warning("reading %s", path, exc_info=True)
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise Unreadable(f"{path.name} could not be read ({reason}): it is damaged, save or copy it again.") from error
