"""What of the machine a training may use: threads of the CPU, and which device. Light: importing this loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Machine:
    """``threads`` of the CPU for a fit's steps; ``device``: "auto" takes a GPU that torch can use, else the CPU."""

    threads: int = 1
    device: Device = "auto"


_in_use = Machine()


def machine() -> Machine:
    """What the program's trainings use: one setting for the whole process, as torch's own are."""
    return _in_use


def use(wanted: Machine) -> None:
    """From the next step of a fit on."""
    global _in_use
    _in_use = wanted


def chosen_device(device: Device, *, cuda: bool) -> Literal["cpu", "cuda"]:
    """The device for a wish, where ``cuda`` says whether there is a GPU that works; without one every wish is the CPU."""
    return "cuda" if cuda and device != "cpu" else "cpu"
