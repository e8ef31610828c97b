"""One endmember of what is shown: a click on its row shows its map alone, a second click all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QMenu, QToolButton

from napari_unmix.identifiability.report import Grade
from napari_unmix.plugin.facts.derived import View
from napari_unmix.plugin.facts.grading import fitted, tip_of
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.actions import ENDMEMBER_ACTIONS, Action
from napari_unmix.plugin.window.panels.all_row import offer_view
from napari_unmix.plugin.window.panels.icons import colour_icon, eye_icon
from napari_unmix.plugin.window.panels.palette import TIP, colour_menu
from napari_unmix.plugin.window.panels.step import set_property

LONGEST_NAME = "endmember 30"  # so wide a name goes before the words of grades: of a longer one the beginning is seen
NAME_EDGE, LABEL_EDGE, TOOL_WIDTH = 8, 6, 22  # pixels
ROW_TIP = "Click to show this map alone, again for all; double-click or F2 renames it everywhere; right-click for more."


@dataclass(frozen=True)
class RowFacts:
    """What a row says. ``signs`` stand behind the name, each with its tooltip; ``alone``: only this map is looked at.

    ``grade`` is how far the endmember can be believed, None where nobody knows.
    """

    name: str
    colour: str
    share: float
    visible: bool
    alone: bool
    signs: tuple[tuple[str, str], ...] = ()
    grade: Grade | None = None


class EndmemberRow(QFrame):
    """``focus`` moves the keyboard to the row of another number."""

    def __init__(self, index: int, session: Session, controller: Controller, focus: Callable[[int], None]) -> None:
        super().__init__()
        self._index, self._session, self._controller = index, session, controller
        self._before: tuple[frozenset[int], tuple[View, ...]] | None = None  # what was seen before the last click
        self._pressed = False
        self._known: tuple[RowFacts, str] | None = None  # what it says, but for the share, and its colour of text
        self.setObjectName("mapRow")
        self.setToolTip(ROW_TIP)
        self._swatch = _tool("swatch", TIP, self._open_colours)
        self._name = NameEdit(self._show_alone, lambda by: focus(index + by))
        self._name.renamed.append(lambda name: controller.rename_endmember(index, name))
        self._name.began.append(self._take_click_back)
        self._name.focused.append(lambda has: set_property(self, "keyboard", "true" if has else "false"))
        self._signs = QLabel()
        self._grade = QLabel()
        self._grade.setObjectName("grade")
        self._share = QLabel()
        self._share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._more = _tool("more", "Rename, colour, show alone, and what else can be done.", self._open_menu)
        self._more.setText("⋯")
        self._eye = _tool("eye", "", lambda: controller.set_visible(index, self._eye.isChecked()))
        self._eye.setCheckable(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 1, 2, 1)
        layout.setSpacing(5)
        for item in (self._swatch, self._name, self._signs, self._grade, self._share, self._more, self._eye):
            layout.addWidget(item, 1 if item is self._name else 0)

    def show_fact(self, fact: RowFacts, text_colour: str) -> None:
        """Show what the session says of this endmember; a preview changes its share alone."""
        self._share.setText("" if np.isnan(fact.share) else f"{100 * fact.share:.0f} %")
        known, self._known = self._known, (replace(fact, share=0.0), text_colour)
        if known == self._known:
            return
        set_property(self, "seen", "true" if fact.alone else "false")
        self._swatch.setIcon(colour_icon(fact.colour))
        self._swatch.setAccessibleName(f"Colour of {fact.name}")
        self._name.show_name(fact.name)
        self._name.setAccessibleName(f"Endmember {fact.name}")
        self._signs.setText(" ".join(sign for sign, _ in fact.signs))
        self._signs.setToolTip("\n".join(tip for _, tip in fact.signs))
        self._signs.setVisible(bool(fact.signs))
        self._show_grade(fact)
        self._share.setToolTip(f"Mean share of {fact.name} over all pixels. {ROW_TIP}")
        self._more.setAccessibleName(f"Actions on {fact.name}")
        self._eye.setChecked(fact.visible)
        self._eye.setIcon(eye_icon(fact.visible, text_colour))
        self._eye.setToolTip("Hide this map." if fact.visible else "Show this map, with the others that are shown.")
        self._eye.setAccessibleName(f"Map of {fact.name}")

    def _show_grade(self, fact: RowFacts) -> None:
        tip = tip_of(fact.grade)
        self._grade.setToolTip(tip)
        self._grade.setAccessibleName(f"{fact.name}: {tip}" if tip else "")
        self._name.setAccessibleDescription(tip)

    # --- the width of the column of grades, which the rows have in common

    @property
    def grade(self) -> Grade | None:
        """Of the endmember that it shows."""
        return None if self._known is None else self._known[0].grade

    def room_for_grade(self, across: int) -> int:
        """What the rest of a row so wide leaves, where a name has what it needs, but no more than ``LONGEST_NAME`` does."""
        metrics, layout = self._name.fontMetrics(), self.layout()
        name = min(map(metrics.horizontalAdvance, (self._name.text(), LONGEST_NAME))) + NAME_EDGE
        beside = [label for label in (self._signs, self._share) if not label.isHidden()]
        labels = sum(max(label.minimumWidth(), label.sizeHint().width()) for label in beside)
        margins = layout.contentsMargins()
        edges = margins.left() + margins.right() + (4 + len(beside)) * layout.spacing()
        return across - edges - name - labels - 3 * TOOL_WIDTH

    def width_for_grade(self, room: int) -> int:
        """What it takes in a column of so much room: of the longest form that fits, or of the sign alone."""
        return self._width_of(self._fitted(room))

    def set_grade_width(self, width: int) -> None:
        """Say as much of it as a column of this width has room for."""
        said = self._fitted(width)
        if self._grade.text() != said:
            self._grade.setText(said)
        self._grade.setFixedWidth(width)

    def _fitted(self, width: int) -> str:
        return fitted(self.grade, lambda words: self._width_of(words) <= width)

    def _width_of(self, words: str) -> int:
        margins = self._grade.contentsMargins()
        return self._grade.fontMetrics().horizontalAdvance(words) + margins.left() + margins.right() + LABEL_EDGE

    def set_share_width(self, width: int) -> None:
        """In a column of its own."""
        self._share.setMinimumWidth(width)

    def show_grade_column(self, stands: bool) -> None:
        """Whether there is such a column: a row without a grade keeps the place free where others have one."""
        self._grade.setVisible(stands)

    def take_focus(self) -> None:
        """The keyboard comes here."""
        self._name.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- the mouse

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """A click begins."""
        self._pressed = event is not None and event.button() == Qt.MouseButton.LeftButton
        self._name.setFocus(Qt.FocusReason.MouseFocusReason)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Two quick clicks are two clicks, but on the name."""
        self.mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """A click on the row."""
        pressed, self._pressed = self._pressed, False
        if event is not None and pressed and self.rect().contains(event.position().toPoint()):
            what = shown(self._session)
            self._before = None if what is None else (what.hidden, self._session.views)
            self._show_alone()

    def _show_alone(self) -> None:
        self._controller.show_alone(self._index)

    def _take_click_back(self) -> None:
        """It was the first of a double click, which renames: what was seen before is seen again."""
        before, self._before = self._before, None
        what = shown(self._session)
        if before is not None and what is not None:
            hidden, views = before
            self._controller.show_maps(set(range(len(what.names))) - hidden, views)

    # --- menus

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """The menu, where it was asked for."""
        if event is not None:
            self._popup(self._menu(), event.globalPos())

    def _open_menu(self) -> None:
        self._popup(self._menu(), self._more.mapToGlobal(QPoint(0, self._more.height())))

    def _open_colours(self) -> None:
        menu = colour_menu(self._session, self._controller, self._index, self)
        self._popup(menu, self._swatch.mapToGlobal(QPoint(0, self._swatch.height())))

    def _popup(self, menu: QMenu, place: QPoint) -> None:
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("endmemberMenu")
        menu.setToolTipsVisible(True)
        menu.addAction("Rename", self._name.begin).setToolTip("Give it a name, in layers, curves, bars and strokes.")
        menu.addMenu(colour_menu(self._session, self._controller, self._index, menu))
        menu.addAction("Show alone", self._show_alone).setToolTip("Show this map and no other; again shows all.")
        what = shown(self._session)
        if what is not None and self._index < len(what.names):
            view = View("spread", self._index)
            offer_view(menu, view, self._session, self._controller, what.content, what.names)
        if ENDMEMBER_ACTIONS:
            menu.addSeparator()
        for action in ENDMEMBER_ACTIONS:
            self._offer(menu, action)
        return menu

    def _offer(self, menu: QMenu, action: Action) -> None:
        reason = action.why_not(self._session, self._index)
        entry = menu.addAction(
            action.title(self._session, self._index), lambda: action.act(self._controller, self._index, self)
        )
        entry.setEnabled(not reason)
        entry.setToolTip(reason or action.tip)


