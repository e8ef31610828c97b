"""Every option that a sentence of the program names exists, and sentences about what a file holds name theirs."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_unmix
from napari_unmix.cli import COMMANDS
from napari_unmix.cli.parsing import Parser
from napari_unmix.reading import OPTIONS

SOURCE = Path(napari_unmix.__file__).parent
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z](?!-(?:…|$))")  # not of a name that is put together
# What a user is told to do to a file, and the option that does it.
REMEDIES = {
    r"\bexclude (?:(?:the|fewer|noisy|negative) )+bands\b": "--bands",
    r"mark them as no data": "--no-data",
    r"(multiply|divide) the cube\b": "--scale",
    r"rows and columns (of this matrix )?with": "--size",
    r"say so with|takes another\)|name one of these with": "--key",
}


@functools.cache
def texts() -> tuple[tuple[str, str], ...]:
    """``_texts``, read once."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    """File and text of every string of the source, f-strings whole, without the docstrings."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield (
                    path.name,
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values),
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                yield path.name, node.value


def options() -> set[str]:
    """The options of all commands."""
    found = {"--help", "--version", "--debug", "--editable"}  # the last is pip's
    for name in COMMANDS:
        module = importlib.import_module(f"napari_unmix.cli.{name}_command")
        parser = Parser(prog=name)
        module.add_arguments(parser)
        found |= set(parser._option_string_actions)
    return found


def test_every_option_that_is_named_exists() -> None:
    known = options()
    named = {(option, file) for file, text in texts() for option in _OPTION.findall(text)}
    assert {option.name for option in OPTIONS} <= {option for option, _ in named} | known
    unknown = {(option, file) for option, file in named if option not in known}
    assert not unknown


@pytest.mark.parametrize("words", REMEDIES)
def test_a_remedy_for_a_file_names_its_option(words: str) -> None:
    sentences = [(file, text) for file, text in texts() if re.search(words, text)]
    assert sentences, "no sentence says this any more: take it out of the table"
    for file, text in sentences:
        assert REMEDIES[words] in text, (file, text)
