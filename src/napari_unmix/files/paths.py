"""Paths as users type them."""

from __future__ import annotations

import os
from pathlib import Path

from napari_unmix.sentences import UnmixError, shown

_LONGEST_NAME = 255  # bytes, where the system does not say


def given_path(path: str | Path) -> Path:
    """The path with the home folder in it. Raises UnmixError where no path can be so, or nobody's home is meant."""
    if "\0" in str(path):
        raise UnmixError(f"{shown(path)} has a zero byte in it, which no path has: check how it was made.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UnmixError(
            f"{shown(path)} begins with the home of a user who isn't there: write the whole path."
        ) from error


def check_name(path: Path, folder: Path) -> None:
    """Raise UnmixError where the name is longer than the ``folder``, which is there, can hold."""
    longest = _LONGEST_NAME
    if hasattr(os, "pathconf"):
        try:
            longest = os.pathconf(folder, "PC_NAME_MAX")
        except (OSError, ValueError):
            longest = _LONGEST_NAME
    size = len(os.fsencode(path.name))
    if size > longest:
        raise UnmixError(
            f"{shown(path.name)} is a name of {size} bytes, the disk takes {longest}: choose a shorter one."
        )