class NameEdit(QLineEdit):
    """A name that a double click, Enter or F2 makes editable. Until then its clicks are the row's; Space is one, the arrows go to the next."""

    def __init__(self, act: Callable[[], None], move: Callable[[int], None]) -> None:
        super().__init__()
        self.renamed: list[Callable[[str], Any]] = []
        self.began: list[Callable[[], Any]] = []
        self.focused: list[Callable[[bool], Any]] = []
        self._act, self._move = act, move
        self._shown = ""
        self.setObjectName("nameEdit")
        self.setReadOnly(True)
        self.setFrame(False)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setToolTip(ROW_TIP)

        self.editingFinished.connect(self._finish)

    def show_name(self, name: str) -> None:
        """Show a name, unless the user is just writing one."""
        self._shown = name
        if self.isReadOnly() and self.text() != name:
            self.setText(name)
            self.setCursorPosition(0)  # of a long one its beginning

    def begin(self) -> None:
        """The user writes a name."""
        self.setReadOnly(False)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.selectAll()
        self.setFocus()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """It goes to the row."""
        if self.isReadOnly() and event is not None:
            event.ignore()
        else:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """It goes to the row."""
        if self.isReadOnly() and event is not None:
            event.ignore()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Begin to rename."""
        if not self.isReadOnly():
            super().mouseDoubleClickEvent(event)
            return
        for began in self.began:
            began()
        self.begin()

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """It goes to the row; while a name is written there is the menu of text."""
        if self.isReadOnly() and event is not None:
            event.ignore()
        else:
            super().contextMenuEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter or F2 begins, Escape gives up."""
        if event is None:
            return
        key, reading = event.key(), self.isReadOnly()
        if reading and key in (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.begin()
        elif reading and key == Qt.Key.Key_Space:
            self._act()
        elif reading and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._move(1 if key == Qt.Key.Key_Down else -1)
        elif not reading and key == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self._end()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """The keyboard is here."""
        super().focusInEvent(event)
        for focused in self.focused:
            focused(True)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """The keyboard goes elsewhere."""
        super().focusOutEvent(event)
        for focused in self.focused:
            focused(False)

    def _end(self) -> None:
        self.setReadOnly(True)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.deselect()

    def _finish(self) -> None:
        if self.isReadOnly():
            return
        self._end()
        for renamed in self.renamed:
            renamed(self.text())
        self.setText(self._shown)


def _tool(name: str, tip: str, verb: Callable[[], Any]) -> QToolButton:
    """A small flat button of a row."""
    made = QToolButton()
    made.setObjectName(name)
    made.setToolTip(tip)
    made.setIconSize(QSize(14, 14))
    made.setFixedWidth(TOOL_WIDTH)
    made.clicked.connect(lambda: verb())
    return made
