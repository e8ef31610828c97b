"""Our docstrings say ``name : shape, unit, meaning`` on one line; numpydoc's reader would take all of it for a type."""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe

_SECTION = re.compile(r"(?m)^((?:Attributes|Parameters|Raises)\n-+\n)((?:.+\n?)+)")
_ENTRY = re.compile(r"(?m)^(\w+(?:, \w+)*) : (.+)$")
_SECOND_ERROR = re.compile(r"; (?=\w+Error : )")
_RETURNS = re.compile(r"(?m)^(Returns\n-+\n)(\w+) (.+)$")


class OneLineEntries(griffe.Extension):
    """Give numpydoc's reader what it wants: the name, and the description below it. Types come from the annotations.

    A field of a spec that has no docstring is explained by its ``description``, as the form and the command line do.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the sections of one docstring."""
        if obj.docstring is not None:
            text = _RETURNS.sub(r"\1\2\n    \3", obj.docstring.value)
            obj.docstring.value = _SECTION.sub(_entries, text)

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Explain a pydantic field, and show its default alone."""
        field = attr.value
        if attr.docstring is None and isinstance(field, griffe.ExprCall) and str(field.function) == "Field":
            named = {
                argument.name: argument for argument in field.arguments if isinstance(argument, griffe.ExprKeyword)
            }
            if "description" in named:
                attr.docstring = griffe.Docstring(_said(str(named["description"].value)), parent=attr)
                attr.value = next(
                    (given for given in field.arguments if not isinstance(given, griffe.ExprKeyword)), None
                )
                attr.labels -= {"class-attribute", "instance-attribute"}


def _entries(section: re.Match[str]) -> str:
    return section[1] + _ENTRY.sub(r"\1\n    \2", _SECOND_ERROR.sub("\n", section[2]))


def _said(source: str) -> str:
    """The text of a string as it is written; what an f-string would fill in is …"""
    parts = [
        node.value if isinstance(node, ast.Constant) else "…" for node in _pieces(ast.parse(source, mode="eval").body)
    ]
    return "".join(map(str, parts))


def _pieces(node: ast.expr) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else [node]
