"""What the user prefers, in napari's own Preferences: threads, device, how often maps are redrawn, and who reads ``.hdr`` files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari.settings import get_plugin_settings, get_settings

from napari_unmix.model.machine import Machine, use
from napari_unmix.plugin.verbs.pace import pace

PLUGIN = "napari-unmix"
# Endings that are of hyperspectral files alone, and that napari's own reader claims as well: for these it would ask.
HEADERS = ("*.hdr",)
SAID = "Files ending in .hdr now open here without a question; Preferences > Plugins changes it."


class Preferences:
    """Follows the preferences of the plugin while a dock is open: what is changed there holds from the next step of a training on."""

    def __init__(self) -> None:
        self._settings = _settings()
        if self._settings is not None:
            self._settings.running.events.connect(self.apply)
        self.apply()

    @property
    def opens_headers(self) -> bool:
        """Whether ``.hdr`` files are to open without a question."""
        return self._settings is None or bool(self._settings.running.open_headers)

    def apply(self, *_: Any) -> None:
        """Let the preferences take effect."""
        if self._settings is not None:
            running = self._settings.running
            use(Machine(running.threads, running.device))
            pace.seconds = 1 / running.previews_per_second

    def leave(self) -> None:
        """The dock goes; what was preferred holds."""
        if self._settings is not None:
            self._settings.running.events.disconnect(self.apply)


def prefer_our_reader() -> bool:
    """Let napari open headers with this plugin, where the user has chosen no reader for them; whether that was new."""
    plugins = get_settings().plugins
    new = without_a_reader(plugins.extension2reader)
    if new:
        plugins.extension2reader = {**plugins.extension2reader, **new}
    return bool(new)


def without_a_reader(chosen: Mapping[str, str]) -> dict[str, str]:
    """Pattern -> this plugin, for the patterns that the user has chosen no reader for."""
    return {pattern: PLUGIN for pattern in HEADERS if pattern not in chosen}


def _settings() -> Any:
    """The plugin's settings; None where napari does not know the plugin, as where its docks are used from a source folder."""
    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None
