"""What of the machine a training may use: threads of the CPU, and which device. Light: importing this loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_unmix.sentences import UnmixError
from napari_unmix.spec import DeviceName, MethodSpec


@dataclass(frozen=True)
class Machine:
    """``threads`` of the CPU for a fit's steps; ``device``: "auto" takes a GPU that torch can use, else the CPU."""

    threads: int = 1
    device: DeviceName = "auto"


_in_use = Machine()


def machine() -> Machine:
    """What the program's trainings use: one setting for the whole process, as torch's own are."""
    return _in_use


def use(wanted: Machine) -> None:
    """From the next step of a fit on."""
    global _in_use
    _in_use = wanted


def chosen_device(device: DeviceName, *, cuda: bool) -> Literal["cpu", "cuda"]:
    """The device for a wish, where ``cuda`` says whether there is a GPU that works; without one every wish is the CPU."""
    return "cuda" if cuda and device != "cpu" else "cpu"


def asked_device(spec: MethodSpec) -> DeviceName:
    """What a spec asks for; "auto" of a method that has no such option."""
    asked: DeviceName = getattr(spec, "device", "auto")
    return asked


def check_device(asked: DeviceName, *, cuda: bool) -> None:
    """Raise UnmixError where a run asks for a GPU, and there is none that works (``cuda``)."""
    if asked == "cuda" and not cuda:
        raise UnmixError(
            "device is cuda, but PyTorch finds no GPU that it can use here: ask for auto or cpu, or install a driver and a PyTorch for it."
        )
