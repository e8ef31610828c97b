"""The one writer of the session: verbs, by topic. No Qt, no viewer."""

from __future__ import annotations

from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.verbs.cubes import CubeVerbs
from napari_unmix.plugin.verbs.looking import LookVerbs
from napari_unmix.plugin.verbs.matching import MatchVerbs
from napari_unmix.plugin.verbs.writing import WriteVerbs


class Controller(MatchVerbs, CubeVerbs, LookVerbs, WriteVerbs):
    """All verbs on a session."""

    def set_theme(self, theme: Theme) -> None:
        """The viewer changed its colours."""
        self.session.theme = theme

    def close(self) -> None:
        """Stop everything."""
        self._chores.cancel()
        self.stop_matching()
        self.stop()
