"""How far each endmember can be believed, in the words of the window: in its row, in a tooltip, in the list of materials. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from napari_unmix.identifiability.report import Grade, Word
from napari_unmix.output.grades import SIGNS, counted, signed
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.runs import Run

FEWEST_LETTERS = 5  # of a word that is cut: "not d…" can be told from all others
TIP_WIDTH = 76  # letters of a line of a tooltip, which Qt does not wrap
_URGENCY: tuple[Word, ...] = ("not determined here", "shaky", "steady", "given")


@dataclass(frozen=True)
class Material:
    """A line of the list of materials: the endmember's number, name and colour, and its grade."""

    index: int
    name: str
    colour: str
    grade: Grade

    @property
    def word(self) -> str:
        """Sign and word."""
        return signed(self.grade)

    @property
    def remedy(self) -> str:
        """What would make it better, in the words of the window's fields."""
        return in_window(self.grade.remedy)


def fitted(grade: Grade | None, fits: Callable[[str], bool]) -> str:
    """What a row says of it in the room that it has: sign and word, else the word cut where enough of it is left, else the sign alone."""
    if grade is None:
        return ""
    whole = signed(grade)
    cut = (f"{whole[:length].rstrip()}…" for length in range(len(whole) - 2, 2 + FEWEST_LETTERS - 1, -1))
    return next((said for said in (whole, *cut) if fits(said)), SIGNS[grade.word])


def tip_of(grade: Grade | None) -> str:
    """The word, why, and what would help, in lines that a tooltip can show; "" where there is no grade."""
    if grade is None:
        return ""
    said = textwrap.fill(f"{grade.word[0].upper()}{grade.word[1:]}: {grade.sentence}", TIP_WIDTH)
    remedy = textwrap.fill(f"→ {in_window(grade.remedy)}", TIP_WIDTH) if grade.remedy else ""
    return "\n".join(part for part in (said, remedy) if part)


def materials_of(run: Run | None) -> tuple[Material, ...]:
    """The endmembers that have a grade, those that need something first, else in their order."""
    if run is None:
        return ()
    look = run.look
    told = [
        Material(k, look.names[k], look.colours[k], grade) for k, grade in enumerate(run.grades) if grade is not None
    ]
    return tuple(sorted(told, key=lambda one: _URGENCY.index(one.grade.word)))


def materials_tally(materials: Sequence[Material]) -> str:
    """ "4 materials: 1 shaky, 3 steady"; "" where there is none."""
    if not materials:
        return ""
    return f"{len(materials)} material{'' if len(materials) == 1 else 's'}: {counted(one.grade for one in materials)}."


def grades_text(run: Run) -> str:
    """ "3 steady, 1 shaky" of a run; "" where nothing is known."""
    return counted(run.grades)
