"""The identifiability report: what was checked, with which number against which threshold, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["pass", "doubtful", "fail"]
Verdict = Literal["identified", "partly", "not identified"]


@dataclass(frozen=True)
class Check:
    """One condition.

    ``value`` is the measured number and ``threshold`` what it was held against (None where there is no number); ``sentence`` says it in
    plain words; ``remedy`` says what the user can do ("" where nothing is needed).
    """

    name: str
    status: Status
    value: float | None
    threshold: float | None
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of a run and their verdict. ``summary`` is one sentence that never claims more than the checks show."""

    verdict: Verdict
    summary: str
    checks: tuple[Check, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Report:
        """The inverse of ``as_json``."""
        return cls(values["verdict"], values["summary"], tuple(Check(**check) for check in values["checks"]))
