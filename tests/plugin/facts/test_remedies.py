"""What the command line calls by its options, the window calls by its fields."""

from __future__ import annotations

import pytest

from napari_unmix.plugin.facts.remedies import in_window, names_option
from napari_unmix.reading import OPTIONS


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("40 pixels are left out (--no-data none keeps them)", "40 pixels are left out (“No data: none” keeps them)"),
        ("give --scale 10000.", "give “Scale: 10000”."),
        ("declare it with --no-data -9999.", "declare it with “No data: -9999”."),
        (
            "leave them out with --bands, or use --bands-axis first",
            "leave them out with “Bands”, or use “Bands axis: first”",
        ),
        ("ask with --endmembers 2", "ask with “Endmembers: 2”"),
        (
            "not calibrated: --dark 'my scans/DARK 1.hdr' --white scans/WHITE.hdr does",
            "not calibrated: “Dark reference: 'my scans/DARK 1.hdr'” “White reference: scans/WHITE.hdr” does",
        ),
        ("nothing --nodata to say", "nothing --nodata to say"),
    ],
)
def test_sentences(said: str, shown: str) -> None:
    assert in_window(said) == shown


def test_every_option_has_a_field() -> None:
    for option in OPTIONS:
        assert option.title in in_window(f"use {option.name} for it")
        assert names_option(f"use {option.name}")
    assert not names_option("use --endmembers 2")
