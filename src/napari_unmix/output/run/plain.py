"""Values as strict JSON, and text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON, indented for people; what no encoding has, halves of characters in a file's name, becomes a question mark."""
    path.write_text(json_text(values, indent=1) + "\n", encoding="utf-8", errors="replace")


def write_text(path: Path, text: str) -> None:
    """Write text; what no encoding has, halves of characters in a file's name, as Python escapes it."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def json_text(values: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Strict JSON: not finite numbers become null, as JSON has no NaN. ASCII survives any terminal's encoding."""
    return json.dumps(_plain(values), indent=indent, allow_nan=False, ensure_ascii=ascii_only)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
