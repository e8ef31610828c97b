"""Rows of the benchmark of nonlinear mixtures, their settings, and their file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from napari_unmix.nonlinear.simulated import Activation
from napari_unmix.sentences import UnmixError


@dataclass(frozen=True)
class Setting:
    """How many sources and channels, the activation of the mixing network, and whether the sources depend on their past."""

    sources: int
    channels: int
    activation: Activation
    in_time: bool = False


# Square mixtures with leaky ReLU as in Hyvärinen & Morioka 2016, others with xtanh, which is smooth, as in the code of Khemakhem et al. 2020.
SETTINGS = {
    "2-2": Setting(2, 2, "leaky"),
    "2-6": Setting(2, 6, "xtanh"),
    "5-5": Setting(5, 5, "leaky"),
    "5-10": Setting(5, 10, "xtanh"),
    "2-2-time": Setting(2, 2, "leaky", in_time=True),
    "5-5-time": Setting(5, 5, "leaky", in_time=True),
}


class Key(NamedTuple):
    """What a row is of."""

    setting: str
    layers: int
    seed: int
    method: str


@dataclass(frozen=True)
class Row:
    """One method on one seed; what is not measured is None.

    ``mcc`` of the latents with the sources where the method learned, ``fresh`` on other rows, ``best_start`` of the start that is nearest to
    the truth; ``statistics`` of what is learned of the sources' squares; DCI and MIG on fresh rows; ``objective`` in nats per row.
    """

    setting: str
    layers: int
    seed: int
    method: str
    mcc: float | None
    fresh: float | None
    best_start: float | None
    statistics: float
    statistics_fresh: float
    disentanglement: float
    completeness: float
    informativeness: float
    gap: float
    objective: float
    starts: int
    epochs: int
    rows: int
    seconds: float
    commit: str

    @property
    def key(self) -> Key:
        """What it is of."""
        return Key(self.setting, self.layers, self.seed, self.method)

    def said(self) -> str:
        """For whoever waits."""
        reached = (
            ""
            if self.mcc is None
            else f"MCC {self.mcc:.3f} (fresh {self.fresh:.3f}, best start {self.best_start:.3f}), "
        )
        return f"{self.setting} {self.layers} layers, seed {self.seed}, {self.method}: {reached}squares {self.statistics:.3f}; {self.seconds:.1f} s"


def write(rows: Sequence[Row], file: Path) -> None:
    """As CSV, all or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    with beside.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [part.name for part in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    beside.replace(file)


def read(file: Path) -> list[Row]:
    """What ``write`` or a finished table wrote. Raises UnmixError where the columns are others."""
    names = {part.name: str(part.type) for part in fields(Row)}
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        if set(reader.fieldnames or ()) != set(names):
            raise UnmixError(
                f"{file} has other columns than this version writes: leave --keep out, or give it another folder."
            )
        return [Row(**{name: _value(line[name], kind) for name, kind in names.items()}) for line in reader]  # type: ignore[arg-type]


def _value(text: str, kind: str) -> str | int | float | None:
    if kind == "str":
        return text
    if kind == "int":
        return int(text)
    return None if text == "" else float(text)
