"""The one writer of the session: verbs, by topic. No Qt, no viewer."""

from __future__ import annotations

from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.verbs.applying import ApplyVerbs
from napari_unmix.plugin.verbs.comparing import CompareVerbs
from napari_unmix.plugin.verbs.editing import EditVerbs
from napari_unmix.plugin.verbs.following import LiveVerbs
from napari_unmix.plugin.verbs.keeping import KeepVerbs
from napari_unmix.plugin.verbs.known_spectra import KnownVerbs
from napari_unmix.plugin.verbs.maps import MapVerbs
from napari_unmix.plugin.verbs.probing import ProbeVerbs
from napari_unmix.plugin.verbs.reading_out import ReadOutVerbs
from napari_unmix.plugin.verbs.suggesting import SuggestVerbs
from napari_unmix.plugin.verbs.writing import WriteVerbs


class Controller(
    LiveVerbs,
    KeepVerbs,
    KnownVerbs,
    MapVerbs,
    EditVerbs,
    ReadOutVerbs,
    SuggestVerbs,
    WriteVerbs,
    CompareVerbs,
    ApplyVerbs,
    ProbeVerbs,
):
    """All verbs on a session."""

    def set_theme(self, theme: Theme) -> None:
        """The viewer changed its colours."""
        self.session.theme = theme

    def close(self) -> None:
        """Stop everything, but what is being kept."""
        self.leave_nothing()
        self.stop_following()
        self._chores.cancel()
        self.stop_matching()
        self.stop_applying()
        self.stop_probing()
        self.stop()
