"""Whatever a file puts into a sentence, it is one printable line that keeps its beginning and its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.sentences import LONGEST_SENTENCE, UnmixError, listed, shown


@given(st.text(), st.integers(1, 100))
def test_what_is_shown_is_printable_and_short(text: str, most: int) -> None:
    line = shown(text, most)
    assert line.isprintable()
    assert len(line) <= most
    assert shown(line, most) == line


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_a_plain_name_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name


@pytest.mark.parametrize("evil", ["\x1b]0;owned\x07", "a\u202eb", "\udc80", "\x00", "\x9b31m"])
def test_no_terminal_is_told_anything(evil: str) -> None:
    assert shown(f"a{evil}b").isprintable()
    assert str(UnmixError(f"{evil} is wrong: mend it.")).endswith("is wrong: mend it.")


def test_a_sentence_keeps_its_cause_and_its_remedy() -> None:
    sentence = str(UnmixError("It holds " + "x" * 65_000 + ": name one with --key."))
    assert len(sentence) == LONGEST_SENTENCE
    assert sentence.startswith("It holds x")
    assert sentence.endswith("x: name one with --key.")


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (1, "n0"), (3, "n0, n1, n2"), (4, "n0, n1, n2 and n3"), (60_000, "n0, n1, n2 and 59,997 others")],
)
def test_a_list_says_how_many_it_leaves_out(count: int, words: str) -> None:
    assert listed((f"n{number}" for number in range(count)), 3) == words
