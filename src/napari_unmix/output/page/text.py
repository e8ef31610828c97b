"""The report in words: one page of text for a terminal, and the words that the HTML page shares with it."""

from __future__ import annotations

import textwrap

from napari_unmix.identifiability.report import Check, Report
from napari_unmix.output.grades import grades_of, renamed, signed
from napari_unmix.sentences import shown

MARKS = {"pass": "✓", "doubtful": "◐", "fail": "✗", "not applicable": "–"}
VERDICTS = {"identified": "pass", "partly": "doubtful", "not identified": "fail"}
_WIDTH = 92
_LONGEST = 5000  # letters of a sentence


def report_text(report: Report, names: tuple[str, ...], decided: str = "") -> str:
    """One page of text: verdict, what decided, expected errors, and every check with its number, its sentence and what to do."""
    report = renamed(report, names)
    lines = [report.verdict.upper(), *_wrapped(report.summary, ""), *_wrapped(decided, "")]
    expected = expected_errors(report)
    lines += _wrapped(expected, "") if expected else []
    lines += _materials(report, names) or _wrapped(f"Endmembers: {', '.join(map(shown, names))}.", "")
    for check in report.checks:
        number = "  " if check.number is None else f"{check.number:2d}"
        lines += ["", f"{number} {MARKS[check.status]} {titled(shown(check.name))}{_held(check)}"]
        lines += _wrapped(check.sentence, "     ")
        lines += _wrapped(f"→ {check.remedy}", "     ") if check.remedy else []
    return "\n".join(lines)


def _materials(report: Report, names: tuple[str, ...]) -> list[str]:
    """Each endmember with its grade, why, and what to do; nothing where the report has none."""
    grades = [grade for grade in grades_of(report, len(names)) if grade is not None]
    lines = ["", "Materials"] if grades else []
    for grade in grades:
        lines += textwrap.wrap(
            shown(f"{signed(grade)}, {grade.name}: {grade.sentence}", _LONGEST),
            _WIDTH, initial_indent="   ", subsequent_indent="     ",
        )  # fmt: skip
        lines += _wrapped(f"→ {grade.remedy}", "     ") if grade.remedy else []
    return lines


def expected_errors(report: Report) -> str:
    """What errors to expect, in one sentence; "" where none were predicted."""
    angle, error = report.expected_angle_degrees, report.expected_abundance_rmse
    if angle is None or error is None:
        return ""
    size = f"about {angle:.1f}° in endmembers and {100 * error:.1f} % in abundances (root mean square)"
    if report.verdict == "identified":
        return f"If the assumptions hold, expect errors of {size}."
    return (
        f"Noise and sampling alone make errors of {size}; what is not identified comes on top, and may be much larger."
    )


def titled(name: str) -> str:
    """The name as the start of a line; the rest stays as it is."""
    return name[:1].upper() + name[1:]


def short(value: float | None) -> str:
    """A number to three digits; "" for None."""
    return "" if value is None else f"{value:.3g}"


def _held(check: Check) -> str:
    """The number and what it was held against: in words where the report has them, else in brackets."""
    if check.measured:
        return f": {shown(check.measured)}"
    if check.value is None:
        return "" if check.status != "not applicable" else " (not applicable)"
    against = "" if check.threshold is None else f"; threshold {short(check.threshold)}"
    return f" ({short(check.value)}{against})"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(shown(text, _LONGEST), _WIDTH, initial_indent=indent, subsequent_indent=indent)
