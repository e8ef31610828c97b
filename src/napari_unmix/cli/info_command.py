"""Describe the file of a cube: size, wavelengths, scale, what was repaired, how many endmembers it suggests."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.cube import Cube, FloatArray, SpectralAxis
from napari_unmix.sentences import LONGEST_SENTENCE, UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.geometry.dimensions import SecondOpinions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "cube", metavar="CUBE", help="a file or folder: ENVI, TIFF, HDF5, NetCDF, MATLAB, NumPy, Zarr and others"
    )
    add_reading_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.io import read_as
    from napari_unmix.output.run import json_text

    values = describe(read_as(arguments.cube, reading_from(arguments)))
    print(json_text(values, ascii_only=True) if arguments.json else "\n".join(_lines(values)))
    return 0


def describe(cube: Cube) -> dict[str, Any]:
    """What there is to say about a cube, as plain values."""
    height, width, bands = cube.shape
    axis, light = cube.spectral_axis, cube.wavelengths
    seen = cube.overview
    pixels = seen.pixels()
    suggested, refusal, said = _suggestion(pixels)
    opinions = _second_opinions(pixels, suggested)
    return {
        "name": cube.name,
        "source": cube.source,
        "rows": height,
        "columns": width,
        "bands": bands,
        "axis": {"kind": axis.kind, "unit": axis.unit, "range": _range(axis.values)},
        "wavelength_nm": None if light is None else _range(light),
        "fwhm_nm": None if cube.fwhm is None else _range(cube.fwhm),
        "scale": cube.scale,
        "value_range": [float(pixels.min()), float(pixels.max())] if pixels.size else None,
        "good_bands": int(cube.good_bands.sum()),
        "valid_pixels": int(seen.valid_pixels.sum()),
        "looked_at": seen.shape[0] * seen.shape[1],
        "suggested_endmembers": suggested,
        "second_opinions": None if opinions is None else asdict(opinions),
        "refusal": refusal,
        "endmembers": said,
        "repairs": cube.repairs,
    }


def _suggestion(pixels: FloatArray) -> tuple[int | None, str | None, str]:
    """A number of endmembers, or why ``unmix`` refuses these (N, B) pixels; and the sentence that says either."""
    from napari_unmix.geometry.counting import one_material, suggest_endmembers
    from napari_unmix.preconditions import FEWEST_ENDMEMBERS, check_size, check_values
    from napari_unmix.rows.subspace import said_of_noise

    try:
        check_values(pixels)
        most = check_size(pixels, FEWEST_ENDMEMBERS, illumination=False, automatic=True)
    except UnmixError as error:
        return None, str(error), str(error)
    number = min(suggest_endmembers(pixels), most)
    why = one_material(pixels) if number == 1 else "from the signal against the noise"
    said = (f"{number} suggested{':' if number == 1 else ','} {why}", *said_of_noise(pixels))
    return number, None, ". ".join(sentence.removesuffix(".") for sentence in said)


def _second_opinions(pixels: FloatArray, suggested: int | None) -> SecondOpinions | None:
    """What rules of the field say of the number of endmembers; None where there is none to say."""
    from napari_unmix.geometry.dimensions import second_opinions

    return None if suggested is None else second_opinions(pixels)


def _lines(values: dict[str, Any]) -> list[str]:
    rows, columns, bands = values["rows"], values["columns"], values["bands"]
    limits = values["value_range"]
    facts = {
        "cube": values["name"],
        "file": shown(values["source"] or "none", LONGEST_SENTENCE),
        "size": f"{rows}×{columns} pixels, {bands} bands",
        **_axis_line(values["axis"]),
        "values": f"{limits[0]:.4g} to {limits[1]:.4g}" if limits else "no valid pixel",
        "scale": f"stored values were divided by {values['scale']:g}",
        "good bands": f"{values['good_bands']} of {bands}",
        "valid pixels": f"{values['valid_pixels']} of {values['looked_at']}{' that were looked at' * (values['looked_at'] < rows * columns)}",
    }
    return [
        *(f"{name:<14}{fact}" for name, fact in facts.items()),
        *(f"Note: {repair}" for repair in values["repairs"]),
        f"{'endmembers':<14}{values['endmembers']}",
        *_opinions_line(values["second_opinions"]),
    ]


def _opinions_line(opinions: dict[str, Any] | None) -> list[str]:
    from napari_unmix.geometry.dimensions import SecondOpinions

    return [] if opinions is None else [f"{'':<14}directions over noise: {SecondOpinions(**opinions)}"]


def _axis_line(axis: dict[str, Any]) -> dict[str, str]:
    """The line of the spectral axis, under the name of its kind."""
    if not axis["unit"]:
        return {"wavelengths": "unknown (bands are numbered)"}
    name = "wavelengths" if axis["kind"] == "wavelength" else axis["kind"]
    return {name: SpectralAxis(axis["kind"], np.array(axis["range"])).span}


def _range(values: FloatArray) -> list[float]:
    return [float(values.min()), float(values.max())]
