"""The colours of the viewer, for what is drawn beside it."""

from __future__ import annotations

from typing import Any

from napari.utils.theme import get_theme

from napari_unmix.plugin.facts.session import Theme


def theme_of(viewer: Any) -> Theme:
    """Those of its theme."""
    theme = get_theme(viewer.theme)
    return Theme(
        dark=theme.type != "light",
        background=theme.background.as_hex(format="long"),
        foreground=theme.foreground.as_hex(format="long"),
        primary=theme.primary.as_hex(format="long"),
        text=theme.text.as_hex(format="long"),
        muted=_mixed(theme.text, theme.background),
        accent=theme.current.as_hex(format="long"),
    )


def _mixed(one: Any, other: Any) -> str:
    a, b = one.as_rgb_tuple(alpha=False), other.as_rgb_tuple(alpha=False)
    return "#" + "".join(f"{round(0.62 * x + 0.38 * y):02x}" for x, y in zip(a, b, strict=True))
