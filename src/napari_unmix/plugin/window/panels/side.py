"""Step 2: side information: what is painted, what it means, how much is enough."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_unmix.cube import Meaning
from napari_unmix.output.palette import rgb
from napari_unmix.plugin.facts.alike import alike_regions, alike_text
from napari_unmix.plugin.facts.colours import annotation_row_colours, painted_labels
from napari_unmix.plugin.facts.guiding import Painted, gauge, painted, painting_advice
from napari_unmix.plugin.facts.judging import judged_now, stroke_said
from napari_unmix.plugin.facts.session import Session, endmember_count, recommended_regions
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.bar import set_value
from napari_unmix.plugin.window.panels.places import PlacesPart
from napari_unmix.plugin.window.panels.source import SourceButton, status_lines
from napari_unmix.plugin.window.panels.step import Step, button, more_button, row, say, take_away, text
from napari_unmix.plugin.window.panels.strokes import StrokesPart

FEW_ROWS = 4
AGAIN_MS = 150  # after a stroke, which others may follow
KINDS = ("region", "material", "ignore")


class SidePanel(Step):
    """The painting and the automatic side information."""

    name = "side information"
    title = "Side information"
    number = 2

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._new = button(
            "New annotation",
            "Make a layer to paint on, with the brush ready. Paint places whose mixtures differ, each with a label.",
            controller.new_annotation,
        )
        self._next = button("Next region", "Paint the next place with a new label.", controller.next_region)
        self._source = SourceButton(controller)
        self._status = text("note")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(3)
        self._by_label: dict[int, LabelRow] = {}
        self._all = QToolButton()
        self._all.setObjectName("fold")
        self._all.setCheckable(True)
        self._all.setToolTip("Show or hide the further labels.")
        self._all.toggled.connect(self.refresh)
        self._enough = QProgressBar()
        self._enough.setTextVisible(False)
        self._enough.setFixedHeight(8)
        self._sentence = text("note")
        self._alike = text("note")
        self._compared: tuple[object, object] = (None, None)  # the cube and the painting whose regions were compared
        self._more = more_button("What may be claimed with this painting, and of unpainted pixels.", self.refresh)
        self.body.addWidget(StrokesPart(self))
        self.body.addWidget(row(self._new, self._next, stretch=-2))
        self.body.addLayout(self._rows)
        self.body.addWidget(self._all)
        self.body.addWidget(self._enough)
        self.body.addWidget(row(self._sentence, self._more, stretch=0))
        self.body.addWidget(self._alike)
        self.body.addWidget(PlacesPart(self))
        self._unpainted = QLabel()
        self._source_row = row(self._unpainted, self._source, stretch=1)
        self.body.addWidget(self._source_row)
        self.body.addWidget(self._status)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN_MS)
        self._again.timeout.connect(controller.judge_strokes)
        facts = ("cube", "annotation", "label", "spec", "suggested", "run", "training", "judged", "theme")
        self.listen(self.refresh, *facts)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self.session
        self.wait_for("" if session.cube is not None else "Open a cube first.")
        counts = painted_labels(session)
        self._show_rows(counts)
        much, count, wanted = painted(session, counts), endmember_count(session), recommended_regions(session)
        self._show_gauge(much, count, wanted)
        self._next.setVisible(session.annotation is not None)
        self._show_source(much)
        say(self._sentence, self._advice(much, count, wanted))
        self._compare(counts)
        if judged_now(session) is None:
            self._again.start()
        if not counts:
            self.set_mark("empty")
        else:
            self.set_mark("done" if wanted is not None and much.regions >= wanted else "half")

    def _compare(self, counts: dict[int, int]) -> None:
        """Say which regions hardly differ, where the painting is another than before."""
        cube, annotation = self.session.cube, self.session.annotation
        if self._compared[0] is not cube or self._compared[1] is not annotation:
            self._compared = cube, annotation
            say(self._alike, alike_text(alike_regions(cube, annotation, counts)))

    def _show_gauge(self, much: Painted, count: int | None, wanted: int | None) -> None:
        done, asked = gauge(much, count, wanted)
        self._enough.setVisible(asked > 0)
        self._enough.setMaximum(asked or 1)
        set_value(self._enough, done)
        what = (
            "Painted regions, of those recommended: two per endmember and one more."
            if much.regions
            else "Materials with a stroke, of as many as there are endmembers."
        )
        self._enough.setToolTip(what)
        self._enough.setAccessibleName(what)

    def _show_source(self, much: Painted) -> None:
        """Where unpainted pixels get their side information; what may be claimed with it unfolds."""
        session, auxiliary = self.session, getattr(self.session.spec, "auxiliary", None)
        told = session.cube is not None and auxiliary is not None
        self._source_row.setVisible(told)
        self._more.setVisible(told)
        lines = ""
        if auxiliary is not None:
            self._unpainted.setText("Unpainted pixels" if much.regions else "Instead of paint")
            self._source.show_session(session, auxiliary, painted=much.regions > 0)
            lines = status_lines(session, auxiliary, much.regions, much.usable)
        say(self._status, lines if told and self._more.isChecked() else "")

    def _advice(self, much: Painted, count: int | None, wanted: int | None) -> str:
        spec = type(self.session.spec)
        if self.session.cube is None:
            return ""
        if not spec.uses_paint:
            return f"{spec.title} does not use paint, except for what is to be ignored."
        return painting_advice(much, count, wanted)

    def _show_rows(self, counts: dict[int, int]) -> None:
        for label in [label for label in self._by_label if label not in counts]:
            gone = self._by_label.pop(label)
            self._rows.removeWidget(gone)
            take_away(gone)
        colours = annotation_row_colours(self.session)
        for position, (label, count) in enumerate(counts.items()):
            if label not in self._by_label:
                self._by_label[label] = LabelRow(label, self.controller)
                self._rows.insertWidget(position, self._by_label[label])
            annotation = self.session.annotation
            meaning = Meaning() if annotation is None else annotation.meaning(label)
            self._by_label[label].show_fact(
                meaning, count, colours.get(label, "#999999"), label == self.session.label, self.session.theme.text
            )
            self._by_label[label].show_verdict(*stroke_said(self.session, label))

        self._fold_rows(list(counts))

    def _fold_rows(self, labels: list[int]) -> None:
        """A long list would push Train out of sight: its end is folded away, except for the label in use."""
        many = len(labels) > FEW_ROWS + 1
        for position, label in enumerate(labels):
            in_use = label == self.session.label
            hidden = many and not self._all.isChecked() and position >= FEW_ROWS and not in_use
            self._by_label[label].setVisible(not hidden)
        self._all.setVisible(many)
        self._all.setText("Fewer" if self._all.isChecked() else f"All {len(labels)} labels")
        self._all.setArrowType(Qt.ArrowType.DownArrow if self._all.isChecked() else Qt.ArrowType.RightArrow)
        self._all.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)


class LabelRow(QWidget):
    """One painted label: its colour, its name, its meaning, its size; and below, of a material, what is known of its stroke."""

    def __init__(self, label: int, controller: Controller) -> None:
        super().__init__()
        self._label = label
        self._controller = controller
        self._meaning = Meaning()
        self._swatch = QToolButton()
        self._swatch.setText(str(label))
        self._swatch.setFixedSize(26, 20)
        self._swatch.setToolTip(f"Paint with label {label}.")
        self._swatch.clicked.connect(lambda: controller.paint_with(label))
        self._name = QLineEdit()
        self._name.setPlaceholderText("name")
        self._name.setToolTip("A name for this place, or for the material that it mostly is.")
        self._name.editingFinished.connect(self._named)
        self._kind = QComboBox()
        self._kind.setToolTip(
            "region: mixtures differ here. material: mostly this one material, which the name tells. ignore: leave these pixels out of the fit."
        )
        self._kind.addItems(["region", "material", "ignore"])
        self._kind.activated.connect(lambda index: self._say(kind=KINDS[index]))
        self._count = QLabel()
        self._count.setToolTip("Painted pixels.")
        self._count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._count.setMinimumWidth(34)
        self._name.setMinimumWidth(50)
        self._kind.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._kind.setFixedWidth(106)
        self._verdict = QElidingLabel()
        self._verdict.setObjectName("note")
        self._verdict.setContentsMargins(30, 0, 0, 0)  # under the name
        self._verdict.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._verdict.setVisible(False)
        line = row(self._swatch, self._name, self._kind, self._count, stretch=1)
        line.layout().setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(line)
        layout.addWidget(self._verdict)

    def show_fact(self, meaning: Meaning, count: int, colour: str, selected: bool, text_colour: str) -> None:
        """Show what the session says of this label."""
        self._meaning = meaning
        border = f"2px solid {text_colour}" if selected else "1px solid transparent"
        style = (
            f"background: {colour}; color: {_readable_on(colour)}; border: {border}; border-radius: 3px; padding: 0;"
        )
        if style != self._swatch.styleSheet():  # each is read anew, at every stroke
            self._swatch.setStyleSheet(style)
        if not self._name.hasFocus():
            self._name.setText(meaning.name)
        self._kind.setCurrentIndex(KINDS.index(meaning.kind))
        self._count.setText(str(count))

    def show_verdict(self, line: str, full: str) -> None:
        """Tell what is known of the stroke, in a line that is cut where there is no room, and in full under the pointer."""
        self._verdict.setText(line)
        self._verdict.setToolTip(full)
        self._verdict.setAccessibleName(full)
        self._verdict.setVisible(bool(line))

    def _named(self) -> None:
        self._say(name=self._name.text().strip())

    def _say(self, kind: Any = None, name: str | None = None) -> None:
        kind = kind or self._meaning.kind
        name = self._meaning.name if name is None else name
        if kind == "material" and not name:
            name = f"material {self._label}"
        self._controller.set_meaning(self._label, Meaning(kind, name))


def _readable_on(colour: str) -> str:
    red, green, blue = rgb(colour)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "#ffffff"
