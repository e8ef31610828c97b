"""Known spectra of step 3: a library is opened, spectra of it are chosen, and each is a row that can be removed."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.library.stock import name_of
from napari_unmix.plugin.facts.known_spectra import HeldSpectrum, Offered, said_of, same_held
from napari_unmix.plugin.facts.locks import candidates_now, library_said
from napari_unmix.plugin.window.panels.libraries import ABOUT_BUILT_IN, FILES
from napari_unmix.plugin.window.panels.step import Step, button, row, say, take_away, text

LINES = 7  # of the list
ABOUT = (
    "Spectra that you know, of a library or a table: the next training holds them as endmembers, and finds the others beside them where you ask "
    "for more."
)
ABOUT_ALL = "Try all entries: the method “Spectral library” keeps those that the pixels need, says how surely, and searches nothing beside them."
ABOUT_SCALE = (
    "What the spectra are multiplied by to be in the cube's units; with free illumination only their shapes count."
)


class KnownPart(QWidget):
    """A part of the method step; its only own state is what is chosen in the list."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step, self._session, self._controller = step, step.session, step.controller
        self._offered: Offered | None = None  # that the list shows
        self._held: tuple[HeldSpectrum, ...] = ()  # that the rows show
        self._open = QPushButton("Known spectra…")
        self._open.setToolTip(ABOUT)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._open.setMenu(self._menu)
        self._note = text("note")
        self._rows = QWidget()
        self._lines = QVBoxLayout(self._rows)
        self._lines.setContentsMargins(8, 0, 0, 0)
        self._lines.setSpacing(2)
        self._picker = self._make_picker()
        self._library, self._close = text("note"), QToolButton()
        self._close.setText("✕")
        self._close.setAccessibleName("Close the library that is chosen from")
        self._close.setToolTip("Choose from the built-in selection again.")
        self._close.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._close.clicked.connect(self._controller.release_candidates)
        self._of_library = row(self._library, self._close, stretch=0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        for widget in (row(self._open, stretch=-2), self._rows, self._picker, self._note, self._of_library):
            outer.addWidget(widget)
        step.listen(self.refresh, "cube", "held", "offered", "spec", "candidates", "run")
        self.refresh()

    def _make_picker(self) -> QWidget:
        self._title, self._words, self.list = text("note"), QLineEdit(), _Names()
        self._words.setPlaceholderText("Look up…")
        self._words.setClearButtonEnabled(True)
        self._words.setAccessibleName("Look up a known spectrum")
        self._words.textChanged.connect(self._look_up)
        self.list.setAccessibleName("Spectra of the library")
        self.list.setToolTip("Choose one, or several with Ctrl or Shift, and press Hold or Enter.")
        self.list.chosen.append(self._hold)
        self._scale = QLineEdit()
        self._scale.setPlaceholderText("scale ×")
        self._scale.setAccessibleName("Scale of known spectra")
        self._scale.setToolTip(ABOUT_SCALE)
        self._scale.setMaximumWidth(90)
        self._scale.returnPressed.connect(self._hold)
        self._take = button("Hold", "Hold the chosen spectra in the next training.", self._hold)
        close = button("Close", "Choose none.", self._controller.close_library)
        box = QWidget()
        box.hide()  # until a library is offered
        column = QVBoxLayout(box)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        every = button("Try all", ABOUT_ALL, self._try_all)
        for widget in (self._title, self._words, self.list, row(self._scale, self._take, every, close, stretch=-2)):
            column.addWidget(widget)
        return box

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self._session
        if not same_held(session.held, self._held) or not self._lines.count():
            self._show_held(session.held)
        if session.offered is not self._offered:
            self._show_offered(session.offered)
        of_library = library_said(session)
        say(self._note, "" if of_library else said_of(session.held, session.spec))
        found = candidates_now(session)
        say(self._library, of_library)
        self._library.setToolTip("" if found is None else "\n".join(found.repairs))
        self._close.setVisible(found is not None)
        self._of_library.setVisible(bool(of_library))

    def _show_held(self, held: tuple[HeldSpectrum, ...]) -> None:
        self._held = held
        while (item := self._lines.takeAt(0)) is not None:
            if (line := item.widget()) is not None:
                line.setParent(None)
                take_away(line)
        for index, one in enumerate(held):
            self._lines.addWidget(self._line(index, one))
        self._rows.setVisible(bool(held))

    def _line(self, index: int, one: HeldSpectrum) -> QWidget:
        name = QLabel(one.name)
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setToolTip("\n".join([f"{one.name}, {one.source}: held in the next training.", *one.repairs]))
        remove = QToolButton()
        remove.setText("✕")
        remove.setAccessibleName(f"Remove {one.name}")
        remove.setToolTip(f"Hold {one.name} no longer.")
        remove.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        remove.clicked.connect(partial(self._controller.release_spectrum, index))
        return row(name, remove, stretch=0)

    def _show_offered(self, offered: Offered | None) -> None:
        self._offered = offered
        self._picker.setVisible(offered is not None)
        self.list.clear()
        self._words.clear()
        self._scale.clear()
        if offered is None:
            return
        names = offered.library.names
        say(self._title, f"{name_of(offered.path)}: {len(names)} spectra on the cube's bands")
        self.list.addItems(list(names))
        self.list.setFixedHeight(self.list.sizeHintForRow(0) * min(LINES, len(names)) + 6)
        self.list.setCurrentRow(0)
        self.list.clearSelection()
        self.list.setFocus()
        self._step.reveal.bring(self, self._picker)

    def _look_up(self, words: str) -> None:
        """Hide the names that lack a word; what is hidden is not chosen."""
        parts = words.casefold().split()
        for place in range(self.list.count()):
            item = self.list.item(place)
            if item is not None:
                item.setHidden(not all(part in item.text().casefold() for part in parts))
                item.setSelected(item.isSelected() and not item.isHidden())

    def _hold(self) -> None:
        rows = sorted(index.row() for index in self.list.selectedIndexes())
        self._controller.hold_spectra(rows, self._scale.text())

    def _try_all(self) -> None:
        self._controller.try_all(self._scale.text())

    # --- the menu

    def _fill_menu(self) -> None:
        """The libraries that Match knows; the user's list is looked for when this is opened first."""
        self._controller.know_libraries()
        self._menu.clear()
        for one in self._session.naming.libraries:
            entry = self._menu.addAction(name_of(one.path).replace("&", "&&"))
            entry.setToolTip(ABOUT_BUILT_IN if one.path is None else str(one.path))
            entry.triggered.connect(partial(self._controller.offer_library, one.path))
        self._menu.addSeparator()
        self._menu.addAction("A file…", self._open_file).setToolTip("A table (.csv), or an ENVI library (.sli).")
        folder = self._menu.addAction("A folder…", self._open_folder)
        folder.setToolTip("A run, whose endmembers are taken, or USGS splib07 or ECOSTRESS as they are unpacked.")

    def _open_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Known spectra", "", FILES)
        if path:
            self._controller.offer_library(path)

    def _open_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Known spectra: a run, splib07, or ECOSTRESS")
        if path:
            self._controller.offer_library(path)


class _Names(QListWidget):
    """Names, of which several can be chosen; Enter and a double click take them."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[Any] = []
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.itemDoubleClicked.connect(lambda _: self._tell())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter takes what is chosen."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell()
        else:
            super().keyPressEvent(event)

    def _tell(self) -> None:
        for heard in self.chosen:
            heard()
