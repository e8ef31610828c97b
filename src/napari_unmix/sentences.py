"""Sentences for the user, whatever a file puts into them: printable, and short enough to be read.

Names of arrays, of files and of materials come from outside. A terminal obeys control characters, and a list of sixty thousand names is no
sentence: ``shown`` and ``listed`` are how such text is written, and ``UnmixError`` holds itself to the same.
"""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_SENTENCE = 500  # letters
_LONGEST_NAME = 60
_MOST_LISTED = 8
_MOST_SENTENCES = 100


class UnmixError(ValueError):
    """Bad input, in one sentence for the user: the cause, the numbers, and the remedy."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(shown(sentence, LONGEST_SENTENCE))


def shown(text: object, most: int = _LONGEST_NAME) -> str:
    """Text from outside in one printable line of at most ``most`` letters.

    Control characters, what turns the writing direction, and halves of characters become �; what is too long loses its middle, so that the
    cause at the beginning and the remedy at the end stay.
    """
    line = " ".join(str(text).split())
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else "�" for letter in line)
    if len(line) <= most:
        return line
    end = (most - 1) // 2
    return f"{line[: most - 1 - end]}…{line[-end:] if end else ''}"


def listed(names: Iterable[object], most: int = _MOST_LISTED) -> str:
    """Names with commas, each as ``shown``; of many the first ones, and how many others there are."""
    every = list(names)
    kept = [shown(name) for name in every[:most]]
    others = len(every) - len(kept)
    return ", ".join(kept) + (f" and {others:,} others" if others > 1 else f" and {shown(every[-1])}" if others else "")


def printable(sentences: Iterable[object]) -> tuple[str, ...]:
    """Sentences on what a file holds, each as ``shown`` and no longer than one of ours; kept so where they enter, anyone may print them.

    Of more than a hundred the others are counted.
    """
    every = list(sentences)
    kept = tuple(shown(sentence, LONGEST_SENTENCE) for sentence in every[:_MOST_SENTENCES])
    others = len(every) - len(kept)
    return (*kept, f"{others:,} more remarks like these were left out") if others else kept
