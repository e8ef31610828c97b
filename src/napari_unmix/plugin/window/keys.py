"""Shortcuts of the docks: in the viewer's window, beside napari's own, which win where a user gave one of them the same keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence, QShortcut
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QMainWindow, QWidget

from napari_unmix.plugin.facts.session import Session, running, shown, shown_hidden
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.step import button


@dataclass(frozen=True)
class Key:
    """One shortcut: its keys as Qt writes them, what it does in words, and the doing."""

    keys: str
    says: str
    does: Callable[[Session, Controller], object]


def train(session: Session, controller: Controller) -> None:
    """Train, unless something is under way."""
    if session.cube is not None and not running(session):
        controller.start()


def cancel(session: Session, controller: Controller) -> None:
    """Stop the run or its checks."""
    controller.cancel()


def pause(session: Session, controller: Controller) -> None:
    """Hold the run, or go on."""
    if session.state == "paused":
        controller.resume()
    else:
        controller.pause()


def next_region(session: Session, controller: Controller) -> None:
    """Paint the next place with a new label; begin where nothing is painted."""
    if session.annotation is None:
        controller.new_annotation()
    else:
        controller.next_region()


def alone(forward: int) -> Callable[[Session, Controller], None]:
    """Show the map of one endmember alone: the one ``forward`` places on from the one that is."""

    def show(session: Session, controller: Controller) -> None:
        index = next_alone(session, forward)
        if index is not None:
            controller.show_alone(index)

    return show


def everything(session: Session, controller: Controller) -> None:
    """Show all maps."""
    for index in shown_hidden(session):
        controller.set_visible(index, True)


def next_alone(session: Session, forward: int) -> int | None:
    """The endmember to be shown alone next, round and round; the first or last where several are shown; None where there are no maps."""
    what = shown(session)
    if what is None:
        return None
    count = len(what.names)
    seen = [k for k in range(count) if k not in what.hidden]
    if len(seen) == 1 and count > 1:
        return (seen[0] + forward) % count
    return 0 if forward > 0 else count - 1


KEYS = (
    Key("Ctrl+Return", "Train", train),
    Key("Ctrl+.", "Cancel the training or its checks", cancel),
    Key("Ctrl+Shift+.", "Pause the training, or resume it", pause),
    Key("Ctrl+Shift+N", "Paint the next region", next_region),
    Key("Ctrl+Shift+K", "Keep the selected pixel as a pin", lambda session, controller: controller.pin()),
    Key("Ctrl+Shift+Right", "Show the next endmember's map alone", alone(1)),
    Key("Ctrl+Shift+Left", "Show the endmember's map before alone", alone(-1)),
    Key("Ctrl+Shift+Up", "Show all maps", everything),
)
# What napari, or a control that has the focus, hears itself.
ELSEWHERE = (
    ("Ctrl+Z, Ctrl+Shift+Z", "Undo and redo on the canvas: strokes, names, settings"),
    ("Enter or F2, Esc", "Rename the endmember whose name has the focus, or give up"),
    ("Tab, Space", "Go through the dock; press, tick or fold what has the focus"),
)


class Keys:
    """The shortcuts of one window, for as long as the dock is open."""

    def __init__(self, session: Session, controller: Controller) -> None:
        self._session, self._controller = session, controller
        self._shortcuts: list[QShortcut] = []
        self._taken: frozenset[str] = frozenset()

    def place(self, window: QWidget, napari_keys: Iterable[str] = ()) -> None:
        """Listen in this window, except for keys that are napari's there. Once."""
        if self._shortcuts or not isinstance(window, QMainWindow):
            return
        menus = (sequence.toString() for action in window.findChildren(QAction) for sequence in action.shortcuts())
        self._taken = taken({*menus, *(QKeySequence(keys).toString() for keys in napari_keys)})
        for key in KEYS:
            if key.keys not in self._taken:
                made = QShortcut(QKeySequence(key.keys), window)
                made.setContext(Qt.ShortcutContext.WindowShortcut)
                made.activated.connect(lambda key=key: key.does(self._session, self._controller))
                self._shortcuts.append(made)

    def leave(self) -> None:
        """The dock goes."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []

    def show_list(self, window: QWidget, style: str) -> QDialog:
        """A list of all keys, beside the work: it blocks nothing."""
        made = QDialog(window)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.setWindowTitle("Keys of the Unmix docks")
        made.setStyleSheet(style)
        table = QGridLayout(made)
        table.setHorizontalSpacing(24)
        for place, (keys, says) in enumerate(listed(self._taken)):
            name = QLabel(keys)
            name.setObjectName("checkTitle")
            table.addWidget(name, place, 0)
            table.addWidget(QLabel(says), place, 1)
        close = button("Close", "Close this list; Esc does the same.", made.close)
        table.addWidget(close, table.rowCount(), 1, Qt.AlignmentFlag.AlignRight)
        made.show()
        return made


def taken(theirs: Iterable[str]) -> frozenset[str]:
    """Which of our keys are somebody else's."""
    known = set(theirs)
    return frozenset(key.keys for key in KEYS if key.keys in known)


def listed(taken: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """(keys, what they do) of all shortcuts, as this system writes the keys; one that is napari's says so."""
    ours = [
        (key.keys, f"{key.says}{' (napari uses these keys: not available)' if key.keys in taken else ''}")
        for key in KEYS
    ]
    return [
        *((QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText), says) for keys, says in ours),
        *ELSEWHERE,
    ]
