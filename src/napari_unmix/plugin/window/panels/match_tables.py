"""Tables of naming: the candidates of one subject, and what all endmembers would be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_unmix.library.matching import Candidate
from napari_unmix.plugin.facts.matching import Proposal, angles

SCORE = "Angles in one number, in degrees: 0° is the same shape. The nearest comes first."
WHOLE = "Spectral angle between the whole spectra, in degrees; blind to brightness."
ABSORPTIONS = "Angle between the absorption features, continuum removed, in degrees; blind to slopes."
SLOPES = "Angle between the first derivatives, in degrees: where features begin and end. Noise widens it."
ANGLES = (("Score", SCORE), ("Shape", WHOLE), ("Feature", ABSORPTIONS), ("Slope", SLOPES))
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter  # names
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter  # numbers
BOX, PADDING = 13, 12  # pixels
FITS, NO_FIT = "✓", "\u2003"


class _Table(QAbstractTableModel):
    """A model of rows that never changes but as a whole."""

    titles: tuple[tuple[str, str], ...] = ()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: tuple[Any, ...] = ()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - as Qt has it
        """How many there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - as Qt has it
        """How many titles there are."""
        return 0 if parent.isValid() else len(self.titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.titles):
            return None
        title, tip = self.titles[section]
        return {Qt.ItemDataRole.DisplayRole: title, Qt.ItemDataRole.ToolTipRole: tip}.get(Qt.ItemDataRole(role))


def _numbers(one: Candidate) -> tuple[str, ...]:
    whole = (one.score, one.spectral_angle, one.absorption_angle)
    return (*(f"{angle:.1f}°" for angle in whole), f"{one.derivative_angle:.0f}°")


class CandidateTable(_Table):
    """What the libraries hold beside one subject, the nearest first; what fits has a tick."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._within, self._libraries = 4.0, False
        self.titles = (("Spectrum", "The library's name of the spectrum; ✓ where all three angles are small."), *ANGLES)

    def show_rows(self, rows: tuple[Candidate, ...], within: float, libraries: bool) -> None:
        """Show these; ``libraries``: several were asked, so each says which it is from."""
        if (rows, within, libraries) == (self.rows, self._within, self._libraries):
            return
        self.beginResetModel()
        self.rows, self._within, self._libraries = rows, within, libraries
        self.endResetModel()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        one: Candidate = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._name(one) if index.column() == 0 else _numbers(one)[index.column() - 1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if index.column() < 1 else RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            noise = f" Noise alone makes {one.noise_angle:.0f}° of it." if one.noise_angle >= 1 else ""
            return f"{one.name}, of {one.library}: {angles(one)}.{noise}"
        return None

    def _name(self, one: Candidate) -> str:
        mark = f"{FITS} " if one.fits(self._within) else NO_FIT
        return f"{mark}{one.name}" + (f"  · {one.library}" if self._libraries else "")


class ProposalTable(_Table):
    """A name for each endmember at once; a tick takes it."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.ticked: frozenset[int] = frozenset()
        self._muted = QColor("#888888")
        self._no_box = QPixmap(BOX, BOX)  # in its place, so that names stand in line
        self._no_box.fill(QColor(0, 0, 0, 0))
        self.changed: list[Callable[[], None]] = []
        self.titles = (
            ("Endmember", "Tick what is to be renamed."),
            ("Would be", "What the libraries propose; no spectrum for two endmembers."),
            ANGLES[0],
        )

    def show_rows(self, rows: tuple[Proposal, ...], muted: str) -> None:
        """Show these; what has no name yet is ticked."""
        self._muted = QColor(muted)
        if rows == self.rows:
            return
        self.beginResetModel()
        self.rows = rows
        self.ticked = frozenset(row for row, one in enumerate(rows) if one.wanted)
        self.endResetModel()

    def chosen(self) -> tuple[Proposal, ...]:
        """What is ticked."""
        return tuple(one for row, one in enumerate(self.rows) if row in self.ticked)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        one: Proposal = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            score = "" if one.candidate is None else _numbers(one.candidate)[0]
            return (one.name, one.reason if one.candidate is None else one.candidate.name, score)[index.column()]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0 and one.candidate is not None:
            return Qt.CheckState.Checked if index.row() in self.ticked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0 and one.candidate is None:
            return self._no_box
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if index.column() < 2 else RIGHT
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1 and one.candidate is None:
            return self._muted
        if role == Qt.ItemDataRole.ToolTipRole:
            of = "" if one.candidate is None else f", of {one.candidate.library}: {angles(one.candidate)}"
            return (one.reason or (one.candidate.name if one.candidate is not None else "")) + of
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick, or take the tick away."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        row, ticked = index.row(), Qt.CheckState(value) == Qt.CheckState.Checked
        self.ticked = self.ticked | {row} if ticked else self.ticked - {row}
        self.dataChanged.emit(index, index)
        for call in self.changed:
            call()
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """The first cell can be ticked where there is a name to take."""
        able = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0 and self.rows[index.row()].candidate is not None:
            able |= Qt.ItemFlag.ItemIsUserCheckable
        return able


def table_of(model: _Table, name: str, texts: int) -> QTableView:
    """A table of whole rows, one chosen at a time; the column ``texts`` - 1 takes the room that the others leave."""
    view = QTableView()
    view.setModel(model)
    view.setAccessibleName(name)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setTabKeyNavigation(False)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTextElideMode(Qt.TextElideMode.ElideRight)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(20)
    header = view.horizontalHeader()
    header.setMinimumSectionSize(40)
    header.setHighlightSections(False)
    for column, (title, _) in enumerate(model.titles):
        fixed = texts <= column  # numbers; to ask a thousand rows for their widths takes longer than to draw them
        mode = QHeaderView.ResizeMode.Fixed if fixed else QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch if column == texts - 1 else mode)
        if fixed:
            widest = max(map(view.fontMetrics().horizontalAdvance, (title, "180.0°")))
            header.resizeSection(column, widest + PADDING)
    view.setMinimumSize(130, 60)
    return view
