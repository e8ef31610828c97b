"""Numbers and lists of numbers as people and programs write them: any brackets and separators, decimal commas, units behind numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from napari_unmix.io.axis.units import understood

_NUMBER = r"[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+−]?\d+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER}|[-+]?inf(?:inity)?|nan)\s*([^\d\s.,;][^\s,;]*)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+−]?\d+,\d+(?:[eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?")
# A semicolon opens a comment where a word follows it, and parts two entries where a number does.
_COMMENT = re.compile(r";[ \t]*[^\d\s.,;:+\-−})\]][^\n]*")
_BRACKETS = str.maketrans(dict.fromkeys("{}[]()\"'", " ") | {"|": ","})
_PRINTED = re.compile(
    r"\b(?:np\.|numpy\.)?(?:float|u?int|array|list|tuple)\d*(?=\s*[(\[])"
)  # as Python prints its own lists


class Listed(NamedTuple):
    """Numbers of a list, NaN where an entry is none, and the unit that stands behind them, or ""."""

    values: tuple[float, ...]
    unit: str = ""

    @property
    def missing(self) -> int:
        """How many entries are no finite numbers."""
        return sum(not math.isfinite(value) for value in self.values)


def number(text: str) -> float | None:
    """One number; ``10000,0`` has a decimal comma, ``10,000`` has one between thousands. None where it is none."""
    word = text.strip().replace("−", "-")
    if _THOUSANDS.fullmatch(word):
        word = word.replace(",", "")
    elif _DECIMAL_COMMA.fullmatch(word):
        word = word.replace(",", ".")
    try:
        return float(word)
    except ValueError:
        found = _WITH_UNIT.fullmatch(word)
        return _float(found[1]) if found else None


def numbers(text: str, expected: int | None = None) -> Listed | None:
    """The entries of a list, None where not one is a number.

    Where a comma may be a separator or a decimal one, that reading is taken that has ``expected`` entries.
    """
    plain = (
        re.sub(r"(?<=\d)\s*/\s*(?=[\d.])", ", ", _PRINTED.sub("", _COMMENT.sub("", text))).translate(_BRACKETS).strip()
    )
    if not plain:
        return None
    found = [Listed(*_read(entries)) for entries in _readings(plain)]
    usable = [one for one in found if one.values and one.missing < len(one.values)]
    if not usable:
        return None
    best = usable[0]
    return next((one for one in usable if len(one.values) == expected), best)


def _readings(text: str) -> Iterator[list[str]]:
    """The entries of a list, in every way that they can be parted, the likeliest first."""
    if ";" in text:
        yield _trimmed([entry.replace(",", ".") for entry in text.split(";")])
    spaced = [word.strip(",") for word in re.split(r"[;\s]+", text) if word.strip(",")]
    if len(spaced) > 1 and all(_DECIMAL_COMMA.fullmatch(word) for word in spaced):
        yield [word.replace(",", ".") for word in spaced]
    yield _joined([word for word in re.split(r"[,;\s]+", text) if word])
    yield _trimmed(re.split(r"[,;]", text))
    pieces = [word for word in re.split(r"[,;\s]+", text) if word]
    if len(pieces) % 2 == 0 and all(piece.lstrip("+-−").isdigit() for piece in pieces):
        yield [f"{whole}.{part}" for whole, part in zip(pieces[::2], pieces[1::2], strict=True)]


def _trimmed(entries: list[str]) -> list[str]:
    """Without what follows a last separator."""
    cut = [entry.strip() for entry in entries]
    while cut and not cut[-1]:
        cut.pop()
    return cut


def _joined(words: list[str]) -> list[str]:
    """Units that stand alone belong to the number before them."""
    entries: list[str] = []
    for word in words:
        if (
            entries
            and re.fullmatch(rf"{_NUMBER}", entries[-1])
            and re.fullmatch(r"[^\d\s]{1,3}m|nm|eV|keV|[a-zA-Z]{3,}s", word)
        ):
            entries[-1] += " " + word
        else:
            entries.append(word)
    return entries


def _read(entries: list[str]) -> tuple[tuple[float, ...], str]:
    found = [_WITH_UNIT.fullmatch(entry) for entry in entries]
    found = [one if one and (not one[2] or understood(one[2]).kind) else None for one in found]
    units = {one[2] or "" for one in found if one}
    unit = units.pop() if len(units) == 1 else ""
    return tuple(_float(one[1]) if one else math.nan for one in found), unit


def _float(text: str) -> float:
    return float(text.replace("−", "-").lower().replace("d", "e") if text[-1:].isdigit() else text.replace("−", "-"))
