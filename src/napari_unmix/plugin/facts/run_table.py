"""Runs as a table: what was measured of each, in words and units, and as text for other programs. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from napari_unmix.output.grades import word_of
from napari_unmix.plugin.facts.comparison import comparable, compared, measured_of
from napari_unmix.plugin.facts.likeness import Measured
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, being_checked, current_run, runs_of

NOTHING = "–"


@dataclass(frozen=True)
class Subject:
    """One run of the table, with what was measured of it so far."""

    run: Run
    measured: Measured | None
    checking: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure of a run: its ``title`` with its ``unit`` ("" for none), what it means, its ``value`` and that in words.

    ``of_reference`` tells what needs a reference; ``of_two`` what is said of a run beside the one that is shown; ``of_grades`` what needs grades.
    """

    key: str
    title: str
    unit: str
    tip: str
    value: Callable[[Subject], float | str | None]
    words: Callable[[float], str] = str
    of_reference: bool = False
    of_two: bool = False
    of_grades: bool = False

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, subject: Subject) -> str:
        """The figure in words, a dash where there is none."""
        value = self.value(subject)
        if value is None:
            return NOTHING
        return value if isinstance(value, str) else self.words(value)


def percent(value: float) -> str:
    """A difference of shares in percentage points, with no more digits than say something."""
    points = 100 * value
    return "< 0.1" if 0 < points < 0.1 else f"{points:.1f}" if points < 10 else f"{points:.0f}"


