"""A run is a thing that is kept: what it was made from, what it found, how it looks. Facts only, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.identifiability.report import Grade, Report
from napari_unmix.output.grades import by_names, grades_of, renamed
from napari_unmix.output.palette import endmember_colours
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.known_spectra import HeldSpectrum
from napari_unmix.plugin.facts.naming import default_names, distinct, is_default_name
from napari_unmix.progress import Preview
from napari_unmix.rows.metrics import angle_table
from napari_unmix.spec import MethodSpec

SAME_MATERIAL_DEGREES = 8.0


@dataclass(frozen=True, eq=False)
class Look:
    """How endmembers (P, B) look: one name and one colour ("#rrggbb") each, and which maps are hidden.

    ``locked``: those that the next training holds -> where their spectrum is from ("pin 2"), "" where it is the answer's own. ``graded``: the
    grades that they keep from before an edit, of those whose spectrum is as it was judged.
    """

    endmembers: FloatArray
    names: tuple[str, ...]
    colours: tuple[str, ...]
    hidden: frozenset[int] = frozenset()
    locked: Mapping[int, str] = field(default_factory=dict)
    graded: Mapping[int, Grade] = field(default_factory=dict)

    def renamed(self, index: int, name: str) -> Look:
        """With another name for one, made distinct from the others'."""
        others = [*self.names[:index], *self.names[index + 1 :]]
        return replace(self, names=(*self.names[:index], distinct(name, others), *self.names[index + 1 :]))

    def coloured(self, index: int, colour: str) -> Look:
        """With another colour for one; who had it takes the one that becomes free."""
        colours = [self.colours[index] if known == colour else known for known in self.colours]
        colours[index] = colour
        return replace(self, colours=tuple(colours))

    def taken(self, order: Sequence[int], endmembers: FloatArray) -> Look:
        """The looks of these endmembers, in this order, for their spectra as they are now."""
        return Look(
            endmembers,
            tuple(self.names[k] for k in order),
            tuple(self.colours[k] for k in order),
            frozenset(new for new, k in enumerate(order) if k in self.hidden),
            {new: self.locked[k] for new, k in enumerate(order) if k in self.locked},
            {new: self.graded[k] for new, k in enumerate(order) if k in self.graded},
        )


@dataclass(frozen=True, eq=False)
class Run:
    """A training that came to its end, and is kept.

    Attributes
    ----------
    number : from 1, as no other run of the session
    title : what the user calls it
    made : when it ended, in local time
    cube, spec, annotation : what it was made from
    home : the open cube whose run it is: ``cube``, perhaps with other bands excluded, or read in another way since
    unmixing : what it found
    look : names, colours and visibility of its endmembers, the user's
    report : what may be claimed; None while it is being checked, or where the check was cancelled
    folder : where it is saved; None where it is not
    held : the known spectra that it was made with
    """

    number: int
    title: str
    made: datetime
    cube: Cube
    spec: MethodSpec
    annotation: Annotation | None
    home: Cube
    unmixing: Unmixing
    look: Look
    report: Report | None = None
    folder: Path | None = None
    held: tuple[HeldSpectrum, ...] = ()

    @property
    def named(self) -> Unmixing:
        """The result by the names that the user gave."""
        return replace(self.unmixing, names=self.look.names)

    @cached_property
    def grades(self) -> tuple[Grade | None, ...]:
        """How far each endmember can be believed: as the report says, else as was said of it before the result was edited."""
        names = self.look.names
        told = grades_of(self.report, len(names))
        return by_names(told if any(told) else tuple(self.look.graded.get(k) for k in range(len(names))), names)

    @cached_property
    def told(self) -> Report | None:
        """The report by the names that the user gave."""
        return None if self.report is None else renamed(self.report, self.look.names)

    @property
    def to_edit(self) -> Run:
        """With the grades in its look, so that they follow their endmembers where an edit takes these."""
        graded = {k: grade for k, grade in enumerate(self.grades) if grade is not None}
        return replace(self, look=replace(self.look, graded=graded))

    def judged(self, report: Report, endmembers: FloatArray) -> Run:
        """With the report on the same endmembers (P, B), which may have been put in another order since."""
        now = self.unmixing.endmembers
        if len(report.grades) != len(now) or now.shape != endmembers.shape:
            return replace(self, report=report)
        order = [int(np.nansum(np.abs(endmembers - one), axis=1).argmin()) for one in now]
        return replace(self, report=replace(report, grades=tuple(report.grades[k] for k in order)))


@dataclass(frozen=True, eq=False)
class Training:
    """A run under way: of which cube, from what, and what it shows so far.

    ``number`` is the one that the run will have. ``known`` is how the run before it looks, with what the user renamed since: every preview is
    matched to it. ``look`` is of ``preview``; both are None before the first. ``live``: no run will come of it, its maps follow the painting.
    """

    number: int
    cube: Cube
    spec: MethodSpec
    annotation: Annotation | None
    known: Look | None
    preview: Preview | None = None
    look: Look | None = None
    held: tuple[HeldSpectrum, ...] = ()
    live: bool = False

    def previewed(self, preview: Preview, names: Sequence[str] = ()) -> Training:
        """With a new preview, matched to the run before and to the preview before."""
        look = carried_look(preview.endmembers, names, self.known, self.look)
        return replace(self, preview=preview, look=look)

    def relooked(self, look: Look, index: int) -> Training:
        """The user changed how endmember ``index`` of the preview looks: it is known so from now on."""
        one = look.taken([index], look.endmembers[[index]])
        known = one if self.known is None else _beside(self.known, one)
        return replace(self, look=look, known=known)


