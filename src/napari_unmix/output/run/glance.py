"""A run at a glance: what a list of runs says of it. None of its maps is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_unmix.files.opened import read_regular
from napari_unmix.output.run.card import card_of
from napari_unmix.output.run.damage import damage
from napari_unmix.output.run.read import LONGEST_REPORT, read_json
from napari_unmix.sentences import shown


@dataclass(frozen=True)
class Glance:
    """What a list of runs says of one.

    Attributes
    ----------
    folder : where it is
    title : what the user calls it, else the method
    cube : the name of its cube
    source : the file of its cube; None where it came from none, or is joined
    sha256 : of its cube
    count : how many endmembers
    ended : when it ended, in local time
    verdict : "identified", "partly", "not identified"; "" where it is not checked
    """

    folder: Path
    title: str
    cube: str
    source: Path | None
    sha256: str
    count: int
    ended: datetime
    verdict: str


def glance(folder: Path) -> Glance:
    """Read it. Raises UnmixError where there is no run of ours."""
    with damage(folder):
        said, _ = read_json(folder)
        card = card_of(said)
        written = (folder / "run.json").stat().st_mtime
        return Glance(
            folder=folder,
            title=card.title or shown(said.method),
            cube=shown(said.cube.name),
            source=None if said.cube.source is None else Path(said.cube.source),
            sha256=said.cube.sha256,
            count=len(said.names),
            ended=card.ended or datetime.fromtimestamp(written),
            verdict=_verdict(folder / "report.json"),
        )


def _verdict(path: Path) -> str:
    if not path.is_file():
        return ""
    values = json.loads(read_regular(path, LONGEST_REPORT, follow=False))
    verdict = values.get("verdict") if isinstance(values, dict) else ""
    return verdict if verdict in ("identified", "partly", "not identified") else ""
