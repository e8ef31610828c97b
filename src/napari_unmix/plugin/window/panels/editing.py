"""The entries of menus that edit endmembers, lock them, and the lists to choose from that some of them open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QMenu, QWidget

from napari_unmix.plugin.facts.locks import names_of_regions
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller

MERGE_TIP = "Make this endmember and another one: shares add, the spectrum is their mean by share."
SPLIT_TIP = "Make two endmembers of this one, by the two groups of its purest pixels; the others stay."
DELETE_TIP = "Take this endmember out; its share goes to the others by least squares."
MOVE_TIP = "Put this endmember elsewhere in the list, in layers and exports; nothing else changes."
LOCK_TIP = "Hold this spectrum as it is in the next training, which finds the others beside it; or let it go again."
PIN_TIP = "Take the spectrum of a pinned pixel for this endmember, and hold it in the next training."
REGION_TIP = "Take the mean spectrum of a painted place for this endmember, and hold it in the next training."
FROM_PIN_TIP = "Take the spectrum of this pin for an endmember of the result, and hold it in the next training."


@dataclass(frozen=True)
class _Choice:
    """A line of a list: what it says, its colour ("" for none), and what it does."""

    title: str
    colour: str
    act: Callable[[], None]


def merge(controller: Controller, index: int, widget: QWidget) -> None:
    """Ask for the other endmember."""
    what = shown(controller.session)
    name = "" if what is None else what.names[index]
    others = _endmembers(controller, lambda k: controller.merge_endmembers([index, k]), index)
    _ask(widget, f"Merge {name} with", MERGE_TIP, others)


def split(controller: Controller, index: int, widget: QWidget) -> None:
    """Split it."""
    controller.split_endmember(index)


def delete(controller: Controller, index: int, widget: QWidget) -> None:
    """Delete it."""
    controller.delete_endmember(index)


def move_up(controller: Controller, index: int, widget: QWidget) -> None:
    """Further up."""
    controller.move_endmember(index, -1)


def move_down(controller: Controller, index: int, widget: QWidget) -> None:
    """Further down."""
    controller.move_endmember(index, 1)


def is_locked(session: Session, index: int) -> bool:
    """Whether the next training holds it."""
    what = shown(session)
    return what is not None and index in what.look.locked


def lock_or_unlock(controller: Controller, index: int, widget: QWidget) -> None:
    """Lock it to itself, or let it go."""
    if is_locked(controller.session, index):
        controller.unlock_endmember(index)
    else:
        controller.lock_endmember(index)


def lock_to_pin(controller: Controller, index: int, widget: QWidget) -> None:
    """Ask for the pin."""
    pins = controller.session.pins
    choices = [
        _Choice(f"Pin {k + 1}: row {row}, column {column}", "", _later(controller.lock_to_pin, index, k))
        for k, (row, column) in enumerate(pins)
    ]
    _ask(widget, "Lock to pin", PIN_TIP, choices)


def lock_to_region(controller: Controller, index: int, widget: QWidget) -> None:
    """Ask for the painted place."""
    places = names_of_regions(controller.session.annotation)
    choices = [
        _Choice(f"Mean of {name}", "", _later(controller.lock_to_region, index, label))
        for label, name in places.items()
    ]
    _ask(widget, "Lock to region mean", REGION_TIP, choices)


def lock_from_pin(controller: Controller, pin: int, widget: QWidget) -> None:
    """Ask for the endmember."""
    _ask(widget, "Lock an endmember", FROM_PIN_TIP, _endmembers(controller, lambda k: controller.lock_to_pin(k, pin)))


def _endmembers(controller: Controller, act: Callable[[int], None], but: int = -1) -> list[_Choice]:
    """The endmembers of what is shown, but one."""
    what = shown(controller.session)
    if what is None:
        return []
    known = enumerate(zip(what.names, what.colours, strict=True))
    return [_Choice(name, colour, _later(act, k)) for k, (name, colour) in known if k != but]


def _later(act: Callable[..., None], *values: int) -> Callable[[], None]:
    return lambda: act(*values)


def _ask(widget: QWidget, title: str, tip: str, choices: Sequence[_Choice]) -> None:
    """A list below the widget that asks; it blocks nothing, and Escape or a click elsewhere closes it."""
    menu = QMenu(widget)
    menu.setObjectName("choice")
    menu.setAccessibleName(title)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    menu.addAction(f"{title}:").setEnabled(False)
    menu.addSeparator()
    for choice in choices:
        entry = menu.addAction(choice.title)
        entry.setToolTip(tip)
        if choice.colour:
            entry.setIcon(_square(choice.colour))
        entry.triggered.connect(lambda _=False, act=choice.act: act())
    menu.popup(widget.mapToGlobal(QPoint(0, widget.height())))
    first = next((entry for entry in menu.actions() if entry.isEnabled() and not entry.isSeparator()), None)
    if first is not None:
        menu.setActiveAction(first)


def _square(colour: str) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
