"""What is kept on the disk by itself: runs, and paintings that no run has yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from napari_unmix.cube import Annotation, Cube
from napari_unmix.output.run.glance import Glance
from napari_unmix.plugin.facts.resting import at_rest, same_answer
from napari_unmix.plugin.facts.runs import Run

Place = tuple[int, int]
Pins = tuple[tuple[Place, str], ...]  # (row, column) and name, "" for none
VERDICT_MARKS = {"identified": "✓", "partly": "◐", "not identified": "!", "": "○"}
VERDICT_WORDS = {
    "identified": "identified",
    "partly": "partly identified",
    "not identified": "not identified",
    "": "not checked",
}


def pins_of(places: Sequence[Place], names: Mapping[Place, str]) -> Pins:
    """Pins with what they are called."""
    return tuple((place, names.get(place, "")) for place in places)


def places_of(pins: Pins) -> tuple[Place, ...]:
    """Where they are."""
    return tuple(place for place, _ in pins)


def names_of(pins: Pins) -> dict[Place, str]:
    """What they are called, those that have a name."""
    return {place: name for place, name in pins if name}


@dataclass(frozen=True, eq=False)
class Strokes:
    """A painting that was kept while no run had it yet; ``back`` where it is on the canvas again."""

    annotation: Annotation
    painted: datetime
    back: bool = False


@dataclass(frozen=True, eq=False)
class Known:
    """What the disk knows of a cube: its hash, and the painting that was kept of it."""

    sha256: str
    strokes: Strokes | None = None


@dataclass(frozen=True, eq=False)
class Reopened:
    """A run that was read: ``run`` as it will be kept, but for its number; the pins that it was saved with."""

    run: Run
    pins: Pins = ()


@dataclass(frozen=True, eq=False)
class Stamp:
    """What of a run stands on the disk."""

    run: Run
    pins: Pins

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "run", replace(self.run, unmixing=at_rest(self.run.unmixing))
        )  # what is there needs no memory

    def can_be_read_again(self, run: Run) -> bool:
        """Whether a run's maps are on the disk as they are."""
        return run.folder is not None and self.same_answer(run)

    def same_answer(self, run: Run) -> bool:
        """Whether the maps on the disk are the run's."""
        return same_answer(self.run.unmixing, run.unmixing)

    def says(self, run: Run, pins: Pins) -> bool:
        """Whether all on the disk is as it is now."""
        mine = self.run
        alike = mine.look is run.look and mine.report is run.report and mine.title == run.title
        return alike and self.same_answer(run) and self.pins == pins


def same_strokes(one: Annotation | None, other: Annotation | None) -> bool:
    """Whether two paintings say the same; an empty one is none, and what a material is called does not matter."""
    first, second = (known if known is not None and known.labels.any() else None for known in (one, other))
    if first is None or second is None:
        return first is second
    if first.labels.shape != second.labels.shape or not np.array_equal(first.labels, second.labels):
        return False
    return _roles(first) == _roles(second)


def _roles(annotation: Annotation) -> list[tuple[int, str, int]]:
    """(label, kind, which material) of each painted label."""
    painted = [int(label) for label in np.unique(annotation.labels) if label > 0]
    names = {label: annotation.meaning(label).name or f"material {label}" for label in painted}
    of_materials = [names[label] for label in painted if annotation.meaning(label).kind == "material"]
    order = {name: place for place, name in enumerate(dict.fromkeys(of_materials))}
    kinds = {label: annotation.meaning(label).kind for label in painted}
    return [(label, kinds[label], order[names[label]] if kinds[label] == "material" else -1) for label in painted]


def of_cube(recent: tuple[Glance, ...], sha256: str, opened: tuple[Run, ...]) -> tuple[Glance, ...]:
    """The kept runs of one cube that are not open, the newest first."""
    folders = {run.folder for run in opened}
    return tuple(one for one in recent if one.sha256 == sha256 and one.folder not in folders)


def moment_text(moment: datetime, now: datetime) -> str:
    """When something was, as short as it is clear: 14:03, Tue 14:03, 24 Nov 14:03, 24 Nov 2025."""
    days = (now.date() - moment.date()).days
    if days == 0:
        return f"{moment:%H:%M}"
    if 0 < days < 7:
        return f"{moment:%a %H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment.day} {moment:%b %Y}"


def glance_text(one: Glance, now: datetime, *, with_cube: bool = True) -> str:
    """A line of a menu: verdict, title, cube, endmembers, when."""
    cube = f" · {one.cube}" if with_cube else ""
    return f"{VERDICT_MARKS[one.verdict]}  {one.title}{cube} · {counted(one.count)} · {moment_text(one.ended, now)}"


def glance_tip(one: Glance) -> str:
    """The rest: verdict in words, the cube's file, the folder."""
    source = "not from a file" if one.source is None else str(one.source)
    return f"{VERDICT_WORDS[one.verdict].capitalize()}; {one.ended:%d %b %Y, %H:%M}\nCube: {source}\nRun: {one.folder}"


def run_line(run: Run, now: datetime) -> str:
    """A run of the list: verdict, title, endmembers, when."""
    return f"{run_mark(run)}  {run.title} · {counted(len(run.look.names))} · {moment_text(run.made, now)}"


def run_mark(run: Run) -> str:
    """The sign of its verdict."""
    return VERDICT_MARKS["" if run.report is None else run.report.verdict]


def counted(endmembers: int) -> str:
    """5 endmembers, 1 endmember."""
    return f"{endmembers} endmember{'' if endmembers == 1 else 's'}"


def masks_differ(one: Cube, other: Cube) -> bool:
    """Whether other bands or pixels take part in two cubes of one image."""
    return not (
        np.array_equal(one.good_bands, other.good_bands) and np.array_equal(one.valid_pixels, other.valid_pixels)
    )


def folder_stem(run: Run) -> str:
    """What the folder of a run is called, before its number."""
    letters = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in run.cube.name)
    return f"{letters.strip('._')[:60] or 'cube'}-{run.spec.method}"


def shown_place(folder: Path) -> str:
    """A folder for people: ~ for their own."""
    home = Path.home()
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)
