"""Naming by spectral libraries: what an endmember or a pin is, what comes next, the plot of both, and taking the name."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QBoxLayout,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QMenu,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_unmix.library.matching import Candidate
from napari_unmix.plugin.facts.candidates import EVERY, Subject
from napari_unmix.plugin.facts.colours import pin_colours
from napari_unmix.plugin.facts.matching import (
    VIEWS,
    answered_now,
    endmember_subjects,
    label_of,
    listed,
    missing_bands,
    pair,
    proposals,
    ranking_of,
    same_name,
    subject_now,
    subjects,
    to_be_asked,
    verdict_on,
)
from napari_unmix.plugin.facts.offers import why_not_edit
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.libraries import LibrariesButton
from napari_unmix.plugin.window.panels.match_plot import PairLegend, PairPlot
from napari_unmix.plugin.window.panels.match_tables import CandidateTable, ProposalTable, table_of
from napari_unmix.plugin.window.panels.panel import Panel
from napari_unmix.plugin.window.panels.step import button, row, say, set_property, text

SIGNS = {"pass": "✓", "doubtful": "?", "fail": "–", "": ""}
EMPTY = "Train, or pin a pixel in Spectra: then libraries can say what it is."
TO_LIBRARY = (
    "The next training holds the library's spectrum at this endmember's brightness; shares are found anew at once."
)
PREVIEW = "The preview still changes: press Match to name it as it is now."
SMALLEST = (260, 170)
NARROW = 480  # pixels: up to there the plot goes below the table


class MatchPanel(Panel):
    """Shows the session; its only own state is the row, the view and the words that are looked for."""

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._subjects: tuple[Subject, ...] = ()
        self.candidates, self.proposals = CandidateTable(self), ProposalTable(self)
        self.table = table_of(self.candidates, "Candidates", 1)
        self.all_table = table_of(self.proposals, "Proposed names", 2)
        self._make_controls()
        self._calm = _Calm(self, [self._subject, self._within, self._view])
        self._lay_out()
        self.listen(
            self.refresh, "cube", "run", "training", "pins", "pin_names", "averaging", "naming", "state", "chore"
        )
        self.listen(self._new_theme, "theme")
        self._new_theme()

    # --- making

    def _make_controls(self) -> None:
        self._subject = QComboBox()
        self._subject.setAccessibleName("What is to be named")
        self._subject.setToolTip("What is to be named: all endmembers at once, one of them, or a pin.")
        self._subject.setMinimumContentsLength(4)
        self._subject.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._subject.activated.connect(lambda place: self.controller.look_at_subject(self._subjects[place]))
        self._within = QDoubleSpinBox()
        self._within.setRange(0.5, 30.0)
        self._within.setSingleStep(0.5)
        self._within.setDecimals(1)
        self._within.setPrefix("≤ ")
        self._within.setSuffix("°")
        self._within.setKeyboardTracking(False)
        self._within.setAccessibleName("Largest angle of a match, degrees")
        self._within.setToolTip(
            "The largest angle, in degrees, by shape and by absorption at which a spectrum still matches; 4° is right for"
            " visible to short-wave infrared, 3° up to 1 µm. By slope it may be 3.75 times as far, and what noise adds."
        )
        self._within.valueChanged.connect(self.controller.match_within)
        self._libraries = LibrariesButton(self.session, self.controller)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Look up…")
        self._search.setClearButtonEnabled(True)
        self._search.setAccessibleName("Look up a spectrum")
        self._search.setToolTip(
            "Lists the spectra with these words in their names, with their angles, however far they are."
        )
        self._search.setMinimumWidth(60)
        stays = self._search.sizePolicy()
        stays.setRetainSizeWhenHidden(True)
        self._search.setSizePolicy(stays)
        self._search.textChanged.connect(self.refresh)
        self._search.returnPressed.connect(self._look_up)
        self._mark, self._sentence = QLabel(), text()
        self._mark.setObjectName("checkMark")
        self._mark.setFixedWidth(16)
        self._refused = text("stepTrouble")
        self._accept = button("Accept", "", self._take)
        self._lock = button("Accept and lock", "", lambda: None)
        self._lock.setMenu(self._lock_menu())
        self._again = button("Match", "Ask the libraries again, also of a preview.", self.controller.match_again)
        self._cancel = button("Cancel", "Ask no more; what was found before is lost.", self.controller.stop_matching)
        self._view = QComboBox()
        for view, title in VIEWS.items():
            self._view.addItem(title, view)
        self._view.setAccessibleName("Curves of the plot")
        self._view.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._view.setToolTip("How both curves are drawn: at one brightness, continuum removed, or as slopes per nm.")
        self._view.activated.connect(self._draw)
        self._legend = PairLegend()
        self.plot = PairPlot()

    def _lock_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._to_library = menu.addAction("To the library's spectrum", lambda: self._take_and_lock(library=True))
        mine = menu.addAction("As it was found", lambda: self._take_and_lock(library=False))
        mine.setToolTip("The next training holds the endmember as it is now.")
        return menu

    def _lay_out(self) -> None:
        self._pages = QStackedWidget()
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.all_table)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(row(self._view, self._legend, stretch=1))
        column.addWidget(self.plot, 1)
        self._split = QSplitter()
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._pages)
        self._split.addWidget(right)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        self._split.setSizes([600, 400])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 4)
        outer.setSpacing(4)
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.addWidget(row(self._subject, self._libraries, stretch=0), 1)
        self._top.addWidget(row(self._search, self._within, stretch=0), 1)
        outer.addLayout(self._top)
        outer.addWidget(row(self._mark, self._sentence, self._cancel, self._again, self._accept, self._lock, stretch=1))
        outer.addWidget(self._refused)
        outer.addWidget(self._split, 1)
        for view, take in ((self.table, self._take), (self.all_table, self._look_closer)):
            view.activated.connect(lambda _, take=take: take())
            view.selectionModel().currentRowChanged.connect(lambda *_: self._selected())
        self.proposals.changed.append(self._enable)

    def showEvent(self, event: QShowEvent | None) -> None:
        """It is there: what was not asked meanwhile is asked now."""
        super().showEvent(event)
        self.refresh()

    def seen(self, forward: bool) -> None:
        """Its tab came forward."""
        if forward and self.listens:
            self.refresh()

    def is_seen(self) -> bool:
        """Whether somebody looks: to Qt a dock behind another tab is visible as well."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Where it is docked at the side, the plot goes below the table, and the controls below each other."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        upright = narrow or self.height() > self.width()
        self._top.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._split.setOrientation(Qt.Orientation.Vertical if upright else Qt.Orientation.Horizontal)

    def minimumSizeHint(self) -> QSize:
        """Of its narrow form, which it takes on only when it is narrow."""
        return QSize(*SMALLEST)

    def _new_theme(self, *_: Any) -> None:
        self.plot.set_theme(self.session.theme)
        self.refresh()

    # --- showing

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, subject = self.session, subject_now(self.session)
        self._show_subjects(subject)
        self._libraries.refresh()
        self._within.setValue(session.naming.within)
        answered, every = answered_now(session), subject == EVERY
        self._pages.setCurrentWidget(self.all_table if every else self.table)
        ranking = None if subject is None or every else ranking_of(session, subject)
        several = answered is not None and len(answered.libraries) > 1
        self.candidates.show_rows(listed(ranking, self._search.text()), session.naming.within, several)
        self.proposals.show_rows(proposals(session) if every else (), session.theme.muted)
        self._search.setVisible(not every)
        self._show_sentence(subject)
        say(self._refused, "" if answered is None else " ".join(answered.refused))
        self._refused.setToolTip("" if answered is None else "\n".join(answered.notes))
        view = self.all_table if every else self.table
        if view.model().rowCount() and not view.selectionModel().hasSelection():
            view.selectRow(0)  # which is heard
        else:
            self._selected()
        if to_be_asked(session):
            QTimer.singleShot(0, self._ask)

    def _ask(self) -> None:
        if self.listens and self.is_seen() and to_be_asked(self.session):
            self.controller.match()

    def _show_subjects(self, subject: Subject | None) -> None:
        known = subjects(self.session)
        every = (EVERY,) if endmember_subjects(self.session) else ()
        self._subjects = (*every, *known)
        labels = [label_of(self.session, one) for one in self._subjects]
        if labels != [self._subject.itemText(place) for place in range(self._subject.count())]:
            self._subject.clear()
            self._subject.addItems(labels)
        self._subject.setCurrentIndex(self._subjects.index(subject) if subject in self._subjects else -1)
        self._subject.setEnabled(bool(known))

    def _show_sentence(self, subject: Subject | None) -> None:
        session, mark = self.session, ""
        answered, doing = answered_now(session), session.naming.doing
        said = None if subject is None else verdict_on(session, subject)
        if subject is None:
            sentence = EMPTY
        elif doing:
            sentence = f"{doing[:1].upper()}{doing[1:]} …"
        elif answered is None:
            sentence = PREVIEW
        elif answered.trouble or not answered.rankings:
            sentence, mark = answered.trouble or "No library could be asked.", "fail"
        elif said is not None:
            sentence, mark = said.sentence, said.mark
        else:
            rows = self.proposals.rows
            found = sum(one.candidate is not None for one in rows)
            sentence = f"{found} of {len(rows)} endmembers are like a spectrum of the libraries."
        self._mark.setText(SIGNS[mark])
        set_property(self._mark, "status", mark)
        say(self._sentence, sentence)
        self._cancel.setVisible(bool(doing))
        self._again.setVisible(not doing and subject is not None and (answered is None or not answered.rankings))

    def _candidate(self) -> Candidate | None:
        """The spectrum that is looked at."""
        every = subject_now(self.session) == EVERY
        view, model = (self.all_table, self.proposals) if every else (self.table, self.candidates)
        place = view.currentIndex().row()
        if not 0 <= place < len(model.rows):
            return None
        found: Candidate | None = model.rows[place].candidate if every else model.rows[place]
        return found

    def _looked_at(self) -> Subject | None:
        """The subject whose curve is drawn: of all endmembers the one of the row."""
        subject = subject_now(self.session)
        place = self.all_table.currentIndex().row()
        if subject != EVERY:
            return subject
        found: Subject | None = self.proposals.rows[place].subject if 0 <= place < len(self.proposals.rows) else None
        return found

    def _selected(self) -> None:
        self._enable()
        self._draw()

    def _enable(self) -> None:
        subject, candidate = subject_now(self.session), self._candidate()
        if subject == EVERY:
            count = len(self.proposals.chosen())
            self._accept.setText("Accept" if not count else "Accept 1 name" if count == 1 else f"Accept {count} names")
            self._accept.setToolTip("Call the ticked endmembers so everywhere: maps, curves, bars, strokes.")
            self._accept.setEnabled(count > 0)
        else:
            named = (
                subject is not None and candidate is not None and same_name(label_of(self.session, subject), candidate)
            )
            self._accept.setText("Accept")
            self._accept.setEnabled(candidate is not None and not named)
            tip = "Choose a spectrum first." if candidate is None else f"Call it “{candidate.name}” everywhere."
            self._accept.setToolTip("It is called so already." if named else tip)
        self._enable_lock(subject, candidate)

    def _enable_lock(self, subject: Subject | None, candidate: Candidate | None) -> None:
        self._lock.setVisible(subject is None or subject.kind == "endmember")
        if subject is None or subject.kind != "endmember" or candidate is None:
            self._lock.setEnabled(False)
            self._lock.setToolTip("Choose a spectrum first.")
            return
        why_not = why_not_edit(self.session, subject.index)
        self._lock.setEnabled(not why_not)
        self._lock.setToolTip(why_not or "Call it so, and hold it in the next training.")
        answered = answered_now(self.session)
        missing = 0 if answered is None else missing_bands(answered, subject, candidate)
        self._to_library.setEnabled(not missing)
        self._to_library.setToolTip(
            f"This spectrum lacks {missing} of the cube's bands: exclude them, or lock the endmember as it was found."
            if missing
            else TO_LIBRARY
        )

    def _draw(self, *_: Any) -> None:
        answered, subject, candidate = answered_now(self.session), self._looked_at(), self._candidate()
        view = self._view.currentData()
        found = None
        if answered is not None and subject is not None and candidate is not None:
            found = pair(answered, subject, candidate, view)
        cube = self.session.cube
        title = "" if cube is None else cube.spectral_axis.title
        up = {"scaled": "Value", "continuum removed": "Ratio", "derivative": "Slope"}[view]
        colour = self._colour(subject)
        self.plot.show_pair(found, f"{title[:1].upper()}{title[1:]}", up, colour)
        if found is None or subject is None or candidate is None:
            self._legend.show_parts([])
            return
        scaled = f" × {found.scale:.3g}" if view == "scaled" else ""
        mine = ("━", colour, label_of(self.session, subject))
        self._legend.show_parts([mine, ("╍", self.session.theme.text, f"{candidate.name}{scaled}")])

    def _colour(self, subject: Subject | None) -> str:
        what, pins = shown(self.session), self.session.pins
        if subject is not None and subject.kind == "pin" and subject.place in pins:
            return pin_colours(len(pins))[pins.index(subject.place)]
        if subject is not None and what is not None and 0 <= subject.index < len(what.colours):
            return what.colours[subject.index]
        return self.session.theme.text

    # --- acting

    def _take(self) -> None:
        subject, candidate = subject_now(self.session), self._candidate()
        if subject == EVERY:
            self.controller.accept_all(self.proposals.chosen())
        elif subject is not None and candidate is not None:
            self.controller.accept(subject, candidate.name)

    def _take_and_lock(self, *, library: bool) -> None:
        subject, candidate = subject_now(self.session), self._candidate()
        if subject is not None and candidate is not None:
            self.controller.accept_and_lock(subject, candidate, library=library)

    def _look_closer(self) -> None:
        subject = self._looked_at()
        if subject is not None:
            self.controller.look_at_subject(subject)

    def _look_up(self) -> None:
        self.table.setFocus()
        if self.candidates.rowCount():
            self.table.selectRow(0)


class _Calm(QObject):
    """The wheel changes a control only where the user is at work in it."""

    def __init__(self, panel: QWidget, controls: list[QComboBox | QAbstractSpinBox]) -> None:
        super().__init__(panel)
        for control in controls:
            control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            control.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Swallow a wheel over a control without the focus."""
        wheel = event is not None and event.type() == QEvent.Type.Wheel
        return wheel and isinstance(watched, QWidget) and not watched.hasFocus()
