"""The docks' style sheet, from the viewer's theme. Pure."""

from __future__ import annotations

from napari_unmix.plugin.facts.session import Theme

PASS, DOUBTFUL, FAIL = (
    {True: "#4fc08d", False: "#1d7a4f"},
    {True: "#e3b617", False: "#8a6a00"},
    {True: "#ff7b72", False: "#b3261e"},
)


def style_sheet(theme: Theme) -> str:
    """What napari's own style sheet does not say."""
    dark = theme.dark
    on_accent = "#ffffff" if dark else theme.text
    return f"""
QFrame#stepBar {{ border: none; background: {theme.foreground}; border-radius: 3px; }}
QToolButton#stepHeader, QToolButton#stepHeader:checked {{ border: none; background: transparent; color: {theme.text};
    font-weight: bold; text-align: left; padding: 4px 4px; border-radius: 3px; }}
QFrame#stepBar:hover, QToolButton#stepHeader:hover, QToolButton#stepHeader:focus {{ background: {theme.primary}; }}
QToolButton#more, QToolButton#more:checked {{ border: none; background: transparent; color: {theme.muted}; text-decoration: underline; padding: 0; }}
QToolButton#more:hover, QToolButton#more:focus {{ color: {theme.text}; }}
QToolButton#fold, QToolButton#fold:checked {{ border: none; background: transparent; color: {theme.text}; }}
QLabel#stepMark {{ min-width: 18px; qproperty-alignment: AlignCenter; color: {theme.muted}; font-weight: bold; }}
QLabel#stepMark[mark="done"] {{ color: {PASS[dark]}; }}
QLabel#stepMark[mark="half"] {{ color: {DOUBTFUL[dark]}; }}
QLabel#stepMark[mark="trouble"] {{ color: {FAIL[dark]}; }}
QProgressBar {{ border: none; background: {theme.foreground}; border-radius: 3px; }}
QProgressBar::chunk {{ background: {theme.accent}; border-radius: 3px; }}
QLabel#stepWaits, QLabel#note {{ color: {theme.muted}; }}
QLabel#stepTrouble {{ color: {FAIL[dark]}; padding: 2px 8px; }}
QLabel#outOfDate {{ color: {DOUBTFUL[dark]}; }}
QLabel#checkTitle {{ font-weight: bold; }}
QLabel#trustMark {{ font-size: 16px; min-width: 18px; }}
QLabel#trustMark[status="pass"], QLabel#checkMark[status="pass"] {{ color: {PASS[dark]}; }}
QLabel#trustMark[status="doubtful"], QLabel#checkMark[status="doubtful"] {{ color: {DOUBTFUL[dark]}; }}
QLabel#trustMark[status="fail"], QLabel#checkMark[status="fail"] {{ color: {FAIL[dark]}; }}
QPushButton:checked {{ background: {theme.foreground}; }}
QPushButton:checked {{ border: 1px solid {theme.text}; }}
QPushButton[emphasised="true"] {{ background: {theme.accent}; color: {on_accent}; font-weight: bold; }}
QPushButton:disabled, QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {theme.muted}; }}
QLineEdit#nameEdit[readOnly="true"] {{ background: transparent; border: none; padding: 0; }}
QToolButton#eye {{ border: none; background: transparent; color: {theme.text}; min-width: 20px; }}
QWidget#welcome {{ background: {theme.background}; }}
QLabel#welcomeTitle {{ font-size: 20px; color: {theme.text}; }}
QWidget#welcome QPushButton {{ padding: 8px 14px; }}
QFrame#tour {{ background: {theme.foreground}; border: 1px solid {theme.accent}; border-radius: 6px; }}
QFrame#tour > QWidget {{ background: transparent; }}
QFrame#tour QLabel {{ background: transparent; color: {theme.text}; }}
QToolButton#pin {{ border: 1px solid transparent; background: transparent; color: {theme.text}; border-radius: 3px; padding: 1px 4px; }}
QToolButton#pin:hover {{ background: {theme.foreground}; }}
QToolButton#pin:checked, QToolButton#pin:focus {{ border: 1px solid {theme.accent}; }}
QPushButton:focus, QComboBox:focus, QAbstractSpinBox:focus, QLineEdit:focus {{ border: 1px solid {theme.accent}; }}
"""
