"""Which libraries are asked: a menu of those that the user knows."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from napari_unmix.library.stock import name_of
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller

FILES = "Spectral libraries (*.sli *.hdr *.csv *.txt *.tsv *.db *.sqlite);;All files (*)"
ABOUT_BUILT_IN = "23 reflectances of minerals, plants, water and snow from USGS splib07, 400–2445 nm; always there."


class LibrariesButton(QPushButton):
    """Says how many are asked; its menu ticks, adds and forgets."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__("Libraries")
        self._session, self._controller = session, controller
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self.setAccessibleName("Libraries that are asked")

    def refresh(self) -> None:
        """Show the session."""
        chosen = [name_of(one.path) for one in self._session.naming.libraries if one.chosen]
        self.setText("No library" if not chosen else "1 library" if len(chosen) == 1 else f"{len(chosen)} libraries")
        asked = ", ".join(chosen) or "none"
        self.setToolTip(f"Which libraries are asked, several at once; the list is remembered. Now: {asked}.")

    def _fill(self) -> None:
        self._menu.clear()
        known = self._session.naming.libraries
        for one in known:
            entry = self._menu.addAction(name_of(one.path).replace("&", "&&"))
            entry.setCheckable(True)
            entry.setChecked(one.chosen)
            entry.setToolTip(ABOUT_BUILT_IN if one.path is None else str(one.path))
            entry.triggered.connect(partial(self._controller.use_library, one.path))
        self._menu.addSeparator()
        add = self._menu.addAction("Add a library file…", self._add_file)
        add.setToolTip("An ENVI library (.sli with its .hdr), a table (.csv), or SPy's SQLite file of a database.")
        folder = self._menu.addAction("Add a folder of spectra…", self._add_folder)
        folder.setToolTip("USGS splib07 or ECOSTRESS as they are unpacked, or the folder of a run.")
        added = [one.path for one in known if one.path is not None]
        if added:
            forget = self._menu.addMenu("Forget")
            for path in added:
                forget.addAction(name_of(path).replace("&", "&&"), partial(self._controller.forget_library, path))

    def _add_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Add a spectral library", "", FILES)
        if path:
            self._controller.add_library(path)

    def _add_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Add a folder of spectra: splib07, ECOSTRESS, or a run")
        if path:
            self._controller.add_library(path)
