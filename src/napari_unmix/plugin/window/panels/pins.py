"""What can be done with a pin: the menu of its curve and of its entry in the legend."""

from __future__ import annotations

from qtpy.QtWidgets import QMenu, QWidget

from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels import actions


def pin_menu(session: Session, controller: Controller, number: int, parent: QWidget) -> QMenu:
    """The menu of a pin (from 0)."""
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    for action in actions.PIN_ACTIONS:
        why_not = action.why_not(session, number)
        act = action.act
        entry = menu.addAction(action.title(session, number), lambda act=act: act(controller, number, parent))
        entry.setToolTip(why_not or action.tip)
        entry.setEnabled(not why_not)
    if actions.PIN_ACTIONS:
        menu.addSeparator()
    remove = menu.addAction(f"Remove pin {number + 1}", lambda: controller.unpin(number))
    remove.setToolTip(
        "Take this pin and its curve away; Ctrl+Z brings it back. Delete does the same for the pin that is picked."
    )
    every = menu.addAction("Remove all pins", controller.clear_pins)
    every.setToolTip("Take all pins and their curves away; Ctrl+Z brings them back.")
    return menu
