"""What is said of a fit of a part of a scene: how few pixels may have had no part in it, and what the second look made of those that stand out."""

from __future__ import annotations

from collections.abc import Iterator

from napari_unmix.findings import Note, NoteKind
from napari_unmix.large.lacking import Faults, Lacking

# One pixel of so many is read of a material three times as often as not where it has three times as many: it is missed once in twenty.
SURE = 3


def said_of(fitted: str, fewest: int, taken: int, missed: Lacking) -> Note:
    """On what was ``fitted``; materials of fewer than so many pixels may have been missing, ``taken`` were added, and what still is ``missed``."""
    left = missed.pixels
    said = f"{fitted} A material of fewer than {fewest:,} pixels may have been missing in the sample:"
    said += f" {taken} pixels that stood out were added," if taken else " no pixels were added,"
    said += f" {left} alike ones still stand out." if left else " and none that are alike stand out."
    if refused := ", ".join(_refused(missed.faults)):
        said += f" Not taken for a material: {refused}."
    return Note(NoteKind.METHOD, said, "Ask for an endmember more." if left else "")


def _refused(faults: Faults) -> Iterator[str]:
    if faults.zeros:
        yield f"{_pixels(faults.zeros)} of zeros in all bands"
    if faults.one_band:
        yield f"{_pixels(faults.one_band)} off in one band, as a fault of the detector is"
    if faults.alone:
        yield f"{_pixels(faults.alone)} like no other"


def _pixels(count: int) -> str:
    return f"{count:,} pixel{'' if count == 1 else 's'}"