def degrees(value: float) -> str:
    """An angle."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def three_digits(value: float) -> str:
    """A residual."""
    return f"{value:.3g}"


def correlation(value: float) -> str:
    """A correlation; one that is nearly 1 is not called 1."""
    return f"{value:.2f}" if value < 0.995 or value >= 1 - 1e-9 else f"{value:.4f}"


def minutes(value: float) -> str:
    """Seconds as m:ss."""
    return f"{int(value) // 60}:{int(value) % 60:02d}" if value >= 1 else f"{value:.1f} s"


def _verdict(subject: Subject) -> str:
    if subject.run.report is None:
        return "being checked" if subject.checking else "not checked"
    return subject.run.report.verdict


def _expected(subject: Subject) -> float | None:
    report = subject.run.report
    value = None if report is None else report.expected_angle_degrees
    return value if value is not None and math.isfinite(value) else None


def _of(name: str) -> Callable[[Subject], float | None]:
    def value(subject: Subject) -> float | None:
        found = None if subject.measured is None else getattr(subject.measured, name)
        return None if found is None or not math.isfinite(found) else float(found)

    return value


def _angle(subject: Subject) -> float | str | None:
    """The mean angle; where not every endmember has a partner, of how many."""
    measured, angle = subject.measured, _of("angle")(subject)
    if measured is None or angle is None or measured.partners == len(subject.run.look.names):
        return angle
    return f"{degrees(angle)} ({measured.partners} of {len(subject.run.look.names)})"


def _steady(subject: Subject) -> str | None:
    grades = subject.run.grades
    words = [word_of(grade) for grade in grades]
    return f"{words.count('steady')} of {len(words)}" if any(words) else None


FIGURES: tuple[Figure, ...] = (
    Figure("method", "Method", "", "The method of the run.", lambda s: type(s.run.spec).title),
    Figure(
        "endmembers", "Endmembers", "", "How many endmembers the run has.", lambda s: float(len(s.run.look.names)),
        lambda value: f"{value:.0f}",
    ),
    Figure(
        "residual", "Residual", "in the cube's units",
        "Root mean square of measured minus fitted, over pixels with data and bands in use. More endmembers always fit closer.",
        _of("residual"), three_digits,
    ),
    Figure(
        "difference", "Shares differ by", "percentage points",
        "Mean absolute difference of the shares of matched endmembers, over pixels, between the two runs.",
        _of("difference"), percent, of_two=True,
    ),
    Figure(
        "correlation", "Maps correlate", "", "Mean Pearson correlation of the matched maps: 1 is the same pattern.",
        _of("correlation"), correlation, of_two=True,
    ),
    Figure(
        "apart", "Spectra apart by", "°", "Mean spectral angle between matched endmembers of the two runs.",
        _of("apart"), degrees, of_two=True,
    ),
    Figure(
        "reference angle", "Reference angle", "°", "Mean spectral angle between matched endmembers and the reference.",
        _angle, degrees, of_reference=True,
    ),
    Figure(
        "reference error", "Error of shares", "percentage points",
        "Root mean square difference of the matched maps and those of the reference.",
        _of("abundance_error"), percent, of_reference=True,
    ),
    Figure(
        "reference correlation", "Reference maps", "",
        "Mean absolute Pearson correlation of the matched maps and those of the reference.",
        _of("reference_correlation"), correlation, of_reference=True,
    ),
    Figure("verdict", "Verdict", "", "What may be claimed of the run; Why? has the checks.", _verdict),
    Figure(
        "steady", "Steady", "endmembers",
        "How many of the endmembers every part of the scene gives again; their rows and Why? say which, and why others are not.",
        _steady, of_grades=True,
    ),
    Figure(
        "expected angle", "Expected error", "°",
        "Mean angle by which the endmembers are expected to be off, from simulated twins of the scene, if the model holds.",
        _expected, degrees,
    ),
    Figure(
        "seconds", "Time", "min:s", "How long the training took.",
        lambda s: s.run.unmixing.seconds if s.run.unmixing.seconds > 0 else None, minutes,
    ),
)  # fmt: skip


def subjects(session: Session, *, every: bool = False) -> tuple[Subject, ...]:
    """The two runs that are compared, the one shown first; or every run of the cube."""
    both, run = compared(session), current_run(session)
    runs: tuple[Run, ...] = () if run is None else (run,) if both is None else both
    if every and run is not None:
        runs = (run, *(one for one in comparable(session)))
    return tuple(Subject(one, measured_of(session, one), being_checked(session, one)) for one in runs)


def figures(session: Session, rows: Sequence[Subject]) -> tuple[Figure, ...]:
    """The figures that say something: those of a reference where there is one, of grades where a run has them."""
    known = any(one.measured is not None and one.measured.partners for one in rows)
    graded = any(any(one.run.grades) for one in rows)
    return tuple(
        figure for figure in FIGURES if (known or not figure.of_reference) and (graded or not figure.of_grades)
    )


def same_for_both(figure: Figure, rows: Sequence[Subject]) -> bool:
    """Whether a figure is one of the two runs together."""
    return figure.of_two and len(rows) == 2


def as_csv(session: Session, *, every: bool = False) -> str:
    """The table as comma-separated values, a row for each run, numbers in full; "" where there is no run."""
    rows = subjects(session, every=every)
    columns = figures(session, rows)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["Run", "Made", *(_csv_heading(figure, session) for figure in columns)])
    for one in rows:
        values = [figure.value(one) for figure in columns]
        cells = ["" if value is None else value if isinstance(value, str) else f"{value:.10g}" for value in values]
        writer.writerow([one.run.title, one.run.made.isoformat(sep=" ", timespec="seconds"), *cells])
    return written.getvalue() if rows else ""


def _csv_heading(figure: Figure, session: Session) -> str:
    """Shares are written as they are, 0–1, times in seconds."""
    unit = {"percentage points": "share", "min:s": "s", "°": "degrees"}.get(figure.unit, figure.unit)
    run = current_run(session)
    with_whom = f", beside {run.title}" if figure.of_two and run is not None else ""
    return f"{figure.title}{with_whom} ({unit})" if unit else f"{figure.title}{with_whom}"


def cube_has_several(session: Session) -> bool:
    """Whether there is a run to compare with."""
    return len(runs_of(session, session.cube)) > 1
