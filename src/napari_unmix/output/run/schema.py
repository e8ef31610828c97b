"""What may stand in ``run.json``: kinds, ranges and lengths, checked before anything of it is used."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from napari_unmix import __version__
from napari_unmix.cube import AxisKind
from napari_unmix.findings import NoteKind
from napari_unmix.methods.registry import called_now
from napari_unmix.sentences import UnmixError, shown

FORMAT = "napari-unmix run 3"
OLDER = ("napari-unmix run 2",)  # that are read as well: without painting, valid pixels, and what the user calls things
LONGEST = 1 << 26  # bytes of run.json: a history of half a million steps
_MOST = 1 << 40  # pixels, bands or seconds, beyond anything there is

Count = Annotated[int, Field(ge=0, le=_MOST)]
Length = Annotated[int, Field(ge=1, le=_MOST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
LONGEST_TITLE = 200  # letters
MOST_PINS = 10_000
_Title = Annotated[str, StringConstraints(max_length=LONGEST_TITLE)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class _Place(_Strict):
    transform: Annotated[list[Finite], Field(min_length=6, max_length=6)]
    crs: str


class _Part(_Strict):
    source: str
    reading: dict[str, str]


class KeptAxis(_Strict):
    """Of a cube that the run keeps: where its bands lie, and their widths in nm where these are known."""

    kind: AxisKind
    values: list[Finite]
    fwhm: list[Finite] | None = None


class _Cube(_Strict):
    name: str
    source: str | None = None
    parts: Annotated[list[_Part], Field(max_length=10_000)] = []
    shape: tuple[Length, Length, Length]
    sha256: Hash
    reading: dict[str, str] = {}
    repairs: list[str] = []
    scale: Finite = 1.0
    good_bands: Count = 0
    excluded_bands: list[Length] | None = None
    valid_pixels: Count = 0
    acquisitions: Count = 1
    georeference: _Place | None = None
    kept: KeptAxis | None = None


class _Label(_Strict):
    label: Annotated[int, Field(ge=1, lt=2**31)]
    kind: Literal["region", "material", "ignore"]
    name: str


class _Annotation(_Strict):
    sha256: Hash
    repairs: list[str] = []
    labels: list[_Label]


class _Timings(_Strict):
    unmix_seconds: Annotated[float, Field(ge=0, le=_MOST)]
    ended: str | None = None


class _Metrics(_Strict):
    reconstruction_rmse: Finite | None
    mean_abundances: list[Finite | None]


class _Note(_Strict):
    kind: NoteKind
    sentence: str
    advice: str


class _Card(_Strict):
    title: _Title = ""
    colours: list[Colour] = []
    hidden: list[Count] = []
    locked: list[tuple[Count, _Title]] = []
    pins: Annotated[list[tuple[Count, Count]], Field(max_length=MOST_PINS)] = []
    pin_names: Annotated[list[tuple[Count, Count, _Title]], Field(max_length=MOST_PINS)] = []


class RunJson(_Strict):
    """All of ``run.json``. Of ``spec`` and ``findings`` their own classes know more; what a newer version adds beside them is passed over."""

    model_config = ConfigDict(extra="ignore")

    format: Literal["napari-unmix run 3", "napari-unmix run 2"]
    method: str
    spec: dict[str, Any]
    seed: Count
    names: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    versions: dict[str, str | None]
    card: _Card = _Card()
    cube: _Cube
    annotation: _Annotation | None
    timings: _Timings
    metrics: _Metrics
    notes: list[_Note]
    findings: dict[str, Any]
    missing: dict[str, str]
    history: list[tuple[str, int, Finite | None]]


def checked(content: bytes) -> tuple[RunJson, dict[str, Any]]:
    """What run.json says, typed and as it stands there. Raises UnmixError where it is another version's, ValueError where it is damaged."""
    values = json.loads(content)
    if not isinstance(values, dict):
        raise UnmixError(
            f"was written by another program, this one reads {FORMAT!r}: give a folder that napari-unmix wrote."
        )
    _check_version(values)
    try:
        return RunJson.model_validate_json(json.dumps(_as_called_now(values))), values
    except ValidationError as error:
        raise ValueError(told(error, "run.json")) from error


def _as_called_now(values: dict[str, Any]) -> dict[str, Any]:
    """With today's names of the method and in its spec; what is damaged stays so."""
    method, spec = values.get("method"), values.get("spec")
    if not isinstance(method, str) or not isinstance(spec, dict):
        return values
    name, renamed = called_now(method, spec)
    return {**values, "method": name, "spec": renamed}


def _check_version(values: dict[str, Any]) -> None:
    if values.get("format") in (FORMAT, *OLDER):
        return
    versions = values.get("versions")
    writer = versions.get("napari-unmix") if isinstance(versions, dict) else None
    whose = f"napari-unmix {shown(writer, 20)}" if isinstance(writer, str) else "an unknown version"
    newer = re.fullmatch(r"napari-unmix run (\d{1,6})", str(values.get("format")))
    later = newer is not None and int(newer[1]) > int(FORMAT.split()[-1])
    raise UnmixError(
        f"was written by {whose}, as {shown(repr(values.get('format')), 40)}; this one, {__version__}, reads {FORMAT!r}: "
        + ("install a later version." if later else "run it again.")
    )


def told(error: ValidationError, file: str) -> str:
    """The first thing that is wrong, for a sentence: ``run.json, cube.shape.0: …``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{file}, {shown('.'.join(map(str, first['loc'])) or 'as a whole')}: {shown(first['msg'], 80).lower()}"
