"""Rows of the benchmark of nonlinear mixtures, and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from napari_unmix.nonlinear.simulated import Activation


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
