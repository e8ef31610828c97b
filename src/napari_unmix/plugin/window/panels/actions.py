"""What can be done with an endmember, or a pin, from the menu of its row: one entry each, added here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtWidgets import QWidget

from napari_unmix.plugin.facts import offers
from napari_unmix.plugin.facts.candidates import Subject
from napari_unmix.plugin.facts.matching import pin_subject
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels import editing


@dataclass(frozen=True)
class Action:
    """An entry: what it is called, what it does (``tip``), ``why_not`` it is greyed ("" where it can be done), and the doing itself.

    The functions take the number of the endmember in what is shown, or of the pin; ``act`` also the widget that asks, to place a form by it.
    """

    title: Callable[[Session, int], str]
    tip: str
    why_not: Callable[[Session, int], str]
    act: Callable[[Controller, int, QWidget], None]


MATCH_TIP = "See which spectrum of a library it is like, and take its name."

ENDMEMBER_ACTIONS: tuple[Action, ...] = (
    Action(
        lambda *_: "Match…",
        MATCH_TIP,
        lambda *_: "",
        lambda controller, index, _: controller.name_from_library(Subject("endmember", index)),
    ),
    Action(lambda *_: "Merge with…", editing.MERGE_TIP, offers.why_not_fewer, editing.merge),
    Action(lambda *_: "Split", editing.SPLIT_TIP, offers.why_not_edit, editing.split),
    Action(lambda *_: "Delete", editing.DELETE_TIP, offers.why_not_fewer, editing.delete),
    Action(lambda *_: "Move up", editing.MOVE_TIP, lambda s, k: offers.why_not_move(s, k, -1), editing.move_up),
    Action(lambda *_: "Move down", editing.MOVE_TIP, lambda s, k: offers.why_not_move(s, k, 1), editing.move_down),
    Action(
        lambda session, index: "Unlock" if editing.is_locked(session, index) else "Lock",
        editing.LOCK_TIP,
        offers.why_not_edit,
        editing.lock_or_unlock,
    ),
    Action(lambda *_: "Lock to pin…", editing.PIN_TIP, offers.why_not_pin, editing.lock_to_pin),
    Action(lambda *_: "Lock to region mean…", editing.REGION_TIP, offers.why_not_region, editing.lock_to_region),
)
PIN_ACTIONS: tuple[Action, ...] = (
    Action(
        lambda *_: "Match…",
        MATCH_TIP,
        lambda *_: "",
        lambda controller, index, _: controller.name_from_library(pin_subject(controller.session, index)),
    ),
    Action(lambda *_: "Lock an endmember to it…", editing.FROM_PIN_TIP, offers.why_not_from_pin, editing.lock_from_pin),
)

# What stands behind the name of an endmember: a sign, and a tooltip that says what it means; ("", "") for none.
ENDMEMBER_SIGNS: tuple[Callable[[Session, int], tuple[str, str]], ...] = (offers.lock_sign,)
