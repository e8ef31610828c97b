"""What can be done with an endmember, or a pin, from the menu of its row: one entry each, added here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtWidgets import QWidget

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller


@dataclass(frozen=True)
class Action:
    """An entry: what it is called, what it does (``tip``), ``why_not`` it is greyed ("" where it can be done), and the doing itself.

    The functions take the number of the endmember in what is shown, or of the pin; ``act`` also the widget that asks, to place a form by it.
    """

    title: Callable[[Session, int], str]
    tip: str
    why_not: Callable[[Session, int], str]
    act: Callable[[Controller, int, QWidget], None]


ENDMEMBER_ACTIONS: tuple[Action, ...] = ()
PIN_ACTIONS: tuple[Action, ...] = ()

# What stands behind the name of an endmember: a sign, and a tooltip that says what it means; ("", "") for none.
ENDMEMBER_SIGNS: tuple[Callable[[Session, int], tuple[str, str]], ...] = ()