@dataclass(frozen=True, eq=False)
class Shown:
    """What maps, curves, rows and verdict show: one run of the current cube, or the preview of the one under way (``run`` None)."""

    cube: Cube
    content: Preview | Unmixing
    look: Look
    run: Run | None = field(default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """One per endmember."""
        return self.look.names

    @property
    def colours(self) -> tuple[str, ...]:
        """One per endmember."""
        return self.look.colours

    @property
    def hidden(self) -> frozenset[int]:
        """The endmembers whose maps are hidden."""
        return self.look.hidden

    @property
    def grades(self) -> tuple[Grade | None, ...]:
        """How far each endmember can be believed, None where nobody knows: of a preview always."""
        return (None,) * len(self.names) if self.run is None else self.run.grades


def fresh_look(endmembers: FloatArray, names: Sequence[str] = ()) -> Look:
    """How endmembers look that nobody has seen before."""
    count = len(endmembers)
    given = tuple(names) if len(names) == count else default_names(count)
    return Look(endmembers, given, tuple(endmember_colours(count)))


def carried_look(endmembers: FloatArray, names: Sequence[str], *known: Look | None) -> Look:
    """How new endmembers (P, B) look: each takes name, colour and visibility of the one with nearly the same spectrum.

    ``names`` are the method's own, () for none: a name that a stroke gave stays. Of several ``known`` looks, an earlier one comes first; an
    endmember takes from one look only, and two never from the same. Who is like none gets a number and a colour that are free.
    """
    count = len(endmembers)
    given = list(names) if len(names) == count else [""] * count
    given = ["" if is_default_name(name) else name for name in given]
    chosen: dict[int, tuple[Look, int]] = {}
    for look in known:
        if look is not None:
            left = [k for k in range(count) if k not in chosen]
            chosen |= {left[mine]: (look, its) for mine, its in matched(endmembers[left], look.endmembers)}
    for k, (look, its) in sorted(chosen.items()):
        if not given[k]:
            given[k] = distinct(look.names[its], given)
    free = (name for name in default_names(2 * count) if name not in given)
    hidden = frozenset(k for k, (look, its) in chosen.items() if its in look.hidden)
    locked = {k: look.locked[its] for k, (look, its) in sorted(chosen.items()) if its in look.locked}
    return Look(endmembers, tuple(name or next(free) for name in given), _colours(chosen, count), hidden, locked)


def matched(endmembers: FloatArray, known: FloatArray) -> list[tuple[int, int]]:
    """Pairs (mine, its) of endmembers that are nearly the same spectrum, each used once; bands that either lacks do not count."""
    if not len(endmembers) or not len(known) or endmembers.shape[1] != known.shape[1]:
        return []
    angles = np.degrees(angle_table(endmembers, known))
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(angles, axis=None, kind="stable"):  # the nearest first
        mine, its = divmod(int(place), len(known))
        if not angles[mine, its] < SAME_MATERIAL_DEGREES:
            break
        if all(mine != pair[0] and its != pair[1] for pair in pairs):
            pairs.append((mine, its))
    return pairs


def _colours(chosen: dict[int, tuple[Look, int]], count: int) -> tuple[str, ...]:
    """The colours that were carried, a doubled one only once; the others take the palette's first that are free."""
    colours: dict[int, str] = {}
    for k, (look, its) in chosen.items():
        if look.colours[its] not in colours.values():
            colours[k] = look.colours[its]
    free = (colour for colour in endmember_colours(2 * count) if colour not in colours.values())
    return tuple(colours[k] if k in colours else next(free) for k in range(count))


def _beside(known: Look, one: Look) -> Look:
    """``known`` with the look ``one`` of a single endmember in the place of the one it is like, or beside all."""
    pairs = matched(one.endmembers, known.endmembers)
    kept = [k for k in range(len(known.names)) if not pairs or k != pairs[0][1]]
    rest = known.taken(kept, known.endmembers[kept])
    return Look(
        np.concatenate([one.endmembers, rest.endmembers]),
        (*one.names, *rest.names),
        (*one.colours, *rest.colours),
        frozenset([*(one.hidden & {0}), *(k + 1 for k in rest.hidden)]),
        {**one.locked, **{k + 1: source for k, source in rest.locked.items()}},
    )


def kept_title(runs: Sequence[Run], cube: Cube, method: str) -> str:
    """What a new run is called until the user says: its method, and a number where the cube has one of that name."""
    return distinct(method, [run.title for run in runs if same_image(run.home, cube)])
