"""Verbs on the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unmix.cube import Cube
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.plugin.facts.opinions import Opinions
from napari_unmix.plugin.facts.session import Chore, Doing
from napari_unmix.plugin.facts.settings import carried_settings, with_setting
from napari_unmix.plugin.verbs.undoing import UndoVerbs
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import GROUPS, HEADINGS, MethodSpec

if TYPE_CHECKING:
    from napari_unmix.geometry.dimensions import SecondOpinions


class MethodVerbs(UndoVerbs):
    """Verbs on the settings."""

    def choose_method(self, method: str) -> None:
        """Change the method; what the user set is kept where the new method has the setting."""
        self._specify("method", carried_settings(self.session.spec, spec_class(method)))

    def set_option(self, name: str, value: Any) -> None:
        """Change one field of the spec; a value out of range is a sentence in the step, and the spec stays."""
        try:
            spec = with_setting(self.session.spec, name, value)
        except UnmixError as error:
            self._trouble("method", str(error))
            return
        self._specify(f"setting {type(spec).model_fields[name].title or name}", spec)

    def _specify(self, act: str, spec: MethodSpec) -> None:
        before = self.session.spec
        self._settle("method")
        if spec != before:
            self.session.spec = spec
            self._remember(act, lambda: self._take_spec(before), lambda: self._take_spec(spec), joined=True)

    def _take_spec(self, spec: MethodSpec) -> None:
        self.session.spec = spec

    def methods(self) -> dict[str, str]:
        """Method -> title, the default first."""
        return {name: spec.title for name, spec in method_specs().items()}

    def methods_by_group(self) -> dict[str, dict[str, str]]:
        """What a group is called -> its methods and their titles, the default first."""
        specs = method_specs()
        groups = {group: {name: spec.title for name, spec in specs.items() if spec.group == group} for group in GROUPS}
        return {HEADINGS[group]: methods for group, methods in groups.items() if methods}

    def ask_opinions(self) -> None:
        """Ask other rules for the number of endmembers, in the background."""
        cube = self.session.cube
        if cube is not None:
            self._chore(
                lambda: self._engine.opinions(cube),
                lambda found: self._have_opinions(cube, found),
                "method",
                Chore(Doing.COUNTING),
            )

    def _have_opinions(self, cube: Cube, found: SecondOpinions) -> None:
        self.session.opinions = Opinions(cube, found)

    def suggest(self) -> None:
        """Count the materials in the background."""
        cube = self.session.cube
        if cube is not None:
            self._chore(
                lambda: self._engine.suggest(cube),
                lambda count: self._suggested(cube, count),
                "method",
                Chore(Doing.COUNTING),
            )

    def _suggested(self, cube: Cube, count: int) -> None:
        if cube is self.session.cube:
            self.session.suggested = count
