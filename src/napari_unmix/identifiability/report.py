"""The identifiability report: what was checked, with which number against which threshold, and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["pass", "doubtful", "fail", "not applicable"]
Verdict = Literal["identified", "partly", "not identified"]

# Numbered as on the theory page; the geometry is a second opinion and has no number.
NAMES = (
    "enough regions",
    "different enough",
    "simulated twin",
    "every material varies",
    "rank of α(u)",
    "model fits",
    "injective mixing",
    "stable",
    "side information",
)
GEOMETRY = "geometry"


@dataclass(frozen=True)
class Check:
    """One condition.

    ``value`` is the measured number and ``threshold`` what it was held against (None where there is no number); ``sentence`` says it in
    plain words; ``remedy`` says what the user can do ("" where nothing is needed); ``numbers`` holds all that was measured, by name.
    """

    name: str
    status: Status
    value: float | None
    threshold: float | None
    sentence: str
    remedy: str = ""
    numbers: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def number(self) -> int | None:
        """Its number on the theory page, from 1; None for the second opinion."""
        return NAMES.index(self.name) + 1 if self.name in NAMES else None


@dataclass(frozen=True)
class Report:
    """All checks of a run and their verdict.

    ``summary`` is one sentence that never claims more than the checks show. ``expected_angle_degrees`` (mean over the endmembers) and
    ``expected_abundance_rmse`` are the errors of this answer that the simulated twins predict, if the model holds; None where none was made.
    """

    verdict: Verdict
    summary: str
    checks: tuple[Check, ...]
    expected_angle_degrees: float | None = None
    expected_abundance_rmse: float | None = None

    def check(self, name: str) -> Check:
        """The check of that name; KeyError where the report has none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; numbers that are not finite become "inf", "-inf" and "nan", which JSON can hold."""
        values: dict[str, Any] = _encoded(asdict(self))
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Report:
        """The inverse of ``as_json``; a report of an earlier version lacks numbers, not meaning."""
        return cls(
            values["verdict"],
            values["summary"],
            tuple(_check(check) for check in values["checks"]),
            _number(values.get("expected_angle_degrees")),
            _number(values.get("expected_abundance_rmse")),
        )


def _check(values: dict[str, Any]) -> Check:
    numbers = {name: _number(value) for name, value in values.get("numbers", {}).items()}
    read = {**values, "value": _number(values["value"]), "threshold": _number(values["threshold"])}
    return Check(**{**read, "numbers": numbers})


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encoded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
