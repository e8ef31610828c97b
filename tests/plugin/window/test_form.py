"""The method's form: every field of every spec has its widget, and what is done to a widget reaches the session's spec."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix.methods.mae.spec import MaeSpec
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.plugin.facts.form import APART, FormField, form_fields

pytest.importorskip("magicgui")


def written(qtbot: Any, native: Any, text: str) -> None:
    """Click a spin box's line, replace what it holds, press Enter."""
    from qtpy.QtCore import Qt

    line = native.lineEdit()
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(native, Qt.Key.Key_Return)


def turned(native: Any, steps: int) -> bool:
    """Turn the mouse's wheel over a widget; whether it took the event, which its parents get otherwise."""
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    middle, turn = native.rect().center(), QPoint(0, 120 * steps)
    nothing, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    places = QPointF(middle), QPointF(native.mapToGlobal(middle))
    event = QWheelEvent(*places, QPoint(), turn, Qt.MouseButton.NoButton, nothing, phase, False)
    QApplication.sendEvent(native, event)
    return bool(event.isAccepted())


# --- in napari's window


def test_in_the_window_one_control_of_each_kind_reaches_the_session(window: Any) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QComboBox, QScrollArea, QSpinBox

    window.with_fakes(5)
    session, panel = window.session, next(panel for panel in window.widget.panels if panel.name == "method")
    window.qtbot.mouseClick(panel._advanced, Qt.MouseButton.LeftButton)
    window.qtbot.wait(50)
    natives = {name: made.native for name, made in panel._form.controls.items()}
    assert all(native.isVisible() == session.spec.applies(name) for name, native in natives.items())

    def shown(name: str) -> Any:
        window.widget.findChild(QScrollArea).ensureWidgetVisible(natives[name])
        window.qtbot.wait(20)
        return natives[name]

    natives["variability"].setFocus()
    window.qtbot.keyClick(shown("variability"), Qt.Key.Key_Down)
    assert session.spec.variability == "none"

    natives["prior"].setFocus()
    window.qtbot.keyClick(shown("prior"), Qt.Key.Key_Down)
    assert session.spec.prior == "dirichlet"

    written(window.qtbot, shown("epochs"), "147")
    window.qtbot.keyClick(natives["epochs"], Qt.Key.Key_Up)
    assert session.spec.epochs == 148

    written(window.qtbot, shown("learning_rate"), "5e-3")
    window.qtbot.keyClick(natives["learning_rate"], Qt.Key.Key_Up)
    assert session.spec.learning_rate == 0.0051

    window.widget.setFocus()
    before = session.spec
    for native in (panel.findChild(QComboBox), panel.findChild(QSpinBox), *natives.values()):
        turned(native, -1)  # the dock takes it, to scroll
    assert session.spec == before

    line = shown("batch").lineEdit()
    line.selectAll()
    window.qtbot.keyClicks(line, "20")
    session.suggested = 7  # the counting of materials ends while a number is written
    window.qtbot.keyClicks(line, "48")
    window.qtbot.keyClick(natives["batch"], Qt.Key.Key_Return)
    assert session.spec.batch == 2048

    window.controller.choose_method("mae")
    window.qtbot.wait(50)
    assert set(panel._form.controls) == set(MaeSpec.model_fields) - {"method", "endmembers"}
    assert all(made.native.isVisible() == session.spec.applies(name) for name, made in panel._form.controls.items())
    assert session.trouble is None


# --- the form by itself, over the real controller and session


@pytest.fixture
def controller(session: Any, tools: Any) -> Any:
    """The verbs, over fakes."""
    from napari_unmix.plugin.verbs.controller import Controller

    return Controller(session, tools.HeldRunner(), tools.make_engine())


@pytest.fixture
def form(session: Any, controller: Any, qtbot: Any) -> Any:
    """The form of the iVAE, following the session."""
    from napari_unmix.plugin.window.panels.method import MethodForm

    made = MethodForm("ivae", form_fields(type(session.spec)), controller)
    for name in ("spec", "trouble"):
        getattr(session.events, name).connect(lambda *_: made.show_spec(session.spec))
    for widget in (made.advanced, made):
        qtbot.addWidget(widget)
        widget.show()
    return made


@pytest.mark.parametrize("method", list(method_specs()))
def test_every_field_has_the_widget_of_its_type_with_bounds_preset_and_tooltip(method: str, qtbot: Any) -> None:
    from magicgui.widgets import CheckBox, ComboBox, LineEdit, SpinBox

    from napari_unmix.plugin.window.panels.controls import NumberEdit, control

    kinds = {bool: CheckBox, int: SpinBox, float: NumberEdit, Literal: ComboBox, str: LineEdit}
    spec = spec_class(method)
    schema = spec.model_json_schema()["properties"]  # the bounds as pydantic itself tells them
    made = {field.name: control(field) for field in form_fields(spec)}
    assert set(made) == set(spec.model_fields) - set(APART)
    for name, widget in made.items():
        qtbot.addWidget(widget.native)
        info, stated = spec.model_fields[name], schema[name]
        assert isinstance(widget, kinds[get_origin(info.annotation) or info.annotation]), name
        assert widget.value == info.default
        assert info.description in widget.native.toolTip()
        assert widget.native.accessibleName() == info.title
        if info.annotation in (int, float):
            assert widget.min == stated.get("minimum", stated.get("exclusiveMinimum"))
            assert widget.max == stated["maximum"]
        if isinstance(widget, ComboBox):
            assert widget.choices == get_args(info.annotation)
        if isinstance(widget, CheckBox):
            assert widget.text == info.title


