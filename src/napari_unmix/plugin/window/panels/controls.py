"""The one place where a field of a spec becomes a widget: magicgui's own by its type, ours where it has none.

magicgui maps ``bool`` to a check box, ``int`` to a spin box, a ``Literal`` to a combo box, text and paths to their editors. Its
``float`` is Qt's: a fixed number of decimals, no exponents, and a comma that is taken away as a separator of thousands.
"""

from __future__ import annotations

import math
from typing import Any

from magicgui.backends._qtpy.widgets import QBaseRangedWidget
from magicgui.type_map import TypeMap
from magicgui.widgets import SpinBox
from magicgui.widgets.bases import BaseValueWidget, RangedWidget
from qtpy.QtCore import QRegularExpression
from qtpy.QtGui import QRegularExpressionValidator, QValidator
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QWidget

from napari_unmix.plugin.facts.form import FormField

UNBOUNDED = 2**31 - 1  # where a spec states no bound; its own sentence says more
_EXACT = 30  # decimals that Qt rounds to: enough to leave every number above 1e-13 as it is
_DIGITS = 10  # of a number that was stepped to, so that 0.003 + 0.0001 is 0.0031


class NumberBox(QDoubleSpinBox):
    """A real number as people write it (0.003, 3e-3, 0,003), shown as short as it is; a step moves its second digit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(_EXACT)

    def textFromValue(self, value: float) -> str:
        """The shortest text that reads back as the same number."""
        return repr(float(value)).removesuffix(".0")

    def valueFromText(self, text: str | None) -> float:
        """The number written, or the one before where it is none."""
        number = _number(text or "")
        return self.value() if number is None else number

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Acceptable as a number in range, and on the way to one while it has only a number's characters."""
        text, number = text or "", _number(text or "")
        if number is not None and self.minimum() <= number <= self.maximum():
            return QValidator.State.Acceptable, text, position
        possible = set(text) <= set("0123456789.,eE+- ")
        return QValidator.State.Intermediate if possible else QValidator.State.Invalid, text, position

    def fixup(self, text: str | None) -> str:
        """What is out of range goes to the nearest bound, what is no number back to the one before."""
        return self.textFromValue(min(max(self.valueFromText(text), self.minimum()), self.maximum()))

    def stepBy(self, steps: int) -> None:
        """Up or down by a tenth of the number's power of ten, as magicgui's adaptive steps go."""
        self.interpretText()
        size = abs(self.value())
        power = math.floor(math.log10(size)) if size > 0 else 0
        self.setValue(float(f"{self.value() + steps * 10.0 ** (power - 1):.{_DIGITS}g}"))
        self.selectAll()


def _number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class _NumberBackend(QBaseRangedWidget):
    def __init__(self, **options: Any) -> None:
        super().__init__(NumberBox, **options)


class NumberEdit(RangedWidget[float]):
    """``NumberBox`` as a widget of magicgui."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget_type=_NumberBackend, **options)


_TYPES = TypeMap()
_TYPES.register_type(float, widget_type=NumberEdit)


def control(field: FormField) -> BaseValueWidget[Any]:
    """The widget of a field: its type's, with its bounds, preset, tooltip and name. Raises ValueError for a type without one."""
    options: dict[str, Any] = {"tooltip": field.tooltip}
    if field.annotation in (int, float):
        options["min"] = -UNBOUNDED if field.minimum is None else field.minimum
        options["max"] = UNBOUNDED if field.maximum is None else field.maximum
    if field.annotation is int:
        options["step"] = 1
    made = _TYPES.create_widget(field.default, field.annotation, field.name, label=field.title, options=options)
    assert isinstance(made, BaseValueWidget)  # so are all that a type is mapped to
    native: QWidget = made.native
    native.setAccessibleName(field.title)
    if isinstance(native, QAbstractSpinBox):
        native.setKeyboardTracking(False)  # a number counts when it is finished, not at each of its digits
    if isinstance(made, SpinBox):
        sign = "-?" if made.min < 0 else ""
        native.lineEdit().setValidator(QRegularExpressionValidator(QRegularExpression(f"{sign}[0-9]+"), native))
    return made
