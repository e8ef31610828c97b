"""The one way to open an SQLite file: read only, nothing written beside it, and an end to what its own queries may take."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from napari_unmix.files.opened import regular

_STEPS = 20_000_000  # of SQLite's machine: beyond it a file asks for more than to be read
_LONGEST_VALUE = 100_000_000  # bytes of one text or blob


@contextmanager
def opened_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises UnmixError where it is no regular file, OSError where it is not there; sqlite3.Error is the reader's."""
    address = f"{regular(path).resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.set_progress_handler(lambda: 1, _STEPS)
        yield connection
