"""What a notification says: so little that it is not cut off. The sentence itself stands in its step. Pure."""

from __future__ import annotations

from typing import get_args

from napari_unmix.plugin.facts.session import Step, Trouble

COPY_REPORT = "Copy report"
MOST_LETTERS = 38  # of napari's notifications, which show one line


def notice(trouble: Trouble) -> str:
    """The sentence, where that is short, else its beginning and the step that says the rest."""
    number = get_args(Step).index(trouble.step) + 1
    sentence = trouble.sentence
    if trouble.report:
        return f"Unexpected error: see step {number}."
    if len(sentence) <= MOST_LETTERS:
        return sentence
    clause = f"{sentence.partition(': ')[0].rstrip('.')}: see step {number}."
    return clause if len(clause) <= MOST_LETTERS else _begun(sentence, f" …: step {number}.")


def _begun(sentence: str, end: str) -> str:
    """As many of its words as there is room for."""
    words = ""
    for word in sentence.split():
        longer = f"{words} {word}".lstrip()
        if len(longer) + len(end) > MOST_LETTERS:
            break
        words = longer
    return f"{words.rstrip(',;:')}{end}"
