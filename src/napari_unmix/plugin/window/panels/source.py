"""Choosing where the side information of unpainted pixels comes from: one source, or a combination of several."""

from __future__ import annotations

from typing import TypeGuard

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QMenu, QPushButton, QSizePolicy

from napari_unmix.auxiliary import GENERATORS, statuses
from napari_unmix.auxiliary.information import Heads, in_use
from napari_unmix.auxiliary.labelling import FEWEST_REGIONS
from napari_unmix.auxiliary.names import ALONE, GENERATOR_NAMES, generator_names
from napari_unmix.plugin.facts.session import Session, acquisition_count
from napari_unmix.plugin.verbs.controller import Controller

AUTO_TIP = "Painted regions where there are any, else superpixels, within each acquisition where there are several."
SINGLE_TIP = "Needs a cube of several acquisitions: open them, then Join… in step 1."
HEADS = Heads(painted="Painted pixels: their regions.", all_pixels="All pixels: ")
MOST_LETTERS = 21  # longer combinations do not fit the button


class SourceButton(QPushButton):
    """A button that reads what is chosen and opens a menu of sources; ticking several combines them."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._choice = "auto"
        self.setAccessibleName("Side information of unpainted pixels")
        menu = _Menu(self)
        menu.setToolTipsVisible(True)
        self.actions_by_name: dict[str, QAction] = {}
        for name in (*ALONE, "", *GENERATOR_NAMES):
            if name:
                self.actions_by_name[name] = self._action(menu, name)
            else:
                menu.addSeparator()
        self.setMenu(menu)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_session(self, session: Session, choice: str, *, painted: bool = False) -> None:
        """Show what is chosen, of auto what it comes to; acquisitions are offered where the cube has several."""
        self._choice = choice
        chosen = generator_names(choice)
        for name, action in self.actions_by_name.items():
            action.setChecked(name in chosen)
        several = acquisition_count(session) > 1
        acquisition = self.actions_by_name["acquisition"]
        acquisition.setEnabled(several or acquisition.isChecked())
        acquisition.setToolTip(tip("acquisition") if several else SINGLE_TIP)
        titles = [title(name) for name in chosen]
        label = auto_text(painted, acquisition_count(session)) if choice == "auto" else " × ".join(titles)
        label = label if len(titles) == 1 or len(label) <= MOST_LETTERS else f"{len(titles)} combined"
        self.setText(label[:1].upper() + label[1:])
        said = f"Where the side information of unpainted pixels comes from: {' × '.join(titles)}."
        self.setToolTip(f"{said} Tick several in the menu to combine them.")

    def _action(self, menu: QMenu, name: str) -> QAction:
        words = title(name)
        action = menu.addAction(words[:1].upper() + words[1:])
        action.setCheckable(True)
        action.setToolTip(tip(name))
        action.setData(name)
        action.triggered.connect(lambda: self._controller.set_option("auxiliary", toggled(self._choice, name)))
        return action


class _Menu(QMenu):
    """It stays open while sources are ticked to be combined, taken in or out."""

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """A source is ticked on release. Qt's own closes the menu at times, where the dock behind it was laid out anew by the tick before."""
        source = self._source_at(event)
        if source is None:
            super().mousePressEvent(event)
        else:
            self.setActiveAction(source)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """A click on a source ticks it."""
        source = self._source_at(event)
        if source is None:
            super().mouseReleaseEvent(event)
        else:
            source.trigger()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """So does the space bar."""
        source = self.activeAction()
        if event is None or event.key() != Qt.Key.Key_Space or not _is_source(source):
            super().keyPressEvent(event)
        else:
            source.trigger()

    def _source_at(self, event: QMouseEvent | None) -> QAction | None:
        action = None if event is None else self.actionAt(event.position().toPoint())
        return action if _is_source(action) else None


def _is_source(action: QAction | None) -> TypeGuard[QAction]:
    return action is not None and action.isEnabled() and action.data() in GENERATOR_NAMES


def title(name: str) -> str:
    """What a choice is called."""
    return GENERATORS[name].title if name in GENERATORS else name


def auto_text(painted: bool, acquisitions: int) -> str:
    """What auto comes to: "Auto: superpixels"; of several sources their number, as there is no room for all."""
    names = in_use("auto", painted=painted, acquisitions=acquisitions)
    if not names:
        return "Auto: nothing"
    return f"Auto: {title(names[0])}" if len(names) == 1 else f"Auto: {len(names)} combined"


def tip(name: str) -> str:
    """What a choice is, and what may be claimed with it."""
    return AUTO_TIP if name == "auto" else f"{GENERATORS[name].description} {GENERATORS[name].status}"


def toggled(choice: str, name: str) -> str:
    """The choice after a click on a name: alone, or taken into or out of the combination; an empty one is auto."""
    if name in ALONE:
        return name
    names = [known for known in generator_names(choice) if known not in ALONE]
    left = [known for known in names if known != name] if name in names else [*names, name]
    return "+".join(left) or "auto"


def status_lines(session: Session, choice: str, regions: int, usable: int | None = None) -> str:
    """What may be claimed with a choice, before anything is trained; ``usable``: the painted regions of enough pixels, all where not given."""
    if "acquisition" in generator_names(choice) and acquisition_count(session) == 1:
        return "This cube is one acquisition: join cubes in step 1, or choose another source."
    painted, acquisitions = regions > 0, acquisition_count(session)
    enough = FEWEST_REGIONS if usable is None else usable
    lines = [*statuses(choice, painted=painted, acquisitions=acquisitions, usable=enough, heads=HEADS)]
    if painted and not in_use(choice, painted=painted, acquisitions=acquisitions):
        lines.append("Unpainted pixels: no side information of their own.")
    sign = "• " if len(lines) > 1 else ""
    return "\n".join(f"{sign}{line}" for line in lines)
