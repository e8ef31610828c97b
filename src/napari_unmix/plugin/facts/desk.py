"""What belongs to a cube and not to the window: kept while another cube is worked on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from napari_unmix.output.composite import COMPOSITES
from napari_unmix.plugin.facts.derived import View
from napari_unmix.plugin.facts.kept import Known
from napari_unmix.plugin.facts.known_spectra import HeldSpectrum, Offered
from napari_unmix.plugin.facts.likeness import Comparing
from napari_unmix.plugin.facts.probing import Probe
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, Survey, Unfinished, preset
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from napari_unmix.library.reference import Reference


@dataclass(frozen=True, eq=False)
class Desk:
    """The facts of ``Session`` that a cube brings with it and takes away, under the same names."""

    spec: MethodSpec = field(default_factory=preset)
    composite: str = COMPOSITES[0]
    survey: Survey | None = None
    held: tuple[HeldSpectrum, ...] = ()
    offered: Offered | None = None
    suggested: int | None = None
    label: int = 1
    pixel: tuple[int, int] | None = None
    pins: tuple[tuple[int, int], ...] = ()
    pin_names: Mapping[tuple[int, int], str] = field(default_factory=dict)
    picked: tuple[int, int] | None = None
    bands_written: str = ""
    noisy: tuple[int, ...] | None = None
    unfinished: Unfinished | None = None
    known: Known | None = None
    run: Run | None = None
    beside: Run | None = None
    comparing: Comparing = field(default_factory=Comparing)
    reference: Reference | None = None
    views: tuple[View, ...] = ()
    probed: Probe | None = None

    def with_run(self, number: int, run: Run | None) -> Desk:
        """The desk where the run of this number has changed, or (None) is forgotten."""
        shown, beside = (
            run if known is not None and known.number == number else known for known in (self.run, self.beside)
        )
        return self if (shown, beside) == (self.run, self.beside) else replace(self, run=shown, beside=beside)


@dataclass(frozen=True, eq=False)
class Left:
    """What a dock that is closed leaves of an open cube, for the next one."""

    desk: Desk
    runs: tuple[Run, ...] = ()


NAMES = tuple(field.name for field in fields(Desk))


def desk_of(session: Session) -> Desk:
    """What the current cube has on its desk."""
    return Desk(**{name: getattr(session, name) for name in NAMES})
