"""What decided an answer: whose word its endmembers are, and how far the rest of the model moved its abundances from least squares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from napari_unmix.findings import Findings, Learned, Note, NoteKind
from napari_unmix.geometry.strokes import ANCHORED, CONFIRMED, NAMED
from napari_unmix.identifiability.verdict import StrokesSay

# Below this, abundances (from 0 to 1) are least squares to the three digits that the sentence has.
_SHOWN = 0.0005

GEOMETRY, STROKES, REGIONS, GIVEN, TRAINING = "geometry", "strokes", "painted regions", "given spectra", "training"


@dataclass(frozen=True)
class Decided:
    """Whose word the endmembers are (``by``, the first names), how as clauses, and what moved the abundances as a clause, "" where not measured."""

    by: tuple[str, ...]
    how: tuple[str, ...]
    moved: str

    @property
    def sentence(self) -> str:
        """ "Decided by geometry: no region or stroke moved an endmember; p(a|u) moved abundances by 0.004 from least squares."."""
        clauses = "; ".join(clause for clause in (*self.how, self.moved) if clause)
        return f"Decided by {_joined(self.by)}{f': {clauses}' if clauses else ''}."


def decided(findings: Findings, count: int) -> Decided | None:
    """What decided the answer of P = ``count`` endmembers; None where there was nothing to decide: one endmember."""
    if count < 2:
        return None
    by, how = _endmembers(findings, count)
    return Decided(by, how, _moved(findings))


def said_by(notes: Iterable[Note]) -> str:
    """The sentence among a result's notes; "" where there is none: one endmember, or a run of an earlier version."""
    return next((note.sentence for note in notes if note.kind is NoteKind.DECIDED), "")


def strokes_said(findings: Findings) -> StrokesSay:
    """What the search measured about painted materials."""
    named, agreed, anchored = (_count(findings.search.get(name)) for name in (NAMED, CONFIRMED, ANCHORED))
    return StrokesSay(named or 0, agreed, anchored or 0)


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, float) else None


def _endmembers(findings: Findings, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose word the endmembers are, and how, clause by clause."""
    held = len(findings.held)
    if held >= count:
        return (GIVEN,), ("no endmember was searched",)
    given = [(GIVEN, f"{held} of {count} endmembers are as given")] if held else []
    if isinstance(findings.recipe, Learned):
        found = [(TRAINING, "the endmembers depend on a seed, and another may end at others")]
    else:
        found = _searched(findings, count)
    said = [*given, *found]
    return tuple(dict.fromkeys(by for by, _ in said)), tuple(how for _, how in said if how)


def _searched(findings: Findings, count: int) -> list[tuple[str, str]]:
    """(whose word, how) of the endmembers that were searched."""
    if findings.contrast is not None and findings.contrast.used:
        return [(REGIONS, "telling them apart gave the endmembers")]
    if findings.moments is not None and findings.moments.use == "refined":
        return [(REGIONS, "their means and covariances gave the endmembers")]
    if findings.moments is not None and findings.moments.use == "averaged":
        return [(REGIONS, ""), (GEOMETRY, "the endmembers are the mean of what both say")]
    strokes = strokes_said(findings)
    if strokes.anchored:
        stand = (STROKES, f"strokes stand for {strokes.anchored} of {count} endmembers")
        others = strokes.anchored + len(findings.held) < count
        return [stand, (GEOMETRY, "the others are the purest spectra left")] if others else [stand]
    if strokes.confirmed is not None:
        confirm = f"strokes confirm {strokes.confirmed} of {count} endmembers (within 3°) and draw these at most half of the way"
        return [(GEOMETRY, ""), (STROKES, confirm)]
    if strokes.named:
        return [
            (GEOMETRY, f"strokes name {strokes.named} of {count} endmembers, and neither they nor a region moved one")
        ]
    return [(GEOMETRY, "no region or stroke moved an endmember")]


def _moved(findings: Findings) -> str:
    """How far the abundances are from least squares on the same endmembers, and what moved them, as a clause."""
    moved, movers = findings.abundances_moved, _movers(findings)
    if moved is None:
        return ""
    if not movers:
        return "abundances are least squares" if moved < _SHOWN else f"abundances are {moved:.3f} from least squares"
    by = "less than 0.001" if moved < _SHOWN else f"{moved:.3f}"
    return f"{_joined(movers)} moved abundances by {by} from least squares"


def _movers(findings: Findings) -> tuple[str, ...]:
    """The parts of the model that least squares has not."""
    mixing, law = findings.mixing, findings.variability
    return (
        *((f"{mixing.kept} mixing",) if mixing.kept != "linear" else ()),
        *(("the variability of the endmembers",) if mixing.variability else ()),
        *(("the law of variability",) if law is not None and law.chosen != "none" else ()),
        *(("p(a|u)",) if findings.prior is not None else ()),
    )


def _joined(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
