"""The identifiability report: what was checked, with which number against which threshold, what it means for the verdict, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

Status = Literal["pass", "doubtful", "fail", "not applicable"]
# What a check means for "identified": it must pass; it must pass where it applies; it must not fail; or it only tells.
Role = Literal["required", "where it applies", "veto", "informs"]
Verdict = Literal["identified", "partly", "not identified"]
# How far one endmember can be believed; "given" is one that was held as it was given, of which nothing is claimed.
Word = Literal["steady", "shaky", "not determined here", "given"]
# What a remedy helps. One that serves the claim alone is of no use while another check rules every claim out.
Serves = Literal["claim", "answer"]

_HELD: dict[Role, tuple[Status, ...]] = {
    "required": ("pass",),
    "where it applies": ("pass", "not applicable"),
    "veto": ("pass", "doubtful", "not applicable"),
    "informs": ("pass", "doubtful", "fail", "not applicable"),
}
_VALUES = ConfigDict(ser_json_inf_nan="strings", extra="forbid")  # JSON has no NaN
_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
Number = Annotated[float, BeforeValidator(lambda value: _WORDS.get(value, value) if isinstance(value, str) else value)]


@dataclass(frozen=True, config=_VALUES)
class Check:
    """One condition.

    Attributes
    ----------
    name : as the report shows it
    status : "pass", "doubtful", "fail" or "not applicable"
    value, threshold : the measured number and what it was held against; None where there is no number
    sentence : says it in plain words
    remedy : what the user can do, "" where nothing is needed
    numbers : all that was measured, by name
    role : what it means for the verdict; a check states it, so that a new one can't be forgotten there
    number : its number on the theory page, from 1; None for what has none there
    limit : what stays open where it does not hold, as a clause of the verdict's sentence; "" leaves that to the other checks
    precedence : of several limits the verdict tells the one of the lowest, the most basic
    broken : why no model-based claim is possible at all, as a clause; "" where it is
    title : what is asked, in words that need no theory; "" leaves it to the name
    measured : ``value`` and ``threshold`` in words with their units, "" where nothing was measured, or by a version that did not say
    """

    name: str
    status: Status
    value: Number | None
    threshold: Number | None
    sentence: str
    remedy: str = ""
    numbers: Mapping[str, Number | None] = field(default_factory=dict)
    role: Role = field(kw_only=True)
    number: int | None = field(default=None, kw_only=True)
    limit: str = field(default="", kw_only=True)
    precedence: int = field(default=99, kw_only=True)
    broken: str = field(default="", kw_only=True)
    title: str = field(default="", kw_only=True)
    measured: str = field(default="", kw_only=True)

    @property
    def holds(self) -> bool:
        """Whether its role allows its status where an answer is called identified."""
        return self.status in _HELD[self.role]


@dataclass(frozen=True)
class Condition:
    """What is known of a check before it is made: its name, its role, its number on the theory page, and how basic it is.

    ``title`` is what it asks, without theory. ``told`` says its number in words: a format of ``value`` and ``threshold``, and of both in per
    cent, ``share`` and ``limit``. ``serves`` is what its remedy helps: the claim of identifiability alone, or the answer itself.
    """

    name: str
    role: Role
    number: int | None
    precedence: int
    threshold: float | None
    title: str = ""
    told: str = ""
    serves: Serves = "claim"

    def check(
        self,
        status: Status,
        value: float | None,
        sentence: str,
        remedy: str = "",
        numbers: Mapping[str, float | None] | None = None,
        *,
        threshold: float | None = None,
        limit: str = "",
        broken: str = "",
        precedence: int | None = None,
        measured: str = "",
    ) -> Check:
        """The check that was made; ``threshold`` where it depends on the scene, ``measured`` where another number than ``value`` decided."""
        held = self.threshold if threshold is None else threshold
        return Check(
            self.name,
            status,
            value,
            held,
            sentence,
            remedy,
            {} if numbers is None else numbers,
            role=self.role,
            number=self.number,
            limit=limit,
            precedence=self.precedence if precedence is None else precedence,
            broken=broken,
            title=self.title,
            measured=measured or self._measured(value, held),
        )

    def _measured(self, value: float | None, threshold: float | None) -> str:
        if value is None or not isfinite(value):
            return ""
        held = float("nan") if threshold is None else threshold
        return self.told.format(value=value, threshold=held, share=100 * value, limit=100 * held)

    def not_applicable(self, sentence: str) -> Check:
        """A check that says why it was not made."""
        return self.check("not applicable", None, sentence)


@dataclass(frozen=True, config=_VALUES)
class Grade:
    """How far one endmember can be believed: steady is not right, but what is not steady can't be.

    Attributes
    ----------
    name : of the endmember, as it was when the report was made
    word : the grade
    sentence : why, in plain words with the numbers that decided
    remedy : what would make it better, "" where nothing is needed
    numbers : all that was measured, by name
    spread : (B_good,) how far its curve moves where parts of the scene are left out, root mean square, in its own units; () where it was not
        searched again
    expected_rmse : root mean square error to expect of its map, where the answer is identified; None elsewhere
    """

    name: str
    word: Word
    sentence: str
    remedy: str = ""
    numbers: Mapping[str, Number | None] = field(default_factory=dict)
    spread: tuple[Number, ...] = ()
    expected_rmse: Number | None = None


@dataclass(frozen=True, config=ConfigDict(ser_json_inf_nan="strings"))  # a reader may have put more beside it
class Report:
    """All checks of a run and their verdict.

    ``summary`` is one sentence that never claims more than the checks show. ``expected_angle_degrees`` (mean over the endmembers) and
    ``expected_abundance_rmse`` are the errors of this answer that the simulated twins predict, if the model holds; None where none was made.
    ``grades`` are one of each endmember, in their order; () where the endmembers were not searched again, and of an earlier version.
    """

    verdict: Verdict
    summary: str
    checks: tuple[Check, ...]
    expected_angle_degrees: Number | None = None
    expected_abundance_rmse: Number | None = None
    grades: tuple[Grade, ...] = ()

    def check(self, name: str) -> Check:
        """The check of that name; KeyError where the report has none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; numbers that are not finite become "Infinity" and "NaN", which JSON can hold."""
        values: dict[str, Any] = json.loads(_REPORT.dump_json(self))
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Report:
        """The inverse of ``as_json``. Raises pydantic.ValidationError where a value is missing or of another kind, a number as text among them."""
        return _REPORT.validate_json(json.dumps(dict(values)), strict=True)


_REPORT: TypeAdapter[Report] = TypeAdapter(Report)
