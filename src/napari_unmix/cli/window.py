"""Whether a window can be opened, and opening it: the one place outside the plugin that reaches into it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unmix.cube import Reading

_NEEDED = ("napari", "qtpy", "superqt", "psygnal", "pyqtgraph")
_BINDINGS = ("PyQt6", "PySide6", "PyQt5")
_FIRST_PORT = 6000  # of X11 over TCP
_PATIENCE = 2.0  # seconds


def why_no_window(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str | None:
    """A sentence with the remedy where no window can be opened, None where one can."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing or not any(importlib.util.find_spec(name) for name in _BINDINGS):
        return f'the window needs {", ".join(missing) or "a Qt binding"}: pip install "napari-unmix[gui]".'
    if platform in ("win32", "darwin"):
        return None
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return "there is no display (DISPLAY and WAYLAND_DISPLAY are empty): use a desktop, ssh -X or xvfb-run."
    if not _answers(environment):
        name = environment.get("DISPLAY") or environment["WAYLAND_DISPLAY"]
        return f"the display {name} does not answer: check DISPLAY."
    return None


def open_window(path: str | None = None, *, reading: Reading | None = None, sample: bool = False) -> None:
    """Open napari with the docks, and return when it is closed."""
    from napari_unmix.cli.ending import default_signals
    from napari_unmix.plugin.window.launch import open_viewer

    default_signals()
    open_viewer(path, reading=reading, sample=sample)


def _answers(environment: Mapping[str, str]) -> bool:
    """Qt aborts the process where a display is named but dead: knock first."""
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland and (Path(environment.get("XDG_RUNTIME_DIR", "/run")) / wayland).exists():
        return True
    found = re.fullmatch(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?", environment.get("DISPLAY", ""))
    if found is None:
        return False
    number = int(found["number"])
    if found["host"] not in ("", "unix"):
        return _connects((found["host"].removeprefix("tcp/"), _FIRST_PORT + number))
    place = f"/tmp/.X11-unix/X{number}"
    return _connects(place) or (sys.platform == "linux" and _connects("\0" + place))


def _connects(address: str | tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), _socket(address) as knock:
        knock.settimeout(_PATIENCE)
        knock.connect(address)
        return True
    return False


def _socket(address: str | tuple[str, int]) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
