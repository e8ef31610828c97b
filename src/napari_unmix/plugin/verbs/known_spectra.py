"""Verbs on known spectra: opening a library to choose from, holding spectra of it, and letting them go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.library.stock import name_of
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.known_spectra import Candidates, HeldSpectrum, Offered
from napari_unmix.plugin.facts.session import Chore, Doing
from napari_unmix.plugin.facts.settings import carried_settings
from napari_unmix.plugin.verbs.matching import MatchVerbs
from napari_unmix.sentences import shown
from napari_unmix.spec import MethodSpec

CHOOSES = "library"  # the method that chooses among the entries of a library


class KnownVerbs(MatchVerbs):
    """Verbs on known spectra; they belong to the settings of a cube."""

    def offer_library(self, path: str | Path | None) -> None:
        """Open a library to choose known spectra from: a file, a folder, or None for the built-in one."""
        cube = self.session.cube
        if cube is None:
            return
        place = None if path is None else Path(path)

        def read(library: SpectralLibrary) -> None:
            if same_image(cube, self.session.cube):
                self._settle("method")
                self.session.offered = Offered(cube, place, library)

        chore = Chore(Doing.LIBRARY, name_of(place))
        self._chore(lambda: self._engine.library(cube, place, self._stock), read, "method", chore)

    def close_library(self) -> None:
        """Choose no more."""
        self.session.offered = None

    def hold_spectra(self, rows: Sequence[int], scale: str = "") -> None:
        """Hold these spectra of the library that is open in the next trainings, times ``scale``, as it was written."""
        offered, before = self.session.offered, self.session.held
        if offered is None or not rows:
            return
        times = _number(scale)
        if times is not None and not (math.isfinite(times) and times > 0):
            self._trouble("method", f"The scale is {shown(scale)}: give a number above zero, such as 10000.")
            return

        def made(held: tuple[HeldSpectrum, ...]) -> None:
            if same_image(offered.cube, self.session.cube) and self.session.held is before:
                self.session.offered = None
                self._change_held(f"holding {_named(held[len(before) :])}", held, _enough(self.session.spec, held))

        self._chore(lambda: self._engine.hold(offered, rows, times, before), made, "method", Chore(Doing.LIBRARY))

    def try_all(self, scale: str = "") -> None:
        """Let the method *Spectral library* choose among all entries of the library that is open, times ``scale``, as it was written."""
        offered = self.session.offered
        if offered is None:
            return
        times = _number(scale)
        if times is not None and not (math.isfinite(times) and times > 0):
            self._trouble("method", f"The scale is {shown(scale)}: give a number above zero, such as 10000.")
            return

        def made(found: Candidates) -> None:
            if same_image(offered.cube, self.session.cube):
                self.session.offered = None
                spec = carried_settings(self.session.spec, spec_class(CHOOSES)).model_copy(
                    update={"endmembers": "auto"}
                )
                self._change_candidates(f"choosing from {found.title}", found, spec)

        self._chore(lambda: self._engine.all_entries(offered, times), made, "method", Chore(Doing.LIBRARY))

    def release_candidates(self) -> None:
        """Choose from the built-in library again."""
        if self.session.candidates is not None:
            self._change_candidates("closing the library", None, self.session.spec)

    def _change_candidates(self, act: str, found: Candidates | None, spec: MethodSpec) -> None:
        before = (self.session.candidates, self.session.spec)
        self._settle("method")
        self._put_candidates(found, spec)
        self._remember(act, lambda: self._put_candidates(*before), lambda: self._put_candidates(found, spec))

    def _put_candidates(self, found: Candidates | None, spec: MethodSpec) -> None:
        self.session.candidates = found
        if spec != self.session.spec:
            self.session.spec = spec

    def release_spectrum(self, index: int) -> None:
        """Hold a known spectrum no longer."""
        held = self.session.held
        if 0 <= index < len(held):
            left = (*held[:index], *held[index + 1 :])
            self._change_held(f"removing {held[index].name}", left, self.session.spec)

    def _change_held(self, act: str, held: tuple[HeldSpectrum, ...], spec: MethodSpec) -> None:
        before = (self.session.held, self.session.spec)
        self._settle("method")
        self._put_held(held, spec)
        self._remember(act, lambda: self._put_held(*before), lambda: self._put_held(held, spec))

    def _put_held(self, held: tuple[HeldSpectrum, ...], spec: MethodSpec) -> None:
        self.session.held = held
        if spec != self.session.spec:
            self.session.spec = spec


def _number(text: str) -> float | None:
    """What was written, NaN where it is no number; None where nothing was."""
    if not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def _enough(spec: MethodSpec, held: Sequence[HeldSpectrum]) -> MethodSpec:
    """As many endmembers as are known, unless more were asked for; of one alone the others are looked for."""
    if len(held) < 2 or (spec.endmembers != "auto" and spec.endmembers >= len(held)):
        return spec
    return spec.model_copy(update={"endmembers": len(held)})


def _named(held: Sequence[HeldSpectrum]) -> str:
    return held[0].name if len(held) == 1 else f"{len(held)} known spectra"
