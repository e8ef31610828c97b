"""Sentences that name options of the command line, in the words of the window's fields. Pure."""

from __future__ import annotations

import re

from napari_unmix.methods.registry import method_specs
from napari_unmix.reading import OPTIONS

_READING = {option.name: option.title for option in OPTIONS}
_SETTINGS = {
    "--" + name.replace("_", "-"): field.title or name
    for spec in method_specs().values()
    for name, field in spec.model_fields.items()
}
_TITLES = {**_SETTINGS, **_READING}
_VALUES = r"none|all|first|middle|last|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|'[^']+'|[^\s'(]*[^\s'(.]\.\w{2,4}"  # words, numbers, files
_OPTION = re.compile(
    rf"({'|'.join(map(re.escape, sorted(_TITLES, key=len, reverse=True)))})(?![\w-])(?: ({_VALUES})(?!\w))?"
)


def in_window(sentence: str) -> str:
    """``--no-data none keeps them`` -> “No data: none” keeps them: a field has the title of its option."""

    def named(found: re.Match[str]) -> str:
        title, value = _TITLES[found[1]], found[2]
        return f"“{title}: {value}”" if value else f"“{title}”"

    return _OPTION.sub(named, sentence)


def names_option(sentence: str) -> bool:
    """Whether a sentence names a field of Reading… or Bands…."""
    return any(found[1] in _READING for found in _OPTION.finditer(sentence))
