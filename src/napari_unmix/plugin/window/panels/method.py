"""Step 3: the method, the number of endmembers, and the form that follows from the method's spec."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from magicgui.widgets.bases import ButtonWidget
from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QToolButton, QWidget

from napari_unmix.plugin.facts.form import FormField, form_fields
from napari_unmix.plugin.facts.opinions import opinions_said
from napari_unmix.plugin.facts.session import Doing, Session, doing
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.controls import control
from napari_unmix.plugin.window.panels.known_spectra import KnownPart
from napari_unmix.plugin.window.panels.step import Step, button, say, take_away, text, wrapped
from napari_unmix.spec import MethodSpec

AUTO = 1  # the spin box's lowest value stands for auto
MOST_ENDMEMBERS = 30
INDENT = "  "  # of a method under its group's heading


class MethodPanel(Step):
    """The spec."""

    name = "method"
    title = "Method"
    number = 3

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self._method = QComboBox()
        self._method.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._method.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        fill_by_group(self._method, controller.methods_by_group())
        self._method.setToolTip("How the cube is unmixed. iVAE uses side information; the others are for comparison.")
        self._method.activated.connect(lambda index: controller.choose_method(self._method.itemData(index)))
        self._endmembers = QSpinBox()
        self._endmembers.setRange(AUTO, MOST_ENDMEMBERS)
        self._endmembers.setKeyboardTracking(False)
        self._endmembers.setToolTip(
            "Number of materials to look for. auto: as many as the signal shows above the noise."
        )
        self._endmembers.valueChanged.connect(
            lambda value: controller.set_option("endmembers", "auto" if value == AUTO else value)
        )
        self._endmembers.setFixedWidth(124)  # "auto (30)" and its buttons
        self._method.setAccessibleName("Method")
        self._endmembers.setAccessibleName("Endmembers")
        self._suggest = button(
            "Suggest",
            "Count the materials that the signal shows above the noise, and use that number.",
            self._back_to_auto,
        )
        self._note = text("note")
        self._advanced = QToolButton()
        self._advanced.setText("Advanced")
        self._advanced.setObjectName("fold")
        self._advanced.setCheckable(True)
        self._advanced.setArrowType(Qt.ArrowType.RightArrow)
        self._advanced.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._advanced.setToolTip("Settings for experts.")
        self._advanced.toggled.connect(self._fold_advanced)
        self._form: MethodForm | None = None
        self._line = QHBoxLayout()
        self.body.addWidget(self._method)
        self.body.addWidget(wrapped(QLabel("Endmembers"), self._endmembers, self._suggest))
        self.body.addWidget(KnownPart(self))
        self.body.addLayout(self._line)
        self.body.addWidget(self._note)
        self.listen(self.refresh, "cube", "spec", "suggested", "opinions", "chore")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session, spec = self.session, self.session.spec
        self.wait_for("" if session.cube is not None else "Open a cube first.")
        self._method.setCurrentIndex(self._method.findData(spec.method))
        counted = session.suggested is not None and not type(spec).chooser  # one that chooses counts for itself
        suggestion = f"auto ({session.suggested})" if counted else "auto"
        self._endmembers.setSpecialValueText(suggestion)
        self._endmembers.setValue(AUTO if spec.endmembers == "auto" else int(spec.endmembers))
        counting = doing(session) is Doing.COUNTING
        say(self._note, "counting materials …" if counting else opinions_said(session.opinions, session.cube))
        if self._form is None or self._form.method != spec.method:
            self._rebuild()
        assert self._form is not None
        self._form.show_spec(spec)
        self.set_mark("done" if session.cube is not None else "empty")

    def _rebuild(self) -> None:
        if self._form is not None:
            self._line.removeWidget(self._form)
            self._line.removeWidget(self._advanced)
            self.body.removeWidget(self._form.advanced)
            take_away(self._form.advanced)
            take_away(self._form)
        self._form = MethodForm(self.session.spec.method, form_fields(type(self.session.spec)), self.controller)
        self._line.addWidget(self._form, 1)
        self._line.addWidget(self._advanced, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(self._form.advanced)
        self._fold_advanced(self._advanced.isChecked())

    def _fold_advanced(self, unfolded: bool) -> None:
        self._advanced.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        if self._form is not None:
            self._form.advanced.setVisible(unfolded)

    def _back_to_auto(self) -> None:
        self.controller.set_option("endmembers", "auto")
        self.controller.suggest()
        self.controller.ask_opinions()


def fill_by_group(box: QComboBox, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Methods under the headings of their groups, which nobody can choose: keys and wheel pass over them, and so they are told from methods."""
    model = box.model()
    assert isinstance(model, QStandardItemModel)
    for heading, methods in groups.items():
        if box.count():
            box.insertSeparator(box.count())
        above = QStandardItem(heading)
        above.setFlags(Qt.ItemFlag.NoItemFlags)
        font = above.font()
        font.setItalic(True)
        above.setFont(font)
        above.setData(f"{heading}:", Qt.ItemDataRole.AccessibleTextRole)
        model.appendRow(above)
        for key, title in methods.items():
            box.addItem(f"{INDENT}{title}", key)


class MethodForm(QWidget):
    """The controls of one method's own fields; the expert ones are in ``advanced``."""

    def __init__(self, method: str, fields: tuple[FormField, ...], controller: Controller) -> None:
        super().__init__()
        self.method = method
        self.advanced = QWidget()
        self._controller = controller
        self.controls = {field.name: control(field) for field in fields}
        simple, expert = _form_layout(self), _form_layout(self.advanced)
        self._row_of = {field.name: expert if field.advanced else simple for field in fields}
        for field in fields:
            made, layout = self.controls[field.name], expert if field.advanced else simple
            made.changed.connect(partial(self._set, field.name))
            if isinstance(made, ButtonWidget):
                layout.addRow(made.native)
            else:
                layout.addRow(field.title, made.native)

    def show_spec(self, spec: MethodSpec) -> None:
        """Show the values of a spec; a number that is being written stays where the spec's is the same."""
        for name, made in self.controls.items():
            if made.value != getattr(spec, name):
                made.value = getattr(spec, name)
            self._row_of[name].setRowVisible(made.native, spec.applies(name))

    def _set(self, name: str, value: object) -> None:
        """Tell the user's change; what the spec says already was no change of theirs."""
        if value != getattr(self._controller.session.spec, name, value):
            self._controller.set_option(name, value)


def _form_layout(widget: QWidget) -> QFormLayout:
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout
