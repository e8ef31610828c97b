"""What its user says of a run: title, date, colours, pins. It decides nothing of the answer, and changes while the run stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from napari_unmix.output.run.schema import LONGEST_TITLE, RunJson
from napari_unmix.sentences import shown


@dataclass(frozen=True)
class Card:
    """What its user says of a run.

    Attributes
    ----------
    title : what the user calls it, "" where nobody said
    ended : when the training ended, in local time; None where it is not known
    colours : one ("#rrggbb") for each endmember, or none at all
    hidden : the endmembers whose maps the user hid
    pins : (row, column) of the kept pixels
    pin_names : (row, column) -> name, of those of them that have one
    locked : the endmembers that the next training holds -> where their spectrum is from
    """

    title: str = ""
    ended: datetime | None = field(default_factory=lambda: datetime.now().replace(microsecond=0))
    colours: tuple[str, ...] = ()
    hidden: frozenset[int] = frozenset()
    pins: tuple[tuple[int, int], ...] = ()
    locked: Mapping[int, str] = field(default_factory=dict)
    pin_names: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", shown(self.title, LONGEST_TITLE))

    def described(self) -> dict[str, Any]:
        """Of ``run.json`` all but the date, which stands beside the other times."""
        return {
            "title": self.title,
            "colours": list(self.colours),
            "hidden": sorted(self.hidden),
            "pins": [list(pin) for pin in self.pins],
            "pin_names": [[*pin, shown(name, LONGEST_TITLE)] for pin, name in self.pin_names.items()],
            "locked": [[index, shown(source, LONGEST_TITLE)] for index, source in sorted(self.locked.items())],
        }


def ended_text(card: Card) -> str | None:
    """The date with its offset from universal time, so that it is the same moment elsewhere."""
    return None if card.ended is None else card.ended.astimezone().isoformat(timespec="seconds")


def card_of(said: RunJson) -> Card:
    """The card of a run that was read. Raises ValueError where it does not fit the run."""
    card, count = said.card, len(said.names)
    height, width, _ = said.cube.shape
    if len(card.colours) not in (0, count):
        raise ValueError(f"run.json has {len(card.colours)} colours of {count} endmembers")
    if any(index >= count for index in card.hidden):
        raise ValueError(f"run.json hides an endmember that is none of its {count}")
    if any(index >= count for index, _ in card.locked):
        raise ValueError(f"run.json locks an endmember that is none of its {count}")
    if any(row >= height or column >= width for row, column in card.pins):
        raise ValueError(f"run.json has pins outside {height}×{width} pixels")
    if any((row, column) not in card.pins for row, column, _ in card.pin_names):
        raise ValueError("run.json names a pin that is none of its pins")
    names = {(row, column): name for row, column, name in card.pin_names}
    made = Card(
        card.title, None, tuple(card.colours), frozenset(card.hidden), tuple(card.pins), dict(card.locked), names
    )
    return replace(made, ended=_moment(said.timings.ended))


def _moment(text: str | None) -> datetime | None:
    """In local time, without its zone. Raises ValueError, OverflowError."""
    return None if text is None else datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
