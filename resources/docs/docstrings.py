"""Our docstrings say ``name : shape, unit, meaning`` on one line; numpydoc's reader would take all of it for a type."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SECTION = re.compile(r"(?m)^((?:Attributes|Parameters|Raises)\n-+\n)((?:.+\n?)+)")
_ENTRY = re.compile(r"(?m)^(\w+(?:, \w+)*) : (.+)$")
_RETURNS = re.compile(r"(?m)^(Returns\n-+\n)(\w+) (.+)$")


class OneLineEntries(griffe.Extension):
    """Give numpydoc's reader what it wants: the name, and the description below it. Types come from the annotations."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the sections of one docstring."""
        if obj.docstring is not None:
            text = _RETURNS.sub(r"\1\2\n    \3", obj.docstring.value)
            obj.docstring.value = _SECTION.sub(lambda found: found[1] + _ENTRY.sub(r"\1\n    \2", found[2]), text)