def test_a_type_without_a_widget_is_an_error_not_a_gap(qtbot: Any) -> None:
    from napari_unmix.plugin.window.panels.controls import control

    with pytest.raises(ValueError, match="No widget found"):
        control(FormField("odd", "Odd", "A complex number.", complex, 1j, True))


@pytest.mark.parametrize(("text", "value"), [("147", 147), ("9999", 2000), ("0", 1), ("-", 12), ("", 12), ("1e2", 12)])
def test_a_whole_number_is_told_once_and_within_its_bounds(
    session: Any, form: Any, qtbot: Any, text: str, value: int
) -> None:
    told: list[int] = []
    session.events.spec.connect(lambda spec: told.append(spec.epochs))
    written(qtbot, form.controls["epochs"].native, text)
    assert told == [value] * (value != 12)  # not 1 and 14 on the way to 147
    assert form.controls["epochs"].native.lineEdit().text() == str(value)
    assert session.trouble is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.004", 0.004), ("5e-3", 0.005), ("0,002", 0.002), (" 1E-05", 1e-5), ("7", 0.1), ("+", 0.003), ("1e999", 0.003)],
)
def test_a_real_number_is_read_as_people_write_it(session: Any, form: Any, qtbot: Any, text: str, value: float) -> None:
    written(qtbot, form.controls["learning_rate"].native, text)
    assert session.spec.learning_rate == value
    assert session.trouble is None


@pytest.mark.parametrize(("name", "text", "value"), [("batch", "2048", 2048), ("learning_rate", "2e-3", 0.002)])
def test_a_number_counts_when_its_field_is_left(
    session: Any, form: Any, qtbot: Any, name: str, text: str, value: float
) -> None:
    from qtpy.QtCore import Qt

    before, native = session.spec, form.controls[name].native
    form.advanced.activateWindow()
    native.setFocus()
    qtbot.waitUntil(native.hasFocus)
    native.selectAll()
    qtbot.keyClicks(native, text)
    assert session.spec == before
    qtbot.keyClick(native, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: not native.hasFocus())
    assert getattr(session.spec, name) == value


def test_a_real_number_takes_no_letters(form: Any, qtbot: Any) -> None:
    line = form.controls["learning_rate"].native.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, "inf0.k0x2")
    assert line.text() == "0.02"


def test_a_real_number_is_stepped_in_its_second_digit(session: Any, form: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    native = form.controls["learning_rate"].native
    for key, value in ((Qt.Key.Key_Up, 0.0031), (Qt.Key.Key_PageUp, 0.0041), (Qt.Key.Key_Down, 0.004)):
        qtbot.keyClick(native, key)
        assert session.spec.learning_rate == value
        assert native.lineEdit().text() == str(value)


def test_a_bound_that_the_spec_excludes_is_a_sentence_that_stays(session: Any, form: Any, qtbot: Any) -> None:
    native = form.controls["learning_rate"].native
    written(qtbot, native, "0")
    assert session.trouble.sentence == "Learning rate is 0.0: it should be greater than 0."
    assert session.spec.learning_rate == 0.003
    assert native.lineEdit().text() == "0.003"


def test_showing_a_number_does_not_round_it(session: Any, controller: Any, form: Any) -> None:
    controller.set_option("learning_rate", 1.2345678901234e-4)
    assert session.spec.learning_rate == form.controls["learning_rate"].value == 1.2345678901234e-4


# --- a real number's control


@pytest.fixture
def number(qtbot: Any) -> Any:
    """A learning rate's control by itself."""
    from napari_unmix.plugin.window.panels.controls import control

    made = control(FormField("rate", "Rate", "A rate.", float, 3e-3, True, 0.0, 0.1))
    qtbot.addWidget(made.native)
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.floats(1e-10, 0.1))
def test_a_number_shown_is_the_number(number: Any, value: float) -> None:
    number.value = value
    assert number.value == float(number.native.lineEdit().text()) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.floats(1e-6, 0.08).map(lambda value: float(f"{value:.3g}")))
def test_a_step_is_between_one_and_ten_percent_and_comes_back(number: Any, value: float) -> None:
    number.value = value
    number.native.stepBy(1)
    after = number.value
    assert 1.0099 < after / value < 1.1001
    number.native.stepBy(-1)
    if math.floor(math.log10(after)) == math.floor(math.log10(value)):
        assert number.value == pytest.approx(value, rel=1e-9)


def test_the_wheel_changes_only_what_has_the_keyboard(qtbot: Any) -> None:
    from qtpy.QtWidgets import QScrollArea, QSpinBox

    from napari_unmix.plugin.window.wheel import CalmWheel

    area, box = QScrollArea(), QSpinBox()
    box.setValue(9)
    area.setWidget(box)
    qtbot.addWidget(area)
    CalmWheel(area)
    area.show()
    turned(box, -1)
    assert box.value() == 9
    area.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    turned(box, -1)
    assert box.value() == 8
