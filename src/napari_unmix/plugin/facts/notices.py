"""What a notification says: so little that it is not cut off. The sentence itself stands in its step. Pure."""

from __future__ import annotations

from typing import get_args

from napari_unmix.plugin.facts.session import Step, Trouble

COPY_REPORT = "Copy report"
MOST_LETTERS = 38  # of napari's notifications, which show one line


def notice(trouble: Trouble) -> str:
    """What went wrong, where that is short, and the step that says the rest."""
    number = get_args(Step).index(trouble.step) + 1
    what = "Unexpected error" if trouble.report else trouble.sentence.partition(": ")[0]
    short = f"{what.rstrip('.')}: see step {number}."
    return short if len(short) <= MOST_LETTERS else f"See step {number}, {trouble.step.capitalize()}."
