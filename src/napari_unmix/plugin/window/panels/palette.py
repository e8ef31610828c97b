"""Choosing a colour for an endmember: a menu of colours that everybody can tell apart, and any other."""

from __future__ import annotations

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QMenu, QWidget

from napari_unmix.output.palette import OKABE_ITO
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.icons import colour_icon

COLOUR_NAMES = ("orange", "sky blue", "green", "vermilion", "blue", "pink", "yellow")  # of OKABE_ITO, in its order
TIP = "The colour of this endmember in maps, curves, bars, strokes and exported pictures. These seven are safe for the colour-blind."


def colour_menu(session: Session, controller: Controller, index: int, parent: QWidget) -> QMenu:
    """The colours for endmember ``index`` of what is shown; one that another has is swapped with it."""
    menu = QMenu("Colour", parent)
    menu.setToolTipsVisible(True)
    what = shown(session)
    if what is None or index >= len(what.names):
        return menu
    for colour, name in zip(OKABE_ITO, COLOUR_NAMES, strict=True):
        owner = next((other for other, its in zip(what.names, what.colours, strict=True) if its == colour), "")
        mine = colour == what.colours[index]
        entry = menu.addAction(colour_icon(colour), name if mine or not owner else f"{name} (swap with {owner})")
        entry.setCheckable(True)
        entry.setChecked(mine)
        entry.setToolTip(TIP)
        entry.triggered.connect(lambda _=False, its=colour: controller.colour_endmember(index, its))
    menu.addSeparator()
    named = what.names[index]
    other = menu.addAction("Other…", lambda: _choose(session, controller, named, parent))
    other.setToolTip("Choose any colour; the window stays usable meanwhile.")
    return menu


def _choose(session: Session, controller: Controller, name: str, parent: QWidget) -> None:
    """Any colour, from a window of its own that blocks nothing."""
    what = shown(session)
    if what is None or name not in what.names:
        return
    dialog = QColorDialog(QColor(what.colours[what.names.index(name)]), parent)
    dialog.setObjectName("colourDialog")
    dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
    dialog.setWindowTitle(f"Colour of {name}")
    dialog.setModal(False)

    def chosen(colour: QColor) -> None:
        now = shown(session)  # by now it may have another place, or be gone
        if now is not None and name in now.names:
            controller.colour_endmember(now.names.index(name), colour.name())

    dialog.colorSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.show()
