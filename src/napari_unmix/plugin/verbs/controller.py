"""The one writer of the session: verbs, by topic. No Qt, no viewer."""

from __future__ import annotations

from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.verbs.cubes import CubeVerbs
from napari_unmix.plugin.verbs.maps import MapVerbs
from napari_unmix.plugin.verbs.writing import WriteVerbs


class Controller(CubeVerbs, MapVerbs, WriteVerbs):
    """All verbs on a session."""

    def set_theme(self, theme: Theme) -> None:
        """The viewer changed its colours."""
        self.session.theme = theme

    def close(self) -> None:
        """Stop everything."""
        self._chores.cancel()
        self.stop()
