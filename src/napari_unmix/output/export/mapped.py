"""Files that are written through a map of memory."""

from __future__ import annotations

import os
from pathlib import Path


def allocate(path: Path) -> None:
    """Have the disk give all of a file's room now: where it has none, an OSError says so, and no write through a map kills the process later."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size:
                os.posix_fallocate(stream.fileno(), 0, size)
