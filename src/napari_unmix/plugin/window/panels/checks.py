"""The checks behind a verdict: of each its sign, its number in words, what to do; in detail also how it was made."""

from __future__ import annotations

import html

from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.reading_checks import in_order, measured, no_weight, title, unbroken
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.session import Theme
from napari_unmix.plugin.window.panels.listing import Listing, below, marked
from napari_unmix.plugin.window.style import DOUBTFUL, FAIL, PASS

STATUSES = {"pass": "✓", "doubtful": "◐", "fail": "✗", "not applicable": "–"}
_COLOURS = {"pass": PASS, "doubtful": DOUBTFUL, "fail": FAIL}


class CheckList(Listing):
    """All checks of a report, in the order in which they matter."""

    def __init__(self) -> None:
        super().__init__("checks")
        self._listed: tuple[Report | None, Theme | None, bool] = (None, None, False)
        self.setVisible(False)

    def show_checks(self, report: Report | None, theme: Theme, *, details: bool) -> None:
        """List these, where they are not listed already."""
        asked = (report, theme, details)
        if asked[0] is not self._listed[0] or asked[1:] != self._listed[1:]:
            self._listed = asked
            checks = () if report is None else in_order(report.checks)
            self.say_rows("".join(_rows(check, theme, details=details) for check in checks))


def _rows(check: Check, theme: Theme, *, details: bool) -> str:
    """Why a check was not made is said at once."""
    number, colours = measured(check), _COLOURS.get(check.status)
    colour = theme.text if colours is None else colours[theme.dark]
    return "".join(
        (
            marked(STATUSES[check.status], colour, f"<td><b>{html.escape(title(check))}</b></td>"),
            below(unbroken(number)),
            below(no_weight(check), colour=theme.muted),
            below(f"→ {in_window(check.remedy)}" if check.remedy else ""),
            below(check.sentence if details or not number else "", colour=theme.muted),
        )
    )
